package expr

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

const benchRows = 4096

// benchBatch has, by column: BIGINT, BIGINT with NULLs, DOUBLE, DOUBLE,
// DECIMAL(10,2), VARCHAR, DATETIME(3).
func benchBatch() arrow.RecordBatch {
	s := stream.Schema{
		{Name: "a", Type: types.BigintType}, {Name: "b", Type: types.BigintType}, {Name: "x", Type: types.DoubleType},
		{Name: "y", Type: types.DoubleType}, {Name: "d", Type: types.DecimalType(10, 2)}, {Name: "s", Type: types.VarcharType},
		{Name: "t", Type: types.DatetimeType(3)},
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, s.Arrow())
	words := []string{"DFW", "ORD", "LAX", "a longer text than most", "SFO"}
	for i := range benchRows {
		h := int64(i*2654435761) % 1000
		b.Field(0).(*array.Int64Builder).Append(h)
		if i%10 == 0 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.Int64Builder).Append(h / 3)
		}
		b.Field(2).(*array.Float64Builder).Append(float64(h) / 7)
		b.Field(3).(*array.Float64Builder).Append(float64(i))
		d, _ := types.ParseDecimal("12345.67", 10, 2)
		b.Field(4).(*array.Decimal128Builder).Append(d)
		b.Field(5).(*array.StringBuilder).Append(words[i%len(words)])
		b.Field(6).(*array.TimestampBuilder).Append(arrow.Timestamp(1795168800000000 + int64(i)*1000))
	}
	return b.NewRecordBatch()
}

func BenchmarkEval(b *testing.B) {
	col := func(i int, t types.Type) physical.Expr { return &physical.Column{Index: i, T: t} }
	i, f, dt, bt := types.BigintType, types.DoubleType, types.DecimalType(10, 2), types.BooleanType
	a, n, x, y, d, s, t := col(0, i), col(1, i), col(2, f), col(3, f), col(4, dt), col(5, types.VarcharType), col(6, types.DatetimeType(3))
	and := fn("and", bt, fn(">", bt, a, 100), fn("<", bt, x, 100.0))
	for _, c := range []struct {
		name string
		e    physical.Expr
	}{
		{"add_int", fn("+", i, a, a)}, {"add_int_null", fn("+", i, a, n)}, {"add_int_const", fn("+", i, a, 5)}, {"mul_int", fn("*", i, a, a)},
		{"add_double", fn("+", f, x, y)}, {"mul_double_const", fn("*", f, x, 1.1)}, {"div_double", fn("/", f, x, fn("+", f, y, 1.0))},
		{"less_int", fn("<", bt, a, n)}, {"less_int_const", fn("<", bt, a, 500)}, {"equal_double_const", fn("=", bt, x, 5.0)}, {"and", and},
		{"add_decimal", fn("+", types.DecimalType(11, 2), d, d)}, {"mul_decimal", fn("*", types.DecimalType(20, 4), d, d)}, {"div_decimal", fn("/", types.DecimalType(16, 6), d, d)},
		{"less_decimal", fn("<", bt, d, dec("1.5"))}, {"equal_text_const", fn("=", bt, s, "ORD")}, {"like_prefix", fn("like", bt, s, "a long%")}, {"upper", fn("upper", types.VarcharType, s)},
		{"concat_ws", fn("concat_ws", types.VarcharType, ",", s, s, s)}, {"regexp_like", fn("regexp_like", bt, s, "^[A-Z]{3}$", "c")}, {"sha2", fn("sha2", types.VarcharType, s, 256)},
		{"in_4", fn("in", bt, a, 1, 2, 3, 4)}, {"in_12", fn("in", bt, a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)},
		{"case", fn("case", i, fn("<", bt, a, 300), a, fn("<", bt, a, 600), n, 0)}, {"hour", fn("hour", i, t)}, {"month", fn("month", i, t)}, {"date_add", fn("date_add", types.DatetimeType(3), t, physical.Span{Micros: -5e6})},
		{"cast_text_double", fn("cast", types.VarcharType, x)},
	} {
		b.Run(c.name, func(b *testing.B) {
			batch := benchBatch()
			defer batch.Release()
			eval, err := Compile(c.e, Env{Alloc: memory.DefaultAllocator})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				out, err := eval.Eval(batch)
				if err != nil {
					b.Fatal(err)
				}
				out.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
	b.Run("filter", func(b *testing.B) {
		batch := benchBatch()
		defer batch.Release()
		p, err := CompilePredicate(and, Env{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		var rows []int32
		for b.Loop() {
			if rows, err = p.Select(batch, rows); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
	})
	b.Run("take", func(b *testing.B) {
		batch := benchBatch()
		defer batch.Release()
		var rows []int32
		for i := int32(0); i < benchRows; i += 2 {
			rows = append(rows, i)
		}
		for b.Loop() {
			out, err := Take(memory.DefaultAllocator, batch, rows)
			if err != nil {
				b.Fatal(err)
			}
			out.Release()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
	})
}
