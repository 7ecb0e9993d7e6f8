package expr

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

func lit(v any) physical.Expr {
	switch v := v.(type) {
	case nil:
		return &physical.Literal{T: types.NullType}
	case bool:
		return &physical.Literal{T: types.BooleanType, Value: v}
	case int:
		return &physical.Literal{T: types.BigintType, Value: int64(v)}
	case float64:
		return &physical.Literal{T: types.DoubleType, Value: v}
	case physical.Span:
		return &physical.Literal{T: types.Type{Kind: types.Interval}, Value: v}
	case physical.Expr:
		return v
	}
	return &physical.Literal{T: types.VarcharType, Value: v}
}

// dec is a DECIMAL with the digits that are written.
func dec(s string) physical.Expr {
	_, fraction, _ := strings.Cut(s, ".")
	t := types.DecimalType(max(1, len(strings.Trim(s, "-."))), len(fraction))
	n, ok := types.ParseDecimal(s, 38, t.Scale)
	if !ok {
		panic(s)
	}
	return &physical.Literal{T: t, Value: n}
}

func at(s string, precision int) physical.Expr {
	micros, ok := types.ParseDatetime(s)
	if !ok {
		panic(s)
	}
	return &physical.Literal{T: types.DatetimeType(precision), Value: micros}
}

func day(s string) physical.Expr {
	days, ok := types.ParseDate(s)
	if !ok {
		panic(s)
	}
	return &physical.Literal{T: types.DateType, Value: int64(days)}
}

func fn(name string, t types.Type, args ...any) physical.Expr {
	c := &physical.Call{Fn: name, T: t}
	for _, a := range args {
		c.Args = append(c.Args, lit(a))
	}
	return c
}

