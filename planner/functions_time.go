package planner

import (
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// timeFunctions registers the functions of times.
func timeFunctions(m map[string]function) {
	part := func(fn, doc string) function {
		return function{fn: fn, usage: "(t)", doc: doc, min: 1, max: 1, params: []types.Kind{types.Datetime}, result: types.BigintType}
	}
	m["YEAR"] = part("year", "The year of a time.")
	m["MONTH"] = part("month", "The month of a time, 1 to 12.")
	m["DAY"] = part("day", "The day of the month, 1 to 31.")
	m["HOUR"] = part("hour", "The hour of a time, 0 to 23.")
	m["MINUTE"] = part("minute", "The minute of a time, 0 to 59.")
	m["SECOND"] = part("second", "The second of a time, 0 to 59.")
	m["UNIX_TIMESTAMP"] = part("unix_timestamp", "Whole seconds since 1970-01-01 00:00:00 UTC.")
	m["FROM_UNIXTIME"] = function{fn: "from_unixtime", usage: "(seconds)", doc: "The time that many seconds after 1970-01-01 00:00:00 UTC; of a DECIMAL or DOUBLE with the fraction.", min: 1, max: 1, bind: fromUnixtime}
	m["STR_TO_DATE"] = function{fn: "str_to_date", usage: "(s, 'format')", doc: "The time that a text holds, read with MySQL's % letters; NULL where it does not fit.", min: 2, max: 2, bind: strToDate}
	m["DATE"] = function{fn: "date", usage: "(t)", doc: "The day of a time.", min: 1, max: 1, params: []types.Kind{types.Datetime}, result: types.DateType}
	m["DATE_FORMAT"] = function{fn: "date_format", usage: "(t, 'format')", doc: "A time as text, with MySQL's % letters.", min: 2, max: 2, bind: dateFormat}
	m["DATE_ADD"] = function{fn: "date_add", usage: "(t, INTERVAL n UNIT)", doc: "A time moved forward.", min: 2, max: 2, bind: dateAddCall}
	m["DATE_SUB"] = function{fn: "date_sub", usage: "(t, INTERVAL n UNIT)", doc: "A time moved back.", min: 2, max: 2, bind: dateAddCall}
	m["NOW"] = function{fn: "now", usage: "()", doc: "When the row arrived; in a bounded query, when the statement began.", min: 0, max: 1, bind: now}
	m["CURRENT_DATE"] = function{fn: "current_date", usage: "()", doc: "The day of NOW().", min: 0, max: 0, bind: currentDate}
	alias(m, "DAYOFMONTH", "DAY")
	alias(m, "ADDDATE", "DATE_ADD")
	alias(m, "SUBDATE", "DATE_SUB")
	alias(m, "CURRENT_TIMESTAMP", "NOW")
	alias(m, "LOCALTIMESTAMP", "NOW")
	alias(m, "LOCALTIME", "NOW")
	alias(m, "CURDATE", "CURRENT_DATE")
}

func dateFormat(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	t, err := args[0].as(types.Datetime, c.Name.Text)
	if err != nil {
		return nil, err
	}
	if _, ok := constantText(args[1].e); !ok {
		return nil, diag.New(diag.WrongArguments, args[1].at, "the format must be written out").
			WithHint("for example DATE_FORMAT(ts, '%%Y-%%m-%%d %%H:%%i')")
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{t, args[1].e}, T: types.VarcharType}, nil
}

func dateAddCall(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if args[1].kind() != types.Interval {
		return nil, diag.New(diag.WrongArguments, args[1].at, "%s needs an INTERVAL here", c.Name.Text).
			WithHint("for example %s(ts, INTERVAL 5 SECOND)", c.Name.Text)
	}
	return addInterval(args[0], args[1].e, f.fn == "date_sub", "the INTERVAL")
}

// now is the row's arrival in a continuous query, which a replay repeats, and
// the start of the statement in a bounded one.
func now(x *exprs, c *ast.Call, _ function, args []operand) (physical.Expr, error) {
	if len(args) == 1 {
		l, ok := args[0].e.(*physical.Literal)
		if n, isInt := literalInt(l, ok); !isInt || n < 0 || n > 6 {
			return nil, diag.New(diag.WrongArguments, args[0].at, "the precision of %s is a number from 0 to 6", c.Name.Text)
		}
	}
	if x.clause == generatedClause {
		return nil, diag.New(diag.Unsupported, c.At, "%s cannot stand in a generated column", c.Name.Text).
			WithHint("its value follows from the record alone; write NOW() or _arrival in the query")
	}
	if !x.b.live {
		return &physical.Literal{T: types.DatetimeType(6), Value: int64(x.b.cfg.Now)}, nil
	}
	if e := x.s.hidden(physical.HiddenArrival); e != nil {
		return e, nil
	}
	return nil, diag.New(diag.Unsupported, c.At, "%s is the arrival of a row, and the rows of `%s` are results", c.Name.Text, x.s.table).
		WithHint("compare with window_end, or filter inside the view")
}

func literalInt(l *physical.Literal, ok bool) (int64, bool) {
	if !ok {
		return 0, false
	}
	n, isInt := l.Value.(int64)
	return n, isInt && l.T.Kind == types.Bigint
}

func currentDate(x *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	e, err := now(x, c, f, args)
	if err != nil {
		return nil, err
	}
	return castTo(e, types.DateType), nil
}
