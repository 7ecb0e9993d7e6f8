package rules

import (
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/types"
)

// PushFilters moves predicates towards the scan: a WHERE over a view into the
// view, a HAVING over group keys in front of the aggregation. A predicate stops
// at a Sort or a Limit, because it would change which rows these keep, and at
// anything that it needs the result of.
func PushFilters(root logical.Node) logical.Node { return push(root, nil) }

// push returns n with the predicates, which are over n's schema, applied as low as possible.
func push(n logical.Node, preds []physical.Expr) logical.Node {
	switch n := n.(type) {
	case *logical.Filter:
		return push(n.In, append(physical.Conjuncts(n.Pred), preds...))
	case *logical.Project:
		below, ok := substituteAll(preds, n.Exprs)
		if !ok {
			return filter(logical.WithInput(n, push(n.In, nil)), preds)
		}
		return logical.WithInput(n, push(n.In, below))
	case *logical.Aggregate:
		var below, above []physical.Expr
		for _, p := range preds {
			if n.Sets == nil && onKeys(p, n) { // a set may leave the key out
				below = append(below, throughKeys(p, n))
			} else {
				above = append(above, p)
			}
		}
		return filter(logical.WithInput(n, push(n.In, below)), above)
	case *logical.WindowRows:
		var below, above []physical.Expr
		for _, p := range preds {
			if onlyBelow(p, len(n.In.Schema())) {
				below = append(below, p)
			} else {
				above = append(above, p)
			}
		}
		return filter(logical.WithInput(n, push(n.In, below)), above)
	case *logical.Scan:
		return filter(n, preds)
	case *logical.Union:
		return n.Each(func(in logical.Node) logical.Node { return push(in, append([]physical.Expr(nil), preds...)) })
	}
	return filter(logical.WithInput(n, push(n.Input(), nil)), preds)
}

// onlyBelow tells whether a predicate reads the first width columns alone.
func onlyBelow(p physical.Expr, width int) bool {
	ok := true
	physical.Columns(p, func(c *physical.Column) { ok = ok && c.Index < width })
	return ok
}

// onKeys tells whether a predicate over an aggregate's output reads group keys
// and nothing else. One that reads nothing stays: over a global aggregate it
// drops the one row, below it would drop the rows that are counted.
func onKeys(p physical.Expr, a *logical.Aggregate) bool {
	reads, keysOnly := false, true
	physical.Columns(p, func(c *physical.Column) {
		reads = true
		keysOnly = keysOnly && c.Index >= a.FirstKey() && c.Index < a.FirstAgg()
	})
	return reads && keysOnly
}

func throughKeys(p physical.Expr, a *logical.Aggregate) physical.Expr {
	return physical.Replace(p, func(c *physical.Column) physical.Expr { return a.Keys[c.Index-a.FirstKey()] })
}

// substitute returns e with each column replaced by the expression that computes it.
func substitute(e physical.Expr, exprs []physical.Expr) physical.Expr {
	return physical.Replace(e, func(c *physical.Column) physical.Expr { return exprs[c.Index] })
}

// filter puts a Filter on n, or none if there is nothing to test.
func filter(n logical.Node, preds []physical.Expr) logical.Node {
	if len(preds) == 0 {
		return n
	}
	return &logical.Filter{In: n, Pred: all(preds)}
}

// all joins predicates with AND.
func all(preds []physical.Expr) physical.Expr {
	out := preds[0]
	for _, p := range preds[1:] {
		out = &physical.Call{Fn: "and", Args: []physical.Expr{out, p}, T: types.BooleanType}
	}
	return out
}
