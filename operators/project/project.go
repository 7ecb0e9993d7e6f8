package project

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/expr"
	"weir/operators/stream"
	"weir/planner/physical"
)

type project struct {
	operators.Stateless
	node   *physical.Project
	schema *arrow.Schema
	cols   *expr.Columns
}

// New returns an operator that computes the node's expressions. It fails if one
// of them cannot be compiled.
func New(n *physical.Project) (operators.Operator, error) {
	if len(n.Names) != len(n.Exprs) {
		return nil, fmt.Errorf("%d names for %d columns", len(n.Names), len(n.Exprs))
	}
	if _, err := expr.CompileColumns(n.Names, n.Exprs, expr.Env{}); err != nil {
		return nil, err
	}
	return &project{node: n, schema: n.Schema().Arrow()}, nil
}

// Open compiles the expressions for the operator's lane.
func (p *project) Open(_ context.Context, rt *operators.Runtime) (err error) {
	p.cols, err = expr.CompileColumns(p.node.Names, p.node.Exprs, expr.Env{Alloc: rt.Alloc, Ledger: rt.Ledger})
	return err
}

// ProcessBatch emits the computed columns of the same rows, in several batches
// where they are long.
func (p *project) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	return p.cols.Eval(b.RecordBatch, func(cols []arrow.Array, first, end int) error {
		rec := array.NewRecordBatch(p.schema, cols, int64(end-first)) // holds its own references
		return out.Emit(ctx, b.With(rec, first, end))
	})
}
