package stamp

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
	"weir/planner/physical"
)

type stamp struct {
	node   *physical.Stamp
	schema *arrow.Schema
	alloc  memory.Allocator
	w      stream.Time // forwarded at the cut before; MinTime: none
}

// New returns an operator that appends the watermark of the cut before.
func New(n *physical.Stamp) (operators.Operator, error) {
	if n.Hold < physical.HoldToEnd {
		return nil, fmt.Errorf("a watermark held back %s", n.Hold)
	}
	return &stamp{node: n, schema: n.Schema().Arrow(), w: stream.MinTime}, nil
}

const (
	statePage    = "w"
	stateVersion = 1
)

// Open keeps the allocator and loads the watermark.
func (s *stamp) Open(_ context.Context, rt *operators.Runtime) error {
	s.alloc = rt.Alloc
	if rt.State == nil {
		return nil
	}
	b, err := rt.State.Get(statePage)
	if err != nil {
		return fmt.Errorf("restore a watermark: %w", err)
	}
	r := page.NewReader(b, stateVersion)
	s.w = stream.Time(r.Int())
	if err := r.Close(); err != nil {
		return fmt.Errorf("restore a watermark: %w", err)
	}
	return nil
}

// Snapshot writes the watermark.
func (s *stamp) Snapshot(_ context.Context, w state.Writer) error {
	p := page.NewWriter(stateVersion, 8)
	p.Int(int64(s.w))
	w.Put(statePage, p.Bytes())
	return nil
}

// ProcessBatch appends the column.
func (s *stamp) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	n := int(b.NumRows())
	buf := memory.NewResizableBuffer(s.alloc)
	defer buf.Release()
	buf.Resize(n * arrow.Int64SizeBytes)
	for i, values := 0, arrow.Int64Traits.CastFromBytes(buf.Bytes()); i < n; i++ {
		values[i] = int64(s.w)
	}
	data := array.NewData(s.schema.Field(len(s.schema.Fields())-1).Type, n, []*memory.Buffer{nil, buf}, nil, 0, 0)
	defer data.Release()
	col := array.MakeFromData(data)
	defer col.Release()
	cols := append(append(make([]arrow.Array, 0, b.NumCols()+1), b.Columns()...), col)
	rec := array.NewRecordBatch(s.schema, cols, int64(n))
	return out.Emit(ctx, stream.Batch{RecordBatch: rec, Shard: b.Shard, Ops: b.Ops})
}

// ProcessCut forwards the watermark, held back.
func (s *stamp) ProcessCut(_ context.Context, c stream.Cut, _ operators.Collector) (stream.Time, error) {
	switch {
	case s.node.Hold != physical.HoldToEnd:
		s.w = c.W.Add(-s.node.Hold)
	case c.W == stream.MaxTime || c.Final:
		s.w = stream.MaxTime
	}
	return s.w, nil
}

// Close has nothing to free.
func (s *stamp) Close() error { return nil }
