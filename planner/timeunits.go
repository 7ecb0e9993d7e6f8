package planner

import (
	"strings"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// unitDigits returns how many fractional digits a time has behind a step of the
// unit, and whether the unit is whole days.
func unitDigits(unit string) (digits int, days bool) {
	switch {
	case strings.HasSuffix(unit, "MICROSECOND"):
		return 6, false
	case unit == "MILLISECOND":
		return 3, false
	}
	switch unit {
	case "DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "YEAR_MONTH":
		return 0, true
	}
	return 0, false
}

// The units that intervals are counted in, the compound ones of MySQL, and those
// that only divide the calendar.
const (
	stepUnits     = " MICROSECOND MILLISECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR "
	compoundUnits = " YEAR_MONTH DAY_HOUR DAY_MINUTE DAY_SECOND DAY_MICROSECOND HOUR_MINUTE HOUR_SECOND HOUR_MICROSECOND MINUTE_SECOND MINUTE_MICROSECOND SECOND_MICROSECOND "
	calendarUnits = " DECADE CENTURY MILLENNIUM "
	partUnits     = " DOW ISODOW DOY ISOYEAR EPOCH "
)

// unitArgument reads an argument that names a unit, as a word or as text, singular
// or plural.
func unitArgument(name string, e ast.Expr, known string) (string, error) {
	word := ""
	switch e := unparen(e).(type) {
	case *ast.Literal:
		if e.Kind == ast.StringLiteral {
			word = e.Text
		}
	case *ast.Column:
		if e.Table == nil {
			word = e.Name.Text
		}
	}
	unit := strings.TrimPrefix(strings.ToUpper(word), "SQL_TSI_")
	for _, u := range []string{unit, strings.TrimSuffix(unit, "S")} {
		if u != "" && !strings.Contains(u, " ") && strings.Contains(known, " "+u+" ") {
			return u, nil
		}
	}
	names := strings.Fields(known)
	err := diag.New(diag.WrongArguments, e.Span(), "%s takes no such unit", name).WithHint("the units are %s", strings.Join(names, ", "))
	if word == "" {
		err = diag.New(diag.WrongArguments, e.Span(), "%s needs a unit of time here", name).WithHint("the units are %s", strings.Join(names, ", "))
	}
	if near := diag.Suggest(unit, names); near != "" {
		err = err.WithLabel("did you mean %s?", near)
	}
	return "", err
}

// interval binds INTERVAL value unit. What is written out is a literal; an amount
// that depends on the row stays a call, which only addInterval takes apart.
func (x *exprs) interval(e *ast.Interval) (physical.Expr, error) {
	span := types.Type{Kind: types.Interval}
	if e.Value == nil {
		return &physical.Literal{T: span, Value: physical.Span{Months: e.Months, Micros: e.Micros}}, nil
	}
	o, err := x.operand(e.Value)
	if err != nil {
		return nil, err
	}
	amount, err := amountOf(o, e.Unit)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: "interval", Args: []physical.Expr{amount, text(e.Unit)}, T: span}, nil
}

// amountOf converts how many of a unit there are: whole numbers, seconds also with
// a fraction, compound units from text.
func amountOf(o operand, unit string) (physical.Expr, error) {
	what := "an INTERVAL of " + unit
	switch {
	case strings.Contains(stepUnits, " "+unit+" "):
	case !strings.Contains(compoundUnits, " "+unit+" "):
		return nil, diag.New(diag.WrongArguments, o.at, "there is no INTERVAL of %s", unit).
			WithHint("the units are %s", strings.Join(strings.Fields(stepUnits+compoundUnits), ", "))
	case o.kind() == types.Interval || o.e.Type().IsTime():
		return nil, diag.New(diag.WrongType, o.at, "%s needs text such as '1:30', this is a %s", what, o.e.Type())
	default:
		return o.as(types.Varchar, what)
	}
	if o.kind() == types.Interval {
		return nil, diag.New(diag.WrongType, o.at, "%s needs a number, this is an INTERVAL", what)
	}
	m, err := meant(o, types.BigintType)
	if err != nil {
		return nil, err
	}
	n, err := number(m, what)
	if err != nil {
		return nil, err
	}
	if unit == "SECOND" && n.Type().Kind != types.Bigint {
		return castTo(n, types.DecimalType(types.MaxDecimalPrecision, 6)), nil
	}
	return castTo(n, types.BigintType), nil
}

// addAmount returns t ± an amount of a unit that depends on the row.
func addAmount(t physical.Expr, amount physical.Expr, unit string, subtract bool) physical.Expr {
	fn := "date_add_by"
	if subtract {
		fn = "date_sub_by"
	}
	digits, days := unitDigits(unit)
	if amount.Type().Kind == types.Decimal {
		digits = 6
	}
	to := t.Type()
	switch {
	case to.Kind == types.Datetime:
		to = types.DatetimeType(max(to.Precision, digits))
	case !days:
		to = types.DatetimeType(digits)
		t = castTo(t, types.DatetimeType(0))
	}
	return &physical.Call{Fn: fn, Args: []physical.Expr{t, amount, text(unit)}, T: to}
}
