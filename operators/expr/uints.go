package expr

import (
	mathbits "math/bits"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/planner/physical"
	"weir/sql/types"
)

// uintsOf returns the values of a vec of BIGINT UNSIGNED.
func uintsOf(v *vec) []uint64 {
	return arrow.Uint64Traits.CastFromBytes(arrow.Int64Traits.CastToBytes(v.ints))
}

// takesIntegers tells whether all arguments are integers, with a sign or without.
func takesIntegers(call *physical.Call) bool {
	for _, arg := range call.Args {
		if t := arg.Type(); !t.IsInteger() && t.Kind != types.Null {
			return false
		}
	}
	return true
}

// signs has, per argument, the mask of its sign: all bits where it has one.
type signs [2]uint64

func signsOf(call *physical.Call) (s signs) {
	for i, arg := range call.Args {
		if arg.Type().Kind == types.Bigint {
			s[i] = ^uint64(0)
		}
	}
	return s
}

// high returns the upper half of x as a number of 128 bits.
func high(x, sign uint64) uint64 { return uint64(int64(x)>>63) & sign }

// uintArith makes +, - and * with a BIGINT UNSIGNED result. The numbers are
// computed with 128 bits; what is not one of the 64 lower bits' is out of range,
// so 2 - 3 is, too.
func uintArith(op byte, sign signs) kernel {
	var left, right dense[int64]
	return func(f *frame, o *out, v []*vec) {
		a, b := left.of(v[0].ints, v[0].one, f.n), right.of(v[1].ints, v[1].one, f.n)
		switch op {
		case '+':
			for i, x := range a {
				lo, carry := mathbits.Add64(uint64(x), uint64(b[i]), 0)
				if high(uint64(x), sign[0])+high(uint64(b[i]), sign[1])+carry != 0 {
					o.fail(f, i)
				}
				o.ints[i] = int64(lo)
			}
		case '-':
			for i, x := range a {
				lo, borrow := mathbits.Sub64(uint64(x), uint64(b[i]), 0)
				if high(uint64(x), sign[0])-high(uint64(b[i]), sign[1])-borrow != 0 {
					o.fail(f, i)
				}
				o.ints[i] = int64(lo)
			}
		default:
			for i, x := range a {
				hi, lo := mathbits.Mul64(uint64(x), uint64(b[i]))
				hi -= high(uint64(x), sign[0])&uint64(b[i]) + high(uint64(b[i]), sign[1])&uint64(x)
				if hi != 0 {
					o.fail(f, i)
				}
				o.ints[i] = int64(lo)
			}
		}
	}
}

// uintDivide makes div and % of integers of which one is unsigned. The quotient
// is cut off; the remainder has the sign of the dividend.
func uintDivide(remainder bool, sign signs, unsigned bool) kernel {
	return func(f *frame, o *out, v []*vec) {
		a, b := v[0], v[1]
		for i := range f.n {
			x, y := uint64(a.ints[a.at(i)]), uint64(b.ints[b.at(i)])
			xn, yn := high(x, sign[0]), high(y, sign[1]) // all bits where negative
			x, y = x^xn-xn, y^yn-yn                      // now magnitudes
			if y == 0 {
				o.ints[i] = 0
				o.fail(f, i)
				continue
			}
			r, negative := x/y, xn^yn
			if remainder {
				r, negative = x%y, xn
			}
			if negative != 0 && r != 0 && unsigned || !unsigned && r > 1<<63-1+negative&1 {
				o.fail(f, i)
			}
			o.ints[i] = int64(r ^ negative - negative)
		}
	}
}
