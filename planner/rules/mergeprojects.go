package rules

import (
	"weir/planner/logical"
	"weir/planner/physical"
)

// sizeMax bounds what merging may grow an expression to: a view that uses a
// column twice, over a view that does the same, and so on, doubles each time.
const sizeMax = 2000

// MergeProjects computes a Project over a Project in one, where the inner one
// is not much repeated by it, and an Aggregate's expressions in itself.
func MergeProjects(root logical.Node) logical.Node {
	return logical.Rewrite(root, func(n logical.Node) logical.Node {
		switch n := n.(type) {
		case *logical.Project:
			return mergeProject(n)
		case *logical.Aggregate:
			if in, ok := n.In.(*logical.Project); ok {
				return mergeAggregate(n, in)
			}
		}
		return n
	})
}

// mergeProject merges a Project with what it reads. One over a union is computed in
// its branches, where the lanes do it side by side.
func mergeProject(p *logical.Project) logical.Node {
	switch in := p.In.(type) {
	case *logical.Project:
		if exprs, ok := substituteAll(p.Exprs, in.Exprs); ok {
			return &logical.Project{In: in.In, Exprs: exprs, Names: p.Names}
		}
	case *logical.Union:
		return in.Each(func(n logical.Node) logical.Node {
			return mergeProject(&logical.Project{In: n, Exprs: p.Exprs, Names: p.Names})
		})
	}
	return p
}

func mergeAggregate(a *logical.Aggregate, in *logical.Project) logical.Node {
	exprs := append([]physical.Expr(nil), a.Keys...)
	if a.Time != nil {
		exprs = append(exprs, a.Time, a.W)
	}
	for _, g := range a.Aggs {
		exprs = append(exprs, g.Args...)
	}
	exprs, ok := substituteAll(exprs, in.Exprs)
	if !ok {
		return a
	}
	out := *a
	out.In = in.In
	out.Keys, exprs = exprs[:len(a.Keys):len(a.Keys)], exprs[len(a.Keys):]
	if a.Time != nil {
		out.Time, out.W, exprs = exprs[0], exprs[1], exprs[2:]
	}
	out.Aggs = append([]logical.Agg(nil), a.Aggs...)
	for i := range out.Aggs {
		n := len(out.Aggs[i].Args)
		out.Aggs[i].Args, exprs = exprs[:n:n], exprs[n:]
	}
	return &out
}

// substituteAll substitutes in each of outer; ok is false if that grew too large.
func substituteAll(outer, inner []physical.Expr) (out []physical.Expr, ok bool) {
	sizes := make([]int, len(inner))
	for i, e := range inner {
		sizes[i] = size(e)
	}
	total, most := 0, sizeMax+2*len(outer)
	for _, e := range outer {
		physical.Columns(e, func(c *physical.Column) { total += sizes[c.Index] })
		if total > most {
			return nil, false
		}
	}
	out = make([]physical.Expr, len(outer))
	for i, e := range outer {
		out[i] = substitute(e, inner)
	}
	return out, true
}

// size counts the nodes of an expression.
func size(e physical.Expr) int {
	c, ok := e.(*physical.Call)
	if !ok {
		return 1
	}
	n := 1
	for _, a := range c.Args {
		n += size(a)
	}
	return n
}
