package sql

import (
	"strings"

	"weir/sql/diag"
)

// refuse looks at the next token for a construct that weir does not have. The
// parser behind would refuse it with a message of its own, or misread it in
// silence: FROM a ASOF JOIN b is to MySQL a table with the alias ASOF.
func (pp *prepass) refuse() error {
	t := pp.peek()
	if afterDot(pp.toks, pp.pos) {
		return nil
	}
	if err := pp.refuseLexical(t); err != nil {
		return err
	}
	if t.isName() && pp.at(pp.pos+1).is("(") {
		if err := pp.refuseCall(t); err != nil {
			return err
		}
	}
	if pp.at(pp.pos-1).is(")") && t.kind == tokWord {
		if err := pp.refusePostfix(t); err != nil {
			return err
		}
	}
	if err := pp.refuseWord(t); err != nil {
		return err
	}
	if pp.query && pp.depth == 0 {
		return pp.refuseClause(t)
	}
	return nil
}

func unsupported(span diag.Span, hint, format string, args ...any) error {
	return diag.New(diag.Unsupported, span, format, args...).WithHint("%s", hint)
}

// refuseLexical refuses operators and literals.
func (pp *prepass) refuseLexical(t token) error {
	at := t.span()
	if t.kind == tokDuration {
		return notANumber(t, pp.raw(t))
	}
	switch t.word {
	case "^":
		if pp.dialect.caret != "" {
			return unsupported(at, "write POWER(a, b) for a power", "`^` is a power in some dialects and a XOR of bits in others, so where `%s` is written it is not supported", pp.dialect.caret)
		}
	case "=>":
		return unsupported(at, "write the arguments in their order: TUMBLE(ts, INTERVAL 1 MINUTE)", "named arguments are not supported")
	case ":=", "@":
		return unsupported(at, "write the value itself", "user variables are not supported")
	case "?":
		return unsupported(at, "write the value itself", "parameters are not supported")
	case ":":
		return unsupported(at, "write the value itself", "parameters and paths with `:` are not supported")
	case "{", "}", "[", "]":
		return unsupported(at, "a list stands in parentheses: x IN (1, 2)", "`%s` is not supported", t.word)
	}
	if next := pp.at(pp.pos + 1); t.kind == tokWord && next.kind == tokString && next.start == t.end && strings.HasPrefix(t.word, "_") && !plainPrefix(t.word) {
		return unsupported(at.Join(next.span()), "text is UTF-8: write the string without a prefix, or its bytes as X'4D'", "string literals with the prefix `%s` are not supported", pp.raw(t))
	}
	if t.kind == tokString && pp.at(pp.pos-1).kind == tokString {
		return unsupported(at, "write one string, or AS in front of a column's name", "two strings side by side are not supported")
	}
	return nil
}

// functionsWithSyntax are functions of MySQL that the parser has a syntax of its own
// for, or that it does not know, and what to write instead.
var functionsWithSyntax = map[string]string{
	"WEIGHT_STRING":  "text is UTF-8 and compares by its bytes",
	"GET_FORMAT":     "write the format: '%Y-%m-%d %H:%i:%s'",
	"MATCH":          "write x LIKE '%word%' or REGEXP_LIKE(x, 'word')",
	"VALUES":         "columns have no default values",
	"DEFAULT":        "columns have no default values",
	"PASSWORD":       "SHA2(x, 256) makes a hash",
	"JSON_SUM_CRC32": "CRC32(x) makes a check sum of a text",
	"JSON_TABLE":     "JSON_EXTRACT(doc, '$.items[0]'), JSON_VALUE and JSON_LENGTH read a document; one row does not become several",
}

// refuseCall refuses functions by name. t is followed by a parenthesis.
func (pp *prepass) refuseCall(t token) error {
	at := t.span()
	if hint, ok := functionsWithSyntax[t.word]; ok {
		return diag.New(diag.UnknownFunction, at, "the function `%s` of MySQL is not supported", strings.ToLower(t.word)).
			WithHint("%s", hint)
	}
	switch t.word {
	case "SLIDINGWINDOW", "SLIDING", "SNAPSHOTWINDOW", "WINDOWS":
		return refusedWindow(t)
	case "ROW":
		return unsupported(at, "compare the values one by one, joined by AND; JSON_ARRAY(a, b) makes one value of several", "ROW(…) is not supported")
	case "DATEDIFF":
		if u := pp.at(pp.pos + 2); u.kind == tokWord && pp.at(pp.pos+3).is(",") {
			if name, ok := simpleUnits(u.word); ok {
				return unsupported(u.span(), "TIMESTAMPDIFF("+name+", a, b) counts whole units, DATEDIFF(b, a) days; with a unit, DATEDIFF counts the borders between",
					"DATEDIFF with a unit is not supported")
			}
		}
	case "TRIM", "LTRIM", "RTRIM":
		if _, ok := pp.wordInside("FROM"); ok {
			return nil
		}
		if i, ok := pp.wordInside(","); ok {
			return unsupported(pp.at(i).span(), "write TRIM(BOTH 'x' FROM text), TRIM(LEADING …) or TRIM(TRAILING …)", "%s of two arguments is not supported", t.word)
		}
	}
	return nil
}

