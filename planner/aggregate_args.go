package planner

import (
	"math/big"
	"strconv"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// separatorBytesMax is how long a separator of GROUP_CONCAT may be.
const separatorBytesMax = 1024

// placesMax is how many values TOP_K lists at most, and HISTOGRAM buckets.
const placesMax = 1000

// arguments binds what the aggregate is of.
func (a *aggregating) arguments() error {
	c := a.c
	if c.Star {
		a.out.Fn, a.out.Out = physical.AggCountStar, types.BigintType
		return nil
	}
	switch a.bind {
	case bindCountIf:
		a.out.Out = types.BigintType
		cond, err := a.x.condition(c.Args[0])
		if err != nil {
			return err
		}
		a.only(cond)
		return nil
	case bindTruth:
		cond, err := a.x.condition(c.Args[0])
		a.out.Args, a.out.Out = []physical.Expr{cond}, types.BooleanType
		return err
	case bindQuantile, bindWithin, bindMedian:
		return a.percentile()
	case bindTop, bindHistogram:
		return a.frequencies()
	}
	ops, err := a.values(c.Args...)
	if err != nil {
		return err
	}
	for _, o := range ops {
		a.out.Args = append(a.out.Args, o.e)
	}
	switch a.bind {
	case bindCount:
		a.out.Out = types.BigintType
		if a.out.Distinct = c.Distinct; !c.Distinct && len(ops) > 1 {
			return diag.New(diag.WrongArguments, c.At, "COUNT takes one argument, not %d", len(ops)).
				WithHint("COUNT(DISTINCT a, b) counts different pairs")
		}
	case bindApproxCount:
		a.out.Out = types.BigintType
	case bindNumber:
		return a.number(ops[0])
	case bindBits:
		return a.bits(ops[0])
	case bindPair:
		return a.pair(ops)
	case bindExtreme:
		a.out.Out = ops[0].e.Type()
		return noJSON(ops[0].e, ops[0].at, a.name+" of")
	case bindAny:
		a.any(ops[0])
	case bindFirst, bindFirstValue, bindBy:
		return a.first(ops)
	default:
		return a.list(ops)
	}
	return nil
}

// values binds expressions; a NULL that nothing gave a type is a BIGINT.
func (a *aggregating) values(list ...ast.Expr) ([]operand, error) {
	ops, err := a.x.operands(list...)
	if err != nil {
		return nil, err
	}
	for i, o := range ops {
		switch o.kind() {
		case types.Interval:
			return nil, diag.New(diag.WrongType, o.at, "%s does not take an INTERVAL", a.name)
		case types.Null:
			ops[i].e = castTo(o.e, types.BigintType)
		}
	}
	return ops, nil
}

// numeric returns o as a number.
func (a *aggregating) numeric(o operand) (physical.Expr, error) {
	arg, err := number(o, a.name)
	if o.e.Type().IsNumeric() {
		arg = o.e // narrow ones add up as well
	}
	if err != nil {
		return nil, diag.New(diag.WrongType, o.at, "%s takes a number, this is a %s", a.name, o.e.Type()).
			WithHint("MIN, MAX and COUNT take every type")
	}
	return arg, nil
}

func (a *aggregating) number(o operand) error {
	arg, err := a.numeric(o)
	if err != nil {
		return err
	}
	a.out.Args = []physical.Expr{arg}
	a.out.Distinct = a.c.Distinct
	t := arg.Type()
	a.out.Out = types.DoubleType
	switch {
	case a.fn == physical.AggSum && t.IsInteger():
		a.out.Out = types.DecimalType(types.MaxDecimalPrecision, 0)
	case a.fn == physical.AggSum && t.Kind == types.Decimal:
		a.out.Out = types.DecimalType(types.MaxDecimalPrecision, t.Scale)
	case a.fn == physical.AggAvg && t.Kind == types.Decimal:
		a.out.Out = types.DecimalType(types.MaxDecimalPrecision, min(t.Scale+divisionDigits, types.MaxDecimalPrecision))
	}
	return nil
}

func (a *aggregating) bits(o operand) error {
	n, err := bitsOf(o, a.name)
	if err != nil {
		return err
	}
	a.out.Args, a.out.Out = []physical.Expr{n}, types.UbigintType
	a.out.Distinct = a.c.Distinct && a.fn == physical.AggBitXor
	return nil
}

func (a *aggregating) pair(ops []operand) error {
	a.out.Out, a.out.Distinct = types.DoubleType, a.c.Distinct
	for i, o := range ops {
		arg, err := a.numeric(o)
		if err != nil {
			return err
		}
		a.out.Args[i] = castTo(arg, types.DoubleType)
	}
	return nil
}

// any takes the least value, of JSON, which has no order, that with the least text.
func (a *aggregating) any(o operand) {
	a.out.Out = o.e.Type()
	if o.kind() == types.JSON {
		a.out.Fn = physical.AggFirst
		a.known(o.e)
	}
}

// first binds the value of the first row of an order.
func (a *aggregating) first(ops []operand) error {
	a.out.Args, a.out.Out = []physical.Expr{ops[0].e}, ops[0].e.Type()
	if a.bind == bindBy {
		if err := noJSON(ops[1].e, ops[1].at, a.name+" by"); err != nil {
			return err
		}
		a.known(ops[1].e)
		a.text = append(a.text, physical.Format(ops[1].e))
		a.orderBy(ops[1].e, a.desc)
		return nil
	}
	if a.bind == bindFirstValue || a.c.IgnoreNulls {
		a.known(ops[0].e)
	}
	if err := a.orders(a.desc); err != nil {
		return err
	}
	if len(a.order) == 0 {
		return diag.New(diag.Unsupported, a.c.At, "the rows of this query have neither an event time nor a position").
			WithHint("say what orders them: %s(x ORDER BY y)", a.name)
	}
	return nil
}

func (a *aggregating) orderBy(e physical.Expr, desc bool) {
	a.order = append(a.order, e)
	a.out.Order = append(a.out.Order, desc)
}

// orders binds ORDER BY; backwards turns it round. Where it is missing rows are
// ordered by event time and position.
func (a *aggregating) orders(backwards bool) error {
	for _, o := range a.c.OrderBy {
		ops, err := a.values(o.Expr)
		if err != nil {
			return err
		}
		if err := noJSON(ops[0].e, ops[0].at, "ordering by"); err != nil {
			return err
		}
		a.orderBy(ops[0].e, o.Desc != backwards)
	}
	if len(a.c.OrderBy) > 0 {
		return nil
	}
	s := a.x.s
	for _, e := range []physical.Expr{a.time, s.hidden(physical.HiddenShard), s.hidden(physical.HiddenSeq), s.hidden(physical.HiddenSub)} {
		if e != nil {
			a.orderBy(e, backwards)
		}
	}
	return nil
}

// list binds what becomes one long value.
func (a *aggregating) list(ops []operand) error {
	a.out.Out, a.out.Distinct = types.JSONType, a.c.Distinct
	switch a.bind {
	case bindObject:
		name, err := ops[0].as(types.Varchar, a.name)
		if err != nil {
			return err
		}
		a.out.Args[0] = name
		a.known(a.out.Args[0])
		return a.orders(false)
	case bindArray:
		if a.c.IgnoreNulls {
			a.known(ops[0].e)
		}
	default:
		a.out.Out, a.out.Separator = types.VarcharType, ","
		if s := a.c.Separator; s != nil {
			if a.out.Separator = s.Text; len(s.Text) > separatorBytesMax {
				return diag.New(diag.TooLarge, s.At, "a separator of %d bytes, at most %d are allowed", len(s.Text), separatorBytesMax)
			}
			a.text = append(a.text, strconv.Quote(s.Text))
		}
		texts := make([]physical.Expr, len(ops))
		for i, o := range ops {
			var err error
			if texts[i], err = o.as(types.Varchar, a.name); err != nil {
				return err
			}
		}
		a.out.Args = texts
		if len(texts) > 1 {
			a.out.Args = []physical.Expr{&physical.Call{Fn: "concat", Args: texts, T: types.VarcharType}}
		}
	}
	if a.c.Distinct && len(a.c.OrderBy) == 0 {
		return nil // by the values: a value has no one time
	}
	return a.orders(false)
}

// percentile binds (x, q), (q) WITHIN GROUP (ORDER BY x) and (x).
func (a *aggregating) percentile() error {
	c := a.c
	value, desc := c.Args[0], false
	switch a.bind {
	case bindMedian:
		a.out.Quantile, a.text = a.quantile, []string{"0.5"}
	case bindWithin:
		value, desc = c.OrderBy[0].Expr, c.OrderBy[0].Desc
		if err := a.share(c.Args[0]); err != nil {
			return err
		}
	case bindQuantile:
		if err := a.share(c.Args[1]); err != nil {
			return err
		}
	}
	ops, err := a.values(value)
	if err != nil {
		return err
	}
	a.out.Distinct = c.Distinct
	if a.fn == physical.AggPercentileDisc {
		if err := noJSON(ops[0].e, ops[0].at, a.name+" of"); err != nil {
			return err
		}
		a.out.Args, a.out.Out = []physical.Expr{ops[0].e}, ops[0].e.Type()
		if desc {
			a.orderBy(ops[0].e, true)
			a.known(ops[0].e)
		}
		a.c = without(c)
		return nil
	}
	arg, err := a.numeric(ops[0])
	if err != nil {
		return err
	}
	if desc {
		a.out.Quantile = fromAbove(a.text[0])
	}
	a.out.Args, a.out.Out = []physical.Expr{castTo(arg, types.DoubleType)}, types.DoubleType
	a.c = without(c)
	return nil
}

// fromAbove returns 1 - q, of the number as it was written: 0.1 for 0.9.
func fromAbove(q string) float64 {
	r, ok := new(big.Rat).SetString(q)
	if !ok {
		panic("a number that was read before: " + q)
	}
	f, _ := r.Sub(big.NewRat(1, 1), r).Float64()
	return f
}

// without returns c without its order, which is bound: it is no part of the label.
func without(c *ast.Call) *ast.Call {
	out := *c
	out.OrderBy = nil
	return &out
}

// share reads which value a percentile takes. It is part of the plan, so it must
// be a constant.
func (a *aggregating) share(e ast.Expr) error {
	usage := a.name + a.usage + " is the value that 95 of 100 do not exceed"
	l, ok := unparen(e).(*ast.Literal)
	if !ok || l.Kind != ast.IntLiteral && l.Kind != ast.DecimalLiteral && l.Kind != ast.FloatLiteral {
		return diag.New(diag.WrongArguments, e.Span(), "which percentile is a number, written out").WithHint("%s", usage)
	}
	q, err := strconv.ParseFloat(l.Text, 64)
	switch {
	case err != nil || q < 0 || q > 100:
		return diag.New(diag.WrongArguments, e.Span(), "the percentile is a number from 0 to 1, not %s", l.Text).WithHint("%s", usage)
	case q > 1:
		return diag.New(diag.WrongArguments, e.Span(), "the percentile is a number from 0 to 1, not %s", l.Text).
			WithHint("write %v", q/100)
	}
	a.out.Quantile = q
	a.text = append(a.text, l.Text)
	return nil
}

// frequencies binds TOP_K and HISTOGRAM.
func (a *aggregating) frequencies() error {
	ops, err := a.values(a.c.Args[0])
	if err != nil {
		return err
	}
	o := ops[0]
	a.out.Args, a.out.Out, a.out.Distinct = []physical.Expr{o.e}, types.JSONType, a.c.Distinct
	if len(a.c.Args) == 1 {
		return nil
	}
	if a.bind == bindHistogram {
		arg, err := a.numeric(o)
		if err != nil {
			return err
		}
		a.out.Args[0] = castTo(arg, types.DoubleType)
	}
	e := a.c.Args[1]
	l, ok := unparen(e).(*ast.Literal)
	if ok && l.Kind == ast.IntLiteral {
		a.out.K, err = strconv.ParseInt(l.Text, 10, 64)
	}
	if !ok || l.Kind != ast.IntLiteral || err != nil || a.out.K < 1 || a.out.K > placesMax {
		return diag.New(diag.WrongArguments, e.Span(), "how many is a whole number from 1 to %d, written out", placesMax).
			WithHint("write %s%s", a.name, a.usage)
	}
	a.text = append(a.text, l.Text)
	return nil
}
