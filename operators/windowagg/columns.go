package windowagg

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// validity tells which values of an array are not NULL.
type validity struct {
	bits []byte // nil: all
	off  int
}

func validityOf(a arrow.Array) validity {
	if a.NullN() == 0 {
		return validity{}
	}
	return validity{bits: a.NullBitmapBytes(), off: a.Data().Offset()}
}

// ok tells that the value of row is not NULL.
func (v validity) ok(row int32) bool {
	return v.bits == nil || bitutil.BitIsSet(v.bits, v.off+int(row))
}

// int64s returns the values of a BIGINT or DATETIME array. It must not be empty.
func int64s(a arrow.Array) []int64 {
	d := a.Data()
	return arrow.Int64Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()]
}

// float64s returns the values of a DOUBLE array. It must not be empty.
func float64s(a arrow.Array) []float64 {
	d := a.Data()
	return arrow.Float64Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()]
}

// decimals returns the values of a DECIMAL array. It must not be empty.
func decimals(a arrow.Array) []decimal128.Num {
	d := a.Data()
	return arrow.Decimal128Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()]
}

// texts are the values of a VARCHAR array.
type texts struct {
	offsets []int32
	bytes   []byte
}

// textsOf returns the values of a VARCHAR array. It must not be empty.
func textsOf(a arrow.Array) texts {
	d := a.Data()
	t := texts{offsets: arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()+1]}
	if b := d.Buffers()[2]; b != nil {
		t.bytes = b.Bytes()
	}
	return t
}

func (t texts) at(row int32) []byte { return t.bytes[t.offsets[row]:t.offsets[row+1]] }

// sequence hands out 0, 1, 2, … as a slice that grows as needed.
type sequence []int32

// span returns lo, lo+1, …, hi-1. It must not be written to.
func (s *sequence) span(lo, hi int) []int32 {
	for len(*s) < hi {
		*s = append(*s, int32(len(*s)))
	}
	return (*s)[lo:hi:hi]
}
