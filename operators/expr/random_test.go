package expr

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// columnTypes is the schema of the random batches.
func columnTypes() []types.Type {
	return []types.Type{
		types.BooleanType, types.BooleanType, types.BigintType, types.BigintType,
		types.DoubleType, types.DoubleType, types.DecimalType(12, 3), types.DecimalType(38, 10),
		types.VarcharType, types.VarcharOf(5), types.DatetimeType(6), types.DatetimeType(3), types.DateType,
		types.UbigintType, types.UbigintType, types.IntType(32, false), types.IntType(8, true), types.FloatType,
		types.TimeType(6), types.TimeType(1), types.VarbinaryType, types.VarbinaryOf(3), types.JSONType,
	}
}

const (
	microsMin = -719_528 * microsPerDay // year 0
	microsMax = 2_932_897*microsPerDay - 1
)

// wide draws a number of any length, for rapid's are mostly short.
func (g generator) wide(typ types.Type) any {
	switch typ.Kind {
	case types.Bigint:
		n := int64(g.rng.Uint64()) >> g.pick(64)
		if typ.Width > 0 {
			least, greatest := typ.IntRange()
			return least + int64(uint64(n)%uint64(greatest-least+1))
		}
		return n
	case types.Ubigint:
		return g.rng.Uint64() >> g.pick(64)
	case types.Double:
		if typ.Width == 32 {
			for {
				if f := math.Float32frombits(g.rng.Uint32()); finite(float64(f)) && f != 0 {
					return float64(f)
				}
			}
		}
		if f := math.Float64frombits(g.rng.Uint64()); g.pick(2) == 0 && finite(f) {
			return f
		}
		return float64(g.rng.IntN(2_000_001)-1_000_000) / math.Pow10(g.pick(7))
	}
	var digits []byte
	for range 1 + g.pick(typ.Precision) {
		digits = append(digits, byte('0'+g.pick(10)))
	}
	n, _ := types.ParseDecimal(digits, typ.Precision, 0)
	if g.pick(2) == 0 {
		n = n.Negate()
	}
	return n
}

// value draws a value of a type that is not NULL, often a special one.
func (g generator) value(typ types.Type) any {
	t := g.t
	if typ.IsNumeric() && g.pick(2) == 0 {
		return g.wide(typ)
	}
	switch typ.Kind {
	case types.Boolean:
		return rapid.Bool().Draw(t, "bool")
	case types.Ubigint:
		return rapid.OneOf(rapid.Uint64Range(0, 5), rapid.SampledFrom([]uint64{math.MaxUint64, 1 << 63, 1<<63 - 1, 1 << 53, 20261120})).Draw(t, "uint")
	case types.Time:
		n := rapid.OneOf(rapid.Int64Range(-types.TimeMax, types.TimeMax), rapid.Int64Range(-5_000_000, 5_000_000),
			rapid.SampledFrom([]int64{types.TimeMax, -types.TimeMax, 0, microsPerDay - 1})).Draw(t, "time")
		if typ.Precision == 1 {
			n = n / 100_000 * 100_000
		}
		return n
	case types.Bigint:
		if typ.Width > 0 {
			return g.wide(typ)
		}
		return rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64Range(-3, 3), rapid.Int64Range(-99999, 99999),
			rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, 1 << 53, 20261120, 20261120101530, 1e18}), rapid.Int64()).Draw(t, "int")
	case types.Double:
		if typ.Width == 32 {
			return rapid.SampledFrom([]float64{0, 1, -1, 0.5, 2.5, float64(float32(0.1)), 16777216, math.MaxFloat32, math.SmallestNonzeroFloat32}).Draw(t, "float")
		}
		return rapid.OneOf(rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, -1, 0.5, 1.5, 2.5, -2.5, 1e300, -1e300, 1e-300, 9.3e18, 0.1}),
			rapid.Float64Range(-1000, 1000), rapid.Float64()).Draw(t, "double")
	case types.Decimal:
		limit := int64(1e15)
		for p := typ.Precision; p < 15; p++ {
			limit /= 10
		}
		n := decimal128.FromI64(rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64Range(1-limit, limit-1)).Draw(t, "decimal"))
		if typ.Precision == 38 && rapid.IntRange(0, 5).Draw(t, "huge") == 0 {
			n = decimal128.New(rapid.Int64Range(-5e18, 5e18).Draw(t, "hi"), rapid.Uint64().Draw(t, "lo"))
		}
		return n
	case types.Datetime:
		unit := int64(1)
		for range 6 - typ.Precision {
			unit *= 10
		}
		n := rapid.OneOf(rapid.Int64Range(microsMin, microsMax), rapid.Int64Range(-microsPerDay, microsPerDay),
			rapid.SampledFrom([]int64{microsMax, microsMin, 0, 1795168800000000})).Draw(t, "datetime")
		return floorDiv(n, unit) * unit
	case types.JSON:
		return rapid.SampledFrom([]string{`null`, `1`, `-0.5`, `18446744073709551615`, `1e300`, `true`, `"a"`, `"a\"é\\n"`, `[]`, `{}`, `[1,[2,"a"],{"a":null}]`,
			`{"a":[1,{"b":"x y"}],"x y":2}`, `{"a":{"a":{"a":1}}}`, `[{"a":1},{"a":2}]`, `{"a":1,"a":2}`, `"2026-11-20"`}).Draw(t, "json")
	case types.Date:
		return rapid.OneOf(rapid.Int64Range(-719528, 2932896), rapid.Int64Range(-100, 100)).Draw(t, "date")
	}
	s := rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "ab", "A", "%", "a%", "_b", `\%`, "äöü", "日本語", "👍🏽", " 12 ", "12.5", "-3", "1e3", "1e400", "true",
			"18446744073709551615", "18446744073709551616", "-12:34:56.75", "838:59:59.4", "0:00", "3.5e38", "1e39",
			"2026-11-20", "2026-11-20 10:00:00.1239999", "2026-11-20T10:00:00Z", "9999-12-31 23:59:59.999999", "nan", "0x10"}),
		rapid.StringOfN(rapid.RuneFrom([]rune("abAB%_ \\é日")), 0, 8, -1)).Draw(t, "text")
	if typ.Kind == types.Varbinary {
		s = rapid.SampledFrom([]string{s, "\xff", "\x00", "\xc3", s + "\x80", "12", "-1"}).Draw(t, "bytes")
		if typ.Length > 0 {
			s = s[:min(len(s), typ.Length)]
		}
		return s
	}
	if r := []rune(s); typ.Length > 0 && len(r) > typ.Length {
		s = string(r[:typ.Length])
	}
	return s
}

