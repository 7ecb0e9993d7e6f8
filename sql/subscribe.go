package sql

import (
	"weir/sql/ast"
	"weir/sql/diag"
)

// subscribe reads SUBSCRIBE [TO] name, or SUBSCRIBE [TO] (SELECT …), and behind
// that WITH (SNAPSHOT, PROGRESS) and AS OF position.
func (p *parser) subscribe() (ast.Statement, error) {
	first := p.pos
	p.pos++
	p.accept("TO")
	s := &ast.Subscribe{}
	if err := p.subscribeWhat(s); err != nil {
		return nil, err
	}
	with := false
	for {
		var err error
		switch {
		case p.peek().is("WITH") && !with:
			with = true
			err = p.subscribeWith(s)
		case s.AsOf == nil && p.accept("AS", "OF"):
			err = p.subscribeAsOf(s)
		default:
			s.Node = p.from(first)
			return s, p.behindSubscribe()
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) subscribeWhat(s *ast.Subscribe) (err error) {
	t := p.peek()
	switch {
	case t.is("(") && p.startsQuery(p.pos):
		s.Query, err = p.inParens()
		return err
	case t.is("(") || p.startsQuery(p.pos):
		return diag.New(diag.Syntax, t.span(), "expected the name of a stream or view, found %s", p.describe(t)).
			WithHint("write SUBSCRIBE TO v, or a query in parentheses: SUBSCRIBE (SELECT …)")
	case t.is("*"), t.is("FROM"):
		return p.expected("the name of a stream or view").WithHint("write SUBSCRIBE TO v, or SUBSCRIBE (SELECT … FROM v)")
	case t.kind == tokString && t.quote == '\'':
		return unsupported(t.span(), "a file does not change: SELECT * FROM 'file' reads it", "SUBSCRIBE to a file is not supported")
	}
	p.acceptObject("VIEW", "STREAM")
	if p.done() {
		return p.expected("the name of a stream or view").WithHint("for example: SUBSCRIBE TO v, or SUBSCRIBE (SELECT a FROM v)")
	}
	s.Name, err = p.name("the name of a stream or view, or (SELECT …)")
	return err
}

// behindSubscribe refuses what other engines have there.
func (p *parser) behindSubscribe() error {
	t := p.peek()
	switch {
	case t.is("ENVELOPE"), t.is("WITHIN"):
		return unsupported(t.span(), "leave it out: a row that takes the place of another one comes behind the one that leaves", "SUBSCRIBE … %s is not supported", t.word)
	case t.is("UP"):
		return unsupported(t.span(), "leave it out, and stop reading", "SUBSCRIBE … UP TO is not supported")
	case t.is("SINCE"), t.is("FULL"):
		return unsupported(t.span(), "write AS OF position, or WITH (SNAPSHOT)", "SUBSCRIBE … %s is not supported", t.word)
	case t.is("WHERE"), t.is("ORDER"), t.is("LIMIT"), t.is("EMIT"):
		return diag.New(diag.Syntax, t.span(), "SUBSCRIBE TO a name has no %s", t.word).
			WithHint("write SUBSCRIBE (SELECT * FROM v WHERE …)")
	}
	return nil
}

func (p *parser) subscribeWith(s *ast.Subscribe) error {
	p.pos++
	if !p.accept("(") {
		return p.expected("`(`").WithHint("write WITH (SNAPSHOT, PROGRESS)")
	}
	for {
		word := p.peek().word
		if word != "SNAPSHOT" && word != "PROGRESS" {
			return p.expectedOneOf("SNAPSHOT", "PROGRESS")
		}
		p.pos++
		on := true
		if p.accept("=") {
			switch {
			case p.accept("TRUE"):
			case p.accept("FALSE"):
				on = false
			default:
				return p.expectedOneOf("TRUE", "FALSE")
			}
		}
		if word == "SNAPSHOT" {
			s.Snapshot = &on
		} else {
			s.Progress = on
		}
		if p.accept(",") {
			continue
		}
		return p.expect(")")
	}
}

func (p *parser) subscribeAsOf(s *ast.Subscribe) error {
	t := p.peek()
	at := &ast.Name{Node: ast.Node{At: t.span()}}
	switch t.kind {
	case tokString:
		at.Text = stringOf(p.text, t)
	case tokNumber:
		at.Text = p.raw(t)
	default:
		return p.expected("a position behind AS OF").WithHint("write AS OF 17, with the _commit of the last row that you have")
	}
	if at.Text == "" {
		return diag.New(diag.BadLiteral, t.span(), "the position is empty").
			WithHint("write AS OF 17, with the _commit of the last row that you have")
	}
	p.pos++
	s.AsOf = at
	return nil
}
