package sql

import (
	"strconv"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

const whyCast = "CAST to a type that MySQL's CAST does not know"

// exprToken rewrites what starts at the next token, wherever expressions stand.
func (pp *prepass) exprToken() error {
	t, next := pp.peek(), pp.at(pp.pos+1)
	switch {
	case t.is("INTERVAL"):
		return pp.intervalMarker()
	case t.is("::"):
		return pp.suffixCast()
	case t.is("||"):
		return pp.pipes()
	case t.kind == tokNumber && strings.HasSuffix(pp.raw(t), "."):
		pp.rewrite(lexeme{token: t, out: strings.TrimSuffix(pp.raw(t), ".")}, "behind a point the parser takes every word for a name")
		pp.pos++
		return nil
	case t.is("->"), t.is("->>"):
		return pp.arrow()
	case t.is("IS"):
		return pp.isDistinct()
	case t.is("AT") && next.is("TIME"):
		return pp.atTimeZone()
	case (t.is("ILIKE") || t.is("SOUNDS") && next.is("LIKE") || t.is("SIMILAR") && next.is("TO")) && (endsOperand(pp.at(pp.pos-1)) || pp.at(pp.pos-1).is("NOT") || pp.at(pp.pos-1).is("END")):
		pp.likeWord()
		return nil
	case t.kind == tokWord && next.kind == tokString && next.start == t.end && plainPrefix(t.word):
		pp.pos++
		pp.blank(pp.pos-1, "text is UTF-8 anyway")
		return nil
	case (t.is("DATETIME") || t.is("TIME") || t.is("DATE") || t.is("TIMESTAMP") || t.is("TIMESTAMPTZ")) && next.kind == tokString:
		return pp.timeLiteral()
	case t.is("NULLS") && (next.is("FIRST") || next.is("LAST")) && pp.order && pp.depth == 0:
		first := pp.pos
		if err := pp.nullsOrder(pp.at(pp.pos - 1).is("DESC")); err != nil {
			return err
		}
		pp.blank(first, "NULL is the least value")
		pp.unseen = !pp.peek().is(",")
		return nil
	case t.kind == tokWord && (pp.at(pp.pos-1).is(")") || pp.behindClause()):
		if ok, err := pp.behindCall(); ok || err != nil {
			return err
		}
	}
	if t.isName() && next.is("(") && callable(t.word) {
		return pp.call()
	}
	pp.keep(lexeme{token: t})
	return nil
}

// behindClause tells whether a clause behind a call ends in front of the next token.
func (pp *prepass) behindClause() bool {
	n := len(pp.frag.lexs)
	return n > 0 && pp.frag.lexs[n-1].role == clauseBehind && pp.frag.lexs[n-1].end == pp.at(pp.pos-1).end
}

// cast reads CAST(x AS type), TRY_CAST(x AS type), which BigQuery calls SAFE_CAST,
// CONVERT(x, type) and CONVERT(x USING utf8mb4), which are functions of two arguments to the parser.
func (pp *prepass) cast(open, end int) error {
	t := pp.peek()
	word := "AS"
	if t.is("CONVERT") {
		word = ","
		if i, ok := pp.wordIn(open, end, "USING"); ok {
			pp.plan(i, func() error { return pp.castUsing(end) })
			word = ""
		}
	}
	if word != "" {
		i, ok := pp.wordIn(open, end, word)
		switch {
		case !ok && word == ",":
			return diag.New(diag.Syntax, t.span(), "CONVERT without a type").WithHint("write CONVERT(x, CHAR) or CAST(x AS VARCHAR)")
		case !ok:
			return diag.New(diag.Syntax, t.span(), "%s without AS", t.word).WithHint("write %s(x AS BIGINT)", t.word)
		}
		pp.plan(i, func() error { return pp.castType(end) })
	}
	pp.rewrite(lexeme{token: t, role: castName, out: anyCall(pp.text, t), try: t.is("TRY_CAST") || t.is("SAFE_CAST")}, whyCast)
	pp.pos++
	return nil
}

// castType reads AS type or `, type` at the end of a cast.
func (pp *prepass) castType(end int) error {
	as := pp.peek()
	pp.pos++
	first := pp.pos
	typ, err := pp.dataType(true)
	if err != nil {
		return err
	}
	if pp.pos != end {
		return pp.expected("`)`")
	}
	pp.castMarker(as, first, typ)
	return nil
}

// castUsing reads USING utf8mb4: the value as text.
func (pp *prepass) castUsing(end int) error {
	using := pp.peek()
	pp.pos++
	first := pp.pos
	if err := utf8Charset(pp.parser); err != nil {
		return err
	}
	if pp.pos != end {
		return pp.expected("`)`")
	}
	pp.castMarker(using, first, types.VarcharType)
	return nil
}

// castMarker puts a comma in the place of a word, and a marker in that of the type
// behind it, which begins at token first.
func (pp *prepass) castMarker(as token, first int, typ types.Type) {
	t := markerToken(pp.at(first).start, pp.at(pp.pos-1).end)
	comma := lexeme{token: token{kind: tokOp, word: ",", start: as.start, end: as.end}, out: ","}
	if as.is(",") {
		pp.frag.lexs = append(pp.frag.lexs, comma)
	} else {
		pp.rewrite(comma, whyCast)
	}
	pp.rewrite(lexeme{token: t, role: castType, out: marker('c', t.end-t.start), typ: typ}, whyCast)
}

func (pp *prepass) suffixCast() error {
	first := pp.peek()
	pp.pos++
	typ, err := pp.dataType(true)
	if err != nil {
		return err
	}
	t := token{kind: tokOp, word: "::", start: first.start, end: pp.at(pp.pos - 1).end}
	l := lexeme{token: t, role: castSuffix, typ: typ}
	pp.rewrite(l, "a cast in PostgreSQL's spelling")
	return nil
}

// arrow reads -> and ->> with what stands behind it: a path of MySQL, or a key or
// an index in PostgreSQL's spelling.
func (pp *prepass) arrow() error {
	first, op := pp.pos, pp.peek()
	pp.pos++
	v := pp.peek()
	path := &ast.Literal{Node: ast.Node{At: v.span()}, Kind: ast.StringLiteral, Quote: '\''}
	switch v.kind {
	case tokString:
		path.Text = stringOf(pp.text, v)
		if !strings.HasPrefix(strings.TrimSpace(path.Text), "$") {
			path.Text = "$." + strconv.Quote(path.Text)
		}
	case tokNumber:
		if numberKind(pp.raw(v)) != ast.IntLiteral {
			return pp.expected("a path in quotes behind " + spell(op.word))
		}
		path.Text = "$[" + pp.raw(v) + "]"
	default:
		return pp.expected("a path in quotes behind " + spell(op.word)).WithHint("for example doc->>'$.name'; of a path that is computed write JSON_EXTRACT(doc, path)")
	}
	pp.pos++
	at := pp.blank(first, "a path behind any expression")
	pp.frag.lexs = append(pp.frag.lexs, lexeme{token: token{kind: tokOp, word: op.word, start: at.Start, end: at.End}, role: arrowSuffix, expr: path})
	return nil
}

// isDistinct reads IS [NOT] DISTINCT FROM as <=>, and leaves every other IS as it is.
func (pp *prepass) isDistinct() error {
	first, negated := pp.pos, true
	switch {
	case pp.accept("IS", "DISTINCT", "FROM"):
	case pp.accept("IS", "NOT", "DISTINCT", "FROM"):
		negated = false
	default:
		pp.keep(lexeme{token: pp.peek()})
		return nil
	}
	at := pp.spanFrom(first)
	l := lexeme{token: token{kind: tokOp, word: "<=>", start: at.Start, end: at.End}, out: "<=>"}
	if negated {
		l.role = notSame
	}
	pp.rewrite(l, "the standard's spelling of <=>, or of its opposite")
	return nil
}

// atTimeZone reads AT TIME ZONE 'zone': what the clock of the zone shows at a time,
// which is UTC. So 'UTC' changes nothing.
func (pp *prepass) atTimeZone() error {
	first := pp.pos
	pp.pos++
	if err := pp.expect("TIME", "ZONE"); err != nil {
		return err
	}
	z := pp.peek()
	if z.kind != tokString {
		return pp.expected("a time zone in quotes").WithHint("for example ts AT TIME ZONE 'Europe/Berlin'")
	}
	zone := &ast.Literal{Node: ast.Node{At: z.span()}, Kind: ast.StringLiteral, Text: stringOf(pp.text, z), Quote: '\''}
	l := lexeme{role: timeZone}
	why := "times are UTC"
	switch strings.ToUpper(zone.Text) {
	case "UTC", "GMT", "Z", "ETC/UTC", "+00:00", "+00":
	default:
		why = "what the clock of a zone shows: CONVERT_TZ(…, 'UTC', zone)"
		l.expr = zone
	}
	if n := len(pp.frag.lexs); n > 0 && pp.frag.lexs[n-1].role == timeZone && pp.frag.lexs[n-1].expr != nil {
		return unsupported(pp.at(first).span().Join(z.span()),
			"CONVERT_TZ(ts, 'Europe/Berlin', 'UTC') reads a time as the clock of a zone shows it",
			"AT TIME ZONE of what AT TIME ZONE gives is not supported: it is no time in UTC")
	}
	pp.pos++
	at := pp.blank(first, why)
	l.token = markerToken(at.Start, at.End)
	pp.frag.lexs = append(pp.frag.lexs, l)
	return nil
}

// likeWord reads ILIKE, SOUNDS LIKE and SIMILAR TO, which are LIKE to the parser.
func (pp *prepass) likeWord() {
	first, l := pp.pos, lexeme{role: ignoreCase, out: "LIKE"}
	why := "LIKE of what LOWER makes of both sides"
	switch {
	case pp.peek().is("SOUNDS"):
		l.role, why = soundsLike, "SOUNDEX(x) = SOUNDEX(y)"
		pp.pos++
	case pp.peek().is("SIMILAR"):
		l.role, why = similarTo, "REGEXP_LIKE of what the pattern is as a regular expression"
		pp.pos++
	}
	pp.pos++
	at := pp.spanFrom(first)
	l.token = token{kind: tokWord, word: "LIKE", start: at.Start, end: at.End}
	pp.rewrite(l, why)
}

// plainPrefix tells whether a prefix of a string says nothing: N'x', _utf8mb4'x', and
// PostgreSQL's E'x', whose escapes are MySQL's.
func plainPrefix(word string) bool {
	switch word {
	case "N", "E", "_UTF8", "_UTF8MB3", "_UTF8MB4", "_ASCII":
		return true
	}
	return false
}

// spellsTime tells whether a cast of the text to the type of a time succeeds.
func spellsTime(text string, t types.Type) bool {
	_, ok := types.ParseDatetime(text)
	if !ok && t.Kind == types.Time {
		_, ok = types.ParseTime(text)
	} else if !ok {
		_, ok = types.ParseDate(text)
	}
	return ok
}

// timeLiteral reads DATE '…', TIME '…', and TIMESTAMP '…' with its kin as a cast of
// the string. MySQL's parser takes DATETIME '…' for a column and its alias.
func (pp *prepass) timeLiteral() error {
	first, t := pp.pos, pp.peek()
	pp.pos++
	x := pp.stringLiteral()
	precision := 0
	_, frac, _ := strings.Cut(x.Text, ".")
	for precision < 6 && precision < len(frac) && isDigit(frac[precision]) {
		precision++
	}
	e := &ast.Cast{Node: pp.parser.from(first), X: x, Type: types.DatetimeType(precision)}
	switch t.word {
	case "DATE":
		e.Type = types.DateType
	case "TIME":
		e.Type = types.TimeType(precision)
	}
	if !spellsTime(strings.Trim(x.Text, " \t\n\v\f\r"), e.Type) {
		return diag.New(diag.BadLiteral, x.At, "'%s' is not a %s", clip(x.Text), e.Type).
			WithHint("write for example DATE '2026-11-20', TIME '10:00:00' or TIMESTAMP '2026-11-20 10:00:00'")
	}
	m := markerToken(e.At.Start, e.At.End)
	pp.rewrite(lexeme{token: m, role: ready, out: marker('t', m.end-m.start), expr: e}, "a literal of a time")
	return nil
}
