package planner

import (
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// scaleMax bounds the fraction that arithmetic makes by itself, as in MySQL.
const scaleMax = 30

// divisionDigits is how many digits a division adds to the fraction, as MySQL's
// div_precision_increment does.
const divisionDigits = 4

// number makes a number of an operand of arithmetic: text becomes a DOUBLE,
// a truth value 0 or 1, and what is narrow the BIGINT or DOUBLE that it is
// computed as.
func number(o operand, what string) (physical.Expr, error) {
	t := o.e.Type()
	switch {
	case t.IsNumeric() && t.Width > 0:
		return &physical.Call{Fn: "cast", Args: []physical.Expr{o.e}, T: t.Wide()}, nil
	case t.IsNumeric():
		return o.e, nil
	case t.Kind == types.Boolean, t.Kind == types.Null:
		return castTo(o.e, types.BigintType), nil
	case t.Kind == types.Varchar:
		m, err := meant(o, types.DoubleType)
		if err != nil {
			return nil, err
		}
		return castTo(m.e, types.DoubleType), nil
	case t.Kind == types.Varbinary:
		if o = bytesNumber(o); o.e.Type().IsNumeric() {
			return o.e, nil
		}
		return castTo(o.e, types.DoubleType), nil
	case t.Kind == types.JSON:
		return castTo(unquoted(o.e), types.DoubleType), nil
	case t.Kind == types.Time:
		return nil, diag.New(diag.WrongType, o.at, "%s needs a number, this is a %s", what, t).
			WithHint("add or subtract an INTERVAL")
	case t.IsTime():
		return nil, diag.New(diag.WrongType, o.at, "%s needs a number, this is a %s", what, t).
			WithHint("add or subtract an INTERVAL; TIMESTAMPDIFF(SECOND, a, b) is the time between two, UNIX_TIMESTAMP(…) the seconds of one")
	}
	return nil, diag.New(diag.WrongType, o.at, "%s needs a number, this is an %s", what, t)
}

// arithmetic binds + - * / div %.
func arithmetic(e *ast.Binary, l, r operand) (physical.Expr, error) {
	if out, err := intervalArithmetic(e, l, r); out != nil || err != nil {
		return out, err
	}
	what := "`" + e.Op + "`"
	a, err := number(l, what)
	if err != nil {
		return nil, err
	}
	b, err := number(r, what)
	if err != nil {
		return nil, err
	}
	// NULL takes the type of what it stands beside, so that NULL + 1.5 is a DECIMAL.
	if l.kind() == types.Null {
		a = castTo(l.e, b.Type())
	}
	if r.kind() == types.Null {
		b = castTo(r.e, a.Type())
	}
	if e.Op == "div" && !(a.Type().IsInteger() && b.Type().IsInteger()) {
		// The quotient without its fraction: what is left of a can be divided exactly.
		whole := numeric("-", a, numeric("%", a, b))
		return castTo(numeric("/", whole, b), types.BigintType), nil
	}
	return numeric(e.Op, a, b), nil
}

// numeric applies an operator to two numbers after bringing them to one kind.
func numeric(op string, a, b physical.Expr) physical.Expr {
	ta, tb := a.Type(), b.Type()
	switch {
	case ta.Kind == types.Double || tb.Kind == types.Double:
		a, b = castTo(a, types.DoubleType), castTo(b, types.DoubleType)
	case ta.Kind == types.Decimal || tb.Kind == types.Decimal:
		a, b = castTo(a, asDecimal(ta)), castTo(b, asDecimal(tb))
	}
	return &physical.Call{Fn: op, Args: []physical.Expr{a, b}, T: numericType(op, a.Type(), b.Type())}
}

// numericType returns the type of a op b, which are of one kind or both integers;
// two integers divide to a DECIMAL. As in MySQL the result is unsigned if one of
// them is, but a remainder is what the dividend is. The digits of
// a DECIMAL follow MySQL's rules, cut at 38: a longer result loses whole digits
// first, which the evaluator counts as overflow.
func numericType(op string, a, b types.Type) types.Type {
	switch {
	case op == "/" && a.IsInteger():
		a, b = asDecimal(a), asDecimal(b)
	case op != "%" && b.Kind == types.Ubigint:
		return b
	case a.Kind != types.Decimal:
		return a
	}
	var precision, scale int
	switch op {
	case "+", "-":
		scale = max(a.Scale, b.Scale)
		precision = max(a.Precision-a.Scale, b.Precision-b.Scale) + 1 + scale
	case "*":
		scale = min(a.Scale+b.Scale, max(scaleMax, a.Scale, b.Scale))
		precision = a.Precision + b.Precision
	case "/":
		scale = min(a.Scale+divisionDigits, max(scaleMax, a.Scale))
		precision = a.Precision + b.Scale + divisionDigits
	case "%":
		scale = max(a.Scale, b.Scale)
		precision = max(a.Precision-a.Scale, b.Precision-b.Scale) + scale
	}
	return types.DecimalType(min(max(precision, scale, 1), types.MaxDecimalPrecision), scale)
}

// intervalArithmetic binds time ± INTERVAL; it returns nothing if no INTERVAL is there.
func intervalArithmetic(e *ast.Binary, l, r operand) (physical.Expr, error) {
	left, right := l.kind() == types.Interval, r.kind() == types.Interval
	switch {
	case !left && !right:
		return nil, nil
	case left && right, e.Op != "+" && e.Op != "-", left && e.Op == "-":
		return nil, diag.New(diag.WrongType, e.At, "an INTERVAL can only be added to a time or subtracted from one")
	case left:
		l, r = r, l
	}
	return addInterval(l, r.e, e.Op == "-", "an INTERVAL")
}

// addInterval returns time ± span.
func addInterval(t operand, interval physical.Expr, subtract bool, what string) (physical.Expr, error) {
	e := t.e
	switch e.Type().Kind {
	case types.Varchar:
		m, err := meant(t, types.DatetimeType(0))
		if err != nil {
			return nil, err
		}
		e = castTo(m.e, types.DatetimeType(6))
	case types.Null:
		e = castTo(e, types.DatetimeType(6))
	case types.Time:
		if l, ok := interval.(*physical.Literal); !ok || l.Value.(physical.Span).Months != 0 {
			return nil, diag.New(diag.WrongType, t.at, "to a TIME only a span of fixed length can be added").
				WithHint("for example INTERVAL 90 MINUTE; add months and amounts that vary to a DATETIME")
		}
	case types.Date, types.Datetime:
	default:
		return nil, diag.New(diag.WrongType, t.at, "an INTERVAL is added to a time, this is a %s", e.Type())
	}
	switch interval := interval.(type) {
	case *physical.Call:
		if unit, ok := constantText(interval.Args[1]); ok && interval.Fn == "interval" {
			return addAmount(e, interval.Args[0], unit, subtract), nil
		}
	case *physical.Literal:
		if span, ok := interval.Value.(physical.Span); ok {
			if subtract {
				span = physical.Span{Months: -span.Months, Micros: -span.Micros}
			}
			return dateAdd(e, span), nil
		}
	}
	return nil, diag.New(diag.WrongType, t.at, "%s must be written where it is added, for example ts + INTERVAL 5 SECOND", what)
}

// dateAdd returns e + span; a DATE stays one if the span is whole days.
func dateAdd(e physical.Expr, span physical.Span) physical.Expr {
	const microsPerDay = 86_400_000_000
	t := e.Type()
	switch {
	case t.Kind == types.Date && span.Micros%microsPerDay != 0:
		t = types.DatetimeType(digitsOf(span.Micros))
		e = castTo(e, types.DatetimeType(0))
	case t.Kind == types.Time:
		t = types.TimeType(max(t.Precision, digitsOf(span.Micros)))
	case t.Kind == types.Datetime:
		t = types.DatetimeType(max(t.Precision, digitsOf(span.Micros)))
	}
	lit := &physical.Literal{T: types.Type{Kind: types.Interval}, Value: span}
	return &physical.Call{Fn: "date_add", Args: []physical.Expr{e, lit}, T: t}
}
