package filter

import (
	"context"
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// collector keeps what is emitted, as values.
type collector struct {
	rows []int64
	ops  []stream.Op
	same bool // the last batch was the input's own memory
	in   stream.Batch
	err  error
}

func (c *collector) Emit(_ context.Context, b stream.Batch) error {
	defer b.Release()
	c.rows = append(c.rows, b.Column(0).(*array.Int64).Int64Values()...)
	c.ops = append(c.ops, b.Ops...)
	c.same = b.RecordBatch == c.in.RecordBatch
	return c.err
}

func batchOf(alloc memory.Allocator, s stream.Schema, values ...int64) stream.Batch {
	b := array.NewRecordBuilder(alloc, s.Arrow())
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues(values, nil)
	return stream.Batch{RecordBatch: b.NewRecordBatch(), Shard: 3}
}

func TestFilter(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	schema := stream.Schema{{Name: "n", Type: types.BigintType}}
	node := &physical.Filter{
		In: &physical.Scan{Fields: schema},
		Pred: &physical.Call{Fn: ">", T: types.BooleanType, Args: []physical.Expr{
			&physical.Column{T: types.BigintType}, &physical.Literal{T: types.BigintType, Value: int64(2)},
		}},
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
	for _, c := range []struct {
		in, want []int64
		ops, out []stream.Op
		same     bool
		filtered int64
	}{
		{in: []int64{1, 2, 3, 4}, want: []int64{3, 4}, filtered: 2},
		{in: []int64{3, 4}, want: []int64{3, 4}, same: true},
		{in: []int64{1, 2}, filtered: 2},
		{in: []int64{3, 1, 4}, ops: []stream.Op{stream.Delete, stream.Insert, stream.Insert}, want: []int64{3, 4}, out: []stream.Op{stream.Delete, stream.Insert}, filtered: 1},
		{in: []int64{3}, ops: []stream.Op{stream.Delete}, want: []int64{3}, out: []stream.Op{stream.Delete}, same: true},
	} {
		b := batchOf(alloc, schema, c.in...)
		b.Ops = c.ops
		*ledger = stream.Ledger{}
		got := collector{in: b}
		err := op.ProcessBatch(ctx, 0, b, &got)
		b.Release()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got.rows); diff != "" {
			t.Errorf("rows of %v: %s", c.in, diff)
		}
		if diff := cmp.Diff(c.out, got.ops); diff != "" {
			t.Errorf("ops of %v: %s", c.in, diff)
		}
		if got.same != c.same || ledger.Filtered != c.filtered {
			t.Errorf("%v: same %v, filtered %d", c.in, got.same, ledger.Filtered)
		}
	}
	failed := errors.New("full")
	b := batchOf(alloc, schema, 1, 5)
	defer b.Release()
	if err := op.ProcessBatch(ctx, 0, b, &collector{err: failed}); !errors.Is(err, failed) {
		t.Errorf("an error of the collector becomes %v", err)
	}
	if w, err := op.ProcessCut(ctx, stream.Cut{W: 7}, nil); w != 7 || err != nil {
		t.Errorf("cut forwards %d, %v", w, err)
	}
}

func TestRefused(t *testing.T) {
	if _, err := New(&physical.Filter{Pred: &physical.Literal{T: types.BigintType, Value: int64(1)}}); err == nil {
		t.Error("a predicate of BIGINT is taken")
	}
}
