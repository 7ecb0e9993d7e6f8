package sql

import (
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// shortUnits are the units of time as eKuiper, Azure and Proton abbreviate them.
var shortUnits = map[string]string{
	"US": "MICROSECOND", "MCS": "MICROSECOND", "MS": "MILLISECOND",
	"S": "SECOND", "SS": "SECOND", "MI": "MINUTE", "N": "MINUTE", "HH": "HOUR", "H": "HOUR",
	"D": "DAY", "DD": "DAY", "WK": "WEEK", "WW": "WEEK", "MM": "MONTH", "QQ": "QUARTER", "YY": "YEAR", "YYYY": "YEAR",
}

// shortUnit finds a unit by its name or abbreviation, in upper case.
func shortUnit(word string) (unit, bool) {
	if long, ok := shortUnits[word]; ok {
		word = long
	}
	return findUnit(word)
}

func isShortUnit(word string) bool {
	_, ok := shortUnit(word)
	return ok
}

// durationUnit finds the unit of a duration such as 5s. Upper case counts: 5m are
// minutes, 5M are months.
func durationUnit(letters string) (unit, bool) {
	switch letters {
	case "m":
		return findUnit("MINUTE")
	case "M":
		return findUnit("MONTH")
	case "w":
		return findUnit("WEEK")
	case "q":
		return findUnit("QUARTER")
	case "y":
		return findUnit("YEAR")
	case "us", "ms", "s", "h", "d":
		return shortUnit(strings.ToUpper(letters))
	}
	return unit{}, false
}

// startsLength tells whether a length of time starts here: INTERVAL …, or 5s.
func (p *parser) startsLength() bool {
	t := p.peek()
	return t.is("INTERVAL") && !p.at(p.pos+1).is(",") && !p.at(p.pos+1).is(")") || t.kind == tokDuration
}

// length reads INTERVAL …, or 5s: a constant.
func (p *parser) length() (*ast.Interval, error) {
	if t := p.peek(); t.kind == tokDuration {
		p.pos++
		raw := p.raw(t)
		i := strings.IndexFunc(raw, isUnitLetter)
		u, _ := durationUnit(raw[i:])
		return p.makeInterval(p.pos-1, t, false, raw[:i], u)
	}
	if t := p.at(p.pos + 1); t.isName() || t.is("(") {
		return nil, diag.New(diag.BadWindow, t.span(), "the length of a window must be a constant").WithHint("write a number: INTERVAL 5 SECOND")
	}
	return p.interval()
}

// lengthOrNumber reads a length, or 5 SECOND without INTERVAL.
func (p *parser) lengthOrNumber() (*ast.Interval, error) {
	t := p.peek()
	if t.kind != tokNumber {
		if !p.startsLength() {
			return nil, p.expected("an INTERVAL").WithHint(intervalHint)
		}
		return p.length()
	}
	p.pos++
	return p.intervalOfUnits(p.pos-1, t, false, p.raw(t))
}

// unitArgs reads unit, n[, m], as eKuiper and Azure write them: the length stands
// in front of the slide. Of a session one is the gap and the longer one the limit.
func (p *parser) unitArgs(args *windowArgs, fam family) error {
	u, _ := shortUnit(p.peek().word)
	p.pos++
	for n := 0; p.accept(","); n++ {
		t := p.peek()
		iv, err := p.countOf(u, false, fam)
		if err != nil {
			return err
		}
		switch {
		case n < 2 && fam.kind == ast.Hop:
			args.named[[...]string{"SIZE", "SLIDE"}[n]] = iv
		case n == 0, n == 1 && fam.kind == ast.Session:
			args.lengths = append(args.lengths, iv)
		default:
			return diag.New(diag.WrongArguments, t.span(), "one number too many").WithHint("write %s", fam.usage)
		}
	}
	return nil
}

// countOf reads how many of a unit an argument is.
func (p *parser) countOf(u unit, negative bool, fam family) (*ast.Interval, error) {
	t := p.peek()
	if t.kind != tokNumber {
		return nil, p.expected("a number").WithHint("write %s", fam.usage)
	}
	p.pos++
	return p.makeInterval(p.pos-1, t, negative, p.raw(t), u)
}

// calledArgs reads Duration(second, 10), Hop(second, 5), Offset(second, 1), Azure's
// other spelling of a window's lengths.
func (p *parser) calledArgs(args *windowArgs, fam family) error {
	labels := map[string]string{"DURATION": "SIZE", "HOP": "SLIDE", "OFFSET": "OFFSET"}
	for n := 0; n == 0 || p.accept(","); n++ {
		t := p.peek()
		label := labels[t.word]
		u, ok := shortUnit(p.at(p.pos + 2).word)
		if label == "" || !p.at(p.pos+1).is("(") || !ok || !p.at(p.pos+3).is(",") {
			return p.expected("Duration(second, 10), Hop(second, 5) or Offset(second, 1)").WithHint("write %s", fam.usage)
		}
		p.pos += 4
		iv, err := p.countOf(u, p.accept("-"), fam)
		if err != nil {
			return err
		}
		if err := args.length(label, iv, fam); err != nil {
			return err
		}
		if err := p.expect(")"); err != nil {
			return err
		}
	}
	return nil
}

// windowSource reads the relation that a window function in FROM works on:
// [TABLE] name, a file or a query, and PARTITION BY behind it.
func (p *parser) windowSource(w *ast.Window) (*ast.Table, error) {
	first := p.pos
	inParens := p.accept("TABLE") && p.peek().is("(") && !p.startsQuery(p.pos) // TABLE(name)
	if inParens {
		p.pos++
	}
	t, err := p.sourceTable(first)
	if err == nil && inParens {
		err = p.expect(")")
	}
	if err != nil {
		return nil, err
	}
	if p.accept("PARTITION") {
		if err := p.expect("BY"); err != nil {
			return nil, err
		}
		if err := p.windowPartition(w); err != nil {
			return nil, err
		}
	}
	if t := p.peek(); t.is("ORDER") {
		return nil, unsupported(t.span(), "leave it out: rows come in the order of the log, and windows go by event time", "ORDER BY in a window function is not supported")
	}
	return t, nil
}

func (p *parser) sourceTable(first int) (*ast.Table, error) {
	if t := p.peek(); t.kind == tokWord && p.at(p.pos+1).is("(") {
		return nil, unsupported(t.span(), "write the inner one as a query: (SELECT * FROM …)", "a function inside of a window function in FROM is not supported")
	}
	t, err := p.primaryTable()
	if err != nil {
		return nil, err
	}
	t.Node = p.from(first)
	return t, nil
}

// windowPartition reads the columns behind PARTITION BY. The list ends where the
// next argument of the window function starts.
func (p *parser) windowPartition(w *ast.Window) error {
	inParens := p.peek().is("(")
	if inParens {
		p.pos++
	}
	for {
		end := p.behindExpr(true)
		if end == p.pos {
			return p.expected("a column behind PARTITION BY")
		}
		e, err := p.parseExpr(end)
		if err != nil {
			return err
		}
		w.Partition = append(w.Partition, e)
		next := p.at(p.pos + 1)
		if !p.peek().is(",") || !inParens && (next.is("DESCRIPTOR") && p.at(p.pos+2).is("(") || next.is("INTERVAL") || next.kind == tokDuration || p.at(p.pos+2).is("=>")) {
			break
		}
		p.pos++
	}
	if inParens {
		return p.expect(")")
	}
	return nil
}

// windowKeys reads the columns behind DESCRIPTOR ( that are the keys of a session.
func (p *parser) windowKeys(w *ast.Window) error {
	for {
		e, err := p.setMember()
		if err != nil {
			return err
		}
		w.Partition = append(w.Partition, e)
		if !p.accept(",") {
			return p.expect(")")
		}
	}
}
