package ingest

import (
	"fmt"
	"math/big"
	"math/bits"

	"weir/operators/stream"
)

// SequenceNumber is the name of a record among all of its stream: a number of 186
// bits, of which clients know that it is decimal and rises. In hexadecimal:
//
//	2            1 digit
//	created      9: when the shard came to be, seconds since the epoch
//	shard        1: the lowest digit of its number
//	sequence    16: of the record in its shard, dense from 0
//	00           2; 01 is the place behind the record, 02 the one in front of it
//	arrived      9: seconds since the epoch
//	shard        8
//	2            1
//
// This is the layout that numbers of AWS have (mhart/kinesalite, db/index.js).
type SequenceNumber struct {
	Created stream.Time // of the shard; whole seconds count
	Shard   stream.Shard
	Seq     stream.Seq
	Arrived stream.Time // of the record; whole seconds count
	Mark    Mark
}

// Mark says what a number stands for. Those of a place are no record's; what follows
// the place arrived at Arrived or later.
type Mark uint8

// What a number stands for.
const (
	OfRecord     Mark = iota
	BehindRecord      // the place behind the record with the sequence
	BeforeRecord      // the place in front of it
)

// EndOfShard is the sequence in the ending sequence number of a closed shard.
const EndOfShard = stream.Seq(1<<63 - 1)

const secondsMask = 1<<36 - 1

// Seconds returns the whole seconds of an instant as sequence numbers have them.
func Seconds(t stream.Time) uint64 { return uint64(max(t, 0)/second) & secondsMask }

// String returns the number in decimal.
func (n SequenceNumber) String() string {
	// From the lowest bit: 4 bits of 2, 32 of shard, 36 of arrival, 8 of 00, 64 of
	// sequence, 4 of shard, 36 of creation, 4 of 2.
	var words [3]uint64 // the lowest first
	arrived, created := Seconds(n.Arrived), Seconds(n.Created)
	words[0] = 2 | uint64(n.Shard)<<4 | arrived<<36
	words[1] = arrived>>28 | uint64(n.Mark)<<8 | uint64(n.Seq)<<16
	words[2] = uint64(n.Seq)>>48 | uint64(n.Shard&15)<<16 | created<<20 | 2<<56
	return string(appendDecimal(make([]byte, 0, 58), words))
}

// appendDecimal adds a number of three words, the lowest first, in decimal.
func appendDecimal(b []byte, words [3]uint64) []byte {
	const chunk, size = 1e19, 19 // as many digits as a word holds
	var digits [4 * size]byte
	at := len(digits)
	for more := true; more; {
		var rest uint64
		for i := 2; i >= 0; i-- {
			words[i], rest = bits.Div64(rest, words[i], chunk)
		}
		for range size {
			at--
			digits[at] = '0' + byte(rest%10)
			rest /= 10
		}
		more = words[0]|words[1]|words[2] != 0
	}
	for at < len(digits)-1 && digits[at] == '0' {
		at++
	}
	return append(b, digits[at:]...)
}

// ParseSequenceNumber reads a sequence number of ours.
func ParseSequenceNumber(s string) (SequenceNumber, error) {
	bad := fmt.Errorf("%q is no sequence number", s[:min(len(s), 100)])
	if len(s) == 0 || len(s) > 129 || s[0] == '0' && len(s) > 1 {
		return SequenceNumber{}, bad
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return SequenceNumber{}, bad
		}
	}
	v, _ := new(big.Int).SetString(s, 10)
	if v.BitLen() > 192 {
		return SequenceNumber{}, bad
	}
	var b [24]byte
	v.FillBytes(b[:])
	var words [3]uint64
	for i := range words {
		for j := range 8 {
			words[i] |= uint64(b[23-8*i-j]) << (8 * j)
		}
	}
	n := SequenceNumber{
		Shard:   stream.Shard(words[0] >> 4),
		Arrived: stream.Time(words[0]>>36|words[1]&0xff<<28) * second,
		Seq:     stream.Seq(words[1]>>16 | words[2]<<48),
		Mark:    Mark(words[1] >> 8),
		Created: stream.Time(words[2]>>20&secondsMask) * second,
	}
	if words[0]&15 != 2 || n.Mark > BeforeRecord || words[2]>>56 != 2 || words[2]>>16&15 != uint64(n.Shard&15) {
		return SequenceNumber{}, bad
	}
	return n, nil
}
