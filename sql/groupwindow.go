package sql

import (
	"strings"

	"weir/sql/ast"
)

// hasWindow tells whether the rows of a query are in windows.
func hasWindow(q *ast.Select) bool {
	for _, e := range q.GroupBy {
		if _, ok := e.(*ast.Window); ok {
			return true
		}
	}
	return q.From != nil && q.From.Window != nil
}

// windowsInGroups turns STEP(ts BY …), FLOOR(ts TO MINUTE) and FLOOR of the interval
// since 1970 in GROUP BY into the windows that they are in Kinesis. Where there is a window already, a FLOOR is a
// further key.
func (w *walker) windowsInGroups(q *ast.Select) {
	for i, e := range q.GroupBy {
		if b, ok := e.(*ast.WindowBound); ok && b.Of != nil && (w.typed(b.At.Start, "STEP") || w.typed(b.At.Start, "FLOOR")) {
			q.GroupBy[i] = b.Of
		}
	}
	if hasWindow(q) {
		return
	}
	for i, e := range q.GroupBy {
		if c, ok := floorTo(e); ok {
			win := floorWindow(c)
			q.GroupBy[i] = win
			boundsForFloor(q, PrintExpr(c), win)
			return
		}
	}
}

// typed tells whether a word stands at a byte of the text.
func (w *walker) typed(at int, word string) bool {
	return len(w.text)-at >= len(word) && strings.EqualFold(w.text[at:at+len(word)], word)
}

// floorTo tells whether an expression was typed FLOOR(x TO unit).
func floorTo(e ast.Expr) (*ast.Call, bool) {
	c, ok := e.(*ast.Call)
	if !ok || c.Name.Text != "FLOOR" || len(c.Args) != 2 {
		return nil, false
	}
	unit, ok := c.Args[1].(*ast.Literal)
	if !ok || unit.Kind != ast.StringLiteral {
		return nil, false
	}
	_, ok = findUnit(unit.Text)
	return c, ok
}

// floorWindow returns the window of FLOOR(x TO unit) in GROUP BY.
func floorWindow(c *ast.Call) *ast.Window {
	unit := c.Args[1].(*ast.Literal)
	u, _ := findUnit(unit.Text)
	size := &ast.Interval{Node: unit.Node, Text: "INTERVAL 1 " + u.name, Months: u.months, Micros: u.micros}
	return &ast.Window{Node: c.Node, Kind: ast.Tumble, Time: c.Args[0], Size: size}
}

// boundsForFloor replaces the FLOOR that became a window by the start of that
// window wherever else it stands.
func boundsForFloor(q *ast.Select, floor string, win *ast.Window) {
	mapSelect(q, func(e ast.Expr) ast.Expr {
		if c, ok := floorTo(e); ok && PrintExpr(c) == floor {
			of := *win
			of.Node = c.Node
			of.Time = c.Args[0]
			size := *win.Size
			size.Node = ast.Node{At: c.Args[1].Span()}
			of.Size = &size
			return &ast.WindowBound{Node: c.Node, Bound: "window_start", Of: &of}
		}
		return e
	})
}

// boundsByName gives ksqlDB's columns WINDOWSTART and WINDOWEND their names here.
func (w *walker) boundsByName(q *ast.Select) {
	mapSelect(q, func(e ast.Expr) ast.Expr {
		if c, ok := e.(*ast.Column); ok && c.Table == nil && w.text[c.Name.At.Start] != '`' {
			switch strings.ToUpper(c.Name.Text) {
			case "WINDOWSTART":
				c.Name.Text = "window_start"
			case "WINDOWEND":
				c.Name.Text = "window_end"
			}
		}
		return e
	})
}

// mapSelect replaces expressions of the select list, HAVING and ORDER BY.
func mapSelect(q *ast.Select, f func(ast.Expr) ast.Expr) {
	for i := range q.Items {
		q.Items[i].Expr = mapExpr(q.Items[i].Expr, f)
	}
	q.Having = mapExpr(q.Having, f)
	for i := range q.OrderBy {
		q.OrderBy[i].Expr = mapExpr(q.OrderBy[i].Expr, f)
	}
}

// mapExpr replaces each node of an expression by what f makes of it, the inner ones
// first. Windows and what stands in them stay as they are.
func mapExpr(e ast.Expr, f func(ast.Expr) ast.Expr) ast.Expr {
	all := func(list []ast.Expr) {
		for i := range list {
			list[i] = mapExpr(list[i], f)
		}
	}
	switch e := e.(type) {
	case nil:
		return nil
	case *ast.Unary:
		e.X = mapExpr(e.X, f)
	case *ast.Binary:
		e.L, e.R = mapExpr(e.L, f), mapExpr(e.R, f)
	case *ast.Between:
		e.X, e.Lo, e.Hi = mapExpr(e.X, f), mapExpr(e.Lo, f), mapExpr(e.Hi, f)
	case *ast.In:
		e.X = mapExpr(e.X, f)
		all(e.List)
	case *ast.Like:
		e.X, e.Pattern = mapExpr(e.X, f), mapExpr(e.Pattern, f)
	case *ast.Is:
		e.X = mapExpr(e.X, f)
	case *ast.Paren:
		e.X = mapExpr(e.X, f)
	case *ast.Cast:
		e.X = mapExpr(e.X, f)
	case *ast.Case:
		e.Operand, e.Else = mapExpr(e.Operand, f), mapExpr(e.Else, f)
		for i := range e.Whens {
			e.Whens[i] = ast.When{Cond: mapExpr(e.Whens[i].Cond, f), Then: mapExpr(e.Whens[i].Then, f)}
		}
	case *ast.Call:
		all(e.Args)
		e.Filter = mapExpr(e.Filter, f)
		for i := range e.OrderBy {
			e.OrderBy[i].Expr = mapExpr(e.OrderBy[i].Expr, f)
		}
	}
	return f(e)
}
