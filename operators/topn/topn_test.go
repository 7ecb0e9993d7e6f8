package topn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// row is a row of the tests: key columns of each type, and a number that tells
// rows with equal keys apart. A nil is NULL.
type row [9]any

func schema() stream.Schema {
	return stream.Schema{
		{Name: "i", Type: types.BigintType}, {Name: "s", Type: types.VarcharType}, {Name: "f", Type: types.DoubleType},
		{Name: "b", Type: types.BooleanType}, {Name: "d", Type: types.DecimalType(5, 1)}, {Name: "t", Type: types.DatetimeType(3)},
		{Name: "day", Type: types.DateType}, {Name: "nr", Type: types.BigintType}, {Name: "u", Type: types.UbigintType},
	}
}

func batchOf(alloc memory.Allocator, rows []row) stream.Batch {
	b := array.NewRecordBuilder(alloc, schema().Arrow())
	defer b.Release()
	for _, r := range rows {
		for i, v := range r {
			switch v := v.(type) {
			case nil:
				b.Field(i).AppendNull()
			case int64:
				b.Field(i).(*array.Int64Builder).Append(v)
			case string:
				b.Field(i).(*array.StringBuilder).Append(v)
			case uint64:
				b.Field(i).(*array.Uint64Builder).Append(v)
			case float64:
				b.Field(i).(*array.Float64Builder).Append(v)
			case bool:
				b.Field(i).(*array.BooleanBuilder).Append(v)
			case decimal128.Num:
				b.Field(i).(*array.Decimal128Builder).Append(v)
			case arrow.Timestamp:
				b.Field(i).(*array.TimestampBuilder).Append(v)
			case arrow.Date32:
				b.Field(i).(*array.Date32Builder).Append(v)
			}
		}
	}
	return stream.Batch{RecordBatch: b.NewRecordBatch()}
}

// collector keeps the rows that are emitted.
type collector struct {
	rows []row
	most int64 // rows of the largest batch
}

func (c *collector) Emit(_ context.Context, b stream.Batch) error {
	defer b.Release()
	c.most = max(c.most, b.NumRows())
	for i := range int(b.NumRows()) {
		var r row
		for j, col := range b.Columns() {
			if col.IsNull(i) {
				continue
			}
			switch col := col.(type) {
			case *array.Int64:
				r[j] = col.Value(i)
			case *array.Uint64:
				r[j] = col.Value(i)
			case *array.String:
				r[j] = col.Value(i)
			case *array.Float64:
				r[j] = col.Value(i)
			case *array.Boolean:
				r[j] = col.Value(i)
			case *array.Decimal128:
				r[j] = col.Value(i)
			case *array.Timestamp:
				r[j] = col.Value(i)
			case *array.Date32:
				r[j] = col.Value(i)
			}
		}
		c.rows = append(c.rows, r)
	}
	return nil
}

func compareAny(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case uint64:
		return cmp.Compare(a, b.(uint64))
	case string:
		return cmp.Compare(a, b.(string))
	case float64:
		return cmp.Compare(a, b.(float64))
	case bool:
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
	case decimal128.Num:
		return a.Cmp(b.(decimal128.Num))
	case arrow.Timestamp:
		return cmp.Compare(a, b.(arrow.Timestamp))
	}
	return cmp.Compare(a.(arrow.Date32), b.(arrow.Date32))
}

func drawRow(t *rapid.T, nr int64) row {
	n := rapid.Int64Range(-2, 2).Draw(t, "n")
	all := row{
		n, fmt.Sprint("s", n), float64(n) / 2, n > 0, decimal128.FromI64(n), arrow.Timestamp(n * 1000), arrow.Date32(n), nr, uint64(n), // a negative n is the greatest
	}
	if k := rapid.IntRange(0, 12).Draw(t, "null"); k < 7 {
		all[k] = nil
	}
	return all
}

// retracting is an input of which a sort expects Deletes.
func retracting() physical.Node {
	return &windowed{&physical.WindowFinal{In: &physical.Scan{Fields: schema()}, WindowAgg: physical.WindowAgg{Window: windows.Spec{Kind: windows.Tumble}, Lateness: time.Second}}}
}

