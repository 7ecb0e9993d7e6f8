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
	case "CAST", "TRY_CAST", "CONVERT":
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
		if t.is(",") || t.is("ASC") || t.is("DESC") || last > first && (t.is("NULLS") && !pp.at(last-1).is("IGNORE") && !pp.at(last-1).is("RESPECT") || pp.beginsClause(token{}, last)) {
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
