package sql

import (
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// role tells the walker what a lexeme stands for, where it is not simply a token.
type role uint8

const (
	plain        role = iota
	ready             // marker: an expression that the pre-pass has read
	relation          // what stands behind FROM: a marker, or a name and its alias
	castName          // CAST, read as a generic function
	castType          // marker: the type of a CAST
	castSuffix        // `::TYPE`, which the parser does not see
	arrowSuffix       // `->'path'` or `->>'path'`, which it does not see
	clauseInCall      // what stands in a call and is no argument, unseen
	clauseBehind      // what stands behind a call, unseen
	notSame           // IS DISTINCT FROM, read as <=>
	timeZone          // AT TIME ZONE '…', unseen
	ignoreCase        // ILIKE, read as LIKE
	soundsLike        // SOUNDS LIKE, read as LIKE
	similarTo         // SIMILAR TO, read as LIKE
)

// lexeme is a token as the parser behind reads it.
type lexeme struct {
	token
	role role
	out  string     // what the parser reads in its place, not longer; "" is the token itself
	expr ast.Expr   // of ready, arrowSuffix, and timeZone but for UTC
	rel  *ast.Table // of the first lexeme of a relation
	typ  types.Type
	// try is set for a cast whose failures are expected.
	try    bool
	clause callClause
}

// hidden tells whether the parser does not see the lexeme.
func (l lexeme) hidden() bool {
	switch l.role {
	case castSuffix, arrowSuffix, clauseInCall, clauseBehind, timeZone:
		return true
	}
	return false
}

// fragment is a run of tokens on its way to the parser.
type fragment struct {
	text   string
	start  int // byte of the text where the fragment begins
	end    int
	lexs   []lexeme
	tail   tail
	with   *ast.GroupingSets // of GROUP BY … WITH ROLLUP, still without its sets
	unseen int               // byte behind the last clause in front of ORDER BY that the parser does not see
	groups []ast.Expr        // what a clause behind FROM adds to GROUP BY
}

// tail is what stands behind a query and never reaches the parser.
type tail struct {
	emit *ast.Emit
	fill *ast.Fill
	with []ast.Option
	span diag.Span // of all of it
}

// rewritten is the fragment as the parser reads it: as long as the original, each
// token at its own place, spaces everywhere else.
func (f *fragment) rewritten() string {
	out := []byte(strings.Repeat(" ", f.end-f.start))
	for _, l := range f.lexs {
		switch {
		case l.hidden():
		case l.out != "":
			copy(out[l.start-f.start:l.end-f.start], l.out)
		default:
			copy(out[l.start-f.start:], f.text[l.start:l.end])
		}
	}
	return string(out)
}

// marker is an invented name of n bytes; `$` keeps it apart from what people type,
// and the walker knows it by its place, not by its name.
func marker(letter byte, n int) string {
	return "$" + string([]byte{letter}) + strings.Repeat("_", max(n-2, 0))
}

// prepass rewrites tokens.
type prepass struct {
	*parser
	first int // tokens in front of it belong to somebody else
	end   int // tokens at and behind it belong to somebody else
	query bool
	depth int
	from  int // index of the FROM at depth 0, or -1
	frag  *fragment
	order bool // ORDER BY at depth 0 has begun
	// unseen is set behind a clause that the parser behind does not see: what goes on
	// there would belong to what stands in front of the clause.
	unseen bool
	grace  *ast.Interval // GRACE PERIOD of a window behind FROM
	// planned is what happens at a token, by its index.
	planned map[int]func() error
}

// at returns token i, if it belongs to the fragment.
func (pp *prepass) at(i int) token {
	if i < pp.first {
		return token{kind: tokEnd}
	}
	t := pp.parser.at(min(i, pp.end))
	if i >= pp.end {
		t.kind, t.word = tokEnd, ""
	}
	return t
}

// fragment rewrites the tokens from the next up to end. query is false for a bare
// expression. It leaves p.pos at end.
func (p *parser) fragment(end int, query bool) (*fragment, error) {
	pp := &prepass{parser: p, first: p.pos, end: end, query: query, from: -1}
	if query && !p.peek().is("SELECT") { // the clauses behind a query in parentheses
		pp.from = p.pos
	}
	pp.frag = &fragment{text: p.text, start: p.at(p.pos).start, end: p.at(end - 1).end}
	for p.pos < end {
		if err := pp.quotedCall(); err != nil {
			return nil, err
		}
		if err := pp.refuse(); err != nil {
			return nil, err
		}
		if pp.unseen && !pp.clauseAhead() {
			return nil, pp.explainSyntax(pp.ahead(), pp.peek().start)
		}
		pp.unseen = false
		if err := pp.step(); err != nil {
			return nil, err
		}
	}
	return pp.frag, pp.graceClause()
}

// clauseAhead tells whether a clause begins at the next token.
func (pp *prepass) clauseAhead() bool {
	switch t := pp.peek(); t.word {
	case "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "WINDOWED":
		return t.kind == tokWord
	case "WITH":
		return pp.at(pp.pos+1).is("(") || pp.at(pp.pos+1).is("ROLLUP")
	}
	return pp.atTail()
}

// step rewrites what starts at the next token.
func (pp *prepass) step() error {
	t, next := pp.peek(), pp.at(pp.pos+1)
	if afterDot(pp.toks, pp.pos) { // a column may be called anything
		pp.keep(lexeme{token: t})
		return nil
	}
	if f := pp.planned[pp.pos]; f != nil {
		return f()
	}
	switch {
	case isOwnCall(t, next), pp.atEpochFloor(), pp.atSystemTime():
		return pp.ownCall()
	case pp.depth > 0 || !pp.query:
	case t.kind == tokWord && t.is("STREAM") && pp.streamWord():
		pp.note(t.span(), strings.Repeat(" ", t.end-t.start), "SELECT STREAM: every query over a stream streams")
		pp.pos++
		return nil
	case t.is("WINDOWED") && next.is("BY"):
		return pp.windowedBy()
	case t.is("WITH") && next.is("ROLLUP"):
		return pp.withRollup()
	case t.is("ORDER") && next.is("BY"):
		pp.order = true
	case t.is("FROM") && pp.from < 0:
		return pp.fromClause()
	case pp.atTail():
		return pp.readTail()
	}
	return pp.exprToken()
}

// keep passes a lexeme on and goes over its token.
func (pp *prepass) keep(l lexeme) {
	switch {
	case l.is("("):
		pp.depth++
	case l.is(")"):
		pp.depth--
	}
	pp.frag.lexs = append(pp.frag.lexs, l)
	pp.pos++
}

// rewrite passes a changed lexeme on and notes it.
func (pp *prepass) rewrite(l lexeme, why string) {
	pp.frag.lexs = append(pp.frag.lexs, l)
	to := l.out + strings.Repeat(" ", l.end-l.start-len(l.out))
	pp.note(l.span(), to, why)
}

func (pp *prepass) note(at diag.Span, to, why string) {
	pp.rewrites = append(pp.rewrites, ast.Rewrite{Node: ast.Node{At: at}, From: pp.text[at.Start:at.End], To: to, Why: why})
}

// streamWord tells whether STREAM right behind SELECT is the keyword: something
// selectable follows, and not what would follow a column of that name.
func (pp *prepass) streamWord() bool {
	if !pp.at(pp.pos - 1).is("SELECT") {
		return false
	}
	next := pp.at(pp.pos + 1)
	switch next.kind {
	case tokString, tokNumber, tokBytes, tokQuoted:
		return true
	case tokWord:
		return !isReserved(next.word) || selectable(next.word, pp.at(pp.pos+2))
	}
	if next.is("!") || next.is("~") || next.is("(") {
		return true
	}
	after := pp.at(pp.pos + 2)
	return next.is("*") && (after.is("FROM") || after.is(",") || after.kind == tokEnd)
}

// selectable tells whether a reserved word starts an expression, and does not
// continue one: stream NOT IN (…) does.
func selectable(word string, next token) bool {
	switch word {
	case "CASE", "NULL", "TRUE", "FALSE", "CURRENT_TIMESTAMP", "CURRENT_DATE", "DISTINCT", "INTERVAL", "LOCALTIME", "LOCALTIMESTAMP", "UTC_TIMESTAMP":
		return true
	case "NOT":
		return !next.is("IN") && !next.is("LIKE") && !next.is("BETWEEN") && !next.is("REGEXP") && !next.is("RLIKE")
	case "IF", "LEFT", "RIGHT", "REPLACE", "REPEAT":
		return next.is("(")
	}
	return nativeSyntax(word) && next.is("(")
}
