package sql

import (
	"strings"

	"weir/sql/diag"
)

// explainSyntax turns the place where the parser stumbled into an error that says
// what is wrong: a mistyped keyword (often one token earlier, where it was taken
// for an alias), a reserved word used as a name, a clause out of order, or simply
// what was expected there.
func (p *parser) explainSyntax(f *fragment, offset int) *diag.Error {
	lexs := f.lexs
	i := 0
	for i < len(lexs) && (lexs[i].end <= offset || lexs[i].hidden()) {
		i++
	}
	var prev token
	if i > 0 {
		prev = lexs[i-1].token
	}
	at := p.tokenBehind(f)
	if i < len(lexs) {
		at = lexs[i].token
	}
	if e := p.mistyped(lexs, i, at, prev); e != nil {
		return e
	}
	next := token{}
	if i+1 < len(lexs) {
		next = lexs[i+1].token
	}
	if at.is("EMIT") && next.is("CHANGE") {
		return diag.From(mistypedEmit(next))
	}
	if e := p.foreignSyntax(at, prev); e != nil {
		return e
	}
	if prev.kind == tokWord && calledOnly(prev.word) && !at.is("(") {
		return p.reservedWord(prev)
	}
	if at.kind == tokWord && isReserved(at.word) {
		if !structural(at.word) || (at.is("GROUP") || at.is("ORDER")) && !next.is("BY") {
			return p.reservedWord(at)
		}
		if e := p.clauseOrder(lexs[:i], at); e != nil {
			return e
		}
	}
	return p.expectedAfter(at, prev)
}

// reservedWord is the error for a reserved word in the place of a name.
func (p *parser) reservedWord(t token) *diag.Error {
	return diag.New(diag.Syntax, t.span(), "syntax error at the reserved word `%s`", p.raw(t)).
		WithLabel("reserved").WithHint("to use it as a name, write it in %s", p.quoted(p.raw(t)))
}

// foreignSyntax knows what other dialects write at the place.
func (p *parser) foreignSyntax(at, prev token) *diag.Error {
	hint := ""
	switch _, isUnit := findUnit(at.word); {
	case at.is("TOP"), prev.is("TOP"):
		hint = "write LIMIT 10 at the end"
	case prev.is("LIMIT") && at.is("ALL"):
		hint = "leave it out: without LIMIT all rows are meant"
	case prev.is("DISTINCT") && at.is("ON"):
		hint = "FIRST_VALUE(x) or LAST_VALUE(x) with GROUP BY k takes one row of each k"
	case prev.is("BY") && at.is("ALL"):
		hint = "name the groups: GROUP BY a, b"
	case (at.is("~") || at.is("!")) && endsOperand(prev):
		hint = "write x REGEXP 'pattern', or x NOT REGEXP 'pattern'"
	case at.is("/") && prev.is("/"):
		hint = "write a DIV b for the whole part of a quotient"
	case at.is("SYMMETRIC"), prev.is("SYMMETRIC"):
		hint = "leave SYMMETRIC out, and write the lesser bound first"
	case prev.kind == tokNumber && isUnit:
		hint = "a length of time is written INTERVAL 5 MINUTE"
	default:
		return nil
	}
	return diag.New(diag.Syntax, at.span(), "syntax error at %s", p.describe(at)).WithHint("%s", hint)
}

// tokenBehind returns the token behind the last one that the parser saw: of the
// statement, which goes on behind an expression or with a clause of our own.
func (p *parser) tokenBehind(f *fragment) token {
	end := f.start
	if n := len(f.lexs); n > 0 {
		end = f.lexs[n-1].end
	}
	for _, t := range p.toks {
		if t.start >= end {
			return t
		}
	}
	return p.at(len(p.toks))
}

// mistyped looks for a keyword with a typing error at the place and in front of it.
func (p *parser) mistyped(lexs []lexeme, i int, at, prev token) *diag.Error {
	for _, t := range [...]token{prev, at} {
		if t.kind != tokWord || isReserved(t.word) || len(t.word) < 3 {
			continue
		}
		s := diag.Suggest(t.word, clauseWords)
		if s == "" || s == t.word {
			continue
		}
		if (s == "GROUP" || s == "ORDER") && !p.followedByBy(lexs, i, t) {
			continue
		}
		return diag.New(diag.Syntax, t.span(), "syntax error at `%s`", p.raw(t)).WithLabel("did you mean %s?", s)
	}
	return nil
}

