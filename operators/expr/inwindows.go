package expr

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// InWindows copies the given rows of b as Take does, and appends the bounds of a
// window to each: the columns of physical.WindowFields, which are the last ones of
// schema. The caller owns the result.
func InWindows(alloc memory.Allocator, b arrow.RecordBatch, rows []int32, shown []windows.Window, schema *arrow.Schema) (arrow.RecordBatch, error) {
	rec, err := Take(alloc, b, rows)
	if err != nil {
		return nil, err
	}
	defer rec.Release()
	cols := append(make([]arrow.Array, 0, schema.NumFields()), rec.Columns()...)
	for _, bound := range []func(windows.Window) stream.Time{
		func(v windows.Window) stream.Time { return v.Start },
		func(v windows.Window) stream.Time { return v.End },
		func(v windows.Window) stream.Time { return v.End.Add(-physical.WindowTimeBefore) },
	} {
		col := array.NewTimestampBuilder(alloc, schema.Field(len(cols)).Type.(*arrow.TimestampType))
		col.Reserve(len(shown))
		for _, v := range shown {
			col.UnsafeAppend(arrow.Timestamp(bound(v)))
		}
		made := col.NewArray()
		col.Release()
		defer made.Release()
		cols = append(cols, made)
	}
	return array.NewRecordBatch(schema, cols, int64(len(rows))), nil
}

// TextBytes returns how many bytes of text a row of b has.
func TextBytes(b arrow.RecordBatch, row int) (size int) {
	for _, c := range b.Columns() {
		if text, ok := c.(*array.String); ok {
			size += text.ValueLen(row)
		}
	}
	return size
}
