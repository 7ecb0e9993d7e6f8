package expr

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Take copies the given rows of b, in the given order; a row may come twice.
// The caller owns the result. The columns must be of the types that
// stream.ArrowType returns.
func Take(alloc memory.Allocator, b arrow.RecordBatch, rows []int32) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, 0, b.NumCols())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for i, c := range b.Columns() {
		taken, err := takeColumn(alloc, c, rows)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", b.ColumnName(i), err)
		}
		cols = append(cols, taken)
	}
	return array.NewRecordBatch(b.Schema(), cols, int64(len(rows))), nil
}

func takeColumn(alloc memory.Allocator, a arrow.Array, rows []int32) (arrow.Array, error) {
	n := len(rows)
	buffers := make([]*memory.Buffer, 2, 3)
	defer func() {
		for _, b := range buffers {
			if b != nil {
				b.Release()
			}
		}
	}()
	switch a := a.(type) {
	case *array.Boolean:
		if n == 0 {
			break
		}
		buffers[1] = newBuffer(alloc, (n+7)/8)
		takeBits(buffers[1].Bytes(), a.Data().Buffers()[1].Bytes(), a.Data().Offset(), rows)
	case *array.Int64:
		buffers[1] = newBuffer(alloc, 8*n)
		takeRows(arrow.Int64Traits.CastFromBytes(buffers[1].Bytes()), a.Int64Values(), rows)
	case *array.Uint64:
		buffers[1] = newBuffer(alloc, 8*n)
		takeRows(arrow.Uint64Traits.CastFromBytes(buffers[1].Bytes()), a.Uint64Values(), rows)
	case *array.Timestamp:
		buffers[1] = newBuffer(alloc, 8*n)
		takeRows(arrow.TimestampTraits.CastFromBytes(buffers[1].Bytes()), a.TimestampValues(), rows)
	case *array.Date32:
		buffers[1] = newBuffer(alloc, 4*n)
		takeRows(arrow.Date32Traits.CastFromBytes(buffers[1].Bytes()), a.Date32Values(), rows)
	case *array.Float64:
		buffers[1] = newBuffer(alloc, 8*n)
		takeRows(arrow.Float64Traits.CastFromBytes(buffers[1].Bytes()), a.Float64Values(), rows)
	case *array.Decimal128:
		buffers[1] = newBuffer(alloc, 16*n)
		takeRows(arrow.Decimal128Traits.CastFromBytes(buffers[1].Bytes()), a.Values(), rows)
	case *array.String:
		buffers[1] = newBuffer(alloc, 4*(n+1))
		bytes, err := takeTexts(alloc, buffers[1], a, rows)
		if err != nil {
			return nil, err
		}
		buffers = append(buffers, bytes)
	default:
		return nil, fmt.Errorf("take rows of %s", a.DataType())
	}
	nulls := 0
	if a.NullN() > 0 {
		buffers[0] = newBuffer(alloc, (n+7)/8)
		valid := buffers[0].Bytes()
		set := takeBits(valid, a.NullBitmapBytes(), a.Data().Offset(), rows)
		nulls = n - set
	}
	data := array.NewData(a.DataType(), n, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}

func takeRows[T int64 | uint64 | float64 | decimal128.Num | arrow.Timestamp | arrow.Date32](dst, src []T, rows []int32) {
	dst = dst[:len(rows)]
	for i, r := range rows {
		dst[i] = src[r]
	}
}

// takeBits returns how many of the taken bits are set.
func takeBits(dst, from []byte, offset int, rows []int32) int {
	clear(dst)
	set := 0
	for i, r := range rows {
		if bitutil.BitIsSet(from, offset+int(r)) {
			bitutil.SetBit(dst, i)
			set++
		}
	}
	return set
}

// takeTexts fills the offsets and returns the bytes.
func takeTexts(alloc memory.Allocator, offsets *memory.Buffer, a *array.String, rows []int32) (*memory.Buffer, error) {
	from, bytes := textsOf(a)
	offs := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	size := int64(0)
	for i, r := range rows {
		offs[i] = int32(size)
		size += int64(from[r+1] - from[r])
		if size > columnBytesMax {
			return nil, fmt.Errorf("%d rows have more than %d bytes of text", len(rows), columnBytesMax)
		}
	}
	offs[len(rows)] = int32(size)
	data := newBuffer(alloc, int(size))
	dst := data.Bytes()
	for i, r := range rows {
		copy(dst[offs[i]:offs[i+1]], bytes[from[r]:from[r+1]])
	}
	return data, nil
}
