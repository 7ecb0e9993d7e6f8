package catalog

import (
	"strings"

	"weir/sql/ast"
)

// sources returns the streams and views that a view's query names, in the order of
// the text. What WITH declares is no object, and neither is a file.
func sources(v *View) []*ast.Name { return tablesOf(nil, v.Query, nil) }

// reads tells whether a view's query names an object.
func reads(v *View, name string) bool {
	for _, from := range sources(v) {
		if from.Text == name {
			return true
		}
	}
	return false
}

// tablesOf appends the names in a query. with are the entries of WITH that it sees.
func tablesOf(out []*ast.Name, q *ast.Select, with []string) []*ast.Name {
	if q == nil {
		return out
	}
	with = with[:len(with):len(with)]
	for i := range q.CTEs {
		out = tablesOf(out, q.CTEs[i].Query, with)
		with = append(with, q.CTEs[i].Name.Text)
	}
	if q.Set != nil {
		return tablesOf(tablesOf(out, q.Set.L, with), q.Set.R, with)
	}
	switch {
	case q.From == nil || q.From.File:
		return out
	case q.From.Query != nil:
		return tablesOf(out, q.From.Query, with)
	}
	for _, name := range with {
		if strings.EqualFold(name, q.From.Name.Text) {
			return out
		}
	}
	if of, what := LostOf(q.From.Name.Text); what != "" {
		return append(out, &ast.Name{Node: q.From.Name.Node, Text: of})
	}
	return append(out, &q.From.Name)
}

// What belongs to a stream or a query beside its rows: those that are late, and
// those with errors.
const (
	Late   = "late"
	Errors = "errors"
)

// LostOf takes a name such as `totals$late` apart; what is "" for others.
func LostOf(name string) (of, what string) {
	for _, what := range []string{Late, Errors} {
		if of, ok := strings.CutSuffix(name, "$"+what); ok && of != "" {
			return of, what
		}
	}
	return name, ""
}
