package physical_test

import (
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/planner/physical"
	"weir/sql/types"
)

func column(name string, index int) *physical.Column {
	return &physical.Column{Index: index, T: types.BigintType, Name: name}
}

func number(n int64) *physical.Literal {
	return &physical.Literal{T: types.BigintType, Value: n}
}

func call(fn string, args ...physical.Expr) *physical.Call {
	return &physical.Call{Fn: fn, Args: args, T: types.BigintType}
}

func TestFormat(t *testing.T) {
	a, b := column("a", 0), column("group", 1)
	span := func(months, micros int64) physical.Expr {
		return &physical.Literal{T: types.Type{Kind: types.Interval}, Value: physical.Span{Months: months, Micros: micros}}
	}
	for _, c := range []struct {
		e    physical.Expr
		want string
	}{
		{call("+", call("*", a, number(2)), number(3)), "a * 2 + 3"},
		{call("*", call("+", a, number(2)), number(3)), "(a + 2) * 3"},
		{call("-", a, call("-", number(2), number(3))), "a - (2 - 3)"},
		{call("-", call("-", a, number(2)), number(3)), "a - 2 - 3"},
		{call("and", call("or", a, b), call("not", call("=", a, b))), "(a OR group) AND NOT a = group"},
		{call("in", a, number(1), number(2)), "a IN (1, 2)"},
		{call("case", call("=", a, number(1)), number(2), number(3)), "CASE WHEN a = 1 THEN 2 ELSE 3 END"},
		{call("div", a, number(2)), "a DIV 2"},
		{call("is_null", call("+", a, b)), "(a + group) IS NULL"},
		{call("upper", column("odd name", 2)), "UPPER(`odd name`)"},
		{&physical.Call{Fn: "cast", Args: []physical.Expr{a}, T: types.DoubleType}, "CAST(a AS DOUBLE)"},
		{call("date_add", a, span(0, -5_000_000)), "a - INTERVAL 5 SECOND"},
		{call("date_add", a, span(2, 0)), "a + INTERVAL 2 MONTH"},
		{call("date_add", a, span(0, 1500)), "a + INTERVAL 0.0015 SECOND"},
		{call("date_add", a, span(0, 2*86_400_000_000)), "a + INTERVAL 2 DAY"},
		{&physical.Literal{T: types.VarcharType, Value: "it's"}, "'it''s'"},
		{&physical.Literal{T: types.DecimalType(5, 2), Value: decimal128.FromI64(-1050)}, "-10.50"},
		{&physical.Literal{T: types.DoubleType, Value: 2.0}, "2e0"},
		{&physical.Literal{T: types.DateType, Value: int64(1)}, "'1970-01-02'"},
		{&physical.Literal{T: types.DatetimeType(3), Value: int64(1500)}, "'1970-01-01 00:00:00.001'"},
		{&physical.Literal{T: types.BooleanType, Value: true}, "TRUE"},
		{&physical.Literal{T: types.DoubleType}, "NULL"},
	} {
		if got := physical.Format(c.e); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0"}, {time.Minute, "1m"}, {90 * time.Minute, "1h30m"}, {36 * time.Hour, "1d12h"}, {1500 * time.Millisecond, "1.5s"},
		{-time.Hour, "-1h"}, {time.Minute + time.Second, "1m1s"}, {100 * time.Microsecond, "100µs"},
	} {
		if got := physical.FormatDuration(c.d); got != c.want {
			t.Errorf("%d is %s, want %s", c.d, got, c.want)
		}
	}
}

func TestReplaceShares(t *testing.T) {
	left, right := call("+", column("a", 0), number(1)), call("*", column("b", 1), number(2))
	e := call("-", left, right)
	same := physical.Replace(e, func(c *physical.Column) physical.Expr { return c })
	if same != physical.Expr(e) {
		t.Errorf("replacing nothing gives a copy")
	}
	out := physical.Replace(e, func(c *physical.Column) physical.Expr {
		if c.Index == 1 {
			return number(7)
		}
		return c
	}).(*physical.Call)
	if physical.Format(out) != "a + 1 - 7 * 2" || physical.Format(e) != "a + 1 - b * 2" {
		t.Errorf("got %s from %s", physical.Format(out), physical.Format(e))
	}
	if out.Args[0] != physical.Expr(left) {
		t.Errorf("what does not change is copied")
	}
}

func TestEqual(t *testing.T) {
	a := call("+", column("a", 0), number(1))
	for _, c := range []struct {
		e    physical.Expr
		want bool
	}{
		{call("+", column("other name", 0), number(1)), true},
		{call("+", column("a", 1), number(1)), false},
		{call("-", column("a", 0), number(1)), false},
		{call("+", column("a", 0), number(2)), false},
		{call("+", column("a", 0)), false},
		{column("a", 0), false},
		{&physical.Call{Fn: "+", Args: a.Args, T: types.DoubleType}, false},
		{nil, false},
	} {
		if got := physical.Equal(a, c.e); got != c.want {
			t.Errorf("%v: %v", c.e, got)
		}
	}
	if !physical.Equal(nil, nil) || len(physical.Conjuncts(call("and", call("and", a, a), a))) != 3 {
		t.Errorf("nil differs from nil, or conjuncts are lost")
	}
}