func (p *parser) followedByBy(lexs []lexeme, i int, t token) bool {
	for ; i >= 0; i-- {
		if i < len(lexs) && lexs[i].start == t.start {
			return i+1 < len(lexs) && lexs[i+1].is("BY")
		}
	}
	return false
}

// clauses in the order in which they have to stand.
var clauses = [...]string{"SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT"}

func clauseRank(word string) int {
	for i, c := range clauses {
		if c == word {
			return i
		}
	}
	return -1
}

func (p *parser) clauseOrder(before []lexeme, at token) *diag.Error {
	rank, depth := clauseRank(at.word), 0
	if rank <= 0 {
		return nil
	}
	for _, l := range before {
		switch {
		case l.is("("):
			depth++
		case l.is(")"):
			depth--
		case depth == 0 && l.is(at.word):
			return diag.New(diag.Syntax, at.span(), "%s stands here twice", at.word).WithHint("a query has one %s", at.word)
		case depth == 0 && clauseRank(l.word) > rank:
			return diag.New(diag.Syntax, at.span(), "%s has to stand in front of %s", at.word, l.word).
				WithHint("the order is SELECT, FROM, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, EMIT")
		}
	}
	return nil
}

// expectedAfter says what the token in front of the place calls for.
func (p *parser) expectedAfter(at, prev token) *diag.Error {
	found := p.describe(at)
	what, hint := "", ""
	switch prev.word {
	case "SELECT", "WHERE", "HAVING", "BY", "CASE", "WHEN", "THEN", "ELSE", "BETWEEN", "AND", "OR", "NOT", "XOR", "IN", "LIKE",
		"(", "+", "-", "*", "/", "%", "DIV", "MOD", "=", "<", ">", "<=", ">=", "<>", "!=", "<=>", "&&", "!":
		what = "an expression behind " + spell(prev.word)
		if prev.is("IN") {
			what = "a list in parentheses behind IN"
		}
	case ",":
		what = "an expression behind `,`"
		if at.kind == tokWord && isReserved(at.word) || at.is(")") || at.kind == tokEnd {
			hint = "one comma too many?"
		}
	case "FROM":
		what = "the name of a stream, a view or a file"
		hint = "for example FROM bids, or FROM 'bids.jsonl'"
	case "GROUP", "ORDER":
		what = "BY behind " + prev.word
	case "IS":
		what = "NULL, TRUE or FALSE behind IS"
	case "AS", ".":
		what = "a name behind " + spell(prev.word)
	case "->", "->>":
		what = "a path in quotes behind " + spell(prev.word)
		hint = "for example doc->>'$.name'"
	case "LIMIT", "OFFSET":
		what = "a whole number behind " + prev.word
		if at.kind == tokNumber {
			hint = "it has no point and is below 2^63"
		}
	}
	if at.is("=") && prev.is("=") {
		hint = "one `=` compares"
	}
	if at.is("*") && prev.is("(") {
		hint = "a star stands in COUNT(*) alone"
	}
	if at.is("->") || at.is("->>") {
		hint = "it stands behind a column; elsewhere write JSON_EXTRACT(json, '$.name')"
	}
	if at.is("RETURNING") {
		hint = "write CAST(JSON_VALUE(doc, '$.n') AS BIGINT)"
	}
	if at.is("OFFSET") {
		hint = "OFFSET stands behind LIMIT: LIMIT 10 OFFSET 20"
	}
	if name := p.brokenName(at); name != "" && hint == "" {
		hint = name
	}
	e := diag.New(diag.Syntax, at.span(), "syntax error at %s", found)
	switch {
	case what != "":
		e = diag.New(diag.Syntax, at.span(), "expected %s, found %s", what, found)
	case at.kind == tokEnd:
		e = diag.New(diag.Syntax, at.span(), "the statement ends too early")
	}
	if hint != "" {
		e = e.WithHint("%s", strings.TrimSpace(hint))
	}
	return e
}
