package sql

import (
	"weir/sql/ast"
	"weir/sql/diag"
)

// parseSelect reads a query: the tokens from the next to the end of the statement.
func (p *parser) parseSelect() (*ast.Select, error) { return p.query() }

// startsQuery tells whether a query, or one in parentheses, starts at token i.
func (p *parser) startsQuery(i int) bool {
	for p.at(i).is("(") {
		i++
	}
	return p.at(i).is("SELECT") || p.at(i).is("WITH") && !p.at(i+1).is("(")
}

// within calls f while only the tokens in front of token end are there, and checks
// that f goes over all of them.
func (p *parser) within(end int, f func() error) error {
	toks, stop := p.toks, p.stop
	p.toks, p.stop = toks[:end], toks[end]
	defer func() { p.toks, p.stop = toks, stop }()
	if err := f(); err != nil {
		return err
	}
	if !p.done() {
		return p.expected("`)`")
	}
	return nil
}

// closing returns the index of the parenthesis that closes the one at token i.
func (p *parser) closing(i int) int {
	depth := 0
	for ; i < len(p.toks); i++ {
		switch t := p.at(i); {
		case t.is("("):
			depth++
		case t.is(")"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

// inParens reads a query in parentheses, from `(` on.
func (p *parser) inParens() (*ast.Select, error) {
	end := p.closing(p.pos)
	p.pos++
	var q *ast.Select
	err := p.within(end, func() (err error) {
		q, err = p.query()
		return err
	})
	if err != nil {
		return nil, err
	}
	return q, p.expect(")")
}

// subquery reads a query in parentheses that is a part of another one, which says
// when results leave and where it starts.
func (p *parser) subquery() (*ast.Select, error) {
	q, err := p.inParens()
	if err != nil {
		return nil, err
	}
	return q, refuseInner(q)
}

func refuseInner(q *ast.Select) error {
	switch {
	case q.Emit != nil:
		return unsupported(q.Emit.At, "write it at the end of the outermost query", "EMIT in a query inside of another one is not supported")
	case len(q.With) > 0:
		return unsupported(q.With[0].At, "write WITH (…) at the end of the outermost query", "options of a query inside of another one are not supported")
	}
	return nil
}

// query reads [WITH …] and what follows: terms with UNION in between, and the
// clauses of the whole.
func (p *parser) query() (*ast.Select, error) {
	first := p.pos
	ctes, err := p.ctes()
	if err != nil {
		return nil, err
	}
	q, err := p.union()
	if err != nil {
		return nil, err
	}
	if len(ctes) > 0 {
		if len(q.CTEs) > 0 {
			return nil, unsupported(q.CTEs[0].At, "write one WITH with all of them", "WITH behind WITH is not supported")
		}
		q.CTEs = ctes
		q.Node = p.from(first)
	}
	return q, nil
}

// union reads the terms of a query, and joins them from the left to the right.
func (p *parser) union() (*ast.Select, error) {
	first, end := p.pos, len(p.toks)
	q, inParens, err := p.term()
	for err == nil && p.pos < end && p.peek().is("UNION") {
		if !inParens {
			err = p.inFrontOfUnion(q)
		} else {
			err = refuseInner(q)
		}
		if err != nil {
			return nil, err
		}
		if p.unions++; p.unions > unionsMax {
			return nil, tooLarge(p.peek().span(), "the statement has more than %d unions", unionsMax)
		}
		set := &ast.SetOp{L: q}
		p.pos++
		if set.All = p.accept("ALL"); !set.All {
			p.accept("DISTINCT")
		}
		if set.R, inParens, err = p.term(); err != nil {
			return nil, err
		}
		q = &ast.Select{Set: set}
		set.Node, q.Node = p.from(first), p.from(first)
		if !inParens {
			p.hoist(q, set)
		} else if err = refuseInner(set.R); err != nil {
			return nil, err
		}
	}
	if err != nil || p.pos == end {
		return q, err
	}
	return q, p.queryTail(q, first)
}

// inFrontOfUnion refuses clauses in front of UNION, which MySQL reads as of the
// whole, and others as of the query that they stand in.
func (p *parser) inFrontOfUnion(q *ast.Select) error {
	var at diag.Span
	switch {
	case len(q.OrderBy) > 0:
		at = q.OrderBy[0].At
	case q.Limit != nil:
		at = q.Limit.At
	case q.Emit != nil:
		at = q.Emit.At
	case len(q.With) > 0:
		at = q.With[0].At
	default:
		return nil
	}
	return diag.New(diag.Syntax, at, "ORDER BY, LIMIT, EMIT and WITH stand behind the last query of a UNION").
		WithHint("to order or limit one of them, put it in parentheses: (SELECT … LIMIT 10) UNION ALL SELECT …")
}

// hoist gives the clauses behind the last query of a UNION to the whole.
func (p *parser) hoist(q *ast.Select, set *ast.SetOp) {
	r := set.R
	if len(r.OrderBy) == 0 && r.Limit == nil && r.Emit == nil && len(r.With) == 0 {
		return
	}
	q.OrderBy, q.Limit, q.Emit, q.With = r.OrderBy, r.Limit, r.Emit, r.With
	r.OrderBy, r.Limit, r.Emit, r.With = nil, nil, nil, nil
	r.At.End, set.At.End = p.coreEnd, p.coreEnd
}

// term reads one SELECT, or a query in parentheses.
func (p *parser) term() (q *ast.Select, inParens bool, err error) {
	switch t := p.peek(); {
	case t.is("SELECT"):
		q, err = p.selectCore(p.setWord())
		return q, false, err
	case t.is("(") && p.startsQuery(p.pos):
		if q, err = p.inParens(); err == nil {
			err = p.refuseSet()
		}
		return q, true, err
	case t.is("VALUES"), t.is("TABLE"):
		return nil, false, unsupported(t.span(), "write SELECT", "%s in the place of a query is not supported", t.word)
	}
	return nil, false, p.expectedOneOf("SELECT")
}

// setWord returns the token in front of which the SELECT at hand ends.
func (p *parser) setWord() int {
	for i := p.pos + 1; i < len(p.toks); i++ {
		switch {
		case p.at(i).is("("):
			i = p.closing(i)
		case p.at(i).is("UNION") && !afterDot(p.toks, i):
			return i
		}
	}
	return len(p.toks)
}

// refuseSet refuses the set operations that weir does not have, behind a
// parenthesis; behind a SELECT the pre-pass does.
func (p *parser) refuseSet() error {
	if t := p.peek(); t.is("EXCEPT") || t.is("INTERSECT") || t.is("MINUS") {
		return refusedSet(t)
	}
	return nil
}

func refusedSet(t token) error {
	return unsupported(t.span(), "of the set operations there are UNION and UNION ALL; a condition in WHERE says which rows to leave out", "%s is not supported", t.word)
}

// selectCore reads one SELECT up to token end.
func (p *parser) selectCore(end int) (*ast.Select, error) {
	f, err := p.fragment(end, true)
	if err != nil {
		return nil, err
	}
	stmt, err := p.runParser(f, "")
	if err != nil {
		return nil, err
	}
	w := &walker{parser: p, frag: f, group: -1}
	return w.query(stmt)
}

// tailHead stands in front of the clauses behind a query in parentheses.
const tailHead = "SELECT 1 "

// queryTail reads ORDER BY, LIMIT, EMIT and WITH (…) behind a query in parentheses
// that starts at token first.
func (p *parser) queryTail(q *ast.Select, first int) error {
	t := p.peek()
	if !t.is("ORDER") && !t.is("LIMIT") && !t.is("EMIT") && !t.is("ALLOWED") && !t.is("WITH") {
		return p.expectedOneOf("UNION", "ORDER BY", "LIMIT", "EMIT", "the end of the query")
	}
	if len(q.OrderBy) > 0 || q.Limit != nil || q.Emit != nil || len(q.With) > 0 {
		return unsupported(t.span(), "write SELECT * FROM (SELECT …) AS a ORDER BY …", "clauses behind a query in parentheses that has such clauses are not supported")
	}
	f, err := p.fragment(len(p.toks), true)
	if err != nil {
		return err
	}
	stmt, err := p.runParser(f, tailHead)
	if err != nil {
		return err
	}
	w := &walker{parser: p, frag: f, group: -1}
	w.tail(q, stmt)
	q.Node = p.from(first)
	return w.err
}

// ctes reads WITH name [(columns)] AS (query), …
func (p *parser) ctes() ([]ast.CTE, error) {
	if !p.peek().is("WITH") {
		return nil, nil
	}
	if t := p.at(p.pos + 1); t.is("RECURSIVE") && !p.at(p.pos+2).is("AS") {
		return nil, unsupported(t.span(), "a query cannot read what it writes", "WITH RECURSIVE is not supported")
	}
	p.pos++
	var ctes []ast.CTE
	for {
		c, err := p.cte()
		if err != nil {
			return nil, err
		}
		if p.cteCount++; p.cteCount > ctesMax {
			return nil, tooLarge(c.Name.At, "the statement names more than %d queries in WITH", ctesMax)
		}
		for _, o := range ctes {
			if o.Name.Text == c.Name.Text {
				return nil, diag.New(diag.Syntax, c.Name.At, "`%s` stands in WITH twice", c.Name.Text).WithHint("give it another name")
			}
		}
		ctes = append(ctes, c)
		if !p.accept(",") {
			return ctes, nil
		}
	}
}

func (p *parser) cte() (ast.CTE, error) {
	first := p.pos
	var c ast.CTE
	var err error
	if c.Name, err = p.name("the name of a query"); err != nil {
		return c, err
	}
	if p.peek().is("(") {
		if c.Columns, err = p.nameList("the name of a column"); err != nil {
			return c, err
		}
	}
	if err := p.expect("AS"); err != nil {
		return c, err
	}
	if t := p.peek(); t.is("MATERIALIZED") || t.is("NOT") {
		return c, unsupported(t.span(), "leave it out", "MATERIALIZED in WITH is not supported")
	}
	if !p.peek().is("(") {
		return c, p.expected("`(`").WithHint("write WITH a AS (SELECT …) SELECT … FROM a")
	}
	if !p.startsQuery(p.pos) {
		p.pos++
		return c, p.expectedOneOf("SELECT")
	}
	c.Query, err = p.subquery()
	c.Node = p.from(first)
	return c, err
}

// nameList reads (name, …).
func (p *parser) nameList(what string) ([]ast.Name, error) {
	p.pos++ // (
	var names []ast.Name
	for {
		n, err := p.name(what)
		if err != nil {
			return nil, err
		}
		names = append(names, n)
		if p.accept(",") {
			continue
		}
		if !p.accept(")") {
			return nil, p.expected("`,` or `)`")
		}
		return names, nil
	}
}
