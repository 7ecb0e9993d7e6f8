package keys

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/sql/types"
)

const (
	null    = 0x00
	present = 0x01

	signBit = 1 << 63
)

// Column writes the values of one array. It holds no reference of the array.
type Column struct {
	kind    types.Kind
	valid   []byte // bitmap; nil: no NULL
	off     int    // of the array in its buffers
	ints    []int64
	days    []arrow.Date32
	floats  []float64
	decs    []decimal128.Num
	bits    []byte
	offsets []int32
	bytes   []byte
}

// Of returns the writer of a, whose values have type t and lie in memory as
// stream.ArrowType(t) says.
func Of(a arrow.Array, t types.Type) Column {
	d := a.Data()
	lo, hi := d.Offset(), d.Offset()+d.Len()
	c := Column{kind: t.Kind, off: lo}
	if a.NullN() > 0 {
		c.valid = a.NullBitmapBytes()
	}
	if d.Len() == 0 || a.NullN() == d.Len() {
		c.kind = types.Null
		return c
	}
	switch t.Kind {
	case types.Boolean:
		c.bits = d.Buffers()[1].Bytes()
	case types.Bigint, types.Ubigint, types.Time, types.Datetime:
		c.ints = arrow.Int64Traits.CastFromBytes(d.Buffers()[1].Bytes())[lo:hi]
	case types.Date:
		c.days = a.(*array.Date32).Date32Values()
	case types.Double:
		c.floats = a.(*array.Float64).Float64Values()
	case types.Decimal:
		c.decs = a.(*array.Decimal128).Values()
	case types.Varchar, types.Varbinary, types.JSON:
		c.offsets = arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[lo : hi+1]
		if b := d.Buffers()[2]; b != nil {
			c.bytes = b.Bytes()
		}
	case types.Null:
	default:
		panic("no key of type " + t.String())
	}
	return c
}

// Append appends the key of one row.
func (c *Column) Append(dst []byte, row int) []byte {
	if c.kind == types.Null || c.valid != nil && !bitutil.BitIsSet(c.valid, c.off+row) {
		return append(dst, null)
	}
	dst = append(dst, present)
	switch c.kind {
	case types.Boolean:
		if bitutil.BitIsSet(c.bits, c.off+row) {
			return append(dst, 1)
		}
		return append(dst, 0)
	case types.Ubigint:
		return binary.BigEndian.AppendUint64(dst, uint64(c.ints[row]))
	case types.Bigint, types.Time, types.Datetime:
		return binary.BigEndian.AppendUint64(dst, uint64(c.ints[row])^signBit)
	case types.Date:
		return binary.BigEndian.AppendUint32(dst, uint32(c.days[row])^(1<<31))
	case types.Double:
		return binary.BigEndian.AppendUint64(dst, uint64(OrderedDouble(c.floats[row]))^signBit)
	case types.Decimal:
		v := c.decs[row]
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.HighBits())^signBit)
		return binary.BigEndian.AppendUint64(dst, v.LowBits())
	}
	return appendString(dst, c.bytes[c.offsets[row]:c.offsets[row+1]])
}

// Append appends the key of one row of a. For many rows of an array, Of is quicker.
func Append(dst []byte, a arrow.Array, row int, t types.Type) []byte {
	c := Of(a, t)
	return c.Append(dst, row)
}

// appendString appends s so that the end of it orders before any further byte.
func appendString(dst, s []byte) []byte {
	for _, b := range s {
		dst = append(dst, b)
		if b == 0 {
			dst = append(dst, 0xFF)
		}
	}
	return append(dst, 0x00, 0x01)
}

// OrderedDouble maps f to an integer so that integers compare as SQL orders
// DOUBLEs: -0 as 0, every NaN as one value beyond +Inf.
func OrderedDouble(f float64) int64 {
	switch {
	case f == 0:
		return 0
	case f != f:
		return math.MaxInt64
	}
	b := int64(math.Float64bits(f))
	if b < 0 {
		b ^= math.MaxInt64
	}
	return b
}

// DoubleOf is the inverse of OrderedDouble.
func DoubleOf(b int64) float64 {
	if b == math.MaxInt64 {
		return math.NaN()
	}
	if b < 0 {
		b ^= math.MaxInt64
	}
	return math.Float64frombits(uint64(b))
}
