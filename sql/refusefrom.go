package sql

import (
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

const noJoin = "a query reads from one stream, view, file or query"

// behindTable looks at what stands behind the relation: the next clause, or
// something that is refused by name.
func (pp *prepass) behindTable() error {
	switch cur, next := pp.peek(), pp.at(pp.pos+1); {
	case pp.pos >= pp.end, pp.atTail():
		return nil
	case cur.is("WINDOW") && isKsqlWindow(next.word) && pp.at(pp.pos+2).is("("):
		if err := pp.ksqlWindow(); err != nil {
			return err
		}
		return pp.behindTable()
	case cur.is("WHERE"), cur.is("GROUP"), cur.is("HAVING"), cur.is("ORDER"), cur.is("LIMIT"), cur.is("WINDOWED") && next.is("BY"):
		return nil
	default:
		if err := pp.refuseBehindTable(); err != nil {
			return err
		}
		if err := pp.refuseClause(cur); err != nil {
			return err
		}
		return pp.explainSyntax(pp.ahead(), cur.start)
	}
}

func isKsqlWindow(word string) bool {
	return word == "TUMBLING" || word == "HOPPING" || word == "SESSION"
}

// ahead returns a fragment with all tokens of this one, those included that the
// pre-pass has not reached: what explainSyntax looks at.
func (pp *prepass) ahead() *fragment {
	f := *pp.frag
	for i := pp.pos; i < pp.end; i++ {
		f.lexs = append(f.lexs, lexeme{token: pp.parser.at(i)})
	}
	return &f
}

// refuseBehindTable refuses joins, and what MySQL would take for an alias.
func (p *parser) refuseBehindTable() error {
	t, next := p.peek(), p.at(p.pos+1)
	at := t.span()
	switch {
	case t.is(","):
		return unsupported(at, noJoin, "a list of tables is a join, and joins are not supported")
	case t.is("TABLESAMPLE"), t.is("SAMPLE") && !next.is("BY"):
		return unsupported(at, "write LIMIT for a few rows", "%s is not supported", t.word)
	case (t.is("USE") || t.is("FORCE") || t.is("IGNORE")) && (next.is("INDEX") || next.is("KEY")):
		return unsupported(at.Join(next.span()), "leave it out: there are no indexes", "%s %s is not supported", t.word, next.word)
	case t.is("PARTITION") && next.is("("):
		return unsupported(at, "leave it out", "PARTITION is not supported")
	case t.is("AS") && next.is("OF"), t.is("VERSION") && next.is("AS"):
		return unsupported(at.Join(next.span()), "remove it", "%s %s is not supported", t.word, next.word)
	case t.is("FOR") && (next.is("SYSTEM_TIME") || next.is("VERSION") || next.is("TIMESTAMP")):
		return unsupported(at.Join(next.span()), "remove it; a query reads a stream from its beginning or from WITH (start = …) on", "FOR %s is not supported", next.word)
	case isJoinWord(t.word):
		if span, name, ok := p.joinAhead(); ok {
			return unsupported(span, noJoin, "%s is not supported", name)
		}
	}
	return p.refuseFalseAlias(t, next)
}

// refuseFalseAlias refuses words that MySQL would take for the alias of a table.
func (p *parser) refuseFalseAlias(t, next token) error {
	at := t.span()
	switch t.word {
	case "FINAL", "CHANGES":
		clause := "EMIT ON WINDOW CLOSE"
		if t.is("CHANGES") {
			clause = "EMIT CHANGES"
		}
		return unsupported(at, "write "+clause+" at the end of the query; to call the table so, write AS "+p.raw(t), "%s behind a table is not supported", t.word)
	case "EMIT", "OFFSET", "WATERMARK", "LATEST", "ALLOWED":
		switch {
		case p.tailAhead():
			return nil
		case t.is("LATEST") && (next.is("ON") || next.is("BY")):
			return unsupported(at.Join(next.span()), "write SELECT k, LAST_VALUE(x) … GROUP BY k", "LATEST %s is not supported", next.word)
		case t.is("OFFSET") && next.kind == tokNumber:
			return diag.New(diag.Syntax, at, "OFFSET without LIMIT").WithHint("write LIMIT 10 OFFSET 20")
		case t.is("EMIT") && next.is("CHANGE"):
			return mistypedEmit(next)
		}
		return diag.New(diag.Syntax, at, "`%s` cannot stand here", p.raw(t)).WithHint("to call the table so, write AS `%s`", p.raw(t))
	case "QUALIFY":
		return refusedQualify(at)
	case "FORMAT", "SETTINGS":
		if next.kind == tokWord && !isReserved(next.word) && !next.is("EMIT") {
			return unsupported(at, "leave it out; options of a query stand in WITH (…)", "%s is not supported", t.word)
		}
	case "PREWHERE":
		return unsupported(at, "write WHERE", "PREWHERE is not supported")
	case "SAMPLE": // BY
		return unsupported(at.Join(next.span()), "write GROUP BY TUMBLE(ts, INTERVAL 1 HOUR)", "SAMPLE BY is not supported")
	case "TIMESTAMP":
		if next.is("BY") {
			return unsupported(at.Join(next.span()), "CREATE STREAM says which column is the event time: WATERMARK FOR ts AS ts", "TIMESTAMP BY is not supported")
		}
	case "PIVOT", "UNPIVOT", "MATCH_RECOGNIZE":
		if next.is("(") {
			hint := "write SUM(x) FILTER (WHERE k = 'a') AS a for each column"
			if t.is("MATCH_RECOGNIZE") {
				hint = "there are no patterns over rows; windows and WHERE are what there is"
			}
			return unsupported(at, hint, "%s is not supported", t.word)
		}
	case "ARRAY":
		if next.is("JOIN") {
			return unsupported(at.Join(next.span()), noJoin, "ARRAY JOIN is not supported")
		}
	case "OVER":
		if next.is("(") {
			return unsupported(at, "write GROUP BY HOP(ts, slide, size), or TUMBLE(ts, size)", "a window OVER (…) behind a table is not supported")
		}
	case "WITHIN":
		return unsupported(at, noJoin, "WITHIN behind a table belongs to a join, and joins are not supported")
	}
	return nil
}

func refusedQualify(at diag.Span) error {
	return unsupported(at, "write HAVING for a condition on groups", "QUALIFY is not supported")
}

// isJoinWord lists JOIN and the words that can stand in front of it in some dialect.
func isJoinWord(word string) bool {
	switch word {
	case "JOIN", "STRAIGHT_JOIN", "CROSS", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "NATURAL", "ASOF", "SEMI", "ANTI",
		"LATEST", "ANY", "ALL", "GLOBAL", "LOCAL", "POSITIONAL", "PASTE", "INTERVAL", "TEMPORAL", "LATERAL", "LT", "SPLICE", "WINDOW":
		return true
	}
	return false
}

// joinAhead tells whether the join words from the next token on end with JOIN, and
// returns their span and spelling.
func (p *parser) joinAhead() (diag.Span, string, bool) {
	var words []string
	for i := p.pos; isJoinWord(p.at(i).word); i++ {
		words = append(words, p.at(i).word)
		if p.at(i).is("JOIN") || p.at(i).is("STRAIGHT_JOIN") {
			return p.peek().span().Join(p.at(i).span()), strings.Join(words, " "), true
		}
	}
	if t, next := p.peek(), p.at(p.pos+1); (t.is("CROSS") || t.is("OUTER")) && next.is("APPLY") {
		return t.span().Join(next.span()), t.word + " APPLY", true
	}
	return diag.Span{}, "", false
}

const noAnomalies = "there are no scores of anomalies; AVG(x) and STDDEV(x) with GROUP BY k, TUMBLE(ROWTIME, INTERVAL 1 MINUTE) say what is usual"

// kinesisFunctions says what to write for functions in FROM, most of them of Kinesis Data Analytics for SQL.
var kinesisFunctions = map[string]string{
	"TOP_K_ITEMS_TUMBLING":               "write SELECT TOP_K(x, 10) FROM s GROUP BY TUMBLE(ROWTIME, INTERVAL 60 SECOND)",
	"COUNT_DISTINCT_ITEMS_TUMBLING":      "write SELECT COUNT(DISTINCT x) FROM s GROUP BY TUMBLE(ROWTIME, INTERVAL 60 SECOND), or APPROX_COUNT_DISTINCT(x)",
	"RANDOM_CUT_FOREST":                  noAnomalies,
	"RANDOM_CUT_FOREST_WITH_EXPLANATION": noAnomalies,
	"HOTSPOTS":                           noAnomalies,
	"JSON_TABLE":                         functionsWithSyntax["JSON_TABLE"],
	"GROUP_RANK":                         "CREATE MATERIALIZED VIEW v AS SELECT … GROUP BY TUMBLE(…), then SELECT * FROM v ORDER BY window_start, x DESC",
}

// tableFunction reads a function in FROM: those that make windows.
func (p *parser) tableFunction() (*ast.Table, error) {
	t := p.peek()
	table := t.is("TABLE") && p.at(p.pos+3).is("(")
	if table {
		p.pos += 2
	}
	if f, ok := families[p.peek().word]; ok && !f.units {
		w, source, err := p.windowCall(true)
		if err != nil {
			return nil, err
		}
		source.Window = w
		if table {
			err = p.expect(")")
		}
		return source, err
	}
	if table {
		t = p.peek()
	}
	if hint := kinesisFunctions[p.peek().word]; hint != "" {
		return nil, unsupported(t.span(), hint, "the function %s is not supported in FROM", p.raw(t))
	}
	return nil, unsupported(t.span(), "FROM takes a stream, a view, 'file.jsonl', (SELECT …) or a window such as TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL 1 MINUTE))", "the function %s is not supported in FROM", p.raw(t))
}
