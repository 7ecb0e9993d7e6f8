package sql

import (
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// emit returns the tail's Emit, which covers the clause that starts at token first.
func (pp *prepass) emit(first int) *ast.Emit {
	at := pp.spanFrom(first)
	e := pp.frag.tail.emit
	if e == nil {
		e = &ast.Emit{}
		pp.frag.tail.emit = e
	}
	e.At = e.At.Join(at)
	return e
}

// emitClause reads EMIT in any of its spellings.
func (pp *prepass) emitClause() error {
	first := pp.pos
	pp.pos++
	stream := pp.peek().is("STREAM")
	if stream {
		pp.pos++
	}
	for _, spelling := range [...]struct {
		mode  ast.EmitMode
		words []string
	}{
		{ast.EmitOnWindowClose, []string{"ON", "WINDOW", "CLOSE"}},
		{ast.EmitOnWindowClose, []string{"AFTER", "WINDOW", "CLOSE"}},
		{ast.EmitOnWindowClose, []string{"AFTER", "WATERMARK"}},
		{ast.EmitOnWindowClose, []string{"FINAL"}},
		{ast.EmitChanges, []string{"CHANGES"}},
		{ast.EmitChanges, []string{"CHANGELOG"}},
		{ast.EmitOnUpdate, []string{"ON", "UPDATE"}},
		{ast.EmitEvery, []string{"EVERY"}},
		{ast.EmitEvery, []string{"PERIODIC"}},
	} {
		if pp.accept(spelling.words...) {
			return pp.emitMode(first, spelling.mode)
		}
	}
	if stream && pp.pos >= pp.end { // EMIT STREAM alone is a stream of changes
		pp.emit(first).Mode = ast.EmitChanges
		return nil
	}
	return pp.badEmit(first)
}

// emitMode reads what belongs to a mode.
func (pp *prepass) emitMode(first int, mode ast.EmitMode) error {
	var every, delay *ast.Interval
	var err error
	switch {
	case mode == ast.EmitEvery:
		if every, err = pp.positive("the time between two results"); err != nil {
			return err
		}
	case mode == ast.EmitOnWindowClose && (pp.accept("WITH", "DELAY") || pp.accept("AND", "DELAY")):
		if delay, err = pp.notNegative("the delay"); err != nil {
			return err
		}
	}
	if t, next := pp.peek(), pp.parser.at(pp.pos+1); t.is("WITH") && next.is("BATCH") || t.is("REPEAT") || t.is("TIMEOUT") {
		return unsupported(t.span(), emitHint, "EMIT … %s is not supported", t.word)
	}
	e := pp.emit(first)
	e.Mode, e.Every = mode, every
	if delay != nil {
		e.Delay = delay
	}
	return nil
}

// positive reads a length of time above zero.
func (p *parser) positive(what string) (*ast.Interval, error) {
	iv, err := p.notNegative(what)
	if err == nil && iv.Months == 0 && iv.Micros == 0 {
		err = diag.New(diag.BadLiteral, iv.At, "%s is zero", what)
	}
	return iv, err
}

// notNegative reads a length of time, with INTERVAL or without.
func (p *parser) notNegative(what string) (*ast.Interval, error) {
	iv, err := p.lengthOrNumber()
	if err == nil && (iv.Months < 0 || iv.Micros < 0) {
		err = diag.New(diag.BadLiteral, iv.At, "%s is negative", what)
	}
	return iv, err
}

const emitHint = "write EMIT ON WINDOW CLOSE, EMIT CHANGES, EMIT ON UPDATE or EMIT EVERY 5 SECOND; without EMIT, windows leave when they close"

// mistypedEmit is the error for EMIT CHANGE, whose word is reserved in MySQL, so
// that EMIT does not look like a clause.
func mistypedEmit(word token) error {
	return diag.New(diag.Syntax, word.span(), "expected CHANGES, found `%s`", word.word).
		WithLabel("did you mean CHANGES?").WithHint("write EMIT CHANGES")
}

// badEmit is the error for an EMIT, at token first, that nothing else follows.
func (pp *prepass) badEmit(first int) error {
	t := pp.peek()
	mode := ""
	switch {
	case t.is("LAST") || t.is("TIMEOUT") || t.is("UNTIL"):
		mode = t.word
	case t.is("ON") && pp.at(pp.pos+1).is("CHANGE"):
		mode = "ON " + pp.at(pp.pos+1).word
		t = pp.at(pp.pos + 1)
	default:
		if t.is("ON") || t.is("AFTER") {
			pp.pos++
			if pp.accept("WINDOW") {
				return pp.expected("CLOSE").WithHint(emitHint)
			}
			return pp.expectedOneOf("WINDOW", "UPDATE").WithHint(emitHint)
		}
		return pp.expectedOneOf("ON", "CHANGES", "FINAL", "EVERY").WithHint(emitHint)
	}
	return diag.New(diag.Unsupported, diag.Span{Start: pp.at(first).start, End: t.end}, "EMIT %s is not supported", mode).WithHint(emitHint)
}

func (pp *prepass) latenessClause() error {
	first := pp.pos
	pp.pos += 2
	if e := pp.frag.tail.emit; e != nil && e.Lateness != nil {
		pp.pos = first
		return pp.twice("ALLOWED LATENESS")
	}
	if !pp.startsLength() && pp.peek().kind != tokNumber {
		return pp.expected("INTERVAL").WithHint("write ALLOWED LATENESS INTERVAL 1 MINUTE")
	}
	iv, err := pp.notNegative("the allowed lateness")
	if err != nil {
		return err
	}
	pp.emit(first).Lateness = iv
	return nil
}

// fillClause reads FILL(NULL | PREV | LINEAR | value).
func (pp *prepass) fillClause() error {
	const hint = "write FILL(NULL), FILL(PREV), FILL(LINEAR) or FILL(0)"
	first := pp.pos
	if pp.frag.tail.fill != nil {
		return pp.twice("FILL")
	}
	pp.pos += 2
	f := &ast.Fill{}
	t := pp.peek()
	end := pp.behindExpr(true)
	word := ""
	if end == pp.pos+1 && t.kind == tokWord {
		word = t.word
	}
	switch word {
	case "NULL":
		pp.pos++
	case "PREV", "PREVIOUS":
		f.Mode = ast.FillPrev
		pp.pos++
	case "LINEAR":
		f.Mode = ast.FillLinear
		pp.pos++
	case "NONE":
		return unsupported(t.span(), "leave FILL out: a window without rows emits nothing", "FILL(NONE) is not supported")
	default:
		if end == pp.pos {
			return pp.expected("NULL, PREV, LINEAR or a value").WithHint(hint)
		}
		f.Mode = ast.FillValue
		var err error
		if f.Value, err = pp.parseExpr(end); err != nil {
			return err
		}
		if !isConstant(f.Value) {
			return diag.New(diag.WrongArguments, f.Value.Span(), "FILL takes a constant").WithHint(hint)
		}
	}
	if n := pp.peek(); n.is(",") {
		return unsupported(n.span(), "one FILL is for all columns", "FILL with several values is not supported")
	}
	if err := pp.expect(")"); err != nil {
		return err
	}
	f.At = pp.spanFrom(first)
	pp.frag.unseen = f.At.End
	pp.frag.tail.fill = f
	return nil
}

// isConstant tells whether an expression is a literal, or one with a sign.
func isConstant(e ast.Expr) bool {
	if u, ok := e.(*ast.Unary); ok && u.Op != "not" {
		e = u.X
	}
	_, ok := e.(*ast.Literal)
	return ok
}

// graceClause gives the GRACE PERIOD of a window to EMIT, which may stand far
// behind it. ksqlDB closes windows by that much later under EMIT FINAL; under EMIT
// CHANGES it is how long a window takes late rows.
func (pp *prepass) graceClause() error {
	iv := pp.grace
	if iv == nil {
		return nil
	}
	e := pp.frag.tail.emit
	if e == nil {
		e = &ast.Emit{Node: iv.Node}
		pp.frag.tail.emit = e
	}
	e.At = e.At.Join(iv.At)
	switch {
	case e.Lateness != nil || e.Delay != nil:
		return diag.New(diag.Syntax, iv.At, "GRACE PERIOD and %s say the same", strings.TrimSpace(map[bool]string{true: "ALLOWED LATENESS", false: "WITH DELAY"}[e.Lateness != nil])).
			WithHint("keep one of them")
	case e.Mode == ast.EmitOnWindowClose:
		e.Delay = iv
	default:
		e.Lateness = iv
	}
	return nil
}
