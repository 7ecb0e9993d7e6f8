package sql

import (
	"strconv"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// family is a function that makes windows: whose it is, and how it is written.
type family struct {
	kind  ast.WindowKind
	usage string
	// units is set where a unit of time stands in front of plain numbers, and the
	// length in front of the slide: TUMBLINGWINDOW(ss, 10).
	units bool
}

var families = map[string]family{
	"TUMBLE":          {kind: ast.Tumble, usage: "TUMBLE(ts, INTERVAL size[, INTERVAL offset][, 'time zone'])"},
	"HOP":             {kind: ast.Hop, usage: "HOP(ts, INTERVAL slide, INTERVAL size[, INTERVAL offset][, 'time zone'])"},
	"SESSION":         {kind: ast.Session, usage: "SESSION(ts, INTERVAL gap[, INTERVAL max])"},
	"CUMULATE":        {kind: ast.Cumulate, usage: "CUMULATE(ts, INTERVAL step, INTERVAL max[, INTERVAL offset][, 'time zone'])"},
	"STAGGER":         {kind: ast.Stagger, usage: "STAGGER(ts, INTERVAL size)"},
	"COUNT_WINDOW":    {kind: ast.CountWindow, usage: "COUNT_WINDOW(rows[, every])"},
	"COUNTWINDOW":     {kind: ast.CountWindow, usage: "COUNT_WINDOW(rows[, every])"},
	"TUMBLINGWINDOW":  {kind: ast.Tumble, usage: "TUMBLE(ts, INTERVAL 10 SECOND)", units: true},
	"HOPPINGWINDOW":   {kind: ast.Hop, usage: "HOP(ts, INTERVAL 5 SECOND, INTERVAL 10 SECOND)", units: true},
	"SESSIONWINDOW":   {kind: ast.Session, usage: "SESSION(ts, INTERVAL 10 SECOND)", units: true},
	"TUMBLING_WINDOW": {kind: ast.Tumble, usage: "TUMBLE(ts, INTERVAL 10 SECOND)", units: true},
	"HOPPING_WINDOW":  {kind: ast.Hop, usage: "HOP(ts, INTERVAL 5 SECOND, INTERVAL 10 SECOND)", units: true},
	"SESSION_WINDOW":  {kind: ast.Session, usage: "SESSION(ts, INTERVAL 10 SECOND)", units: true},
}

// windowArgs are the arguments of a window function, sorted by what they are.
type windowArgs struct {
	time    ast.Expr
	lengths []*ast.Interval // by their order
	named   map[string]*ast.Interval
	zone    *ast.Literal
	rows    []int64
	rowsAt  []diag.Span
	source  *ast.Table // in FROM
}

// windowCall reads a window function, from its name on. In FROM its first argument
// is the relation.
func (p *parser) windowCall(inFrom bool) (*ast.Window, *ast.Table, error) {
	return p.windowCallOf(families[p.peek().word], inFrom)
}

// windowCallOf is windowCall for a name that may be another one than the family's.
func (p *parser) windowCallOf(fam family, inFrom bool) (*ast.Window, *ast.Table, error) {
	first, name := p.pos, p.peek()
	p.pos += 2 // name (
	w := &ast.Window{Kind: fam.kind}
	args := &windowArgs{named: map[string]*ast.Interval{}}
	var err error
	switch t := p.peek(); {
	case fam.units && t.kind == tokWord && p.at(p.pos+1).is(",") && isShortUnit(t.word):
		err = p.unitArgs(args, fam)
	case fam.units && t.is("DURATION") && p.at(p.pos+1).is("("):
		err = p.calledArgs(args, fam)
	default:
		err = p.windowArgs(w, args, name, fam, inFrom)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := p.expect(")"); err != nil {
		return nil, nil, err
	}
	w.Node = p.from(first)
	w.Time, w.Zone = args.time, args.zone
	if inFrom && args.source == nil {
		return nil, nil, diag.New(diag.WrongArguments, w.At, "%s in FROM needs a stream", name.word).
			WithHint("write TABLE(%s(TABLE s, DESCRIPTOR(ts), …))", name.word)
	}
	return w, args.source, p.fitWindow(w, args, name, fam)
}

// windowArgs reads the arguments up to the parenthesis behind them.
func (p *parser) windowArgs(w *ast.Window, args *windowArgs, name token, fam family, inFrom bool) error {
	for n := 0; !p.peek().is(")"); n++ {
		if n > 0 {
			if err := p.expect(","); err != nil {
				return err
			}
		}
		label := ""
		if t := p.peek(); (t.isName() || t.kind == tokString && t.quote == '"') && p.at(p.pos+1).is("=>") {
			label = p.label(t)
			p.pos += 2
		}
		if err := p.windowArg(w, args, label, n, name, fam, inFrom); err != nil {
			return err
		}
	}
	return nil
}

// label returns the label of an argument, which may be quoted: "OFFSET" => … .
func (p *parser) label(t token) string {
	if t.kind == tokString {
		return upper(stringOf(p.text, t))
	}
	return upper(nameOf(p.text, t))
}

// windowArg reads argument n, which may have a label.
func (p *parser) windowArg(w *ast.Window, args *windowArgs, label string, n int, name token, fam family, inFrom bool) error {
	t := p.peek()
	switch {
	case label == "DATA" && inFrom, label == "" && inFrom && n == 0:
		var err error
		args.source, err = p.windowSource(w)
		return err
	case t.is("DESCRIPTOR") && p.at(p.pos+1).is("("):
		p.pos += 2
		if label == "KEY" || inFrom && fam.kind == ast.Session && args.time != nil && len(w.Partition) == 0 {
			return p.windowKeys(w) // Calcite's spelling of PARTITION BY
		}
		return p.windowTime(args, name, fam, func() error { return p.expect(")") })
	case p.startsLength():
		iv, err := p.length()
		if err != nil {
			return err
		}
		return args.length(label, iv, fam)
	case t.kind == tokString && (label == "" || label == "ZONE" || label == "TIMEZONE" || label == "TIME_ZONE"):
		return p.windowZone(args, fam)
	case t.kind == tokNumber && fam.kind == ast.CountWindow:
		return p.windowRows(args)
	case label != "" && label != "TIMECOL" && label != "TIME":
		return diag.New(diag.WrongArguments, t.span(), "`%s` of %s needs an INTERVAL", label, name.word).WithHint("write %s", fam.usage)
	case args.time == nil && len(args.lengths) == 0 && t.kind != tokNumber && t.kind != tokString:
		return p.windowTime(args, name, fam, nil)
	}
	end := p.behindExpr(true)
	at := t.span()
	if end > p.pos {
		at = at.Join(p.at(end - 1).span())
	}
	return diag.New(diag.WrongArguments, at, "%s needs an INTERVAL here", name.word).WithHint("write %s", fam.usage)
}

// windowTime reads the column, or the expression, that holds the time.
func (p *parser) windowTime(args *windowArgs, name token, fam family, behind func() error) error {
	if args.time != nil {
		return diag.New(diag.WrongArguments, p.peek().span(), "%s has its time twice", name.word).WithHint("write %s", fam.usage)
	}
	if err := p.timeIsNoLiteral(name.word); err != nil {
		return err
	}
	end := p.behindExpr(true)
	if end == p.pos {
		return p.expected("the column with the time").WithHint("write %s", fam.usage)
	}
	var err error
	if args.time, err = p.parseExpr(end); err != nil || behind == nil {
		return err
	}
	return behind()
}

// timeIsNoLiteral refuses a time that begins with a literal: among the arguments of
// a window numbers and texts are other things.
func (p *parser) timeIsNoLiteral(window string) error {
	t := p.peek()
	if t.kind != tokNumber && t.kind != tokString {
		return nil
	}
	return diag.New(diag.WrongArguments, t.span(), "%s needs the column with the time here", window).
		WithHint("write TUMBLE(ts, INTERVAL 1 MINUTE)")
}

func (p *parser) windowZone(args *windowArgs, fam family) error {
	t := p.peek()
	text := stringOf(p.text, t)
	if args.zone != nil || text == "" || isDigit(text[0]) || text[0] == '-' && len(text) > 1 && isDigit(text[1]) {
		return diag.New(diag.WrongArguments, t.span(), "expected an INTERVAL or the name of a time zone, found %s", p.describe(t)).WithHint("write %s", fam.usage)
	}
	p.pos++
	args.zone = &ast.Literal{Node: ast.Node{At: t.span()}, Kind: ast.StringLiteral, Text: text, Quote: t.quote}
	return nil
}

func (p *parser) windowRows(args *windowArgs) error {
	t := p.peek()
	n, err := strconv.ParseInt(p.raw(t), 10, 64)
	if err != nil || n <= 0 {
		return diag.New(diag.WrongArguments, t.span(), "a window over %s rows is not possible", p.raw(t)).WithHint("write a whole number above 0")
	}
	p.pos++
	args.rows, args.rowsAt = append(args.rows, n), append(args.rowsAt, t.span())
	return nil
}

// length adds an interval under its label, or by its order.
func (a *windowArgs) length(label string, iv *ast.Interval, fam family) error {
	switch label {
	case "":
		a.lengths = append(a.lengths, iv)
		return nil
	case "SIZE", "SLIDE", "STEP", "GAP", "OFFSET", "MAX":
		if a.named[label] != nil {
			return diag.New(diag.WrongArguments, iv.At, "`%s` stands here twice", label).WithHint("write %s", fam.usage)
		}
		a.named[label] = iv
		return nil
	}
	return diag.New(diag.WrongArguments, iv.At, "there is no argument `%s` of this window", label).WithHint("write %s", fam.usage)
}

// slots are the lengths of a window in the order of their positions.
var slots = map[ast.WindowKind][]string{
	ast.Tumble:   {"SIZE", "OFFSET"},
	ast.Hop:      {"SLIDE", "SIZE", "OFFSET"},
	ast.Session:  {"GAP", "MAX"},
	ast.Cumulate: {"STEP", "SIZE", "OFFSET"},
	ast.Stagger:  {"SIZE"},
}

// fitWindow gives each argument its place.
func (p *parser) fitWindow(w *ast.Window, args *windowArgs, name token, fam family) error {
	wrong := func(at diag.Span, format string, a ...any) error {
		return diag.New(diag.WrongArguments, at, format, a...).WithHint("write %s", fam.usage)
	}
	if w.Kind == ast.CountWindow {
		return p.fitCount(w, args, wrong)
	}
	if args.zone != nil && (w.Kind == ast.Session || w.Kind == ast.Stagger) {
		return wrong(args.zone.At, "%s takes no time zone: it follows the rows, not the calendar", name.word)
	}
	byName := len(args.named) > 0
	places := slots[w.Kind]
	next := 0
	for _, iv := range args.lengths {
		for next < len(places) && args.named[places[next]] != nil {
			next++
		}
		if next == len(places) {
			return wrong(iv.At, "%s takes no further INTERVAL", name.word)
		}
		args.named[places[next]] = iv
		next++
	}
	for label, iv := range args.named {
		if !contains(places, label) {
			return wrong(iv.At, "there is no argument `%s` of %s", label, name.word)
		}
	}
	n := args.named
	w.Size, w.Slide, w.Gap, w.Offset = n["SIZE"], n["SLIDE"], n["GAP"], n["OFFSET"]
	switch w.Kind {
	case ast.Cumulate:
		w.Slide = n["STEP"]
	case ast.Session:
		w.Size = n["MAX"]
	}
	required := []string{"SIZE"}
	switch w.Kind {
	case ast.Hop:
		required = []string{"SLIDE", "SIZE"}
	case ast.Cumulate:
		required = []string{"STEP", "SIZE"}
	case ast.Session:
		required = []string{"GAP"}
	}
	for _, label := range required {
		if n[label] == nil {
			return wrong(w.At, "%s needs the INTERVAL of its %s", name.word, strings.ToLower(label))
		}
	}
	w.Named = w.Kind == ast.Hop && byName
	if !byName {
		orderLengths(w)
	}
	return nil
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

// orderLengths puts the longer of two lengths where it belongs: people write them
// in either order.
func orderLengths(w *ast.Window) {
	switch {
	case w.Slide != nil && longer(w.Slide, w.Size):
		w.Slide, w.Size = w.Size, w.Slide
	case w.Kind == ast.Session && w.Size != nil && longer(w.Gap, w.Size):
		w.Gap, w.Size = w.Size, w.Gap
	}
}

func (p *parser) fitCount(w *ast.Window, args *windowArgs, wrong func(diag.Span, string, ...any) error) error {
	switch {
	case len(args.lengths) > 0:
		return wrong(args.lengths[0].At, "a window over a number of rows takes no INTERVAL")
	case args.zone != nil:
		return wrong(args.zone.At, "a window over a number of rows takes no time zone")
	case args.time != nil:
		return wrong(args.time.Span(), "a window over a number of rows takes no time")
	case len(args.rows) == 0:
		return wrong(w.At, "how many rows the window has is missing")
	case len(args.rows) > 2:
		return wrong(args.rowsAt[2], "a window over a number of rows takes one or two numbers")
	}
	w.Rows, w.Every = args.rows[0], args.rows[0]
	if len(args.rows) == 2 {
		w.Every = args.rows[1]
	}
	return nil
}
