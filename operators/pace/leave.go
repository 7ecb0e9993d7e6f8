package pace

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/stream"
)

const (
	batchRowsMax  = 4096
	batchBytesMax = 4 << 20
)

// leave emits the net of what is held back: where the rows have an order, in that
// order, a row that leaves before one that enters in its place; else in the order
// in which they came.
func (p *Pace) leave(ctx context.Context, out operators.Collector) error {
	w := &writer{p: p, out: out, b: array.NewRecordBuilder(p.alloc, p.layout.schema.Arrow())}
	defer w.b.Release()
	for _, number := range p.order() {
		row, prefix, net := p.held.at(number)
		op := stream.Insert
		if net < 0 {
			op = stream.Delete
		}
		for range times(net) {
			if err := w.write(ctx, row, row[:prefix], op); err != nil {
				return err
			}
		}
	}
	return w.flush(ctx)
}

// order returns the numbers of the rows that leave.
func (p *Pace) order() []int {
	numbers := make([]int, 0, p.held.n)
	for i := range p.held.n {
		if _, _, net := p.held.at(i); net != 0 {
			numbers = append(numbers, i)
		}
	}
	if p.layout.sorted > 0 {
		slices.SortStableFunc(numbers, func(i, j int) int {
			a, m, x := p.held.at(i)
			b, n, y := p.held.at(j)
			return cmp.Or(bytes.Compare(a[:m], b[:n]), cmp.Compare(min(x, 0), min(y, 0)))
		})
	}
	return numbers
}

// writer collects rows into batches.
type writer struct {
	p     *Pace
	out   operators.Collector
	b     *array.RecordBuilder
	ops   []stream.Op
	bytes int
	gone  []byte // what orders the last row, if that leaves
}

// write adds a row. One that enters stays in the batch of the one that leaves for it.
func (w *writer) write(ctx context.Context, row, place []byte, op stream.Op) error {
	full := len(w.ops) >= batchRowsMax || w.bytes >= batchBytesMax
	if full && !(op == stream.Insert && len(place) > 0 && bytes.Equal(place, w.gone)) {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	if err := w.p.layout.decode(row, w.b.Fields()); err != nil {
		return err
	}
	w.ops, w.bytes, w.gone = append(w.ops, op), w.bytes+len(row), nil
	if op == stream.Delete {
		w.gone = place
	}
	return nil
}

// flush emits the rows that were written.
func (w *writer) flush(ctx context.Context) error {
	if len(w.ops) == 0 {
		return nil
	}
	b := stream.Batch{RecordBatch: w.b.NewRecordBatch()}
	if slices.Contains(w.ops, stream.Delete) {
		b.Ops = w.ops
	}
	w.ops, w.bytes = nil, 0
	return w.out.Emit(ctx, b)
}
