package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/expr"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// probesMax is how many rows of a batch pass the filters again at once.
const probesMax = 2 * LostRowsMax

// witness finds out which rows of a batch were lost. A lane asks it only about
// batches of which the ledger says that some were, so that the others cost
// nothing: whether a row is late is a function of the row, its shard's watermark
// and the filters before the window, and can be computed again.
type witness struct {
	alloc    memory.Allocator
	scan     *physical.Scan
	window   *physical.WindowPartial // nil: no row can be late
	grid     *windows.Grid           // of window
	filters  []physical.Node         // in front of the window
	wCol     int
	late     []LostRow // of the step under way
	failed   []LostRow
	probe    []*stage       // of filters; nil until the first row that has to pass them
	ledger   stream.Ledger  // of the probe: counted once already
	event    expr.Evaluator // nil until the first lost row
	filtered bool           // there is a filter among filters, or what repeats rows
	repeats  bool           // what repeats rows
	repeated *repeated      // of the rows that are asked about at the moment
	blind    bool           // a benchmark asks what the witness costs
}

func newWitness(l layout, alloc memory.Allocator) *witness {
	w := &witness{alloc: alloc, scan: l.scan, wCol: -1, blind: l.blind}
	for i, h := range l.scan.Hidden {
		if h == physical.HiddenW {
			w.wCol = len(l.scan.Fields) + i
		}
	}
	for _, n := range l.lane {
		if p, ok := n.(*physical.WindowPartial); ok {
			w.window = p
			break
		}
		switch n.(type) {
		case *physical.Expand:
			continue // each copy of a row has the same verdict
		case *physical.WindowRows:
			w.repeats, w.filtered = true, true
		case *physical.Filter:
			w.filtered = true
		}
		w.filters = append(w.filters, n)
	}
	if w.window != nil && (w.window.Window.Kind == windows.None || w.wCol < 0) {
		w.window = nil
	}
	if w.window != nil && w.window.Window.Kind != windows.Session {
		var err error
		if w.grid, err = w.window.Window.Grid(); err != nil {
			w.window = nil // the operator refuses it, too
		}
	}
	return w
}

// times evaluates the event times of rec again. The caller releases them.
func (w *witness) times(rec arrow.RecordBatch) (*array.Timestamp, error) {
	if w.event == nil {
		var err error
		if w.event, err = expr.Compile(w.scan.EventTime, expr.Env{Alloc: w.alloc, Ledger: &w.ledger}); err != nil {
			return nil, err
		}
	}
	out, err := w.event.Eval(rec)
	if err != nil {
		return nil, err
	}
	return out.(*array.Timestamp), nil
}

// bad remembers the rows of b that did not decode, and others of it, found from the
// newest on.
func (w *witness) bad(b stream.SourceBatch, found []LostRow) {
	for i := len(b.BadRows) - 1; i >= 0; i-- {
		r := LostRow{Kind: LostBad, Commit: b.Commit, Shard: b.Shard, Arrival: b.Arrival, Event: stream.MinTime, W: stream.MinTime, Bad: b.BadRows[i]}
		r.Seq, r.Sub = r.Bad.Seq, r.Bad.Sub
		found = append(found, r)
	}
	if len(found) > len(b.BadRows) && b.BadRows != nil {
		slices.SortStableFunc(found, func(a, b LostRow) int { return inLog(b, a) })
	}
	w.failed = remember(w.failed, found)
}

// errors remembers the rows of rec, the whole of b, that are not among kept, and those
// of b that did not decode.
func (w *witness) errors(b stream.SourceBatch, rec arrow.RecordBatch, kept []int32) error {
	ev, err := w.times(rec)
	if err != nil {
		return err
	}
	defer ev.Release()
	var found []LostRow
	next := len(kept) - 1
	for i := int(rec.NumRows()) - 1; i >= 0 && len(found) < LostRowsMax; i-- {
		if next >= 0 && int(kept[next]) == i {
			next--
			continue
		}
		r := lostRow(LostFuture, b, i)
		if ev.IsNull(i) {
			r.Kind = LostNull
		} else {
			r.Event = stream.Time(ev.Value(i))
		}
		found = append(found, r)
	}
	w.bad(b, found)
	return nil
}

// lates remembers which rows of rec were late. Row i of rec is row kept[i] of b,
// or row i where kept is nil; counted is how many were late.
func (w *witness) lates(ctx context.Context, b stream.SourceBatch, rec arrow.RecordBatch, kept []int32, counted int64) error {
	if w.window == nil || w.scan.EventTime == nil || b.Ops != nil {
		return nil
	}
	ev, err := w.times(rec)
	if err != nil {
		return err
	}
	defer ev.Release()
	ws := rec.Column(w.wCol).(*array.Timestamp)
	most := int(min(counted, LostRowsMax))
	if w.repeats {
		return w.latesRepeated(ctx, b, rec, kept, ev, ws, most)
	}
	var found []LostRow
	rows := make([]int32, 0, probesMax)
	for i := int(rec.NumRows()) - 1; i >= 0 && len(found) < most; {
		rows = rows[:0]
		for ; i >= 0 && len(rows) < probesMax; i-- {
			t, before := stream.Time(ev.Value(i)), stream.Time(ws.Value(i))
			if t >= before { // its windows end later still
				continue
			}
			if w.verdict(t, before) == stream.Late {
				rows = append(rows, int32(i))
			}
		}
		passed, err := w.pass(ctx, rec, rows)
		if err != nil {
			return err
		}
		for _, row := range passed[:min(len(passed), most-len(found))] {
			r := lostRow(LostLate, b, rowOf(kept, row))
			r.Event, r.W = stream.Time(ev.Value(int(row))), stream.Time(ws.Value(int(row)))
			r.Behind = time.Duration(r.W-w.closed(r.Event)) * time.Microsecond
			found = append(found, r)
		}
	}
	w.late = remember(w.late, found)
	return nil
}

