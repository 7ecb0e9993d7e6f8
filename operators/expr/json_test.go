package expr

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

func js(s string) physical.Expr { return &physical.Literal{T: types.JSONType, Value: s} }

// valuesOf evaluates e over a column of text, NULL where a text is "\x00", and
// returns its values and how many could not be computed.
func valuesOf(t *testing.T, e physical.Expr, in types.Type, texts ...string) (out []string, nulled int64) {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	b := array.NewStringBuilder(alloc)
	defer b.Release()
	for _, s := range texts {
		if s == "\x00" {
			b.AppendNull()
		} else {
			b.Append(s)
		}
	}
	col := b.NewArray()
	defer col.Release()
	rec := array.NewRecordBatch(stream.Schema{{Name: "x", Type: in}}.Arrow(), []arrow.Array{col}, int64(len(texts)))
	defer rec.Release()
	var ledger stream.Ledger
	ev, err := Compile(e, Env{Alloc: alloc, Ledger: &ledger})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // memory is used again
		ledger.Nulled, out = 0, nil
		a, err := ev.Eval(rec)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Len() {
			if a.IsNull(i) {
				out = append(out, "NULL")
			} else {
				out = append(out, a.ValueStr(i))
			}
		}
		a.Release()
	}
	return out, ledger.Nulled
}

func TestJSONFunctions(t *testing.T) {
	x := func(k types.Type) physical.Expr { return &physical.Column{T: k, Name: "x"} }
	j := x(types.JSONType)
	docs := []string{`{"a":[1,"b\"",null,2.5],"n":7}`, "\x00", `[1,2]`, `"text"`, `null`, `{"a":{"k":true}}`}
	text := types.VarcharType
	for _, c := range []struct {
		e      physical.Expr
		in     types.Type
		texts  []string
		want   string
		nulled int64
	}{
		{fn("json_extract", types.JSONType, j, "$.a"), types.JSONType, docs, `[1,"b\"",null,2.5] NULL NULL NULL NULL {"k":true}`, 0},
		{fn("json_extract", types.JSONType, j, "$.a[1]", "$.n", "$.z"), types.JSONType, docs, `["b\"",7] NULL NULL NULL NULL NULL`, 0},
		{fn("json_extract", types.JSONType, j, "$[0]"), types.JSONType, docs, `{"a":[1,"b\"",null,2.5],"n":7} NULL 1 "text" null {"a":{"k":true}}`, 0},
		{fn("json_value", text, j, "$.a[1]"), types.JSONType, docs, `b" NULL NULL NULL NULL NULL`, 0},
		{fn("json_value", text, j, "$.a[2]"), types.JSONType, docs, `NULL NULL NULL NULL NULL NULL`, 0},
		{fn("json_value", text, j, "$.a"), types.JSONType, docs, `NULL NULL NULL NULL NULL NULL`, 0},
		{fn("json_unquote", text, j), types.JSONType, docs[2:5], `[1,2] text null`, 0},
		{fn("json_unquote", text, x(text)), text, []string{`"a\u0062"`, `a"`, `"a`, `"\x"`, "\x00", ""}, `ab a" "a "\x" NULL `, 0},
		{fn("json_type", text, j), types.JSONType, docs, `OBJECT NULL ARRAY STRING NULL OBJECT`, 0},
		{fn("json_length", types.BigintType, j), types.JSONType, docs, `2 NULL 2 1 1 1`, 0},
		{fn("json_length", types.BigintType, j, "$.a"), types.JSONType, docs, `4 NULL NULL NULL NULL 1`, 0},
		{fn("json_valid", types.BooleanType, x(text)), text, []string{`{"a": 1}`, `{a:1}`, "\x00", "", " 1 "}, `true false NULL false true`, 0},
		{fn("cast", types.JSONType, x(text)), text, []string{`{ "a" : [1, 2] }`, `nope`, "\x00", ` "s p" `}, `{"a":[1,2]} NULL NULL "s p"`, 1},
		{fn("cast", types.VarcharOf(3), j), types.JSONType, []string{`[1,2]`, `7`}, `[1, 7`, 0},
	} {
		got, nulled := valuesOf(t, c.e, c.in, c.texts...)
		if strings.Join(got, " ") != c.want || nulled != c.nulled {
			t.Errorf("%s:\n got %s, %d nulled\nwant %s, %d", physical.Format(c.e), strings.Join(got, " "), nulled, c.want, c.nulled)
		}
	}
}

