package types

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// AppendDouble appends f in the shortest form that reads back as f: plain
// digits from 1e-6 up to 1e21, else with an exponent, as JSON and JavaScript
// write it. -0 is written as 0, for it equals 0.
func AppendDouble(dst []byte, f float64) []byte { return appendFloat(dst, f, 64) }

// AppendReal appends a value of t, FLOAT or DOUBLE, as AppendDouble does: FLOAT
// in the shortest form that reads back as the same FLOAT.
func AppendReal(dst []byte, f float64, t Type) []byte {
	if t.Width == 32 {
		return appendFloat(dst, f, 32)
	}
	return appendFloat(dst, f, 64)
}

// ToFloat rounds f to a FLOAT; ok is false if it is beyond FLOAT's range. -0
// becomes 0.
func ToFloat(f float64) (rounded float64, ok bool) {
	rounded = float64(float32(f))
	return rounded + 0, !math.IsInf(rounded, 0)
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	if f == 0 {
		return append(dst, '0')
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1] // e-07 is e-7
		dst = dst[:n-1]
	}
	return dst
}

// AppendDecimal appends n / 10^scale with exactly scale digits behind the point.
func AppendDecimal(dst []byte, n decimal128.Num, scale int) []byte {
	if n.Sign() < 0 {
		dst, n = append(dst, '-'), n.Negate()
	}
	var digits [40]byte
	hi, lo := uint64(n.HighBits()), n.LowBits()
	i := len(digits)
	for hi != 0 || lo != 0 || len(digits)-i <= scale {
		var rest uint64
		hi, rest = hi/10, hi%10
		lo, rest = bits.Div64(rest, lo, 10)
		i--
		digits[i] = byte('0' + rest)
	}
	point := len(digits) - scale
	dst = append(dst, digits[i:point]...)
	if scale > 0 {
		dst = append(append(dst, '.'), digits[point:]...)
	}
	return dst
}

// ParseDecimal reads [+-]digits[.digits][e[+-]digits] as DECIMAL(precision,
// scale), rounding half away from zero. At least one digit must stand before
// the exponent. ok is false if s is anything else, or if the number has more
// digits than fit.
func ParseDecimal[T ~string | ~[]byte](s T, precision, scale int) (n decimal128.Num, ok bool) {
	num, ok := scanNumber(s)
	if !ok {
		return n, false
	}
	digit := func(i int) byte { // the i-th digit of the mantissa, without the point
		if i < num.point {
			return s[num.start+i]
		}
		return s[num.start+i+1]
	}
	// How many digits stand left of the last place that DECIMAL(p,s) has.
	kept := num.point + num.exponent + scale
	var hi, lo uint64
	for i := 0; i < kept; i++ {
		var d byte = '0'
		if i < num.digits {
			d = digit(i)
		} else if hi == 0 && lo == 0 {
			break
		}
		if hi, lo, ok = timesTenPlus(hi, lo, uint64(d-'0')); !ok {
			return n, false
		}
	}
	if kept >= 0 && kept < num.digits && digit(kept) >= '5' {
		var carry uint64
		lo, carry = bits.Add64(lo, 1, 0)
		hi += carry
	}
	n = decimal128.New(int64(hi), lo)
	if n.Sign() < 0 || !n.FitsInPrecision(int32(precision)) {
		return decimal128.Num{}, false
	}
	if s[0] == '-' {
		n = n.Negate()
	}
	return n, true
}

// IsNumber tells whether the whole of s is a number as ParseDecimal reads it.
func IsNumber[T ~string | ~[]byte](s T) bool {
	_, ok := scanNumber(s)
	return ok
}

// number is where the parts of a number lie in its text.
type number struct {
	start    int // of the mantissa, behind the sign
	point    int // digits before the point
	digits   int // digits in all
	exponent int // at most a million either way
}

func scanNumber[T ~string | ~[]byte](s T) (number, bool) {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	num := number{start: i, point: -1}
	for ; i < len(s) && s[i] != 'e' && s[i] != 'E'; i++ {
		switch {
		case s[i] == '.' && num.point < 0:
			num.point = num.digits
		case isDigit(s[i]):
			num.digits++
		default:
			return num, false
		}
	}
	if num.point < 0 {
		num.point = num.digits
	}
	if num.digits == 0 {
		return num, false
	}
	if i == len(s) {
		return num, true
	}
	i++
	negative := false
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		negative = s[i] == '-'
		i++
	}
	start := i
	for ; i < len(s) && isDigit(s[i]); i++ {
		num.exponent = min(num.exponent*10+int(s[i]-'0'), 1_000_000)
	}
	if negative {
		num.exponent = -num.exponent
	}
	return num, i > start && i == len(s)
}

// timesTenPlus returns 10x + d; ok is false once the sum passes 128 bits.
func timesTenPlus(hi, lo, d uint64) (newHi, newLo uint64, ok bool) {
	top, high := bits.Mul64(hi, 10)
	carry, low := bits.Mul64(lo, 10)
	low, c := bits.Add64(low, d, 0)
	high, c = bits.Add64(high, carry, c)
	return high, low, top == 0 && c == 0
}
