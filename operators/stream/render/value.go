package render

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/sql/types"
)

// exactJSON is the largest integer that every JSON reader keeps exact.
const exactJSON = 1 << 53

// AppendJSON appends one value as JSON. A DOUBLE that is no number is null.
func AppendJSON(dst []byte, a arrow.Array, row int, t types.Type) []byte {
	if a.IsNull(row) {
		return append(dst, "null"...)
	}
	switch t.Kind {
	case types.Bigint:
		v := a.(*array.Int64).Value(row)
		if v >= -exactJSON && v <= exactJSON {
			return strconv.AppendInt(dst, v, 10)
		}
	case types.Double:
		v := a.(*array.Float64).Value(row)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(dst, "null"...)
		}
		return types.AppendDouble(dst, v)
	case types.Boolean:
		return AppendText(dst, a, row, t)
	case types.Varchar, types.Null:
		return AppendJSONString(dst, a.(*array.String).Value(row))
	}
	dst = append(dst, '"')
	dst = AppendText(dst, a, row, t)
	return append(dst, '"')
}

// AppendText appends one value without quotes. NULL appends nothing: how it is
// written is the format's business.
func AppendText(dst []byte, a arrow.Array, row int, t types.Type) []byte {
	if a.IsNull(row) {
		return dst
	}
	switch t.Kind {
	case types.Boolean:
		return strconv.AppendBool(dst, a.(*array.Boolean).Value(row))
	case types.Bigint:
		return strconv.AppendInt(dst, a.(*array.Int64).Value(row), 10)
	case types.Decimal:
		return types.AppendDecimal(dst, a.(*array.Decimal128).Value(row), t.Scale)
	case types.Double:
		return types.AppendDouble(dst, a.(*array.Float64).Value(row))
	case types.Varchar, types.Null:
		return append(dst, a.(*array.String).Value(row)...)
	case types.Date:
		return types.AppendDate(dst, int32(a.(*array.Date32).Value(row)))
	case types.Datetime:
		return types.AppendDatetime(dst, int64(a.(*array.Timestamp).Value(row)), t.Precision)
	}
	panic("no column has type " + t.String())
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			// U+2028 and U+2029 end a line in old JavaScript.
			if (r != utf8.RuneError || size > 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
			dst = append(dst, s[from:i]...)
			dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			i += size
			from = i
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = appendEscape(dst, c)
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
