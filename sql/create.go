package sql

import (
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

func (p *parser) create() (ast.Statement, error) {
	first := p.pos
	p.pos++
	replace := false
	if p.accept("OR") {
		if err := p.expect("REPLACE"); err != nil {
			return nil, err
		}
		replace = true
	}
	switch t := p.peek(); {
	case t.is("TABLE") && p.isTableOfQuery():
		p.pos++
		return p.createTableAs(first, replace)
	case p.accept("STREAM"), p.accept("SOURCE"), p.accept("TABLE"), p.accept("EXTERNAL", "STREAM"):
		return p.createStream(first, replace)
	case p.accept("PUMP"):
		return p.createPump(first, replace)
	case p.accept("VIEW"):
		return p.createView(first, &ast.CreateView{OrReplace: replace})
	case p.accept("MATERIALIZED"):
		if err := p.expect("VIEW"); err != nil {
			return nil, err
		}
		return p.createView(first, &ast.CreateView{Materialized: true, OrReplace: replace})
	case p.accept("SINK"):
		if replace {
			return nil, unsupported(p.at(first+1).span().Join(p.at(first+2).span()), "DROP SINK and CREATE it again; what it has delivered stays where it is", "CREATE OR REPLACE SINK is not supported")
		}
		return p.createSink(first)
	}
	return nil, p.refuseKind("CREATE", "STREAM", "VIEW", "MATERIALIZED VIEW", "SINK")
}

// ifNotExists reads IF NOT EXISTS.
func (p *parser) ifNotExists() (bool, error) {
	if !p.peek().is("IF") {
		return false, nil
	}
	return true, p.expect("IF", "NOT", "EXISTS")
}

func (p *parser) createStream(first int, replace bool) (ast.Statement, error) {
	s := &ast.CreateStream{OrReplace: replace}
	var err error
	if s.IfNotExists, err = p.ifNotExists(); err != nil {
		return nil, err
	}
	if s.Name, err = p.name("the name of the stream"); err != nil {
		return nil, err
	}
	if p.peek().is("(") {
		if err := p.columns(s); err != nil {
			return nil, err
		}
	}
	if p.peek().is("WITH") {
		if s.With, err = p.withClause(); err != nil {
			return nil, err
		}
	}
	if err := p.formatClause(s); err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		switch t.word {
		case "AS", "SELECT":
			return nil, unsupported(t.span(), "write CREATE MATERIALIZED VIEW x AS SELECT …; or CREATE STREAM x (…), then INSERT INTO x SELECT …", "a stream over a query is not supported")
		case "FROM":
			return nil, unsupported(t.span(), "write WITH (connector = …)", "CREATE … FROM is not supported")
		case "ENGINE", "TIMESTAMP", "PARTITION", "PARTITIONED", "TTL", "SETTINGS", "COMMENT", "LIKE", "INCLUDE", "DISTRIBUTED":
			return nil, unsupported(t.span(), "options of a stream stand in WITH (…), the event time in its columns: WATERMARK FOR ts AS ts", "%s behind the columns is not supported", t.word)
		case "WATERMARK":
			return nil, diag.New(diag.Syntax, t.span(), "WATERMARK stands outside of the column list").
				WithHint("write CREATE STREAM x (ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 5 SECOND)")
		}
		if len(s.Columns) == 0 {
			return nil, p.expectedOneOf("`(`", "WITH", "the end of the statement")
		}
		return nil, p.expectedOneOf("WITH", "the end of the statement")
	}
	s.Node = p.from(first)
	s.Text = p.textOf(s.Node)
	return s, nil
}

// columns reads (column type, …, WATERMARK FOR column AS expr).
func (p *parser) columns(s *ast.CreateStream) error {
	p.pos++            // (
	if p.accept(")") { // eKuiper's way to say that there is no schema
		return nil
	}
	for {
		var err error
		if p.peek().is("WATERMARK") && p.at(p.pos+1).is("FOR") {
			err = p.watermark(s)
		} else {
			err = p.column(s)
		}
		if err != nil {
			return err
		}
		if p.accept(",") {
			if t := p.peek(); t.is(")") {
				return p.expected("a column").WithHint("one comma too many?")
			}
			continue
		}
		if p.accept(")") {
			return nil
		}
		return p.refuseConstraint()
	}
}

func (p *parser) column(s *ast.CreateStream) error {
	switch t := p.peek(); t.word {
	case "PRIMARY", "UNIQUE", "INDEX", "KEY", "CONSTRAINT", "FOREIGN", "CHECK":
		// KEY is a name, too; a type behind it tells.
		if n := p.at(p.pos + 1); t.is("PRIMARY") || t.is("FOREIGN") || n.is("(") || n.is("KEY") {
			return unsupported(t.span(), noKeys, "a key is not supported in a stream")
		}
	}
	first := p.pos
	n, err := p.name("the name of a column")
	if err != nil {
		return err
	}
	if t := p.peek(); t.is("AS") {
		return diag.New(diag.Syntax, t.span(), "the type of the column `%s` is missing", n.Text).WithHint("write it in front of AS: ts DATETIME(3) AS (FROM_UNIXTIME(ms / 1000))")
	}
	typ, err := p.dataType(false)
	if err != nil {
		if p.at(first).is("WATERMARK") {
			return diag.New(diag.Syntax, p.at(first).span(), "expected FOR behind WATERMARK").WithHint("write WATERMARK FOR ts AS ts - INTERVAL 5 SECOND")
		}
		return err
	}
	for _, c := range s.Columns {
		if strings.EqualFold(c.Name.Text, n.Text) {
			return diag.New(diag.Syntax, n.At, "the column `%s` is declared twice", n.Text).WithHint("give it another name")
		}
	}
	def := ast.ColumnDef{Name: n, Type: typ}
	if p.peek().is("AS") || p.peek().is("GENERATED") {
		if def.Generated, err = p.generated(); err != nil {
			return err
		}
	}
	if p.peek().is("LATENESS") {
		if err := p.lateness(s, n); err != nil {
			return err
		}
	}
	def.Node = p.from(first)
	s.Columns = append(s.Columns, def)
	return nil
}

