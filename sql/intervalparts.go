package sql

import (
	"math"
	"math/big"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// fields are the units that an interval of several parts consists of, in order.
// Those from index timeFields on are of fixed length.
var fields = [...]string{"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND"}

const timeFields = 2

func fieldRank(unit string) int {
	for i, f := range fields {
		if f == unit {
			return i
		}
	}
	return -1
}

// span sums the parts of an interval.
type span struct{ months, micros big.Rat }

func (s *span) add(value *big.Rat, u unit) {
	part := new(big.Rat).Mul(value, new(big.Rat).SetInt64(u.months+u.micros))
	if u.months != 0 {
		s.months.Add(&s.months, part)
	} else {
		s.micros.Add(&s.micros, part)
	}
}

// compound reads the parts of '1 02:03:04.5' DAY TO SECOND. Where there are fewer
// parts than units, they are the last ones in MySQL's spelling, DAY_SECOND; the
// standard has no rule for it.
func (p *parser) compound(first int, value token, negative bool, text string, from, to int) (*ast.Interval, error) {
	low, high := fieldRank(units[from].name), fieldRank(units[to].name)
	bad := diag.New(diag.BadLiteral, value.span(), "`%s` is no interval from %s to %s", clip(text), fields[low], fields[high]).
		WithHint("for example INTERVAL '1-2' YEAR TO MONTH, INTERVAL '1 02:03:04.5' DAY TO SECOND")
	standard := !compoundUnit(p.at(p.pos - 1).word)
	parts := mysqlParts(text, fields[high] == "MICROSECOND")
	if standard {
		parts = standardParts(text, fields[high])
	}
	if n := high - low + 1; len(parts) == 0 || len(parts) > n || standard && len(parts) < n {
		return nil, bad
	}
	var sum span
	for i, part := range parts {
		n, ok := parseDecimal(negative, part)
		if !ok {
			return nil, bad
		}
		u, _ := findUnit(fields[high-len(parts)+1+i])
		if strings.Contains(part, ".") && u.name != "SECOND" {
			return nil, bad
		}
		sum.add(n.value, u)
	}
	return p.sumOf(first, &sum)
}

// standardParts splits the parts of an interval, of which seconds may have a point.
func standardParts(text, least string) []string {
	parts := strings.FieldsFunc(text, func(r rune) bool { return !isDigit(byte(min(r, 0x7f))) && r != '.' })
	if n := len(parts); n > 0 && (least == "MICROSECOND" || least != "SECOND" && strings.Contains(parts[n-1], ".")) {
		whole, fraction, ok := strings.Cut(parts[n-1], ".")
		parts[n-1] = whole
		if ok { // digits behind the point: as many as microseconds have
			parts = append(parts, (fraction + "000000")[:max(len(fraction), 6)])
		}
	}
	return parts
}

// mysqlParts splits at everything that is no digit, as MySQL does. Of microseconds
// the digits are a fraction: '1.5' is one second and a half.
func mysqlParts(text string, micros bool) []string {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if n := len(parts); micros && n > 0 {
		if len(parts[n-1]) > 6 {
			return nil
		}
		parts[n-1] = (parts[n-1] + "000000")[:6]
	}
	return parts
}

// textUnits are the abbreviations that stand in quoted intervals. A lone m is a
// minute, as in the duration 5m; a lone M is left out, which is a month there and a
// minute to PostgreSQL.
var textUnits = map[string]string{
	"US": "MICROSECOND", "MS": "MILLISECOND", "S": "SECOND", "SEC": "SECOND", "SECS": "SECOND", "MIN": "MINUTE", "MINS": "MINUTE",
	"H": "HOUR", "HR": "HOUR", "HRS": "HOUR", "D": "DAY", "W": "WEEK", "MON": "MONTH", "MONS": "MONTH", "Y": "YEAR", "YR": "YEAR", "YRS": "YEAR",
}

// intervalOfText reads an interval whose string holds the units: '10 minutes', '1 day
// 02:30:00', 'P1DT2H'.
func (p *parser) intervalOfText(first int, value token, negative bool, text string) (*ast.Interval, error) {
	pairs := textPairs(text)
	if strings.HasPrefix(strings.ToUpper(text), "P") {
		pairs = isoPairs(strings.ToUpper(text[1:]))
	}
	if len(pairs) == 0 || len(pairs) > len(units) {
		return nil, diag.New(diag.BadLiteral, value.span(), "`%s` is not an interval", clip(text)).WithHint(intervalHint)
	}
	var sum span
	for _, pair := range pairs {
		number := strings.TrimPrefix(pair[0], "-")
		minus := negative != (number != pair[0])
		word := pair[1]
		if long := textUnits[strings.ToUpper(word)]; long != "" {
			word = long
		}
		if word == "m" {
			word = "MINUTE"
		}
		u, ok := findUnit(strings.ToUpper(word))
		if word == "M" {
			return nil, diag.New(diag.BadLiteral, value.span(), "M in an interval is a minute or a month").WithHint("write 'm' or 'min' for minutes, 'mon' for months")
		}
		if !ok {
			e := diag.New(diag.BadLiteral, value.span(), "unknown unit `%s` in the interval", clip(strings.ToLower(word))).WithHint(intervalHint)
			if s := diag.Suggest(strings.ToUpper(word), unitNames()); s != "" {
				e = e.WithLabel("did you mean %s?", strings.ToLower(s))
			}
			return nil, e
		}
		if len(pairs) == 1 {
			return p.makeInterval(first, value, minus, number, u)
		}
		n, ok := parseDecimal(minus, number)
		if !ok {
			return nil, diag.New(diag.BadLiteral, value.span(), "`%s` is not a number", clip(number)).WithHint(intervalHint)
		}
		sum.add(n.value, u)
	}
	return p.sumOf(first, &sum)
}

// textPairs cuts '1 day 02:30:00' into numbers and their units.
func textPairs(text string) [][2]string {
	var pairs [][2]string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		n := strings.IndexFunc(text, func(r rune) bool { return isUnitLetter(r) || r == ' ' })
		if n < 0 {
			n = len(text)
		}
		number := text[:n]
		text = strings.TrimLeft(text[n:], " ")
		if clock := strings.Split(strings.TrimPrefix(number, "-"), ":"); len(clock) > 1 && len(clock) <= 3 {
			sign := number[:len(number)-len(strings.TrimPrefix(number, "-"))]
			for i, c := range clock {
				pairs = append(pairs, [2]string{sign + c, fields[timeFields+1+i]})
			}
			continue
		}
		n = strings.IndexFunc(text, func(r rune) bool { return !isUnitLetter(r) })
		if n < 0 {
			n = len(text)
		}
		pairs = append(pairs, [2]string{number, text[:n]})
		text = text[n:]
	}
	return pairs
}

