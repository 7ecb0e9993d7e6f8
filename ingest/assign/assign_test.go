package assign

import (
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/ingest/decode"
	"weir/operators/stream"
	"weir/sql/types"
)

// TestAssign holds what is written of a value, and what the door makes of it.
func TestAssign(t *testing.T) {
	const noon = 1795176000_123456 // 2026-11-20 12:00:00.123456
	for _, c := range []struct {
		value any
		from  types.Type
		into  types.Type
		want  string // "": refused here
		code  string // at the door
	}{
		{2.5, types.DoubleType, types.BigintType, `3`, ""},
		{-2.5, types.DoubleType, types.BigintType, `-3`, ""},
		{1e30, types.DoubleType, types.BigintType, `1000000000000000000000000000000`, decode.OutOfRange},
		{math.Inf(1), types.DoubleType, types.DoubleType, ``, ""},
		{math.NaN(), types.DoubleType, types.BigintType, ``, ""},
		{0.1, types.DoubleType, types.DecimalType(5, 2), `0.1`, ""},
		{decimal128.FromI64(-1250), types.DecimalType(10, 3), types.IntType(32, false), `-1`, ""},
		{decimal128.FromI64(-1500), types.DecimalType(10, 3), types.IntType(32, false), `-2`, ""},
		{decimal128.FromI64(-1500), types.DecimalType(10, 3), types.IntType(32, true), `-2`, decode.OutOfRange},
		{int64(1), types.BigintType, types.BooleanType, `true`, ""},
		{int64(2), types.BigintType, types.BooleanType, `2`, decode.BadType},
		{true, types.BooleanType, types.DoubleType, `1`, ""},
		{true, types.BooleanType, types.BigintType, `1`, ""},
		{false, types.BooleanType, types.BooleanType, `false`, ""},
		{true, types.BooleanType, types.VarcharType, `"true"`, ""},
		{int64(math.MaxInt64), types.BigintType, types.BigintType, `"9223372036854775807"`, ""},
		{int64(-5), types.BigintType, types.UbigintType, `-5`, decode.OutOfRange},
		{int64(300), types.BigintType, types.VarcharOf(2), `"300"`, decode.BadType},
		{"12", types.VarcharType, types.BigintType, `"12"`, ""},
		{"1.5", types.VarcharType, types.BigintType, `2`, ""},
		{"-1.5e1", types.VarcharType, types.UbigintType, `-15`, decode.OutOfRange},
		{"127.6", types.VarcharType, types.IntType(8, false), `128`, decode.OutOfRange},
		{"1.5", types.JSONType, types.BigintType, `1.5`, decode.BadType},
		{".", types.VarcharType, types.BigintType, `"."`, decode.BadType},
		{"1x", types.VarcharType, types.BigintType, `"1x"`, decode.BadType},
		{"a\"\n", types.VarcharType, types.VarcharType, `"a\"\n"`, ""},
		{"\xff", types.VarcharType, types.VarcharType, ``, ""},
		{"\xff", types.VarbinaryOf(4), types.VarbinaryOf(4), `"/w=="`, ""},
		{"xy", types.VarcharType, types.VarbinaryOf(4), `"eHk="`, ""},
		{` {"a" : [1]}`, types.VarcharType, types.JSONType, `{"a":[1]}`, ""},
		{`{`, types.VarcharType, types.JSONType, ``, ""},
		{`{"a":1}`, types.JSONType, types.VarcharType, `"{\"a\":1}"`, ""},
		{`7`, types.JSONType, types.BigintType, `7`, ""},
		{`{}`, types.JSONType, types.BigintType, `{}`, decode.BadType},
		{"2026-11-20", types.VarcharType, types.DatetimeType(3), `"2026-11-20 00:00:00"`, ""},
		{int64(noon), types.DatetimeType(6), types.DatetimeType(0), `"2026-11-20 12:00:00.000000"`, ""},
		{int64(noon + 400000), types.DatetimeType(6), types.DatetimeType(0), `"2026-11-20 12:00:01.000000"`, ""},
		{int64(noon), types.DatetimeType(6), types.DatetimeType(6), `"2026-11-20 12:00:00.123456"`, ""},
		{int64(noon), types.DatetimeType(6), types.DateType, `"2026-11-20"`, ""},
		{int64(-1), types.DatetimeType(6), types.DateType, `"1969-12-31"`, ""},
		{int64(noon), types.DatetimeType(6), types.TimeType(3), `"12:00:00.123000"`, ""},
		{int64(-1), types.TimeType(0), types.TimeType(0), `"-00:00:00"`, ""},
	} {
		if why := Why(c.from, c.into); why != "" {
			t.Errorf("%s into %s: %s", c.from, c.into, why)
			continue
		}
		s := stream.Schema{{Name: "x", Type: c.from}}
		b := array.NewRecordBuilder(memory.DefaultAllocator, s.Arrow())
		switch f := b.Field(0).(type) {
		case *array.Float64Builder:
			f.Append(c.value.(float64))
		case *array.Int64Builder:
			f.Append(c.value.(int64))
		case *array.Decimal128Builder:
			f.Append(c.value.(decimal128.Num))
		case *array.BooleanBuilder:
			f.Append(c.value.(bool))
		case *array.StringBuilder:
			f.Append(c.value.(string))
		case *array.TimestampBuilder:
			f.Append(arrow.Timestamp(c.value.(int64)))
		}
		rec := b.NewRecordBatch()
		into := []decode.Column{{Name: "x", Type: c.into}}
		got, refused := New(s, into).Append(nil, rec, 0)
		if c.want == "" {
			if refused == nil || len(got) != 0 {
				t.Errorf("%v of %s into %s: %s", c.value, c.from, c.into, got)
			}
			continue
		}
		if want := `{"x":` + c.want + `}`; refused != nil || string(got) != want {
			t.Errorf("%v of %s into %s: %s, %v; want %s", c.value, c.from, c.into, got, refused, want)
			continue
		}
		door, err := decode.NewJSON(decode.Config{Columns: into, CheckAll: true})
		if err != nil {
			t.Fatal(err)
		}
		res, err := door.Lines(got)
		if err != nil {
			t.Fatal(err)
		}
		code := ""
		if res.ErrorCount > 0 {
			code = res.Errors[0].Code
		}
		if code != c.code {
			t.Errorf("%s into %s at the door: %q, want %q", got, c.into, code, c.code)
		}
		res.Batch.Release()
	}
}

func TestNotAssigned(t *testing.T) {
	for _, c := range [][2]types.Type{
		{types.BigintType, types.DatetimeType(3)}, {types.BooleanType, types.DateType}, {types.TimeType(0), types.DatetimeType(0)},
		{types.BigintType, types.JSONType}, {types.JSONType, types.VarbinaryType}, {types.DateType, types.BigintType},
		{types.VarbinaryType, types.BigintType}, {types.DateType, types.BooleanType}, {{Kind: types.Interval}, types.VarcharType},
	} {
		if Why(c[0], c[1]) == "" {
			t.Errorf("%s goes into %s", c[0], c[1])
		}
	}
}
