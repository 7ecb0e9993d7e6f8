package decode

import (
	"math/bits"
	"strconv"
	"unsafe"
)

// number is a decimal number as it was written: 0.d1d2d3… times ten to the
// power of point, where d1 is not zero.
type number struct {
	negative bool
	digits   []byte // d1d2d3… and perhaps one point among them
	count    int    // digits in it; none is zero
	point    int
}

// parseNumber reads [+-]digits[.digits][e[+-]digits], where the digits on one
// side of the point may be missing. JSON's numbers are a part of that.
func parseNumber(s []byte) (number, bool) {
	var n number
	i := 0
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		n.negative = s[0] == '-'
		i++
	}
	start, first, whole, all := i, -1, -1, 0
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c-'0' <= 9:
			if first < 0 && c != '0' {
				first = i
			}
			all++
			if first >= 0 {
				n.count++
			}
			continue
		case c == '.' && whole < 0:
			whole = all
			continue
		}
		break
	}
	if all == 0 {
		return n, false
	}
	if whole < 0 {
		whole = all
	}
	end := i
	if i < len(s) {
		exponent, ok := parseExponent(s[i:])
		if !ok {
			return n, false
		}
		n.point = exponent
	}
	if n.count > 0 {
		n.point += whole - (all - n.count)
		n.digits = s[max(first, start):end]
	}
	return n, true
}

// parseExponent reads e[+-]digits to the end. No text is so long that an
// exponent beyond the limit could be made up for.
func parseExponent(s []byte) (int, bool) {
	const limit = 4 * MaxInput
	if len(s) < 2 || s[0]|0x20 != 'e' {
		return 0, false
	}
	s = s[1:]
	negative := s[0] == '-'
	if negative || s[0] == '+' {
		s = s[1:]
	}
	if len(s) == 0 {
		return 0, false
	}
	e := 0
	for _, c := range s {
		if c-'0' > 9 {
			return 0, false
		}
		e = min(e*10+int(c-'0'), limit)
	}
	if negative {
		e = -e
	}
	return e, true
}

type rounding uint8

const (
	halfAway rounding = iota // half away from zero
	floor                    // towards minus infinity
)

// scaled returns the magnitude of n times ten to the power of scale, rounded to
// an integer, and whether it did not have to be rounded. It is not ok from
// 10^38 on.
func (n number) scaled(scale int, r rounding) (hi, lo uint64, exact, ok bool) {
	if n.count == 0 {
		return 0, 0, true, true
	}
	keep := n.point + scale
	if keep > 38 {
		return 0, 0, false, false
	}
	exact = true
	up := false
	k := 0
	for _, c := range n.digits {
		if c == '.' {
			continue
		}
		switch {
		case k < keep:
			hi, lo = timesTen(hi, lo, uint64(c-'0'))
		case c != '0':
			exact = false
			up = up || (k == keep && c >= '5')
		}
		k++
	}
	for ; k < keep; k++ {
		hi, lo = timesTen(hi, lo, 0)
	}
	if r == floor {
		up = n.negative && !exact
	}
	if up {
		var carry uint64
		lo, carry = bits.Add64(lo, 1, 0)
		hi += carry
	}
	return hi, lo, exact, true
}

func timesTen(hi, lo, add uint64) (uint64, uint64) {
	over, low := bits.Mul64(lo, 10)
	low, carry := bits.Add64(low, add, 0)
	return hi*10 + over + carry, low
}

// signed returns the int64 of a magnitude, if it fits.
func signed(negative bool, hi, lo uint64) (int64, bool) {
	const limit = 1 << 63
	if negative {
		return -int64(lo), hi == 0 && lo <= limit
	}
	return int64(lo), hi == 0 && lo < limit
}

// parseFloat rounds the number that parseNumber took. It is not ok where the
// result is infinite.
func parseFloat(s []byte) (float64, bool) {
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(s), len(s)), 64)
	if v == 0 {
		v = 0 // -0 is 0
	}
	return v, err == nil
}
