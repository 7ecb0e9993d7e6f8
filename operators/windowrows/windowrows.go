package windowrows

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/expr"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

const (
	// batchRowsMax is how many rows an emitted batch has at most, and batchBytesMax
	// how many bytes of text, unless one row has more.
	batchRowsMax  = 4096
	batchBytesMax = 16 << 20
)

type windowRows struct {
	operators.Stateless
	n      *physical.WindowRows
	rt     *operators.Runtime
	grid   *windows.Grid
	time   expr.Evaluator
	schema *arrow.Schema

	// Of the batch at hand: which row each result shows, and its window.
	rows   []int32
	shown  []windows.Window
	bytes  int              // of text in them
	recent []windows.Window // those of the slice that the last row was in
	lo, hi stream.Time      // that slice

	verdicts []stream.Verdict // of the rows of the batch at hand
}

// New returns an operator that shows rows with their windows.
func New(n *physical.WindowRows) (operators.Operator, error) {
	grid, err := n.Window.Grid()
	if err != nil {
		return nil, fmt.Errorf("rows of windows: %w", err)
	}
	if _, err := expr.Compile(n.Time, expr.Env{}); err != nil {
		return nil, fmt.Errorf("rows of windows: %w", err)
	}
	return &windowRows{n: n, grid: grid, schema: n.Schema().Arrow(), lo: stream.MaxTime, hi: stream.MinTime}, nil
}

// Open compiles the time.
func (w *windowRows) Open(_ context.Context, rt *operators.Runtime) (err error) {
	w.rt = rt
	w.time, err = expr.Compile(w.n.Time, expr.Env{Alloc: rt.Alloc, Ledger: rt.Ledger})
	return err
}

// ProcessBatch emits the rows, in their order, each with its windows in order of
// their ends. What the repetitions add to the ledger is taken out again: a row counts
// once.
func (w *windowRows) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	w.rows, w.shown, w.bytes = w.rows[:0], w.shown[:0], 0
	w.verdicts = slices.Grow(w.verdicts[:0], int(b.NumRows()))[:b.NumRows()]
	clear(w.verdicts)
	before := *w.rt.Ledger
	if err := w.emitAll(ctx, b, out); err != nil {
		return err
	}
	before.Nulled = w.rt.Ledger.Nulled
	*w.rt.Ledger = before
	w.rt.Ledger.Count(w.verdicts)
	for i, v := range w.verdicts { // b may repeat rows itself
		b.Mark(i, i+1, v)
	}
	return nil
}

func (w *windowRows) emitAll(ctx context.Context, b stream.Batch, out operators.Collector) error {
	arr, err := w.time.Eval(b.RecordBatch)
	if err != nil {
		return err
	}
	defer arr.Release()
	times := arr.(*array.Timestamp)
	for i := range times.Len() {
		if times.IsNull(i) {
			continue
		}
		bytes := expr.TextBytes(b.RecordBatch, i)
		for _, win := range w.windows(stream.Time(times.Value(i))) {
			if len(w.rows) == batchRowsMax || w.bytes+bytes > batchBytesMax && w.bytes > 0 {
				if err := w.flush(ctx, b, out); err != nil {
					return err
				}
			}
			w.rows, w.shown, w.bytes = append(w.rows, int32(i)), append(w.shown, win), w.bytes+bytes
		}
	}
	return w.flush(ctx, b, out)
}

// windows returns the windows over t.
func (w *windowRows) windows(t stream.Time) []windows.Window {
	if t < w.lo || t >= w.hi {
		k := w.grid.Number(t)
		w.lo, w.hi = w.grid.Time(k), w.grid.Time(k+1)
		w.recent = w.grid.AppendWindows(w.recent[:0], t)
	}
	return w.recent
}

// flush emits what is noted, unless the query has ended: one row may be in very many
// windows.
func (w *windowRows) flush(ctx context.Context, b stream.Batch, out operators.Collector) error {
	if err := ctx.Err(); err != nil || len(w.rows) == 0 {
		return err
	}
	rec, err := expr.InWindows(w.rt.Alloc, b.RecordBatch, w.rows, w.shown, w.schema)
	if err != nil {
		return err
	}
	to := stream.Batch{RecordBatch: rec, Shard: b.Shard, Ops: b.TakeOps(w.rows)}
	to.Repeats = &stream.Repeats{Of: slices.Clone(w.rows), Verdicts: w.verdicts}
	w.rows, w.shown, w.bytes = w.rows[:0], w.shown[:0], 0
	return out.Emit(ctx, to)
}
