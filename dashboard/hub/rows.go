package hub

import (
	"bytes"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
	"weir/operators/stream/render"
	"weir/sql/types"
)

const millisPerDay = 86_400_000

// block is rows as they go on the wire: the JSON of every cell, row by row, with
// a comma behind each. A value is rendered once, whatever the number of frames
// that it goes into.
type block struct {
	text []byte
	ends []int32 // where each cell's text ends, in front of its comma
	cols int
}

// ref is a row of a block; the zero ref is no row.
type ref struct {
	b   *block
	row int32
}

func (r ref) cell(c int) []byte {
	i := int(r.row)*r.b.cols + c
	from := int32(0)
	if i > 0 {
		from = r.b.ends[i-1] + 1
	}
	return r.b.text[from:r.b.ends[i]]
}

// line returns all cells with commas between; equal rows have equal lines.
func (r ref) line() []byte {
	from, to := r.bounds()
	return r.b.text[from:to]
}

func (r ref) bounds() (from, to int32) {
	first := int(r.row) * r.b.cols
	if r.b.cols == 0 {
		return 0, 0
	}
	if first > 0 {
		from = r.b.ends[first-1] + 1
	}
	return from, r.b.ends[first+r.b.cols-1]
}

// size is what the row holds, about.
func (r ref) size() int {
	from, to := r.bounds()
	return int(to-from) + 4*r.b.cols + 32
}

// appendKey appends what identifies the row: the key's cells, of a bag all.
func (r ref) appendKey(dst []byte, key []int) []byte {
	if key == nil {
		return append(dst, r.line()...)
	}
	for _, c := range key {
		dst = append(append(dst, r.cell(c)...), ',')
	}
	return dst
}

func (r ref) equal(o ref) bool { return bytes.Equal(r.line(), o.line()) }

// copyInto appends the row to another block.
func (r ref) copyInto(b *block) ref {
	for c := range b.cols {
		b.text = append(append(b.text, r.cell(c)...), ',')
		b.ends = append(b.ends, int32(len(b.text)-1))
	}
	return ref{b, int32(len(b.ends)/max(1, b.cols) - 1)}
}

// change is a row that enters or leaves.
type change struct {
	ref
	leaves bool
}

// renderRows renders the rows of batches.
func renderRows(schema stream.Schema, batches []stream.Batch) []change {
	n := 0
	for _, b := range batches {
		n += int(b.NumRows())
	}
	if n == 0 {
		return nil
	}
	out := make([]change, 0, n)
	bl := &block{cols: len(schema), ends: make([]int32, 0, n*len(schema))}
	writers := make([]func([]byte, int) []byte, len(schema))
	for _, b := range batches {
		for c, f := range schema {
			writers[c] = cellWriter(b.Column(c), f.Type)
		}
		for row := range int(b.NumRows()) {
			if len(bl.text) > 1<<28 { // offsets are 32 bits
				bl = &block{cols: len(schema)}
			}
			for c, write := range writers {
				if b.Column(c).IsNull(row) {
					bl.text = append(bl.text, "null,"...)
				} else {
					bl.text = append(write(bl.text, row), ',')
				}
				bl.ends = append(bl.ends, int32(len(bl.text)-1))
			}
			at := len(bl.ends)/max(1, bl.cols) - 1
			out = append(out, change{ref{bl, int32(at)}, b.Ops != nil && b.Ops[row] == stream.Delete})
		}
	}
	return out
}

// cellWriter appends a value that is not NULL: as everywhere, but times are
// numbers, which a chart need not parse, and JSON is text.
func cellWriter(arr arrow.Array, t types.Type) func([]byte, int) []byte {
	switch a := arr.(type) {
	case *array.Timestamp:
		return func(dst []byte, row int) []byte { return appendMillis(dst, int64(a.Value(row))) }
	case *array.Date32:
		return func(dst []byte, row int) []byte {
			return strconv.AppendInt(dst, int64(a.Value(row))*millisPerDay, 10)
		}
	}
	if t.Kind == types.JSON {
		t = types.VarcharType // a cell of the page is text
	}
	return func(dst []byte, row int) []byte { return render.AppendJSON(dst, arr, row, t) }
}
