package sql

import (
	"strings"

	"weir/sql/ast"
)

func (p *printer) insert(s *ast.Insert) {
	if s.Called != nil {
		p.put("CREATE ")
		p.when(s.Replace, "OR REPLACE ")
		p.put("PUMP ", quoteName(s.Called.Text), " AS ")
	}
	p.put("INSERT INTO ", quoteName(s.Into.Text), " ")
	if len(s.Columns) > 0 {
		p.names(s.Columns)
		p.put(" ")
	}
	if s.Query != nil {
		p.query(s.Query)
		return
	}
	p.put("VALUES ")
	p.list(len(s.Rows), ", ", func(i int) {
		row := s.Rows[i]
		p.put("(")
		p.list(len(row), ", ", func(i int) { p.expr(row[i]) })
		p.put(")")
	})
}

func (p *printer) subscribe(s *ast.Subscribe) {
	p.put("SUBSCRIBE ")
	if s.Query != nil {
		p.put("(")
		p.query(s.Query)
		p.put(")")
	} else {
		p.put("TO ", quoteName(s.Name.Text))
	}
	var with []string
	if s.Snapshot != nil {
		with = append(with, map[bool]string{true: "SNAPSHOT", false: "SNAPSHOT = FALSE"}[*s.Snapshot])
	}
	if s.Progress {
		with = append(with, "PROGRESS")
	}
	if len(with) > 0 {
		p.put(" WITH (", strings.Join(with, ", "), ")")
	}
	if s.AsOf != nil {
		p.put(" AS OF ", quoteString(s.AsOf.Text))
	}
}
