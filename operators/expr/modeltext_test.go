package expr

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"weir/planner/physical"
	"weir/sql/types"
)

// likeModel matches by a regular expression.
func likeModel(s, pattern string, escape rune) bool {
	var re strings.Builder
	re.WriteString(`(?s)\A`)
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == escape && i+1 < len(runes):
			i++
			re.WriteString(regexp.QuoteMeta(string(runes[i])))
		case r == '%':
			re.WriteString(`.*`)
		case r == '_':
			re.WriteString(`.`)
		default:
			re.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	re.WriteString(`\z`)
	return regexp.MustCompile(re.String()).MatchString(s)
}

func textModel(c *physical.Call, a []any) (any, bool) {
	text := func(i int) string { return a[i].(string) }
	count := func(i int) int { return int(max(-1e6, min(1e6, a[i].(int64)))) }
	cut := func(r []rune, n int) string { return string(r[:max(0, min(len(r), n))]) }
	switch c.Fn {
	case "concat":
		s := ""
		for i := range a {
			s += text(i)
		}
		return s, true
	case "upper":
		return strings.ToUpper(text(0)), true
	case "lower":
		return strings.ToLower(text(0)), true
	case "trim":
		return strings.Trim(text(0), " "), true
	case "length":
		return int64(len(text(0))), true
	case "char_length":
		return int64(len([]rune(text(0)))), true
	case "replace":
		if text(1) == "" {
			return text(0), true
		}
		return strings.ReplaceAll(text(0), text(1), text(2)), true
	case "substring_index":
		return substringIndex(text(0), text(1), count(2)), true
	case "left":
		return cut([]rune(text(0)), count(1)), true
	case "right":
		r := []rune(text(0))
		return string(r[len(r)-max(0, min(len(r), count(1))):]), true
	case "substring":
		r, pos := []rune(text(0)), count(1)
		if pos < 0 {
			pos += len(r) + 1
		}
		if pos <= 0 || pos > len(r) {
			return "", true
		}
		if len(a) == 3 {
			return cut(r[pos-1:], count(2)), true
		}
		return string(r[pos-1:]), true
	}
	return nil, false
}

func (m *model) times(c *physical.Call, a []any) any {
	if c.Fn == "from_unixtime" {
		t := time.Unix(a[0].(int64), 0).UTC()
		if y := t.Year(); y < 0 || y > 9999 || a[0].(int64) > 1e15 || a[0].(int64) < -1e15 {
			return m.fail()
		}
		return t.UnixMicro()
	}
	micros := a[0].(int64)
	if c.Args[0].Type().Kind == types.Date {
		micros *= microsPerDay
	}
	t := time.UnixMicro(micros).UTC()
	switch c.Fn {
	case "year":
		return int64(t.Year())
	case "month":
		return int64(t.Month())
	case "day":
		return int64(t.Day())
	case "hour":
		return int64(t.Hour())
	case "minute":
		return int64(t.Minute())
	case "second":
		return int64(t.Second())
	case "unix_timestamp":
		return t.Unix()
	case "date":
		return floorDiv(micros, microsPerDay)
	case "date_format":
		return t.Format("2006-01-02 15:04:05.000000 Mon Monday Jan January 03 PM 002")
	case "date_add":
		if c.T.Kind == types.Time {
			sum := new(big.Int).Add(bigOf(a[0]), big.NewInt(a[1].(physical.Span).Micros))
			if sum.CmpAbs(big.NewInt(types.TimeMax)) > 0 {
				return m.fail()
			}
			return sum.Int64()
		}
		span := a[1].(physical.Span)
		first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, int(span.Months), 0)
		day := min(t.Day(), first.AddDate(0, 1, -1).Day())
		r := time.Date(first.Year(), first.Month(), day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		if r.Year() < 0 || r.Year() > 9999 {
			return m.fail()
		}
		r = r.Add(time.Duration(span.Micros) * time.Microsecond)
		if r.Year() < 0 || r.Year() > 9999 {
			return m.fail()
		}
		if c.T.Kind == types.Date {
			return floorDiv(r.UnixMicro(), microsPerDay)
		}
		return r.UnixMicro()
	}
	panic("the model does not know " + c.Fn)
}

// substringIndex splits, with the text turned around for a negative n.
func substringIndex(s, by string, n int) string {
	switch {
	case by == "" || n == 0:
		return ""
	case n < 0:
		return turn(substringIndex(turn(s), turn(by), -n))
	}
	parts := strings.Split(s, by)
	return strings.Join(parts[:min(n, len(parts))], by)
}

func turn(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}
