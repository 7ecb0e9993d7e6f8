package planner

import (
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/windows"
)

// windowed takes the rows of s through the window in FROM. Where the query groups
// by the bounds of the window, and names them nowhere in front of its groups, that
// is a window in GROUP BY; else each row is shown once for every window that it is
// in, with the bounds behind its columns.
func (b *binder) windowed(q *ast.Select, s *scope) (*scope, error) {
	w := q.From.Window
	if s.aggregated {
		return nil, diag.New(diag.Unsupported, w.At, "the rows in FROM are groups already").
			WithHint("put the window into GROUP BY, over window_time or window_end of the inner query")
	}
	if closesGroups(q) {
		s.through = w
		return s, nil
	}
	if w.Kind == ast.Session || w.Kind == ast.Stagger || w.Kind == ast.CountWindow {
		return nil, diag.New(diag.Unsupported, w.At, "which windows of a group a row is in, is known when they close; SELECT of its single rows is not supported").
			WithHint("GROUP BY window_start, window_end")
	}
	if len(w.Partition) > 0 {
		return nil, diag.New(diag.BadWindow, w.Partition[0].Span(), "these windows are the same for all rows, so PARTITION BY says nothing").
			WithHint("put the columns into GROUP BY")
	}
	if s.rel.Kind == physical.SourceView && !s.rel.Bounded {
		return nil, diag.New(diag.Unsupported, w.At, "a window over rows that change")
	}
	var a logical.Aggregate
	if err := b.setWindow(&a, s, w); err != nil {
		return nil, err
	}
	// What passes through a query in FROM unseen must be there before the columns
	// of the window stand behind it.
	s.hidden(physical.HiddenW)
	s.hidden(physical.HiddenArrival)
	s.eventTime()
	out := *s
	out.computed = make([]physical.Expr, len(s.columns), len(s.columns)+3)
	for i := range s.columns {
		out.computed[i] = s.field(i)
	}
	rows := &logical.WindowRows{In: s.node, Window: a.Window, Time: a.Time}
	width := len(s.node.Schema())
	out.columns = append(out.columns[:len(out.columns):len(out.columns)], physical.WindowFields(a.Window)...)
	for i, f := range out.columns[len(s.columns):] {
		out.computed = append(out.computed, &physical.Column{Index: width + i, T: f.Type, Name: f.Name})
	}
	out.node, out.shows = rows, &a.Window
	return &out, nil
}

// closesGroups tells whether a query groups by a bound of its window and names
// none in front of the groups: in WHERE, in an aggregate, inside a group key.
func closesGroups(q *ast.Select) bool {
	groups, front := false, false
	names := func(e ast.Expr) {
		if e != nil {
			visit(e, func(e ast.Expr) { front = front || isBound(e) })
		}
	}
	for _, e := range q.GroupBy {
		if isBound(unparen(e)) {
			groups = true
		} else {
			names(e)
		}
	}
	names(q.Where)
	inAggregates := func(e ast.Expr) {
		if e == nil {
			return
		}
		visit(e, func(e ast.Expr) {
			if c, ok := e.(*ast.Call); ok && isAggregate(c) {
				for _, arg := range children(c) {
					names(arg)
				}
			}
		})
	}
	for _, it := range q.Items {
		inAggregates(it.Expr)
	}
	inAggregates(q.Having)
	for _, o := range q.OrderBy {
		inAggregates(o.Expr)
	}
	return groups && !front
}

// shownWindow closes groups by the windows whose bounds their rows show: those of
// SELECT … FROM (SELECT * FROM TABLE(HOP(…))) GROUP BY window_start, window_end. A
// row that is shown for a window is judged by the end of that window alone.
func (g *grouping) shownWindow(s *scope) {
	spec, bounds := s.shownBounds()
	if spec == nil {
		return
	}
	for i, k := range g.agg.Keys {
		switch {
		case physical.Equal(k, bounds[0]):
			g.start = i
		case physical.Equal(k, bounds[1]):
			g.end = i
		}
	}
	w := s.hidden(physical.HiddenW)
	if g.end < 0 && (g.start < 0 || identifying(*spec) == 1) || w == nil {
		return
	}
	g.inner, g.agg.Inner = &grouping{start: -1, end: -1, agg: &logical.Aggregate{Window: *spec}}, true
	g.agg.Window = spec.Ends()
	g.agg.Time, g.agg.W = dateAdd(bounds[1], physical.Span{Micros: -1}), w
}

// shownBounds returns the window whose bounds the rows of s show, and its start
// and end as they can be read here; nil if there is none.
func (s *scope) shownBounds() (*windows.Spec, [2]physical.Expr) {
	switch {
	case s.shows != nil:
		n := len(s.columns)
		return s.shows, [2]physical.Expr{s.computed[n-3], s.computed[n-2]}
	case s.inner == nil || s.sealed:
		return nil, [2]physical.Expr{}
	}
	spec, in := s.inner.shownBounds()
	if spec == nil {
		return nil, in
	}
	return spec, [2]physical.Expr{s.pass(in[0], "$start"), s.pass(in[1], "$end")}
}
