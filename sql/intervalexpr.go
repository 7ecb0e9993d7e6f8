package sql

import (
	"strings"

	"weir/sql/ast"
)

// intervalMarker reads an INTERVAL in an expression: a constant, an expression with
// a unit, or MySQL's function INTERVAL(x, a, b, …).
func (pp *prepass) intervalMarker() error {
	first := pp.pos
	if pp.at(first + 1).is("(") {
		end := pp.closeOf(first + 1)
		_, list := pp.wordIn(first+1, end, ",")
		if _, unit := simpleUnits(pp.at(end + 1).word); list || !unit {
			return pp.call()
		}
	}
	iv, err := pp.intervalValue()
	if err != nil {
		return err
	}
	t := markerToken(pp.at(first).start, pp.at(pp.pos-1).end)
	pp.rewrite(lexeme{token: t, role: ready, out: marker('i', t.end-t.start), expr: iv}, whyInterval)
	return nil
}

// intervalValue reads an INTERVAL whose value is a constant or an expression.
func (pp *prepass) intervalValue() (*ast.Interval, error) {
	first := pp.pos
	if end := pp.intervalEnd(); end > 0 {
		pp.pos++
		value, err := pp.inner(end)
		if err != nil {
			return nil, err
		}
		unit, ok := simpleUnits(pp.peek().word)
		if !ok {
			return nil, unsupported(pp.peek().span(), "write the number of one unit: INTERVAL n SECOND", "a compound unit behind an expression is not supported")
		}
		pp.pos++
		return &ast.Interval{Node: pp.parser.from(first), Value: value, Unit: unit}, nil
	}
	return pp.interval()
}

// intervalEnd returns the index of the unit of an INTERVAL over an expression, or
// 0 where it is a constant. The unit is the first one that stands behind an operand.
func (pp *prepass) intervalEnd() int {
	i := pp.pos + 1
	if pp.at(i).is("-") || pp.at(i).is("+") {
		i++
	}
	if k := pp.at(i).kind; (k == tokNumber || k == tokString) && (pp.at(i+1).kind == tokWord || k == tokString) {
		return 0
	}
	depth := 0
	for i := pp.pos + 1; i < pp.end; i++ {
		t := pp.at(i)
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		if depth < 0 || depth == 0 && t.is(",") {
			return 0
		}
		if depth > 0 || i == pp.pos+1 || t.kind != tokWord || afterDot(pp.toks, i) || pp.at(i+1).is(".") {
			continue
		}
		if _, ok := findUnit(t.word); (ok || compoundUnit(t.word)) && (endsOperand(pp.at(i-1)) || afterDot(pp.toks, i-1) || pp.at(i-1).is("END")) {
			return i
		}
	}
	return 0
}

// compoundUnit tells whether a word is one of MySQL's units of several parts.
func compoundUnit(word string) bool {
	switch word {
	case "SECOND_MICROSECOND", "MINUTE_MICROSECOND", "MINUTE_SECOND", "HOUR_MICROSECOND", "HOUR_SECOND", "HOUR_MINUTE",
		"DAY_MICROSECOND", "DAY_SECOND", "DAY_MINUTE", "DAY_HOUR", "YEAR_MONTH":
		return true
	}
	return false
}

// simpleUnits finds a unit of one part, singular or plural, also with the prefix of ODBC.
func simpleUnits(word string) (string, bool) {
	if len(word) > 8 && word[:8] == "SQL_TSI_" {
		word = word[8:]
	}
	u, ok := findUnit(word)
	return u.name, ok
}

// calendarUnits finds what a time can be cut to.
func calendarUnits(word string) (string, bool) {
	switch word {
	case "DECADE", "CENTURY", "MILLENNIUM":
		return word, true
	}
	return simpleUnits(word)
}

// extractUnits finds what EXTRACT takes.
func extractUnits(word string) (string, bool) {
	if name, ok := simpleUnits(word); ok {
		return name, true
	}
	switch word {
	case "EPOCH", "DOW", "ISODOW", "DOY", "ISOYEAR", "CENTURY", "DECADE", "MILLENNIUM", "NANOSECOND":
		return word, true
	}
	return word, compoundUnit(word)
}

// isPart tells whether EXTRACT of a unit is the function of that name.
func isPart(unit string) bool {
	switch unit {
	case "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND":
		return true
	}
	return false
}

// print returns the canonical spelling of an interval.
func (p *printer) interval(iv *ast.Interval) {
	if iv.Value == nil {
		p.put(iv.Text)
		return
	}
	p.put("INTERVAL ")
	value := printer{quoteCalls: p.quoteCalls}
	value.bare(iv.Value)
	text := value.b.String()
	if strings.Contains(text, "INTERVAL ") && text[0] != '(' {
		text = "(" + text + ")" // the unit of the inner one would be the unit of both
	}
	p.put(text, " ", iv.Unit)
}

// bare prints an expression where one in parentheses, or one that begins with a name
// or a sign, is read as it stands, and others are not: INTERVAL 'x' and what follows
// would be a constant, INTERVAL (a) + b the function, TUMBLE(0, …) wants a time.
func (p *printer) bare(e ast.Expr) {
	if _, whole := e.(*ast.Paren); whole || startsWithName(e) {
		p.expr(e)
		return
	}
	p.put("(")
	p.expr(e)
	p.put(")")
}

// startsWithName tells whether an expression begins with the name of a column or a
// function, behind signs.
func startsWithName(e ast.Expr) bool {
	for {
		switch x := e.(type) {
		case *ast.Unary:
			e = x.X
		case *ast.Binary:
			e = x.L
		case *ast.Between:
			e = x.X
		case *ast.In:
			e = x.X
		case *ast.Like:
			e = x.X
		case *ast.Is:
			e = x.X
		case *ast.Call:
			return x.Name.Text != "DESCRIPTOR" && x.Name.Text != "INTERVAL"
		case *ast.Column, *ast.Case, *ast.Cast, *ast.Window, *ast.WindowBound:
			return true
		default:
			return false
		}
	}
}
