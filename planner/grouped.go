package planner

import (
	"slices"
	"strings"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
)

// grouped tells whether e needs the result of the aggregation; everything else
// is bound over the input and must be made of group keys.
func (x *exprs) grouped(e ast.Expr) bool {
	if known, ok := x.g.behind[e]; ok {
		return known
	}
	is := false
	switch e := e.(type) {
	case *ast.Call:
		is = isAggregate(e) || isGrouping(e)
	case *ast.Window, *ast.WindowBound:
		is = true
	case *ast.Column:
		is = x.g.windowed() && (isBound(e) || x.isRowtime(e)) || x.isMark(e) || x.namesItem(e)
	}
	for _, c := range children(e) {
		if x.grouped(c) {
			is = true
		}
	}
	x.g.behind[e] = is
	return is
}

// isRowtime tells whether c is ROWTIME, which behind a window is the window's time.
func (x *exprs) isRowtime(c *ast.Column) bool {
	if c.Table != nil || !strings.EqualFold(c.Name.Text, "rowtime") {
		return false
	}
	for _, f := range x.s.columns {
		if strings.EqualFold(f.Name, c.Name.Text) {
			return false
		}
	}
	return true
}

// namesItem tells whether HAVING or ORDER BY means the select list by a name: one
// that no group key has.
func (x *exprs) namesItem(c *ast.Column) bool {
	if x.list == nil || outputNamed(c, x.list.Names) < 0 {
		return false
	}
	in, err := x.s.lookup(c)
	return err == nil && (in == nil || x.g.key(in) < 0)
}

// column binds a column that stands behind the aggregation and is no group key.
func (g *grouping) column(x *exprs, c *ast.Column) (physical.Expr, error) {
	if g.windowed() {
		if e := g.bound(c.Name.Text); e != nil && c.Table == nil {
			return e, nil
		}
	}
	if x.isMark(c) {
		return g.mark(c)
	}
	return x.list.Exprs[outputNamed(c, x.list.Names)], nil
}

// lift binds an expression without aggregates over the input, then replaces the
// group keys in it by the columns that the aggregation shows them in.
func (g *grouping) lift(x *exprs, e ast.Expr) (physical.Expr, error) {
	below := &exprs{b: x.b, s: x.s, clause: x.clause, aliases: g.aliases}
	in, err := below.bind(e)
	if err != nil {
		return nil, err
	}
	out, _, stray := g.keysIn(in)
	if stray != nil {
		return nil, g.misuse(x, e, stray)
	}
	return out, nil
}

// keysIn returns e over the aggregation's output, the hash of e, and a column that
// is no key. It goes from the leaves up, so a long expression costs no more than its
// length, however many keys there are.
func (g *grouping) keysIn(e physical.Expr) (out physical.Expr, hash uint64, stray *physical.Column) {
	out = e
	switch e := e.(type) {
	case *physical.Call:
		call := &physical.Call{Fn: e.Fn, T: e.T, Args: make([]physical.Expr, len(e.Args))}
		hashes := make([]uint64, len(e.Args))
		for i, a := range e.Args {
			var s *physical.Column
			call.Args[i], hashes[i], s = g.keysIn(a)
			if stray == nil {
				stray = s
			}
		}
		out, hash = call, physical.HashCall(e, hashes)
	case *physical.Column:
		stray, hash = e, physical.Hash(e)
	default:
		hash = physical.Hash(e)
	}
	if i := g.keys.find(g.agg.Keys, e, hash); i >= 0 {
		return &physical.Column{Index: g.agg.FirstKey() + i, T: e.Type(), Name: g.agg.KeyNames[i]}, hash, nil
	}
	return out, hash, stray
}

// misuse returns the error for a column that is neither grouped nor aggregated.
func (g *grouping) misuse(x *exprs, e ast.Expr, stray *physical.Column) error {
	at, name := e.Span(), stray.Name
	visit(e, func(e ast.Expr) {
		if c, ok := e.(*ast.Column); ok {
			if in, err := x.s.lookup(c); err == nil && in != nil && physical.Equal(in, stray) {
				at, name = c.At, c.Name.Text
			}
		}
	})
	err := diag.New(diag.GroupMisuse, at, "`%s` is neither in GROUP BY nor inside an aggregate", name).
		WithLabel("which row's?")
	if g.agg.Time != nil && physical.Equal(stray, g.agg.Time) {
		return err.WithHint("window_start and window_end are the times of a window; MAX(%s) is the last row's", physical.FormatName(name))
	}
	return err.WithHint("add %[1]s to GROUP BY, or write an aggregate such as MAX(%[1]s)", physical.FormatName(name))
}

// aggregate binds an aggregate and returns the column that it is in.
func (g *grouping) aggregate(x *exprs, c *ast.Call) (physical.Expr, error) {
	spec, err := x.aggregateOf(c)
	if err != nil {
		return nil, err
	}
	hash := physical.Hash(&physical.Call{Fn: string(spec.Fn), Args: spec.Args})
	for _, i := range g.aggs[hash] {
		have := g.agg.Aggs[i]
		if have.Same(spec.Agg) && slices.EqualFunc(have.Args, spec.Args, physical.Equal) {
			return g.aggColumn(i), nil
		}
	}
	if err := tooMany(len(g.agg.Aggs)+1, "aggregates", c.At); err != nil {
		return nil, err
	}
	spec.Name = g.aggNames.unique(spec.Name)
	if g.aggs == nil {
		g.aggs = make(map[uint64][]int)
	}
	g.aggs[hash] = append(g.aggs[hash], len(g.agg.Aggs))
	g.agg.Aggs = append(g.agg.Aggs, spec)
	return g.aggColumn(len(g.agg.Aggs) - 1), nil
}

func (g *grouping) aggColumn(i int) physical.Expr {
	a := g.agg.Aggs[i]
	return &physical.Column{Index: g.agg.FirstAgg() + i, T: a.Out, Name: a.Name}
}
