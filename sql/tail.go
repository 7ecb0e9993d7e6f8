package sql

import (
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// atTail tells whether EMIT, ALLOWED LATENESS, FILL ( or WITH ( starts here.
func (pp *prepass) atTail() bool {
	t, next := pp.peek(), pp.at(pp.pos+1)
	switch {
	case t.is("WITH"):
		return next.is("(")
	case t.is("ALLOWED"):
		return next.is("LATENESS")
	case t.is("FILL"):
		return pp.from >= 0 && next.is("(") && pp.behindOperand()
	case t.is("EMIT"):
		if pp.from < 0 {
			return false
		}
		if !pp.behindOperand() {
			return false // a column called emit
		}
		return next.kind == tokEnd || next.kind == tokWord && (!isReserved(next.word) || next.is("ON") || next.is("WITH") || next.is("LIMIT"))
	}
	return false
}

// behindOperand tells whether an expression or a clause can end in front of the
// next token.
func (pp *prepass) behindOperand() bool {
	if n := len(pp.frag.lexs); n > 0 && pp.frag.lexs[n-1].end == pp.at(pp.pos-1).end && pp.frag.lexs[n-1].role != plain {
		switch pp.frag.lexs[n-1].role {
		case castName, notSame, ignoreCase, soundsLike, similarTo:
			return false
		}
		return true
	}
	return afterDot(pp.toks, pp.pos-1) || endsOperand(pp.at(pp.pos-1))
}

// endsOperand tells whether an expression or a clause can end with the token.
func endsOperand(t token) bool {
	switch t.kind {
	case tokOp:
		return t.is(")")
	case tokWord:
		switch t.word {
		case "NULL", "TRUE", "FALSE", "ASC", "DESC", "CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIME", "LOCALTIMESTAMP", "UTC_TIMESTAMP", "UTC_DATE":
			return true
		}
		return !isReserved(t.word)
	}
	return true
}

// readTail takes a clause out of the query.
func (pp *prepass) readTail() error {
	first := pp.pos
	var err error
	switch {
	case pp.peek().is("WITH"):
		if len(pp.frag.tail.with) > 0 {
			return pp.twice("WITH")
		}
		pp.frag.tail.with, err = pp.withClause()
	case pp.peek().is("EMIT"):
		if e := pp.frag.tail.emit; e != nil && e.Mode != ast.EmitDefault {
			return pp.twice("EMIT")
		}
		err = pp.emitClause()
	case pp.peek().is("FILL"):
		err = pp.fillClause()
	default:
		err = pp.latenessClause()
	}
	if err != nil {
		return err
	}
	at := pp.spanFrom(first)
	pp.frag.tail.span = pp.frag.tail.span.Join(at)
	pp.unseen = true
	pp.note(at, strings.Repeat(" ", at.End-at.Start), "a clause of the streaming dialect")
	return nil
}

func (pp *prepass) spanFrom(first int) diag.Span { return pp.parser.from(first).At }

func (pp *prepass) twice(clause string) error {
	return diag.New(diag.Syntax, pp.peek().span(), "%s stands here twice", clause).WithHint("keep one of them")
}

// withClause reads WITH (name = value, …).
func (p *parser) withClause() ([]ast.Option, error) {
	head := p.peek().word
	p.pos++ // WITH, or SET of ALTER
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var opts []ast.Option
	for {
		o, err := p.option(head)
		if err != nil {
			return nil, err
		}
		opts = append(opts, o)
		if p.accept(",") {
			continue
		}
		if !p.accept(")") {
			return nil, p.expected("`,` or `)`").WithHint("options are written %s (name = 'value', …)", head)
		}
		return opts, nil
	}
}

// option reads one of the options behind WITH or SET.
func (p *parser) option(head string) (ast.Option, error) {
	hint := "options are written " + head + " (name = 'value', …)"
	first := p.pos
	var o ast.Option
	t := p.peek()
	switch {
	case t.kind == tokString: // Flink and RisingWave quote them
		o.Name = ast.Name{Node: ast.Node{At: t.span()}, Text: stringOf(p.text, t)}
		p.pos++
	case t.isName():
		p.pos++
		o.Name = ast.Name{Node: ast.Node{At: t.span()}, Text: nameOf(p.text, t)}
		for p.peek().is(".") && p.at(p.pos+1).isName() {
			p.pos += 2
			o.Name.Text += "." + nameOf(p.text, p.at(p.pos-1))
			o.Name.At.End = p.at(p.pos - 1).end
		}
	default:
		return o, p.expected("the name of an option").WithHint("%s", hint)
	}
	if o.Name.Text == "" {
		return o, diag.New(diag.Syntax, t.span(), "the name of the option is empty")
	}
	if !p.accept("=") {
		return o, p.expected("`=`").WithHint("%s", hint)
	}
	valueAt := p.pos
	sign := ""
	if p.peek().is("-") && p.at(p.pos+1).kind == tokNumber {
		p.pos++
		sign = "-"
	}
	v := p.peek()
	switch v.kind {
	case tokString:
		o.Value.Text = stringOf(p.text, v)
	case tokNumber, tokWord:
		o.Value.Text = sign + p.raw(v)
	default:
		return o, p.expected("the value of `" + clip(o.Name.Text) + "`").WithHint("a value is a string, a number or a word")
	}
	p.pos++
	o.Value.Node = p.from(valueAt)
	o.Node = p.from(first)
	return o, nil
}
