package planner

import (
	"slices"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
	"weir/windows"
)

// windowed takes the rows of s through the window in FROM. Where the query groups
// by the bounds of the window, and names them nowhere in front of its groups, that
// is a window in GROUP BY; else each row is shown once for every window that it is
// in, with the bounds behind its columns.
func (b *binder) windowed(q *ast.Select, s *scope) (*scope, error) {
	w := q.From.Window
	if s.ofLost() {
		return nil, diag.New(diag.Unsupported, q.From.Window.At, "a window over rows that are late, or that have no time").
			WithHint("group them without a window, for example GROUP BY DATE_TRUNC('minute', _arrival)")
	}
	closes, stray := closesGroups(q), ast.Expr(nil)
	if closes {
		closes, stray = b.groupsByPartition(q, s, w)
	}
	switch {
	case closes:
		s.through = w
		return s, nil
	case s.aggregated:
		return nil, diag.New(diag.Unsupported, w.At, "the rows in FROM are groups already").
			WithHint("group them by the window: GROUP BY window_start, window_end")
	case w.Kind == ast.Session || w.Kind == ast.Stagger:
		return b.sessionRows(q, s, w)
	case w.Kind == ast.CountWindow && stray != nil:
		return nil, diag.New(diag.Unsupported, stray.Span(), "the window in FROM counts all rows together, so its bounds close no groups of this").
			WithHint("to count the rows of each group, write the window into GROUP BY: GROUP BY k, COUNT_WINDOW(10)")
	case w.Kind == ast.CountWindow:
		return nil, diag.New(diag.Unsupported, w.At, "the single rows of windows over a number of rows cannot be shown").
			WithHint("GROUP BY window_start, window_end")
	case len(w.Partition) > 0:
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

// sessionRows shows each row with its session, once that has closed: the rows are
// what the session keeps of them, in order of event time and position.
func (b *binder) sessionRows(q *ast.Select, s *scope, w *ast.Window) (*scope, error) {
	if s.rel.Kind == physical.SourceView && !s.rel.Bounded {
		return nil, diag.New(diag.Unsupported, w.At, "a window over rows that change")
	}
	agg := &logical.Aggregate{In: s.node}
	g := &grouping{start: -1, end: -1, agg: agg, keyNames: newNamer("window_start", "window_end"), behind: map[ast.Expr]bool{}}
	if err := b.setWindow(agg, s, w); err != nil {
		return nil, err
	}
	for _, e := range w.Partition {
		if err := b.addKey(g, q, s, e); err != nil {
			return nil, err
		}
	}
	rows := logical.Agg{Agg: physical.Agg{Fn: physical.AggRows, Out: types.VarbinaryType}, Name: "rows"}
	for i := range s.columns {
		rows.Args = append(rows.Args, s.field(i))
	}
	for _, e := range []physical.Expr{agg.Time, s.hidden(physical.HiddenShard), s.hidden(physical.HiddenSeq), s.hidden(physical.HiddenSub)} {
		if e != nil {
			rows.Args, rows.Order = append(rows.Args, e), append(rows.Order, false)
		}
	}
	agg.Aggs = []logical.Agg{rows}
	schema := agg.Schema()
	list := &logical.Project{In: agg}
	for i, f := range s.columns {
		at := agg.FirstAgg() + i
		list.Exprs = append(list.Exprs, &physical.Column{Index: at, T: f.Type, Name: schema[at].Name})
		list.Names = append(list.Names, f.Name)
	}
	for _, f := range physical.WindowFields(agg.Window) {
		list.Exprs, list.Names = append(list.Exprs, g.bound(f.Name)), append(list.Names, f.Name)
	}
	out := (&bound{scope: s, group: g, list: list, width: len(list.Exprs)}).readable(list)
	out.table = s.table
	return out, nil
}

// groupsByPartition tells whether the groups of a query that groups by the bounds
// of its window in FROM are groups of a window in GROUP BY. Windows that depend on
// the rows are those of the rows that PARTITION BY puts together, while in GROUP BY
// they would be those of a group: so both must name the same. Other windows are the
// same for all rows, and PARTITION BY may only repeat what GROUP BY names. If it is
// not so, stray is what one of them lacks.
func (b *binder) groupsByPartition(q *ast.Select, s *scope, w *ast.Window) (same bool, stray ast.Expr) {
	x := &exprs{b: b, s: s, clause: "GROUP BY", aliases: aliasesOf(q)}
	var keys, parts []physical.Expr
	moving := w.Kind == ast.Session || w.Kind == ast.Stagger || w.Kind == ast.CountWindow
	for _, e := range w.Partition {
		part, err := x.bind(e)
		if err != nil {
			return true, nil // group tells what is wrong
		}
		parts = append(parts, part)
	}
	has := func(list []physical.Expr, e physical.Expr) bool {
		return slices.ContainsFunc(list, func(o physical.Expr) bool { return physical.Equal(o, e) })
	}
	for _, e := range q.GroupBy {
		if sets, ok := e.(*ast.GroupingSets); ok && moving {
			return false, sets
		}
		e, err := groupEntry(q, s, e)
		if err != nil {
			return true, nil
		}
		if isBound(e) && !resolves(s, e) {
			continue
		}
		key, err := x.bind(e)
		if err != nil {
			continue // sets of keys, or what group refuses
		}
		if keys = append(keys, key); moving && !has(parts, key) {
			return false, e
		}
	}
	for i, part := range parts {
		if !has(keys, part) {
			return false, w.Partition[i]
		}
	}
	return true, nil
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
