package planner

import (
	"slices"
	"strconv"
	"strings"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// isAggregate tells whether a call is one of the aggregates.
func isAggregate(c *ast.Call) bool {
	name := strings.ToUpper(c.Name.Text)
	return slices.ContainsFunc(Aggregates(), func(f Function) bool { return f.Name == name })
}

// Aggregates returns every aggregate, for help and completion.
func Aggregates() []Function {
	return []Function{
		{"COUNT", "COUNT(*)", "How many rows there are; COUNT(x): how many where x is not NULL. A BIGINT."},
		{"SUM", "SUM(x)", "The sum: of integers exact, a DECIMAL(38,0); NULL of no values."},
		{"AVG", "AVG(x)", "The mean: of integers a DOUBLE over an exact sum, of DECIMAL(p,s) a DECIMAL(38,s+4)."},
		{"MIN", "MIN(x)", "The least value; text by its bytes."},
		{"MAX", "MAX(x)", "The greatest value; text by its bytes."},
		{"APPROX_PERCENTILE", "APPROX_PERCENTILE(x, 0.95)", "The value that 95 % of the values do not exceed, at most 1 % off: a DOUBLE."},
	}
}

// findAggregate returns an aggregate inside e, nil if there is none.
func findAggregate(e ast.Expr) (found ast.Expr) {
	visit(e, func(e ast.Expr) {
		if c, ok := e.(*ast.Call); ok && found == nil && isAggregate(c) {
			found = c
		}
	})
	return found
}

// firstAggregate returns an aggregate of the select list, HAVING or ORDER BY.
func firstAggregate(q *ast.Select) ast.Expr {
	for _, it := range q.Items {
		if it.Star {
			continue
		}
		if a := findAggregate(it.Expr); a != nil {
			return a
		}
	}
	if q.Having != nil {
		if a := findAggregate(q.Having); a != nil {
			return a
		}
	}
	for _, o := range q.OrderBy {
		if a := findAggregate(o.Expr); a != nil {
			return a
		}
	}
	return nil
}

// aggregateOf binds an aggregate over the input.
func (x *exprs) aggregateOf(c *ast.Call) (logical.Agg, error) {
	name := strings.ToUpper(c.Name.Text)
	if c.Distinct {
		return logical.Agg{}, diag.New(diag.Unsupported, c.At, "%s(DISTINCT …) is not supported", name).
			WithHint("group by the column in a materialized view and count its rows")
	}
	if c.Star {
		if name != "COUNT" {
			return logical.Agg{}, diag.New(diag.WrongArguments, c.At, "%s(*) means nothing", name).
				WithHint("name a column, or write COUNT(*)")
		}
		return logical.Agg{Agg: physical.Agg{Fn: physical.AggCountStar, Out: types.BigintType}, Name: "count(*)"}, nil
	}
	quantile := 0.0
	if name == "APPROX_PERCENTILE" {
		var err error
		if quantile, err = quantileOf(c); err != nil {
			return logical.Agg{}, err
		}
	} else if len(c.Args) != 1 {
		return logical.Agg{}, diag.New(diag.WrongArguments, c.At, "%s takes one argument, not %d", name, len(c.Args))
	}
	if inner := findAggregate(c.Args[0]); inner != nil {
		return logical.Agg{}, diag.New(diag.GroupMisuse, inner.Span(), "an aggregate cannot stand inside %s", name).
			WithHint("aggregate in a materialized view, and that view's rows again")
	}
	if at := x.boundIn(c.Args[0]); at != nil {
		return logical.Agg{}, diag.New(diag.GroupMisuse, at.Span(), "all rows of a window have the same start and end").
			WithHint("write it without %s(…)", name)
	}
	below := &exprs{b: x.b, s: x.s, clause: name}
	o, err := below.operand(c.Args[0])
	if err != nil {
		return logical.Agg{}, err
	}
	arg, out, err := aggregateTypes(name, o)
	if err != nil {
		return logical.Agg{}, err
	}
	fn := physical.AggFn(strings.ToLower(name))
	args := physical.Format(arg)
	if fn == physical.AggPercentile {
		args += ", " + c.Args[1].(*ast.Literal).Text
	}
	return logical.Agg{
		Agg:  physical.Agg{Fn: fn, Out: out, Quantile: quantile},
		Args: []physical.Expr{arg},
		Name: string(fn) + "(" + args + ")",
	}, nil
}

// quantileOf reads which value APPROX_PERCENTILE takes. It is part of the plan,
// so it must be a constant.
func quantileOf(c *ast.Call) (float64, error) {
	const usage = "APPROX_PERCENTILE(latency, 0.95) is the value that 95 of 100 do not exceed"
	if len(c.Args) != 2 {
		return 0, diag.New(diag.WrongArguments, c.At, "APPROX_PERCENTILE takes two arguments, not %d", len(c.Args)).WithHint(usage)
	}
	at := c.Args[1].Span()
	l, ok := c.Args[1].(*ast.Literal)
	if !ok || l.Kind != ast.IntLiteral && l.Kind != ast.DecimalLiteral && l.Kind != ast.FloatLiteral {
		return 0, diag.New(diag.WrongArguments, at, "which percentile is a number, written out").WithHint(usage)
	}
	q, err := strconv.ParseFloat(l.Text, 64)
	switch {
	case err != nil || q < 0 || q > 100:
		return 0, diag.New(diag.WrongArguments, at, "the percentile is a number from 0 to 1, not %s", l.Text).WithHint(usage)
	case q > 1:
		return 0, diag.New(diag.WrongArguments, at, "the percentile is a number from 0 to 1, not %s", l.Text).
			WithHint("write %v", q/100)
	}
	return q, nil
}

// boundIn returns what names a bound of the query's window inside e, nil if nothing does.
func (x *exprs) boundIn(e ast.Expr) (found ast.Expr) {
	if !x.g.windowed() {
		return nil
	}
	visit(e, func(e ast.Expr) {
		if found == nil && isBound(e) && !resolves(x.s, e) {
			found = e
		}
	})
	return found
}

// aggregateTypes returns the argument as the aggregate takes it, and the result's type.
func aggregateTypes(name string, o operand) (physical.Expr, types.Type, error) {
	if o.kind() == types.Interval {
		return nil, types.Type{}, diag.New(diag.WrongType, o.at, "%s does not take an INTERVAL", name)
	}
	if o.kind() == types.Null {
		o.e = castTo(o.e, types.BigintType)
	}
	switch name {
	case "COUNT":
		return o.e, types.BigintType, nil
	case "MIN", "MAX":
		if err := noJSON(o.e, o.at, name+" of"); err != nil {
			return nil, types.Type{}, err
		}
		return o.e, o.e.Type(), nil
	}
	arg, err := number(o, name)
	if o.e.Type().IsNumeric() {
		arg = o.e // narrow ones add up as well
	}
	if err != nil {
		return nil, types.Type{}, diag.New(diag.WrongType, o.at, "%s takes a number, this is a %s", name, o.e.Type()).
			WithHint("MIN, MAX and COUNT take every type")
	}
	t := arg.Type()
	switch {
	case name == "APPROX_PERCENTILE" && t != types.DoubleType:
		return castTo(arg, types.DoubleType), types.DoubleType, nil
	case name == "SUM" && t.IsInteger():
		return arg, types.DecimalType(types.MaxDecimalPrecision, 0), nil
	case name == "SUM" && t.Kind == types.Decimal:
		return arg, types.DecimalType(types.MaxDecimalPrecision, t.Scale), nil
	case name == "AVG" && t.Kind == types.Decimal:
		return arg, types.DecimalType(types.MaxDecimalPrecision, min(t.Scale+divisionDigits, types.MaxDecimalPrecision)), nil
	}
	return arg, types.DoubleType, nil
}
