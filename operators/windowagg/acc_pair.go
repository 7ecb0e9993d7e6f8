package windowagg

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/planner/physical"
)

// pairAcc is what is computed of pairs of DOUBLEs: correlation, covariance, and
// the line through them. As spreadAcc it keeps means and sums of products of
// differences from them.
type pairAcc struct {
	fixed[pairState]
	fn physical.AggFn
}

type pairState struct {
	n             int64
	my, mx        float64 // means of the first and of the second argument
	syy, sxx, sxy float64
}

func newPairAcc(fn physical.AggFn) *pairAcc {
	a := &pairAcc{fn: fn}
	a.width = 48
	a.merge = func(to, from *pairState) {
		switch {
		case from.n == 0:
		case to.n == 0:
			*to = *from
		default:
			n := float64(to.n + from.n)
			dy, dx, share := from.my-to.my, from.mx-to.mx, float64(from.n)/n
			between := float64(to.n) * share
			to.syy += from.syy + float64(dy*dy*between)
			to.sxx += from.sxx + float64(dx*dx*between)
			to.sxy += from.sxy + float64(dx*dy*between)
			to.my += float64(dy * share)
			to.mx += float64(dx * share)
			to.n += from.n
		}
	}
	a.put = func(to []byte, s *pairState) {
		putInt64(to, s.n)
		for i, v := range [...]float64{s.my, s.mx, s.syy, s.sxx, s.sxy} {
			putFloat64(to[8+8*i:], v)
		}
	}
	a.get = func(from []byte) pairState {
		f := func(i int) float64 { return float64Of(from[8+8*i:]) }
		return pairState{n: int64Of(from), my: f(0), mx: f(1), syy: f(2), sxx: f(3), sxy: f(4)}
	}
	return a
}

// update adds the rows in which both arguments have a value.
func (a *pairAcc) update(cols []arrow.Array, rows, ids []int32) {
	validY, ys := validityOf(cols[0]), float64s(cols[0])
	validX, xs := validityOf(cols[1]), float64s(cols[1])
	for i, r := range rows {
		if !validY.ok(r) || !validX.ok(r) {
			continue
		}
		s := &a.s[ids[i]]
		s.n++
		n := float64(s.n)
		dy, dx := ys[r]-s.my, xs[r]-s.mx
		s.my += dy / n
		s.mx += dx / n
		s.syy += float64(dy * (ys[r] - s.my))
		s.sxx += float64(dx * (xs[r] - s.mx))
		s.sxy += float64(dx * (ys[r] - s.my))
	}
}

func (a *pairAcc) appendResults(b array.Builder, ids []int32) int64 {
	out := b.(*array.Float64Builder)
	for _, id := range ids {
		if v, ok := a.result(&a.s[id]); ok {
			out.Append(oneNaN(v))
		} else {
			out.AppendNull()
		}
	}
	return 0
}

// result returns the aggregate of a state; ok is false where it has none, as
// the slope of values that are all the same.
func (a *pairAcc) result(s *pairState) (v float64, ok bool) {
	if s.n == 0 {
		return 0, false
	}
	switch a.fn {
	case physical.AggCovarPop:
		return s.sxy / float64(s.n), true
	case physical.AggCovarSamp:
		return s.sxy / float64(s.n-1), s.n > 1
	case physical.AggCorr:
		v = s.sxy / math.Sqrt(s.sxx) / math.Sqrt(s.syy)
		return max(-1, min(1, v)), s.sxx != 0 && s.syy != 0
	case physical.AggRegrSlope:
		return s.sxy / s.sxx, s.sxx != 0
	}
	return s.my - float64(s.sxy/s.sxx*s.mx), s.sxx != 0
}
