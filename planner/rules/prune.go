package rules

import (
	"weir/planner/logical"
	"weir/planner/physical"
)

// PruneColumns drops what nobody reads: expressions of inner projections,
// aggregates, columns of the scan. The root keeps all of its columns.
func PruneColumns(root logical.Node) logical.Node {
	all := make([]bool, len(root.Schema()))
	for i := range all {
		all[i] = true
	}
	out, _ := prune(root, all)
	return out
}

// prune returns n without the columns that are not needed, and where each of
// its old columns is now (-1: gone).
func prune(n logical.Node, needed []bool) (logical.Node, []int) {
	switch n := n.(type) {
	case *logical.Scan:
		return pruneScan(n, needed)
	case *logical.Filter:
		need := append([]bool(nil), needed...)
		mark(need, n.Pred)
		in, at := prune(n.In, need)
		return &logical.Filter{In: in, Pred: move(n.Pred, at)}, at
	case *logical.Project:
		return pruneProject(n, needed)
	case *logical.Union:
		return n.Each(func(in logical.Node) logical.Node { return pruneTo(in, needed) }), positions(needed)
	case *logical.WindowRows:
		width := len(n.In.Schema())
		need := append([]bool(nil), needed[:width]...)
		mark(need, n.Time)
		in, at := prune(n.In, need)
		for i := range len(needed) - width { // the bounds stay
			at = append(at, len(in.Schema())+i)
		}
		return &logical.WindowRows{In: in, Window: n.Window, Time: move(n.Time, at)}, at
	case *logical.Late, *logical.Failed:
		return pruneLost(n, needed)
	case *logical.Aggregate:
		return pruneAggregate(n, needed)
	case *logical.Fill:
		in, at := prune(n.In, needed)
		c := *n
		c.In, c.Values = in.(*logical.Aggregate), nil
		for i, v := range n.Values {
			if at[n.In.FirstAgg()+i] >= 0 {
				c.Values = append(c.Values, v)
			}
		}
		return &c, at
	case *logical.Sort:
		need := append([]bool(nil), needed...)
		for _, k := range n.Keys {
			need[k.Column] = true
		}
		in, at := prune(n.In, need)
		c := *n
		c.In = in
		c.Keys = append([]physical.SortKey(nil), n.Keys...)
		for i := range c.Keys {
			c.Keys[i].Column = at[c.Keys[i].Column]
		}
		return &c, at
	case *logical.Limit:
		in, at := prune(n.In, needed)
		return logical.WithInput(n, in), at
	}
	return n, identity(len(needed))
}

// boundsMax is how many columns physical.WindowFields are.
const boundsMax = 3

// pruneLost keeps what the verdict is made of, and what the node appends.
func pruneLost(n logical.Node, needed []bool) (logical.Node, []int) {
	width := len(n.Input().Schema())
	// What is late may be shown with the bounds of windows, behind the input's columns.
	need := append(append([]bool(nil), needed[:width]...), make([]bool, boundsMax)...)
	each := func(f func(physical.Expr) physical.Expr) logical.Node {
		if l, ok := n.(*logical.Late); ok {
			return l.EachExpr(f)
		}
		return n.(*logical.Failed).EachExpr(f)
	}
	each(func(e physical.Expr) physical.Expr { mark(need, e); return e })
	in, at := prune(n.Input(), need[:width])
	for i := range max(len(needed)-width, boundsMax) {
		at = append(at, len(in.Schema())+i)
	}
	out := logical.WithInput(each(func(e physical.Expr) physical.Expr { return move(e, at) }), in)
	return out, at[:len(needed)]
}

// pruneTo returns n with the needed columns and no others, in their order.
func pruneTo(n logical.Node, needed []bool) logical.Node {
	out, at := prune(n, needed)
	want := positions(needed)
	schema := out.Schema()
	same := true
	p := &logical.Project{In: out}
	for i, is := range needed {
		if is {
			same = same && at[i] == want[i]
			p.Exprs = append(p.Exprs, &physical.Column{Index: at[i], T: schema[at[i]].Type, Name: schema[at[i]].Name})
			p.Names = append(p.Names, schema[at[i]].Name)
		}
	}
	if same && len(schema) == len(p.Exprs) {
		return out
	}
	return p
}

