package lostrows

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/expr"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

const (
	// shownRowsMax is how many rows are shown with windows at once at most, and
	// shownBytesMax how many bytes of text they have, unless one row has more.
	shownRowsMax  = 4096
	shownBytesMax = 16 << 20
)

// shown judges rows where the query shows each once for every window that it is in:
// it shows them again, and a row is late if that is the verdict on what is shown of
// it, wherever the query's filters pass it.
type shown struct {
	late   *late
	grid   *windows.Grid
	time   expr.Evaluator
	where  []expr.Predicate
	schema *arrow.Schema

	rows   []int32 // what is shown next: rows of the batch at hand, and their windows
	bounds []windows.Window
	bytes  int

	verdicts []stream.Verdict // by row of the batch
	closed   []stream.Time    // since when a row there is late
	ws       []stream.Time
}

func newShown(l *late, n *physical.Shown, in stream.Schema) (*shown, error) {
	if !n.Window.Sliced() {
		return nil, fmt.Errorf("late rows: rows of %s", physical.FormatWindow(n.Window))
	}
	grid, err := n.Window.Grid()
	if err != nil {
		return nil, fmt.Errorf("late rows: %w", err)
	}
	return &shown{late: l, grid: grid, schema: n.Schema(in).Arrow()}, nil
}

func (s *shown) open(n *physical.Shown, env expr.Env) (err error) {
	if s.time, err = expr.Compile(n.Time, env); err != nil {
		return err
	}
	s.where = nil
	for _, e := range n.Where {
		pred, err := expr.CompilePredicate(e, env)
		if err != nil {
			return err
		}
		s.where = append(s.where, pred)
	}
	return nil
}

// judge notes the rows of b that are late.
func (s *shown) judge(ctx context.Context, b arrow.RecordBatch) error {
	arr, err := s.time.Eval(b)
	if err != nil {
		return err
	}
	defer arr.Release()
	times, n := arr.(*array.Timestamp), int(b.NumRows())
	s.verdicts = slices.Grow(s.verdicts[:0], n)[:n]
	s.closed, s.ws = slices.Grow(s.closed[:0], n)[:n], slices.Grow(s.ws[:0], n)[:n]
	clear(s.verdicts)
	s.rows, s.bounds, s.bytes = s.rows[:0], s.bounds[:0], 0
	var in []windows.Window
	for i := range n {
		if times.IsNull(i) {
			continue
		}
		in = s.grid.AppendWindows(in[:0], stream.Time(times.Value(i)))
		bytes := expr.TextBytes(b, i)
		for _, win := range in {
			if len(s.rows) == shownRowsMax || s.bytes+bytes > shownBytesMax && s.bytes > 0 {
				if err := s.flush(ctx, b); err != nil {
					return err
				}
			}
			s.rows, s.bounds, s.bytes = append(s.rows, int32(i)), append(s.bounds, win), s.bytes+bytes
		}
	}
	if err := s.flush(ctx, b); err != nil {
		return err
	}
	for i, v := range s.verdicts {
		if v == stream.Late {
			s.late.add(int32(i), s.ws[i], s.closed[i])
		}
	}
	return nil
}

// flush judges what is to be shown next.
func (s *shown) flush(ctx context.Context, b arrow.RecordBatch) error {
	if err := ctx.Err(); err != nil || len(s.rows) == 0 {
		return err
	}
	rows := s.rows
	rec, err := expr.InWindows(s.late.rt.Alloc, b, rows, s.bounds, s.schema)
	if err != nil {
		return err
	}
	defer func() { rec.Release() }()
	for i := range s.where {
		kept, err := s.where[i].Select(rec, nil)
		if err != nil {
			return err
		}
		next, err := expr.Take(s.late.rt.Alloc, rec, kept)
		if err != nil {
			return err
		}
		rec.Release()
		rec = next
		for to, from := range kept { // in ascending order
			rows[to] = rows[from]
		}
		rows = rows[:len(kept)]
	}
	s.rows, s.bounds, s.bytes = s.rows[:0], s.bounds[:0], 0
	return s.late.each(rec, func(i int, v stream.Verdict, w, closed stream.Time) {
		row := rows[i]
		if v == stream.Late && (s.verdicts[row]&stream.Late == 0 || closed > s.closed[row]) {
			s.closed[row], s.ws[row] = closed, w
		}
		s.verdicts[row] |= v
	})
}
