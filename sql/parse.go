package sql

import (
	"fmt"
	"slices"
	"strings"

	tidb "github.com/pingcap/tidb/pkg/parser"

	"weir/sql/ast"
	"weir/sql/diag"
)

// Parse parses one or more statements separated by semicolons. Spans are byte
// offsets into text, the whole text. The error is always a *diag.Error; its span
// is zero only if the text as a whole is meant. A text without a statement gives
// none and no error.
func Parse(text string) (stmts []ast.Statement, err error) {
	return parseIn(text, dialectOf)
}

// parseIn parses in a dialect that the tokens of each statement tell.
func parseIn(text string, dialectOf func(toks []token) dialect) (stmts []ast.Statement, err error) {
	defer func() {
		if r := recover(); r != nil {
			stmts, err = nil, diag.New(diag.Internal, diag.Span{}, "the parser failed: %s", clip(fmt.Sprint(r)))
		}
	}()
	toks, err := scan(text)
	if err != nil {
		return nil, err
	}
	behind := newBehind()
	for len(toks) > 0 {
		n := 0
		for n < len(toks) && !toks[n].is(";") {
			n++
		}
		if n > 0 {
			if len(stmts) == statementsMax {
				return nil, tooLarge(toks[0].span(), "the text has more than %d statements", statementsMax)
			}
			p := &parser{text: text, toks: toks[:n], behind: behind}
			s, err := p.whole(dialectOf(toks[:n]))
			if err != nil {
				return nil, err
			}
			stmts = append(stmts, s)
		}
		toks = toks[min(n+1, len(toks)):]
	}
	return stmts, nil
}

// ParseOne parses exactly one statement; a semicolon behind it is fine. The
// error is always a *diag.Error.
func ParseOne(text string) (ast.Statement, error) {
	stmts, err := Parse(text)
	switch {
	case err != nil:
		return nil, err
	case len(stmts) == 0:
		return nil, diag.New(diag.Syntax, diag.Span{Start: len(text), End: len(text)}, "expected a statement, found nothing").
			WithHint("for example: SHOW STREAMS, or with `weir query` SELECT * FROM 'file.jsonl' LIMIT 10")
	case len(stmts) > 1:
		return nil, diag.New(diag.Syntax, stmts[1].Span(), "expected one statement, found %d", len(stmts)).
			WithLabel("the second one").WithHint("send them one by one")
	}
	return stmts[0], nil
}

// parser reads the tokens of one statement.
type parser struct {
	text     string
	toks     []token // without the semicolon; of a part of the statement those up to stop
	stop     token   // behind toks, where they are a part
	pos      int     // index of the next token
	rewrites []ast.Rewrite
	dialect  dialect
	behind   *tidb.Parser
	unions   int // UNIONs so far
	cteCount int // queries in WITH so far
	// retention is that of a window of ksqlDB, which belongs to the view.
	retention *ast.Option
	coreEnd   int // byte behind the SELECT read last, without ORDER BY and what follows it
}

// whole reads a statement in its dialect and checks that nothing is left.
func (p *parser) whole(d dialect) (ast.Statement, error) {
	if err := checkLimits(p.toks); err != nil {
		return nil, err
	}
	if err := p.setDialect(d); err != nil {
		return nil, err
	}
	s, err := p.statement()
	if err != nil {
		return nil, err
	}
	if !p.done() {
		return nil, p.expected("the end of the statement")
	}
	if r := p.retention; r != nil {
		return nil, unsupported(r.At, "a view keeps its windows: CREATE MATERIALIZED VIEW v WITH (retention = '"+r.Value.Text+"') AS …", "RETENTION in a query that is not kept is not supported")
	}
	return s, nil
}

// at returns token i of the statement, or the end.
func (p *parser) at(i int) token {
	if i >= 0 && i < len(p.toks) {
		return p.toks[i]
	}
	if p.stop.kind != tokEnd {
		return token{kind: tokEnd, start: p.stop.start, end: p.stop.end}
	}
	end := p.toks[len(p.toks)-1].end
	return token{kind: tokEnd, start: end, end: end}
}

func (p *parser) peek() token { return p.at(p.pos) }

func (p *parser) done() bool { return p.pos >= len(p.toks) }

// accept goes over the next tokens if they are these words or operators.
func (p *parser) accept(words ...string) bool {
	for i, w := range words {
		if !p.at(p.pos + i).is(w) {
			return false
		}
	}
	p.pos += len(words)
	return true
}

