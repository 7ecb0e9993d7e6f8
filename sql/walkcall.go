package sql

import (
	"strings"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"weir/sql/ast"
	"weir/sql/types"
)

// call converts a function. Most are name ( arguments ); a few are spelled their own way.
func (w *walker) call(n *tidb.FuncCallExpr) ast.Expr {
	first := w.i
	l := w.cur()
	switch {
	case isArrow(n) && !(l.kind == tokWord && w.lex(w.i+1).is("(")):
		return w.arrow(n)
	case n.FnName.O == tidb.DateLiteral || n.FnName.O == tidb.TimestampLiteral:
		return w.timeLiteral(n)
	case l.role == castName:
		w.i++
		e := &ast.Cast{}
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
	case n.Schema.O != "":
		w.fail(unsupported(l.span(), "write the name of the function alone", "functions of a schema are not supported"))
		return nil
	case l.is("EXTRACT"):
		return w.extract(n)
	}
	c := &ast.Call{Name: w.name()}
	c.Name.Text = strings.ToUpper(c.Name.Text)
	if len(n.Args) == 0 && !w.cur().is("(") { // CURRENT_TIMESTAMP
		c.Node = w.node(first)
		return c
	}
	w.need("(")
	for i, a := range n.Args {
		if i > 0 {
			w.separator(c.Name.Text, i)
		}
		c.Args = append(c.Args, w.expr(a))
	}
	w.need(")")
	c.Node = w.node(first)
	return w.windowOf(c)
}

// isArrow tells whether the parser may have read a -> or ->>.
func isArrow(n *tidb.FuncCallExpr) bool {
	return n.FnName.L == tidb.JSONExtract || n.FnName.L == tidb.JSONUnquote
}

// arrow converts column->'path' to JSON_EXTRACT(column, 'path'), and ->> to
// JSON_UNQUOTE of that.
func (w *walker) arrow(n *tidb.FuncCallExpr) ast.Expr {
	first := w.i
	x := w.column()
	op := w.cur()
	if n.FnName.L == tidb.JSONUnquote {
		w.need("->>")
	} else {
		w.need("->")
	}
	path := w.literal()
	at := w.node(first)
	name := func(text string) ast.Name { return ast.Name{Node: ast.Node{At: op.span()}, Text: text} }
	c := &ast.Call{Node: at, Name: name("JSON_EXTRACT"), Args: []ast.Expr{x, path}}
	if n.FnName.L == tidb.JSONUnquote {
		return &ast.Call{Node: at, Name: name("JSON_UNQUOTE"), Args: []ast.Expr{c}}
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

// extract converts EXTRACT(unit FROM x) to the function of that unit.
func (w *walker) extract(n *tidb.FuncCallExpr) ast.Expr {
	first := w.i
	w.i++
	w.need("(")
	u := w.cur()
	if _, ok := n.Args[0].(*tidb.TimeUnitExpr); !ok || len(n.Args) != 2 {
		w.refuseHere()
		return nil
	}
	if _, ok := findUnit(u.word); !ok {
		w.fail(unsupported(u.span(), "write EXTRACT(HOUR FROM ts)", "the unit `%s` is not supported", w.raw(u.token)))
		return nil
	}
	w.i++
	w.need("FROM")
	c := &ast.Call{Name: ast.Name{Node: ast.Node{At: u.span()}, Text: u.word}, Args: []ast.Expr{w.expr(n.Args[1])}}
	w.need(")")
	c.Node = w.node(first)
	return c
}

// timeLiteral converts DATE '…' and TIMESTAMP '…' to a cast of the string.
func (w *walker) timeLiteral(n *tidb.FuncCallExpr) ast.Expr {
	first := w.i
	w.i++ // DATE or TIMESTAMP
	if len(n.Args) != 1 || w.cur().kind != tokString {
		w.i = first
		w.refuseHere()
		return nil
	}
	x := w.literal()
	e := &ast.Cast{Node: w.node(first), X: x, Type: types.DateType}
	if n.FnName.O == tidb.TimestampLiteral {
		precision := 0
		if lit, ok := x.(*ast.Literal); ok {
			_, frac, _ := strings.Cut(lit.Text, ".")
			for precision < 6 && precision < len(frac) && isDigit(frac[precision]) {
				precision++
			}
		}
		e.Type = types.DatetimeType(precision)
	}
	return e
}

func (w *walker) aggregate(n *tidb.AggregateFuncExpr) ast.Expr {
	first := w.i
	c := &ast.Call{Name: w.name()}
	c.Name.Text = strings.ToUpper(c.Name.Text)
	w.need("(")
	if n.Distinct {
		w.fail(unsupported(w.cur().span(), "count the rows of a view that groups by the value", "%s(DISTINCT …) is not supported", c.Name.Text))
		return nil
	}
	w.take("ALL")
	if c.Name.Text == "COUNT" && w.take("*") {
		c.Star = true
	} else {
		w.list(len(n.Args), func(i int) { c.Args = append(c.Args, w.expr(n.Args[i])) })
	}
	w.need(")")
	c.Node = w.node(first)
	return c
}
