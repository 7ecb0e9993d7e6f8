package sql

import (
	"strconv"
	"strings"

	"weir/sql/ast"
)

// query prints a query with all that belongs to it.
func (p *printer) query(q *ast.Select) {
	p.ctes(q.CTEs)
	apart := q.Emit != nil && modeOf(q.Emit) != "" // EMIT stands behind FROM, or behind parentheses
	switch {
	case q.Set != nil:
		p.setOp(q.Set, apart)
	case apart && q.From == nil:
		p.put("(")
		p.core(q)
		p.put(")")
	default:
		p.core(q)
	}
	if len(q.OrderBy) > 0 {
		p.put(" ORDER BY ")
		p.list(len(q.OrderBy), ", ", func(i int) {
			p.expr(q.OrderBy[i].Expr)
			p.when(q.OrderBy[i].Desc, " DESC")
		})
	}
	if l := q.Limit; l != nil {
		p.put(" LIMIT ", strconv.FormatInt(l.Count, 10))
		if l.Offset != 0 {
			p.put(" OFFSET ", strconv.FormatInt(l.Offset, 10))
		}
	}
	if q.Emit != nil {
		p.emit(q.Emit)
	}
	p.options(q.With)
}

// core prints a SELECT up to what orders its rows.
func (p *printer) core(q *ast.Select) {
	p.put("SELECT ")
	p.when(q.Distinct, "DISTINCT ")
	p.list(len(q.Items), ", ", func(i int) { p.item(q.Items[i]) })
	if q.From != nil {
		p.put(" FROM ")
		p.table(q.From)
	}
	p.clause(" WHERE ", q.Where)
	if len(q.GroupBy) > 0 {
		p.put(" GROUP BY ")
		p.list(len(q.GroupBy), ", ", func(i int) { p.expr(q.GroupBy[i]) })
	}
	p.clause(" HAVING ", q.Having)
	if q.Fill != nil {
		p.put(" FILL(")
		switch q.Fill.Mode {
		case ast.FillNull:
			p.put("NULL")
		case ast.FillPrev:
			p.put("PREV")
		case ast.FillLinear:
			p.put("LINEAR")
		case ast.FillValue:
			p.expr(q.Fill.Value)
		}
		p.put(")")
	}
}

func (p *printer) ctes(ctes []ast.CTE) {
	if len(ctes) == 0 {
		return
	}
	p.put("WITH ")
	p.list(len(ctes), ", ", func(i int) {
		c := ctes[i]
		p.put(quoteName(c.Name.Text))
		if len(c.Columns) > 0 {
			p.put(" ")
			p.names(c.Columns)
		}
		p.put(" AS ")
		p.inParens(c.Query)
	})
	p.put(" ")
}

func (p *printer) names(names []ast.Name) {
	p.put("(")
	p.list(len(names), ", ", func(i int) { p.put(quoteName(names[i].Text)) })
	p.put(")")
}

// setOp prints the terms of a UNION. Those that have clauses of their own behind
// them stand in parentheses; and so does a UNION on the right, for without them
// it would belong to the left.
func (p *printer) setOp(s *ast.SetOp, emits bool) {
	p.operand(s.L, false, false)
	p.put(" UNION ")
	p.when(s.All, "ALL ")
	p.operand(s.R, true, emits && s.R.From == nil)
}

func (p *printer) operand(q *ast.Select, right, apart bool) {
	if apart || len(q.CTEs) > 0 || len(q.OrderBy) > 0 || q.Limit != nil || q.Emit != nil || len(q.With) > 0 || right && q.Set != nil {
		p.inParens(q)
		return
	}
	p.query(q)
}

func (p *printer) inParens(q *ast.Select) {
	p.put("(")
	p.query(q)
	p.put(")")
}

func (p *printer) table(t *ast.Table) {
	switch {
	case t.Window != nil:
		p.windowTable(t)
	case t.Query != nil:
		p.inParens(t.Query)
	default:
		p.put(tableName(t.Name.Text, t.File))
	}
	if t.Alias != nil {
		p.put(" AS ", quoteName(t.Alias.Text))
	}
}

func (p *printer) emit(e *ast.Emit) {
	p.put(modeOf(e))
	if e.Mode == ast.EmitEvery {
		text, ok := strings.CutPrefix(e.Every.Text, "INTERVAL ")
		if ok && text[0] == '\'' { // of months and days
			text = e.Every.Text
		}
		p.put(" ", text)
	}
	if e.Delay != nil {
		p.put(" WITH DELAY ", e.Delay.Text)
	}
	if e.Lateness != nil {
		p.put(" ALLOWED LATENESS ", e.Lateness.Text)
	}
}

// modeOf spells EMIT and its mode; "": the mode of the query is the one it has anyway.
func modeOf(e *ast.Emit) string {
	switch e.Mode {
	case ast.EmitOnWindowClose:
		return " EMIT ON WINDOW CLOSE"
	case ast.EmitChanges:
		return " EMIT CHANGES"
	case ast.EmitOnUpdate:
		return " EMIT ON UPDATE"
	case ast.EmitEvery:
		return " EMIT EVERY"
	}
	return ""
}
