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
	shown  *shown        // nil: rows are judged as they are
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
	if n.Shown != nil {
		var err error
		if l.shown, err = newShown(l, n.Shown, n.In.Schema()); err != nil {
			return nil, err
		}
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
	if l.shown != nil {
		if err := l.shown.open(l.n.Shown, env); err != nil {
			return fmt.Errorf("late rows: %w", err)
		}
	}
	return nil
}

// ProcessBatch passes the rows that are late, and counts the others as filtered.
func (l *late) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	l.rows, l.ws, l.behind = l.rows[:0], l.ws[:0], l.behind[:0]
	var err error
	if l.shown != nil {
		err = l.shown.judge(ctx, b.RecordBatch)
	} else {
		err = l.each(b.RecordBatch, func(i int, v stream.Verdict, w, closed stream.Time) {
			if v == stream.Late {
				l.add(int32(i), w, closed)
			}
		})
	}
	if err != nil {
		return err
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
	return out.Emit(ctx, b.Take(array.NewRecordBatch(l.schema, cols, int64(len(l.rows))), l.rows))
}

// add notes a row of the batch at hand as late by the watermark w: it is since closed.
func (l *late) add(row int32, w, closed stream.Time) {
	l.rows, l.ws = append(l.rows, row), append(l.ws, w)
	l.behind = append(l.behind, int64(w-closed)/1000)
}

// each calls verdict for each row of rec that is late or used: with the watermark
// before it and, of one that is late, since when a row there is.
func (l *late) each(rec arrow.RecordBatch, verdict func(i int, v stream.Verdict, w, closed stream.Time)) error {
	times, err := l.time.Eval(rec)
	if err != nil {
		return err
	}
	defer times.Release()
	marks, err := l.w.Eval(rec)
	if err != nil {
		return err
	}
	defer marks.Release()
	at, ws := times.(*array.Timestamp), marks.(*array.Timestamp)
	for i := range at.Len() {
		if at.IsNull(i) {
			continue
		}
		t, w := stream.Time(at.Value(i)), stream.Time(ws.Value(i))
		if closed, v := l.judge(t, w); v != 0 {
			verdict(i, v, w, closed)
		}
	}
	return nil
}

// judge tells whether a row at t is used or late by the watermark before it, and
// since when a row there is late. It is neither between two hops.
func (l *late) judge(t, w stream.Time) (closed stream.Time, v stream.Verdict) {
	if l.grid == nil {
		if closed = t.Add(l.n.Lateness); w != stream.MinTime && (w == stream.MaxTime || closed < w) {
			return closed, stream.Late
		}
		return 0, stream.Used
	}
	switch _, missed, ok := l.grid.Judge(t, w, l.n.Lateness); {
	case ok:
		return 0, stream.Used
	case missed:
		return l.grid.Closed(t).Add(l.n.Lateness), stream.Late
	}
	return 0, 0
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
