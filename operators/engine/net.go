package engine

import (
	"bytes"
	"context"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/expr"
	"weir/operators/stream"
	"weir/operators/stream/keys"
)

// net is the last operator of every query but for pace. It drops a row that leaves together
// with an equal one behind it that enters: a projection may not show what
// changed. Batches without rows that leave pass as they are.
type net struct {
	operators.Stateless
	schema   stream.Schema
	columns  []keys.Column // of the batch at hand
	alloc    memory.Allocator
	old, new []byte // scratch
	rows     []int32
}

func newNet(s stream.Schema) *net { return &net{schema: s} }

// Open keeps the allocator.
func (n *net) Open(_ context.Context, rt *operators.Runtime) error {
	n.alloc = rt.Alloc
	return nil
}

// ProcessBatch passes the rows that change something.
func (n *net) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	if b.Ops == nil {
		b.Retain()
		return out.Emit(ctx, b)
	}
	n.columns = n.columns[:0]
	for c, f := range n.schema {
		n.columns = append(n.columns, keys.Of(b.Column(c), f.Type))
	}
	defer clear(n.columns) // they point into the batch
	rows := len(b.Ops)
	n.rows = n.rows[:0]
	for i := 0; i < rows; i++ {
		if i+1 < rows && b.Ops[i] == stream.Delete && b.Ops[i+1] == stream.Insert && n.equal(i, i+1) {
			i++
			continue
		}
		n.rows = append(n.rows, int32(i))
	}
	switch {
	case len(n.rows) == rows:
		b.Retain()
		return out.Emit(ctx, b)
	case len(n.rows) == 0:
		return nil
	}
	rec, err := expr.Take(n.alloc, b.RecordBatch, n.rows)
	if err != nil {
		return err
	}
	return out.Emit(ctx, b.Take(rec, n.rows))
}

// equal tells whether two rows show the same.
func (n *net) equal(i, j int) bool {
	for c := range n.columns {
		n.old = n.columns[c].Append(n.old[:0], i)
		n.new = n.columns[c].Append(n.new[:0], j)
		if !bytes.Equal(n.old, n.new) {
			return false
		}
	}
	return true
}
