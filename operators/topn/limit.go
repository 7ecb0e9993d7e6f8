package topn

import (
	"context"
	"errors"
	"fmt"

	"weir/operators"
	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
	"weir/planner/physical"
)

type limit struct {
	operators.Stateless
	skip, left int64 // rows to drop, then rows to pass
}

// NewLimit returns an operator that passes n.Count rows after n.Offset. It
// returns operators.ErrDone with the batch that it has enough with, and from
// then on. A Delete is an error: rows that were passed cannot be taken back.
func NewLimit(n *physical.Limit) (operators.Operator, error) {
	if n.Count < 0 || n.Offset < 0 {
		return nil, fmt.Errorf("limit %d offset %d", n.Count, n.Offset)
	}
	return &limit{skip: n.Offset, left: n.Count}, nil
}

const (
	limitPage    = "left"
	limitVersion = 1
)

// Open loads how many rows are still wanted.
func (l *limit) Open(_ context.Context, rt *operators.Runtime) error {
	if rt.State == nil {
		return nil
	}
	b, err := rt.State.Get(limitPage)
	if err != nil {
		return fmt.Errorf("restore a limit: %w", err)
	}
	r := page.NewReader(b, limitVersion)
	skip, left := r.Int(), r.Int()
	if skip < 0 || skip > l.skip || left < 0 || left > l.left {
		r.Fail("%d rows to drop and %d to pass", skip, left)
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("restore a limit: %w", err)
	}
	l.skip, l.left = skip, left
	return nil
}

// Snapshot writes how many rows are still wanted.
func (l *limit) Snapshot(_ context.Context, w state.Writer) error {
	p := page.NewWriter(limitVersion, 16)
	p.Int(l.skip)
	p.Int(l.left)
	w.Put(limitPage, p.Bytes())
	return nil
}

// ProcessBatch passes the rows that are wanted.
func (l *limit) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	for _, op := range b.Ops {
		if op == stream.Delete {
			return errors.New("limit over rows that are taken back")
		}
	}
	from := min(l.skip, b.NumRows())
	l.skip -= from
	to := from + min(l.left, b.NumRows()-from)
	if to > from {
		l.left -= to - from
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
