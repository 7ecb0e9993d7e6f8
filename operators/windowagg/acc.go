package windowagg

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/state/page"
	"weir/planner/physical"
	"weir/sql/types"
)

// acc holds the states of one aggregate, one per id. An empty state is that of
// no row: folding something into it copies. All calls work on whole columns, so
// that no row pays for a dynamic call.
type acc interface {
	// grow makes room for ids 0..n-1; new ones are empty.
	grow(n int)
	// reset forgets all ids; what it grew to is kept.
	reset()
	// empty makes the states of the ids empty again.
	empty(ids []int32)
	// update adds input rows: row rows[i] of the arguments cols to ids[i].
	update(cols []arrow.Array, rows, ids []int32)
	// load folds partial states, rows lo, lo+1, … of the state columns, into the ids.
	load(cols []arrow.Array, lo int, ids []int32)
	// fold folds from[i] of src, which holds the same aggregate (and may be the
	// same acc), into ids[i]. Where from[i] < 0 nothing happens.
	fold(ids []int32, src acc, from []int32)
	// appendStates writes states in the shape of physical.Agg.State.
	appendStates(b []array.Builder, ids []int32)
	// appendResults writes results and returns how many could not be represented
	// and became NULL.
	appendResults(b array.Builder, ids []int32) (nulled int64)
	// bytes is about how much memory it holds.
	bytes() int
	// save writes the states of the ids lo..hi-1; restore appends n that were saved.
	save(w *page.Writer, lo, hi int)
	restore(r *page.Reader, n int)
}

// subtracter is an acc that takes input rows out again, exactly: a state is what
// it were had they never come. A state may be less than nothing until it is
// folded into the one that has the rows.
type subtracter interface {
	retract(cols []arrow.Array, rows, ids []int32)
}

// newAcc returns an acc for a. retracts tells that the input takes rows back; it
// is a subtracter then.
func newAcc(a physical.Agg, retracts bool) (acc, error) {
	in := a.InputTypes()
	switch {
	case a.Fn == physical.AggWindowRev:
		return &revAcc{}, nil
	case isFlag(a):
		return flagAcc{}, nil
	case len(in) == 0 && a.Fn != physical.AggCountStar:
		return nil, fmt.Errorf("no aggregate %s of nothing", a.Fn)
	case a.Bag(retracts):
		return newBagAcc(a, retracts)
	}
	switch a.Fn {
	case physical.AggCountStar, physical.AggCount:
		return &countAcc{}, nil
	case physical.AggSum, physical.AggAvg:
		switch in[0].Kind {
		case types.Bigint, types.Ubigint, types.Decimal:
			return newExactAcc(a)
		case types.Double:
			return &doubleAcc{avg: a.Fn == physical.AggAvg}, nil
		}
	case physical.AggMin, physical.AggMax:
		isMax := a.Fn == physical.AggMax
		switch in[0].Kind {
		case types.Boolean, types.Bigint, types.Ubigint, types.Double, types.Date, types.Time, types.Datetime:
			return newExtremeAcc(isMax, in[0].Kind), nil
		case types.Decimal:
			return &decimalExtremeAcc{isMax: isMax}, nil
		case types.Varchar, types.Varbinary, types.Null:
			return &textExtremeAcc{isMax: isMax}, nil
		}
	}
	switch exact := in[0].IsInteger() || in[0].Kind == types.Decimal; a.Fn {
	case physical.AggPercentile, physical.AggPercentileCont:
		if in[0].Kind == types.Double {
			return newSketchAcc(a)
		}
	case physical.AggBitAnd, physical.AggBitOr, physical.AggBitXor:
		if in[0].IsInteger() {
			return newBitAcc(a.Fn), nil
		}
	case physical.AggVarPop, physical.AggVarSamp, physical.AggStddevPop, physical.AggStddevSamp:
		switch {
		case exact:
			return newMomentsAcc(a), nil
		case in[0].Kind == types.Double:
			return newSpreadAcc(a.Fn), nil
		}
	case physical.AggCorr, physical.AggCovarPop, physical.AggCovarSamp, physical.AggRegrSlope, physical.AggRegrIntercept:
		if len(in) == 2 && in[0].Kind == types.Double && in[1].Kind == types.Double {
			return newPairAcc(a.Fn), nil
		}
	case physical.AggFirst:
		return newFirstAcc(a)
	case physical.AggApproxCountDistinct:
		return newApproxAcc(a)
	}
	return nil, fmt.Errorf("no aggregate %s of %s", a.Fn, in)
}

