package expr

import (
	"bytes"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/sql/types"
)

// castToText makes a kernel to VARCHAR; what is longer than the type is cut off.
func castToText(from, to types.Type) kernel {
	var row func(dst []byte, v *vec, i int) []byte
	switch from.Kind {
	case types.Boolean:
		row = func(dst []byte, v *vec, i int) []byte { return strconv.AppendBool(dst, v.bools.get(v.at(i))) }
	case types.Bigint:
		row = func(dst []byte, v *vec, i int) []byte { return strconv.AppendInt(dst, v.ints[v.at(i)], 10) }
	case types.Ubigint:
		row = func(dst []byte, v *vec, i int) []byte { return strconv.AppendUint(dst, uint64(v.ints[v.at(i)]), 10) }
	case types.Double:
		row = func(dst []byte, v *vec, i int) []byte { return types.AppendReal(dst, v.nums[v.at(i)], from) }
	case types.Time:
		row = func(dst []byte, v *vec, i int) []byte { return types.AppendTime(dst, v.ints[v.at(i)], from.Precision) }
	case types.Decimal:
		row = func(dst []byte, v *vec, i int) []byte { return types.AppendDecimal(dst, v.decs[v.at(i)], from.Scale) }
	case types.Date:
		row = func(dst []byte, v *vec, i int) []byte { return types.AppendDate(dst, int32(v.ints[v.at(i)])) }
	case types.Datetime:
		row = func(dst []byte, v *vec, i int) []byte {
			return types.AppendDatetime(dst, v.ints[v.at(i)], from.Precision)
		}
	default:
		row = func(dst []byte, v *vec, i int) []byte { return append(dst, v.text(i)...) }
	}
	return textKernel(func(dst []byte, a []*vec, i int) []byte {
		start := len(dst)
		dst = row(dst, a[0], i)
		if to.Length > 0 {
			dst = dst[:start+prefix(dst[start:], int64(to.Length))]
		}
		return dst
	})
}

// parse makes a kernel from VARCHAR; row gets the text without white space
// around it.
func parse[D any](dst func(*vec) []D, row func([]byte) (D, bool)) kernel {
	return func(f *frame, o *out, a []*vec) {
		to := dst(&o.vec)
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			y, ok := row(trimSpace(a[0].text(i)))
			to[i] = y
			if !ok {
				o.fail(f, i)
			}
		}
	}
}

// trimSpace takes off ASCII white space.
func trimSpace(s []byte) []byte { return bytes.Trim(s, " \t\n\v\f\r") }

func castText(to types.Type) kernel {
	switch to.Kind {
	case types.Varchar:
		return castToText(types.VarcharType, to)
	case types.Varbinary:
		return cutBytes(to)
	case types.Ubigint:
		return parse(intsOf, parseUint)
	case types.Time:
		return parse(intsOf, func(s []byte) (int64, bool) {
			micros, ok := types.ParseTime(s)
			if !ok {
				if micros, ok = types.ParseDatetime(s); !ok {
					return 0, false
				}
				micros -= floorDiv(micros, microsPerDay) * microsPerDay
			}
			return roundClock(micros, to.Precision)
		})
	case types.Boolean:
		return textToBool
	case types.Bigint:
		return parse(intsOf, parseInt)
	case types.Double:
		return parse(numsOf, parseNum)
	case types.Decimal:
		return parse(decsOf, func(s []byte) (decimal128.Num, bool) {
			return types.ParseDecimal(s, to.Precision, to.Scale)
		})
	case types.Datetime:
		return parse(intsOf, func(s []byte) (int64, bool) {
			micros, ok := parseTime(s)
			if !ok {
				return 0, false
			}
			return roundMicros(micros, to.Precision)
		})
	}
	return nil
}

// parseTime reads a DATETIME, or a DATE as its midnight.
func parseTime(s []byte) (micros int64, ok bool) {
	if days, ok := types.ParseDate(s); ok {
		return int64(days) * microsPerDay, true
	}
	return types.ParseDatetime(s)
}

// parseInt reads a whole number, or any other number and rounds it.
func parseInt(s []byte) (int64, bool) {
	// 18 digits always fit.
	if len(s) > 0 && len(s) <= 18 {
		digits, x := s, int64(0)
		if s[0] == '-' {
			digits = s[1:]
		}
		for _, c := range digits {
			if c -= '0'; c > 9 {
				digits = nil
				break
			}
			x = x*10 + int64(c)
		}
		if len(digits) > 0 {
			if s[0] == '-' {
				x = -x
			}
			return x, true
		}
	}
	n, ok := types.ParseDecimal(s, types.MaxDecimalPrecision, 0)
	x := int64(n.LowBits())
	return x, ok && n.HighBits() == x>>63
}

func parseNum(s []byte) (float64, bool) {
	if !types.IsNumber(s) { // ParseFloat would take inf and hexadecimal too
		return 0, false
	}
	x, err := strconv.ParseFloat(string(s), 64)
	return x, err == nil
}

// textToBool reads true and false in any case, and numbers, of which 0 is FALSE.
func textToBool(f *frame, o *out, a []*vec) {
	o.bools.fill(0)
	for i := range f.n {
		if o.isNull(i) {
			continue
		}
		s := trimSpace(a[0].text(i))
		switch {
		case bytes.EqualFold(s, []byte("true")):
			o.bools.set(i)
		case bytes.EqualFold(s, []byte("false")):
		default:
			x, ok := parseNum(s)
			if !ok {
				o.fail(f, i)
			} else if x != 0 {
				o.bools.set(i)
			}
		}
	}
}
