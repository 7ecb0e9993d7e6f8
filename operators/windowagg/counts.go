package windowagg

import (
	"context"
	"fmt"
	"slices"
	"time"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// counts is the query's half of an aggregation over windows of a number of rows.
// It takes the rows of each group in the order of the log: step by step, shard by
// shard. A group's rows lie in panes, as long as what the number of rows and the
// distance of the windows have in common; a window is the fold of its panes, in
// order. It leaves at the cut of the step with its last row, and never changes.
type counts struct {
	sessions
	paneRows int64 // rows of a pane
	panes    int   // of a window
	every    int   // panes that a window begins behind the one before
	lists    [][]pane
	done     []change // windows that are whole
}

// pane is some rows of a group, one behind the other.
type pane struct {
	rows        int64
	first, last stream.Time // the least and the greatest event time
	slot        int32
}

// CountPanesMax is how many panes a window may have.
const CountPanesMax = 10_000

// countPanes returns the lengths of a window over a number of rows.
func countPanes(s windows.Spec) (rows int64, panes, every int, err error) {
	if s.Rows <= 0 || s.Every <= 0 || s.Every > s.Rows {
		return 0, 0, 0, fmt.Errorf("windows of %d rows, each %d", s.Rows, s.Every)
	}
	if rows = s.Pane(); s.Rows/rows > CountPanesMax {
		return 0, 0, 0, fmt.Errorf("windows of %d panes", s.Rows/rows)
	}
	return rows, int(s.Rows / rows), int(s.Every / rows), nil
}

func newCounts(n *physical.WindowFinal) (operators.Operator, error) {
	rows, panes, every, err := countPanes(n.Window)
	if err == nil && (n.Retracts || n.Updates || n.Lateness > 0 || marksOf(n.Aggs).any()) {
		err = fmt.Errorf("%s over rows that change", physical.FormatWindow(n.Window))
	}
	if err != nil {
		return nil, fmt.Errorf("final window aggregation: %w", err)
	}
	c := &counts{sessions: *emptySessions(n), paneRows: rows, panes: panes, every: every}
	return c, nil
}

// Open keeps the runtime and loads the state.
func (s *counts) Open(_ context.Context, rt *operators.Runtime) error {
	return s.begin(rt, s.restore)
}

// ProcessCut takes what came and emits the windows that are whole.
func (s *counts) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	defer s.release()
	s.out.to = out
	for i := range s.parts {
		if err := s.take(&s.parts[i]); err != nil {
			return c.W, err
		}
		if err := s.emitAll(ctx, s.done); err != nil {
			return c.W, err
		}
		for _, d := range s.done {
			s.giveBack(d.slot)
		}
		s.done = s.done[:0]
	}
	return c.W, overfull(s.accs)
}

// take takes the rows of one batch, one after the other.
func (s *counts) take(p *part) error {
	cols := s.batches[p.batch].Columns()
	groups, ids := make([]int32, p.hi), make([]int32, p.hi)
	if err := s.dict.find(cols[2:2+len(s.n.Keys)], s.seq.span(0, p.hi), groups); err != nil {
		return err
	}
	s.lists = growTo(s.lists, s.dict.size())
	s.saved = growTo(s.saved, chunksOf(s.dict.size()))
	times := int64s(cols[0])
	loaded := 0
	load := func(to int) {
		for i, a := range s.accs {
			a.grow(s.slots)
			a.load(p.states(i), loaded, ids[loaded:to])
		}
		loaded = to
	}
	for row, g := range groups {
		s.saved[g/chunkGroups] = false
		list := s.lists[g]
		if n := len(list); n == 0 || list[n-1].rows == s.paneRows {
			list = append(list, pane{first: stream.MaxTime, last: stream.MinTime, slot: s.slot()})
		}
		s.lists[g] = list
		last := &list[len(list)-1]
		at := stream.Time(times[row])
		last.rows++
		last.first, last.last = min(last.first, at), max(last.last, at)
		ids[row] = last.slot
		if len(list) == s.panes && last.rows == s.paneRows {
			load(row + 1)
			s.complete(g)
		}
	}
	load(p.hi)
	return nil
}

// complete notes the window that a group's panes are, and drops those that the next
// one does not have.
func (s *counts) complete(g int32) {
	list := s.lists[g]
	d := change{Window: windows.Window{Start: stream.MaxTime, End: stream.MinTime}, group: g, slot: s.slot()}
	ids, from := make([]int32, len(list)), make([]int32, len(list))
	for i, p := range list {
		ids[i], from[i] = d.slot, p.slot
		d.Start, d.End = min(d.Start, p.first), max(d.End, p.last)
	}
	d.End = d.End.Add(time.Microsecond)
	for _, a := range s.accs {
		a.grow(s.slots)
		a.fold(ids, a, from)
	}
	for _, p := range list[:s.every] {
		s.giveBack(p.slot)
	}
	s.lists[g] = slices.Delete(list, 0, s.every)
	s.done = append(s.done, d)
}

// Close forgets everything.
func (s *counts) Close() error {
	s.lists = nil
	return s.sessions.Close()
}