// windowed has the schema of the tests.
type windowed struct{ physical.Node }

func (w *windowed) Schema() stream.Schema { return schema() }
func (w *windowed) Input() physical.Node  { return w.Node }

// TestSortAgainstModel sorts random rows in random batches, some of which are
// taken back, and holds the result against a stable sort of a slice.
func TestSortAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer alloc.AssertSize(t, 0)
		node := &physical.Sort{In: retracting(), Limit: rapid.Int64Range(-1, 30).Draw(t, "limit"), Offset: rapid.Int64Range(0, 10).Draw(t, "offset")}
		for range rapid.IntRange(0, 3).Draw(t, "keys") {
			node.Keys = append(node.Keys, physical.SortKey{Column: rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 6, 8}).Draw(t, "column"), Desc: rapid.Bool().Draw(t, "desc")})
		}
		deletes := rapid.Bool().Draw(t, "deletes")
		if !deletes {
			node.In = &physical.Scan{Fields: schema()}
		}
		op, err := NewSort(node)
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		if err := op.Open(ctx, &operators.Runtime{Alloc: alloc}); err != nil {
			t.Fatal(err)
		}
		defer op.Close()
		var live []row
		nr := int64(0)
		for range rapid.IntRange(0, 5).Draw(t, "batches") {
			var rows []row
			var ops []stream.Op
			for range rapid.IntRange(0, 20).Draw(t, "rows") {
				if deletes && len(live) > 0 && rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
					i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
					rows, ops = append(rows, live[i]), append(ops, stream.Delete)
					live = slices.Delete(live, i, i+1)
					continue
				}
				nr++
				r := drawRow(t, nr)
				live = append(live, r)
				rows, ops = append(rows, r), append(ops, stream.Insert)
			}
			b := batchOf(alloc, rows)
			if deletes {
				b.Ops = ops
			}
			if err := op.ProcessBatch(ctx, 0, b, nil); err != nil {
				t.Fatal(err)
			}
			b.Release()
			if w, err := op.ProcessCut(ctx, stream.Cut{W: 5}, nil); w != stream.MinTime || err != nil {
				t.Fatalf("cut before the end: %d, %v", w, err)
			}
			if rapid.IntRange(0, 3).Draw(t, "compact") == 0 {
				if err := op.(*sorter).compact(); err != nil {
					t.Fatal(err)
				}
			}
		}
		var got collector
		if w, err := op.ProcessCut(ctx, stream.Cut{W: stream.MaxTime, Final: true}, &got); w != stream.MaxTime || err != nil {
			t.Fatalf("last cut: %d, %v", w, err)
		}
		slices.SortStableFunc(live, func(a, b row) int {
			for _, k := range node.Keys {
				c := compareAny(a[k.Column], b[k.Column])
				if k.Desc {
					c = -c
				}
				if c != 0 {
					return c
				}
			}
			return 0
		})
		want := live[min(int(node.Offset), len(live)):]
		if node.Limit >= 0 {
			want = want[:min(int(node.Limit), len(want))]
		}
		if !slices.Equal(got.rows, want) {
			t.Fatalf("sorted to\n%v\nwant\n%v", got.rows, want)
		}
	})
}

