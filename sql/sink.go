package sql

import (
	"weir/sql/ast"
	"weir/sql/diag"
)

// createSink reads CREATE SINK name FROM view WITH (…), or AS SELECT … in the
// place of FROM. WITH may stand in front of either, too, as it does in a view.
func (p *parser) createSink(first int) (ast.Statement, error) {
	s := &ast.CreateSink{}
	var err error
	if s.IfNotExists, err = p.ifNotExists(); err != nil {
		return nil, err
	}
	if s.Name, err = p.name("the name of the sink"); err != nil {
		return nil, err
	}
	if p.peek().is("WITH") {
		if s.With, err = p.withClause(); err != nil {
			return nil, err
		}
	}
	switch t := p.peek(); {
	case p.accept("FROM"):
		err = p.sinkFrom(s)
	case p.accept("AS"):
		err = p.sinkQuery(s)
	case t.is("INTO"):
		err = unsupported(t.span(), "write CREATE SINK x FROM view WITH (connector = …)", "CREATE SINK … INTO is not supported")
	default:
		err = p.expectedOneOf("FROM", "AS").WithHint("for example: CREATE SINK %s FROM v WITH (connector = 'file', path = 'out')", p.raw(p.at(p.pos-1)))
	}
	if err != nil {
		return nil, err
	}
	s.Node = p.from(first)
	s.Text = p.textOf(s.Node)
	return s, nil
}

// sinkFrom reads the view that a sink delivers, and what stands behind it.
func (p *parser) sinkFrom(s *ast.CreateSink) error {
	t := p.peek()
	if t.is("(") || t.is("SELECT") {
		return diag.New(diag.Syntax, t.span(), "expected the name of a view, found %s", p.describe(t)).
			WithHint("a sink of a query is CREATE SINK x AS SELECT …")
	}
	n, err := p.name("the name of a view")
	if err != nil {
		return err
	}
	s.From = &n
	if p.peek().is("WITH") {
		if len(s.With) > 0 {
			return p.secondWith()
		}
		if s.With, err = p.withClause(); err != nil {
			return err
		}
	}
	return nil
}

// sinkQuery reads the query of a sink. WITH behind it is the sink's: a query
// that is kept has no options of its own.
func (p *parser) sinkQuery(s *ast.CreateSink) error {
	if !p.startsQuery(p.pos) {
		return p.expectedOneOf("SELECT")
	}
	var err error
	if s.Query, err = p.parseSelect(); err != nil {
		return err
	}
	if len(s.Query.With) == 0 {
		return nil
	}
	if len(s.With) > 0 {
		return diag.New(diag.Syntax, s.Query.With[0].At, "the options of the sink are there twice").
			WithHint("keep one WITH (…)")
	}
	s.With, s.Query.With = s.Query.With, nil
	return nil
}

func (p *parser) secondWith() error {
	return diag.New(diag.Syntax, p.peek().span(), "the options of the sink are there twice").WithHint("keep one WITH (…)")
}