// statesOf returns the aggregates that the halves keep: those of the plan and,
// behind them, where the input takes rows back, how many rows a group has.
func statesOf(a *physical.WindowAgg) []physical.Agg {
	if !a.Retracts {
		return a.Aggs
	}
	return append(slices.Clone(a.Aggs), physical.Agg{Fn: physical.AggCountStar, Out: types.BigintType})
}

// statesAt returns where the columns of each aggregate of statesOf begin among those
// of all, and how many these are.
func statesAt(a *physical.WindowAgg) []int {
	at := []int{0}
	for i, g := range statesOf(a) {
		at = append(at, at[i]+len(g.State(a.Retracts)))
	}
	return at
}

// newAccs returns one acc per aggregate of statesOf.
func newAccs(a *physical.WindowAgg) ([]acc, error) {
	aggs := statesOf(a)
	accs := make([]acc, len(aggs))
	for i, g := range aggs {
		var err error
		if accs[i], err = newAcc(g, a.Retracts); err != nil {
			return nil, err
		}
		if _, ok := accs[i].(subtracter); a.Retracts && !ok {
			return nil, fmt.Errorf("%s of %s cannot be subtracted", g.Fn, g.In)
		}
	}
	return accs, nil
}

// mustAccs is newAccs for an aggregation that was accepted before.
func mustAccs(a *physical.WindowAgg) []acc {
	accs, err := newAccs(a)
	if err != nil {
		panic(err)
	}
	return accs
}

// growTo returns s with at least n elements; new ones are zero.
func growTo[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n <= cap(s) {
		old := len(s)
		s = s[:n]
		clear(s[old:])
		return s
	}
	return append(s, make([]T, n-len(s))...)
}

// countAcc counts rows, or values that are not NULL.
type countAcc struct{ n []int64 }

func (c *countAcc) grow(n int) { c.n = growTo(c.n, n) }
func (c *countAcc) reset()     { c.n = c.n[:0] }
func (c *countAcc) bytes() int { return 8 * cap(c.n) }

func (c *countAcc) empty(ids []int32) {
	for _, id := range ids {
		c.n[id] = 0
	}
}

func (c *countAcc) update(cols []arrow.Array, rows, ids []int32) {
	if len(cols) == 0 || cols[0].NullN() == 0 {
		for _, id := range ids {
			c.n[id]++
		}
		return
	}
	valid := validityOf(cols[0])
	for i, r := range rows {
		if valid.ok(r) {
			c.n[ids[i]]++
		}
	}
}

func (c *countAcc) retract(cols []arrow.Array, rows, ids []int32) {
	if len(cols) == 0 || cols[0].NullN() == 0 {
		for _, id := range ids {
			c.n[id]--
		}
		return
	}
	valid := validityOf(cols[0])
	for i, r := range rows {
		if valid.ok(r) {
			c.n[ids[i]]--
		}
	}
}

func (c *countAcc) load(cols []arrow.Array, lo int, ids []int32) {
	if len(ids) == 0 {
		return
	}
	n := int64s(cols[0])[lo:]
	for i, id := range ids {
		c.n[id] += n[i]
	}
}

func (c *countAcc) fold(ids []int32, src acc, from []int32) {
	s := src.(*countAcc)
	for i, id := range ids {
		if f := from[i]; f >= 0 {
			c.n[id] += s.n[f]
		}
	}
}

func (c *countAcc) appendStates(b []array.Builder, ids []int32) { c.appendResults(b[0], ids) }

func (c *countAcc) appendResults(b array.Builder, ids []int32) int64 {
	out := b.(*array.Int64Builder)
	out.Reserve(len(ids))
	for _, id := range ids {
		out.UnsafeAppend(c.n[id])
	}
	return 0
}