// batch draws rows, NULLs among them, as Arrow and as the model's values.
// The batch is a slice of a larger one, so that offsets are not all 0.
func (g generator) batch(alloc memory.Allocator) (arrow.RecordBatch, [][]any) {
	t := g.t
	n, skip := rapid.SampledFrom([]int{0, 1, 5, 63, 64, 65, 130}).Draw(t, "rows"), rapid.IntRange(0, 9).Draw(t, "skip")
	schema := make(stream.Schema, len(columnTypes()))
	rows := make([][]any, n)
	cols := make([]arrow.Array, len(schema))
	for c, typ := range columnTypes() {
		schema[c] = stream.Field{Name: fmt.Sprint("c", c), Type: typ}
		b := array.NewBuilder(alloc, stream.ArrowType(typ))
		pool := []any{nil}
		for range 8 { // few draws make many rows: rapid would be slow otherwise
			pool = append(pool, g.value(typ))
		}
		if rapid.IntRange(0, 3).Draw(t, "dense") == 0 {
			pool = pool[1:]
		}
		step := rapid.SampledFrom([]int{1, 2, 5, 7}).Draw(t, "step")
		for i := range skip + n {
			v := pool[(i*step+i/7)%len(pool)]
			appendValue(b, v)
			if i >= skip {
				if d, ok := v.(decimal128.Num); ok {
					v = decimalOf(d, typ.Scale)
				}
				rows[i-skip] = append(rows[i-skip], v)
			}
		}
		cols[c] = b.NewArray()
		b.Release()
	}
	whole := array.NewRecordBatch(schema.Arrow(), cols, int64(skip+n))
	defer whole.Release()
	for _, c := range cols {
		c.Release()
	}
	return whole.NewSlice(int64(skip), int64(skip+n)), rows
}

func appendValue(b array.Builder, v any) {
	if v == nil {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.Int64Builder:
		b.Append(v.(int64))
	case *array.Uint64Builder:
		b.Append(v.(uint64))
	case *array.Float64Builder:
		b.Append(v.(float64))
	case *array.Decimal128Builder:
		b.Append(v.(decimal128.Num))
	case *array.StringBuilder:
		b.Append(v.(string))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.(int64)))
	case *array.Date32Builder:
		b.Append(arrow.Date32(v.(int64)))
	}
}

