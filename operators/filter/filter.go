package filter

import (
	"context"
	"fmt"

	"weir/operators"
	"weir/operators/expr"
	"weir/operators/stream"
	"weir/planner/physical"
)

type filter struct {
	operators.Stateless
	n    *physical.Filter
	rt   *operators.Runtime
	pred expr.Predicate
	rows []int32 // scratch
}

// New returns an operator that passes the rows for which n.Pred is TRUE: rows
// for which it is FALSE or NULL are dropped and counted as filtered.
func New(n *physical.Filter) (operators.Operator, error) { return &filter{n: n}, nil }

// Open compiles the predicate.
func (f *filter) Open(_ context.Context, rt *operators.Runtime) (err error) {
	f.rt = rt
	f.pred, err = expr.CompilePredicate(f.n.Pred, expr.Env{Alloc: rt.Alloc, Ledger: rt.Ledger})
	if err != nil {
		return fmt.Errorf("compile predicate: %w", err)
	}
	return nil
}

// ProcessBatch passes the kept rows on.
func (f *filter) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	var err error
	if f.rows, err = f.pred.Select(b.RecordBatch, f.rows); err != nil {
		return fmt.Errorf("evaluate predicate: %w", err)
	}
	f.rt.Ledger.Filtered += b.NumRows() - int64(len(f.rows))
	switch int64(len(f.rows)) {
	case 0:
		return nil
	case b.NumRows():
		b.Retain() // Emit takes ownership; b was only borrowed.
		return out.Emit(ctx, b)
	}
	rec, err := expr.Take(f.rt.Alloc, b.RecordBatch, f.rows)
	if err != nil {
		return err
	}
	return out.Emit(ctx, stream.Batch{RecordBatch: rec, Shard: b.Shard, Ops: b.TakeOps(f.rows)})
}
