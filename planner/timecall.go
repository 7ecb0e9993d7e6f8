package planner

import (
	"strings"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

func dateFormat(_ *exprs, c *ast.Call, _ function, args []operand) (physical.Expr, error) {
	return formatted(args[0], args[1], c.Name.Text)
}

// formatted returns DATE_FORMAT(t, format).
func formatted(t, format operand, name string) (physical.Expr, error) {
	e, err := t.as(types.Datetime, name)
	if err != nil {
		return nil, err
	}
	if _, err := formatOf(format, "DATE_FORMAT(ts, '%Y-%m-%d %H:%i')"); err != nil {
		return nil, err
	}
	return &physical.Call{Fn: "date_format", Args: []physical.Expr{e, format.e}, T: types.VarcharType}, nil
}

// formatOf returns a format, which must be written out. In MySQL a text without %
// letters stands for itself, so the patterns of Java and of PostgreSQL would be the
// same text for every time.
func formatOf(o operand, example string) (string, error) {
	format, ok := constantText(o.e)
	if !ok {
		return "", diag.New(diag.WrongArguments, o.at, "the format must be written out").WithHint("for example %s", example)
	}
	if with := patternLetters.Replace(format); with != format && !strings.Contains(format, "%") {
		return "", diag.New(diag.BadLiteral, o.at, "'%s' has no %% letters, so it stands for itself", shorten(format)).
			WithHint("write '%s'", with)
	}
	return format, nil
}

// patternLetters makes MySQL's letters of those of Java and PostgreSQL, the longest first.
var patternLetters = strings.NewReplacer(
	"yyyy", "%Y", "YYYY", "%Y", "HH24", "%H", "HH12", "%h", "MMMM", "%M", "MMM", "%b", "EEEE", "%W", "EEE", "%a", "SSSSSS", "%f", "SSS", "%f",
	"yy", "%y", "YY", "%y", "MM", "%m", "dd", "%d", "DD", "%d", "HH", "%H", "hh", "%h", "mm", "%i", "MI", "%i", "mi", "%i", "ss", "%s", "SS", "%s",
)

// fromUnixtime binds FROM_UNIXTIME: the fraction of a DECIMAL has up to 6 digits,
// and that of a DOUBLE has 6.
func fromUnixtime(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	m, err := meant(args[0], types.BigintType)
	if err != nil {
		return nil, err
	}
	n, err := number(m, c.Name.Text)
	if err != nil {
		return nil, err
	}
	precision := 0
	switch t := n.Type(); t.Kind {
	case types.Decimal:
		precision = min(t.Scale, 6)
	case types.Double:
		precision = 6
		n = castTo(n, types.DecimalType(types.MaxDecimalPrecision, 6))
	}
	out := &physical.Call{Fn: f.fn, Args: []physical.Expr{n}, T: types.DatetimeType(precision)}
	if len(args) == 1 {
		return out, nil
	}
	return formatted(operand{out, args[0].at}, args[1], c.Name.Text)
}

// strToDate binds STR_TO_DATE, whose format must be written out: it tells the
// digits of the result.
func strToDate(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	s, err := args[0].as(types.Varchar, c.Name.Text)
	if err != nil {
		return nil, err
	}
	format, err := formatOf(args[1], "STR_TO_DATE(s, '%d.%m.%Y %H:%i:%s')")
	if err != nil {
		return nil, err
	}
	precision := 0
	for i := 0; i+1 < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		i++
		switch format[i] {
		case 'f':
			precision = 6
		case 'Y', 'y', 'm', 'c', 'd', 'e', 'D', 'H', 'k', 'h', 'I', 'l', 'i', 's', 'S', 'p', 'T', 'r', 'b', 'M', 'a', 'W', 'w', 'j',
			'U', 'u', 'V', 'v', 'X', 'x', '.', '@', '#', '%':
		default:
			return nil, diag.New(diag.BadLiteral, args[1].at, "STR_TO_DATE does not read %%%c", format[i]).
				WithHint("it reads %%Y %%y %%m %%c %%d %%e %%D %%H %%k %%h %%I %%l %%i %%s %%f %%p %%T %%r %%b %%M %%a %%W %%w %%j %%U %%u %%V %%v %%X %%x %%. %%@ %%#")
		}
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{s, args[1].e}, T: types.DatetimeType(precision)}, nil
}

// dateAddCall binds DATE_ADD and DATE_SUB, and ADDDATE and SUBDATE, which also
// take a number of days.
func dateAddCall(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	subtract := f.fn == "date_sub"
	if args[1].kind() == types.Interval {
		return addInterval(args[0], args[1].e, subtract, "the INTERVAL")
	}
	if c.Name.Text == "DATE_ADD" || c.Name.Text == "DATE_SUB" {
		return nil, diag.New(diag.WrongArguments, args[1].at, "%s needs an INTERVAL here", c.Name.Text).
			WithHint("for example %s(ts, INTERVAL 5 SECOND)", c.Name.Text)
	}
	days, err := amountOf(args[1], "DAY")
	if err != nil {
		return nil, err
	}
	interval := &physical.Call{Fn: "interval", Args: []physical.Expr{days, text("DAY")}, T: types.Type{Kind: types.Interval}}
	return addInterval(args[0], interval, subtract, "the INTERVAL")
}

