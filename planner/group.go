package planner

import (
	"slices"
	"strconv"
	"strings"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
	"weir/windows"
)

// grouping is the aggregation of a SELECT while its clauses are being bound:
// they add the aggregates that they use.
type grouping struct {
	agg                *logical.Aggregate
	aliases            []string
	keyNames, aggNames *namer
	// behind remembers which expressions need the result of the aggregation:
	// those that hold an aggregate or a bound of the window.
	behind map[ast.Expr]bool
	// inner is set where the keys hold a bound of the windows that the rows are
	// results of, and these windows close the groups; see sameWindow. start and end
	// are the keys that the bounds are, -1: none.
	inner      *grouping
	start, end int
	keys       exprIndex        // of agg.Keys
	aggs       map[uint64][]int // of agg.Aggs, by hash of the arguments
	sets       *groupingSets    // nil: none
	fill       *logical.Fill    // nil: none
}

// group binds GROUP BY. It returns nil if the query does not aggregate.
func (b *binder) group(q *ast.Select, s *scope) (*grouping, error) {
	first := firstAggregate(q)
	if len(q.GroupBy) == 0 && first == nil {
		return nil, nil
	}
	g := &grouping{start: -1, end: -1, agg: &logical.Aggregate{In: s.node}, aliases: aliasesOf(q), keyNames: newNamer(), aggNames: newNamer(), behind: map[ast.Expr]bool{}}
	if hasWindow(q) || s.through != nil {
		g.keyNames = newNamer("window_start", "window_end")
	}
	var bounds []ast.Expr
	var beside []int // keys beside grouping sets
	var window *ast.Window
	for _, e := range q.GroupBy {
		e, err := groupEntry(q, s, e)
		if err != nil {
			return nil, err
		}
		if w, ok := e.(*ast.Window); ok {
			if window != nil {
				return nil, diag.New(diag.BadWindow, w.At, "a query has one window, this is the second").
					WithHint("a row would be counted once for each pair of windows: keep the one over the event time, which waits for rows that come late, or write two queries")
			}
			window = w
			if err := b.setWindow(g.agg, s, w); err != nil {
				return nil, err
			}
			continue
		}
		if isBound(e) && !resolves(s, e) {
			bounds = append(bounds, e)
			continue
		}
		if gs, ok := e.(*ast.GroupingSets); ok {
			if err := b.addSets(g, q, s, gs); err != nil {
				return nil, err
			}
			continue
		}
		at, err := b.keyAt(g, q, s, e)
		if err != nil {
			return nil, err
		}
		beside = append(beside, at)
	}
	if s.through != nil && len(bounds) > 0 {
		if window != nil {
			return nil, diag.New(diag.BadWindow, window.At, "a query has one window, and FROM has one already")
		}
		window = s.through
		if err := b.setWindow(g.agg, s, window); err != nil {
			return nil, err
		}
		if at := identifying(g.agg.Window); !slices.ContainsFunc(bounds, func(e ast.Expr) bool { return at == 0 || !isStart(e) }) {
			return nil, diag.New(diag.BadWindow, bounds[0].Span(), "windows that cumulate begin together, so window_start alone does not tell them apart").
				WithHint("GROUP BY window_start, window_end")
		}
	}
	if window != nil {
		for _, e := range window.Partition {
			if err := b.addKey(g, q, s, e); err != nil {
				return nil, err
			}
		}
	}
	if window == nil && len(bounds) > 0 {
		if c, ok := bounds[0].(*ast.Column); ok {
			return nil, s.unknown(c, nil)
		}
		return nil, noWindow(bounds[0].Span(), s)
	}
	if g.sets != nil && len(g.agg.Keys) > setKeysMax {
		return nil, diag.New(diag.TooLarge, g.sets.at, "a query with grouping sets has at most %d keys", setKeysMax)
	}
	g.closeSets(beside)
	if window == nil && g.sets == nil {
		g.sameWindow(s)
		g.shownWindow(s)
	}
	g.agg.Updates = b.live && g.agg.Window.Kind != windows.Count && b.showsChanges()
	return g, nil
}

// sameWindow closes groups by the windows whose results they are made of: those of
// SELECT … FROM (… GROUP BY …, HOP(…)) GROUP BY window_start, window_end. The rows
// of one window leave at one cut, at which the group is whole. So the groups go
// through windows that end where those do, side by side: each holds the ends of
// one, so the key tells them apart, and what they say of a start nobody sees.
func (g *grouping) sameWindow(s *scope) {
	if !s.aggregated || !s.windowed {
		return
	}
	for i, k := range g.agg.Keys {
		inner, at := s.origin(k)
		switch {
		case inner == nil:
		case inner.isBound(at, "window_start"):
			g.start = i
		case inner.isBound(at, "window_end"):
			g.end = i
		default:
			continue
		}
	}
	if g.start < 0 && g.end < 0 {
		return
	}
	end, inner := s.innerEnd()
	if end == nil || !inner.agg.Window.Sliced() || inner.waits() {
		return
	}
	spec := inner.agg.Window
	if g.end < 0 && identifying(spec) == 1 {
		return // the start alone does not tell when the group is whole
	}
	g.inner, g.agg.Inner = inner, true
	g.agg.Window = spec.Ends()
	g.agg.Time = dateAdd(end, physical.Span{Micros: -1})
}

