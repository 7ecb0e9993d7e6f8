package planner

import (
	"slices"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

const (
	// nestingMax bounds how deep queries may stand in FROM and in WITH.
	nestingMax = 32
	// readsMax bounds the relations of a query. What WITH or a view names twice is
	// read twice.
	readsMax = 64
)

// with is an entry of WITH and those that it can see itself: the ones before it,
// and those of the queries around.
type with struct {
	cte   *ast.CTE
	outer *with
}

// declare adds an entry of WITH to those that can be named. outer are the ones
// around the query.
func (b *binder) declare(c *ast.CTE, outer *with) error {
	for w := b.with; w != outer; w = w.outer {
		if strings.EqualFold(w.cte.Name.Text, c.Name.Text) {
			return diag.New(diag.UnknownObject, c.Name.At, "WITH has `%s` twice", c.Name.Text).
				WithHint("give one of the two another name")
		}
	}
	b.with = &with{cte: c, outer: b.with}
	return nil
}

// named returns the entry of WITH that a table means, nil if it is none: the
// innermost one of the name. It comes before what the catalog has.
func (b *binder) named(t *ast.Table) *with {
	if t.File {
		return nil
	}
	for w := b.with; w != nil; w = w.outer {
		if strings.EqualFold(w.cte.Name.Text, t.Name.Text) {
			return w
		}
	}
	return nil
}

// common binds an entry of WITH where it is named: each time anew, as if its
// query stood there.
func (b *binder) common(t *ast.Table, w *with) (*scope, error) {
	outer := b.with
	b.with = w.outer
	defer func() { b.with = outer }()
	s, err := b.inFrom(w.cte.Query, t.Span())
	if err != nil {
		return nil, err
	}
	s.table = t.Name.Text
	if t.Alias != nil {
		s.table = t.Alias.Text
	}
	if names := w.cte.Columns; names != nil {
		if len(names) != len(s.columns) {
			return nil, diag.New(diag.WrongArguments, names[0].At, "`%s` names %d columns, and its query has %d", w.cte.Name.Text, len(names), len(s.columns))
		}
		s.columns = slices.Clone(s.columns)
		for i, n := range names {
			for _, f := range s.columns[:i] {
				if strings.EqualFold(f.Name, n.Text) {
					return nil, diag.New(diag.AmbiguousColumn, n.At, "`%s` has two columns `%s`", w.cte.Name.Text, n.Text)
				}
			}
			s.columns[i].Name = n.Text
		}
	}
	return s, nil
}

// inFrom binds a query that stands in FROM, or that a name there stands for.
func (b *binder) inFrom(q *ast.Select, at diag.Span) (*scope, error) {
	if b.depth++; b.depth > nestingMax {
		return nil, diag.New(diag.TooLarge, at, "more than %d queries stand in each other", nestingMax)
	}
	defer func() { b.depth-- }()
	r, err := b.body(q)
	if err != nil {
		return nil, err
	}
	switch {
	case q.Limit != nil && b.live:
		return nil, diag.New(diag.Unsupported, q.Limit.At, "LIMIT inside a query over a live stream").
			WithHint("write LIMIT at the end of the whole statement, or read a materialized view")
	case q.Limit == nil && len(q.OrderBy) > 0:
		return nil, diag.New(diag.Unsupported, orderSpan(q), "a query in FROM has no order of its own").
			WithHint("write ORDER BY at the end of the whole statement, or a LIMIT behind this one")
	}
	node, err := b.arrange(q, r)
	if err != nil {
		return nil, err
	}
	return r.readable(node), nil
}
