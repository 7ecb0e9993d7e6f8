package sql

import (
	"weir/sql/ast"
	"weir/sql/diag"
)

// fromClause reads FROM and the relation behind it with a descent of our own. The
// parser behind sees a name in its place, so it cannot take a word for an alias
// that is the beginning of a join or of a clause.
func (pp *prepass) fromClause() error {
	pp.from = pp.pos
	pp.keep(lexeme{token: pp.peek()})
	first := pp.pos
	toks, stop := pp.toks, pp.stop
	if pp.end < len(toks) {
		pp.toks, pp.stop = toks[:pp.end], toks[pp.end]
	}
	t, err := pp.table()
	pp.toks, pp.stop = toks, stop
	if err != nil {
		return err
	}
	pp.relation(first, t)
	return pp.behindTable()
}

// relation passes a table on that starts at token first: its tokens where it is a
// name, else a marker.
func (pp *prepass) relation(first int, t *ast.Table) {
	if why := markedTable(t); why != "" {
		all := token{kind: tokMarker, start: pp.at(first).start, end: pp.at(pp.pos - 1).end}
		pp.rewrite(lexeme{token: all, role: relation, out: marker('t', all.end-all.start), rel: t}, why)
		return
	}
	for i := first; i < pp.pos; i++ {
		pp.frag.lexs = append(pp.frag.lexs, lexeme{token: pp.at(i), role: relation, rel: t})
	}
}

// markedTable tells why the parser behind must not see a table; "": it may.
func markedTable(t *ast.Table) string {
	switch {
	case t.Window != nil:
		return "a window function stands where MySQL wants a table"
	case t.Query != nil:
		return "a query in FROM is read apart"
	case t.File:
		return "a file stands where MySQL wants a table"
	}
	return ""
}

// table reads a relation and its alias.
func (p *parser) table() (*ast.Table, error) {
	first := p.pos
	t, err := p.primaryTable()
	if err != nil {
		return nil, err
	}
	if err := p.refuseBehindTable(); err != nil {
		return nil, err
	}
	if t.Alias, err = p.tableAlias(t); err != nil {
		return nil, err
	}
	t.Node = p.from(first)
	return t, nil
}

func (p *parser) primaryTable() (*ast.Table, error) {
	t, next := p.peek(), p.at(p.pos+1)
	switch {
	case t.is("("):
		if !p.startsQuery(p.pos) {
			return nil, unsupported(t.span(), "a query reads from one stream, view, file or query", "parentheses in FROM are not supported")
		}
		q, err := p.subquery()
		return &ast.Table{Query: q}, err
	case t.is("LATERAL"):
		return nil, unsupported(t.span(), noJoin, "LATERAL is not supported")
	case t.kind == tokWord && next.is("("):
		return p.tableFunction()
	case t.kind == tokString:
		return p.fileTable(t)
	case t.is("STDIN"):
		p.pos++
		return &ast.Table{File: true, Name: ast.Name{Node: ast.Node{At: t.span()}, Text: "stdin"}}, nil
	case !t.isName() || t.kind == tokWord && isReserved(t.word) && structural(t.word) && (next.is("BY") || !t.is("GROUP") && !t.is("ORDER")):
		return nil, p.expected("the name of a stream, a view or a file").WithHint("for example FROM bids, or FROM 'bids.jsonl'")
	}
	n, err := p.name("the name of a stream, a view or a file")
	if err != nil {
		return nil, err
	}
	if dot := p.peek(); dot.is(".") {
		last := p.at(p.pos + 1)
		return nil, diag.New(diag.Unsupported, dot.span().Join(last.span()), "names of two parts are not supported").
			WithHint("a file is written in quotes: FROM '%s.%s'; a stream or view by its name alone", n.Text, p.raw(last))
	}
	return &ast.Table{Name: n}, nil
}

func (p *parser) fileTable(t token) (*ast.Table, error) {
	if t.quote == '"' {
		return nil, diag.New(diag.Unsupported, t.span(), "a string in double quotes behind FROM").
			WithHint("write '…' for a file, `…` for a stream or view")
	}
	path := stringOf(p.text, t)
	if path == "" {
		return nil, diag.New(diag.BadLiteral, t.span(), "the path of the file is empty")
	}
	p.pos++
	return &ast.Table{File: true, Name: filePath(t.span(), path)}, nil
}

// tableAlias reads [AS] alias. A derived table can do without, unlike MySQL's:
// there is no other table that its columns could belong to.
func (p *parser) tableAlias(t *ast.Table) (*ast.Name, error) {
	as := p.accept("AS")
	cur := p.peek()
	if !as && (!cur.isName() || cur.kind == tokWord && isReserved(cur.word) || p.tailAhead()) {
		return nil, nil
	}
	n, err := p.name("an alias")
	if err != nil {
		return nil, err
	}
	if b := p.peek(); b.is("(") {
		return nil, unsupported(b.span(), "name the columns in the query: SELECT a AS b", "a column list behind an alias is not supported")
	}
	return &n, nil
}

// tailAhead tells whether what stands here is a clause of the dialect, though its
// first word could be an alias.
func (p *parser) tailAhead() bool {
	t, next := p.peek(), p.at(p.pos+1)
	switch t.word {
	case "EMIT":
		return next.kind == tokEnd || next.kind == tokWord && (!isReserved(next.word) || next.is("ON"))
	case "ALLOWED":
		return next.is("LATENESS")
	case "FILL":
		return next.is("(")
	case "WINDOWED":
		return next.is("BY")
	}
	return false
}
