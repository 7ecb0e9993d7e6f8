package expr

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// buildUnary makes neg and abs of a BIGINT, DOUBLE or DECIMAL; a BIGINT UNSIGNED
// has no neg, and is its own abs.
func buildUnary(call *physical.Call, ledger *stream.Ledger) (node, error) {
	abs := call.Fn == "abs"
	if !takes(call, call.T.Kind) {
		return nil, misuse(call)
	}
	switch call.T.Kind {
	case types.Ubigint:
		if abs {
			return build(call.Args[0], ledger)
		}
	case types.Bigint:
		return newStrict(call, ledger, mapInts(func(x int64) (int64, bool) {
			if abs && x >= 0 {
				return x, true
			}
			return -x, x != math.MinInt64
		}))
	case types.Double:
		return newStrict(call, ledger, convert(numsOf, numsOf, func(x float64) (float64, bool) {
			if abs {
				return math.Abs(x), true
			}
			return -x, true
		}))
	case types.Decimal:
		scale := call.Args[0].Type().Scale
		return newStrict(call, ledger, convert(decsOf, decsOf, func(x decimal128.Num) (decimal128.Num, bool) {
			if !abs || x.Sign() < 0 {
				x = x.Negate()
			}
			return scaled(call.T, x, scale)
		}))
	}
	return nil, misuse(call)
}

// rounding says which way a number goes.
type rounding uint8

const (
	halfAway rounding = iota
	down              // to the next smaller whole number
	up
	toZero
)

// buildRound makes floor, ceil, truncate(x, digits) and round(x[, digits]), which
// rounds half away from zero, DOUBLE too. The argument is a number; the result is of the same
// kind, or a BIGINT.
func buildRound(call *physical.Call, ledger *stream.Ledger) (node, error) {
	mode := map[string]rounding{"round": halfAway, "floor": down, "ceil": up, "truncate": toZero}[call.Fn]
	from := call.Args[0].Type()
	if from.Kind == types.Null {
		return newLiteral(&physical.Literal{T: call.T})
	}
	if !from.IsNumeric() || len(call.Args) == 2 && call.Args[1].Type().Kind != types.Bigint && call.Args[1].Type().Kind != types.Null {
		return nil, misuse(call)
	}
	var row func(o *out, v *vec, i, j int, digits int) bool
	switch {
	case from.Kind == types.Bigint && call.T.Kind == types.Bigint:
		row = func(o *out, v *vec, i, j, digits int) (ok bool) {
			n, ok := roundDec(decimal128.FromI64(v.ints[j]), 0, digits, mode)
			o.ints[i] = int64(n.LowBits())
			return ok && n.HighBits() == o.ints[i]>>63
		}
	case from.Kind == types.Ubigint && call.T.Kind == types.Ubigint:
		row = func(o *out, v *vec, i, j, digits int) (ok bool) {
			n, ok := roundDec(decimal128.FromU64(uint64(v.ints[j])), 0, digits, mode)
			o.ints[i] = int64(n.LowBits())
			return ok && n.HighBits() == 0
		}
	case from.Kind == types.Double && call.T.Kind == types.Double:
		row = func(o *out, v *vec, i, j, digits int) bool {
			o.nums[i] = roundNum(v.nums[j], digits, mode)
			return finite(o.nums[i])
		}
	case from.Kind == types.Double && call.T.Kind == types.Bigint:
		row = func(o *out, v *vec, i, j, digits int) (ok bool) {
			o.ints[i], ok = numToInt(roundNum(v.nums[j], digits, mode))
			return ok
		}
	case from.Kind == types.Decimal && call.T.Kind == types.Decimal:
		row = func(o *out, v *vec, i, j, digits int) bool {
			n, ok := roundDec(v.decs[j], from.Scale, digits, mode)
			if ok {
				o.decs[i], ok = scaled(call.T, n, from.Scale)
			}
			return ok
		}
	case from.Kind == types.Decimal && call.T.Kind == types.Bigint:
		row = func(o *out, v *vec, i, j, digits int) bool {
			n, ok := roundDec(v.decs[j], from.Scale, digits, mode)
			if ok {
				o.ints[i], ok = decToInt(n, from.Scale)
			}
			return ok
		}
	default:
		return nil, misuse(call)
	}
	return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			digits := 0
			if len(a) == 2 {
				digits = int(max(-1000, min(1000, a[1].ints[a[1].at(i)])))
			}
			if !row(o, a[0], i, a[0].at(i), digits) {
				o.fail(f, i)
			}
		}
	})
}

// roundNum rounds to digits behind the point. What is too large to have such
// digits stays as it is.
func roundNum(x float64, digits int, mode rounding) float64 {
	whole := math.Round
	switch mode {
	case down:
		whole = math.Floor
	case up:
		whole = math.Ceil
	case toZero:
		whole = math.Trunc
	}
	switch {
	case digits == 0:
		return whole(x)
	case digits > 308:
		return x
	case digits < -308:
		return 0
	case digits < 0:
		p := math.Pow10(-digits)
		return float64(whole(float64(x/p)) * p)
	}
	p := math.Pow10(digits)
	shifted := float64(x * p)
	if !finite(shifted) || math.Abs(shifted) >= 1<<53 {
		return x
	}
	return float64(whole(shifted) / p)
}

// roundDec rounds a number of that scale to digits behind the point and keeps
// the scale; ok is false if the result has more than 38 digits.
func roundDec(x decimal128.Num, scale, digits int, mode rounding) (decimal128.Num, bool) {
	drop := scale - digits
	if drop <= 0 {
		return x, true
	}
	m, negative := magnitudeOf(x)
	q, half := m.over10(drop)
	away := half >= 0
	switch mode {
	case toZero:
		away = false
	case down, up:
		back, ok := q.times10(min(drop, 39))
		exact := ok && back == m
		away = !exact && negative == (mode == down)
	}
	if away {
		q.lo++
		if q.lo == 0 {
			q.hi++
		}
	}
	q, ok := q.times10(drop)
	if !ok {
		return x, false
	}
	n, ok := q.num(negative)
	return n, ok && q.less(pow10(types.MaxDecimalPrecision))
}

func buildPower(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Double || !takes(call, types.Double) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			o.nums[i] = math.Pow(a[0].nums[a[0].at(i)], a[1].nums[a[1].at(i)])
		}
		failInfinite(f, o)
	})
}

func buildSqrt(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Double || !takes(call, types.Double) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, convert(numsOf, numsOf, func(x float64) (float64, bool) {
		y := math.Sqrt(x)
		return y, finite(y)
	}))
}
