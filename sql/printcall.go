package sql

import (
	"strings"

	"weir/sql/ast"
)

// call prints a function or an aggregate with its clauses.
func (p *printer) call(c *ast.Call) {
	if p.trim(c) {
		return
	}
	p.put(p.function(c.Name.Text), "(")
	p.when(c.Distinct, "DISTINCT ")
	p.when(c.Star, "*")
	if !p.worded(c) {
		p.list(len(c.Args), ", ", func(i int) {
			if column, ok := c.Args[i].(*ast.Column); ok && i == 0 && column.Table == nil && takesUnit(c.Name.Text, column.Name.Text) {
				p.put(quoted(column.Name.Text))
				return
			}
			p.expr(c.Args[i])
		})
	}
	p.callClauses(c)
}

// takesUnit tells whether a function takes a bare word in front of the first comma for a
// unit of time.
func takesUnit(function, word string) bool {
	switch function {
	case "TIMESTAMPADD", "TIMESTAMPDIFF", "DATEADD", "DATE_TRUNC", "DATE_PART":
		return true
	case "DATEDIFF":
		_, unit := simpleUnits(upper(word))
		return unit
	}
	return false
}

// callClauses prints what stands behind the arguments of a call, the parenthesis included.
func (p *printer) callClauses(c *ast.Call) {
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

// trim prints TRIM, LTRIM and RTRIM of two arguments, which are the text and the part.
func (p *printer) trim(c *ast.Call) bool {
	side, ok := map[string]string{"TRIM": "BOTH ", "LTRIM": "LEADING ", "RTRIM": "TRAILING "}[c.Name.Text]
	if !ok || len(c.Args) != 2 {
		return false
	}
	if c.Distinct {
		side = "DISTINCT " // behind which no side is read
	}
	p.put(p.function("TRIM"), "(", side)
	p.expr(c.Args[1])
	p.put(" FROM ")
	p.expr(c.Args[0])
	p.callClauses(c)
	return true
}

// worded prints the arguments of a function that has words between them. Among
// clauses they are plain ones: FLOOR(x, 'DAY' ORDER BY y).
func (p *printer) worded(c *ast.Call) bool {
	if c.Distinct || c.IgnoreNulls || c.Separator != nil || len(c.OrderBy) > 0 && !c.WithinGroup {
		return false
	}
	args := c.Args
	switch c.Name.Text {
	case "EXTRACT":
		if len(args) == 2 && isUnit(args[0], extractUnits) {
			p.put(args[0].(*ast.Literal).Text, " FROM ")
			p.expr(args[1])
			return true
		}
	case "TIMESTAMPDIFF", "TIMESTAMPADD":
		if len(args) == 3 && isUnit(args[0], simpleUnits) {
			p.put(args[0].(*ast.Literal).Text, ", ")
			p.expr(args[1])
			p.put(", ")
			p.expr(args[2])
			return true
		}
	case "FLOOR", "CEIL", "CEILING":
		if len(args) == 2 && isUnit(args[1], calendarUnits) {
			unit := args[1].(*ast.Literal).Text
			x := printer{quoteCalls: p.quoteCalls}
			x.expr(args[0])
			if text := x.b.String(); strings.Contains(text, "INTERVAL ") { // INTERVAL 1 DAY TO HOUR is one, too
				p.put(text, ", ", quoteString(unit))
			} else {
				p.put(text, " TO ", unit)
			}
			return true
		}
	}
	return false
}

// isUnit tells whether an argument is what a unit of time becomes. known tells which
// units there are.
func isUnit(e ast.Expr, known func(word string) (string, bool)) bool {
	l, ok := e.(*ast.Literal)
	if !ok || l.Kind != ast.StringLiteral {
		return false
	}
	name, ok := known(l.Text)
	return ok && name == l.Text
}
