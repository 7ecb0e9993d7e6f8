package scan

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/ingest"
	"weir/operators/stream"
)

// rawColumns builds the columns of records that nobody takes apart.
type rawColumns struct {
	alloc  memory.Allocator
	schema *arrow.Schema
	build  []func(w *rawColumns, r *rawRun) arrow.Array
}

// rawRun is the records that a batch is made of.
type rawRun struct {
	*entries
	block   []byte
	first   ingest.SequenceNumber // of the first record of the block
	arrival stream.Time
}

func (r *rawRun) rows() int { return len(r.keys) }

// newRawColumns compiles a builder of the wanted columns.
func newRawColumns(c *Config) (*rawColumns, error) {
	w := &rawColumns{alloc: c.Alloc}
	if w.alloc == nil {
		w.alloc = memory.DefaultAllocator
	}
	var fields []arrow.Field
	for _, i := range c.Want {
		col := c.Columns[i]
		var build func(w *rawColumns, r *rawRun) arrow.Array
		switch col.Name {
		case "data":
			build = (*rawColumns).data
		case "partition_key":
			build = (*rawColumns).partitionKey
		case "sequence_number":
			build = (*rawColumns).sequenceNumber
		case "shard_id":
			build = (*rawColumns).shardID
		case "approximate_arrival_time":
			build = (*rawColumns).arrival
		default:
			return nil, fmt.Errorf("a raw stream has no column %q", col.Name)
		}
		w.build = append(w.build, build)
		fields = append(fields, arrow.Field{Name: col.Name, Type: stream.ArrowType(col.Type), Nullable: true})
	}
	w.schema = arrow.NewSchema(fields, nil)
	return w, nil
}

// batch returns a row for each entry. first is the number of the block's first record.
func (w *rawColumns) batch(e *entries, block []byte, first ingest.SequenceNumber, arrival stream.Time) arrow.RecordBatch {
	run := &rawRun{entries: e, block: block, first: first, arrival: arrival}
	columns := make([]arrow.Array, len(w.build))
	for i, build := range w.build {
		columns[i] = build(w, run)
	}
	out := array.NewRecordBatch(w.schema, columns, int64(run.rows()))
	for _, c := range columns {
		c.Release()
	}
	return out
}

func (w *rawColumns) data(r *rawRun) arrow.Array {
	size := 0
	for _, s := range r.spans {
		size += s.End - s.Start
	}
	return w.texts(r.rows(), size, func(i int) []byte { return r.block[r.spans[i].Start:r.spans[i].End] })
}

func (w *rawColumns) partitionKey(r *rawRun) arrow.Array {
	size := 0
	for i, k := range r.keys {
		if !utf8.Valid(k) {
			r.keys[i] = []byte(string([]rune(string(k)))) // what is no text becomes U+FFFD
		}
		size += len(r.keys[i])
	}
	texts := w.texts(r.rows(), size, func(i int) []byte { return r.keys[i] })
	if !slices.ContainsFunc(r.keys, func(k []byte) bool { return len(k) == 0 }) {
		return texts
	}
	defer texts.Release()
	return w.withoutEmpty(texts.Data(), r.keys)
}

// withoutEmpty makes NULLs of empty keys: such a record was put without one.
func (w *rawColumns) withoutEmpty(texts arrow.ArrayData, keys [][]byte) arrow.Array {
	valid, nulls := w.memory(int(bitutil.BytesForBits(int64(len(keys))))), 0
	defer valid.Release()
	for i, k := range keys {
		bitutil.SetBitTo(valid.Bytes(), i, len(k) > 0)
		if len(k) == 0 {
			nulls++
		}
	}
	data := array.NewData(texts.DataType(), len(keys), append([]*memory.Buffer{valid}, texts.Buffers()[1:]...), nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

func (w *rawColumns) sequenceNumber(r *rawRun) arrow.Array {
	text, at := ingest.NewSequenceText(r.first), int32(0)
	return w.texts(r.rows(), r.rows()*len(text.Bytes()), func(i int) []byte {
		for ; at < r.of[i]; at++ {
			text.Next()
		}
		return text.Bytes()
	})
}

func (w *rawColumns) shardID(r *rawRun) arrow.Array {
	id := []byte(ingest.ShardID(r.first.Shard))
	return w.texts(r.rows(), r.rows()*len(id), func(int) []byte { return id })
}

// arrival has milliseconds, as Kinesis tells it.
func (w *rawColumns) arrival(r *rawRun) arrow.Array {
	values := w.memory(r.rows() * arrow.Int64SizeBytes)
	defer values.Release()
	times := arrow.Int64Traits.CastFromBytes(values.Bytes())
	for i := range times {
		times[i] = int64(r.arrival) - int64(r.arrival)%1000
	}
	return w.array(&arrow.TimestampType{Unit: arrow.Microsecond}, r.rows(), values)
}

// texts makes a column of rows whose texts take size bytes together.
func (w *rawColumns) texts(rows, size int, text func(i int) []byte) arrow.Array {
	offsets, values := w.memory((rows+1)*arrow.Int32SizeBytes), w.memory(size)
	defer offsets.Release()
	defer values.Release()
	ends, to, at := arrow.Int32Traits.CastFromBytes(offsets.Bytes()), values.Bytes(), 0
	ends[0] = 0
	for i := range rows {
		at += copy(to[at:], text(i))
		ends[i+1] = int32(at)
	}
	return w.array(arrow.BinaryTypes.String, rows, offsets, values)
}

func (w *rawColumns) memory(size int) *memory.Buffer {
	b := memory.NewResizableBuffer(w.alloc)
	b.Resize(size)
	return b
}

func (w *rawColumns) array(t arrow.DataType, rows int, buffers ...*memory.Buffer) arrow.Array {
	data := array.NewData(t, rows, append([]*memory.Buffer{nil}, buffers...), nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}
