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

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/cockroachdb/apd/v3"

	"weir/planner/physical"
	"weir/sql/types"
)

// model evaluates an expression for one row, the slow and obvious way: it is
// what the vectorised evaluators are held against. Values are nil, bool, int64
// (days or microseconds for times), float64, string, *apd.Decimal.
type model struct {
	row    []any
	nulled int
}

// exact computes with as many digits as 38-digit operands can need.
func exact() *apd.Context {
	c := apd.BaseContext.WithPrecision(400)
	c.Rounding = apd.RoundHalfUp
	c.MaxExponent, c.MinExponent = apd.MaxExponent, apd.MinExponent
	return c
}

func (m *model) fail() any {
	m.nulled++
	return nil
}

// fit rounds d to a DECIMAL type.
func (m *model) fit(d *apd.Decimal, t types.Type) any {
	var r apd.Decimal
	if _, err := exact().Quantize(&r, d, int32(-t.Scale)); err != nil {
		panic(err)
	}
	if r.Coeff.Sign() == 0 {
		r.Negative = false
	} else if r.NumDigits() > int64(t.Precision) {
		return m.fail()
	}
	return &r
}

func (m *model) finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return m.fail()
	}
	return f
}

func (m *model) whole(b *big.Int) any {
	if !b.IsInt64() {
		return m.fail()
	}
	return b.Int64()
}

func literalValue(l *physical.Literal) any {
	if n, ok := l.Value.(decimal128.Num); ok {
		return decimalOf(n, l.T.Scale)
	}
	return l.Value
}

func decimalOf(n decimal128.Num, scale int) *apd.Decimal {
	d := apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(n.BigInt()), int32(-scale))
	return d
}

func (m *model) eval(e physical.Expr) any {
	switch e := e.(type) {
	case *physical.Literal:
		return literalValue(e)
	case *physical.Column:
		return m.row[e.Index]
	}
	c := e.(*physical.Call)
	if v, ok := m.lazy(c); ok {
		return v
	}
	args := make([]any, len(c.Args))
	null := false
	for i, a := range c.Args {
		args[i] = m.eval(a)
		null = null || args[i] == nil
	}
	switch c.Fn {
	case "is_null":
		return args[0] == nil
	case "is_true":
		return args[0] == true
	case "is_false":
		return args[0] == false
	case "<=>":
		if null {
			return args[0] == nil && args[1] == nil
		}
		return compareValues(args[0], args[1]) == 0
	case "nullif":
		if null {
			return m.arm(args[0], c.Args[0].Type(), c.T)
		}
		if compareValues(m.arm(args[0], c.Args[0].Type(), c.T), args[1]) == 0 {
			return nil
		}
		return m.arm(args[0], c.Args[0].Type(), c.T)
	}
	if null {
		return nil
	}
	return m.strict(c, args)
}

// lazy evaluates what looks at its arguments one by one.
func (m *model) lazy(c *physical.Call) (any, bool) {
	switch c.Fn {
	case "and", "or":
		decides := c.Fn == "or"
		null := false
		for _, a := range c.Args {
			switch m.eval(a) {
			case decides:
				return decides, true
			case nil:
				null = true
			}
		}
		if null {
			return nil, true
		}
		return !decides, true
	case "case", "if":
		for i := 0; i+1 < len(c.Args); i += 2 {
			if m.eval(c.Args[i]) == true {
				return m.arm(m.eval(c.Args[i+1]), c.Args[i+1].Type(), c.T), true
			}
		}
		if last := c.Args[len(c.Args)-1]; len(c.Args)%2 == 1 {
			return m.arm(m.eval(last), last.Type(), c.T), true
		}
		return nil, true
	case "coalesce":
		for _, a := range c.Args {
			if v := m.arm(m.eval(a), a.Type(), c.T); v != nil {
				return v, true
			}
		}
		return nil, true
	case "in":
		v := m.eval(c.Args[0])
		if v == nil {
			return nil, true
		}
		null := false
		for _, constants := range []bool{true, false} {
			for _, a := range c.Args[1:] {
				if _, ok := a.(*physical.Literal); ok != constants {
					continue
				}
				w := m.eval(a)
				if w == nil {
					null = true
				} else if compareValues(v, w) == 0 {
					return true, true
				}
			}
		}
		if null {
			return nil, true
		}
		return false, true
	}
	return nil, false
}

func (m *model) arm(v any, from, to types.Type) any {
	if v != nil && (from.Kind == types.Decimal && from != to || from.Kind == types.Datetime && from.Precision > to.Precision) {
		return m.cast(v, from, to)
	}
	return v
}

