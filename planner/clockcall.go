package planner

import (
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// clockFunctions registers the functions of TIME, the time of a day or a span.
func clockFunctions(m map[string]function) {
	m["TIME"] = function{fn: "cast", usage: "(t)", doc: "The time of the day, or the TIME that a text holds.", min: 1, max: 1, bind: timeOf}
	m["CURRENT_TIME"] = function{fn: "now", usage: "()", doc: "The time of the day of NOW().", min: 0, max: 1, bind: currentTime}
	m["ADDTIME"] = function{fn: "addtime", usage: "(t, clock)", doc: "A time or a TIME moved forward by a TIME.", min: 2, max: 2, bind: addTime}
	m["SUBTIME"] = function{fn: "subtime", usage: "(t, clock)", doc: "A time or a TIME moved back by a TIME.", min: 2, max: 2, bind: addTime}
	m["TIMEDIFF"] = function{fn: "timediff", usage: "(a, b)", doc: "From b to a as a TIME, of two times or two TIMEs; NULL beyond 838:59:59.", min: 2, max: 2, bind: timeDiff}
	m["TIME_TO_SEC"] = function{fn: "time_to_sec", usage: "(clock)", doc: "The whole seconds of a TIME.", min: 1, max: 1, bind: timeToSec}
	m["SEC_TO_TIME"] = function{fn: "sec_to_time", usage: "(seconds)", doc: "That many seconds as a TIME; NULL beyond 838:59:59.", min: 1, max: 1, bind: secToTime}
	m["MAKETIME"] = function{fn: "maketime", usage: "(hour, minute, second)", doc: "A TIME of its parts.", min: 3, max: 3, bind: makeTime}
	m["TIME_FORMAT"] = function{fn: "time_format", usage: "(clock, 'format')", doc: "A TIME as text, with the letters of DATE_FORMAT that are about clocks.", min: 2, max: 2, bind: timeFormat}
}

// clockArgument makes a TIME of an argument.
func clockArgument(o operand, name string) (physical.Expr, error) {
	switch t := o.e.Type(); t.Kind {
	case types.Time:
		return o.e, nil
	case types.Datetime:
		return castTo(o.e, types.TimeType(t.Precision)), nil
	case types.Date:
		return castTo(castTo(o.e, types.DatetimeType(0)), types.TimeType(0)), nil
	case types.JSON:
		return castTo(unquoted(o.e), types.TimeType(6)), nil
	case types.Varchar, types.Null:
		m, err := meant(o, types.TimeType(0))
		if err != nil {
			return nil, err
		}
		if m.kind() == types.Time {
			return m.e, nil
		}
		return castTo(m.e, types.TimeType(6)), nil
	}
	return nil, diag.New(diag.WrongType, o.at, "%s takes a TIME, this is a %s", name, o.e.Type()).
		WithHint("SEC_TO_TIME(…) makes a TIME of seconds")
}

// clockSum returns t ± a TIME: what t is.
func clockSum(fn string, t, clock physical.Expr) physical.Expr {
	to := t.Type()
	to.Precision = max(to.Precision, clock.Type().Precision)
	return &physical.Call{Fn: fn, Args: []physical.Expr{t, clock}, T: to}
}

// clockPart binds HOUR and its kin, which also take a TIME.
func clockPart(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if text, ok := constantText(args[0].e); ok {
		if _, isClock := types.ParseTime(text); isClock {
			clock, err := clockArgument(args[0], c.Name.Text)
			if err != nil {
				return nil, err
			}
			args[0].e = clock
		}
	}
	if args[0].kind() == types.Time {
		return &physical.Call{Fn: f.fn, Args: []physical.Expr{args[0].e}, T: f.result}, nil
	}
	return f.apply(c.Name.Text, args)
}

func timeOf(_ *exprs, c *ast.Call, _ function, args []operand) (physical.Expr, error) {
	if s, ok := constantText(args[0].e); ok {
		if l, ok := timeLiteral(s, types.DatetimeType(0)); ok {
			return clockArgument(operand{l, args[0].at}, c.Name.Text)
		}
	}
	return clockArgument(args[0], c.Name.Text)
}

func currentTime(x *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	e, err := now(x, c, f, args)
	if err != nil {
		return nil, err
	}
	return castTo(e, types.TimeType(e.Type().Precision)), nil
}

// timeOrClock makes a TIME or a DATETIME of an argument: of a text what it holds.
func timeOrClock(o operand, name string) (physical.Expr, error) {
	if s, ok := constantText(o.e); ok {
		if _, isClock := types.ParseTime(s); isClock {
			return clockArgument(o, name)
		}
		return o.as(types.Datetime, name)
	}
	if o.e.Type().IsTime() {
		return o.as(types.Datetime, name)
	}
	return clockArgument(o, name)
}

func addTime(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	t, err := timeOrClock(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	if k := args[1].e.Type(); k.IsTime() {
		return nil, diag.New(diag.WrongType, args[1].at, "%s adds a TIME, this is a %s", c.Name.Text, k)
	}
	clock, err := clockArgument(args[1], c.Name.Text)
	if err != nil {
		return nil, err
	}
	return clockSum(f.fn, t, clock), nil
}

func timeDiff(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	a, err := timeOrClock(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	b, err := timeOrClock(args[1], c.Name.Text)
	if err != nil {
		return nil, err
	}
	if a.Type().Kind != b.Type().Kind {
		return nil, diag.New(diag.WrongType, c.At, "TIMEDIFF does not take a %s and a %s", a.Type(), b.Type()).
			WithHint("both are times, or both are TIMEs")
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{a, b}, T: types.TimeType(max(a.Type().Precision, b.Type().Precision))}, nil
}

func timeToSec(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	t, err := timeOf(nil, c, f, args)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{t}, T: types.BigintType}, nil
}

// seconds makes a DECIMAL of microseconds of a number of seconds, and says how many
// fractional digits it has.
func seconds(o operand, name string) (physical.Expr, int, error) {
	m, err := meant(o, types.BigintType)
	if err != nil {
		return nil, 0, err
	}
	n, err := number(m, name)
	if err != nil {
		return nil, 0, err
	}
	digits := 0
	switch t := n.Type(); t.Kind {
	case types.Decimal:
		digits = min(t.Scale, 6)
	case types.Double:
		digits = 6
	}
	return castTo(n, types.DecimalType(types.MaxDecimalPrecision, 6)), digits, nil
}

func secToTime(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	n, digits, err := seconds(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{n}, T: types.TimeType(digits)}, nil
}

func makeTime(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	hour, err := args[0].as(types.Bigint, c.Name.Text)
	if err != nil {
		return nil, err
	}
	minute, err := args[1].as(types.Bigint, c.Name.Text)
	if err != nil {
		return nil, err
	}
	second, digits, err := seconds(args[2], c.Name.Text)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{hour, minute, second}, T: types.TimeType(digits)}, nil
}

func timeFormat(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	t, err := timeOf(nil, c, f, args[:1])
	if err != nil {
		return nil, err
	}
	if _, err := formatOf(args[1], "TIME_FORMAT(t, '%H:%i')"); err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{t, args[1].e}, T: types.VarcharType}, nil
}
