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
	n      *physical.Project
	schema *arrow.Schema
	evals  []expr.Evaluator // nil where the column is passed on
}

// New returns an operator that emits one column per expression of n.
func New(n *physical.Project) (operators.Operator, error) {
	return &project{n: n, schema: n.Schema().Arrow()}, nil
}

// Open compiles the expressions.
func (p *project) Open(_ context.Context, rt *operators.Runtime) error {
	p.evals = make([]expr.Evaluator, len(p.n.Exprs))
	env := expr.Env{Alloc: rt.Alloc, Ledger: rt.Ledger}
	for i, e := range p.n.Exprs {
		if _, plain := e.(*physical.Column); plain {
			continue
		}
		var err error
		if p.evals[i], err = expr.Compile(e, env); err != nil {
			return fmt.Errorf("compile column %s: %w", p.n.Names[i], err)
		}
	}
	return nil
}

// ProcessBatch emits the computed columns of the same rows.
func (p *project) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	cols := make([]arrow.Array, len(p.evals))
	for i, eval := range p.evals {
		if eval == nil {
			cols[i] = b.Column(p.n.Exprs[i].(*physical.Column).Index)
			continue
		}
		arr, err := eval.Eval(b.RecordBatch)
		if err != nil {
			return fmt.Errorf("evaluate column %s: %w", p.n.Names[i], err)
		}
		defer arr.Release()
		cols[i] = arr
	}
	rec := array.NewRecordBatch(p.schema, cols, b.NumRows())
	return out.Emit(ctx, stream.Batch{RecordBatch: rec, Shard: b.Shard, Ops: b.Ops})
}