// TestSortMany: many rows with a limit are let go on the way, many without one
// leave in batches of at most 4096.
func TestSortMany(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	for _, limit := range []int64{-1, 0, 10, 5000} {
		op, err := NewSort(&physical.Sort{In: &physical.Scan{Fields: schema()}, Keys: []physical.SortKey{{Column: 0, Desc: true}}, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		if err := op.Open(ctx, &operators.Runtime{Alloc: alloc}); err != nil {
			t.Fatal(err)
		}
		const batches, size = 100, 2000
		for i := range batches {
			rows := make([]row, size)
			for j := range rows {
				n := int64(i*size + j)
				rows[j] = row{n * 7919 % (batches * size), nil, nil, nil, nil, nil, nil, n}
			}
			b := batchOf(alloc, rows)
			if err := op.ProcessBatch(ctx, 0, b, nil); err != nil {
				t.Fatal(err)
			}
			b.Release()
			if held := len(op.(*sorter).rows); limit >= 0 && held > int(limit)+spareRows+size {
				t.Fatalf("limit %d: %d rows are held", limit, held)
			}
		}
		var got collector
		if _, err := op.ProcessCut(ctx, stream.Cut{Final: true}, &got); err != nil {
			t.Fatal(err)
		}
		want := int64(batches * size)
		if limit >= 0 {
			want = limit
		}
		if int64(len(got.rows)) != want || got.most > chunkRows {
			t.Fatalf("limit %d: %d rows, at most %d a batch", limit, len(got.rows), got.most)
		}
		for i, r := range got.rows {
			if r[0] != int64(batches*size-1-i) {
				t.Fatalf("limit %d: row %d has %v", limit, i, r[0])
			}
		}
		op.Close()
	}
}

func TestSortErrors(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	in := &physical.Scan{Fields: schema()}
	for _, n := range []*physical.Sort{{In: in, Offset: -1}, {In: in, Keys: []physical.SortKey{{Column: 9}}}, {In: in, Keys: []physical.SortKey{{Column: -1}}}} {
		if _, err := NewSort(n); err == nil {
			t.Errorf("%+v is taken", n)
		}
	}
	op, err := NewSort(&physical.Sort{In: in, Limit: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := op.Open(ctx, &operators.Runtime{Alloc: alloc}); err != nil {
		t.Fatal(err)
	}
	b := batchOf(alloc, []row{{int64(1)}})
	defer b.Release()
	b.Ops = []stream.Op{stream.Delete}
	err = op.ProcessBatch(ctx, 0, b, nil)
	if err == nil {
		_, err = op.ProcessCut(ctx, stream.Cut{Final: true}, &collector{})
	}
	if err == nil {
		t.Error("a row that never came was taken back")
	}
	if err := op.Close(); err != nil {
		t.Error(err)
	}
}

func TestLimit(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	rows := make([]row, 10)
	for i := range rows {
		rows[i] = row{int64(i)}
	}
	ctx := context.Background()
	for count := int64(0); count <= 12; count++ {
		for offset := int64(0); offset <= 12; offset++ {
			for size := 1; size <= 10; size += 3 {
				op, err := NewLimit(&physical.Limit{Count: count, Offset: offset})
				if err != nil {
					t.Fatal(err)
				}
				if err := op.Open(ctx, &operators.Runtime{Alloc: alloc}); err != nil {
					t.Fatal(err)
				}
				var got collector
				for part := range slices.Chunk(rows, size) {
					b := batchOf(alloc, part)
					err = op.ProcessBatch(ctx, 0, b, &got)
					b.Release()
					if err != nil {
						break
					}
				}
				want := rows[min(offset, 10):min(offset+count, 10)]
				if !slices.Equal(got.rows, want) {
					t.Errorf("limit %d offset %d in batches of %d: %v", count, offset, size, got.rows)
				}
				if done := errors.Is(err, operators.ErrDone); done != (offset+count <= 10) && count > 0 || err != nil && !done {
					t.Errorf("limit %d offset %d in batches of %d: %v", count, offset, size, err)
				}
				w, err := op.ProcessCut(ctx, stream.Cut{W: 3}, &got)
				if w != 3 || errors.Is(err, operators.ErrDone) != (int64(len(want)) == count) {
					t.Errorf("limit %d offset %d: cut forwards %d, %v", count, offset, w, err)
				}
				op.Close()
			}
		}
	}
	op, err := NewLimit(&physical.Limit{Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	b := batchOf(alloc, rows[:1])
	defer b.Release()
	b.Ops = []stream.Op{stream.Delete}
	if err := op.ProcessBatch(ctx, 0, b, &collector{}); err == nil || errors.Is(err, operators.ErrDone) {
		t.Errorf("a Delete is answered with %v", err)
	}
	if _, err := NewLimit(&physical.Limit{Count: -1}); err == nil {
		t.Error("a negative limit is taken")
	}
}
