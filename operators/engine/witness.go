package engine

import (
	"cmp"
	"context"
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

// LostRowsMax is how many rows of each kind a query remembers: the newest.
const LostRowsMax = 100

// probesMax is how many rows of one batch pass the filters again, one by one, to
// find those that were late, from the newest on: each costs a microsecond, and
// while a query catches up every batch may have some (BenchmarkLate).
const probesMax = 20

// LostKind tells why a row is in no result.
type LostKind uint8

// The kinds of lost rows.
const (
	LostLate   LostKind = iota // too late for every window
	LostNull                   // no event time
	LostFuture                 // an event time too far ahead of its arrival
)

// LostRow is a row that a query counted as late or as an error, by its place in
// the log.
type LostRow struct {
	Kind    LostKind
	Commit  stream.Commit // 0 for a bounded source
	Shard   stream.Shard
	Seq     stream.Seq
	Arrival stream.Time   // MinTime for a bounded source
	Event   stream.Time   // MinTime if it is LostNull
	W       stream.Time   // of a late row: its shard's watermark before it
	Behind  time.Duration // of a late row: from the end of its last window, with the lateness allowed, to W
}

// witness finds out which rows of a batch were lost. A lane asks it only about
// batches of which the ledger says that some were, so that the others cost
// nothing: whether a row is late is a function of the row, its shard's watermark
// and the filters before the window, and can be computed again.
type witness struct {
	alloc    memory.Allocator
	scan     *physical.Scan
	window   *physical.WindowPartial // nil: no row can be late
	filters  []physical.Node         // in front of the window
	wCol     int
	late     []LostRow // of the step under way
	failed   []LostRow
	passed   int64          // rows that came through again
	probe    *chain         // nil until the first row that has to pass the filters
	ledger   stream.Ledger  // of the probe: counted once already
	event    expr.Evaluator // nil until the first lost row
	filtered bool           // there is a filter among filters
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
		_, filters := n.(*physical.Filter)
		w.filtered = w.filtered || filters
		w.filters = append(w.filters, n)
	}
	if w.window != nil && (w.window.Window.Kind == windows.None || w.wCol < 0) {
		w.window = nil
	}
	return w
}

// Emit counts the rows that came through the filters again.
func (w *witness) Emit(_ context.Context, b stream.Batch) error {
	w.passed += b.NumRows()
	b.Release()
	return nil
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

// errors remembers the rows of rec, the whole of b, that are not among kept.
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
	w.failed = remember(w.failed, found)
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
	var found []LostRow
	for i, probes := int(rec.NumRows())-1, 0; i >= 0 && len(found) < most && (!w.filtered || probes < probesMax); i-- {
		t, before := stream.Time(ev.Value(i)), stream.Time(ws.Value(i))
		if t >= before { // its windows end later still
			continue
		}
		if _, missed, ok := w.window.Window.FirstEnd(t, before, w.window.Lateness); ok || !missed {
			continue
		}
		probes++
		passes, err := w.passes(ctx, rec, i)
		if err != nil {
			return err
		}
		if !passes {
			continue
		}
		at := i
		if kept != nil {
			at = int(kept[i])
		}
		r := lostRow(LostLate, b, at)
		r.Event, r.W = t, before
		closed := w.window.Window.LastEnd(t).Add(w.window.Lateness)
		r.Behind = time.Duration(before-closed) * time.Microsecond
		found = append(found, r)
	}
	w.late = remember(w.late, found)
	return nil
}

// passes tells whether row i of rec gets through the filters.
func (w *witness) passes(ctx context.Context, rec arrow.RecordBatch, i int) (bool, error) {
	if !w.filtered {
		return true, nil
	}
	if w.probe == nil {
		ops, err := build(w.filters)
		if err != nil {
			return false, err
		}
		w.probe = newChain(ops, w)
		rt := &operators.Runtime{Alloc: w.alloc, Ledger: &w.ledger}
		if err := w.probe.open(ctx, func(int) *operators.Runtime { return rt }); err != nil {
			return false, err
		}
	}
	w.passed = 0
	err := w.probe.push(ctx, stream.Batch{RecordBatch: rec.NewSlice(int64(i), int64(i)+1)})
	return w.passed > 0, err
}

func (w *witness) close() error {
	if w.probe == nil {
		return nil
	}
	return w.probe.close()
}

// lostRow is the place of row i of b.
func lostRow(kind LostKind, b stream.SourceBatch, i int) LostRow {
	r := LostRow{Kind: kind, Commit: b.Commit, Shard: b.Shard, Arrival: b.Arrival, Event: stream.MinTime, W: stream.MinTime}
	if r.Seq = b.First + stream.Seq(i); b.Seqs != nil {
		r.Seq = b.Seqs[i]
	}
	return r
}

// remember adds rows that were found from the newest on, and keeps the newest.
func remember(rows, found []LostRow) []LostRow {
	slices.Reverse(found)
	return newest(append(rows, found...))
}

func newest(rows []LostRow) []LostRow {
	if over := len(rows) - LostRowsMax; over > 0 {
		rows = append(rows[:0], rows[over:]...)
	}
	return rows
}

// lost is what a query remembers of the rows that it lost.
type lost struct{ late, failed []LostRow }

// take moves what the lanes found in a step to the query's, in the log's order.
func (l *lost) take(lanes []*lane) {
	var late, failed []LostRow
	for _, ln := range lanes {
		late, failed = append(late, ln.witness.late...), append(failed, ln.witness.failed...)
		ln.witness.late, ln.witness.failed = ln.witness.late[:0], ln.witness.failed[:0]
	}
	l.late, l.failed = inOrder(l.late, late), inOrder(l.failed, failed)
}

func inOrder(rows, more []LostRow) []LostRow {
	if len(more) == 0 {
		return rows
	}
	place := func(a, b LostRow) int {
		return cmp.Or(cmp.Compare(a.Commit, b.Commit), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Seq, b.Seq))
	}
	if !slices.IsSortedFunc(more, place) {
		slices.SortFunc(more, place)
	}
	return newest(append(rows, more...))
}

// LateRows returns the newest rows that were too late for every window, at most
// LostRowsMax, in the order of the log. Where the plan filters rows and a batch
// had many that were behind the watermark, the oldest of that batch are missing.
func (q *Query) LateRows() []LostRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.lost.late)
}

// ErrorRows returns the newest rows without a usable event time, at most
// LostRowsMax, in the order of the log. Rows that did not decode are counted
// and not among them.
func (q *Query) ErrorRows() []LostRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.lost.failed)
}
