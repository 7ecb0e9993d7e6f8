package expr

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"

	"weir/sql/types"
)

const numberPattern = `^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`

func (m *model) cast(v any, from, to types.Type) any {
	if to.Width > 0 {
		if v = m.cast(v, from, to.Wide()); v == nil {
			return nil
		}
		if f, ok := v.(float64); ok {
			if math.IsInf(float64(float32(f)), 0) {
				return m.fail()
			}
			return float64(float32(f)) + 0
		}
		if least, greatest := to.IntRange(); v.(int64) < least || v.(int64) > greatest {
			return m.fail()
		}
		return v
	}
	if to.Kind == types.Varbinary {
		s := textOf(v, from)
		if to.Length > 0 {
			s = s[:min(len(s), to.Length)]
		}
		return s
	}
	if from.Kind == types.Varbinary && !utf8.ValidString(v.(string)) {
		return m.fail()
	}
	if from.Kind == types.Time && to.Kind != types.Varchar {
		return m.castClock(v.(int64), to)
	}
	if to.Kind == types.Time {
		if n, ok := v.(int64); ok {
			t := time.UnixMicro(n).UTC()
			if from.Kind == types.Date {
				t = time.Unix(0, 0).UTC()
			}
			return m.castClock((int64(t.Hour())*3600+int64(t.Minute())*60+int64(t.Second()))*microsPerSecond+int64(t.Nanosecond()/1000), to)
		}
	}
	if u, ok := v.(uint64); ok && to.Kind != types.Varchar {
		if to.IsTime() {
			if v = m.whole(bigOf(u), types.BigintType); v == nil {
				return nil
			}
			return m.clockNumber(apdOf(v), to)
		}
		return m.number(apdOf(u), from, to)
	}
	if to.Kind == types.Varchar {
		s := textOf(v, from)
		if r := []rune(s); to.Length > 0 && len(r) > to.Length {
			s = string(r[:to.Length])
		}
		return s
	}
	switch v := v.(type) {
	case bool:
		if to.Kind == types.Boolean {
			return v
		}
		n := int64(0)
		if v {
			n = 1
		}
		return m.cast(n, types.BigintType, to)
	case float64:
		switch to.Kind {
		case types.Double:
			return v
		case types.Boolean:
			return v != 0
		case types.Bigint, types.Ubigint:
			n, _ := new(big.Float).SetFloat64(math.Round(v)).Int(nil)
			return m.whole(n, to)
		}
		d, _, err := apd.NewFromString(strconv.FormatFloat(v, 'g', -1, 64))
		if err != nil {
			panic(err)
		}
		return m.cast(d, types.Type{Kind: types.Decimal}, to)
	case *apd.Decimal:
		if to.IsTime() {
			return m.clockNumber(v, to)
		}
		return m.number(v, from, to)
	case string:
		return m.parse(strings.Trim(v, " \t\n\v\f\r"), to)
	}
	n := v.(int64)
	switch from.Kind {
	case types.Bigint:
		if to.Kind == types.Bigint {
			return n
		}
		if to.Kind == types.Ubigint {
			return m.whole(big.NewInt(n), to)
		}
		if to.IsTime() {
			return m.clockNumber(apd.New(n, 0), to)
		}
		return m.number(apd.New(n, 0), from, to)
	case types.Date:
		n *= microsPerDay
	}
	switch to.Kind {
	case types.Date:
		return floorDiv(n, microsPerDay)
	case types.Datetime:
		return m.roundTime(n, to.Precision)
	}
	if to.IsInteger() && from.Kind == types.Datetime {
		r := m.roundTime(n, 0)
		if r == nil {
			return nil
		}
		n = r.(int64)
	}
	t := time.UnixMicro(n).UTC()
	layout := "20060102150405.000000"
	if from.Kind == types.Date {
		layout = "20060102"
	}
	d, _, err := apd.NewFromString(t.Format(layout))
	if err != nil {
		panic(err)
	}
	return m.number(d, from, to)
}

// castClock casts a TIME.
func (m *model) castClock(n int64, to types.Type) any {
	digits := 6
	switch to.Kind {
	case types.Time:
		digits = to.Precision
	case types.Bigint, types.Ubigint:
		digits = 0
	case types.Boolean:
		return n != 0
	}
	var r apd.Decimal
	if _, err := exact().Quantize(&r, apd.New(n, -6), int32(-digits)); err != nil {
		panic(err)
	}
	text, _ := strings.CutPrefix(r.Text('f'), "-")
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		panic(err)
	}
	micros, _ := strconv.ParseInt((fraction + "000000")[:6], 10, 64)
	if seconds*microsPerSecond+micros > types.TimeMax {
		return m.fail()
	}
	if to.Kind == types.Time {
		if n = seconds*microsPerSecond + micros; r.Negative {
			return -n
		}
		return n
	}
	d, _, err := apd.NewFromString(fmt.Sprintf("%d%02d%02d.%06d", seconds/3600, seconds/60%60, seconds%60, micros))
	if err != nil {
		panic(err)
	}
	d.Negative = r.Negative && !d.IsZero()
	return m.number(d, types.Type{}, to)
}

