package sql

import (
	"weir/sql/ast"
	"weir/sql/diag"
)

// planClauses finds what is no argument in a call: DISTINCT in front, ORDER BY,
// SEPARATOR, IGNORE NULLS and RETURNING at the end. It tells whether there is any.
func (pp *prepass) planClauses(name token, open, end int) (bool, error) {
	first := pp.at(open + 1)
	if first.is("SELECT") || first.is("WITH") {
		return false, nil
	}
	special := false
	if (first.is("DISTINCT") || first.is("ALL")) && open+2 < end {
		special = first.is("DISTINCT")
		pp.plan(open+1, func() error {
			pp.pos++
			at := pp.blank(open+1, whyInCall)
			if first.is("DISTINCT") {
				pp.clause(clauseInCall, at, callClause{distinct: true})
			}
			return nil
		})
	}
	depth := 0
	for i := open; i < end; i++ {
		t := pp.at(i)
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		if depth == 1 && i > open+1 && !afterDot(pp.toks, i) && pp.beginsClause(name, i) {
			pp.plan(i, func() error { return pp.inCall(name, end) })
			return special || !t.is("RESPECT"), nil // which leaves no trace, so it changes nothing about the name
		}
	}
	return special, nil
}

// beginsClause tells whether a clause of the call starts at token i.
func (pp *prepass) beginsClause(name token, i int) bool {
	t, next := pp.at(i), pp.at(i+1)
	switch t.word {
	case "ORDER":
		return next.is("BY")
	case "SEPARATOR":
		return next.kind == tokString
	case "IGNORE", "RESPECT": // behind a call that goes on, it belongs to that one
		third := pp.at(i + 2)
		return next.is("NULLS") && (third.is(")") || third.is("ORDER") || third.is("SEPARATOR"))
	case "RETURNING":
		return name.is("JSON_VALUE")
	case "NULL", "ERROR":
		return name.is("JSON_VALUE") && next.is("ON")
	case "DEFAULT":
		return name.is("JSON_VALUE")
	}
	return false
}

// inCall reads the clauses at the end of a call, up to its parenthesis.
func (pp *prepass) inCall(name token, end int) error {
	first := pp.pos
	c := callClause{}
	for pp.pos < end {
		var err error
		switch t := pp.peek(); {
		case pp.accept("ORDER", "BY"):
			c.order, err = pp.orderList(end)
		case t.is("SEPARATOR"):
			pp.pos++
			if s := pp.peek(); s.kind != tokString {
				return pp.expected("a string behind SEPARATOR")
			}
			c.separator = pp.stringLiteral()
		case pp.accept("IGNORE", "NULLS"):
			c.ignoreNulls = true
		case pp.accept("RESPECT", "NULLS"):
		case name.is("JSON_VALUE"):
			err = pp.jsonValueClause(&c)
		default:
			return pp.expected("`)`")
		}
		if err != nil {
			return err
		}
	}
	pp.clause(clauseInCall, pp.blank(first, whyInCall), c)
	return nil
}

// clause passes a hidden lexeme on that holds a clause.
func (pp *prepass) clause(r role, at diag.Span, c callClause) {
	pp.frag.lexs = append(pp.frag.lexs, lexeme{token: markerToken(at.Start, at.End), role: r, clause: c})
}

// stringLiteral goes over a string.
func (p *parser) stringLiteral() *ast.Literal {
	t := p.peek()
	p.pos++
	return &ast.Literal{Node: ast.Node{At: t.span()}, Kind: ast.StringLiteral, Text: stringOf(p.text, t), Quote: t.quote}
}

// orderList reads the entries of an ORDER BY inside of a call, up to end or to
// another clause.
func (pp *prepass) orderList(end int) ([]ast.Order, error) {
	var list []ast.Order
	for {
		o, err := pp.orderEntry(end)
		if err != nil {
			return nil, err
		}
		list = append(list, o)
		if !pp.accept(",") {
			return list, nil
		}
	}
}