// wordInside finds a bare word directly inside the parenthesis behind the next token.
func (pp *prepass) wordInside(word string) (int, bool) {
	depth := 0
	for i := pp.pos + 1; i < pp.end; i++ {
		switch t := pp.at(i); {
		case t.is("("):
			depth++
		case t.is(")"):
			if depth--; depth == 0 {
				return 0, false
			}
		case depth == 1 && t.is(word):
			return i, true
		}
	}
	return 0, false
}

// refusePostfix refuses what stands behind the parenthesis of a call.
func (pp *prepass) refusePostfix(t token) error {
	if next := pp.at(pp.pos + 1); t.is("OVER") && (next.is("(") || next.isName()) {
		return unsupported(t.span(), "aggregate with GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE); of the rows of a window, FIRST_VALUE(x), LAST_VALUE(x) and TOP_K(x, n) need no OVER",
			"analytic functions with OVER are not supported")
	}
	return nil
}

// refuseWord refuses keywords that mean the same wherever they stand.
func (pp *prepass) refuseWord(t token) error {
	at, prev, next := t.span(), pp.at(pp.pos-1), pp.at(pp.pos+1)
	const noSubquery = "a query may stand in FROM, FROM (SELECT …) AS t, and in WITH, but not in an expression: compare with a constant"
	switch t.word {
	case "SELECT":
		if prev.is("(") {
			return unsupported(at, noSubquery, "a query inside an expression is not supported")
		}
	case "EXISTS":
		return unsupported(at, noSubquery, "EXISTS is not supported")
	case "COLLATE":
		return unsupported(at, "strings compare by their bytes", "COLLATE is not supported")
	case "BINARY":
		return unsupported(at, "strings compare by their bytes already", "BINARY is not supported")
	case "HIGH_PRIORITY", "STRAIGHT_JOIN", "DISTINCTROW", "SQL_SMALL_RESULT", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT",
		"SQL_CACHE", "SQL_NO_CACHE", "SQL_CALC_FOUND_ROWS":
		if prev.is("SELECT") && next.kind != tokEnd && !next.is(",") && !next.is("FROM") && !next.is(".") && !next.is("AS") {
			return unsupported(at, "leave it out", "SELECT %s is not supported", t.word)
		}
	case "ESCAPE":
		if next.kind == tokString && pp.pos+1 < pp.end {
			if s := stringOf(pp.text, next); len(s) != 1 || s[0] >= 0x80 {
				return diag.New(diag.BadLiteral, next.span(), "ESCAPE takes one ASCII character").WithHint("for example: LIKE '100|%%' ESCAPE '|'")
			}
		}
	}
	return nil
}

// refuseClause refuses clauses of a query, at depth 0.
func (pp *prepass) refuseClause(t token) error {
	at, next := t.span(), pp.at(pp.pos+1)
	switch t.word {
	case "EXCEPT", "INTERSECT", "MINUS":
		if pp.at(pp.pos-1).is("*") && next.is("(") {
			return unsupported(at, "name the columns that you want", "* %s is not supported", t.word)
		}
		if next.is("SELECT") || next.is("ALL") || next.is("DISTINCT") || next.is("(") {
			return refusedSet(t)
		}
	case "INTO":
		return unsupported(at, "the result goes to the caller; CREATE MATERIALIZED VIEW keeps it", "SELECT … INTO is not supported")
	case "FOR":
		return unsupported(at, "remove it", "FOR %s is not supported", strings.ToUpper(pp.raw(next)))
	case "LOCK":
		if next.is("IN") {
			return unsupported(at, "remove it", "LOCK IN SHARE MODE is not supported")
		}
	case "FETCH":
		return unsupported(at, "write LIMIT 10", "FETCH is not supported")
	case "QUALIFY":
		if pp.from >= 0 && !pp.at(pp.pos-1).is("AS") {
			return refusedQualify(at)
		}
	case "SAMPLE":
		if next.is("BY") && pp.from >= 0 {
			return pp.refuseFalseAlias(t, next)
		}
	case "LATEST":
		if pp.from >= 0 && (next.is("ON") || next.is("BY")) {
			return pp.refuseFalseAlias(t, next)
		}
	case "BY":
		if prev := pp.at(pp.pos - 1); prev.kind == tokNumber {
			return unsupported(at, "FIRST_VALUE(x) and ARG_MAX(x, y) with GROUP BY k choose a row of each group", "LIMIT … BY is not supported")
		}
	case "SETTINGS", "FORMAT":
		if pp.from >= 0 && next.kind == tokWord && !pp.at(pp.pos-1).is("AS") && pp.behindOperand() {
			return unsupported(at, "leave it out; options of a query stand in WITH (…)", "%s is not supported", t.word)
		}
	case "PROCEDURE":
		return unsupported(at, "leave it out", "PROCEDURE is not supported")
	case "WINDOW":
		if pp.from >= 0 {
			return refusedWindowNames(at)
		}
	case "PARTITION":
		if next.is("BY") {
			return unsupported(at.Join(next.span()), "write GROUP BY", "PARTITION BY is not supported")
		}
	case "GRACE":
		if next.is("PERIOD") {
			return unsupported(at.Join(next.span()), "write ALLOWED LATENESS INTERVAL 1 MINUTE at the end of the query", "GRACE PERIOD outside of a window is not supported")
		}
	}
	return nil
}
