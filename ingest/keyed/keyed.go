package keyed

import (
	"encoding/binary"
	"errors"
)

// Record is a partition key and bytes.
type Record struct {
	Key  []byte
	Data []byte
}

// ErrDamaged is returned for bytes that are no run of records.
var ErrDamaged = errors.New("the block is no run of records with keys")

// Size returns how many bytes a record takes in a block.
func Size(key, data int) int { return varintLen(key) + key + varintLen(data) + data }

func varintLen(n int) int {
	size := 1
	for n >= 0x80 {
		n >>= 7
		size++
	}
	return size
}

// Append adds a record to a block.
func Append(block []byte, key string, data []byte) []byte {
	block = binary.AppendUvarint(block, uint64(len(key)))
	block = append(block, key...)
	block = binary.AppendUvarint(block, uint64(len(data)))
	return append(block, data...)
}

// Next returns the first record of a block and what follows it. The record refers
// to the block.
func Next(block []byte) (r Record, rest []byte, err error) {
	if r.Key, rest, err = field(block); err == nil {
		r.Data, rest, err = field(rest)
	}
	return r, rest, err
}

func field(b []byte) (value, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, ErrDamaged
	}
	end := size + int(n)
	return b[size:end:end], b[end:], nil
}