// timestampAdd binds TIMESTAMPADD(unit, n, t).
func timestampAdd(x *exprs, c *ast.Call, _ function) (physical.Expr, error) {
	unit, err := unitArgument(c.Name.Text, c.Args[0], stepUnits)
	if err != nil {
		return nil, err
	}
	interval, err := x.interval(&ast.Interval{Node: c.Node, Value: c.Args[1], Unit: unit})
	if err != nil {
		return nil, err
	}
	t, err := x.operand(c.Args[2])
	if err != nil {
		return nil, err
	}
	return addInterval(t, interval, false, "the INTERVAL")
}

// timesBehindUnit binds the arguments behind a unit, which are times.
func (x *exprs) timesBehindUnit(c *ast.Call, known string) ([]physical.Expr, string, error) {
	unit, err := unitArgument(c.Name.Text, c.Args[0], known)
	if err != nil {
		return nil, "", err
	}
	out := []physical.Expr{text(unit)}
	for _, a := range c.Args[1:] {
		o, err := x.operand(a)
		if err != nil {
			return nil, "", err
		}
		e, err := o.as(types.Datetime, c.Name.Text)
		if err != nil {
			return nil, "", err
		}
		out = append(out, e)
	}
	return out, unit, nil
}

// timestampDiff binds TIMESTAMPDIFF(unit, a, b).
func timestampDiff(x *exprs, c *ast.Call, f function) (physical.Expr, error) {
	args, _, err := x.timesBehindUnit(c, stepUnits)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: args, T: types.BigintType}, nil
}

// extract binds EXTRACT(unit FROM t).
func extract(x *exprs, c *ast.Call, f function) (physical.Expr, error) {
	args, unit, err := x.timesBehindUnit(c, stepUnits+compoundUnits+calendarUnits+partUnits)
	if err != nil {
		return nil, err
	}
	if unit == "EPOCH" {
		return unixSeconds(args[1]), nil
	}
	return &physical.Call{Fn: f.fn, Args: args, T: types.BigintType}, nil
}

// datePart binds DATE_PART, which MySQL does not have: what its units mean where it
// comes from is not always what they mean in MySQL's EXTRACT.
func datePart(x *exprs, c *ast.Call, f function) (physical.Expr, error) {
	e, err := extract(x, c, f)
	if err != nil {
		return nil, err
	}
	call, ok := e.(*physical.Call)
	if !ok || call.Fn != f.fn {
		return e, nil
	}
	switch unit, _ := constantText(call.Args[0]); unit {
	case "WEEK":
		return &physical.Call{Fn: "weekofyear", Args: call.Args[1:], T: call.T}, nil
	case "MILLISECOND", "MICROSECOND":
		return nil, diag.New(diag.Unsupported, c.Args[0].Span(), "DATE_PART of a %s holds the seconds in PostgreSQL, and not in other engines, so it is not supported", strings.ToLower(unit)).
			WithHint("write EXTRACT(MICROSECOND FROM t) for what is behind the seconds, EXTRACT(SECOND_MICROSECOND FROM t) with them")
	}
	return call, nil
}

// unixSeconds returns UNIX_TIMESTAMP(t): a DECIMAL where t has a fraction.
func unixSeconds(t physical.Expr) physical.Expr {
	const wholeDigits = 12 // of the year 9999
	to := types.BigintType
	if p := t.Type().Precision; t.Type().Kind == types.Datetime && p > 0 {
		to = types.DecimalType(wholeDigits+p, p)
	}
	return &physical.Call{Fn: "unix_timestamp", Args: []physical.Expr{t}, T: to}
}

func unixTimestamp(x *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if len(args) == 0 {
		e, err := now(x, c, f, nil)
		if err != nil {
			return nil, err
		}
		return &physical.Call{Fn: f.fn, Args: []physical.Expr{e}, T: types.BigintType}, nil
	}
	t, err := args[0].as(types.Datetime, c.Name.Text)
	if err != nil {
		return nil, err
	}
	return unixSeconds(t), nil
}

// dateTrunc binds DATE_TRUNC('unit', t[, 'zone']).
func dateTrunc(x *exprs, c *ast.Call, f function) (physical.Expr, error) {
	zone := c.Args[2:]
	args, unit, err := x.timesBehindUnit(&ast.Call{Node: c.Node, Name: c.Name, Args: c.Args[:2]}, stepUnits+calendarUnits)
	if err != nil {
		return nil, err
	}
	if len(zone) > 0 {
		o, err := x.operand(zone[0])
		if err != nil {
			return nil, err
		}
		z, err := zoneName(o)
		if err != nil {
			return nil, err
		}
		args = append(args, z)
	}
	return &physical.Call{Fn: f.fn, Args: args, T: truncated(args[1].Type(), unit)}, nil
}

