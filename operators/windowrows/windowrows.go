package windowrows

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/expr"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// batchRowsMax is how many rows an emitted batch has at most.
const batchRowsMax = 4096

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
	recent []windows.Window // those of the slice that the last row was in
	lo, hi stream.Time      // that slice
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
// their ends.
func (w *windowRows) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	arr, err := w.time.Eval(b.RecordBatch)
	if err != nil {
		return err
	}
	defer arr.Release()
	times := arr.(*array.Timestamp)
	for i := range times.Len() {
		if times.IsNull(i) {
			w.rt.Ledger.Filtered++
			continue
		}
		windows := w.windows(stream.Time(times.Value(i)))
		if len(windows) == 0 {
			w.rt.Ledger.Filtered++
			continue
		}
		w.rt.Ledger.In += int64(len(windows) - 1)
		for _, win := range windows {
			w.rows, w.shown = append(w.rows, int32(i)), append(w.shown, win)
			if len(w.rows) == batchRowsMax {
				if err := w.flush(ctx, b, out); err != nil {
					return err
				}
			}
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

// flush emits what is noted.
func (w *windowRows) flush(ctx context.Context, b stream.Batch, out operators.Collector) error {
	if len(w.rows) == 0 {
		return nil
	}
	rows, shown := w.rows, w.shown
	w.rows, w.shown = w.rows[:0], w.shown[:0]
	rec, err := expr.Take(w.rt.Alloc, b.RecordBatch, rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	cols := append([]arrow.Array(nil), rec.Columns()...)
	for _, bound := range []func(windows.Window) stream.Time{
		func(v windows.Window) stream.Time { return v.Start },
		func(v windows.Window) stream.Time { return v.End },
		func(v windows.Window) stream.Time { return v.End.Add(-physical.WindowTimeBefore) },
	} {
		col := array.NewTimestampBuilder(w.rt.Alloc, w.schema.Field(len(cols)).Type.(*arrow.TimestampType))
		col.Reserve(len(shown))
		for _, win := range shown {
			col.UnsafeAppend(arrow.Timestamp(bound(win)))
		}
		made := col.NewArray()
		col.Release()
		defer made.Release()
		cols = append(cols, made)
	}
	return out.Emit(ctx, stream.Batch{
		RecordBatch: array.NewRecordBatch(w.schema, cols, int64(len(rows))), Shard: b.Shard, Ops: b.TakeOps(rows),
	})
}
