package views

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/klauspost/compress/s2"

	"weir/operators/stream"
)

// formatVersion is the first byte of whatever a view stores.
const formatVersion = 1

// rawBytesMax is the most that a page takes when it is decompressed. A page of
// one row may be long.
const rawBytesMax = 1 << 30

var errCorrupt = errors.New("it does not decode")

// encodeBody writes the rows of a page: a byte for the version, then, compressed
// with S2, marks, ops and columns, as they lie in memory on a little-endian
// machine. The body is sealed.
func encodeBody(b *body, schema stream.Schema) []byte {
	rec := b.parts[0].rec
	rows := int(rec.NumRows())
	raw := make([]byte, 0, int(b.bytes)+64*len(b.marks)+1024)
	raw = binary.AppendUvarint(raw, uint64(rows))
	raw = binary.AppendUvarint(raw, uint64(len(b.marks)))
	end := 0
	for _, m := range b.marks {
		raw = binary.AppendUvarint(raw, uint64(m.step))
		raw = binary.AppendUvarint(raw, uint64(m.commit))
		raw = binary.AppendVarint(raw, int64(m.clock))
		raw = binary.AppendVarint(raw, int64(m.w))
		last := uint64(0)
		if m.more {
			last = 1
		}
		raw = binary.AppendUvarint(raw, uint64(m.end-end)<<1|last)
		end = m.end
	}
	if b.ops == nil {
		raw = append(raw, 0)
	} else {
		raw = append(raw, 1)
		for _, op := range b.ops {
			raw = append(raw, byte(op))
		}
	}
	for i := range schema {
		raw = appendColumn(raw, rec.Column(i))
	}
	out := make([]byte, 1, 1+s2.MaxEncodedLen(len(raw)))
	out[0] = formatVersion
	return append(out, s2.Encode(out[1:1:cap(out)], raw)...)
}

func appendColumn(raw []byte, col arrow.Array) []byte {
	n := col.Len()
	if col.NullN() == 0 {
		raw = append(raw, 0)
	} else {
		raw = append(raw, 1)
		for i := 0; i < n; i += 8 {
			x := byte(0)
			for j := i; j < min(i+8, n); j++ {
				if col.IsValid(j) {
					x |= 1 << (j - i)
				}
			}
			raw = append(raw, x)
		}
	}
	d := col.Data()
	switch a := col.(type) {
	case *array.Boolean:
		for i := 0; i < n; i += 8 {
			x := byte(0)
			for j := i; j < min(i+8, n); j++ {
				if a.Value(j) {
					x |= 1 << (j - i)
				}
			}
			raw = append(raw, x)
		}
		return raw
	case *array.String:
		if n == 0 {
			return raw
		}
		offs := arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset():]
		for i := range n {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(offs[i+1]-offs[i]))
		}
		return append(raw, a.ValueBytes()...)
	}
	width := col.DataType().(arrow.FixedWidthDataType).Bytes()
	if n == 0 {
		return raw
	}
	return append(raw, d.Buffers()[1].Bytes()[d.Offset()*width:(d.Offset()+n)*width]...)
}

// reader takes values off the front of bytes. After an error it returns zeros.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.src) {
		r.bad, r.src = true, nil
		return nil
	}
	out := r.src[:n:n]
	r.src = r.src[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.src)
	r.take(max(n, -1))
	r.bad = r.bad || n <= 0
	return x
}

func (r *reader) varint() int64 {
	x, n := binary.Varint(r.src)
	r.take(max(n, -1))
	r.bad = r.bad || n <= 0
	return x
}

// count reads a number that is not greater than most.
func (r *reader) count(most int) int {
	x := r.uvarint()
	if x > uint64(most) {
		r.bad, r.src = true, nil
		return 0
	}
	return int(x)
}

