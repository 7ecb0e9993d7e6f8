package sql

import (
	"weir/sql/ast"
	"weir/sql/diag"
)

// rowsMax is the number of rows of one INSERT … VALUES.
const rowsMax = 1_000

// insert reads INSERT INTO stream [(columns)] SELECT … | VALUES (…), …
func (p *parser) insert(first int) (*ast.Insert, error) {
	p.pos++ // INSERT
	if t := p.peek(); t.is("IGNORE") || t.is("OVERWRITE") || t.is("LOW_PRIORITY") || t.is("DELAYED") || t.is("HIGH_PRIORITY") || t.is("OR") {
		return nil, unsupported(t.span(), "write INSERT INTO: a stream only grows", "INSERT %s is not supported", t.word)
	}
	if err := p.expect("INTO"); err != nil {
		return nil, err
	}
	p.acceptObject("STREAM", "TABLE")
	s := &ast.Insert{}
	var err error
	if s.Into, err = p.name("the name of a stream"); err != nil {
		return nil, err
	}
	if p.peek().is("(") && !p.startsQuery(p.pos) {
		if s.Columns, err = p.nameList("the name of a column"); err != nil {
			return nil, err
		}
		if err := oncePerName(s.Columns); err != nil {
			return nil, err
		}
	}
	switch t := p.peek(); {
	case p.startsQuery(p.pos):
		if s.Query, err = p.parseSelect(); err != nil {
			return nil, err
		}
	case t.is("VALUES") || t.is("VALUE"):
		if err := p.insertRows(s); err != nil {
			return nil, err
		}
	default:
		return nil, p.expectedOneOf("SELECT", "VALUES")
	}
	if t := p.peek(); t.is("ON") || t.is("RETURNING") {
		return nil, unsupported(t.span(), "leave it out: a stream only grows", "INSERT … %s is not supported", t.word)
	}
	s.Node = p.from(first)
	s.Text = p.textOf(s.Node)
	return s, nil
}

func oncePerName(names []ast.Name) error {
	for i, n := range names {
		for _, o := range names[:i] {
			if o.Text == n.Text {
				return diag.New(diag.Syntax, n.At, "the column `%s` stands here twice", n.Text).WithHint("name each column once")
			}
		}
	}
	return nil
}

// acceptObject goes over a kind of object in front of a name. An object may be
// called so, too: then nothing that could be a name stands behind it.
func (p *parser) acceptObject(kinds ...string) {
	for _, k := range kinds {
		if next := p.at(p.pos + 1); p.peek().is(k) && next.isName() && !(next.kind == tokWord && isReserved(next.word)) {
			p.pos++
			return
		}
	}
}

// insertRows reads VALUES (…), …
func (p *parser) insertRows(s *ast.Insert) error {
	p.pos++ // VALUES
	for {
		at := p.peek()
		p.accept("ROW") // the standard's spelling
		if !p.accept("(") {
			return p.expected("`(`").WithHint("write VALUES (1, 'a'), (2, 'b')")
		}
		row, err := p.rowValues()
		if err != nil {
			return err
		}
		if len(s.Rows) == rowsMax {
			return tooLarge(at.span(), "the statement inserts more than %d rows", rowsMax)
		}
		if want := len(s.Columns); want > 0 && len(row) != want {
			return diag.New(diag.WrongArguments, at.span().Join(p.at(p.pos-1).span()), "%d columns and %d values", want, len(row)).WithHint("write a value for each column")
		}
		s.Rows = append(s.Rows, row)
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) rowValues() ([]ast.Expr, error) {
	var row []ast.Expr
	for {
		if t := p.peek(); t.is("DEFAULT") {
			return nil, unsupported(t.span(), "write NULL, or leave the column out", "DEFAULT as a value is not supported")
		}
		end := p.behindExpr(true)
		if end == p.pos {
			return nil, p.expected("a value")
		}
		e, err := p.parseExpr(end)
		if err != nil {
			return nil, err
		}
		row = append(row, e)
		if p.accept(",") {
			continue
		}
		return row, p.expect(")")
	}
}

// createPump reads CREATE [OR REPLACE] PUMP name AS INSERT INTO …, which is that
// INSERT, running under the name of the pump.
func (p *parser) createPump(first int, replace bool) (ast.Statement, error) {
	n, err := p.name("the name of the pump")
	if err != nil {
		return nil, err
	}
	p.accept("STARTED")
	if t := p.peek(); t.is("STOPPED") {
		return nil, unsupported(t.span(), "leave it out: the query runs until it is dropped", "CREATE PUMP … %s is not supported", t.word)
	}
	if err := p.expect("AS"); err != nil {
		return nil, err
	}
	at := p.peek()
	if !at.is("INSERT") {
		return nil, p.expectedOneOf("INSERT")
	}
	s, err := p.insert(first)
	if err != nil {
		return nil, err
	}
	if s.Query == nil {
		return nil, diag.New(diag.Syntax, at.span(), "a pump needs a query").WithHint("write CREATE PUMP p AS INSERT INTO s SELECT …")
	}
	s.Called, s.Replace = &n, replace
	return s, nil
}

// alter reads ALTER STREAM name END, and ALTER STREAM name SET (option = value, …).
func (p *parser) alter() (ast.Statement, error) {
	first := p.pos
	p.pos++
	if !p.accept("STREAM") && !p.accept("TABLE") {
		if t := p.peek(); t.kind == tokWord && t.word != "STREAM" && diag.Suggest(t.word, []string{"STREAM"}) == "" {
			return nil, unsupported(p.at(first).span().Join(t.span()), "DROP it and CREATE it again; of ALTER there are ALTER STREAM s END and ALTER STREAM s SET (retention = '48h')", "ALTER %s is not supported", t.word)
		}
		return nil, p.expectedOneOf("STREAM")
	}
	s := &ast.AlterStream{}
	var err error
	if s.Name, err = p.name("the name of a stream"); err != nil {
		return nil, err
	}
	switch t := p.peek(); {
	case p.accept("END"):
		s.End = true
	case t.is("SET") && p.at(p.pos+1).is("("):
		if s.Set, err = p.withClause(); err != nil {
			return nil, err
		}
	case t.is("SET"):
		p.pos++
		return nil, p.expected("`(`").WithHint("write ALTER STREAM s SET (retention = '48h')")
	case t.is("ADD"), t.is("DROP"), t.is("RENAME"), t.is("ALTER"), t.is("MODIFY"), t.is("CHANGE"), t.is("RESET"):
		return nil, unsupported(t.span(), "make a new stream, and fill it with INSERT INTO new SELECT … FROM old", "ALTER STREAM … %s is not supported", t.word)
	default:
		return nil, p.expectedOneOf("END", "SET").WithHint("ALTER STREAM s END says that no more records will come, ALTER STREAM s SET (retention = '48h') changes an option")
	}
	s.Node = p.from(first)
	return s, nil
}
