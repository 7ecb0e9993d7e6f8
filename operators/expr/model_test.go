package expr

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/cockroachdb/apd/v3"

	"weir/planner/physical"
	"weir/sql/types"
)

// model evaluates an expression for one row, the slow and obvious way: it is
// what the vectorised evaluators are held against. Values are nil, bool, int64
// (days or microseconds for times), uint64, float64, string, *apd.Decimal.
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

func (m *model) whole(b *big.Int, t types.Type) any {
	if t.Kind == types.Ubigint {
		if !b.IsUint64() {
			return m.fail()
		}
		return b.Uint64()
	}
	if !b.IsInt64() {
		return m.fail()
	}
	return b.Int64()
}

func bigOf(v any) *big.Int {
	if u, ok := v.(uint64); ok {
		return new(big.Int).SetUint64(u)
	}
	return big.NewInt(v.(int64))
}

func apdOf(v any) *apd.Decimal {
	return apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(bigOf(v)), 0)
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
	if v != nil && (from.Kind == types.Decimal && from != to || (from.Kind == types.Datetime || from.Kind == types.Time) && from.Precision > to.Precision) {
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
	case uint64:
		return bigOf(a).Cmp(bigOf(b))
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
	case int64, uint64:
		if c.T.Kind == types.Decimal {
			return m.decimalArith(c, apdOf(x), apdOf(a[1]))
		}
		bx, by := bigOf(x), new(big.Int)
		if len(a) == 2 {
			by = bigOf(a[1])
		}
		switch c.Fn {
		case "+":
			return m.whole(bx.Add(bx, by), c.T)
		case "-":
			return m.whole(bx.Sub(bx, by), c.T)
		case "*":
			return m.whole(bx.Mul(bx, by), c.T)
		case "neg":
			return m.whole(bx.Neg(bx), c.T)
		case "abs":
			return m.whole(bx.Abs(bx), c.T)
		}
		if by.Sign() == 0 {
			return m.fail()
		}
		if c.Fn == "div" {
			return m.whole(bx.Quo(bx, by), c.T)
		}
		return m.whole(bx.Rem(bx, by), c.T)
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
		x = apdOf(a[0])
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
	case types.Bigint, types.Ubigint:
		var r apd.Decimal
		if _, err := exact().Quantize(&r, d, 0); err != nil {
			panic(err)
		}
		n, ok := new(big.Int).SetString(r.Text('f'), 10)
		if !ok {
			panic(r.Text('f'))
		}
		return m.whole(n, t)
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
