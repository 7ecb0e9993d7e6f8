package windowagg

import (
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream/keys"
	"weir/sql/types"
)

// extremeAcc is MIN and MAX of the types that map to int64 in their order:
// integers, BOOLEAN, DATE, TIME, DATETIME, DOUBLE (0 for -0, NaN the greatest). MAX is
// MIN of the complement.
type extremeAcc struct {
	s    []extremeState
	kind types.Kind
	flip int64   // -1 for MAX, else 0
	vals []int64 // scratch: the mapped values of the rows at hand
	rows sequence
}

type extremeState struct {
	v   int64
	has bool
}

func newExtremeAcc(isMax bool, k types.Kind) *extremeAcc {
	e := &extremeAcc{kind: k}
	if isMax {
		e.flip = -1
	}
	return e
}

func (e *extremeAcc) grow(n int) { e.s = growTo(e.s, n) }
func (e *extremeAcc) reset()     { e.s = e.s[:0] }
func (e *extremeAcc) bytes() int { return 16*cap(e.s) + 8*cap(e.vals) }

func (e *extremeAcc) empty(ids []int32) {
	for _, id := range ids {
		e.s[id] = extremeState{}
	}
}

// gather maps the values of the rows to integers. NULLs give anything.
func (e *extremeAcc) gather(col arrow.Array, rows []int32) []int64 {
	e.vals = slices.Grow(e.vals[:0], len(rows))[:len(rows)]
	switch e.kind {
	case types.Double:
		vals := float64s(col)
		for i, r := range rows {
			e.vals[i] = keys.OrderedDouble(vals[r])
		}
	case types.Date:
		vals := col.(*array.Date32).Date32Values()
		for i, r := range rows {
			e.vals[i] = int64(vals[r])
		}
	case types.Boolean:
		vals := col.(*array.Boolean)
		for i, r := range rows {
			e.vals[i] = 0
			if vals.Value(int(r)) {
				e.vals[i] = 1
			}
		}
	case types.Ubigint: // the lowest becomes the lowest integer
		vals := int64s(col)
		for i, r := range rows {
			e.vals[i] = vals[r] ^ math.MinInt64
		}
	default:
		vals := int64s(col)
		for i, r := range rows {
			e.vals[i] = vals[r]
		}
	}
	return e.vals
}

func (s *extremeState) take(v int64) {
	if !s.has || v < s.v {
		s.v, s.has = v, true
	}
}

func (e *extremeAcc) update(cols []arrow.Array, rows, ids []int32) {
	if len(rows) == 0 {
		return
	}
	col := cols[0]
	valid := validityOf(col)
	for i, v := range e.gather(col, rows) {
		if valid.ok(rows[i]) {
			e.s[ids[i]].take(v ^ e.flip)
		}
	}
}

func (e *extremeAcc) load(cols []arrow.Array, lo int, ids []int32) {
	e.update(cols, e.rows.span(lo, lo+len(ids)), ids)
}

func (e *extremeAcc) fold(ids []int32, src acc, from []int32) {
	o := src.(*extremeAcc)
	for i, id := range ids {
		if f := from[i]; f >= 0 && o.s[f].has {
			e.s[id].take(o.s[f].v)
		}
	}
}

func (e *extremeAcc) appendStates(b []array.Builder, ids []int32) { e.appendResults(b[0], ids) }

func (e *extremeAcc) appendResults(b array.Builder, ids []int32) int64 {
	b.Reserve(len(ids))
	for _, id := range ids {
		s := e.s[id]
		if !s.has {
			b.AppendNull()
			continue
		}
		v := s.v ^ e.flip
		switch b := b.(type) {
		case *array.Int64Builder:
			b.UnsafeAppend(v)
		case *array.Uint64Builder:
			b.UnsafeAppend(uint64(v ^ math.MinInt64))
		case *array.TimestampBuilder:
			b.UnsafeAppend(arrow.Timestamp(v))
		case *array.Float64Builder:
			b.UnsafeAppend(keys.DoubleOf(v))
		case *array.Date32Builder:
			b.UnsafeAppend(arrow.Date32(v))
		case *array.BooleanBuilder:
			b.UnsafeAppend(v != 0)
		}
	}
	return 0
}

// decimalExtremeAcc is MIN and MAX of DECIMAL.
type decimalExtremeAcc struct {
	s     []decimalExtremeState
	isMax bool
	rows  sequence
}

type decimalExtremeState struct {
	v   decimal128.Num
	has bool
}

func (d *decimalExtremeAcc) grow(n int) { d.s = growTo(d.s, n) }
func (d *decimalExtremeAcc) reset()     { d.s = d.s[:0] }
func (d *decimalExtremeAcc) bytes() int { return 24 * cap(d.s) }

func (d *decimalExtremeAcc) empty(ids []int32) {
	for _, id := range ids {
		d.s[id] = decimalExtremeState{}
	}
}

func (d *decimalExtremeAcc) take(id int32, v decimal128.Num) {
	s := &d.s[id]
	if !s.has || d.isMax && s.v.Less(v) || !d.isMax && v.Less(s.v) {
		s.v, s.has = v, true
	}
}

func (d *decimalExtremeAcc) update(cols []arrow.Array, rows, ids []int32) {
	col := cols[0]
	valid, vals := validityOf(col), decimals(col)
	for i, r := range rows {
		if valid.ok(r) {
			d.take(ids[i], vals[r])
		}
	}
}

func (d *decimalExtremeAcc) load(cols []arrow.Array, lo int, ids []int32) {
	d.update(cols, d.rows.span(lo, lo+len(ids)), ids)
}

func (d *decimalExtremeAcc) fold(ids []int32, src acc, from []int32) {
	o := src.(*decimalExtremeAcc)
	for i, id := range ids {
		if f := from[i]; f >= 0 && o.s[f].has {
			d.take(id, o.s[f].v)
		}
	}
}

func (d *decimalExtremeAcc) appendStates(b []array.Builder, ids []int32) { d.appendResults(b[0], ids) }

func (d *decimalExtremeAcc) appendResults(b array.Builder, ids []int32) int64 {
	out := b.(*array.Decimal128Builder)
	for _, id := range ids {
		if d.s[id].has {
			out.Append(d.s[id].v)
		} else {
			out.AppendNull()
		}
	}
	return 0
}
