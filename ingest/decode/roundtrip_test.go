package decode

import (
	"bytes"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/operators/stream/render"
	"weir/sql/types"
)

// TestWhatIsRenderedIsReadBack writes random values of each type as JSON, CSV
// and TSV and finds the same values in what is read.
func TestWhatIsRenderedIsReadBack(t *testing.T) {
	schema := stream.Schema{
		{Name: "a", Type: types.IntType(8, false)}, {Name: "b", Type: types.IntType(32, true)}, {Name: "c", Type: types.UbigintType},
		{Name: "d", Type: types.FloatType}, {Name: "e", Type: types.TimeType(6)}, {Name: "f", Type: types.VarbinaryType},
		{Name: "g", Type: types.BigintType}, {Name: "h", Type: types.DoubleType}, {Name: "i", Type: types.DatetimeType(6)},
	}
	cfg := Config{Want: All(len(schema))}
	var header []string
	for _, f := range schema {
		cfg.Columns = append(cfg.Columns, Column{f.Name, f.Type})
		header = append(header, f.Name)
	}
	rapid.Check(t, func(r *rapid.T) {
		rec := drawBatch(r, schema)
		defer rec.Release()

		var text bytes.Buffer
		write := func(w render.Writer) []byte {
			text.Reset()
			if err := w.Write(rec); err != nil {
				r.Fatal(err)
			}
			if err := w.Close(); err != nil {
				r.Fatal(err)
			}
			return text.Bytes()
		}
		check := func(res Result, err error) {
			if err != nil || len(res.Errors) > 0 {
				r.Fatalf("%s: %v %v", text.Bytes(), err, res.Errors)
			}
			defer res.Batch.Release()
			for i := range schema {
				if a, b := rec.Column(i), res.Batch.Column(i); !array.Equal(a, b) {
					r.Fatalf("%s: %v was written as\n%s and read as %v", schema[i].Type, a, text.Bytes(), b)
				}
			}
		}
		d, err := NewJSON(cfg)
		if err != nil {
			r.Fatal(err)
		}
		check(d.Lines(write(render.NewNDJSON(&text, schema))))
		for comma, w := range map[byte]render.Writer{',': render.NewCSV(&text, schema, ',', ""), '\t': render.NewTSV(&text, schema)} {
			d, err := NewCSV(cfg, comma, header)
			if err != nil {
				r.Fatal(err)
			}
			data := write(w)
			check(d.Records(data[bytes.IndexByte(data, '\n')+1:]))
		}
	})
}

func drawBatch(r *rapid.T, schema stream.Schema) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for range rapid.IntRange(0, 9).Draw(r, "rows") {
		for i, f := range schema {
			if rapid.IntRange(0, 5).Draw(r, "null") == 0 {
				b.Field(i).AppendNull()
				continue
			}
			switch b := b.Field(i).(type) {
			case *array.Int64Builder:
				least, greatest := f.Type.IntRange()
				if f.Type.Kind == types.Time {
					least, greatest = -types.TimeMax, types.TimeMax
				}
				b.Append(rapid.Int64Range(least, greatest).Draw(r, "int"))
			case *array.Uint64Builder:
				b.Append(rapid.Uint64().Draw(r, "uint"))
			case *array.Float64Builder:
				if f.Type.Width == 32 {
					b.Append(float64(rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32).Draw(r, "float")) + 0)
				} else {
					b.Append(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).Draw(r, "double") + 0)
				}
			case *array.StringBuilder:
				b.Append(string(rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(r, "bytes")))
			case *array.TimestampBuilder:
				b.Append(arrow.Timestamp(rapid.Int64Range(firstMicro, lastMicro).Draw(r, "time")))
			}
		}
	}
	return b.NewRecordBatch()
}
