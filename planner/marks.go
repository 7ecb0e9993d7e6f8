package planner

import (
	"strings"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
	"weir/windows"
)

// markOf returns the mark that e names: a column by which a row of a window says
// how far it is. "" if it names none.
func markOf(e ast.Expr) physical.AggFn {
	c, ok := e.(*ast.Column)
	if !ok || c.Table != nil {
		return ""
	}
	if fn := physical.AggFn(strings.ToLower(c.Name.Text)); fn.Marks() {
		return fn
	}
	return ""
}

// isMark tells whether e names a mark of the query's window. A column that the rows
// have comes first.
func (x *exprs) isMark(e ast.Expr) bool {
	return x.g.windowed() && markOf(e) != "" && !resolves(x.s, e)
}

// mark binds a mark. It is computed for those who name it alone.
func (g *grouping) mark(c *ast.Column) (physical.Expr, error) {
	fn := markOf(c)
	no := func(hint, format string, args ...any) error {
		return diag.New(diag.Unsupported, c.At, format, args...).WithHint("%s", hint)
	}
	w := g.agg.Window
	switch {
	case g.fill != nil:
		return nil, no("leave it out: what FILL shows is final", "%s with FILL is not supported", fn)
	case w.Kind == windows.Count:
		return nil, no("leave it out: each row is final and complete", "a window over a number of rows leaves once, when it has them: %s says nothing of it", fn)
	case w.Kind == windows.Session && w.Size > 0:
		return nil, no("take SESSION without a greatest length", "where a session of a greatest length ends follows from all rows in front of it, so %s is not known of it", fn)
	case w.Kind == windows.Session && fn == physical.AggWindowRev:
		return nil, no("take is_final: it tells which sessions may still change", "a session that takes in a row is another one, with another start or end, so nothing counts its revisions")
	case w.Kind == windows.Session && fn == physical.AggIsComplete:
		return nil, no("begin the query at the first record: WITH (start = 'earliest')", "is_complete of sessions is not supported")
	}
	for i, have := range g.agg.Aggs {
		if have.Fn == fn {
			return g.aggColumn(i), nil
		}
	}
	if err := tooMany(len(g.agg.Aggs)+1, "aggregates", c.At); err != nil {
		return nil, err
	}
	out := types.BooleanType
	if fn == physical.AggWindowRev {
		out = types.BigintType
	}
	g.agg.Aggs = append(g.agg.Aggs, logical.Agg{Agg: physical.Agg{Fn: fn, Out: out}, Name: g.aggNames.unique(string(fn))})
	return g.aggColumn(len(g.agg.Aggs) - 1), nil
}