// truncated is the type of a time cut to a unit.
func truncated(t types.Type, unit string) types.Type {
	digits, _ := unitDigits(unit)
	return types.DatetimeType(min(t.Precision, digits))
}

// toUnit binds FLOOR(t TO unit) and CEIL(t TO unit), which are DATE_TRUNC and its
// other end.
func toUnit(x *exprs, c *ast.Call, fn string) (physical.Expr, error) {
	args, unit, err := x.timesBehindUnit(&ast.Call{Node: c.Node, Name: c.Name, Args: []ast.Expr{c.Args[1], c.Args[0]}}, stepUnits+calendarUnits)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: fn, Args: args, T: truncated(args[1].Type(), unit)}, nil
}

// dateBin binds DATE_BIN(INTERVAL n UNIT, t[, origin]).
func dateBin(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	const monday = -3 * 86_400_000_000 // 1969-12-29
	lit, ok := args[0].e.(*physical.Literal)
	if !ok || args[0].kind() != types.Interval {
		return nil, diag.New(diag.WrongArguments, args[0].at, "%s needs an INTERVAL that is written out", c.Name.Text).
			WithHint("for example %s(INTERVAL 15 MINUTE, ts)", c.Name.Text)
	}
	span := lit.Value.(physical.Span)
	if span.Micros < 0 || span.Months < 0 || span.Micros == 0 && span.Months == 0 || span.Months > 12*9999 {
		return nil, diag.New(diag.WrongArguments, args[0].at, "the interval must be longer than nothing, and at most 9999 years")
	}
	t, err := args[1].as(types.Datetime, c.Name.Text)
	if err != nil {
		return nil, err
	}
	origin := physical.Expr(&physical.Literal{T: types.DatetimeType(0), Value: int64(0)})
	if iv, ok := unparen(c.Args[0]).(*ast.Interval); ok && strings.HasSuffix(iv.Text, " WEEK") {
		origin = &physical.Literal{T: types.DatetimeType(0), Value: int64(monday)}
	}
	if len(args) == 3 {
		if origin, err = args[2].as(types.Datetime, c.Name.Text); err != nil {
			return nil, err
		}
	}
	digits := max(digitsOf(span.Micros), origin.Type().Precision)
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{lit, t, origin}, T: types.DatetimeType(digits)}, nil
}

// weekCall binds WEEK(t[, mode]) and YEARWEEK.
func weekCall(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	t, err := args[0].as(types.Datetime, c.Name.Text)
	if err != nil {
		return nil, err
	}
	mode := physical.Expr(bigint(0))
	if len(args) == 2 {
		if mode, err = args[1].as(types.Bigint, c.Name.Text); err != nil {
			return nil, err
		}
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{t, mode}, T: types.BigintType}, nil
}

// toTimestamp binds TO_TIMESTAMP of epoch seconds or of text.
func toTimestamp(x *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if args[0].e.Type().IsNumeric() {
		return fromUnixtime(x, c, f, args)
	}
	return args[0].as(types.Datetime, c.Name.Text)
}

func timestamp(_ *exprs, c *ast.Call, _ function, args []operand) (physical.Expr, error) {
	t, err := args[0].as(types.Datetime, c.Name.Text)
	if err != nil || len(args) == 1 {
		return t, err
	}
	clock, err := clockArgument(args[1], c.Name.Text)
	if err != nil {
		return nil, err
	}
	return clockSum("addtime", t, clock), nil
}

// convertTZ binds CONVERT_TZ(t, 'from', 'to'), which AT TIME ZONE is, too.
func convertTZ(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	t, err := args[0].as(types.Datetime, c.Name.Text)
	if err != nil {
		return nil, err
	}
	from, err := zoneName(args[1])
	if err != nil {
		return nil, err
	}
	to, err := zoneName(args[2])
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{t, from, to}, T: t.Type()}, nil
}

// zoneName reads a constant that names a time zone.
func zoneName(o operand) (physical.Expr, error) {
	name, ok := constantText(o.e)
	if !ok {
		return nil, diag.New(diag.WrongArguments, o.at, "the time zone must be written out").
			WithHint("for example 'Europe/Berlin' or '+02:00'")
	}
	if _, err := types.Zone(name); err != nil {
		e := diag.New(diag.BadLiteral, o.at, "there is no time zone '%s'", shorten(name)).
			WithHint("write a name of the IANA database such as 'Europe/Berlin', or an offset such as '+02:00'")
		if near := diag.Suggest(name, types.ZoneNames()); near != "" {
			e = e.WithLabel("did you mean '%s'?", near)
		}
		return nil, e
	}
	return o.e, nil
}
