package app

import (
	"weir/planner"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

// lost finds `x$late` and `x$errors`: the rows that the query of a materialized view
// loses, or those that all queries over a stream lose.
func (r *relations) lost(t *ast.Table, of, what string) (*planner.Relation, error) {
	out := &planner.Relation{Name: t.Name.Text}
	errors := what == catalog.Errors
	if v, ok := r.db.catalog.View(of); ok {
		if !v.Materialized {
			return nil, diag.New(diag.WrongObject, t.Name.At, "`%s` is a view that runs no query, so it loses no rows", of).
				WithHint("ask the materialized view that reads it, or the stream: `%s`", r.base(v)+"$"+what)
		}
		plan := r.db.planOf(v)
		if plan == nil {
			return nil, diag.New(diag.External, t.Name.At, "the query of `%s` cannot be run", of).WithHint("SHOW QUERIES says why")
		}
		r.addLost(out, nil, v.Name, plan, errors)
		if len(out.Lost) == 0 {
			e := diag.New(diag.Unsupported, t.Name.At, "no row is late for the query `%s`: it has no window over rows of a stream", of)
			if errors {
				e.Message = "the query `" + of + "` reads no stream"
			}
			return nil, e
		}
		return out, nil
	}
	s, ok := r.db.catalog.Stream(of)
	if !ok {
		return nil, r.unknown(ast.Name{Node: t.Name.Node, Text: of})
	}
	if r.follow {
		return nil, diag.New(diag.Unsupported, t.Name.At, "`%s` is what all queries over `%s` lose, and which these are changes", t.Name.Text, of).
			WithHint("name the view whose rows are wanted: `v$%s`", what)
	}
	for _, v := range r.db.catalog.Views() {
		if !v.Materialized {
			continue
		}
		if plan := r.db.planOf(v); plan != nil {
			r.addLost(out, s, v.Name, plan, errors)
		}
	}
	switch {
	case len(out.Lost) > 0:
	case errors:
		r.found = append(r.found, relation{stream: s})
		out.Lost = append(out.Lost, planner.Lost{Errors: true, From: streamRelation(s)})
	default:
		return nil, diag.New(diag.Unsupported, t.Name.At, "no row of `%s` is late: no materialized view over it has a window", of).
			WithHint("a row is late for a query: CREATE MATERIALIZED VIEW v AS SELECT … GROUP BY TUMBLE(…), and read `v$late`")
	}
	return out, nil
}

// base is the first stream that a view reads, for a hint.
func (r *relations) base(v *catalog.View) string {
	if v.Query.From != nil && v.Query.From.Name.Text != "" {
		return v.Query.From.Name.Text
	}
	return "s"
}

// addLost adds what a query loses of a stream, nil: of all that it reads.
func (r *relations) addLost(out *planner.Relation, only *catalog.Stream, query string, plan *physical.Plan, errors bool) {
	for i, scan := range physical.Scans(plan.Root) {
		s, ok := r.db.catalog.Stream(scan.Relation)
		if !ok || scan.Kind != physical.SourceStream && scan.Kind != physical.SourceFile || only != nil && s != only {
			continue
		}
		if !errors && !planner.HasLate(plan, i) {
			continue
		}
		r.found = append(r.found, relation{stream: s})
		out.Lost = append(out.Lost, planner.Lost{Query: query, Plan: plan, Scan: i, Errors: errors, From: streamRelation(s)})
	}
}

// planOf returns what a materialized view runs, or will once the catalog is
// restored; nil if it cannot be run.
func (db *database) planOf(v *catalog.View) *physical.Plan {
	if m := db.runningView(v.ID); m != nil {
		return m.plan
	}
	if db.replaying {
		return db.plans[v.ID].plan
	}
	return nil
}
