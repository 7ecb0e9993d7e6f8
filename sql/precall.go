package sql

import (
	"strings"
	"unicode/utf8"

	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// callClause is what stands in or behind the parentheses of a call and is no
// argument. The parser behind does not see it; the walker adds it to the call.
type callClause struct {
	distinct    bool
	ignoreNulls bool
	within      bool // order stood in WITHIN GROUP
	order       []ast.Order
	separator   *ast.Literal
	filter      ast.Expr
	returning   types.Type // of JSON_VALUE
}

// The reasons that EXPLAIN REWRITE gives.
const (
	whyQuoted   = "the name of a function means the same with and without quotes"
	whyNative   = "the parser has a syntax of its own for this function"
	whyUnit     = "a unit of time is a word here, not a column"
	whyComma    = "the parser wants a comma between arguments"
	whyInCall   = "a clause inside of a call"
	whyPostfix  = "a clause behind a call"
	whyInterval = "an interval is a value here, and MySQL has none"
)

// callable tells whether a word in front of a parenthesis is the name of a
// function, and not a keyword such as IN.
func callable(word string) bool {
	switch word {
	case "MOD", "IF", "LEFT", "RIGHT", "REPEAT", "REPLACE", "DATABASE", "SCHEMA":
		return true
	}
	return !isReserved(word) || nativeSyntax(word)
}

// nativeSyntax lists functions for which the parser has its own grammar, or which
// are reserved words to it. With another first letter they are functions like any
// other, and all alike.
func nativeSyntax(word string) bool {
	switch word {
	case "DATE_ADD", "DATE_SUB", "ADDDATE", "SUBDATE", "TIMESTAMPADD", "TIMESTAMPDIFF", "EXTRACT", "POSITION", "TRIM",
		"CHAR", "INSERT", "CONVERT", "CURTIME", "SYSDATE", "TRANSLATE", "WEIGHT_STRING",
		"GROUP_CONCAT", "HISTOGRAM", "GROUPING", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE", "LAG", "LEAD",
		"ROW_NUMBER", "RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST", "NTILE":
		return true
	}
	return false
}

// call reads the head of a call, finds the words that separate its arguments and
// the clauses that stand among them, and plans what becomes of each.
func (pp *prepass) call() error {
	t, open := pp.peek(), pp.pos+1
	end := pp.closeOf(open)
	if end < 0 {
		pp.keepCall(t)
		return nil
	}
	generic := nativeSyntax(t.word)
	switch t.word {
	case "INTERVAL":
		generic = true
	case "CONCAT":
		generic = pp.dialect.pipes // the parser makes of || a function of that name
	case "CAST", "TRY_CAST", "SAFE_CAST", "CONVERT":
		return pp.cast(open, end)
	case "MOD":
		if _, generic = pp.wordIn(open, end, ","); !generic { // the operator: a MOD (b)
			pp.keepCall(t)
			return nil
		}
	case "EXTRACT":
		if pp.at(open + 2).is("FROM") {
			if err := pp.planUnit(open+1, extractUnits); err != nil {
				return err
			}
			pp.planComma(open + 2)
		}
	case "TRIM":
		pp.planTrim(open, end)
	case "POSITION":
		if i, ok := pp.wordIn(open, end, "IN"); ok {
			pp.planComma(i)
		}
	case "FLOOR", "CEIL", "CEILING":
		if i, ok := pp.wordIn(open, end, "TO"); ok && i+2 == end {
			if err := pp.planUnit(i+1, calendarUnits); err != nil {
				return err
			}
			pp.planComma(i)
		}
	case "TIMESTAMPADD", "TIMESTAMPDIFF", "DATEADD", "DATE_TRUNC", "DATE_PART":
		if pp.at(open+1).kind == tokWord && pp.at(open+2).is(",") {
			known := simpleUnits
			switch t.word {
			case "DATE_TRUNC":
				known = calendarUnits
			case "DATE_PART":
				known = extractUnits
			}
			if err := pp.planUnit(open+1, known); err != nil {
				return err
			}
		}
	case "CHAR":
		if i, ok := pp.wordIn(open, end, "USING"); ok {
			pp.plan(i, func() error { return pp.charset(end) })
		}
	}
	special, err := pp.planClauses(t, open, end)
	if err != nil {
		return err
	}
	if generic || special {
		pp.generic(t)
		return nil
	}
	pp.keepCall(t)
	return nil
}

// quotedCall looks for a function whose name stands in quotes. It means the function
// that it means without them, so the token gets the word that is in it.
func (pp *prepass) quotedCall() error {
	t := pp.peek()
	if t.kind != tokQuoted || !pp.at(pp.pos+1).is("(") || afterDot(pp.toks, pp.pos) {
		return nil
	}
	name := nameOf(pp.text, t)
	switch word := upper(name); {
	case !isWord(name):
	case !callable(word):
		return unsupported(t.span(), "write "+word+"(…)", "a reserved word in quotes is no function")
	default:
		pp.toks[pp.pos].word = word
	}
	return nil
}

// keepCall passes the name of a function on, without its quotes.
func (pp *prepass) keepCall(t token) {
	if t.kind == tokQuoted && t.word != "" {
		pp.rewrite(lexeme{token: t, out: nameOf(pp.text, t)}, whyQuoted)
		pp.pos++
		return
	}
	pp.keep(lexeme{token: t})
}

// generic passes the name of a function on so that it is like any other to the parser.
func (pp *prepass) generic(t token) {
	if t.word == "" { // quoted, and no word of any grammar
		pp.keep(lexeme{token: t})
		return
	}
	pp.rewrite(lexeme{token: t, out: anyCall(pp.text, t)}, whyNative)
	pp.pos++
}

// anyCall is the name of a function with another first letter.
func anyCall(text string, t token) string {
	_, n := utf8.DecodeRuneInString(nameOf(text, t))
	return "$" + nameOf(text, t)[n:]
}

// plan says what happens at token i, when the pre-pass comes there.
func (pp *prepass) plan(i int, f func() error) {
	if pp.planned == nil {
		pp.planned = map[int]func() error{}
	}
	pp.planned[i] = f
}

// planComma turns a word between two arguments into a comma.
func (pp *prepass) planComma(i int) {
	pp.plan(i, func() error {
		t := pp.at(i)
		pp.rewrite(lexeme{token: token{kind: tokOp, word: ",", start: t.start, end: t.end}, out: ","}, whyComma)
		pp.pos++
		return nil
	})
}

// planUnit turns a unit of time into a string. known tells which units there are.
func (pp *prepass) planUnit(i int, known func(word string) (string, bool)) error {
	t := pp.at(i)
	unit, ok := known(t.word)
	if !ok {
		e := diag.New(diag.Syntax, t.span(), "unknown unit `%s`", pp.raw(t)).WithHint("the units are SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER, YEAR and their kin")
		if s := diag.Suggest(t.word, unitNames()); s != "" {
			e = e.WithLabel("did you mean %s?", s)
		}
		return e
	}
	pp.plan(i, func() error {
		lit := &ast.Literal{Node: ast.Node{At: t.span()}, Kind: ast.StringLiteral, Text: unit, Quote: '\''}
		pp.rewrite(lexeme{token: markerToken(t.start, t.end), role: ready, out: "$" + pp.raw(t)[1:], expr: lit}, whyUnit)
		pp.pos++
		return nil
	})
	return nil
}

// planTrim reads TRIM([LEADING | TRAILING | BOTH] [part] FROM text).
func (pp *prepass) planTrim(open, end int) {
	from, ok := pp.wordIn(open, end, "FROM")
	if !ok {
		return
	}
	pp.planComma(from)
	side := pp.at(open + 1)
	if !side.is("LEADING") && !side.is("TRAILING") && !side.is("BOTH") {
		return
	}
	pp.plan(open+1, func() error {
		lit := &ast.Literal{Node: ast.Node{At: side.span()}, Kind: ast.StringLiteral, Text: side.word, Quote: '\''}
		l := lexeme{token: markerToken(side.start, side.end), role: ready, out: "$" + side.word[1:], expr: lit}
		if open+2 == from {
			pp.rewrite(l, whyNative)
			pp.pos++
			return nil
		}
		l.out = "$__"
		pp.note(side.span(), "$__,"+strings.Repeat(" ", len(side.word)-4), whyNative)
		pp.frag.lexs = append(pp.frag.lexs, l, lexeme{token: token{kind: tokOp, word: ",", start: side.start + 3, end: side.end}, out: ","})
		pp.pos++
		return nil
	})
}

// charset goes over USING name at the end of a call: text is UTF-8.
func (pp *prepass) charset(end int) error {
	first := pp.pos
	pp.pos++
	if err := utf8Charset(pp.parser); err != nil {
		return err
	}
	if pp.pos != end {
		return pp.expected("`)`")
	}
	pp.blank(first, whyInCall)
	return nil
}

// utf8Charset reads the name of a character set, of which there is one.
func utf8Charset(p *parser) error {
	t := p.peek()
	switch strings.ToUpper(strings.Trim(p.raw(t), "`'")) {
	case "UTF8", "UTF8MB3", "UTF8MB4", "ASCII":
		p.pos++
		return nil
	}
	return unsupported(t.span(), "text is UTF-8: write utf8mb4", "the character set %s is not supported", p.describe(t))
}

// blank notes that the parser sees nothing of the tokens from first to the next.
func (pp *prepass) blank(first int, why string) diag.Span {
	at := pp.spanFrom(first)
	pp.note(at, strings.Repeat(" ", at.End-at.Start), why)
	return at
}

// closeOf returns the index of the parenthesis that closes the one at open, or -1.
func (pp *prepass) closeOf(open int) int {
	depth := 0
	for i := open; i < pp.end; i++ {
		switch t := pp.at(i); {
		case t.is("("):
			depth++
		case t.is(")"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// wordIn finds a bare word or an operator directly inside of the parentheses.
func (pp *prepass) wordIn(open, end int, word string) (int, bool) {
	depth := 0
	for i := open; i < end; i++ {
		switch t := pp.at(i); {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth == 1 && t.is(word) && !afterDot(pp.toks, i):
			return i, true
		}
	}
	return 0, false
}

func markerToken(start, end int) token { return token{kind: tokMarker, start: start, end: end} }