const noKeys = "a stream keeps every row; WITH (partition_key = 'column') says what goes together, and LAST_VALUE(x) with GROUP BY k gives the last row of each key"

// generated reads [GENERATED ALWAYS] AS (expr) [STORED | VIRTUAL]. The column is
// computed when rows are read, so the last word changes nothing.
func (p *parser) generated() (ast.Expr, error) {
	if p.accept("GENERATED") {
		if err := p.expect("ALWAYS"); err != nil {
			return nil, err
		}
	}
	if err := p.expect("AS"); err != nil {
		return nil, err
	}
	if !p.peek().is("(") {
		return nil, p.expected("`(`").WithHint("for example: ts DATETIME(3) AS (FROM_UNIXTIME(epoch_ms / 1000))")
	}
	p.pos++
	end := p.behindExpr(false)
	if end == p.pos {
		return nil, p.expected("an expression").WithHint("for example: ts DATETIME(3) AS (FROM_UNIXTIME(epoch_ms / 1000))")
	}
	e, err := p.parseExpr(end)
	if err != nil {
		return nil, err
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if !p.accept("STORED") {
		p.accept("VIRTUAL")
	}
	return e, nil
}

// behindExpr returns the token that ends the expression at hand: the parenthesis
// that closes what stands around it, or a comma if that ends it.
func (p *parser) behindExpr(comma bool) int {
	end, depth := p.pos, 0
	for ; end < len(p.toks); end++ {
		t := p.at(end)
		if depth == 0 && (comma && t.is(",") || t.is(")")) {
			break
		}
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
	}
	return end
}

// refuseConstraint explains what stands behind the type of a column.
func (p *parser) refuseConstraint() error {
	t := p.peek()
	switch t.word {
	case "NOT", "NULL":
		return unsupported(t.span(), "every column can be NULL: leave it out", "NOT NULL and NULL are not supported in a stream")
	case "DEFAULT":
		return unsupported(t.span(), "a missing value is NULL: leave it out, and write COALESCE(x, 0) in the query", "DEFAULT is not supported in a stream")
	case "PRIMARY", "KEY":
		return unsupported(t.span(), noKeys, "a key is not supported in a stream")
	case "UNIQUE", "REFERENCES", "CHECK", "COMMENT", "COLLATE", "CHARACTER", "CHARSET", "AUTO_INCREMENT", "METADATA":
		return unsupported(t.span(), "leave it out", "%s is not supported in a stream", t.word)
	}
	return p.expected("`,` or `)`")
}

// watermark reads WATERMARK FOR column AS expr, up to the comma or parenthesis
// behind it.
func (p *parser) watermark(s *ast.CreateStream) error {
	first := p.pos
	if s.Watermark != nil {
		return diag.New(diag.Syntax, p.peek().span(), "a stream has one WATERMARK").WithHint("keep one of them")
	}
	p.pos += 2
	w := &ast.Watermark{}
	var err error
	if w.Column, err = p.name("the name of the column with the event time"); err != nil {
		return err
	}
	if err := p.expect("AS"); err != nil {
		return err
	}
	end := p.behindExpr(true)
	if end == p.pos {
		return p.expected("an expression").WithHint("for example: WATERMARK FOR ts AS ts - INTERVAL 5 SECOND")
	}
	if w.Expr, err = p.parseExpr(end); err != nil {
		return err
	}
	w.Node = p.from(first)
	s.Watermark = w
	return nil
}

func (p *parser) createView(first int, v *ast.CreateView) (ast.Statement, error) {
	var err error
	if v.IfNotExists, err = p.ifNotExists(); err != nil {
		return nil, err
	}
	if v.Name, err = p.name("the name of the view"); err != nil {
		return nil, err
	}
	if t := p.peek(); t.is("(") {
		return nil, unsupported(t.span(), "name the columns in the query: SELECT a AS b", "a column list of a view is not supported")
	}
	if p.peek().is("WITH") {
		if v.With, err = p.withClause(); err != nil {
			return nil, err
		}
	}
	if err := p.expect("AS"); err != nil {
		return nil, err
	}
	if !p.startsQuery(p.pos) {
		return nil, p.expectedOneOf("SELECT")
	}
	if v.Query, err = p.parseSelect(); err != nil {
		return nil, err
	}
	if v.Materialized && p.retention != nil {
		for _, o := range v.With {
			if strings.EqualFold(o.Name.Text, "retention") {
				return nil, diag.New(diag.Syntax, p.retention.At, "the view has its retention twice").WithHint("keep one of them")
			}
		}
		v.With, p.retention = append(v.With, *p.retention), nil
	}
	v.Node = p.from(first)
	v.Text = p.textOf(v.Node)
	return v, nil
}
