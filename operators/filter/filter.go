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
	node *physical.Filter
	rt   *operators.Runtime
	pred expr.Predicate
	rows []int32 // memory of the kept rows' numbers
}

// New returns an operator that passes the rows for which the node's predicate
// is TRUE. It fails if the predicate cannot be compiled.
func New(n *physical.Filter) (operators.Operator, error) {
	if _, err := expr.CompilePredicate(n.Pred, expr.Env{}); err != nil {
		return nil, fmt.Errorf("compile predicate: %w", err)
	}
	return &filter{node: n}, nil
}

// Open compiles the predicate for the operator's lane.
func (f *filter) Open(_ context.Context, rt *operators.Runtime) (err error) {
	f.rt = rt
	f.pred, err = expr.CompilePredicate(f.node.Pred, expr.Env{Alloc: rt.Alloc, Ledger: rt.Ledger})
	if err != nil {
		return fmt.Errorf("compile predicate: %w", err)
	}
	return nil
}

// ProcessBatch passes the kept rows on.
func (f *filter) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	var err error
	if f.rows, err = f.pred.Select(b, f.rows); err != nil {
		return fmt.Errorf("evaluate predicate: %w", err)
	}
	if f.rt.Ledger != nil {
		f.rt.Ledger.Filtered += b.NumRows() - int64(len(f.rows))
	}
	switch int64(len(f.rows)) {
	case 0:
		return nil
	case b.NumRows():
		b.Retain() // Emit takes ownership; b was only borrowed.
		return out.Emit(ctx, b)
	}
	kept, err := expr.Take(f.rt.Alloc, b, f.rows)
	if err != nil {
		return fmt.Errorf("copy kept rows: %w", err)
	}
	return out.Emit(ctx, b.Take(kept, f.rows))
}