// TestReadTimes has the examples of MySQL's manual for STR_TO_DATE and
// FROM_UNIXTIME, and what does not fit.
func TestReadTimes(t *testing.T) {
	x := &physical.Column{T: types.VarcharType, Name: "x"}
	for _, c := range []struct{ format, text, want string }{
		{"%d,%m,%Y", "01,5,2013", "2013-05-01 00:00:00.000000"},
		{"%M %d,%Y", "May 1, 2013", "NULL"},
		{"%M %d, %Y", "May 1,2013", "2013-05-01 00:00:00.000000"},
		{"%m/%d/%Y", "04/31/2004", "NULL"},
		{"%m/%d/%Y", "04/30/2004", "2004-04-30 00:00:00.000000"},
		{"a%Y", "a2013", "2013-01-01 00:00:00.000000"},
		{"%Y-%m-%dT%H:%i:%s.%f", "2026-11-20T10:11:12.5", "2026-11-20 10:11:12.500000"},
		{"%d/%b/%Y:%T", "10/oct/2000:13:55:36", "2000-10-10 13:55:36.000000"},
		{"%y%m%d %h:%i %p", "991231 12:30 AM", "1999-12-31 00:30:00.000000"},
		{"%Y%j %r", "2024366 01:02:03 pm", "2024-12-31 13:02:03.000000"},
		{"%Y%j", "2023366", "NULL"},
		{"%W %e %c %Y", "Friday 20 11 2026", "2026-11-20 00:00:00.000000"},
		{"%H %p", "14 PM", "NULL"},
		{"%Y-%m-%d", "2026-11-20 x", "NULL"},
		{"%Y-%m-%d", "2026-11", "NULL"},
		{"%Y", "", "NULL"},
		{"%%%Y", "%2026", "2026-01-01 00:00:00.000000"},
	} {
		e := fn("str_to_date", types.DatetimeType(6), x, c.format)
		got, nulled := valuesOf(t, e, types.VarcharType, c.text, "\x00")
		want := c.want
		if v, ok := types.ParseDatetime([]byte(got[0])); ok { // Arrow prints as few digits as it can
			got[0] = string(types.AppendDatetime(nil, v, 6))
		}
		if got[0] != want || got[1] != "NULL" || nulled != int64(strings.Count(c.want, "NULL")) {
			t.Errorf("%q as %q is %v, %d nulled; want %s", c.text, c.format, got, nulled, want)
		}
	}
	for _, c := range []struct {
		seconds   string
		precision int
		want      any
	}{
		{"1447430881.123", 3, int64(1447430881123000)}, {"-0.5", 1, int64(-500000)}, {"1.1234567", 6, int64(1123457)},
		{"99999999999999999999.0", 1, nil}, {"1", 0, int64(1000000)},
	} {
		e, err := Fold(fn("from_unixtime", types.DatetimeType(c.precision), dec(c.seconds)))
		if err != nil {
			t.Fatal(err)
		}
		if l, ok := e.(*physical.Literal); ok && l.Value != c.want || !ok && c.want != nil {
			t.Errorf("FROM_UNIXTIME(%s) is %s, want %v", c.seconds, physical.Format(e), c.want)
		}
	}
	if _, err := Compile(fn("json_extract", types.JSONType, js("1"), "nonsense"), Env{}); err == nil {
		t.Error("a wrong path compiles")
	}
}
