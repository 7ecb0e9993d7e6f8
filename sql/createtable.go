package sql

import (
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// isTableOfQuery tells whether CREATE TABLE, at hand, is one over a query.
func (p *parser) isTableOfQuery() bool {
	i := p.pos + 1
	if p.at(i).is("IF") {
		i += 3
	}
	i++ // the name
	if p.at(i).is("WITH") && p.at(i+1).is("(") {
		i = p.closing(i+1) + 1
	}
	return p.at(i).is("AS")
}

// createTableAs reads ksqlDB's CREATE TABLE name AS SELECT …, a materialized view.
// Its rows are those of now, so without EMIT it shows every change.
func (p *parser) createTableAs(first int, replace bool) (ast.Statement, error) {
	s, err := p.createView(first, &ast.CreateView{Materialized: true, OrReplace: replace})
	if err != nil {
		return nil, err
	}
	q := s.(*ast.CreateView).Query
	switch {
	case q.Emit == nil:
		q.Emit = &ast.Emit{Node: q.Node, Mode: ast.EmitChanges}
	case q.Emit.Mode == ast.EmitDefault:
		q.Emit.Mode = ast.EmitChanges
	}
	return s, nil
}

// lateness reads Feldera's LATENESS INTERVAL … behind a column: a watermark.
func (p *parser) lateness(s *ast.CreateStream, column ast.Name) error {
	first := p.pos
	if s.Watermark != nil {
		return diag.New(diag.Syntax, p.peek().span(), "a stream has one WATERMARK").WithHint("keep one of them")
	}
	p.pos++
	if !p.peek().is("INTERVAL") {
		return p.expected("INTERVAL").WithHint("write LATENESS INTERVAL 5 SECOND")
	}
	iv, err := p.notNegative("the lateness")
	if err != nil {
		return err
	}
	// The watermark covers the clause, its column stands in front of it.
	at := ast.Node{At: column.At.Join(p.from(first).At)}
	s.Watermark = &ast.Watermark{
		Node:   at,
		Column: column,
		Expr:   &ast.Binary{Node: at, Op: "-", L: &ast.Column{Node: column.Node, Name: column}, R: iv},
	}
	return nil
}

// formatClause reads RisingWave's FORMAT PLAIN ENCODE JSON: the option format.
func (p *parser) formatClause(s *ast.CreateStream) error {
	if !p.peek().is("FORMAT") {
		return nil
	}
	first := p.pos
	p.pos++
	if !p.accept("PLAIN") && !p.accept("NATIVE") {
		t := p.peek()
		return unsupported(t.span(), "the format of a stream stands in WITH (format = 'json')", "FORMAT %s is not supported", strings.ToUpper(p.raw(t)))
	}
	if err := p.expect("ENCODE"); err != nil {
		return err
	}
	t := p.peek()
	if !t.is("JSON") && !t.is("CSV") {
		return unsupported(t.span(), "the formats of a stream are json and csv", "ENCODE %s is not supported", strings.ToUpper(p.raw(t)))
	}
	p.pos++
	for _, o := range s.With {
		if strings.EqualFold(o.Name.Text, "format") {
			return diag.New(diag.Syntax, p.from(first).At, "the format of the stream is there twice").WithHint("keep one of them")
		}
	}
	s.With = append(s.With, ast.Option{
		Node:  p.from(first),
		Name:  ast.Name{Node: ast.Node{At: p.at(first).span()}, Text: "format"},
		Value: ast.Name{Node: ast.Node{At: t.span()}, Text: strings.ToLower(t.word)},
	})
	return nil
}
