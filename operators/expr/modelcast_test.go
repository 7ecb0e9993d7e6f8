package expr

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"weir/sql/types"
)

const numberPattern = `^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`

func (m *model) cast(v any, from, to types.Type) any {
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
		case types.Bigint:
			n, _ := new(big.Float).SetFloat64(math.Round(v)).Int(nil)
			return m.whole(n)
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
	if to.Kind == types.Bigint && from.Kind == types.Datetime {
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
	if to.Kind == types.Bigint {
		if v := m.fit(d, types.DecimalType(38, 0)); v == nil {
			return nil
		}
	}
	return m.number(d, types.VarcharType, to)
}

func textOf(v any, t types.Type) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return string(types.AppendDouble(nil, v))
	case *apd.Decimal:
		return v.Text('f')
	case string:
		return v
	}
	switch n := v.(int64); t.Kind {
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
