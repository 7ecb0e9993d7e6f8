package sql

import (
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// dialect says how a statement reads what MySQL and the standard read differently.
//
//   - `"x"` is a text in MySQL and a name in the standard. It is a name where the
//     statement holds a construct that only dialects of the standard have (`::`,
//     FILTER, WITHIN GROUP, IS DISTINCT FROM, named arguments, …) and no name in
//     back-quotes; else a text.
//   - `a || b` is OR in MySQL and joins strings in the standard. It joins strings in
//     such a statement, and where one operand is a string that stands alone between
//     `||` and the borders of the expression, which nobody means as a condition.
//     Else it is refused, by the names of what to write: CONCAT and OR.
//   - A statement with an operator that only MySQL has (&&, <=>, DIV, XOR, REGEXP) is
//     MySQL's, whatever else it holds.
//
// Strings have MySQL's escapes in both.
type dialect struct {
	quotes bool   // "x" is a name
	pipes  bool   // a || b joins strings
	sign   string // the construct that says so, in upper case
	caret  string // the construct that makes a power of a ^ b, in some dialect that has it; or ""
}

// dialectOf looks through the tokens of a statement.
func dialectOf(toks []token) dialect {
	var d dialect
	backQuotes := false
	for i, t := range toks {
		switch {
		case t.is("&&"), t.is("<=>"), t.is("RLIKE"), t.is("REGEXP"), t.is("DIV") && !afterDot(toks, i), t.is("XOR") && !afterDot(toks, i):
			return dialect{}
		case t.kind == tokQuoted:
			backQuotes = true
		case standardOnly(toks, i):
			if d.sign == "" {
				d.sign = t.word
			}
			if d.caret == "" && !t.is("=>") && !t.is("DESCRIPTOR") && !t.is("GROUPING") { // of dialects without ^
				d.caret = t.word
			}
		}
	}
	if backQuotes {
		d.caret = ""
	}
	d.pipes = d.sign != ""
	d.quotes = d.pipes && !backQuotes
	for i := 0; !d.pipes && i < len(toks); i++ {
		if toks[i].is("||") && (bareString(toks, i-1) || bareString(toks, i+1)) {
			d.pipes, d.sign = true, "a string beside it"
		}
	}
	return d
}

// tokenAt returns token i, or the end.
func tokenAt(toks []token, i int) token {
	if i < 0 || i >= len(toks) {
		return token{kind: tokEnd}
	}
	return toks[i]
}

// standardOnly tells whether a construct starts at token i that MySQL does not have.
func standardOnly(toks []token, i int) bool {
	t, next, third := toks[i], tokenAt(toks, i+1), tokenAt(toks, i+2)
	if afterDot(toks, i) {
		return false
	}
	switch t.word {
	case "::", "=>":
		return true
	case "FILTER":
		return next.is("(") && third.is("WHERE")
	case "WITHIN":
		return next.is("GROUP") && third.is("(")
	case "IS":
		return next.is("DISTINCT") || next.is("NOT") && third.is("DISTINCT")
	case "AT":
		return next.is("TIME") && third.is("ZONE")
	case "TRY_CAST", "DESCRIPTOR", "CURSOR":
		return next.is("(")
	case "GROUPING":
		return next.is("SETS")
	case "FETCH":
		return next.is("FIRST") || next.is("NEXT")
	case "SELECT":
		return next.is("STREAM") && (third.kind == tokString || third.is("*") || third.is("DISTINCT") || third.kind == tokWord && !isReserved(third.word))
	case "STREAM", "PUMP", "INTO", "VIEW", "EXISTS": // IF [NOT] EXISTS, in front of a name
		return next.kind == tokString && next.quote == '"'
	case ".":
		prev := tokenAt(toks, i-1)
		return prev.kind == tokString && prev.quote == '"' || next.kind == tokString && next.quote == '"'
	}
	return false
}

// bareString tells whether token i is a text that is a whole operand of `||`: what
// stands around it are other `||` and what no operand can go on over.
func bareString(toks []token, i int) bool {
	t := tokenAt(toks, i)
	return t.kind == tokString && t.quote == '\'' && borders(tokenAt(toks, i-1), true) && borders(tokenAt(toks, i+1), false)
}

func borders(t token, front bool) bool {
	switch t.word {
	case "||", ",", "ELSE":
		return true
	case "(", "SELECT", "THEN", "DISTINCT", "BY", "STREAM":
		return front
	case ")", "AS", "FROM", "END", "WHEN", "GROUP", "ORDER", "HAVING", "LIMIT", "ASC", "DESC", "EMIT":
		return !front
	}
	return t.kind == tokEnd && !front
}

// setDialect reads the statement in its dialect: it makes names of what stands in
// double quotes.
func (p *parser) setDialect(d dialect) error {
	p.dialect = d
	if !d.quotes {
		return nil
	}
	for i, t := range p.toks {
		if t.kind != tokString || t.quote != '"' {
			continue
		}
		raw := p.raw(t)
		switch {
		case strings.Contains(raw, `\`):
			return unsupported(t.span(), "write '…' for a text, `…` for a name", "a backslash in double quotes, which are around names where `%s` is written, is not supported", d.sign)
		case len(raw) == 2:
			return diag.New(diag.Syntax, t.span(), "an empty name").WithHint("double quotes are around names where `%s` is written; an empty text is ''", d.sign)
		}
		p.toks[i].kind = tokQuoted
		p.rewrites = append(p.rewrites, ast.Rewrite{Node: ast.Node{At: t.span()}, From: raw, To: raw,
			Why: "double quotes are around names where " + spell(d.sign) + " is written"})
	}
	return nil
}

// pipes reads a || b in a statement where it joins strings, or refuses it.
func (pp *prepass) pipes() error {
	t := pp.peek()
	if !pp.dialect.pipes {
		return unsupported(t.span(), "write CONCAT(a, b) to join strings, OR for the logical or", "`||` means different things in different dialects, so it is not supported")
	}
	pp.note(t.span(), "||", "it joins strings, as "+spell(pp.dialect.sign)+" says")
	pp.keep(lexeme{token: t})
	return nil
}

// mixedPipes refuses `||` as an operand of arithmetic, which some dialects group one
// way and some the other.
func (w *walker) mixedPipes(at diag.Span) {
	w.fail(unsupported(at, "put parentheses around what belongs together", "`||` beside another operator means different things in different dialects, so it is not supported"))
}
