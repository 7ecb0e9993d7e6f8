package expr

import (
	"bytes"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// formatDigitsMax is the most digits that FORMAT writes behind the point.
const formatDigitsMax = 30

// buildFormat makes format(x, digits): a number with commas between thousands
// and that many digits behind the point.
func buildFormat(call *physical.Call, ledger *stream.Ledger) (node, error) {
	from := call.Args[0].Type()
	if call.T.Kind != types.Varchar || !takes(call, from.Kind, types.Bigint) {
		return nil, misuse(call)
	}
	var write func(dst []byte, v *vec, i, digits int) ([]byte, bool)
	switch from.Kind {
	case types.Null:
		return newLiteral(&physical.Literal{T: call.T})
	case types.Bigint:
		write = func(dst []byte, v *vec, i, _ int) ([]byte, bool) { return strconv.AppendInt(dst, v.int(i), 10), true }
	case types.Ubigint:
		write = func(dst []byte, v *vec, i, _ int) ([]byte, bool) {
			return strconv.AppendUint(dst, uint64(v.int(i)), 10), true
		}
	case types.Double:
		write = func(dst []byte, v *vec, i, digits int) ([]byte, bool) {
			return strconv.AppendFloat(dst, roundNum(v.num(i), digits, halfAway), 'f', -1, 64), true
		}
	case types.Decimal:
		write = func(dst []byte, v *vec, i, digits int) ([]byte, bool) {
			return appendRounded(dst, v.decs[v.at(i)], from.Scale, digits)
		}
	default:
		return nil, misuse(call)
	}
	var plain []byte // the number without commas
	return newStrict(call, ledger, textRow(func(dst []byte, a []*vec, i int) ([]byte, answer) {
		digits := int(max(0, min(a[1].int(i), formatDigitsMax)))
		var ok bool
		if plain, ok = write(plain[:0], a[0], i, digits); !ok {
			return dst, failed
		}
		return appendGrouped(dst, plain, digits), value
	}).kernel())
}

// appendRounded rounds half away from zero and writes what is left; rounding up
// 38 nines has no value.
func appendRounded(dst []byte, x decimal128.Num, scale, digits int) ([]byte, bool) {
	if digits < scale {
		n, ok := rescale(x, scale, digits, types.MaxDecimalPrecision)
		if !ok {
			return dst, false
		}
		x, scale = n, digits
	}
	return types.AppendDecimal(dst, x, scale), true
}

// appendGrouped writes a plain number with commas and exactly so many digits
// behind the point, of which it has no more.
func appendGrouped(dst, plain []byte, digits int) []byte {
	whole, fraction, _ := bytes.Cut(plain, []byte("."))
	if len(whole) > 0 && whole[0] == '-' {
		if len(bytes.Trim(plain, "-0.")) > 0 { // no minus in front of a 0
			dst = append(dst, '-')
		}
		whole = whole[1:]
	}
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, c)
	}
	if digits == 0 {
		return dst
	}
	dst = append(append(dst, '.'), fraction...)
	for range digits - len(fraction) {
		dst = append(dst, '0')
	}
	return dst
}

// formatBytes writes a number of bytes for people, in powers of 1024.
func formatBytes(dst []byte, a []*vec, i int) ([]byte, answer) {
	x := a[0].num(i)
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	size := math.Abs(x)
	if size < 1024 {
		text := strconv.FormatInt(int64(x), 10)
		for range 4 - len(text) {
			dst = append(dst, ' ')
		}
		return append(append(dst, text...), " bytes"...), value
	}
	unit := 0
	for x, size = x/1024, size/1024; size >= 1024 && unit < len(units)-1; unit++ {
		x, size = x/1024, size/1024
	}
	format := byte('f')
	if size >= 100_000 {
		format = 'e'
	}
	return append(append(strconv.AppendFloat(dst, x, format, 2, 64), ' '), units[unit]...), value
}
