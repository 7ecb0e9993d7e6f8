package planner

import (
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// timeFunctions registers the functions of times.
func timeFunctions(m map[string]function) {
	timeParts(m)
	timeArithmetic(m)
	timeConversions(m)
	clockFunctions(m)
	m["NOW"] = function{fn: "now", usage: "()", doc: "When the row arrived; in a bounded query, when the statement began.", min: 0, max: 1, bind: now}
	m["CURRENT_DATE"] = function{fn: "current_date", usage: "()", doc: "The day of NOW().", min: 0, max: 0, bind: currentDate}
	for _, name := range []string{"HOUR", "MINUTE", "SECOND", "MICROSECOND"} {
		f := m[name]
		f.bind = clockPart
		m[name] = f
	}
	m["DATE_PART"] = function{fn: "extract", usage: "(unit FROM t)", doc: "The same as EXTRACT, but WEEK is the ISO week, as in PostgreSQL.", min: 2, max: 2, raw: datePart}
	alias(m, "CURTIME", "CURRENT_TIME")
	alias(m, "UTC_TIME", "CURRENT_TIME")
	alias(m, "DAYOFMONTH", "DAY")
	alias(m, "CURRENT_TIMESTAMP", "NOW")
	alias(m, "LOCALTIMESTAMP", "NOW")
	alias(m, "LOCALTIME", "NOW")
	alias(m, "SYSDATE", "NOW")
	alias(m, "UTC_TIMESTAMP", "NOW")
	alias(m, "PROCTIME", "NOW")
	alias(m, "CURDATE", "CURRENT_DATE")
	alias(m, "UTC_DATE", "CURRENT_DATE")
}

// timeParts registers what takes a time apart.
func timeParts(m map[string]function) {
	part := func(fn, doc string) function {
		return function{fn: fn, usage: "(t)", doc: doc, min: 1, max: 1, params: []types.Kind{types.Datetime}, result: types.BigintType}
	}
	m["YEAR"] = part("year", "The year of a time.")
	m["QUARTER"] = part("quarter", "The quarter of the year, 1 to 4.")
	m["MONTH"] = part("month", "The month of a time, 1 to 12.")
	m["DAY"] = part("day", "The day of the month, 1 to 31.")
	m["DAYOFYEAR"] = part("dayofyear", "The day of the year, 1 to 366.")
	m["DAYOFWEEK"] = part("dayofweek", "The day of the week, 1 (Sunday) to 7.")
	m["WEEKDAY"] = part("weekday", "The day of the week, 0 (Monday) to 6.")
	m["WEEKOFYEAR"] = part("weekofyear", "The ISO week of a time, 1 to 53; the same as WEEK(t, 3).")
	m["HOUR"] = part("hour", "The hour of a time, 0 to 23.")
	m["MINUTE"] = part("minute", "The minute of a time, 0 to 59.")
	m["SECOND"] = part("second", "The second of a time, 0 to 59.")
	m["MICROSECOND"] = part("microsecond", "The microseconds of a time, 0 to 999999.")
	m["TO_DAYS"] = part("to_days", "The days since the year 0; 1970-01-01 is day 719528.")
	m["TO_SECONDS"] = part("to_seconds", "The seconds since the year 0.")
	week := func(fn, doc string) function {
		return function{fn: fn, usage: "(t[, mode])", doc: doc, min: 1, max: 2, bind: weekCall}
	}
	m["WEEK"] = week("week", "The week of the year in one of MySQL's modes 0 to 7; without one weeks begin on Sunday, and days before the first are in week 0.")
	m["YEARWEEK"] = week("yearweek", "The year and week of a time, as 202547, in the modes of WEEK.")
	name := func(fn, doc string) function {
		return function{fn: fn, usage: "(t)", doc: doc, min: 1, max: 1, params: []types.Kind{types.Datetime}, result: types.VarcharType}
	}
	m["DAYNAME"] = name("dayname", "The English name of the day of the week.")
	m["MONTHNAME"] = name("monthname", "The English name of the month.")
	m["EXTRACT"] = function{fn: "extract", usage: "(unit FROM t)", doc: "A part of a time: MICROSECOND to YEAR, pairs such as HOUR_MINUTE, and DOW, ISODOW, DOY, ISOYEAR, DECADE, CENTURY, MILLENNIUM, EPOCH.", min: 2, max: 2, raw: extract}
}

// timeArithmetic registers what moves times and measures between them.
func timeArithmetic(m map[string]function) {
	times := func(fn, usage, doc string, n int) function {
		return function{fn: fn, usage: usage, doc: doc, min: n, max: n, params: []types.Kind{types.Datetime}, result: types.BigintType}
	}
	m["DATE_ADD"] = function{fn: "date_add", usage: "(t, INTERVAL n UNIT)", doc: "A time moved forward.", min: 2, max: 2, bind: dateAddCall}
	m["DATE_SUB"] = function{fn: "date_sub", usage: "(t, INTERVAL n UNIT)", doc: "A time moved back.", min: 2, max: 2, bind: dateAddCall}
	m["ADDDATE"] = function{fn: "date_add", usage: "(t, INTERVAL n UNIT)", doc: "The same as DATE_ADD; ADDDATE(t, n) adds n days.", min: 2, max: 2, bind: dateAddCall}
	m["SUBDATE"] = function{fn: "date_sub", usage: "(t, INTERVAL n UNIT)", doc: "The same as DATE_SUB; SUBDATE(t, n) goes back n days.", min: 2, max: 2, bind: dateAddCall}
	m["TIMESTAMPADD"] = function{fn: "date_add_by", usage: "(unit, n, t)", doc: "A time moved forward by n units.", min: 3, max: 3, raw: timestampAdd}
	m["TIMESTAMPDIFF"] = function{fn: "timestampdiff", usage: "(unit, a, b)", doc: "How many whole units there are from a to b, negative if b comes first.", min: 3, max: 3, raw: timestampDiff}
	m["DATEDIFF"] = times("datediff", "(a, b)", "The days from the day of b to the day of a.", 2)
	m["DATE_TRUNC"] = function{fn: "date_trunc", usage: "('unit', t[, 'zone'])", doc: "The beginning of the unit that a time is in; weeks begin on Monday. With a zone, the instant at which the unit begins by its clock.", min: 2, max: 3, raw: dateTrunc}
	m["DATE_BIN"] = function{fn: "date_bin", usage: "(INTERVAL n UNIT, t[, origin])", doc: "The beginning of the interval that a time is in, of those side by side from the origin on: 1970-01-01, for weeks a Monday.", min: 2, max: 3, bind: dateBin}
	alias(m, "TIME_BUCKET", "DATE_BIN")
	whole := func(usage, doc string, n int) function {
		return function{usage: usage, doc: doc, min: n, max: n, params: []types.Kind{types.Bigint}, result: types.BigintType}
	}
	m["PERIOD_ADD"] = whole("(yyyymm, n)", "The month n months behind another.", 2)
	m["PERIOD_DIFF"] = whole("(yyyymm, yyyymm)", "The months from the second to the first.", 2)
	for name, fn := range map[string]string{"PERIOD_ADD": "period_add", "PERIOD_DIFF": "period_diff"} {
		f := m[name]
		f.fn = fn
		m[name] = f
	}
}

// timeConversions registers what makes times of other things, and the reverse.
func timeConversions(m map[string]function) {
	day := func(fn, usage, doc string, n int, of types.Kind) function {
		return function{fn: fn, usage: usage, doc: doc, min: n, max: n, params: []types.Kind{of}, result: types.DateType}
	}
	m["DATE"] = day("date", "(t)", "The day of a time.", 1, types.Datetime)
	m["LAST_DAY"] = day("last_day", "(t)", "The last day of the month that a time is in.", 1, types.Datetime)
	m["MAKEDATE"] = day("makedate", "(year, n)", "The n-th day of a year.", 2, types.Bigint)
	m["FROM_DAYS"] = day("from_days", "(n)", "The day that is n days behind the year 0.", 1, types.Bigint)
	m["UNIX_TIMESTAMP"] = function{fn: "unix_timestamp", usage: "([t])", doc: "The seconds since 1970-01-01 00:00:00 UTC, with a fraction where t has one; without an argument, of NOW().", min: 0, max: 1, bind: unixTimestamp}
	m["FROM_UNIXTIME"] = function{fn: "from_unixtime", usage: "(seconds[, 'format'])", doc: "The time that many seconds after 1970-01-01 00:00:00 UTC; of a DECIMAL or DOUBLE with the fraction. With a format, as DATE_FORMAT writes it.", min: 1, max: 2, bind: fromUnixtime}
	m["TO_TIMESTAMP"] = function{fn: "from_unixtime", usage: "(x)", doc: "FROM_UNIXTIME of a number; the time that a text holds.", min: 1, max: 1, bind: toTimestamp}
	m["TIMESTAMP"] = function{fn: "cast", usage: "(t[, clock])", doc: "A day or a text as a time; with a TIME, that much later.", min: 1, max: 2, bind: timestamp}
	m["STR_TO_DATE"] = function{fn: "str_to_date", usage: "(s, 'format')", doc: "The time that a text holds, read with MySQL's % letters; NULL where it does not fit.", min: 2, max: 2, bind: strToDate}
	m["DATE_FORMAT"] = function{fn: "date_format", usage: "(t, 'format')", doc: "A time as text, with MySQL's % letters.", min: 2, max: 2, bind: dateFormat}
	m["CONVERT_TZ"] = function{fn: "convert_tz", usage: "(t, 'from', 'to')", doc: "What the clock of one zone shows when that of another shows t. A time that the first shows twice is the earlier one, one that it never shows is the moment of the change.", min: 3, max: 3, bind: convertTZ}
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
