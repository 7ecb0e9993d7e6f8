package planner

import (
	"weir/sql/ast"
	"weir/sql/diag"
)

// missingCall refuses clauses of aggregates behind a function that is none.
func missingCall(c *ast.Call) error {
	no := func(at diag.Span, what string) error {
		return diag.New(diag.WrongArguments, at, "%s is for aggregates, and %s is none", what, c.Name.Text)
	}
	switch {
	case isAggregate(c):
	case c.Filter != nil:
		return no(c.Filter.Span(), "FILTER")
	case len(c.OrderBy) > 0:
		return no(c.OrderBy[0].At, "ORDER BY")
	case c.Separator != nil:
		return no(c.Separator.At, "SEPARATOR")
	case c.IgnoreNulls:
		return no(c.At, "IGNORE NULLS")
	}
	return nil
}