// expect goes over these words or operators or explains what is missing.
func (p *parser) expect(words ...string) error {
	for _, w := range words {
		if !p.accept(w) {
			e := p.expected(spell(w))
			if t := p.peek(); t.kind == tokWord && diag.Suggest(t.word, []string{w}) != "" {
				e = e.WithLabel("did you mean %s?", w)
			}
			return e
		}
	}
	return nil
}

func spell(word string) string {
	if word != "" && isWordByte(word[0]) {
		return word
	}
	return "`" + word + "`"
}

// expected returns the error that the next token is not what it has to be.
func (p *parser) expected(what string) *diag.Error {
	t := p.peek()
	e := diag.New(diag.Syntax, t.span(), "expected %s, found %s", what, p.describe(t))
	if hint := p.brokenName(t); hint != "" {
		return e.WithHint("%s", hint)
	}
	return e
}

// brokenName returns what to write where a name was cut in two: other systems have
// streams called clicks-raw and clicks.v1, which MySQL reads as three tokens.
func (p *parser) brokenName(at token) string {
	if !at.is("-") && !at.is(".") {
		return ""
	}
	first := slices.IndexFunc(p.toks, func(t token) bool { return t.start == at.start })
	glued := func(i int) bool {
		a, b := tokenAt(p.toks, i-1), tokenAt(p.toks, i)
		part := func(t token) bool { return t.kind == tokWord || t.kind == tokNumber || t.is("-") || t.is(".") }
		return i > 0 && i < len(p.toks) && part(a) && part(b) && a.end == b.start
	}
	last := first
	for ; glued(first); first-- {
	}
	for ; glued(last + 1); last++ {
	}
	if first < 0 || first == last || tokenAt(p.toks, first).kind != tokWord {
		return ""
	}
	return "a name with `" + at.word + "` in it stands in " + p.quoted(p.text[p.toks[first].start:p.toks[last].end])
}

// expectedOneOf is expected for keywords; it finds the mistyped one.
func (p *parser) expectedOneOf(words ...string) *diag.Error {
	what := words[0]
	if n := len(words); n > 1 {
		what = strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	e := p.expected(what)
	if t := p.peek(); t.kind == tokWord {
		first := make([]string, len(words))
		for i, w := range words {
			first[i], _, _ = strings.Cut(w, " ")
		}
		if w := diag.Suggest(t.word, first); w != "" {
			e = e.WithLabel("did you mean %s?", w)
		}
	}
	return e
}

// describe names a token for a message.
func (p *parser) describe(t token) string {
	if t.kind == tokEnd && t.start == t.end {
		return "the end of the statement"
	}
	return "`" + strings.ReplaceAll(clip(p.raw(t)), "\n", " ") + "`"
}

func (p *parser) raw(t token) string { return p.text[t.start:t.end] }

// name reads an identifier. what says what it names.
func (p *parser) name(what string) (ast.Name, error) {
	t := p.peek()
	if !t.isName() {
		e := p.expected(what)
		if t.kind == tokString {
			e = e.WithHint("a name stands bare or in back-quotes: `%s`", clip(stringOf(p.text, t)))
		}
		return ast.Name{}, e
	}
	if t.kind == tokWord && isReserved(t.word) {
		return ast.Name{}, p.reservedName(t, what)
	}
	p.pos++
	return ast.Name{Node: ast.Node{At: t.span()}, Text: nameOf(p.text, t)}, nil
}

func (p *parser) reservedName(t token, what string) *diag.Error {
	return diag.New(diag.Syntax, t.span(), "expected %s, found the reserved word %s", what, p.describe(t)).
		WithLabel("reserved").WithHint("to use it as a name, write it in %s", p.quoted(p.raw(t)))
}

// quoted says how a name is quoted in the dialect of the statement.
func (p *parser) quoted(name string) string {
	if p.dialect.quotes {
		return "double quotes: \"" + name + "\""
	}
	return "back-quotes: `" + name + "`"
}

// from returns the node that starts at token i and ends with the token read last.
func (p *parser) from(i int) ast.Node {
	return ast.Node{At: diag.Span{Start: p.at(i).start, End: p.at(p.pos - 1).end}}
}

// textOf returns the text of a node as the user typed it.
func (p *parser) textOf(n ast.Node) string { return p.text[n.At.Start:n.At.End] }
