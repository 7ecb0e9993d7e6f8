package decode

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/sql/types"
)

// KeyText returns what appends the value of a row as the text that is hashed:
// as weir prints it, so that a producer can compute it too. In a log text and
// shard belong together for good.
func KeyText(values arrow.Array, t types.Type) func(dst []byte, row int) []byte {
	switch v := values.(type) {
	case *array.Int64:
		if t.Kind == types.Time {
			return func(dst []byte, row int) []byte { return types.AppendTime(dst, v.Value(row), t.Precision) }
		}
		return func(dst []byte, row int) []byte { return strconv.AppendInt(dst, v.Value(row), 10) }
	case *array.Uint64:
		return func(dst []byte, row int) []byte { return strconv.AppendUint(dst, v.Value(row), 10) }
	case *array.Float64:
		return func(dst []byte, row int) []byte { return types.AppendReal(dst, v.Value(row), t) }
	case *array.Decimal128:
		return func(dst []byte, row int) []byte { return types.AppendDecimal(dst, v.Value(row), t.Scale) }
	case *array.Boolean:
		return func(dst []byte, row int) []byte { return strconv.AppendBool(dst, v.Value(row)) }
	case *array.String:
		if t.Kind == types.Varbinary {
			return func(dst []byte, row int) []byte { return types.AppendHex(dst, v.Value(row)) }
		}
		return func(dst []byte, row int) []byte { return append(dst, v.Value(row)...) }
	case *array.Date32:
		return func(dst []byte, row int) []byte { return types.AppendDate(dst, int32(v.Value(row))) }
	case *array.Timestamp:
		return func(dst []byte, row int) []byte { return types.AppendDatetime(dst, int64(v.Value(row)), t.Precision) }
	}
	panic("no text for a key of type " + t.String())
}
