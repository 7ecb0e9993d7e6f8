package sql

import (
	"weir/sql/ast"
	"weir/sql/diag"
)

// kill reads KILL [QUERY] id.
func (p *parser) kill() (ast.Statement, error) {
	first := p.pos
	if t := p.at(p.pos + 1); t.is("CONNECTION") || t.is("HARD") || t.is("SOFT") {
		return nil, unsupported(t.span(), "write KILL id, which ends a query and leaves its connection", "KILL %s is not supported", t.word)
	}
	if p.at(p.pos + 1).is("QUERY") {
		p.pos++
	}
	id, t, err := p.argument()
	if err != nil || id < 1 {
		return nil, diag.New(diag.Syntax, t.span(), "expected the id of a query, found %s", p.describe(t)).
			WithHint("SHOW PROCESSLIST lists them; the query of a view ends with DROP MATERIALIZED VIEW v")
	}
	return &ast.Kill{Node: p.from(first), ID: uint32(id)}, nil
}
