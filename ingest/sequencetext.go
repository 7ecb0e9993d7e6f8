package ingest

import (
	"fmt"

	"weir/operators/stream"
)

// ShardID returns the name that clients of Kinesis know a shard by.
func ShardID(s stream.Shard) string { return fmt.Sprintf("shardId-%012d", s) }

// sequenceStep is 2^80 in decimal: by so much the number of a record is greater than
// that of the record before it in the same shard and second.
const sequenceStep = "1208925819614629174706176"

// SequenceText is the text of a sequence number that goes up by one record at a time,
// faster than each is made alone. All sequence numbers have as many digits.
type SequenceText struct{ digits []byte }

// NewSequenceText returns the text of n.
func NewSequenceText(n SequenceNumber) SequenceText { return SequenceText{[]byte(n.String())} }

// Bytes returns the text, which Next changes.
func (t SequenceText) Bytes() []byte { return t.digits }

// Next moves on to the next record of the shard, which arrived in the same second.
func (t SequenceText) Next() {
	carry := byte(0)
	at := len(t.digits) - 1
	for i := len(sequenceStep) - 1; i >= 0 || carry > 0; i-- {
		d := t.digits[at] - '0' + carry
		if i >= 0 {
			d += sequenceStep[i] - '0'
		}
		if carry = 0; d > 9 {
			d, carry = d-10, 1
		}
		t.digits[at] = d + '0'
		at--
	}
}