// TestSemantics is what MySQL answers, as text; "!" means that there is no
// value and that this was counted.
func TestSemantics(t *testing.T) {
	i, f, s, b, d := types.BigintType, types.DoubleType, types.VarcharType, types.BooleanType, types.DateType
	t0, t3, t6 := types.DatetimeType(0), types.DatetimeType(3), types.DatetimeType(6)
	d2, d4, d38 := types.DecimalType(10, 2), types.DecimalType(24, 4), types.DecimalType(38, 0)
	month, hours := physical.Span{Months: 1}, physical.Span{Micros: 36 * 3600 * microsPerSecond}
	for _, c := range []struct {
		e    physical.Expr
		want string
	}{
		{fn("+", i, math.MaxInt64, 1), "!"}, {fn("-", i, math.MinInt64, 1), "!"}, {fn("*", i, math.MinInt64, -1), "!"},
		{fn("*", i, math.MaxInt64, -1), "-9223372036854775807"}, {fn("neg", i, math.MinInt64), "!"}, {fn("abs", i, math.MinInt64), "!"},
		{fn("+", i, 1, nil), "NULL"}, {fn("+", f, 0.1, 0.2), "0.30000000000000004"}, {fn("*", f, 1e300, 1e300), "!"},
		{fn("/", d4, 1, 3), "0.3333"}, {fn("/", d4, 2, 3), "0.6667"}, {fn("/", d4, -1, 20000), "-0.0001"}, {fn("/", d4, 1, 0), "!"},
		{fn("/", f, 1.0, 0.0), "!"}, {fn("/", f, 1.0, 4.0), "0.25"}, {fn("/", d2, dec("1.00"), dec("0.00")), "!"},
		{fn("div", i, -7, 2), "-3"}, {fn("div", i, 7, 0), "!"}, {fn("div", i, math.MinInt64, -1), "!"},
		{fn("%", i, -7, 3), "-1"}, {fn("%", i, 7, -3), "1"}, {fn("%", i, math.MinInt64, -1), "0"}, {fn("%", i, 5, 0), "!"},
		{fn("%", f, -7.5, 2.0), "-1.5"}, {fn("%", d2, dec("-7.50"), dec("2")), "-1.50"},
		{fn("+", d2, dec("1.5"), dec("2.25")), "3.75"}, {fn("*", d2, dec("1.15"), dec("0.1")), "0.12"}, {fn("*", d2, dec("-1.15"), dec("0.1")), "-0.12"},
		{fn("*", d38, dec("9999999999999999999"), dec("9999999999999999999")), "99999999999999999980000000000000000001"},
		{fn("*", d38, dec("99999999999999999999"), dec("99999999999999999999")), "!"},
		{fn("+", d38, dec(strings.Repeat("9", 38)), dec("1")), "!"}, {fn("+", types.DecimalType(3, 0), dec("999"), dec("1")), "!"},

		{fn("&", types.UbigintType, -1, 255), "255"}, {fn("|", types.UbigintType, 29, 15), "31"}, {fn("^", types.UbigintType, 1, 11), "10"},
		{fn("<<", types.UbigintType, 1, 63), "9223372036854775808"}, {fn("<<", types.UbigintType, 1, 64), "0"}, {fn(">>", types.UbigintType, -1, 1), "9223372036854775807"},
		{fn("~", types.UbigintType, 0), "18446744073709551615"}, {fn("~", types.UbigintType, nil), "NULL"}, {fn("bit_count", i, fn("~", types.UbigintType, 0)), "64"},

		{fn("round", i, 15, -1), "20"}, {fn("round", i, -15, -1), "-20"}, {fn("round", i, 15, 3), "15"}, {fn("round", i, math.MaxInt64, -1), "!"},
		{fn("round", i, 15, -30), "0"}, {fn("round", f, 2.5), "3"}, {fn("round", f, -2.5), "-3"}, {fn("round", f, 1.25, 1), "1.3"},
		{fn("round", f, 1e300, 5), "1e+300"}, {fn("round", f, 1234.5, -2), "1200"}, {fn("round", f, 5.0, -400), "0"}, {fn("round", f, 0.1, 400), "0.1"},
		{fn("round", f, 1.0, nil), "NULL"}, {fn("floor", f, -1.5), "-2"}, {fn("ceil", f, -1.5), "-1"}, {fn("floor", i, dec("-1.01")), "-2"},
		{fn("ceil", types.DecimalType(3, 0), dec("1.01")), "2"}, {fn("round", d2, dec("1.255"), 2), "1.26"}, {fn("round", d2, dec("-1.255"), 2), "-1.26"},
		{fn("round", d2, dec("155.5"), -1), "160.00"}, {fn("sqrt", f, -1.0), "!"}, {fn("sqrt", f, 4.0), "2"}, {fn("power", f, 2.0, 10.0), "1024"},
		{fn("power", f, 10.0, 400.0), "!"}, {fn("power", f, 0.0, -1.0), "!"},

		{fn("=", b, 0.0, math.Copysign(0, -1)), "true"}, {fn("=", b, dec("1.50"), dec("1.5")), "true"}, {fn("<", b, dec("1.49"), dec("1.5")), "true"},
		{fn(">", b, dec("-0.001"), dec("-1")), "true"}, {fn("<", b, "B", "a"), "true"}, {fn("<", b, "ä", "z"), "false"}, {fn("=", b, "a", "A"), "false"},
		{fn("<=>", b, nil, nil), "true"}, {fn("<=>", b, 1, nil), "false"}, {fn("=", b, 1, nil), "NULL"}, {fn(">", b, true, false), "true"},
		{fn("and", b, nil, false), "false"}, {fn("and", b, nil, true), "NULL"}, {fn("or", b, nil, true), "true"}, {fn("or", b, nil, false), "NULL"},
		{fn("xor", b, true, nil), "NULL"}, {fn("not", b, nil), "NULL"}, {fn("is_true", b, nil), "false"}, {fn("is_false", b, nil), "false"},
		{fn("is_null", b, nil), "true"}, {fn("is_null", b, 1), "false"},
		{fn("in", b, 1, 2, nil), "NULL"}, {fn("in", b, 1, 2, nil, 1), "true"}, {fn("in", b, nil, 1), "NULL"}, {fn("in", b, 1, 2, 3), "false"},
		{fn("in", b, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), "true"}, {fn("in", b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, nil), "NULL"},

		{fn("case", s, nil, "a", false, "b"), "NULL"}, {fn("case", s, true, "a", fn("=", b, fn("/", f, 1.0, 0.0), 1.0), "b"), "a"},
		{fn("if", f, false, fn("/", f, 1.0, 0.0), 2.0), "2"}, {fn("coalesce", f, nil, 1.0, fn("/", f, 1.0, 0.0)), "1"},
		{fn("and", b, false, fn("=", b, fn("/", f, 1.0, 0.0), 1.0)), "false"}, {fn("or", b, true, fn("=", b, fn("/", f, 1.0, 0.0), 1.0)), "true"},
		{fn("nullif", i, 1, 1), "NULL"}, {fn("nullif", i, 1, nil), "1"}, {fn("greatest", i, 1, 3, 2), "3"}, {fn("least", s, "b", "a"), "a"}, {fn("greatest", i, 1, nil), "NULL"},

		{fn("like", b, "abc", "a%"), "true"}, {fn("like", b, "abc", "A%"), "false"}, {fn("like", b, "ä", "_"), "true"}, {fn("like", b, "10%", `10\%`), "true"},
		{fn("like", b, "10x", `10\%`), "false"}, {fn("like", b, "a|b", "a||b", "|"), "true"}, {fn("like", b, `a\`, `a\`), "true"}, {fn("like", b, "", "%"), "true"},
		{fn("like", b, "abcbc", "%bc"), "true"}, {fn("like", b, "aXbXc", "a_b_c"), "true"}, {fn("like", b, "mississippi", "%is_ip%"), "true"}, {fn("like", b, nil, "%"), "NULL"},
		{fn("like", b, "aba", "ab%ba"), "false"}, {fn("like", b, "a%", "a|%", "|"), "true"},

		{fn("concat", s, "a", nil), "NULL"}, {fn("upper", s, "straße é"), "STRAßE É"}, {fn("length", i, "é"), "2"}, {fn("char_length", i, "é"), "1"},
		{fn("substring", s, "Quadratically", 5), "ratically"}, {fn("substring", s, "Quadratically", 5, 6), "ratica"}, {fn("substring", s, "Sakila", -3), "ila"},
		{fn("substring", s, "Sakila", -5, 3), "aki"}, {fn("substring", s, "Sakila", 0), ""}, {fn("substring", s, "Sakila", -7), ""}, {fn("substring", s, "日本語", 2, 1), "本"},
		{fn("trim", s, "  a b "), "a b"}, {fn("replace", s, "aaa", "a", "bb"), "bbbbbb"}, {fn("replace", s, "aaa", "", "x"), "aaa"}, {fn("left", s, "日本語", 2), "日本"},
		{fn("right", s, "日本語", 2), "本語"}, {fn("right", s, "ab", 5), "ab"}, {fn("left", s, "ab", -1), ""}, {fn("right", s, "ab", math.MinInt64), ""},
		{fn("substring_index", s, "www.mysql.com", ".", 2), "www.mysql"}, {fn("substring_index", s, "www.mysql.com", ".", -2), "mysql.com"}, {fn("substring_index", s, "a.b", ".", 0), ""},
		{fn("substring_index", s, "a.b", ".", 3), "a.b"}, {fn("substring_index", s, "a.b", "", 1), ""}, {fn("substring_index", s, "aaa", "aa", -1), ""}, {fn("substring_index", s, "日本語", "本", math.MinInt64), "日本語"},

		{fn("cast", i, 2.5), "3"}, {fn("cast", i, -2.5), "-3"}, {fn("cast", i, 9.3e18), "!"}, {fn("cast", i, dec("2.5")), "3"}, {fn("cast", i, " 12 "), "12"}, {fn("cast", i, "12a"), "!"},
		{fn("cast", i, ""), "!"}, {fn("cast", i, "12.5"), "13"}, {fn("cast", i, "9223372036854775807"), "9223372036854775807"}, {fn("cast", i, "9223372036854775808"), "!"},
		{fn("cast", f, "1e3"), "1000"}, {fn("cast", f, "inf"), "!"}, {fn("cast", f, "1e400"), "!"}, {fn("cast", d2, 0.005), "0.01"}, {fn("cast", d2, 1.005), "1.01"}, {fn("cast", d2, 123456789), "!"},
		{fn("cast", d2, "1.005"), "1.01"}, {fn("cast", f, dec("0.1")), "0.1"}, {fn("cast", s, dec("-0.10")), "-0.10"}, {fn("cast", s, true), "true"}, {fn("cast", s, 1e21), "1e+21"},
		{fn("cast", types.VarcharOf(2), "日本語"), "日本"}, {fn("cast", b, "false"), "false"}, {fn("cast", b, "2"), "true"}, {fn("cast", b, dec("0.0")), "false"}, {fn("cast", i, true), "1"},
		{fn("cast", s, at("2026-11-20 10:00:00.123", 3)), "2026-11-20 10:00:00.123"}, {fn("cast", t0, at("2026-11-20 10:00:00.500", 3)), "2026-11-20 10:00:01"},
		{fn("cast", t0, at("9999-12-31 23:59:59.500", 3)), "!"}, {fn("cast", d, at("2026-11-20 23:59:59.999", 3)), "2026-11-20"}, {fn("cast", t3, day("2026-11-20")), "2026-11-20 00:00:00.000"},
		{fn("cast", t3, "2026-11-20T10:00:00.0006Z"), "2026-11-20 10:00:00.001"}, {fn("cast", d, "2026-02-30"), "!"}, {fn("cast", d, "2026-11-20 23:00:00"), "2026-11-20"},
		{fn("cast", i, at("2026-11-20 10:15:30.600", 3)), "20261120101531"}, {fn("cast", i, day("2026-11-20")), "20261120"}, {fn("cast", t0, 20261120101530), "2026-11-20 10:15:30"},
		{fn("cast", d, 20261120), "2026-11-20"}, {fn("cast", d, 261120), "2026-11-20"}, {fn("cast", d, 701120), "1970-11-20"}, {fn("cast", d, 20261320), "!"}, {fn("cast", d, 0), "!"}, {fn("cast", i, nil), "NULL"},

		{fn("date_add", t0, at("2026-01-31 10:00:00", 0), month), "2026-02-28 10:00:00"}, {fn("date_add", d, day("2024-01-31"), month), "2024-02-29"},
		{fn("date_add", t0, day("2026-11-20"), hours), "2026-11-21 12:00:00"}, {fn("date_add", t0, at("9999-12-31 00:00:00", 0), month), "!"},
		{fn("date_add", t0, at("2024-02-29 00:00:00", 0), physical.Span{Months: -12}), "2023-02-28 00:00:00"}, {fn("date_add", t6, at("0000-01-01 00:00:00", 6), physical.Span{Micros: -1}), "!"},
		{fn("year", i, at("1969-12-31 23:59:59.9", 1)), "1969"}, {fn("hour", i, at("1969-12-31 23:59:59.9", 1)), "23"}, {fn("second", i, at("1969-12-31 23:59:59.9", 1)), "59"},
		{fn("month", i, day("2026-11-20")), "11"}, {fn("day", i, day("2026-11-20")), "20"}, {fn("minute", i, at("2026-11-20 10:17:00", 0)), "17"},
		{fn("unix_timestamp", i, at("1969-12-31 23:59:59.9", 1)), "-1"}, {fn("from_unixtime", t0, 0), "1970-01-01 00:00:00"}, {fn("from_unixtime", t0, math.MaxInt64), "!"},
		{fn("date", d, at("1969-12-31 23:59:59", 0)), "1969-12-31"},
		{fn("date_format", s, at("2026-03-01 13:04:05.000678", 6), "%Y %y %m %c %M %b %d %e %D %j %a %W %w"), "2026 26 03 3 March Mar 01 1 1st 060 Sun Sunday 0"},
		{fn("date_format", s, at("2026-03-22 00:04:05.000678", 6), "%H %k %h %I %l %i %s %S %f %p %T %r %% %Q % %"), "00 0 12 12 12 04 05 05 000678 AM 00:04:05 12:04:05 AM % Q  %"},
		{fn("date_format", s, at("2026-03-13 15:04:05", 0), "%D %r"), "13th 03:04:05 PM"}, {fn("date_format", s, day("2026-03-23"), "%D %p"), "23rd AM"},
	} {
		checkConstant(t, c.e, c.want)
	}
}

// checkConstant evaluates an expression of literals over three rows.
func checkConstant(t *testing.T, e physical.Expr, want string) {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	var ledger stream.Ledger
	eval, err := Compile(e, Env{Alloc: alloc, Ledger: &ledger})
	if err != nil {
		t.Errorf("%s: %v", format(e), err)
		return
	}
	batch := array.NewRecordBatch(stream.Schema{}.Arrow(), nil, 3)
	defer batch.Release()
	a, err := eval.Eval(batch)
	if err != nil {
		t.Errorf("%s: %v", format(e), err)
		return
	}
	defer a.Release()
	got := "NULL"
	switch v := valueAt(a, 2); {
	case ledger.Nulled == 3:
		got = "!"
	case ledger.Nulled != 0:
		got = "counted by accident"
	case v != nil:
		got = textOf(v, e.Type())
	}
	if got != want {
		t.Errorf("%s is %s, want %s", format(e), got, want)
	}
	folded, err := Fold(e)
	if err != nil {
		t.Error(err)
	}
	if _, literal := folded.(*physical.Literal); literal != (want != "!") {
		t.Errorf("%s folds to %s", format(e), format(folded))
	}
}

// TestFoldKeepsShape: what is not constant stays, with its constant parts folded.
func TestFoldKeepsShape(t *testing.T) {
	i := types.BigintType
	col := &physical.Column{Index: 0, T: i}
	e := fn("+", i, col, fn("*", i, 2, fn("+", i, 1, 2)))
	before := format(e)
	folded, err := Fold(e)
	if err != nil {
		t.Fatal(err)
	}
	if got := format(folded); got != "+(c0:BIGINT, 6):BIGINT" {
		t.Errorf("folded to %s", got)
	}
	if format(e) != before {
		t.Errorf("the argument was changed to %s", format(e))
	}
	unknown := fn("no_such", types.DoubleType, 1)
	if folded, err = Fold(unknown); err != nil || format(folded) != format(unknown) {
		t.Errorf("an unknown function folds to %s, %v", format(folded), err)
	}
	interval := lit(physical.Span{Months: 1})
	if folded, err = Fold(interval); err != nil || folded != interval {
		t.Errorf("an interval folds to %v, %v", folded, err)
	}
}

// TestMisuse: what the planner must not hand over is refused, never a panic.
func TestMisuse(t *testing.T) {
	i, s, b := types.BigintType, types.VarcharType, types.BooleanType
	col := func(t types.Type) physical.Expr { return &physical.Column{T: t} }
	for _, e := range []physical.Expr{
		fn("no_such", i, col(i)), fn("+", i, col(i)), fn("+", i, col(i), col(s)), fn("=", b, col(i), col(s)), fn("upper", s, col(i)),
		fn("like", b, col(s), col(s), "ab"), fn("like", b, col(s), col(s), col(s)), fn("date_add", types.DateType, col(types.DateType), col(i)),
		fn("extract", i, "NO_UNIT", col(types.DateType)), fn("convert_tz", types.DatetimeType(6), col(types.DatetimeType(6)), "Local", "UTC"), fn("date_add_by", types.DateType, col(types.DateType), col(s), "DAY"), fn("date_format", s, col(types.DateType), col(s)), fn("in", b, col(i), "a"),
		fn("case", s, col(i), "a"), fn("case", s, col(b), 1), fn("coalesce", s, col(i)), fn("nullif", i, col(i), "a"), fn("greatest", i, col(s), 1),
		fn("neg", s, col(s)), fn("round", i, col(s)), fn("sqrt", i, col(i)), fn("year", i, col(i)), fn("from_unixtime", i, col(i)),
		fn("and", b, col(i), true), fn("not", b, col(i)), fn("xor", b, col(i), true), fn("is_true", b, col(i)), fn("length", s, col(s)),
		fn("substring", s, col(s), "a"), fn("left", s, col(s), "a"), fn("date", i, col(types.DateType)), fn("concat", i, col(s)), fn("+", types.Type{}, col(i), 1),
		&physical.Column{T: types.Type{Kind: types.Interval}}, &physical.Literal{T: i, Value: "x"}, &physical.Literal{T: s, Value: decimal128.Num{}},
	} {
		if _, err := Compile(e, Env{}); err == nil {
			t.Errorf("%s compiles", format(e))
		}
	}
	if _, err := CompilePredicate(col(i), Env{}); err == nil {
		t.Error("a predicate of BIGINT compiles")
	}
	eval, err := Compile(col(s), Env{})
	if err != nil {
		t.Fatal(err)
	}
	batch := array.NewRecordBatch(stream.Schema{}.Arrow(), nil, 3)
	if _, err := eval.Eval(batch); err == nil {
		t.Error("a column that is not there was read")
	}
}

// TestTextLimits: text cannot grow without end.
func TestTextLimits(t *testing.T) {
	s := types.VarcharType
	long := strings.Repeat("a", 1000)
	e := fn("replace", s, fn("replace", s, long, "a", long), "a", long)
	checkConstant(t, e, "!")
	checkConstant(t, fn("char_length", types.BigintType, fn("replace", s, long, "a", long)), "1000000")
}

// TestFunctions: every name is there once, and does not fold by itself.
func TestFunctions(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range Functions() {
		if seen[name] {
			t.Errorf("%s twice", name)
		}
		seen[name] = true
		if _, ok := lookup(name); !ok {
			t.Errorf("%s is not found", name)
		}
	}
}

// TestPredicateConstant: a condition without columns keeps all rows or none.
func TestPredicateConstant(t *testing.T) {
	batch := array.NewRecordBatch(stream.Schema{}.Arrow(), nil, 3)
	for _, c := range []struct {
		v    any
		want int
	}{{true, 3}, {false, 0}, {nil, 0}} {
		p, err := CompilePredicate(lit(c.v), Env{})
		if err != nil {
			t.Fatal(err)
		}
		if rows, err := p.Select(batch, nil); err != nil || len(rows) != c.want {
			t.Errorf("%v selects %v, %v", c.v, rows, err)
		}
	}
}

func FuzzLike(f *testing.F) {
	f.Add("mississippi", "%is_ip%", "")
	f.Add("日本語", "_本%", "|")
	f.Add("a%b", "a|%b", "|")
	f.Add("aaaaaaaaaaaaaaaa", "%a%a%a_b", "")
	f.Fuzz(func(t *testing.T, s, pattern, escape string) {
		clean := func(s string) string { return strings.ToValidUTF8(s, "?") }
		s, pattern, escape = clean(s), clean(pattern), clean(escape)
		if len(s) > 200 || len(pattern) > 50 {
			return
		}
		r, err := escapeRune([]byte(escape))
		if err != nil {
			return
		}
		var p likePattern
		p.compileLike([]byte(pattern), r)
		if got, want := p.matches([]byte(s)), likeModel(s, pattern, r); got != want {
			t.Fatalf("%q LIKE %q ESCAPE %q is %v, want %v", s, pattern, escape, got, want)
		}
	})
}

func FuzzCast(f *testing.F) {
	for _, s := range []string{"12", "-0.5e3", " 1 ", "2026-11-20 10:00:00.5", "1e400", "true", "9223372036854775808", "0000-00-00"} {
		f.Add(s)
	}
	targets := append(columnTypes(), types.DatetimeType(0), types.DecimalType(38, 38))
	targets = slices.DeleteFunc(targets, func(t types.Type) bool { return t.Kind == types.JSON }) // the model knows nothing of it
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 100 {
			return
		}
		for _, to := range targets {
			e := fn("cast", to, s)
			var ledger stream.Ledger
			root, err := build(e, &ledger)
			if err != nil {
				t.Fatal(err)
			}
			v, err := root.eval(&frame{n: 1})
			if err != nil {
				t.Fatal(err)
			}
			var m model
			want, got := m.eval(e), v.value(0)
			if n, ok := got.(decimal128.Num); ok {
				got = decimalOf(n, to.Scale)
			}
			if to.Kind == types.Varchar {
				if want != got && utf8.ValidString(s) {
					t.Fatalf("%q is cut to %q, want %q", s, got, want)
				}
				continue
			}
			if !sameValue(got, want) || ledger.Nulled != int64(m.nulled) {
				t.Fatalf("cast(%q as %s) is %v, want %v", s, to, got, want)
			}
		}
	})
}

// TestTryCast counts what the argument of a TRY_CAST could not compute, and not
// what the cast could not.
func TestTryCast(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	b := numbered(alloc, 3)
	defer b.Release()
	short := call("left", types.VarcharType, call("concat", types.VarcharType, &physical.Literal{T: types.VarcharType, Value: "xy"}, textColumn), bigint(2))
	failing := call("div", types.BigintType, bigint(7), countColumn)
	for _, c := range []struct {
		e      physical.Expr
		nulled int64
		null   []bool
	}{
		{call("try_cast", types.BigintType, short), 0, []bool{true, true, true}},
		{call("cast", types.BigintType, short), 3, []bool{true, true, true}},
		{call("try_cast", types.DateType, textColumn), 0, []bool{true, true, true}}, // by way of DATETIME
		{call("try_cast", types.BigintType, textColumn), 0, []bool{false, false, false}},
		{call("try_cast", types.DoubleType, failing), 1, []bool{true, false, false}},
		{call("try_cast", types.IntType(8, false), call("+", types.BigintType, countColumn, bigint(126))), 0, []bool{false, false, true}},
	} {
		var ledger stream.Ledger
		eval, err := Compile(c.e, Env{Alloc: alloc, Ledger: &ledger})
		if err != nil {
			t.Fatal(err)
		}
		got, err := eval.Eval(b)
		if err != nil {
			t.Fatal(err)
		}
		for i, null := range c.null {
			if got.IsNull(i) != null {
				t.Errorf("%s: row %d is %v", format(c.e), i, got)
			}
		}
		if ledger.Nulled != c.nulled {
			t.Errorf("%s: %d values were nulled, want %d", format(c.e), ledger.Nulled, c.nulled)
		}
		got.Release()
	}
}
