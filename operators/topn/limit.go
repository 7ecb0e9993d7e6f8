package topn

import (
	"context"
	"fmt"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
)

// limit passes some rows.
type limit struct {
	operators.Stateless
	skip, left int64
}

// NewLimit returns an operator that passes n.Count rows behind the first
// n.Offset, and then returns operators.ErrDone.
func NewLimit(n *physical.Limit) (operators.Operator, error) {
	if n.Count < 0 || n.Offset < 0 {
		return nil, fmt.Errorf("limit %d offset %d", n.Count, n.Offset)
	}
	return &limit{skip: n.Offset, left: n.Count}, nil
}

// ProcessBatch passes the rows that are wanted.
func (l *limit) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	if b.Ops != nil {
		return fmt.Errorf("limit: its input takes rows back; only final rows can be counted")
	}
	from := min(l.skip, b.NumRows())
	to := min(from+l.left, b.NumRows())
	l.skip -= from
	l.left -= to - from
	if to > from {
		part := stream.Batch{RecordBatch: b.NewSlice(from, to), Shard: b.Shard}
		if err := out.Emit(ctx, part); err != nil {
			return err
		}
	}
	return l.done()
}

// ProcessCut forwards the watermark.
func (l *limit) ProcessCut(_ context.Context, c stream.Cut, _ operators.Collector) (stream.Time, error) {
	return c.W, l.done()
}

func (l *limit) done() error {
	if l.left == 0 {
		return operators.ErrDone
	}
	return nil
}