// verdict tells whether a row at t is used or late for every window, by the watermark
// before it. It is neither between two hops.
func (w *witness) verdict(t, before stream.Time) stream.Verdict {
	used, missed := true, false
	if w.grid != nil {
		_, missed, used = w.grid.Judge(t, before, w.window.Lateness)
	} else if before != stream.MinTime && (before == stream.MaxTime || t.Add(w.window.Lateness) < before) { // a session
		used, missed = false, true
	}
	switch {
	case used:
		return stream.Used
	case missed:
		return stream.Late
	}
	return 0
}

// pass returns those of rows that get through the filters, all of them at once.
func (w *witness) pass(ctx context.Context, rec arrow.RecordBatch, rows []int32) ([]int32, error) {
	if !w.filtered || len(rows) == 0 {
		return rows, nil
	}
	if w.probe == nil {
		if err := w.open(ctx); err != nil {
			return nil, err
		}
	}
	cur, err := expr.Take(w.alloc, rec, rows)
	if err != nil {
		return nil, err
	}
	defer cur.Release()
	return w.through(ctx, w.probe, cur, rows)
}

// through returns those of rows that get through the stages, in the memory of
// rows. Row i of cur, which it borrows, is row rows[i] of the batch.
func (w *witness) through(ctx context.Context, stages []*stage, cur arrow.RecordBatch, rows []int32) ([]int32, error) {
	if len(stages) == 0 && w.repeats {
		w.judge(cur, rows)
	}
	if len(stages) == 0 || len(rows) == 0 {
		return rows, nil
	}
	s, rest := stages[0], stages[1:]
	if s.pred == nil {
		passed, first := rows[:0], 0
		s.out = func(part stream.Batch) error {
			if part.Repeats != nil {
				_, err := w.through(ctx, rest, part.RecordBatch, of(rows, part.Repeats.Of))
				first = len(rows)
				return err
			}
			end := first + int(part.NumRows())
			from := first
			if first = end; end > len(rows) {
				return nil
			}
			kept, err := w.through(ctx, rest, part.RecordBatch, rows[from:end])
			passed = append(passed, kept...)
			return err
		}
		cur.Retain() // push owns it
		if err := s.chain.push(ctx, stream.Batch{RecordBatch: cur}); err != nil || first != len(rows) {
			return nil, err // where there are more rows or fewer, nobody knows which is which
		}
		return passed, nil
	}
	var err error
	if s.kept, err = s.pred.Select(cur, s.kept); err != nil {
		return nil, err
	}
	if len(s.kept) == len(rows) {
		return w.through(ctx, rest, cur, rows)
	}
	next, err := expr.Take(w.alloc, cur, s.kept)
	if err != nil {
		return nil, err
	}
	defer next.Release()
	for i, at := range s.kept {
		rows[i] = rows[at]
	}
	return w.through(ctx, rest, next, rows[:len(s.kept)])
}

// of returns the rows that repetitions repeat.
func of(rows, repetitions []int32) []int32 {
	out := make([]int32, len(repetitions))
	for i, r := range repetitions {
		out[i] = rows[r]
	}
	return out
}

func (w *witness) open(ctx context.Context) error {
	rt := &operators.Runtime{Alloc: w.alloc, Ledger: &w.ledger}
	for _, n := range w.filters {
		st := new(stage)
		if f, ok := n.(*physical.Filter); ok {
			pred, err := expr.CompilePredicate(f.Pred, expr.Env{Alloc: w.alloc, Ledger: &w.ledger})
			if err != nil {
				return err
			}
			st.pred = &pred
		} else {
			ops, err := build([]physical.Node{n})
			if err != nil {
				return err
			}
			st.chain = newChain(ops, st)
			if err := st.chain.open(ctx, func(int) *operators.Runtime { return rt }); err != nil {
				return err
			}
		}
		w.probe = append(w.probe, st)
	}
	return nil
}

// stage is one node in front of the window: a filter's predicate, or an operator
// that keeps every row, in one batch or several.
type stage struct {
	pred  *expr.Predicate
	chain *chain
	out   func(stream.Batch) error
	kept  []int32 // scratch
}

// Emit takes what leaves the stage's operator.
func (s *stage) Emit(_ context.Context, b stream.Batch) error {
	defer b.Release()
	return s.out(b)
}

func (w *witness) close() error {
	var errs []error
	for _, s := range w.probe {
		if s.chain != nil {
			errs = append(errs, s.chain.close())
		}
	}
	return errors.Join(errs...)
}
