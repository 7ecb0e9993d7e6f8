package planner

import "weir/sql/ast"

// children returns the expressions that e is made of.
func children(e ast.Expr) []ast.Expr {
	var out []ast.Expr
	add := func(list ...ast.Expr) {
		for _, c := range list {
			if c != nil {
				out = append(out, c)
			}
		}
	}
	switch e := e.(type) {
	case *ast.Unary:
		add(e.X)
	case *ast.Binary:
		add(e.L, e.R)
	case *ast.Between:
		add(e.X, e.Lo, e.Hi)
	case *ast.In:
		add(e.X)
		add(e.List...)
	case *ast.Like:
		add(e.X, e.Pattern)
	case *ast.Is:
		add(e.X)
	case *ast.Case:
		add(e.Operand)
		for _, w := range e.Whens {
			add(w.Cond, w.Then)
		}
		add(e.Else)
	case *ast.Cast:
		add(e.X)
	case *ast.Call:
		add(e.Args...)
		add(e.Filter)
		for _, o := range e.OrderBy {
			add(o.Expr)
		}
	case *ast.Interval:
		add(e.Value)
	case *ast.Window:
		add(e.Time)
		add(e.Partition...)
	case *ast.GroupingSets:
		for _, set := range e.Sets {
			add(set...)
		}
	case *ast.Paren:
		add(e.X)
	}
	return out
}

// visit calls f for e and everything inside it.
func visit(e ast.Expr, f func(ast.Expr)) {
	f(e)
	for _, c := range children(e) {
		visit(c, f)
	}
}
