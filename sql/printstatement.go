package sql

import "weir/sql/ast"

func (p *printer) insert(s *ast.Insert) {
	if s.Called != nil {
		p.put("CREATE PUMP ", quoteName(s.Called.Text), " AS ")
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
	p.put("SUBSCRIBE TO ", quoteName(s.Name.Text))
	switch {
	case s.Snapshot && s.Progress:
		p.put(" WITH (SNAPSHOT, PROGRESS)")
	case s.Snapshot:
		p.put(" WITH (SNAPSHOT)")
	case s.Progress:
		p.put(" WITH (PROGRESS)")
	}
	if s.AsOf != "" {
		p.put(" AS OF ", quoteString(s.AsOf))
	}
}
