package topn

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
)

// gather copies rows of several batches into one, in the given order. The
// caller owns the result.
func gather(alloc memory.Allocator, batches []stream.Batch, rows []ref) (arrow.RecordBatch, error) {
	schema := batches[0].Schema()
	cols := make([]arrow.Array, 0, schema.NumFields())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for i := range schema.NumFields() {
		col, err := gatherColumn(alloc, batches, rows, i)
		if err != nil {
			return nil, err
		}
		cols = append(cols, col)
	}
	return array.NewRecordBatch(schema, cols, int64(len(rows))), nil
}

func gatherColumn(alloc memory.Allocator, batches []stream.Batch, rows []ref, i int) (arrow.Array, error) {
	builder := array.NewBuilder(alloc, batches[0].Column(i).DataType())
	defer builder.Release()
	builder.Reserve(len(rows))
	switch to := builder.(type) {
	case *array.BooleanBuilder:
		appendRows[bool, *array.Boolean](to, batches, rows, i)
	case *array.Int64Builder:
		appendRows[int64, *array.Int64](to, batches, rows, i)
	case *array.Uint64Builder:
		appendRows[uint64, *array.Uint64](to, batches, rows, i)
	case *array.Float64Builder:
		appendRows[float64, *array.Float64](to, batches, rows, i)
	case *array.TimestampBuilder:
		appendRows[arrow.Timestamp, *array.Timestamp](to, batches, rows, i)
	case *array.Date32Builder:
		appendRows[arrow.Date32, *array.Date32](to, batches, rows, i)
	case *array.StringBuilder:
		size := 0
		for _, r := range rows {
			size += batches[r.batch].Column(i).(*array.String).ValueLen(int(r.row))
		}
		if size > math.MaxInt32 {
			return nil, fmt.Errorf("%d rows have %d bytes of text in one column", len(rows), size)
		}
		to.ReserveData(size)
		appendRows[string, *array.String](to, batches, rows, i)
	case *array.Decimal128Builder:
		for _, r := range rows {
			if a := batches[r.batch].Column(i).(*array.Decimal128); a.IsNull(int(r.row)) {
				to.AppendNull()
			} else {
				to.Append(a.Value(int(r.row)))
			}
		}
	default:
		return nil, fmt.Errorf("sort rows with a column of %s", batches[0].Column(i).DataType())
	}
	return builder.NewArray(), nil
}

type valuesOf[T any] interface {
	arrow.Array
	Value(int) T
}

func appendRows[T any, A valuesOf[T]](to interface {
	Append(T)
	AppendNull()
}, batches []stream.Batch, rows []ref, i int) {
	for _, r := range rows {
		a := batches[r.batch].Column(i).(A)
		if a.IsNull(int(r.row)) {
			to.AppendNull()
		} else {
			to.Append(a.Value(int(r.row)))
		}
	}
}

// appendRow appends the values of one row so that equal rows, and only those,
// give equal bytes; -0 equals 0.
func appendRow(dst []byte, b stream.Batch, row int) []byte {
	for _, c := range b.Columns() {
		if c.IsNull(row) {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, 1)
		switch c := c.(type) {
		case *array.Boolean:
			bit := byte(0)
			if c.Value(row) {
				bit = 1
			}
			dst = append(dst, bit)
		case *array.Int64:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(c.Value(row)))
		case *array.Uint64:
			dst = binary.LittleEndian.AppendUint64(dst, c.Value(row))
		case *array.Timestamp:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(c.Value(row)))
		case *array.Date32:
			dst = binary.LittleEndian.AppendUint32(dst, uint32(c.Value(row)))
		case *array.Float64:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(c.Value(row)+0))
		case *array.Decimal128:
			dst = binary.LittleEndian.AppendUint64(dst, c.Value(row).LowBits())
			dst = binary.LittleEndian.AppendUint64(dst, uint64(c.Value(row).HighBits()))
		case *array.String:
			dst = binary.LittleEndian.AppendUint32(dst, uint32(c.ValueLen(row)))
			dst = append(dst, c.Value(row)...)
		}
	}
	return dst
}
