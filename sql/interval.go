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
	for _, u := range units {
		if word == u.name || word == u.name+"S" {
			return u, true
		}
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

// interval reads INTERVAL n UNIT from the next token on. Besides MySQL's spelling
// it takes plural units, quoted numbers and quoted numbers with their unit.
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
	var value, word string
	switch t.kind {
	case tokNumber:
		value = p.raw(t)
	case tokString:
		value = strings.TrimSpace(stringOf(p.text, t))
		if i := strings.IndexFunc(value, isUnitLetter); i > 0 {
			value, word = strings.TrimSpace(value[:i]), strings.ToUpper(value[i:])
		}
	case tokOp:
		if t.is("(") {
			return nil, diag.New(diag.Unsupported, p.at(first).span().Join(t.span()), "an INTERVAL over an expression cannot stand here").
				WithHint("write a number: INTERVAL 5 SECOND")
		}
		fallthrough
	default:
		return nil, p.expected("a number behind INTERVAL").WithHint(intervalHint)
	}
	p.pos++
	u, err := p.intervalUnit(t, word)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(value, "-") {
		negative, value = !negative, value[1:]
	}
	return p.makeInterval(first, t, negative, value, u)
}

func isUnitLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// intervalUnit finds the unit: in word, if the quoted value carried it, else in
// the next token.
func (p *parser) intervalUnit(value token, word string) (unit, error) {
	if word != "" {
		u, ok := findUnit(word)
		if !ok {
			e := diag.New(diag.BadLiteral, value.span(), "unknown unit `%s` in the interval", clip(strings.ToLower(word))).WithHint(intervalHint)
			if s := diag.Suggest(word, unitNames()); s != "" {
				e = e.WithLabel("did you mean %s?", strings.ToLower(s))
			}
			return u, e
		}
		return u, nil
	}
	t := p.peek()
	u, ok := findUnit(t.word)
	switch {
	case ok && t.kind == tokWord:
		p.pos++
		if n := p.peek(); n.is("TO") || n.is("(") && p.at(p.pos+1).kind == tokNumber {
			return u, diag.New(diag.Unsupported, t.span().Join(p.at(p.pos+1).span()), "compound intervals are not supported").
				WithHint("write one number and one unit: INTERVAL 90 SECOND")
		}
		return u, nil
	case t.kind == tokWord && strings.Contains(t.word, "_"):
		return u, diag.New(diag.Unsupported, t.span(), "the compound unit `%s` is not supported", p.raw(t)).
			WithHint("write one number and one unit: INTERVAL 90 SECOND")
	}
	e := p.expected("a unit of time").WithHint(intervalHint)
	if t.kind == tokWord {
		if s := diag.Suggest(t.word, unitNames()); s != "" {
			e = e.WithLabel("did you mean %s?", s)
		}
	}
	return u, e
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
