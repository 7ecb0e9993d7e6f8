package keys

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/sql/types"
)

// ErrCorrupt is returned for bytes that no key begins with.
var ErrCorrupt = errors.New("corrupt key")

// Decode reads one value of type t from the beginning of src, appends it to b,
// a builder of stream.ArrowType(t), and returns the bytes behind it.
func Decode(src []byte, t types.Type, b array.Builder) (rest []byte, err error) {
	if len(src) == 0 {
		return nil, ErrCorrupt
	}
	tag, src := src[0], src[1:]
	switch {
	case tag == null:
		b.AppendNull()
		return src, nil
	case tag != present:
		return nil, ErrCorrupt
	}
	if t.IsBytes() {
		return decodeString(src, b.(*array.StringBuilder))
	}
	n := width(t.Kind)
	if n == 0 || len(src) < n {
		return nil, ErrCorrupt
	}
	v, rest := src[:n], src[n:]
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v[0] != 0)
	case *array.Int64Builder:
		b.Append(int64(binary.BigEndian.Uint64(v) ^ signBit))
	case *array.Uint64Builder:
		b.Append(binary.BigEndian.Uint64(v))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(binary.BigEndian.Uint64(v) ^ signBit))
	case *array.Date32Builder:
		b.Append(arrow.Date32(binary.BigEndian.Uint32(v) ^ (1 << 31)))
	case *array.Float64Builder:
		b.Append(DoubleOf(int64(binary.BigEndian.Uint64(v) ^ signBit)))
	case *array.Decimal128Builder:
		hi := int64(binary.BigEndian.Uint64(v) ^ signBit)
		b.Append(decimal128.New(hi, binary.BigEndian.Uint64(v[8:])))
	default:
		return nil, ErrCorrupt
	}
	return rest, nil
}

// Skip returns the bytes behind one value of type t, at the beginning of src, which
// Decode reads.
func Skip(src []byte, t types.Type) (rest []byte, err error) {
	switch {
	case len(src) > 0 && src[0] == null:
		return src[1:], nil
	case len(src) == 0 || src[0] != present:
		return nil, ErrCorrupt
	case t.IsBytes():
		return skipString(src[1:])
	}
	n := width(t.Kind)
	if n == 0 || len(src) <= n {
		return nil, ErrCorrupt
	}
	return src[1+n:], nil
}

// skipString returns the bytes behind what appendString wrote.
func skipString(src []byte) ([]byte, error) {
	for {
		i := bytes.IndexByte(src, 0)
		if i < 0 || i+1 == len(src) {
			return nil, ErrCorrupt
		}
		end := src[i+1]
		src = src[i+2:]
		switch end {
		case 0x01:
			return src, nil
		case 0xFF:
		default:
			return nil, ErrCorrupt
		}
	}
}

// width returns how many bytes a value takes, 0 if that varies.
func width(k types.Kind) int {
	switch k {
	case types.Boolean:
		return 1
	case types.Date:
		return 4
	case types.Bigint, types.Ubigint, types.Time, types.Datetime, types.Double:
		return 8
	case types.Decimal:
		return 16
	}
	return 0
}

// decodeString reads what appendString wrote.
func decodeString(src []byte, b *array.StringBuilder) ([]byte, error) {
	if i := bytes.IndexByte(src, 0); i >= 0 && i+1 < len(src) && src[i+1] == 0x01 {
		b.BinaryBuilder.Append(src[:i]) // the usual case: nothing is escaped
		return src[i+2:], nil
	}
	var buf []byte
	for i := 0; i+1 < len(src); i++ {
		if src[i] != 0 {
			buf = append(buf, src[i])
			continue
		}
		i++
		switch src[i] {
		case 0xFF:
			buf = append(buf, 0)
		case 0x01:
			b.BinaryBuilder.Append(buf)
			return src[i+1:], nil
		default:
			return nil, ErrCorrupt
		}
	}
	return nil, ErrCorrupt
}