func (pp *prepass) orderEntry(end int) (ast.Order, error) {
	first, last, depth := pp.pos, pp.pos, 0
	for ; last < end; last++ {
		t := pp.at(last)
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		if depth > 0 || afterDot(pp.toks, last) {
			continue
		}
		if t.is(",") || t.is("ASC") || t.is("DESC") || last > first && (pp.beginsNulls(last) || pp.beginsClause(token{}, last)) {
			break
		}
	}
	var o ast.Order
	var err error
	if o.Expr, err = pp.inner(last); err != nil {
		return o, err
	}
	if pp.accept("DESC") {
		o.Desc = true
	} else {
		pp.accept("ASC")
	}
	if pp.peek().is("NULLS") {
		if err := pp.nullsOrder(o.Desc); err != nil {
			return o, err
		}
	}
	o.Node = pp.parser.from(first)
	return o, nil
}

// beginsNulls tells whether NULLS FIRST or NULLS LAST stands there, and not a column or
// the end of IGNORE NULLS.
func (pp *prepass) beginsNulls(i int) bool {
	prev := pp.at(i - 1)
	return pp.at(i).is("NULLS") && !pp.at(i+1).is(".") && (endsOperand(prev) || prev.is("END")) && !prev.is("IGNORE") && !prev.is("RESPECT")
}

// nullsOrder goes over NULLS FIRST and NULLS LAST where they say what holds anyway:
// NULL is less than everything.
func (pp *prepass) nullsOrder(desc bool) error {
	at := pp.peek().span().Join(pp.at(pp.pos + 1).span())
	switch {
	case pp.accept("NULLS", "FIRST"):
		if desc {
			return unsupported(at, "NULL is the least value, last under DESC; write ORDER BY a IS NOT NULL, a DESC", "NULLS FIRST under DESC is not supported")
		}
	case pp.accept("NULLS", "LAST"):
		if !desc {
			return unsupported(at, "NULL is the least value, first unless DESC; write ORDER BY a IS NULL, a", "NULLS LAST without DESC is not supported")
		}
	default:
		pp.pos++
		return pp.expectedOneOf("FIRST", "LAST")
	}
	return nil
}

// inner parses the tokens from the next up to end as an expression of its own.
func (pp *prepass) inner(end int) (ast.Expr, error) {
	if pp.pos >= end {
		return nil, pp.expected("an expression")
	}
	if end >= len(pp.toks) {
		return pp.parseExpr(end)
	}
	var e ast.Expr
	err := pp.within(end, func() (err error) { // so that nothing in it reads on
		e, err = pp.parseExpr(end)
		return err
	})
	return e, err
}

// jsonValueClause reads RETURNING type, and what MySQL does without it, too.
func (pp *prepass) jsonValueClause(c *callClause) error {
	if pp.accept("RETURNING") {
		var err error
		c.returning, err = pp.dataType(true)
		return err
	}
	if pp.accept("NULL", "ON", "EMPTY") || pp.accept("NULL", "ON", "ERROR") {
		return nil
	}
	t := pp.peek()
	if t.is("ERROR") || t.is("DEFAULT") {
		return unsupported(t.span(), "what is missing or does not fit is NULL; write COALESCE(JSON_VALUE(doc, path), …)", "%s … in JSON_VALUE is not supported", t.word)
	}
	return pp.expected("`)`")
}

// behindCall reads FILTER (WHERE …), WITHIN GROUP (ORDER BY …) and IGNORE NULLS
// behind a call. ok is false where the words are something else.
func (pp *prepass) behindCall() (ok bool, err error) {
	t, next, first := pp.peek(), pp.at(pp.pos+1), pp.pos
	c := callClause{}
	switch {
	case t.is("FILTER") && next.is("("):
		end := pp.closeOf(pp.pos + 1)
		pp.pos += 2
		if !pp.accept("WHERE") {
			return true, pp.expected("WHERE").WithHint("write COUNT(*) FILTER (WHERE condition)")
		}
		if c.filter, err = pp.inner(end); err != nil {
			return true, err
		}
		pp.pos++
	case t.is("WITHIN") && next.is("GROUP"):
		pp.pos += 2
		if err := pp.expect("(", "ORDER", "BY"); err != nil {
			return true, err
		}
		end := pp.closeOf(pp.pos - 3)
		c.within = true
		if c.order, err = pp.orderList(end); err != nil {
			return true, err
		}
		if pp.pos != end {
			return true, pp.expected("`)`")
		}
		pp.pos++
	case t.is("IGNORE") && next.is("NULLS"):
		pp.pos += 2
		c.ignoreNulls = true
	case t.is("RESPECT") && next.is("NULLS"):
		pp.pos += 2
	default:
		return false, nil
	}
	pp.clause(clauseBehind, pp.blank(first, whyPostfix), c)
	return true, nil
}
