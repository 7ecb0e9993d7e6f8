package windowagg

import (
	"fmt"

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
	// update adds input rows: row rows[i] of col to ids[i]. col is nil for COUNT(*).
	update(col arrow.Array, rows, ids []int32)
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

// newAcc returns an acc for a.
func newAcc(a physical.Agg) (acc, error) {
	switch a.Fn {
	case physical.AggCountStar, physical.AggCount:
		return &countAcc{}, nil
	case physical.AggSum, physical.AggAvg:
		switch a.In.Kind {
		case types.Bigint, types.Decimal:
			return newExactAcc(a)
		case types.Double:
			return &doubleAcc{avg: a.Fn == physical.AggAvg}, nil
		}
	case physical.AggMin, physical.AggMax:
		isMax := a.Fn == physical.AggMax
		switch a.In.Kind {
		case types.Boolean, types.Bigint, types.Double, types.Date, types.Datetime:
			return newExtremeAcc(isMax, a.In.Kind), nil
		case types.Decimal:
			return &decimalExtremeAcc{isMax: isMax}, nil
		case types.Varchar, types.Null:
			return &textExtremeAcc{isMax: isMax}, nil
		}
	}
	if a.Fn == physical.AggPercentile && a.In.Kind == types.Double {
		return newSketchAcc(a.Quantile)
	}
	return nil, fmt.Errorf("no aggregate %s of %s", a.Fn, a.In)
}

// newAccs returns one acc per aggregate.
func newAccs(aggs []physical.Agg) ([]acc, error) {
	accs := make([]acc, len(aggs))
	for i, a := range aggs {
		var err error
		if accs[i], err = newAcc(a); err != nil {
			return nil, err
		}
	}
	return accs, nil
}

// mustAccs is newAccs for aggregates that were accepted before.
func mustAccs(aggs []physical.Agg) []acc {
	accs, err := newAccs(aggs)
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

func (c *countAcc) update(col arrow.Array, rows, ids []int32) {
	if col == nil || col.NullN() == 0 {
		for _, id := range ids {
			c.n[id]++
		}
		return
	}
	valid := validityOf(col)
	for i, r := range rows {
		if valid.ok(r) {
			c.n[ids[i]]++
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
