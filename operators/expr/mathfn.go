package expr

import (
	"math"
	mathbits "math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// numberFunctions lists the functions of numbers.
func numberFunctions() []function {
	d := types.Double
	list := []function{
		{"abs", 1, 1, buildUnary},
		{"floor", 1, 1, buildRound}, {"ceil", 1, 1, buildRound}, {"round", 1, 2, buildRound}, {"truncate", 2, 2, buildRound},
		{"power", 2, 2, buildPower}, {"sqrt", 1, 1, buildSqrt}, {"sign", 1, 1, buildSign},
		{"width_bucket", 4, 4, strictly(types.Bigint, plain(intRow(widthBucket)), d, d, d, types.Bigint)},
		{"conv", 3, 3, strictly(types.Varchar, plain(textRow(convRow)), types.Varchar, types.Bigint, types.Bigint)},
		{"format", 2, 2, buildFormat},
		{"bit_count", 1, 1, buildBits(types.Bigint, func(x, _ uint64) uint64 { return uint64(mathbits.OnesCount64(x)) })},
		{"~", 1, 1, buildBits(types.Ubigint, func(x, _ uint64) uint64 { return ^x })},
		{"rand", 3, 4, buildRand}, {"uuid", 3, 4, buildRand},
	}
	bits := func(name string, row func(x, y uint64) uint64) function {
		return function{name, 2, 2, buildBits(types.Ubigint, row)}
	}
	return slices.Concat(list, curves(), []function{
		{"atan2", 2, 2, buildCurve2(math.Atan2)}, {"log", 2, 2, buildCurve2(logOf)},
		bits("|", func(x, y uint64) uint64 { return x | y }),
		bits("&", func(x, y uint64) uint64 { return x & y }),
		bits("^", func(x, y uint64) uint64 { return x ^ y }),
		// Go shifts by 64 and more to 0, as MySQL does.
		bits("<<", func(x, y uint64) uint64 { return x << y }),
		bits(">>", func(x, y uint64) uint64 { return x >> y }),
	})
}

// curves are the functions from DOUBLE to DOUBLE; what is infinite or not a
// number has no value.
func curves() []function {
	curve := func(name string, row func(float64) float64) function { return function{name, 1, 1, buildCurve(row)} }
	return []function{
		curve("ln", logBy(math.Log)), curve("log2", logBy(math.Log2)), curve("log10", logBy(math.Log10)), curve("exp", math.Exp),
		curve("sin", math.Sin), curve("cos", math.Cos), curve("tan", math.Tan),
		curve("asin", math.Asin), curve("acos", math.Acos), curve("atan", math.Atan),
		curve("cot", func(x float64) float64 { return 1 / math.Tan(x) }),
		curve("degrees", func(x float64) float64 { return x * (180 / math.Pi) }),
		curve("radians", func(x float64) float64 { return x * (math.Pi / 180) }),
	}
}

func logBy(log func(float64) float64) func(float64) float64 {
	return func(x float64) float64 {
		if x <= 0 {
			return math.NaN()
		}
		return log(x)
	}
}

// logOf is the logarithm of x to a base.
func logOf(base, x float64) float64 {
	if base <= 0 || base == 1 || x <= 0 {
		return math.NaN()
	}
	return math.Log(x) / math.Log(base)
}

func buildCurve(row func(float64) float64) builder {
	return func(call *physical.Call, ledger *stream.Ledger) (node, error) {
		if call.T.Kind != types.Double || !takes(call, types.Double) {
			return nil, misuse(call)
		}
		return newStrict(call, ledger, convert(numsOf, numsOf, func(x float64) (float64, bool) {
			y := row(x)
			return y, finite(y)
		}))
	}
}

func buildCurve2(row func(x, y float64) float64) builder {
	return func(call *physical.Call, ledger *stream.Ledger) (node, error) {
		if call.T.Kind != types.Double || !takes(call, types.Double) {
			return nil, misuse(call)
		}
		return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
			for i := range f.n {
				o.nums[i] = row(a[0].num(i), a[1].num(i))
			}
			failInfinite(f, o)
		})
	}
}

