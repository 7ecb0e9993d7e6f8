package expand

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
)

type expand struct {
	operators.Stateless
	node   *physical.Expand
	schema *arrow.Schema
	rt     *operators.Runtime
}

// New returns an operator that repeats rows for the node's sets.
func New(n *physical.Expand) (operators.Operator, error) {
	if len(n.Sets) == 0 || len(n.Keys) > 63 {
		return nil, fmt.Errorf("%d grouping sets of %d keys", len(n.Sets), len(n.Keys))
	}
	return &expand{node: n, schema: n.Schema().Arrow()}, nil
}

// Open keeps the runtime.
func (e *expand) Open(_ context.Context, rt *operators.Runtime) error {
	e.rt = rt
	return nil
}

// ProcessBatch emits the rows once for each set. The verdict on a row, used or late,
// is the same in each, so what the others add to the ledger is taken out again.
func (e *expand) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	nulls := make([]arrow.Array, len(e.node.Keys))
	defer func() {
		for _, c := range nulls {
			if c != nil {
				c.Release()
			}
		}
	}()
	n := int(b.NumRows())
	for i, k := range e.node.Keys {
		nulls[i] = array.MakeArrayOfNull(e.rt.Alloc, e.schema.Field(k).Type, n)
	}
	for set := range e.node.Sets {
		before := *e.rt.Ledger
		if err := out.Emit(ctx, e.copy(b, set, nulls, n)); err != nil {
			return err
		}
		if set > 0 {
			*e.rt.Ledger = before
		}
	}
	return nil
}

// copy returns the rows as a set sees them.
func (e *expand) copy(b stream.Batch, set int, nulls []arrow.Array, n int) stream.Batch {
	cols := append(make([]arrow.Array, 0, b.NumCols()+1), b.Columns()...)
	for i, k := range e.node.Keys {
		if e.node.Sets[set]>>i&1 == 0 {
			cols[k] = nulls[i]
		}
	}
	number := e.number(int64(set), n)
	defer number.Release()
	rec := array.NewRecordBatch(e.schema, append(cols, number), int64(n))
	return b.With(rec, 0, n)
}

// number is a column of one number.
func (e *expand) number(v int64, n int) arrow.Array {
	buf := memory.NewResizableBuffer(e.rt.Alloc)
	defer buf.Release()
	buf.Resize(n * arrow.Int64SizeBytes)
	for i, values := 0, arrow.Int64Traits.CastFromBytes(buf.Bytes()); i < n; i++ {
		values[i] = v
	}
	data := array.NewData(arrow.PrimitiveTypes.Int64, n, []*memory.Buffer{nil, buf}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}
