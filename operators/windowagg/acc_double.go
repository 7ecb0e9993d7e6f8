package windowagg

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// doubleAcc is SUM and AVG of DOUBLE. Values are added in the order of the log
// and states in the order of the folds, so the bits follow from the log.
type doubleAcc struct {
	s   []doubleState
	avg bool
}

type doubleState struct {
	sum float64
	n   int64
}

func (d *doubleAcc) grow(n int) { d.s = growTo(d.s, n) }
func (d *doubleAcc) reset()     { d.s = d.s[:0] }
func (d *doubleAcc) bytes() int { return 16 * cap(d.s) }

func (d *doubleAcc) empty(ids []int32) {
	for _, id := range ids {
		d.s[id] = doubleState{}
	}
}

func (d *doubleAcc) update(cols []arrow.Array, rows, ids []int32) {
	col := cols[0]
	valid, vals := validityOf(col), float64s(col)
	for i, r := range rows {
		if valid.ok(r) {
			s := &d.s[ids[i]]
			s.sum += vals[r]
			s.n++
		}
	}
}

func (d *doubleAcc) load(cols []arrow.Array, lo int, ids []int32) {
	if len(ids) == 0 {
		return
	}
	sums, ns := float64s(cols[0])[lo:], int64s(cols[1])[lo:]
	for i, id := range ids {
		s := &d.s[id]
		s.sum += sums[i]
		s.n += ns[i]
	}
}

func (d *doubleAcc) fold(ids []int32, src acc, from []int32) {
	o := src.(*doubleAcc)
	for i, id := range ids {
		if f := from[i]; f >= 0 {
			s := &d.s[id]
			s.sum += o.s[f].sum
			s.n += o.s[f].n
		}
	}
}

func (d *doubleAcc) appendStates(b []array.Builder, ids []int32) {
	sum, n := b[0].(*array.Float64Builder), b[1].(*array.Int64Builder)
	sum.Reserve(len(ids))
	n.Reserve(len(ids))
	for _, id := range ids {
		sum.UnsafeAppend(d.s[id].sum)
		n.UnsafeAppend(d.s[id].n)
	}
}

func (d *doubleAcc) appendResults(b array.Builder, ids []int32) int64 {
	out := b.(*array.Float64Builder)
	out.Reserve(len(ids))
	for _, id := range ids {
		s := d.s[id]
		v := s.sum
		if d.avg {
			v /= float64(s.n)
		}
		if v != v {
			v = math.NaN() // one NaN for all, whatever the operands' bits were
		}
		if s.n == 0 {
			out.UnsafeAppendBoolToBitmap(false)
		} else {
			out.UnsafeAppend(v + 0) // -0 is 0
		}
	}
	return 0
}
