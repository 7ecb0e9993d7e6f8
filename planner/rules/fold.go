package rules

import (
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/types"
)

// FoldConstants computes what does not depend on a row, and drops the terms of
// a filter that are always true. A term that is never true takes its whole
// filter's place.
func FoldConstants(root logical.Node, fold Fold) (logical.Node, error) {
	if fold == nil {
		return root, nil
	}
	var failed error
	one := func(e physical.Expr) physical.Expr {
		if e == nil || failed != nil {
			return e
		}
		out, err := fold(e)
		if err != nil {
			failed = err
			return e
		}
		if out.Type() != e.Type() {
			return e // a rule must not change a schema
		}
		return out
	}
	list := func(in []physical.Expr) []physical.Expr {
		out := make([]physical.Expr, len(in))
		for i, e := range in {
			out[i] = one(e)
		}
		return out
	}
	root = logical.Rewrite(root, func(n logical.Node) logical.Node {
		switch n := n.(type) {
		case *logical.Scan:
			c := *n
			c.EventTime, c.Watermark = one(n.EventTime), one(n.Watermark)
			return &c
		case *logical.Filter:
			return foldFilter(n, one)
		case *logical.Project:
			return &logical.Project{In: n.In, Exprs: list(n.Exprs), Names: n.Names}
		case *logical.WindowRows:
			return &logical.WindowRows{In: n.In, Window: n.Window, Time: one(n.Time)}
		case *logical.Fill:
			c := *n
			c.Values = list(n.Values)
			return &c
		case *logical.Aggregate:
			c := *n
			keys := n.Keys
			if n.Sets != nil {
				keys = keys[:len(keys)-1] // the last is no expression
			}
			c.Keys, c.Time = append(list(keys), n.Keys[len(keys):]...), one(n.Time)
			c.Aggs = append([]logical.Agg(nil), n.Aggs...)
			for i := range c.Aggs {
				c.Aggs[i].Args = list(c.Aggs[i].Args)
			}
			return &c
		}
		return n
	})
	return root, failed
}

func foldFilter(f *logical.Filter, one func(physical.Expr) physical.Expr) logical.Node {
	var kept []physical.Expr
	for _, p := range physical.Conjuncts(f.Pred) {
		p = one(p)
		l, constant := p.(*physical.Literal)
		switch {
		case !constant:
			kept = append(kept, p)
		case l.Value != true:
			return &logical.Filter{In: f.In, Pred: &physical.Literal{T: types.BooleanType, Value: false}}
		}
	}
	return filter(f.In, kept)
}
