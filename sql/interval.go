package sql

import (
	"math"
	"math/big"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// unit is a unit of time. Exactly one of months and micros is set.
type unit struct {
	name           string
	months, micros int64
}

var units = [...]unit{
	{"MICROSECOND", 0, 1},
	{"MILLISECOND", 0, 1_000},
	{"SECOND", 0, 1_000_000},
	{"MINUTE", 0, 60_000_000},
	{"HOUR", 0, 3_600_000_000},
	{"DAY", 0, 86_400_000_000},
	{"WEEK", 0, 7 * 86_400_000_000},
	{"MONTH", 1, 0},
	{"QUARTER", 3, 0},
	{"YEAR", 12, 0},
}

// findUnit finds a unit by its name, singular or plural, in upper case.
func findUnit(word string) (unit, bool) {
	if i := unitIndex(word); i >= 0 {
		return units[i], true
	}
	return unit{}, false
}

func unitNames() []string {
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.name
	}
	return names
}

const intervalHint = "write INTERVAL 5 SECOND, with MICROSECOND, MILLISECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR"

// interval reads a constant INTERVAL from the next token on. Besides MySQL's spelling
// it takes plural units, quoted numbers, quoted numbers with their units ('1 day 2
// hours', 'P1DT2H') and the compound ones: '1-2' YEAR TO MONTH, '1:30' MINUTE_SECOND.
func (p *parser) interval() (*ast.Interval, error) {
	first := p.pos
	p.pos++ // INTERVAL
	negative := false
	if p.accept("-") {
		negative = true
	} else {
		p.accept("+")
	}
	t := p.peek()
	switch t.kind {
	case tokNumber:
		p.pos++
		return p.intervalOfUnits(first, t, negative, p.raw(t))
	case tokString:
		p.pos++
		value := strings.TrimSpace(stringOf(p.text, t))
		if strings.ContainsFunc(value, isUnitLetter) {
			return p.intervalOfText(first, t, negative, value)
		}
		if strings.HasPrefix(value, "-") {
			negative, value = !negative, value[1:]
		}
		return p.intervalOfUnits(first, t, negative, value)
	}
	if t.is("(") {
		return nil, diag.New(diag.Unsupported, p.at(first).span().Join(t.span()), "an INTERVAL over an expression cannot stand here").
			WithHint("write a number: INTERVAL 5 SECOND")
	}
	return nil, p.expected("a number behind INTERVAL").WithHint(intervalHint)
}

func isUnitLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// intervalOfUnits reads the unit or the units behind the number of an interval.
func (p *parser) intervalOfUnits(first int, value token, negative bool, number string) (*ast.Interval, error) {
	from, to, err := p.intervalUnits()
	if err != nil {
		return nil, err
	}
	if from == to {
		return p.makeInterval(first, value, negative, number, units[from])
	}
	return p.compound(first, value, negative, number, from, to)
}

// intervalUnits reads UNIT, UNIT TO UNIT or UNIT_UNIT, each with the digits that the
// standard lets stand behind it, and returns the indexes of the first and the last.
func (p *parser) intervalUnits() (from, to int, err error) {
	t := p.peek()
	if compoundUnit(t.word) {
		p.pos++
		a, b, _ := strings.Cut(t.word, "_")
		return unitIndex(a), unitIndex(b), nil
	}
	if from, err = p.intervalUnit(); err != nil {
		return 0, 0, err
	}
	if !p.accept("TO") {
		return from, from, nil
	}
	at := p.peek()
	if to, err = p.intervalUnit(); err != nil {
		return 0, 0, err
	}
	a, b := fieldRank(units[from].name), fieldRank(units[to].name)
	if a < 0 || b <= a || (a < timeFields) != (b < timeFields) {
		return 0, 0, diag.New(diag.BadLiteral, at.span(), "there is no interval from %s to %s", units[from].name, units[to].name).
			WithHint("they are YEAR TO MONTH, and any two in order of DAY, HOUR, MINUTE and SECOND")
	}
	return from, to, nil
}

// intervalUnit reads one unit.
func (p *parser) intervalUnit() (int, error) {
	t := p.peek()
	if i := unitIndex(t.word); i >= 0 && t.kind == tokWord {
		p.pos++
		if p.peek().is("(") && p.at(p.pos+1).kind == tokNumber { // of precision, which says nothing about the value
			for !p.accept(")") {
				if k := p.peek(); k.kind != tokNumber && !k.is(",") && !k.is("(") {
					return 0, p.expected("`)`")
				}
				p.pos++
			}
		}
		return i, nil
	}
	e := p.expected("a unit of time").WithHint(intervalHint)
	if t.kind == tokWord {
		if s := diag.Suggest(t.word, unitNames()); s != "" {
			e = e.WithLabel("did you mean %s?", s)
		}
	}
	return 0, e
}

// unitIndex returns the index of a unit, singular or plural, or -1.
func unitIndex(word string) int {
	for i, u := range units {
		if word == u.name || word == u.name+"S" {
			return i
		}
	}
	return -1
}

func (p *parser) makeInterval(first int, value token, negative bool, number string, u unit) (*ast.Interval, error) {
	n, ok := parseDecimal(negative, number)
	if !ok {
		return nil, diag.New(diag.BadLiteral, value.span(), "`%s` is not a number", clip(number)).WithHint(intervalHint)
	}
	iv := &ast.Interval{Node: p.from(first)}
	iv.Text = "INTERVAL " + n.text + " " + u.name
	factor := u.months + u.micros
	v := new(big.Rat).Mul(n.value, new(big.Rat).SetInt64(factor))
	if !v.IsInt() {
		return nil, diag.New(diag.BadLiteral, iv.At, "an interval of %s %s is no whole number of %s", n.text, u.name, wholeUnit(u)).
			WithHint("write it with a smaller unit")
	}
	if v.Num().CmpAbs(big.NewInt(math.MaxInt64)) > 0 {
		return nil, diag.New(diag.BadLiteral, iv.At, "the interval is too long")
	}
	if u.months != 0 {
		iv.Months = v.Num().Int64()
	} else {
		iv.Micros = v.Num().Int64()
	}
	return iv, nil
}

func wholeUnit(u unit) string {
	if u.months != 0 {
		return "months"
	}
	return "microseconds"
}

// decimal is a number without an exponent, and its shortest spelling.
type decimal struct {
	text  string
	value *big.Rat
}

func parseDecimal(negative bool, digits string) (decimal, bool) {
	whole, frac, _ := strings.Cut(strings.TrimPrefix(digits, "+"), ".")
	if whole+frac == "" || len(whole+frac) > literalDigitsMax || strings.Trim(whole+frac, "0123456789") != "" {
		return decimal{}, false
	}
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	text := whole
	if frac = strings.TrimRight(frac, "0"); frac != "" {
		text += "." + frac
	}
	if negative && text != "0" {
		text = "-" + text
	}
	v, ok := new(big.Rat).SetString(text)
	return decimal{text: text, value: v}, ok
}