func (m *model) roundTime(n int64, precision int) any {
	t := time.UnixMicro(n).UTC()
	unit := time.Duration(math.Pow10(9 - precision))
	low := t.Truncate(unit)
	if t.Sub(low)*2 >= unit && unit > 1000 {
		low = low.Add(unit)
	}
	if low.Year() > 9999 || low.Year() < 0 {
		return m.fail()
	}
	return low.UnixMicro()
}

// clockNumber reads YYYYMMDD[hhmmss[.f]].
func (m *model) clockNumber(d *apd.Decimal, to types.Type) any {
	var r apd.Decimal
	if _, err := exact().Quantize(&r, d, -6); err != nil {
		panic(err)
	}
	if r.NumDigits() > 20 {
		return m.fail()
	}
	if r.Negative && !r.IsZero() {
		return m.fail()
	}
	whole, digits, _ := strings.Cut(r.Text('f'), ".")
	whole = strings.TrimPrefix(whole, "-")
	fraction, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		panic(err)
	}
	layout := "20060102"
	switch n := len(whole); {
	case n > 8:
		layout = "20060102150405"
		if n <= 12 {
			whole = fmt.Sprintf("%012s", whole)
			whole = century(whole)
		}
	case n <= 6:
		whole = century(fmt.Sprintf("%06s", whole))
	}
	if len(whole) == 7 || len(whole) == 13 {
		whole = "0" + whole
	}
	t, err := time.Parse(layout, whole)
	if err != nil || len(whole) == 8 && whole < "10000101" {
		return m.fail()
	}
	n := m.roundTime(t.UnixMicro()+fraction, max(to.Precision, map[bool]int{true: 6}[to.Kind == types.Date]))
	if n == nil || to.Kind == types.Datetime {
		return n
	}
	return floorDiv(n.(int64), microsPerDay)
}

func century(s string) string {
	if s[:2] < "70" {
		return "20" + s
	}
	return "19" + s
}

func (m *model) parse(s string, to types.Type) any {
	if to.IsTime() {
		micros, ok := types.ParseDatetime(s) // tested where it is
		if days, day := types.ParseDate(s); day {
			micros, ok = int64(days)*microsPerDay, true
		}
		switch {
		case !ok:
			return m.fail()
		case to.Kind == types.Date:
			return floorDiv(micros, microsPerDay)
		}
		return m.roundTime(micros, to.Precision)
	}
	if to.Kind == types.Time {
		n, ok := parseClock(s)
		if t, isTime := types.ParseDatetime(s); isTime {
			day := time.UnixMicro(t).UTC().Truncate(24 * time.Hour)
			n, ok = t-day.UnixMicro(), true
		}
		if !ok {
			return m.fail()
		}
		return m.castClock(n, to)
	}
	if to.Kind == types.Boolean && strings.EqualFold(s, "true") {
		return true
	}
	if to.Kind == types.Boolean && strings.EqualFold(s, "false") {
		return false
	}
	if !regexp.MustCompile(numberPattern).MatchString(s) {
		return m.fail()
	}
	if to.Kind == types.Double || to.Kind == types.Boolean {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return m.fail()
		}
		if to.Kind == types.Boolean {
			return f != 0
		}
		return f
	}
	d, _, err := apd.NewFromString(s)
	if err != nil || d.Exponent > 300 && !d.IsZero() {
		return m.fail()
	}
	if to.IsInteger() {
		if v := m.fit(d, types.DecimalType(38, 0)); v == nil {
			return nil
		}
	}
	return m.number(d, types.VarcharType, to)
}

// parseClock reads a TIME.
func parseClock(s string) (int64, bool) {
	match := regexp.MustCompile(`^([+-]?)([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]+))?)?$`).FindStringSubmatch(s)
	if match == nil {
		return 0, false
	}
	n := int64(0)
	for i, size := range []int64{3_600_000_000, 60_000_000, microsPerSecond} {
		part, _ := strconv.ParseInt("0"+match[i+2], 10, 64)
		n += part * size
	}
	micros, _ := strconv.ParseInt((match[5] + "000000")[:6], 10, 64)
	if n += micros; n > 839*3_600_000_000-1_000_000 {
		return 0, false
	}
	if match[1] == "-" {
		n = -n
	}
	return n, true
}

func textOf(v any, t types.Type) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		return string(types.AppendReal(nil, v, t))
	case *apd.Decimal:
		return v.Text('f')
	case string:
		return v
	}
	switch n := v.(int64); t.Kind {
	case types.Time:
		sign := ""
		if n < 0 {
			sign, n = "-", -n
		}
		text := fmt.Sprintf("%s%02d:%02d:%02d.%06d", sign, n/3_600_000_000, n/60_000_000%60, n/1_000_000%60, n%1_000_000)
		return text[:len(text)-7] + text[len(text)-7:][:[]int{0, 2, 3, 4, 5, 6, 7}[t.Precision]]
	case types.Date:
		return time.Unix(n*86400, 0).UTC().Format(time.DateOnly)
	case types.Datetime:
		layout := time.DateTime
		if t.Precision > 0 {
			layout += "." + strings.Repeat("0", t.Precision)
		}
		return time.UnixMicro(n).UTC().Format(layout)
	default:
		return strconv.FormatInt(n, 10)
	}
}
