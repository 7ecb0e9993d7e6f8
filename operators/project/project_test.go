package project

import (
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

type collector struct{ got []stream.Batch }

func (c *collector) Emit(_ context.Context, b stream.Batch) error {
	c.got = append(c.got, b)
	return nil
}

func TestProject(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	schema := stream.Schema{{Name: "n", Type: types.BigintType}}
	col := &physical.Column{T: types.BigintType, Name: "n"}
	node := &physical.Project{
		In:    &physical.Scan{Fields: schema},
		Names: []string{"next", "n"},
		Exprs: []physical.Expr{
			&physical.Call{Fn: "+", T: types.BigintType, Args: []physical.Expr{col, &physical.Literal{T: types.BigintType, Value: int64(1)}}},
			col,
		},
	}
	op, err := New(node)
	if err != nil {
		t.Fatal(err)
	}
	ctx, ledger := context.Background(), &stream.Ledger{}
	if err := op.Open(ctx, &operators.Runtime{Alloc: alloc, Ledger: ledger}); err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	b := array.NewRecordBuilder(alloc, schema.Arrow())
	b.Field(0).(*array.Int64Builder).AppendValues([]int64{1, 1<<63 - 1, 3}, nil)
	in := stream.Batch{RecordBatch: b.NewRecordBatch(), Shard: 2, Ops: []stream.Op{stream.Insert, stream.Delete, stream.Insert}}
	b.Release()
	var out collector
	if err := op.ProcessBatch(ctx, 0, in, &out); err != nil {
		t.Fatal(err)
	}
	defer in.Release()
	got := out.got[0]
	defer got.Release()
	if got.Shard != 2 || cmp.Diff(in.Ops, got.Ops) != "" || got.NumRows() != 3 {
		t.Errorf("shard %d, ops %v, rows %d", got.Shard, got.Ops, got.NumRows())
	}
	if got.Schema().String() != node.Schema().Arrow().String() {
		t.Errorf("schema %v", got.Schema())
	}
	next := got.Column(0).(*array.Int64)
	if next.Value(0) != 2 || !next.IsNull(1) || next.Value(2) != 4 || ledger.Nulled != 1 {
		t.Errorf("column %v, nulled %d", next, ledger.Nulled)
	}
	if &got.Column(1).(*array.Int64).Int64Values()[0] != &in.Column(0).(*array.Int64).Int64Values()[0] {
		t.Error("a plain column was copied")
	}
}

func TestRefused(t *testing.T) {
	bad := &physical.Call{Fn: "no_such", T: types.BigintType}
	if _, err := New(&physical.Project{Exprs: []physical.Expr{bad}, Names: []string{"x"}}); err == nil {
		t.Error("an unknown function is taken")
	}
	if _, err := New(&physical.Project{Exprs: []physical.Expr{bad}}); err == nil {
		t.Error("a column without a name is taken")
	}
}
