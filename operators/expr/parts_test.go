package expr

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// numbered returns n rows: c0 counts from 0, c1 is a text of the same number.
func numbered(alloc memory.Allocator, n int) arrow.RecordBatch {
	schema := stream.Schema{{Name: "n", Type: types.BigintType}, {Name: "s", Type: types.VarcharType}}
	b := array.NewRecordBuilder(alloc, schema.Arrow())
	defer b.Release()
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprint(i))
	}
	return b.NewRecordBatch()
}

func call(fn string, t types.Type, args ...physical.Expr) *physical.Call {
	return &physical.Call{Fn: fn, T: t, Args: args}
}

func bigint(n int64) physical.Expr {
	return &physical.Literal{T: types.BigintType, Value: n}
}

var (
	countColumn = &physical.Column{Index: 0, T: types.BigintType, Name: "n"}
	textColumn  = &physical.Column{Index: 1, T: types.VarcharType, Name: "s"}
)

// peak watches what is in use of the heap while run goes on, without what the
// collector has only not come to yet, and returns by how much it grew.
func peak(t *testing.T, run func(look func())) uint64 {
	t.Helper()
	var m runtime.MemStats
	look := func() uint64 {
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := look()
	most := before
	run(func() { most = max(most, look()) })
	return max(most, look()) - before
}

// TestLongTexts computes 400 MiB of text from a batch in a small part of that.
func TestLongTexts(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	b := numbered(alloc, 400)
	defer b.Release()
	text := &physical.Literal{T: types.VarcharType, Value: "x"}
	long := call("repeat", types.VarcharType, text, call("+", types.BigintType, countColumn, bigint(1<<20-1000)))
	var ledger stream.Ledger
	cols, err := CompileColumns([]string{"long", "n", "div"}, []physical.Expr{
		long, countColumn,
		call("/", types.DoubleType, &physical.Literal{T: types.DoubleType, Value: 1.0}, call("cast", types.DoubleType, countColumn)),
	}, Env{Alloc: alloc, Ledger: &ledger})
	if err != nil {
		t.Fatal(err)
	}
	next, parts := 0, 0
	grown := peak(t, func(look func()) {
		err = cols.Eval(b, func(cols []arrow.Array, first, end int) error {
			look()
			parts++
			if first != next || end <= first {
				t.Errorf("rows %d to %d came behind row %d", first, end, next)
			}
			for i := range end - first {
				if got := len(cols[0].(*array.String).Value(i)); got != 1<<20-1000+first+i || cols[1].(*array.Int64).Value(i) != int64(first+i) {
					t.Fatalf("row %d has %d bytes and the number %d", first+i, got, cols[1].(*array.Int64).Value(i))
				}
			}
			next = end
			return nil
		})
	})
	if err != nil || next != 400 || parts < (400<<20)/partBytesMax {
		t.Errorf("%d rows in %d parts, error %v", next, parts, err)
	}
	if ledger.Nulled != 1 {
		t.Errorf("%d values were nulled, want 1/0 only", ledger.Nulled)
	}
	if limit := uint64(128 << 20); grown > limit {
		t.Errorf("memory grew by %d MiB, want at most %d", grown>>20, limit>>20)
	}
}

// TestLongTextsWithin has the long texts inside of expressions, where a predicate
// or a number is made of them.
func TestLongTextsWithin(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	const n = 400
	b := numbered(alloc, n)
	defer b.Release()
	long := call("concat", types.VarcharType, call("repeat", types.VarcharType, textColumn, bigint(300_000)), textColumn)
	length := call("length", types.BigintType, long)
	var ledger stream.Ledger
	env := Env{Alloc: alloc, Ledger: &ledger}
	var got arrow.Array
	grown := peak(t, func(func()) {
		eval, err := Compile(length, env)
		if err == nil {
			got, err = eval.Eval(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	defer got.Release()
	for i := range n {
		if want := int64(300_001 * len(fmt.Sprint(i))); got.(*array.Int64).Value(i) != want {
			t.Fatalf("row %d has %d bytes, want %d", i, got.(*array.Int64).Value(i), want)
		}
	}
	var rows []int32
	grown = max(grown, peak(t, func(func()) {
		pred, err := CompilePredicate(call("like", types.BooleanType, long, &physical.Literal{T: types.VarcharType, Value: "%77"}), env)
		if err == nil {
			rows, err = pred.Select(b, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}))
	var want []int32
	for i := range n {
		if s := fmt.Sprint(i); strings.HasSuffix(s+s, "77") {
			want = append(want, int32(i))
		}
	}
	if fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("selects %v, want %v", rows, want)
	}
	if ledger.Nulled != 0 {
		t.Errorf("%d values were nulled", ledger.Nulled)
	}
	if limit := uint64(128 << 20); grown > limit {
		t.Errorf("memory grew by %d MiB, want at most %d", grown>>20, limit>>20)
	}
}

// TestLongConstant has a constant that is long, once per row.
func TestLongConstant(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	b := numbered(alloc, 512)
	defer b.Release()
	cols, err := CompileColumns([]string{"x", "y"}, []physical.Expr{
		call("repeat", types.VarcharType, &physical.Literal{T: types.VarcharType, Value: "x"}, bigint(1_000_000)),
		call("repeat", types.VarcharType, &physical.Literal{T: types.VarcharType, Value: "yy"}, bigint(500_000)),
	}, Env{Alloc: alloc})
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	grown := peak(t, func(look func()) {
		err = cols.Eval(b, func(cols []arrow.Array, first, end int) error {
			if first%64 == 0 {
				look()
			}
			for _, col := range cols {
				if col.Len() != end-first || len(col.(*array.String).Value(0)) != 1_000_000 {
					t.Errorf("rows %d to %d are %d", first, end, col.Len())
				}
			}
			next = end
			return nil
		})
	})
	if err != nil || next != 512 {
		t.Errorf("%d rows, error %v", next, err)
	}
	if limit := uint64(128 << 20); grown > limit {
		t.Errorf("memory grew by %d MiB, want at most %d", grown>>20, limit>>20)
	}
}
