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
	evals  []expr.Evaluator
}

// New returns an operator that computes the node's expressions. It fails if one
// of them cannot be compiled.
func New(n *physical.Project) (operators.Operator, error) {
	if len(n.Names) != len(n.Exprs) {
		return nil, fmt.Errorf("%d names for %d columns", len(n.Names), len(n.Exprs))
	}
	if _, err := compile(n, expr.Env{}); err != nil {
		return nil, err
	}
	return &project{node: n, schema: n.Schema().Arrow()}, nil
}

func compile(n *physical.Project, env expr.Env) ([]expr.Evaluator, error) {
	evals := make([]expr.Evaluator, len(n.Exprs))
	for i, e := range n.Exprs {
		var err error
		if evals[i], err = expr.Compile(e, env); err != nil {
			return nil, fmt.Errorf("compile column %s: %w", n.Names[i], err)
		}
	}
	return evals, nil
}

// Open compiles the expressions for the operator's lane.
func (p *project) Open(_ context.Context, rt *operators.Runtime) (err error) {
	p.evals, err = compile(p.node, expr.Env{Alloc: rt.Alloc, Ledger: rt.Ledger})
	return err
}

// ProcessBatch emits the computed columns of the same rows.
func (p *project) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	cols := make([]arrow.Array, 0, len(p.evals))
	defer func() {
		for _, c := range cols {
			c.Release() // the batch holds its own references
		}
	}()
	for i, e := range p.evals {
		col, err := e.Eval(b)
		if err != nil {
			return fmt.Errorf("compute column %s: %w", p.node.Names[i], err)
		}
		cols = append(cols, col)
	}
	rec := array.NewRecordBatch(p.schema, cols, b.NumRows())
	return out.Emit(ctx, stream.Batch{RecordBatch: rec, Shard: b.Shard, Ops: b.Ops})
}
