package windowagg

import (
	"bytes"
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// finalWriter collects output rows into batches.
type finalWriter struct {
	f    *final
	to   operators.Collector
	b    *array.RecordBuilder
	ops  []stream.Op // of the rows in b; nil while all are inserts
	rows int
	// rowsMax is how many rows a batch has at most: fewer where a value may have 1 MiB.
	rowsMax int
}

// longRowsMax is how many rows with long values a batch has at most.
const longRowsMax = 256

func newFinalWriter(f *final) *finalWriter {
	rowsMax := batchRowsMax
	for _, a := range f.n.Aggs {
		if a.Traits().Rows {
			rowsMax = longRowsMax
		}
	}
	return &finalWriter{f: f, rowsMax: rowsMax, b: array.NewRecordBuilder(f.rt.Alloc, f.n.Schema().Arrow())}
}

// write adds one row per group: its result is at place at[i] of accs. ops may be
// nil if all rows are inserts. An update, a delete in front of its insert, stays
// in one batch.
func (w *finalWriter) write(ctx context.Context, bounds windows.Window, groups []int32, accs []acc, at []int32, ops []stream.Op) error {
	for len(groups) > 0 {
		n := min(len(groups), w.rowsMax-w.rows)
		if ops != nil && n < len(groups) && ops[n-1] == stream.Delete {
			if n--; n == 0 {
				if err := w.flush(ctx); err != nil {
					return err
				}
				continue
			}
		}
		if err := w.append(bounds, groups[:n], accs, at[:n]); err != nil {
			return err
		}
		w.flag(n, func(fn physical.AggFn, i int) bool {
			if ops != nil && ops[i] == stream.Delete {
				return w.f.turn.was(fn, bounds)
			}
			return w.f.turn.is(fn, bounds)
		})
		if ops != nil {
			w.appendOps(ops[:n])
			ops = ops[n:]
		} else if w.ops != nil {
			w.ops = append(w.ops, make([]stream.Op, n)...)
		}
		w.rows += n
		groups, at = groups[n:], at[n:]
		if w.rows == w.rowsMax {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendOps notes ops for the rows that were written last.
func (w *finalWriter) appendOps(ops []stream.Op) {
	if w.ops == nil {
		w.ops = make([]stream.Op, w.rows, batchRowsMax)
	}
	w.ops = append(w.ops, ops...)
}

func (w *finalWriter) append(bounds windows.Window, groups []int32, accs []acc, at []int32) error {
	fields := w.b.Fields()
	if w.f.windowed() {
		repeat(fields[0], bounds.Start, len(groups))
		repeat(fields[1], bounds.End, len(groups))
		fields = fields[2:]
	}
	return w.appendRows(fields, groups, accs, at)
}

// appendRows writes keys and results.
func (w *finalWriter) appendRows(fields []array.Builder, groups []int32, accs []acc, at []int32) error {
	if err := w.f.dict.appendKeys(fields, groups); err != nil {
		return err
	}
	fields = fields[len(w.f.n.Keys):]
	for i, a := range accs[:len(w.f.n.Aggs)] {
		if isFlag(w.f.n.Aggs[i]) {
			continue
		}
		nulled := a.appendResults(fields[i], at)
		if w.f.rt.Ledger != nil {
			w.f.rt.Ledger.Nulled += nulled
		}
	}
	return nil
}

// flag writes the marks of n rows that were written; is says what they are.
func (w *finalWriter) flag(n int, is func(fn physical.AggFn, i int) bool) {
	if !w.f.marks.final && !w.f.marks.complete {
		return
	}
	fields := w.b.Fields()[w.f.keysAt()+len(w.f.n.Keys):]
	for i, a := range w.f.n.Aggs {
		if !isFlag(a) {
			continue
		}
		b := fields[i].(*array.BooleanBuilder)
		for row := range n {
			b.Append(is(a.Fn, row))
		}
	}
}

// flush emits the rows that were written.
func (w *finalWriter) flush(ctx context.Context) error {
	if w.rows == 0 {
		return nil
	}
	b := stream.Batch{RecordBatch: w.b.NewRecordBatch()}
	if slices.Contains(w.ops, stream.Delete) {
		b.Ops = w.ops
	}
	w.rows, w.ops = 0, nil
	return w.to.Emit(ctx, b)
}

// close gives back the memory of rows that were not emitted.
func (w *finalWriter) close() { w.b.Release() }

// changed tells for each of n pairs of states at places 2i and 2i+1 whether
// their results differ.
func (w *finalWriter) changed(accs []acc, n int) []bool {
	at := make([]int32, 2*n)
	for i := range at {
		at[i] = int32(i)
	}
	out := make([]bool, n)
	for i, a := range accs[:len(w.f.n.Aggs)] {
		if isFlag(w.f.n.Aggs[i]) {
			continue
		}
		b := array.NewBuilder(w.f.rt.Alloc, stream.ArrowType(w.f.n.Aggs[i].Out))
		a.appendResults(b, at)
		results := b.NewArray()
		b.Release()
		for j := range out {
			out[j] = out[j] || !same(results, 2*j, 2*j+1)
		}
		results.Release()
	}
	return out
}

// same tells whether two values of an array are equal to the bit, or both NULL.
func same(a arrow.Array, i, j int) bool {
	if a.IsNull(i) || a.IsNull(j) {
		return a.IsNull(i) == a.IsNull(j)
	}
	switch a := a.(type) {
	case *array.String:
		return a.Value(i) == a.Value(j)
	case *array.Boolean:
		return a.Value(i) == a.Value(j)
	}
	d := a.Data()
	width := d.DataType().(arrow.FixedWidthDataType).Bytes()
	raw := d.Buffers()[1].Bytes()[d.Offset()*width:]
	return bytes.Equal(raw[i*width:(i+1)*width], raw[j*width:(j+1)*width])
}
