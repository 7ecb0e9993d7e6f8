package expr

import (
	"math"
	mathbits "math/bits"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// dense holds the constants that a kernel wants as a whole column: they are
// written once, and again only when a batch is longer than any before.
type dense[T any] struct{ rows []T }

func (d *dense[T]) of(src []T, one bool, n int) []T {
	if !one {
		return src[:n]
	}
	if len(d.rows) < n {
		d.rows = make([]T, n)
		for i := range d.rows {
			d.rows[i] = src[0]
		}
	}
	return d.rows[:n]
}

// buildArith makes +, - and * of two BIGINTs, DOUBLEs or DECIMALs, or of two
// integers of which one is unsigned.
func buildArith(call *physical.Call, ledger *stream.Ledger) (node, error) {
	op := call.Fn[0]
	switch {
	case call.T.Kind == types.Bigint && takes(call, types.Bigint):
		return newStrict(call, ledger, intArith(op))
	case call.T.Kind == types.Ubigint && takesIntegers(call):
		return newStrict(call, ledger, uintArith(op, signsOf(call)))
	case call.T.Kind == types.Double && takes(call, types.Double):
		return newStrict(call, ledger, numArith(op))
	case call.T.Kind == types.Decimal && takes(call, types.Decimal):
		return newStrict(call, ledger, decArith(op, call))
	}
	return nil, misuse(call)
}

func intArith(op byte) kernel {
	var left, right dense[int64]
	return func(f *frame, o *out, v []*vec) {
		x, y := v[0], v[1]
		if x.one && op != '-' {
			x, y = y, x
		}
		a := left.of(x.ints, x.one, f.n)
		var bad bool
		switch {
		case op == '+' && y.one:
			bad = addIntConst(o.ints, a, y.ints[0])
		case op == '-' && y.one:
			bad = subIntConst(o.ints, a, y.ints[0])
		case op == '*' && y.one:
			bad = mulIntConst(o.ints, a, y.ints[0])
		case op == '+':
			bad = addInts(o.ints, a, y.ints)
		case op == '-':
			bad = subInts(o.ints, a, y.ints)
		default:
			bad = mulInts(o.ints, a, y.ints)
		}
		if !bad {
			return
		}
		// Somewhere a result did not fit, maybe in a row that is NULL: look again.
		b := right.of(y.ints, y.one, f.n)
		for i := range a {
			if overflows(op, a[i], b[i]) {
				o.fail(f, i)
			}
		}
	}
}

// The loops over BIGINT tell whether a result did not fit into 64 bits. They have no branch, and the compiler sees that no index is out of
// bounds.

func addInts(out, a, b []int64) bool {
	var bad int64
	out, b = out[:len(a)], b[:len(a)]
	for i, x := range a {
		y := b[i]
		r := x + y
		bad |= (x ^ r) & (y ^ r)
		out[i] = r
	}
	return bad < 0
}

func addIntConst(out, a []int64, y int64) bool {
	var bad int64
	out = out[:len(a)]
	for i, x := range a {
		r := x + y
		bad |= (x ^ r) & (y ^ r)
		out[i] = r
	}
	return bad < 0
}

func subInts(out, a, b []int64) bool {
	var bad int64
	out, b = out[:len(a)], b[:len(a)]
	for i, x := range a {
		y := b[i]
		r := x - y
		bad |= (x ^ y) & (x ^ r)
		out[i] = r
	}
	return bad < 0
}

func subIntConst(out, a []int64, y int64) bool {
	var bad int64
	out = out[:len(a)]
	for i, x := range a {
		r := x - y
		bad |= (x ^ y) & (x ^ r)
		out[i] = r
	}
	return bad < 0
}

// mulHigh is not 0 if x*y, whose low half is r, does not fit.
func mulHigh(x, y, r int64) int64 {
	hi, _ := mathbits.Mul64(uint64(x), uint64(y))
	return (int64(hi) - x>>63&y - y>>63&x) ^ r>>63
}

func mulInts(out, a, b []int64) bool {
	var bad int64
	out, b = out[:len(a)], b[:len(a)]
	for i, x := range a {
		r := x * b[i]
		bad |= mulHigh(x, b[i], r)
		out[i] = r
	}
	return bad != 0
}

func mulIntConst(out, a []int64, y int64) bool {
	var bad int64
	out = out[:len(a)]
	for i, x := range a {
		r := x * y
		bad |= mulHigh(x, y, r)
		out[i] = r
	}
	return bad != 0
}

func overflows(op byte, x, y int64) bool {
	switch op {
	case '+':
		r := x + y
		return (x^r)&(y^r) < 0
	case '-':
		r := x - y
		return (x^y)&(x^r) < 0
	}
	return mulHigh(x, y, x*y) != 0
}

func numArith(op byte) kernel {
	var left dense[float64]
	return func(f *frame, o *out, v []*vec) {
		x, y := v[0], v[1]
		if x.one && op != '-' {
			x, y = y, x
		}
		a := left.of(x.nums, x.one, f.n)
		switch {
		case op == '+' && y.one:
			addNumConst(o.nums, a, y.nums[0])
		case op == '-' && y.one:
			addNumConst(o.nums, a, -y.nums[0])
		case op == '*' && y.one:
			mulNumConst(o.nums, a, y.nums[0])
		case op == '+':
			addNums(o.nums, a, y.nums)
		case op == '-':
			subNums(o.nums, a, y.nums)
		default:
			mulNums(o.nums, a, y.nums)
		}
		failInfinite(f, o)
	}
}

// finite tells whether x is neither infinite nor NaN.
func finite(x float64) bool { return x-x == 0 }

// failInfinite makes the results NULL that no DOUBLE can hold.
func failInfinite(f *frame, o *out) {
	for i, x := range o.nums {
		if !finite(x) {
			o.fail(f, i)
		}
	}
}

// The conversions say that a result is rounded here: without them a compiler
// may fuse a product with the sum that it feeds, on some machines only.

func addNums(out, a, b []float64) {
	out, b = out[:len(a)], b[:len(a)]
	for i, x := range a {
		out[i] = float64(x + b[i])
	}
}

func addNumConst(out, a []float64, y float64) {
	out = out[:len(a)]
	for i, x := range a {
		out[i] = float64(x + y)
	}
}

func subNums(out, a, b []float64) {
	out, b = out[:len(a)], b[:len(a)]
	for i, x := range a {
		out[i] = float64(x - b[i])
	}
}

func mulNums(out, a, b []float64) {
	out, b = out[:len(a)], b[:len(a)]
	for i, x := range a {
		out[i] = float64(x * b[i])
	}
}

func mulNumConst(out, a []float64, y float64) {
	out = out[:len(a)]
	for i, x := range a {
		out[i] = float64(x * y)
	}
}

// buildDivide makes / (of integers with a DECIMAL result, DECIMAL, DOUBLE), div
// (integers) and % (integers, DECIMAL, DOUBLE; the sign is that of the dividend).
func buildDivide(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.Fn != "/" && takesIntegers(call) && !takes(call, types.Bigint) && call.T.IsInteger() {
		return newStrict(call, ledger, uintDivide(call.Fn == "%", signsOf(call), call.T.Kind == types.Ubigint))
	}
	switch {
	case call.T.Kind == types.Bigint && takes(call, types.Bigint) && call.Fn != "/":
		return newStrict(call, ledger, intDivide(call.Fn == "%"))
	case call.T.Kind == types.Double && takes(call, types.Double) && call.Fn != "div":
		return newStrict(call, ledger, numDivide(call.Fn == "%"))
	case call.T.Kind == types.Decimal && takes(call, types.Decimal) && call.Fn != "div":
		return newStrict(call, ledger, decArith(call.Fn[0], call))
	case call.T.Kind == types.Decimal && takesIntegers(call) && call.Fn == "/":
		divide := decArith('/', call)
		var wide [2]vec
		return newStrict(call, ledger, func(f *frame, o *out, v []*vec) {
			for i, x := range v {
				wide[i].one = x.one
				wide[i].decs = grow(wide[i].decs, len(x.ints))
				for j, y := range x.ints {
					if x.class == uints {
						wide[i].decs[j] = decimal128.FromU64(uint64(y))
					} else {
						wide[i].decs[j] = decimal128.FromI64(y)
					}
				}
			}
			divide(f, o, []*vec{&wide[0], &wide[1]})
		})
	}
	return nil, misuse(call)
}

func intDivide(remainder bool) kernel {
	return func(f *frame, o *out, v []*vec) {
		a, b := v[0], v[1]
		for i := range f.n {
			x, y := a.ints[a.at(i)], b.ints[b.at(i)]
			switch {
			case y == 0 || !remainder && y == -1 && x == math.MinInt64:
				o.ints[i] = 0
				o.fail(f, i)
			case remainder:
				o.ints[i] = x % y
			default:
				o.ints[i] = x / y
			}
		}
	}
}

func numDivide(remainder bool) kernel {
	return func(f *frame, o *out, v []*vec) {
		a, b := v[0], v[1]
		for i := range f.n {
			x, y := a.nums[a.at(i)], b.nums[b.at(i)]
			if remainder {
				o.nums[i] = math.Mod(x, y)
			} else {
				o.nums[i] = x / y // infinite or NaN where y is 0
			}
		}
		failInfinite(f, o)
	}
}
