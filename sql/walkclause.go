package sql

import (
	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// clauses adds what stands inside of a call's parentheses and is no argument.
func (w *walker) clauses(c *ast.Call, returning *types.Type) {
	for w.err == nil && w.cur().role == clauseInCall {
		l := w.cur()
		w.i++
		w.addClause(c, l)
		if l.clause.returning.Kind != types.Invalid {
			*returning = l.clause.returning
		}
	}
}

// addClause adds a clause to a call that has none of its kind yet.
func (w *walker) addClause(c *ast.Call, l lexeme) {
	k := l.clause
	switch {
	case k.filter != nil && c.Filter != nil:
		w.fail(diag.New(diag.Syntax, l.span(), "FILTER stands here twice").WithHint("join the conditions with AND"))
	case k.order != nil && c.OrderBy != nil:
		w.fail(diag.New(diag.Syntax, l.span(), "the call has two orders").WithHint("keep one of them"))
	case k.within && c.Name.Text == "GROUP_CONCAT" && len(c.Args) == 0:
		w.fail(noArgument(c, l.span()))
	case k.ignoreNulls && len(c.Args) == 0:
		w.fail(diag.New(diag.Syntax, l.span(), "IGNORE NULLS is about an argument, and the call has none"))
	}
	c.Distinct = c.Distinct || k.distinct
	c.IgnoreNulls = c.IgnoreNulls || k.ignoreNulls
	c.WithinGroup = c.WithinGroup || k.within && c.Name.Text != "GROUP_CONCAT" // LISTAGG
	if k.order != nil {
		c.OrderBy = k.order
	}
	if k.separator != nil {
		c.Separator = k.separator
	}
	if k.filter != nil {
		c.Filter = k.filter
	}
}

func noArgument(c *ast.Call, at diag.Span) error {
	return diag.New(diag.Syntax, at, "the call has clauses and no argument").WithHint("write %s(x …), with what the clauses are about", c.Name.Text)
}

// behindCall adds FILTER and its kin to the call in front of it.
func (w *walker) behindCall(at ast.Node, l lexeme, x ast.Expr) ast.Expr {
	c, ok := x.(*ast.Call)
	if !ok {
		w.fail(diag.New(diag.Syntax, l.span(), "syntax error at %s", w.describe(l.token)).
			WithHint("it stands behind an aggregate: COUNT(*) FILTER (WHERE x > 1)"))
		return x
	}
	w.addClause(c, l)
	c.Node = at
	return c
}

// regexp converts x [NOT] REGEXP pattern to REGEXP_LIKE(x, pattern).
func (w *walker) regexp(n *tidb.PatternRegexpExpr) ast.Expr {
	first := w.i
	x := w.expr(n.Expr)
	w.not(n.Not)
	op := w.cur()
	if !w.take("REGEXP") {
		w.need("RLIKE")
	}
	c := &ast.Call{Name: ast.Name{Node: ast.Node{At: op.span()}, Text: "REGEXP_LIKE"}, Args: []ast.Expr{x, w.expr(n.Pattern)}}
	c.Node = w.node(first)
	if n.Not {
		return negation(c.Node, c)
	}
	return c
}

// spelled gives a call that is spelled in a way of its own the name and the
// arguments by which it is planned.
func (w *walker) spelled(c *ast.Call) ast.Expr {
	switch {
	case w.err != nil:
	case c.Name.Text == "EXTRACT" && len(c.Args) == 2:
		if u, ok := c.Args[0].(*ast.Literal); ok && isPart(u.Text) {
			c.Name, c.Args = ast.Name{Node: u.Node, Text: u.Text}, c.Args[1:]
		}
	case c.Name.Text == "POSITION":
		c.Name.Text = "LOCATE"
	case c.Name.Text == "DATEADD" && len(c.Args) == 3:
		c.Name.Text = "TIMESTAMPADD"
	case c.Name.Text == "TRIM":
		w.trim(c)
	case c.Name.Text == "STRING_AGG" || c.Name.Text == "LISTAGG":
		w.groupConcat(c)
	}
	return c
}

// trim converts TRIM(side, part FROM text) to TRIM, LTRIM or RTRIM of the text
// and, where one is written, the part.
func (w *walker) trim(c *ast.Call) {
	if len(c.Args) < 2 {
		return
	}
	if l, ok := c.Args[0].(*ast.Literal); ok && l.Kind == ast.StringLiteral && isWordByte(w.text[l.At.Start]) {
		c.Name.Text = map[string]string{"LEADING": "LTRIM", "TRAILING": "RTRIM", "BOTH": "TRIM"}[l.Text]
		c.Args = c.Args[1:]
	}
	if len(c.Args) > 2 {
		w.fail(diag.New(diag.WrongArguments, c.Args[2].Span(), "TRIM takes one text").WithHint("write TRIM(BOTH 'x' FROM text)"))
	}
	if len(c.Args) == 2 {
		c.Args = []ast.Expr{c.Args[1], c.Args[0]}
	}
}

// groupConcat converts STRING_AGG(x, ',') and LISTAGG(x, ',') to GROUP_CONCAT.
func (w *walker) groupConcat(c *ast.Call) {
	switch len(c.Args) {
	case 2:
		s, ok := c.Args[1].(*ast.Literal)
		if !ok || s.Kind != ast.StringLiteral {
			w.fail(diag.New(diag.WrongArguments, c.Args[1].Span(), "the separator of %s must be written out", c.Name.Text).
				WithHint("for example %s(x, ', ')", c.Name.Text))
			return
		}
		c.Separator, c.Args = s, c.Args[:1]
	default:
		w.fail(diag.New(diag.WrongArguments, c.At, "%s takes 2 arguments, not %d", c.Name.Text, len(c.Args)).
			WithHint("for example %s(x, ', ')", c.Name.Text))
		return
	}
	c.Name.Text = "GROUP_CONCAT"
}
