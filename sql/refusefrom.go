package sql

import (
	"strings"

	"weir/sql/diag"
)

// refuseInFrom refuses joins, functions and what MySQL would take for an alias.
func (pp *prepass) refuseInFrom(t token) error {
	const noJoin = "a query reads from one stream, view or file"
	at, prev, next := t.span(), pp.at(pp.pos-1), pp.at(pp.pos+1)
	switch {
	case t.is(","):
		return unsupported(at, noJoin, "a list of tables is a join, and joins are not supported")
	case t.is("("):
		if prev.is("FROM") && !next.is("SELECT") {
			return unsupported(at, noJoin, "parentheses in FROM are not supported")
		}
	case prev.is("FROM") && t.kind == tokWord && next.is("("):
		return pp.refuseTableFunction(t)
	case t.is("TABLESAMPLE"), t.is("SAMPLE") && !prev.is("FROM"):
		return unsupported(at, "write LIMIT for a few rows", "%s is not supported", t.word)
	case (t.is("USE") || t.is("FORCE") || t.is("IGNORE")) && (next.is("INDEX") || next.is("KEY")):
		return unsupported(at.Join(next.span()), "leave it out: there are no indexes", "%s %s is not supported", t.word, next.word)
	case t.is("PARTITION") && next.is("("):
		return unsupported(at, "leave it out", "PARTITION is not supported")
	case t.is("AS") && next.is("OF"):
		return unsupported(at.Join(next.span()), "remove it", "AS OF is not supported")
	case isJoinWord(t.word) && !prev.is("FROM") && !prev.is("AS"):
		if span, name, ok := pp.joinAhead(); ok {
			return unsupported(span, noJoin, "%s is not supported", name)
		}
	}
	if prev.is("FROM") || prev.is("AS") || t.kind != tokWord {
		return nil
	}
	switch t.word {
	case "FINAL", "CHANGES":
		clause := "EMIT ON WINDOW CLOSE"
		if t.is("CHANGES") {
			clause = "EMIT CHANGES"
		}
		return unsupported(at, "write "+clause+" at the end of the query; to call the table so, write AS "+pp.raw(t), "%s behind a table is not supported", t.word)
	case "EMIT", "OFFSET", "WATERMARK", "LATEST", "ALLOWED":
		if pp.atTail() {
			return nil
		}
		if t.is("OFFSET") && next.kind == tokNumber {
			return diag.New(diag.Syntax, at, "OFFSET without LIMIT").WithHint("write LIMIT 10 OFFSET 20")
		}
		if t.is("EMIT") && next.is("CHANGE") {
			return mistypedEmit(next)
		}
		return diag.New(diag.Syntax, at, "`%s` cannot stand here", pp.raw(t)).WithHint("to call the table so, write AS `%s`", pp.raw(t))
	}
	return nil
}

// isJoinWord lists JOIN and the words that can stand in front of it in some dialect.
func isJoinWord(word string) bool {
	switch word {
	case "JOIN", "STRAIGHT_JOIN", "CROSS", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "NATURAL", "ASOF", "SEMI", "ANTI",
		"LATEST", "ANY", "GLOBAL", "POSITIONAL", "PASTE", "INTERVAL", "TEMPORAL", "LATERAL":
		return true
	}
	return false
}

// joinAhead tells whether the join words from the next token on end with JOIN, and
// returns their span and spelling.
func (pp *prepass) joinAhead() (diag.Span, string, bool) {
	var words []string
	for i := pp.pos; i < pp.end && isJoinWord(pp.at(i).word); i++ {
		words = append(words, pp.at(i).word)
		if pp.at(i).is("JOIN") || pp.at(i).is("STRAIGHT_JOIN") {
			return pp.peek().span().Join(pp.at(i).span()), strings.Join(words, " "), true
		}
	}
	return diag.Span{}, "", false
}

func (pp *prepass) refuseTableFunction(t token) error {
	switch t.word {
	case "TABLE":
		inner := pp.at(pp.pos + 2)
		if inner.is("TUMBLE") || inner.is("HOP") {
			return unsupported(t.span().Join(inner.span()), pp.groupByHint(inner.word), "the window function %s in FROM is not supported", inner.word)
		}
		switch inner.word {
		case "SESSION", "CUMULATE", "STAGGER":
			return pp.refuseWindow(inner, t.span().Join(inner.span()))
		}
		return unsupported(t.span(), "FROM takes the name of a stream or view, or 'file.jsonl'", "table functions in FROM are not supported")
	case "TUMBLE", "HOP":
		return unsupported(t.span(), pp.groupByHint(t.word), "the window function %s in FROM is not supported", t.word)
	case "SESSION", "CUMULATE", "STAGGER", "COUNT_WINDOW":
		return pp.refuseWindow(t, t.span())
	}
	return unsupported(t.span(), "FROM takes the name of a stream or view, or 'file.jsonl'", "functions in FROM are not supported")
}

func (pp *prepass) refuseWindow(t token, at diag.Span) error {
	return unsupported(at, "the windows are TUMBLE(ts, size) and HOP(ts, slide, size), in GROUP BY", "the window %s is not supported", t.word)
}

func (pp *prepass) groupByHint(name string) string {
	if name == "HOP" {
		return "name the stream in FROM, and write GROUP BY HOP(ts, INTERVAL 10 SECOND, INTERVAL 1 MINUTE)"
	}
	return "name the stream in FROM, and write GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)"
}