// valueAt reads a row of a result as the model's value.
func valueAt(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Uint64:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.Decimal128:
		return decimalOf(a.Value(i), int(a.DataType().(*arrow.Decimal128Type).Scale))
	case *array.String:
		return a.Value(i)
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.Date32:
		return int64(a.Value(i))
	}
	panic(a.DataType())
}

func sameValue(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if x, ok := a.(*apd.Decimal); ok {
		return x.Cmp(b.(*apd.Decimal)) == 0
	}
	return a == b
}

// TestAgainstModel holds random expressions over random batches against the
// row-at-a-time model: values, NULLs and the count of what had no value.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer alloc.AssertSize(t, 0)
		g := generator{t, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "shape"), 0))}
		batch, rows := g.batch(alloc)
		defer batch.Release()
		for range 20 { // expressions are cheaper than batches
			checkModel(t, g.expr(g.anyType(), 1+g.pick(4)), alloc, batch, rows)
		}
	})
}

func checkModel(t *rapid.T, e physical.Expr, alloc memory.Allocator, batch arrow.RecordBatch, rows [][]any) {
	text := format(e)

	var ledger stream.Ledger
	env := Env{Alloc: alloc, Ledger: &ledger}
	eval, err := Compile(e, env)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	folded, err := Fold(e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := eval.Eval(batch)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer got.Release()
	if !arrow.TypeEqual(got.DataType(), stream.ArrowType(e.Type())) || got.Len() != len(rows) {
		t.Fatalf("%s: %d rows of %s", text, got.Len(), got.DataType())
	}
	nulled, want := 0, make([]any, len(rows))
	for i, row := range rows {
		m := model{row: row}
		want[i] = m.eval(folded)
		nulled += m.nulled
		if v := valueAt(got, i); !sameValue(v, want[i]) {
			t.Fatalf("%s\nrow %d %v\nis %v, want %v", text, i, row, v, want[i])
		}
	}
	if int64(nulled) != ledger.Nulled {
		t.Fatalf("%s: %d values were nulled, want %d", text, ledger.Nulled, nulled)
	}
	checkCuts(t, text, e, env, batch, want)
	checkSelect(t, e, env, batch, want)
}

// checkCuts evaluates the same rows in two batches, with one evaluator.
func checkCuts(t *rapid.T, text string, e physical.Expr, env Env, b arrow.RecordBatch, want []any) {
	eval, err := Compile(e, env)
	if err != nil {
		t.Fatal(err)
	}
	cut := rapid.Int64Range(0, b.NumRows()).Draw(t, "cut")
	for _, part := range [][2]int64{{cut, b.NumRows()}, {0, cut}} {
		slice := b.NewSlice(part[0], part[1])
		got, err := eval.Eval(slice)
		slice.Release()
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Len() {
			if v := valueAt(got, i); !sameValue(v, want[int(part[0])+i]) {
				t.Fatalf("%s: cut at %d, row %d is %v, want %v", text, cut, int(part[0])+i, v, want[int(part[0])+i])
			}
		}
		got.Release()
	}
}

func checkSelect(t *rapid.T, e physical.Expr, env Env, b arrow.RecordBatch, want []any) {
	if e.Type().Kind != types.Boolean {
		return
	}
	p, err := CompilePredicate(e, env)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Select(b, []int32{7, 7})
	if err != nil {
		t.Fatal(err)
	}
	var rows []int32
	for i, v := range want {
		if v == true {
			rows = append(rows, int32(i))
		}
	}
	if !slices.Equal(got, rows) {
		t.Fatalf("%s selects %v, want %v", format(e), got, rows)
	}
	taken, err := Take(env.Alloc, b, got)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Release()
	for c := range int(b.NumCols()) {
		for i, r := range got {
			if v, w := valueAt(taken.Column(c), i), valueAt(b.Column(c), int(r)); !sameValue(v, w) {
				t.Fatalf("column %d row %d: took %v, want %v", c, r, v, w)
			}
		}
	}
}

// format prints an expression for people.
func format(e physical.Expr) string {
	switch e := e.(type) {
	case *physical.Literal:
		if n, ok := e.Value.(decimal128.Num); ok {
			return string(types.AppendDecimal(nil, n, e.T.Scale))
		}
		return fmt.Sprintf("%#v", e.Value)
	case *physical.Column:
		return fmt.Sprintf("c%d:%s", e.Index, e.T)
	}
	c := e.(*physical.Call)
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = format(a)
	}
	return fmt.Sprintf("%s(%s):%s", c.Fn, strings.Join(args, ", "), c.T)
}
