package lostrows

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

type late struct {
	operators.Stateless
	n      *physical.Late
	rt     *operators.Runtime
	grid   *windows.Grid // nil: a session
	time   expr.Evaluator
	w      expr.Evaluator
	schema *arrow.Schema

	rows   []int32 // of the batch at hand
	ws     []stream.Time
	behind []int64
}

// NewLate returns an operator that passes the rows that are late for every window.
func NewLate(n *physical.Late) (operators.Operator, error) {
	l := &late{n: n, schema: n.Schema().Arrow()}
	switch {
	case n.Window.Sliced():
		var err error
		if l.grid, err = n.Window.Grid(); err != nil {
			return nil, fmt.Errorf("late rows: %w", err)
		}
	case n.Window.Kind != windows.Session:
		return nil, fmt.Errorf("late rows: no row is late for %s", physical.FormatWindow(n.Window))
	}
	return l, nil
}

// Open compiles the expressions.
func (l *late) Open(_ context.Context, rt *operators.Runtime) (err error) {
	l.rt = rt
	env := expr.Env{Alloc: rt.Alloc, Ledger: rt.Ledger}
	if l.time, err = expr.Compile(l.n.Time, env); err != nil {
		return fmt.Errorf("late rows: %w", err)
	}
	if l.w, err = expr.Compile(l.n.W, env); err != nil {
		return fmt.Errorf("late rows: %w", err)
	}
	return nil
}

// ProcessBatch passes the rows that are late, and counts the others as filtered.
func (l *late) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	times, err := l.time.Eval(b.RecordBatch)
	if err != nil {
		return err
	}
	defer times.Release()
	marks, err := l.w.Eval(b.RecordBatch)
	if err != nil {
		return err
	}
	defer marks.Release()
	at, ws := times.(*array.Timestamp), marks.(*array.Timestamp)
	l.rows, l.ws, l.behind = l.rows[:0], l.ws[:0], l.behind[:0]
	for i := range at.Len() {
		t, w := stream.Time(at.Value(i)), stream.Time(ws.Value(i))
		if at.IsNull(i) || t >= w && w != stream.MaxTime || w == stream.MinTime {
			continue // its windows end later still
		}
		if closed, is := l.judge(t, w); is {
			l.rows, l.ws = append(l.rows, int32(i)), append(l.ws, w)
			l.behind = append(l.behind, int64(w-closed)/1000)
		}
	}
	l.rt.Ledger.Filtered += b.NumRows() - int64(len(l.rows))
	if len(l.rows) == 0 {
		return nil
	}
	rec, err := expr.Take(l.rt.Alloc, b.RecordBatch, l.rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	w, ms := l.appended()
	defer w.Release()
	defer ms.Release()
	cols := append(append([]arrow.Array(nil), rec.Columns()...), w, ms)
	return out.Emit(ctx, stream.Batch{
		RecordBatch: array.NewRecordBatch(l.schema, cols, int64(len(l.rows))), Shard: b.Shard, Ops: b.TakeOps(l.rows),
	})
}

// judge tells whether a row at t is late by the watermark before it, and since when
// a row there is.
func (l *late) judge(t, w stream.Time) (closed stream.Time, is bool) {
	if l.grid == nil {
		closed = t.Add(l.n.Lateness)
		return closed, w == stream.MaxTime || closed < w
	}
	if _, missed, ok := l.grid.Judge(t, w, l.n.Lateness); ok || !missed {
		return 0, false
	}
	return l.grid.Closed(t).Add(l.n.Lateness), true
}

// appended returns the columns `_watermark` and `_late_ms` of the rows that are late.
func (l *late) appended() (w, ms arrow.Array) {
	wide := len(l.schema.Fields())
	wb := array.NewTimestampBuilder(l.rt.Alloc, l.schema.Field(wide-2).Type.(*arrow.TimestampType))
	defer wb.Release()
	mb := array.NewInt64Builder(l.rt.Alloc)
	defer mb.Release()
	for i, w := range l.ws {
		if w == stream.MaxTime {
			wb.AppendNull()
			mb.AppendNull()
			continue
		}
		wb.Append(arrow.Timestamp(w))
		mb.Append(l.behind[i])
	}
	return wb.NewArray(), mb.NewArray()
}