// isoPairs cuts what stands behind the P of ISO 8601's 'P1Y2M3DT4H5M6.5S'.
func isoPairs(text string) [][2]string {
	var pairs [][2]string
	names := map[byte]string{'Y': "YEAR", 'M': "MONTH", 'W': "WEEK", 'D': "DAY"}
	for text != "" {
		if text[0] == 'T' {
			names = map[byte]string{'H': "HOUR", 'M': "MINUTE", 'S': "SECOND"}
			text = text[1:]
			continue
		}
		n := strings.IndexFunc(text, isUnitLetter)
		if n <= 0 || names[text[n]] == "" {
			return nil
		}
		pairs = append(pairs, [2]string{text[:n], names[text[n]]})
		text = text[n+1:]
	}
	return pairs
}

// sumOf makes an interval of parts. It is spelled in months, or in the largest unit
// of which it is a whole number, or, having months and a fixed length, in both.
func (p *parser) sumOf(first int, s *span) (*ast.Interval, error) {
	iv := &ast.Interval{Node: p.from(first)}
	if !s.months.IsInt() || !s.micros.IsInt() {
		return nil, diag.New(diag.BadLiteral, iv.At, "the interval is no whole number of months or of microseconds").WithHint("write it with a smaller unit")
	}
	if s.months.Num().CmpAbs(big.NewInt(math.MaxInt64)) > 0 || s.micros.Num().CmpAbs(big.NewInt(math.MaxInt64)) > 0 {
		return nil, diag.New(diag.BadLiteral, iv.At, "the interval is too long")
	}
	iv.Months, iv.Micros = s.months.Num().Int64(), s.micros.Num().Int64()
	switch {
	case iv.Micros == 0 && iv.Months != 0:
		iv.Text = "INTERVAL " + s.months.Num().String() + " MONTH"
	case iv.Months == 0:
		iv.Text = "INTERVAL " + fixedText(iv.Micros)
	default:
		iv.Text = "INTERVAL '" + s.months.Num().String() + " MONTH " + fixedText(iv.Micros) + "'"
	}
	return iv, nil
}

// fixedText spells a number of microseconds in the largest unit that it is a whole
// number of, up to days, or else in seconds.
func fixedText(micros int64) string {
	v := new(big.Rat).SetInt64(micros)
	name, in := "SECOND", int64(1_000_000)
	for _, f := range [...]string{"DAY", "HOUR", "MINUTE"} {
		if u, _ := findUnit(f); micros != 0 && micros%u.micros == 0 {
			name, in = u.name, u.micros
			break
		}
	}
	text := v.Quo(v, new(big.Rat).SetInt64(in)).FloatString(6)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " " + name
}