func pruneScan(s *logical.Scan, needed []bool) (logical.Node, []int) {
	need := append([]bool(nil), needed...)
	mark(need, s.EventTime, s.Watermark)
	at := positions(need)
	c := *s
	c.Columns, c.Positions, c.Hidden, c.Key = nil, nil, nil, nil
	for i, f := range s.Columns {
		if need[i] {
			c.Columns = append(c.Columns, f)
			c.Positions = append(c.Positions, s.Position(i))
		}
	}
	for i, h := range s.Hidden {
		if need[len(s.Columns)+i] {
			c.Hidden = append(c.Hidden, h)
		}
	}
	if s.Key != nil {
		c.Key = []int{} // a relation of one row has an empty key
	}
	for _, k := range s.Key {
		if !need[k] {
			c.Key = nil
			break
		}
		c.Key = append(c.Key, at[k])
	}
	c.EventTime, c.Watermark = move(s.EventTime, at), move(s.Watermark, at)
	return &c, at
}

func pruneProject(p *logical.Project, needed []bool) (logical.Node, []int) {
	need := make([]bool, len(p.In.Schema()))
	for i, e := range p.Exprs {
		if needed[i] {
			mark(need, e)
		}
	}
	in, at := prune(p.In, need)
	out := &logical.Project{In: in}
	for i, e := range p.Exprs {
		if needed[i] {
			out.Exprs = append(out.Exprs, move(e, at))
			out.Names = append(out.Names, p.Names[i])
		}
	}
	return out, positions(needed)
}

// pruneAggregate drops aggregates; bounds of the window and keys stay. Without them
// the first aggregate stays: there is a row whether or not somebody reads it.
func pruneAggregate(a *logical.Aggregate, needed []bool) (logical.Node, []int) {
	kept := append([]bool(nil), needed...)
	for i := range max(a.FirstAgg(), 1) {
		kept[i] = true
	}
	if rows := a.Rows(); rows != nil {
		c := *rows
		c.Args = nil
		for i, e := range rows.Args {
			if at := a.FirstAgg() + i; at >= len(kept) || kept[at] { // what orders them stands behind the arguments
				c.Args = append(c.Args, e)
			}
		}
		return pruneKept(a, []logical.Agg{c}, kept)
	}
	var aggs []logical.Agg
	for i, g := range a.Aggs {
		if kept[a.FirstAgg()+i] {
			aggs = append(aggs, g)
		}
	}
	return pruneKept(a, aggs, kept)
}

// pruneKept is a with these aggregates alone.
func pruneKept(a *logical.Aggregate, aggs []logical.Agg, kept []bool) (logical.Node, []int) {
	need := make([]bool, len(a.In.Schema()))
	mark(need, a.Time, a.W)
	mark(need, a.Keys...)
	for _, g := range aggs {
		mark(need, g.Args...)
	}
	in, at := prune(a.In, need)
	c := *a
	c.In, c.Time, c.W = in, move(a.Time, at), move(a.W, at)
	c.Keys, c.Aggs = make([]physical.Expr, len(a.Keys)), nil
	for i, k := range a.Keys {
		c.Keys[i] = move(k, at)
	}
	for _, g := range aggs {
		args := make([]physical.Expr, len(g.Args))
		for i, e := range g.Args {
			args[i] = move(e, at)
		}
		g.Args = args
		c.Aggs = append(c.Aggs, g)
	}
	return &c, positions(kept)
}

// mark sets what the expressions read; nil reads nothing.
func mark(need []bool, exprs ...physical.Expr) {
	for _, e := range exprs {
		physical.Columns(e, func(c *physical.Column) { need[c.Index] = true })
	}
}

// move returns e over the columns' new places.
func move(e physical.Expr, at []int) physical.Expr {
	if e == nil {
		return nil
	}
	return physical.Replace(e, func(c *physical.Column) physical.Expr {
		if at[c.Index] == c.Index {
			return c
		}
		return &physical.Column{Index: at[c.Index], T: c.T, Name: c.Name}
	})
}

// positions numbers the kept columns; the others are at -1.
func positions(kept []bool) []int {
	at, next := make([]int, len(kept)), 0
	for i, k := range kept {
		at[i] = -1
		if k {
			at[i] = next
			next++
		}
	}
	return at
}

func identity(n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	return at
}