// buildBits makes a function of the 64 bits of integers, with a sign or without.
func buildBits(result types.Kind, row func(x, y uint64) uint64) builder {
	return func(call *physical.Call, ledger *stream.Ledger) (node, error) {
		if call.T.Kind != result {
			return nil, misuse(call)
		}
		for _, arg := range call.Args {
			if t := arg.Type(); !t.IsInteger() && t.Kind != types.Null {
				return nil, misuse(call)
			}
		}
		return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
			y := a[len(a)-1]
			for i := range f.n {
				o.ints[i] = int64(row(uint64(a[0].int(i)), uint64(y.int(i))))
			}
		})
	}
}

func buildSign(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Bigint {
		return nil, misuse(call)
	}
	sign := func(less, more bool) (int64, bool) {
		switch {
		case less:
			return -1, true
		case more:
			return 1, true
		}
		return 0, true
	}
	switch call.Args[0].Type().Kind {
	case types.Bigint, types.Null:
		return newStrict(call, ledger, convert(intsOf, intsOf, func(x int64) (int64, bool) { return sign(x < 0, x > 0) }))
	case types.Ubigint:
		return newStrict(call, ledger, convert(intsOf, intsOf, func(x int64) (int64, bool) { return sign(false, x != 0) }))
	case types.Double:
		return newStrict(call, ledger, convert(numsOf, intsOf, func(x float64) (int64, bool) { return sign(x < 0, x > 0) }))
	case types.Decimal:
		return newStrict(call, ledger, convert(decsOf, intsOf, func(x decimal128.Num) (int64, bool) { return int64(x.Sign()), true }))
	}
	return nil, misuse(call)
}

// widthBucket tells in which of n equal buckets from low to high x lies: 0 below
// them, n+1 behind. With high < low they are counted from the other end.
func widthBucket(a []*vec, i int) (int64, answer) {
	x, low, high, n := a[0].num(i), a[1].num(i), a[2].num(i), a[3].int(i)
	if n <= 0 || n == math.MaxInt64 || low == high || !finite(high-low) {
		return 0, failed
	}
	if high < low {
		x, low, high = -x, -low, -high
	}
	switch {
	case x < low:
		return 0, value
	case x >= high:
		return n + 1, value
	}
	return min(int64(float64(n)*((x-low)/(high-low))), n-1) + 1, value
}

// convRow writes a whole number of one base in another. What stands behind the
// digits of the base is passed over; a negative base means that the number has
// a sign, else it is one of 64 bits without.
func convRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	s, from, to := trimSpace(a[0].text(i)), a[1].int(i), a[2].int(i)
	if from < -36 || from > 36 || -2 < from && from < 2 || to < -36 || to > 36 || -2 < to && to < 2 || len(s) == 0 {
		return dst, nothing
	}
	negative := s[0] == '-'
	if negative || s[0] == '+' {
		s = s[1:]
	}
	n := digitsIn(s, uint64(max(from, -from)))
	switch {
	case from < 0 && negative:
		n = -min(n, 1<<63)
	case from < 0:
		n = min(n, 1<<63-1)
	case negative:
		n = -n
	}
	if to < 0 && int64(n) < 0 {
		dst, n = append(dst, '-'), -n
	}
	return appendBase(dst, n, uint64(max(to, -to))), value
}

// digitsIn reads digits of a base up to the first byte that is none. Too large a
// number is the greatest one.
func digitsIn(s []byte, base uint64) uint64 {
	var n uint64
	for _, c := range s {
		d := uint64(digitOf(c))
		if d >= base {
			break
		}
		over, low := mathbits.Mul64(n, base)
		sum, carry := mathbits.Add64(low, d, 0)
		if over != 0 || carry != 0 {
			return math.MaxUint64
		}
		n = sum
	}
	return n
}

// digitOf is the value of a digit or letter, 255 for another byte.
func digitOf(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'z':
		return c - 'a' + 10
	case 'A' <= c && c <= 'Z':
		return c - 'A' + 10
	}
	return 255
}

func appendBase(dst []byte, n, base uint64) []byte {
	var digits [64]byte
	at := len(digits)
	for {
		at--
		digits[at] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[n%base]
		if n /= base; n == 0 {
			return append(dst, digits[at:]...)
		}
	}
}
