package sql

import (
	"slices"

	"weir/sql/ast"
)

// call prints a function or an aggregate with its clauses.
func (p *printer) call(c *ast.Call) {
	if p.worded(c) {
		return
	}
	p.put(functionName(c.Name.Text), "(")
	p.when(c.Distinct, "DISTINCT ")
	p.when(c.Star, "*")
	p.list(len(c.Args), ", ", func(i int) { p.expr(c.Args[i]) })
	if len(c.OrderBy) > 0 && !c.WithinGroup {
		p.put(" ORDER BY ")
		p.orders(c.OrderBy)
	}
	if c.Separator != nil {
		p.put(" SEPARATOR ", quoteString(c.Separator.Text))
	}
	p.when(c.IgnoreNulls, " IGNORE NULLS")
	p.put(")")
	if c.WithinGroup {
		p.put(" WITHIN GROUP (ORDER BY ")
		p.orders(c.OrderBy)
		p.put(")")
	}
	if c.Filter != nil {
		p.put(" FILTER (WHERE ")
		p.expr(c.Filter)
		p.put(")")
	}
}

func (p *printer) orders(list []ast.Order) {
	p.list(len(list), ", ", func(i int) {
		p.expr(list[i].Expr)
		p.when(list[i].Desc, " DESC")
	})
}

// worded prints the functions whose arguments have words between them.
func (p *printer) worded(c *ast.Call) bool {
	between := func(head, a string, x ast.Expr, b string, y ast.Expr) {
		p.put(head, "(", a)
		if x != nil {
			p.expr(x)
		}
		p.put(b)
		if y != nil {
			p.expr(y)
		}
		p.put(")")
	}
	if len(c.Args) == 0 {
		return false
	}
	unit := unitArg(c)
	name, args := c.Name.Text, c.Args
	switch {
	case name == "EXTRACT" && len(args) == 2 && unit == 0:
		between(name, args[0].(*ast.Literal).Text, nil, " FROM ", args[1])
	case (name == "TIMESTAMPDIFF" || name == "TIMESTAMPADD") && len(args) == 3 && unit == 0:
		p.put(name, "(", args[0].(*ast.Literal).Text, ", ")
		p.expr(args[1])
		p.put(", ")
		p.expr(args[2])
		p.put(")")
	case (name == "FLOOR" || name == "CEIL" || name == "CEILING") && len(args) == 2 && unit == 1:
		between(name, "", args[0], " TO "+args[1].(*ast.Literal).Text, nil)
	case slices.Contains([]string{"TRIM", "LTRIM", "RTRIM"}, name) && len(args) == 2:
		side := map[string]string{"TRIM": "BOTH ", "LTRIM": "LEADING ", "RTRIM": "TRAILING "}[name]
		between("TRIM", side, args[1], " FROM ", args[0])
	default:
		return false
	}
	return true
}

// unitArg returns which argument, of the first two, is a unit of time, or -1.
func unitArg(c *ast.Call) int {
	for i, a := range c.Args[:min(2, len(c.Args))] {
		if l, ok := a.(*ast.Literal); ok && l.Kind == ast.StringLiteral {
			if name, ok := extractUnits(l.Text); ok && name == l.Text {
				return i
			}
		}
	}
	return -1
}