// decodeBody reads what encodeBody wrote. It returns an error for anything else.
func decodeBody(alloc memory.Allocator, src []byte, schema stream.Schema, as *arrow.Schema) (*body, error) {
	if len(src) == 0 || src[0] != formatVersion {
		return nil, fmt.Errorf("%w: its format is not version %d", errCorrupt, formatVersion)
	}
	size, err := s2.DecodedLen(src[1:])
	if err != nil || size > rawBytesMax || size > 64*len(src)+(1<<20) && size > 4096*len(src) {
		return nil, errCorrupt
	}
	raw, err := s2.Decode(nil, src[1:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	r := &reader{src: raw}
	rows := r.count(pageRowsMax)
	b := &body{marks: readMarks(r, rows)}
	if r.byte() == 1 {
		b.ops = make([]stream.Op, rows)
		for i, x := range r.take(rows) {
			b.ops[i] = stream.Op(x)
			r.bad = r.bad || x > byte(stream.Delete)
		}
	}
	cols := make([]arrow.Array, 0, len(schema))
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for i := range schema {
		c := readColumn(alloc, r, as.Field(i).Type, rows)
		if c == nil {
			return nil, errCorrupt
		}
		cols = append(cols, c)
	}
	if r.bad || len(r.src) > 0 {
		return nil, errCorrupt
	}
	rec := array.NewRecordBatch(as, cols, int64(rows))
	b.parts = []part{{rec: rec}}
	b.bytes = sizerOf(schema, rec).bytes(0, rows)
	return b, nil
}

func readMarks(r *reader, rows int) []mark {
	n := r.count(rows)
	if n == 0 {
		return nil
	}
	marks := make([]mark, n)
	end := 0
	for i := range marks {
		m := &marks[i]
		m.step, m.commit = stream.Step(r.uvarint()), stream.Commit(r.uvarint())
		m.clock, m.w = stream.Time(r.varint()), stream.Time(r.varint())
		x := r.count(rows<<1 | 1)
		end += x >> 1
		m.end, m.more = end, x&1 != 0
		if x>>1 == 0 || end > rows {
			r.bad = true
		}
	}
	if end != rows {
		r.bad = true
	}
	return marks
}

// readColumn reads a column; nil if it is corrupt.
func readColumn(alloc memory.Allocator, r *reader, dt arrow.DataType, rows int) arrow.Array {
	buffers := make([]*memory.Buffer, 2, 3)
	defer func() {
		for _, b := range buffers {
			if b != nil {
				b.Release()
			}
		}
	}()
	nulls := 0
	if r.byte() == 1 {
		valid := r.take((rows + 7) / 8)
		buffers[0] = copied(alloc, valid)
		for i := range rows {
			if valid != nil && valid[i>>3]>>(i&7)&1 == 0 {
				nulls++
			}
		}
	}
	switch dt.ID() {
	case arrow.BOOL:
		buffers[1] = copied(alloc, r.take((rows+7)/8))
	case arrow.STRING:
		lengths := r.take(4 * rows)
		if r.bad {
			return nil
		}
		buffers[1] = memory.NewResizableBuffer(alloc)
		buffers[1].Resize(4 * (rows + 1))
		offs := arrow.Int32Traits.CastFromBytes(buffers[1].Bytes())
		offs[0] = 0
		for i := range rows {
			end := int64(offs[i]) + int64(binary.LittleEndian.Uint32(lengths[4*i:]))
			if end > math.MaxInt32 {
				return nil
			}
			offs[i+1] = int32(end)
		}
		buffers = append(buffers, copied(alloc, r.take(int(offs[rows]))))
	default:
		buffers[1] = copied(alloc, r.take(rows*dt.(arrow.FixedWidthDataType).Bytes()))
	}
	if r.bad {
		return nil
	}
	data := array.NewData(dt, rows, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

func copied(alloc memory.Allocator, src []byte) *memory.Buffer {
	b := memory.NewResizableBuffer(alloc)
	b.Resize(len(src))
	copy(b.Bytes(), src)
	return b
}
