package topn

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// gather copies rows that lie scattered over batches into one batch.
func gather(alloc memory.Allocator, schema *arrow.Schema, rows []entry) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, schema.NumFields())
	for c := range cols {
		b := array.NewBuilder(alloc, schema.Field(c).Type)
		defer b.Release()
		b.Reserve(len(rows))
		if err := gatherColumn(b, rows, c); err != nil {
			return nil, err
		}
		cols[c] = b.NewArray()
		defer cols[c].Release()
	}
	return array.NewRecordBatch(schema, cols, int64(len(rows))), nil
}

func gatherColumn(b array.Builder, rows []entry, c int) error {
	switch b := b.(type) {
	case *array.BooleanBuilder:
		gatherValues(b, rows, c, b.Append, (*array.Boolean).Value)
	case *array.Int64Builder:
		gatherValues(b, rows, c, b.Append, (*array.Int64).Value)
	case *array.Float64Builder:
		gatherValues(b, rows, c, b.Append, (*array.Float64).Value)
	case *array.StringBuilder:
		gatherValues(b, rows, c, b.Append, (*array.String).Value)
	case *array.Date32Builder:
		gatherValues(b, rows, c, b.Append, (*array.Date32).Value)
	case *array.TimestampBuilder:
		gatherValues(b, rows, c, b.Append, (*array.Timestamp).Value)
	case *array.Decimal128Builder:
		gatherValues(b, rows, c, b.Append, (*array.Decimal128).Value)
	default:
		return fmt.Errorf("sort: no column is built by %T", b)
	}
	return nil
}

// gatherValues copies one column. The column of a batch is looked up once per
// run of rows from that batch.
func gatherValues[A arrow.Array, V any](b array.Builder, rows []entry, c int, add func(V), value func(A, int) V) {
	var from *held
	var col A
	for _, e := range rows {
		if e.from != from {
			from = e.from
			col = from.rec.Column(c).(A)
		}
		if col.IsNull(int(e.row)) {
			b.AppendNull()
			continue
		}
		add(value(col, int(e.row)))
	}
}