// innerEnd returns the window_end of the windows whose results the rows are, and
// their aggregation; nil where that is not known.
func (s *scope) innerEnd() (physical.Expr, *grouping) {
	switch {
	case s.inner == nil:
		return nil, nil
	case s.sealed && s.windowed:
		return s.show(s.group.bound("window_end"), "$end"), s.group
	}
	end, inner := s.inner.innerEnd()
	return s.pass(end, "$end"), inner
}

// isBound tells whether e, over the aggregation's output, is that bound of its window.
func (g *grouping) isBound(e physical.Expr, name string) bool {
	c, ok := e.(*physical.Column)
	switch {
	case !ok:
	case c.Index == g.agg.FirstKey()+g.start && g.start >= 0:
		return name == "window_start"
	case c.Index == g.agg.FirstKey()+g.end && g.end >= 0:
		return name == "window_end"
	}
	b := g.bound(name)
	return b != nil && physical.Equal(e, b)
}

// windowed tells whether the query has a window of its own, whose bounds it can name.
func (g *grouping) windowed() bool { return g.agg.Window.Kind != windows.None && g.inner == nil }

func hasWindow(q *ast.Select) bool {
	for _, e := range q.GroupBy {
		if _, ok := e.(*ast.Window); ok {
			return true
		}
	}
	return false
}

// groupEntry resolves a position or an alias to the expression that it means.
// A column of the relation comes before an alias of the same name.
func groupEntry(q *ast.Select, s *scope, e ast.Expr) (ast.Expr, error) {
	e = unparen(e)
	switch c := e.(type) {
	case *ast.Literal:
		if c.Kind != ast.IntLiteral {
			return e, nil
		}
		n, err := strconv.Atoi(c.Text)
		if err != nil || n < 1 || n > len(q.Items) || q.Items[n-1].Star {
			return nil, diag.New(diag.UnknownColumn, c.At, "GROUP BY position %s is not in the select list", c.Text).
				WithHint("the select list has %d entries", len(q.Items))
		}
		return unparen(q.Items[n-1].Expr), nil
	case *ast.Column:
		if resolves(s, c) || c.Table != nil {
			return e, nil
		}
		for _, it := range q.Items {
			if it.Alias != nil && strings.EqualFold(it.Alias.Text, c.Name.Text) {
				return unparen(it.Expr), nil
			}
		}
	}
	return e, nil
}

// resolves tells whether e is a column that the relation has.
func resolves(s *scope, e ast.Expr) bool {
	c, ok := e.(*ast.Column)
	if !ok {
		return false
	}
	found, err := s.lookup(c)
	return found != nil || err != nil
}

// addKey binds one group key.
func (b *binder) addKey(g *grouping, q *ast.Select, s *scope, e ast.Expr) error {
	if inner := findAggregate(e); inner != nil {
		return diag.New(diag.GroupMisuse, inner.Span(), "GROUP BY cannot hold an aggregate").
			WithHint("group by columns, and filter aggregates with HAVING")
	}
	key, err := (&exprs{b: b, s: s, clause: "GROUP BY", aliases: g.aliases}).bind(e)
	if err != nil {
		return err
	}
	if err := noJSON(key, e.Span(), "grouping by"); err != nil {
		return err
	}
	switch key.Type().Kind {
	case types.Interval:
		return diag.New(diag.WrongType, e.Span(), "rows cannot be grouped by an INTERVAL")
	case types.Null:
		key = castTo(key, types.VarcharType)
	}
	if g.key(key) >= 0 {
		return nil
	}
	if err := tooMany(len(g.agg.Keys)+1, "group keys", e.Span()); err != nil {
		return err
	}
	g.agg.Keys = append(g.agg.Keys, key)
	g.agg.KeyNames = append(g.agg.KeyNames, g.keyNames.unique(keyName(q, s, e, key)))
	return nil
}

// keyName is the column's name, the alias or text of the item, or the expression.
func keyName(q *ast.Select, s *scope, e ast.Expr, key physical.Expr) string {
	if c, ok := key.(*physical.Column); ok {
		return c.Name
	}
	if at := s.generated(e); at >= 0 {
		return s.columns[at].Name
	}
	for i := range q.Items {
		if it := &q.Items[i]; !it.Star && unparen(it.Expr) == e {
			return itemName(it)
		}
	}
	return physical.Format(key)
}
