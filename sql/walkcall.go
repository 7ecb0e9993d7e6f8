package sql

import (
	"strings"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// call converts a function. Most are name ( arguments ); a few are spelled their own way.
func (w *walker) call(n *tidb.FuncCallExpr) ast.Expr {
	first := w.i
	l := w.cur()
	switch {
	case n.FnName.L == tidb.JSONMemberOf && !l.is("JSON_MEMBEROF"):
		return w.memberOf(n)
	case w.joins(n):
		return w.pipes(n)
	case l.role == castName:
		return w.cast(n)
	case n.Schema.O != "":
		w.fail(unsupported(l.span(), "write the name of the function alone", "functions of a schema are not supported"))
		return nil
	}
	c := &ast.Call{Name: w.name()}
	c.Name.Text = upper(c.Name.Text)
	if len(n.Args) == 0 && !w.cur().is("(") { // CURRENT_TIMESTAMP
		c.Node = w.node(first)
		return c
	}
	w.need("(")
	var returning types.Type
	w.clauses(c, &returning)
	for i, a := range n.Args {
		if i > 0 {
			w.separator(c.Name.Text, i)
		}
		c.Args = append(c.Args, w.expr(a))
	}
	w.clauses(c, &returning)
	w.need(")")
	c.Node = w.node(first)
	if len(c.Args) == 0 && (c.Distinct || c.OrderBy != nil || c.Separator != nil) {
		w.fail(noArgument(c, c.At))
	}
	if returning.Kind != types.Invalid {
		return &ast.Cast{Node: c.Node, X: c, Type: returning, Try: true}
	}
	return w.spelled(c)
}

// memberOf converts x MEMBER OF (json).
func (w *walker) memberOf(n *tidb.FuncCallExpr) ast.Expr {
	first := w.i
	if len(n.Args) != 2 {
		w.refuseHere()
		return nil
	}
	x := w.expr(n.Args[0])
	at := w.cur().span()
	w.need("MEMBER")
	w.need("OF")
	w.need("(")
	c := &ast.Call{Name: nameAt(at, "MEMBER_OF"), Args: []ast.Expr{x, w.expr(n.Args[1])}}
	w.need(")")
	c.Node = w.node(first)
	return c
}

// joins tells whether the parser read a || b.
func (w *walker) joins(n tidb.ExprNode) bool {
	c, ok := n.(*tidb.FuncCallExpr)
	return ok && w.dialect.pipes && c.FnName.L == tidb.Concat
}

// pipes converts a || b || c to CONCAT(a, b, c).
func (w *walker) pipes(n *tidb.FuncCallExpr) ast.Expr {
	first := w.i
	if len(n.Args) != 2 {
		w.refuseHere()
		return nil
	}
	x := w.expr(n.Args[0])
	op := w.cur()
	w.need("||")
	y := w.expr(n.Args[1])
	args := []ast.Expr{x}
	if l, ok := x.(*ast.Call); ok && w.joins(n.Args[0]) {
		args = l.Args // l is thrown away: one list for the whole chain
	}
	c := &ast.Call{Name: ast.Name{Node: ast.Node{At: op.span()}, Text: "CONCAT"}, Args: append(args, y)}
	c.Node = w.node(first)
	return c
}

// cast converts a CAST, which the parser read as a function of two arguments.
func (w *walker) cast(n *tidb.FuncCallExpr) ast.Expr {
	first := w.i
	e := &ast.Cast{Try: w.cur().try}
	w.i++
	w.need("(")
	if len(n.Args) != 2 {
		w.refuseHere()
		return nil
	}
	e.X = w.expr(n.Args[0])
	w.need(",")
	if e.Type = w.cur().typ; w.cur().role != castType {
		w.refuseHere()
	}
	w.i++
	w.need(")")
	e.Node = w.node(first)
	return e
}

// arrow converts x->'path' to JSON_EXTRACT(x, 'path'), and ->> to JSON_UNQUOTE of
// that.
func (w *walker) arrow(at ast.Node, op lexeme, x ast.Expr) ast.Expr {
	opAt := diag.Span{Start: op.start, End: op.start + len(op.word)}
	c := &ast.Call{Node: at, Name: nameAt(opAt, "JSON_EXTRACT"), Args: []ast.Expr{x, op.expr}}
	if op.is("->>") {
		return &ast.Call{Node: at, Name: nameAt(opAt, "JSON_UNQUOTE"), Args: []ast.Expr{c}}
	}
	return c
}

// separator goes over what stands in front of argument i of a function.
func (w *walker) separator(name string, i int) {
	if strings.HasPrefix(name, "SUBSTR") && (i == 1 && w.take("FROM") || i == 2 && w.take("FOR")) {
		return
	}
	w.need(",")
}

func (w *walker) aggregate(n *tidb.AggregateFuncExpr) ast.Expr {
	first := w.i
	c := &ast.Call{Name: w.name()}
	c.Name.Text = upper(c.Name.Text)
	w.need("(")
	w.take("ALL")
	if c.Name.Text == "COUNT" && w.take("*") {
		c.Star = true
	} else {
		w.list(len(n.Args), func(i int) { c.Args = append(c.Args, w.expr(n.Args[i])) })
	}
	w.clauses(c, &types.Type{}) // RESPECT NULLS
	w.need(")")
	c.Node = w.node(first)
	return c
}
