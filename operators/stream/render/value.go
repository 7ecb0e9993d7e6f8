package render

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/sql/types"
)

// exactMax is the largest whole number that every JSON reader holds exactly.
const exactMax = 1 << 53

// AppendJSON appends one value of a column of type t as JSON. Integers beyond
// 2^53 and DECIMAL are strings, for readers would round them; DOUBLE is as short
// as it can be, and null if it is no number; times are strings with the
// column's precision; a JSON value stands as it is; VARBINARY is a string in
// base64; NULL is null. Bytes that are no UTF-8 become U+FFFD.
func AppendJSON(dst []byte, a arrow.Array, row int, t types.Type) []byte {
	if a.IsNull(row) {
		return append(dst, "null"...)
	}
	switch a := a.(type) {
	case *array.String:
		switch t.Kind {
		case types.JSON:
			return append(dst, a.Value(row)...)
		case types.Varbinary:
			return append(types.AppendBase64(append(dst, '"'), a.Value(row)), '"')
		}
		return AppendJSONString(dst, a.Value(row))
	case *array.Int64:
		v := a.Value(row)
		if t.Kind != types.Time && -exactMax <= v && v <= exactMax {
			return strconv.AppendInt(dst, v, 10)
		}
	case *array.Uint64:
		if v := a.Value(row); v <= exactMax {
			return strconv.AppendUint(dst, v, 10)
		}
	case *array.Float64:
		v := a.Value(row)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(dst, "null"...)
		}
		return types.AppendReal(dst, v, t)
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(row))
	}
	dst = append(dst, '"')
	dst = AppendText(dst, a, row, t)
	return append(dst, '"')
}

// AppendText appends one value of a column of type t, without quotes; VARBINARY
// as hexadecimal digits behind 0x. NULL is
// nothing: the caller looks for it first.
func AppendText(dst []byte, a arrow.Array, row int, t types.Type) []byte {
	if a.IsNull(row) {
		return dst
	}
	switch a := a.(type) {
	case *array.String:
		if t.Kind == types.Varbinary {
			return types.AppendHex(dst, a.Value(row))
		}
		return append(dst, a.Value(row)...)
	case *array.Int64:
		if t.Kind == types.Time {
			return types.AppendTime(dst, a.Value(row), t.Precision)
		}
		return strconv.AppendInt(dst, a.Value(row), 10)
	case *array.Uint64:
		return strconv.AppendUint(dst, a.Value(row), 10)
	case *array.Float64:
		return types.AppendReal(dst, a.Value(row), t)
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(row))
	case *array.Decimal128:
		return types.AppendDecimal(dst, a.Value(row), int(a.DataType().(*arrow.Decimal128Type).Scale))
	case *array.Timestamp:
		return types.AppendDatetime(dst, int64(a.Value(row)), t.Precision)
	case *array.Date32:
		return types.AppendDate(dst, int32(a.Value(row)))
	}
	panic("no column has type " + a.DataType().String())
}

const hex = "0123456789abcdef"

// AppendJSONString appends s in quotes. Runs of bytes that need no escape, which
// is nearly everything, are copied at once.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[start:i]...), "\uFFFD"...)
			i++
			start = i
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(append(dst, s[start:i]...), '\\')
		switch c {
		case '"', '\\':
			dst = append(dst, c)
		case '\n':
			dst = append(dst, 'n')
		case '\r':
			dst = append(dst, 'r')
		case '\t':
			dst = append(dst, 't')
		default:
			dst = append(dst, 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