func compareValues(a, b any) int {
	switch a := a.(type) {
	case bool:
		return strings.Compare(strconv.FormatBool(a), strconv.FormatBool(b.(bool)))
	case int64:
		return big.NewInt(a).Cmp(big.NewInt(b.(int64)))
	case float64:
		switch b := b.(float64); {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	case *apd.Decimal:
		return a.Cmp(b.(*apd.Decimal))
	}
	return strings.Compare(a.(string), b.(string))
}

func (m *model) strict(c *physical.Call, a []any) any {
	switch c.Fn {
	case "=":
		return compareValues(a[0], a[1]) == 0
	case "<>":
		return compareValues(a[0], a[1]) != 0
	case "<":
		return compareValues(a[0], a[1]) < 0
	case "<=":
		return compareValues(a[0], a[1]) <= 0
	case ">":
		return compareValues(a[0], a[1]) > 0
	case ">=":
		return compareValues(a[0], a[1]) >= 0
	case "not":
		return !a[0].(bool)
	case "xor":
		return a[0] != a[1]
	case "+", "-", "*", "/", "div", "%", "neg", "abs":
		return m.arith(c, a)
	case "round", "floor", "ceil":
		return m.round(c, a)
	case "power":
		return m.finite(math.Pow(a[0].(float64), a[1].(float64)))
	case "sqrt":
		return m.finite(math.Sqrt(a[0].(float64)))
	case "cast":
		return m.cast(a[0], c.Args[0].Type(), c.T)
	case "greatest", "least":
		for i, v := range a {
			if a[i] = m.arm(v, c.Args[i].Type(), c.T); a[i] == nil {
				return nil
			}
		}
		best := a[0]
		for _, v := range a[1:] {
			if o := compareValues(v, best); o > 0 && c.Fn == "greatest" || o < 0 && c.Fn == "least" {
				best = v
			}
		}
		return best
	case "like":
		escape := '\\'
		if len(a) == 3 && a[2] != "" {
			escape, _ = utf8.DecodeRuneInString(a[2].(string))
		}
		return likeModel(a[0].(string), a[1].(string), escape)
	}
	if v, ok := textModel(c, a); ok {
		return v
	}
	return m.times(c, a)
}

func (m *model) arith(c *physical.Call, a []any) any {
	switch x := a[0].(type) {
	case int64:
		if c.T.Kind == types.Decimal {
			return m.decimalArith(c, apd.New(x, 0), apd.New(a[1].(int64), 0))
		}
		bx, by := big.NewInt(x), new(big.Int)
		if len(a) == 2 {
			by.SetInt64(a[1].(int64))
		}
		switch c.Fn {
		case "+":
			return m.whole(bx.Add(bx, by))
		case "-":
			return m.whole(bx.Sub(bx, by))
		case "*":
			return m.whole(bx.Mul(bx, by))
		case "neg":
			return m.whole(bx.Neg(bx))
		case "abs":
			return m.whole(bx.Abs(bx))
		}
		if by.Sign() == 0 {
			return m.fail()
		}
		if c.Fn == "div" {
			return m.whole(bx.Quo(bx, by))
		}
		return m.whole(bx.Rem(bx, by))
	case float64:
		y := 0.0
		if len(a) == 2 {
			y = a[1].(float64)
		}
		switch c.Fn {
		case "+":
			return m.finite(x + y)
		case "-":
			return m.finite(x - y)
		case "*":
			return m.finite(x * y)
		case "/":
			return m.finite(x / y)
		case "%":
			return m.finite(math.Mod(x, y))
		case "neg":
			return -x
		}
		return math.Abs(x)
	}
	y := apd.New(0, 0)
	if len(a) == 2 {
		y = a[1].(*apd.Decimal)
	}
	return m.decimalArith(c, a[0].(*apd.Decimal), y)
}

func (m *model) decimalArith(c *physical.Call, x, y *apd.Decimal) any {
	var r apd.Decimal
	var err error
	switch c.Fn {
	case "+":
		_, err = exact().Add(&r, x, y)
	case "-":
		_, err = exact().Sub(&r, x, y)
	case "*":
		_, err = exact().Mul(&r, x, y)
	case "/", "%":
		if y.IsZero() {
			return m.fail()
		}
		if c.Fn == "/" {
			_, err = exact().Quo(&r, x, y)
		} else {
			_, err = exact().Rem(&r, x, y)
		}
	case "neg":
		r.Neg(x)
	case "abs":
		r.Abs(x)
	}
	if err != nil {
		panic(err)
	}
	return m.fit(&r, c.T)
}

func (m *model) round(c *physical.Call, a []any) any {
	digits := int64(0)
	if len(a) == 2 {
		digits = max(-400, min(400, a[1].(int64)))
	}
	if f, ok := a[0].(float64); ok {
		mode := map[string]rounding{"round": halfAway, "floor": down, "ceil": up}[c.Fn]
		return m.finite(roundNum(f, int(digits), mode)) // has a table test of its own
	}
	x, ok := a[0].(*apd.Decimal)
	if !ok {
		x = apd.New(a[0].(int64), 0)
	}
	var r apd.Decimal
	var err error
	switch {
	case -int64(x.Exponent) <= digits:
		r.Set(x)
	case c.Fn == "floor":
		_, err = exact().Floor(&r, x)
	case c.Fn == "ceil":
		_, err = exact().Ceil(&r, x)
	default:
		_, err = exact().Quantize(&r, x, int32(-digits))
	}
	if err != nil {
		panic(err)
	}
	return m.number(&r, types.DecimalType(400, 0), c.T)
}

// number gives d the type t.
func (m *model) number(d *apd.Decimal, _, t types.Type) any {
	switch t.Kind {
	case types.Decimal:
		return m.fit(d, t)
	case types.Bigint:
		var r apd.Decimal
		if _, err := exact().Quantize(&r, d, 0); err != nil {
			panic(err)
		}
		n, err := r.Int64()
		if err != nil {
			return m.fail()
		}
		return n
	case types.Double:
		f, err := strconv.ParseFloat(d.Text('e'), 64)
		if err != nil {
			return m.fail()
		}
		return f
	case types.Boolean:
		return !d.IsZero()
	}
	panic("no number: " + t.String())
}

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
