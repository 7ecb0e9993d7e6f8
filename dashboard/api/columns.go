package api

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/operators/stream/render"
	"weir/sql/types"
)

// fixed makes the records of a result whose columns are told once, in front:
// those of a live one begin with opField.
type fixed struct {
	schema stream.Schema
	arrow  *arrow.Schema
	live   bool
}

func newFixed(schema stream.Schema, live bool) fixed {
	if live {
		schema = append(stream.Schema{opField}, schema...)
	}
	return fixed{schema: schema, arrow: schema.Arrow(), live: live}
}

// record returns the rows of b, under the result's own names. The caller
// releases it.
func (f *fixed) record(b stream.Batch) arrow.RecordBatch {
	if !f.live {
		return array.NewRecordBatch(f.arrow, b.Columns(), b.NumRows())
	}
	ops := array.NewStringBuilder(memory.DefaultAllocator)
	defer ops.Release()
	for row := range int(b.NumRows()) {
		ops.Append(opOf(b, row))
	}
	first := ops.NewArray()
	defer first.Release()
	return array.NewRecordBatch(f.arrow, append([]arrow.Array{first}, b.Columns()...), b.NumRows())
}

// csvEncoder writes CSV with a header. NULL is an empty field, an empty text is
// two quotes.
type csvEncoder struct {
	fixed
	w render.Writer
}

func newCSVEncoder(o *out, schema stream.Schema, live bool) *csvEncoder {
	f := newFixed(schema, live)
	return &csvEncoder{fixed: f, w: render.NewCSV(o, f.schema, ',', "")}
}

func (e *csvEncoder) contentType() string { return "text/csv; charset=utf-8; header=present" }
func (e *csvEncoder) begin() error        { return nil }

func (e *csvEncoder) rows(b stream.Batch) error {
	rec := e.record(b)
	defer rec.Release()
	return e.w.Write(rec)
}

func (e *csvEncoder) end(cause error) error {
	if cause != nil {
		return errNoPlace
	}
	if len(e.schema) == 0 {
		return nil // not even a header
	}
	return e.w.Close()
}

// arrowEncoder writes an Arrow IPC stream. Its end is marked, so a reader knows
// one that broke off.
type arrowEncoder struct {
	fixed
	told *arrow.Schema // what the reader is told
	w    *ipc.Writer
}

func newArrowEncoder(o *out, schema stream.Schema, live bool) *arrowEncoder {
	f := newFixed(schema, live)
	fields := f.arrow.Fields()
	for i := range fields {
		fields[i].Type = told(f.schema[i].Type)
	}
	schemaTold := arrow.NewSchema(fields, nil)
	return &arrowEncoder{fixed: f, told: schemaTold, w: ipc.NewWriter(o, ipc.WithSchema(schemaTold))}
}

// told is the Arrow type that a reader is told: VARBINARY and TIME lie in memory
// as a string column and as integers, which would be a lie to others.
func told(t types.Type) arrow.DataType {
	switch t.Kind {
	case types.Varbinary:
		return arrow.BinaryTypes.Binary
	case types.Time:
		return arrow.FixedWidthTypes.Duration_us
	}
	return stream.ArrowType(t)
}

// relabel returns the columns of rec under the types that the reader is told; the
// memory is the same. The caller releases it.
func (e *arrowEncoder) relabel(rec arrow.RecordBatch) arrow.RecordBatch {
	cols := make([]arrow.Array, rec.NumCols())
	for i, c := range rec.Columns() {
		d := c.Data()
		data := array.NewData(e.told.Field(i).Type, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
		cols[i] = array.MakeFromData(data)
		data.Release()
	}
	out := array.NewRecordBatch(e.told, cols, rec.NumRows())
	for _, c := range cols {
		c.Release()
	}
	return out
}

func (e *arrowEncoder) contentType() string { return "application/vnd.apache.arrow.stream" }
func (e *arrowEncoder) begin() error        { return nil }

func (e *arrowEncoder) rows(b stream.Batch) error {
	own := e.record(b)
	defer own.Release()
	rec := e.relabel(own)
	defer rec.Release()
	return e.w.Write(rec)
}

func (e *arrowEncoder) end(cause error) error {
	if cause != nil {
		return errNoPlace
	}
	return e.w.Close()
}
