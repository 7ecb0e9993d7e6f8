package windowagg

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/state/page"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// marks are the columns of a row that say of itself how far it is: is_final and
// is_complete follow from the window and the cut, window_rev is counted for each
// group of a window. They are columns among the aggregates, of which no row is part.
type marks struct {
	final, complete bool // some column shows it
	rev             []int
}

func marksOf(aggs []physical.Agg) (m marks) {
	for i, a := range aggs {
		switch a.Fn {
		case physical.AggIsFinal:
			m.final = true
		case physical.AggIsComplete:
			m.complete = true
		case physical.AggWindowRev:
			m.rev = append(m.rev, i)
		}
	}
	return m
}

// any tells whether there is a mark.
func (m marks) any() bool { return m.final || m.complete || m.rev != nil }

// turn is a cut as the marks see it: what the watermark was and is, and behind which
// time windows begin of which all rows were read.
type turn struct {
	w0, w         stream.Time
	whole0, whole stream.Time
	lateness      stream.Time
}

func newTurn(n *physical.WindowFinal) turn {
	return turn{
		w0: stream.MinTime, w: stream.MinTime, whole0: stream.MinTime, whole: stream.MinTime,
		lateness: stream.Time(n.Lateness.Microseconds()),
	}
}

// end is that of the cut.
func (t *turn) end() { t.w0, t.whole0 = t.w, t.whole }

// final tells whether no row may come any more, by a watermark, for a window that
// ends at end.
func (t *turn) final(end, w stream.Time) bool {
	return w != stream.MinTime && stopAt(end, t.lateness) <= w
}

// was and is tell what a mark of a window said at the cut before, and what it says now.
func (t *turn) was(fn physical.AggFn, v windows.Window) bool {
	if fn == physical.AggIsFinal {
		return t.final(v.End, t.w0)
	}
	return v.Start >= t.whole0
}

func (t *turn) is(fn physical.AggFn, v windows.Window) bool {
	if fn == physical.AggIsFinal {
		return t.final(v.End, t.w)
	}
	return v.Start >= t.whole
}

// turns tells whether a mark of a window says something else than at the cut before.
func (m *marks) turns(t *turn, v windows.Window) bool {
	return m.final && t.was(physical.AggIsFinal, v) != t.is(physical.AggIsFinal, v) ||
		m.complete && t.was(physical.AggIsComplete, v) != t.is(physical.AggIsComplete, v)
}

// stopAt returns t + d, staying at the end of time.
func stopAt(t, d stream.Time) stream.Time {
	if t > stream.MaxTime-d {
		return stream.MaxTime
	}
	return t + d
}

// isFlag tells whether an aggregate is a mark that no state is kept for.
func isFlag(a physical.Agg) bool {
	return a.Fn == physical.AggIsFinal || a.Fn == physical.AggIsComplete
}

// WholeFrom says that all rows were read of windows that begin at t or later.
func (f *final) WholeFrom(t stream.Time) { f.turn.whole = t }

// flagAcc is the place of a mark among the states. There is nothing in it.
type flagAcc struct{}

func (flagAcc) grow(int)                               {}
func (flagAcc) reset()                                 {}
func (flagAcc) empty([]int32)                          {}
func (flagAcc) update([]arrow.Array, []int32, []int32) {}
func (flagAcc) retract([]arrow.Array, []int32, []int32) {
}
func (flagAcc) load([]arrow.Array, int, []int32)      {}
func (flagAcc) fold([]int32, acc, []int32)            {}
func (flagAcc) appendStates([]array.Builder, []int32) {}
func (flagAcc) bytes() int                            { return 0 }
func (flagAcc) save(*page.Writer, int, int)           {}
func (flagAcc) restore(*page.Reader, int)             {}

// appendResults is never asked for: the writer knows the window.
func (flagAcc) appendResults(b array.Builder, ids []int32) int64 {
	for range ids {
		b.AppendNull()
	}
	return 0
}

// revAcc counts how often the row of a group has changed since its window fired.
type revAcc struct{ countAcc }

func (r *revAcc) update([]arrow.Array, []int32, []int32)  {}
func (r *revAcc) retract([]arrow.Array, []int32, []int32) {}
func (r *revAcc) load([]arrow.Array, int, []int32)        {}
func (r *revAcc) appendStates([]array.Builder, []int32)   {}

func (r *revAcc) fold(ids []int32, src acc, from []int32) {
	r.countAcc.fold(ids, &src.(*revAcc).countAcc, from)
}
