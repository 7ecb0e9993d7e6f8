package planner

import (
	"strings"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// isAggregate tells whether a call is one of the aggregates.
func isAggregate(c *ast.Call) bool { return aggregateNamed(strings.ToUpper(c.Name.Text)) != nil }

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

// aggregating is an aggregate while it is being bound over the input.
type aggregating struct {
	*aggregate
	x      *exprs        // binds over the input
	time   physical.Expr // the event time: that of the window, else of the rows; nil: none
	c      *ast.Call
	out    logical.Agg
	order  []physical.Expr // what orders the rows, one for each of out.Order
	filter physical.Expr   // only rows for which it is true; nil: all
	text   []string        // parameters, for the name
}

// aggregateOf binds an aggregate over the input.
func (x *exprs) aggregateOf(c *ast.Call) (logical.Agg, error) {
	spec := aggregateNamed(strings.ToUpper(c.Name.Text))
	a := &aggregating{aggregate: spec, x: &exprs{b: x.b, s: x.s, clause: spec.name}, c: c}
	a.out.Fn = spec.fn
	if a.time = x.g.agg.Time; a.time == nil {
		a.time = x.s.eventTime()
	}
	if err := x.checkAggregate(a); err != nil {
		return a.out, err
	}
	if c.Filter != nil {
		cond, err := a.x.condition(c.Filter)
		if err != nil {
			return a.out, err
		}
		a.only(cond)
	}
	if err := a.arguments(); err != nil {
		return a.out, err
	}
	a.out.Name = a.label()
	a.out.Args = append(a.out.Args, a.order...)
	if a.filter != nil {
		a.out.Filtered = true
		a.out.Args = append(a.out.Args, a.filter)
	}
	return a.out, nil
}

// checkAggregate refuses what no aggregate or not this one can have.
func (x *exprs) checkAggregate(a *aggregating) error {
	c := a.c
	if c.Star {
		if a.bind != bindCount {
			return diag.New(diag.WrongArguments, c.At, "%s(*) means nothing", a.name).WithHint("name a column, or write COUNT(*)")
		}
		if c.Distinct {
			return diag.New(diag.WrongArguments, c.At, "COUNT(DISTINCT *) means nothing").WithHint("name the columns: COUNT(DISTINCT a, b)")
		}
	} else if n := len(c.Args); n < a.min || n > a.max {
		arity := function{min: a.min, max: a.max}
		return diag.New(diag.WrongArguments, c.At, "%s takes %s, not %d", a.name, arity.arity(), n).WithHint("write %s%s", a.name, a.usage)
	}
	for _, e := range children(c) {
		if inner := findAggregate(e); inner != nil {
			return diag.New(diag.GroupMisuse, inner.Span(), "an aggregate cannot stand inside %s", a.name).
				WithHint("aggregate in a query in FROM, and that query's rows again")
		}
		if at := x.boundIn(e); at != nil {
			if fn := markOf(at); fn != "" {
				return diag.New(diag.GroupMisuse, at.Span(), "%s says something of a group, not of its rows", fn).
					WithHint("aggregate in a query in FROM that shows it, and that query's rows again")
			}
			return diag.New(diag.GroupMisuse, at.Span(), "all rows of a window have the same start and end").
				WithHint("write it without %s(…)", a.name)
		}
	}
	return a.checkClauses()
}

// checkClauses refuses clauses that would change nothing.
func (a *aggregating) checkClauses() error {
	c := a.c
	no := func(at diag.Span, what, hint string, args ...any) error {
		return diag.New(diag.WrongArguments, at, "%s takes no %s", a.name, what).WithHint(hint, args...)
	}
	ordered := a.bind == bindFirst || a.bind == bindFirstValue || a.bind == bindList || a.bind == bindArray
	switch {
	case a.bind == bindWithin && (!c.WithinGroup || len(c.OrderBy) != 1):
		return diag.New(diag.WrongArguments, c.At, "%s needs the one expression that it orders by", a.name).WithHint("write %s%s", a.name, a.usage)
	case a.bind == bindWithin:
	case c.WithinGroup:
		return no(c.OrderBy[0].At, "WITHIN GROUP", "write %s%s", a.name, a.usage)
	case len(c.OrderBy) > 0 && !ordered:
		return no(c.OrderBy[0].At, "ORDER BY", "it does not depend on the order of the rows")
	}
	switch {
	case c.Separator != nil && a.bind != bindList:
		return no(c.Separator.At, "SEPARATOR", "GROUP_CONCAT does")
	case c.IgnoreNulls && a.bind != bindFirst && a.bind != bindFirstValue && a.bind != bindArray:
		return no(c.At, "IGNORE NULLS", "it passes over NULL anyway")
	case c.Distinct && (ordered && a.bind != bindList && a.bind != bindArray || a.bind == bindBy || a.bind == bindObject || a.bind == bindWithin || a.bind == bindCountIf):
		return no(c.At, "DISTINCT", "it is about one row")
	}
	return nil
}

// only keeps rows for which cond is true, of those that are kept so far.
func (a *aggregating) only(cond physical.Expr) {
	if a.filter != nil {
		cond = &physical.Call{Fn: "and", Args: []physical.Expr{a.filter, cond}, T: types.BooleanType}
	}
	a.filter = cond
}

// known keeps rows in which e is not NULL.
func (a *aggregating) known(e physical.Expr) {
	a.only(notIf(true, &physical.Call{Fn: "is_null", Args: []physical.Expr{e}, T: types.BooleanType}))
}

// label is what the column of the result is called.
func (a *aggregating) label() string {
	if a.c.Star {
		return a.behind("count(*")
	}
	var parts []string
	for _, e := range a.out.Args {
		parts = append(parts, physical.Format(e))
	}
	name := string(a.out.Fn)
	if a.bind == bindFirst || a.bind == bindFirstValue || a.bind == bindBy || a.bind == bindAny || a.bind == bindTruth {
		name = strings.ToLower(a.name)
	}
	if name == string(physical.AggCountStar) {
		name, parts = "count", append(parts, "*")
	}
	name += "("
	if a.out.Distinct {
		name += "distinct "
	}
	return a.behind(name + strings.Join(append(parts, a.text...), ", "))
}

// behind adds what stands behind the arguments.
func (a *aggregating) behind(name string) string {
	for i, o := range a.c.OrderBy {
		name += []string{" order by ", ", "}[min(i, 1)] + physical.Format(a.order[i])
		if o.Desc {
			name += " desc"
		}
	}
	name += ")"
	if a.filter != nil && (a.c.Filter != nil || a.bind == bindCountIf) {
		name += " filter (where " + physical.Format(a.filter) + ")"
	}
	return name
}

// boundIn returns what names a bound of the query's window inside e, nil if nothing does.
func (x *exprs) boundIn(e ast.Expr) (found ast.Expr) {
	if !x.g.windowed() {
		return nil
	}
	visit(e, func(e ast.Expr) {
		if found == nil && (isBound(e) || markOf(e) != "") && !resolves(x.s, e) {
			found = e
		}
	})
	return found
}
