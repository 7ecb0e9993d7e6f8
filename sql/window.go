package sql

import (
	"math/big"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// windowBound tells which bound of a window a function names, and of which family
// the window is; "" for those that take no window.
func windowBound(name string) (bound, of string, ok bool) {
	switch name {
	case "WINDOW_START", "WINDOWSTART":
		return "window_start", "", true
	case "WINDOW_END", "WINDOWEND":
		return "window_end", "", true
	case "WINDOW_TIME":
		return "window_time", "", true
	}
	for _, s := range [...]struct{ suffix, bound string }{{"_START", "window_start"}, {"_END", "window_end"}, {"_ROWTIME", "window_time"}} {
		if of, found := strings.CutSuffix(name, s.suffix); found {
			if f, ok := families[of]; ok && !f.units && of != "COUNTWINDOW" {
				return s.bound, of, true
			}
		}
	}
	return "", "", false
}

// windowName is the canonical name of a family.
func windowName(k ast.WindowKind) string {
	switch k {
	case ast.Tumble:
		return "TUMBLE"
	case ast.Hop:
		return "HOP"
	case ast.Session:
		return "SESSION"
	case ast.Cumulate:
		return "CUMULATE"
	case ast.Stagger:
		return "STAGGER"
	}
	return "COUNT_WINDOW"
}

// isOwnCall tells whether a word is the beginning of something that looks like a
// function and that the parser behind must not see.
func isOwnCall(t, next token) bool {
	if t.is("GROUPING") {
		return next.is("SETS")
	}
	if !next.is("(") {
		return false
	}
	if _, ok := families[t.word]; ok {
		return true
	}
	if _, _, ok := windowBound(t.word); ok {
		return true
	}
	return t.is("STEP") || t.is("ROLLUP") || t.is("CUBE")
}

// atSystemTime tells whether System.Timestamp() begins at the next token, which is the
// end of the window in Azure Stream Analytics.
func (pp *prepass) atSystemTime() bool {
	for i, word := range [...]string{"SYSTEM", ".", "TIMESTAMP", "(", ")"} {
		if !pp.at(pp.pos + i).is(word) {
			return false
		}
	}
	return true
}

// ownCall reads it, and puts a marker in its place.
func (pp *prepass) ownCall() error {
	t := pp.peek()
	var e ast.Expr
	var err error
	why := "a window is no function of MySQL's"
	bound, of, isBound := windowBound(t.word)
	switch {
	case isBound:
		e, err = pp.windowBound(bound, of)
	case t.is("GROUPING"), t.is("ROLLUP"), t.is("CUBE"):
		e, err = pp.groupingSets()
		why = "MySQL has no grouping sets"
	case t.is("STEP"):
		e, err = pp.stepWindow()
	case t.is("FLOOR"):
		e, err = pp.epochFloor()
	case t.is("SYSTEM"):
		pp.pos += 5
		e = &ast.WindowBound{Node: pp.parser.from(pp.pos - 5), Bound: "window_end"}
	default:
		e, _, err = pp.windowCall(false)
	}
	if err != nil {
		return err
	}
	all := token{kind: tokMarker, start: t.start, end: pp.parser.at(pp.pos - 1).end}
	pp.rewrite(lexeme{token: all, role: ready, out: marker('w', all.end-all.start), expr: e}, why)
	return nil
}

// windowBound reads TUMBLE_START(…), WINDOW_END() and their kin.
func (pp *prepass) windowBound(bound, of string) (ast.Expr, error) {
	first, name := pp.pos, pp.peek()
	b := &ast.WindowBound{Bound: bound}
	switch {
	case pp.parser.at(pp.pos + 2).is(")"):
		pp.pos += 3
	case of == "":
		end := pp.closing(pp.pos + 1)
		return nil, diag.New(diag.WrongArguments, name.span().Join(pp.parser.at(end).span()), "%s takes no arguments", name.word)
	default:
		fam := families[of]
		fam.usage = strings.Replace(fam.usage, of, name.word, 1)
		var err error
		if b.Of, _, err = pp.windowCallOf(fam, false); err != nil {
			return nil, err
		}
	}
	b.Node = pp.parser.from(first)
	return b, nil
}

// stepWindow reads STEP(x BY INTERVAL n unit): the start of a window side by side. In
// GROUP BY it is the window itself, which finishGroups finds.
func (pp *prepass) stepWindow() (ast.Expr, error) {
	first := pp.pos
	by, ok := pp.wordInside("BY")
	if !ok || by == first+2 {
		return nil, unsupported(pp.peek().span(), "write STEP(ts BY INTERVAL '30' SECOND)", "STEP without BY is not supported")
	}
	pp.pos += 2
	w := &ast.Window{Kind: ast.Tumble}
	if err := pp.timeIsNoLiteral("STEP"); err != nil {
		return nil, err
	}
	var err error
	if w.Time, err = pp.inner(by); err != nil {
		return nil, err
	}
	pp.pos = by + 1
	if !pp.startsLength() {
		return nil, pp.expected("INTERVAL").WithHint("write STEP(ts BY INTERVAL '30' SECOND)")
	}
	if w.Size, err = pp.length(); err != nil {
		return nil, err
	}
	if err := pp.expect(")"); err != nil {
		return nil, err
	}
	w.Node = pp.parser.from(first)
	return &ast.WindowBound{Node: w.Node, Bound: "window_start", Of: w}, nil
}

// longer tells whether a is longer than b; a month counts 30 days.
func longer(a, b *ast.Interval) bool { return lengthOf(a).Cmp(lengthOf(b)) > 0 }

func lengthOf(iv *ast.Interval) *big.Int {
	const monthMicros = 30 * 86_400_000_000
	n := new(big.Int).Mul(big.NewInt(iv.Months), big.NewInt(monthMicros))
	return n.Add(n, big.NewInt(iv.Micros))
}

func refusedWindow(t token) error {
	hint := "write HOP(ts, slide, size) for windows that overlap, or TUMBLE(ts, size)"
	return unsupported(t.span(), hint, "the window %s is not supported", t.word)
}
