package windowagg

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/planner/physical"
)

// bitAcc is BIT_AND, BIT_OR and BIT_XOR of integers, as 64 bits. Of no value they
// are all ones and, twice, 0: what changes nothing.
type bitAcc struct {
	fixed[bitState]
	fn physical.AggFn
}

type bitState struct {
	v   int64
	has bool
}

func newBitAcc(fn physical.AggFn) *bitAcc {
	b := &bitAcc{fn: fn}
	b.width = 9
	b.merge = func(to, from *bitState) {
		if from.has {
			b.take(to, from.v)
		}
	}
	b.put = func(to []byte, s *bitState) {
		putInt64(to, s.v)
		to[8] = truth(s.has)
	}
	b.get = func(from []byte) bitState { return bitState{v: int64Of(from), has: from[8] != 0} }
	return b
}

func (b *bitAcc) take(s *bitState, v int64) {
	switch {
	case !s.has:
		s.v, s.has = v, true
	case b.fn == physical.AggBitAnd:
		s.v &= v
	case b.fn == physical.AggBitOr:
		s.v |= v
	default:
		s.v ^= v
	}
}

func (b *bitAcc) update(cols []arrow.Array, rows, ids []int32) {
	valid, vals := validityOf(cols[0]), int64s(cols[0])
	for i, r := range rows {
		if valid.ok(r) {
			b.take(&b.s[ids[i]], vals[r])
		}
	}
}

func (b *bitAcc) appendResults(to array.Builder, ids []int32) int64 {
	out := to.(*array.Uint64Builder)
	for _, id := range ids {
		s := b.s[id]
		if !s.has && b.fn == physical.AggBitAnd {
			s.v = -1
		}
		out.Append(uint64(s.v))
	}
	return 0
}
