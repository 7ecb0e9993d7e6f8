package decode

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/sql/types"
)

// column is the memory that the values of one declared column go to. Rows are
// written by index, so a row is taken back by writing over it; its NULLs are a
// list in ascending order until finish makes the bitmap. The memory becomes
// the Arrow array as it is.
type column struct {
	Column
	arrowType arrow.DataType
	alloc     memory.Allocator
	build     bool  // it is in Want
	check     bool  // its values are read: it is in Want, or all are checked
	generated bool  // no value may be sent
	least     int64 // of a Bigint
	greatest  int64
	mask      int // and'ed to row numbers: -1, or 0 where nothing is kept

	values []byte  // the memory behind the one of these that the type needs
	ints   []int64 // BIGINT UNSIGNED by its bits
	floats []float64
	days   []int32
	exact  []decimal128.Num
	bools  []byte // one byte a row, packed by finish

	offsets    []int32
	offsetsMem []byte
	text       []byte  // as long as the memory is, not as the text
	textPerRow float64 // of the calls before

	nulls []int32
}

func newColumn(c Column, build, checkAll, generated bool, alloc memory.Allocator) column {
	col := column{Column: c, generated: generated, build: build, check: build || checkAll, alloc: alloc, arrowType: stream.ArrowType(c.Type)}
	col.least, col.greatest = c.Type.IntRange()
	if build {
		col.mask = -1
		return col
	}
	// Values that are only checked all go to row 0.
	if !generated && (c.Type.Kind == types.Varchar && c.Type.Length == 0 || c.Type.Kind == types.Null) {
		col.check = false // every value fits
	}
	col.alloc = memory.DefaultAllocator
	col.reserve(1)
	return col
}

// width is the size of a value in bytes.
func (c *column) width() int {
	switch c.Type.Kind {
	case types.Boolean:
		return 1
	case types.Date:
		return 4
	case types.Decimal:
		return 16
	}
	return 8
}

// reserve makes room for that many rows.
func (c *column) reserve(rows int) {
	if c.isText() {
		c.offsetsMem = resize(c.alloc, c.offsetsMem, (rows+1)*4)
		c.offsets = arrow.Int32Traits.CastFromBytes(c.offsetsMem)
		c.offsets[0] = 0
		return
	}
	if c.Type.Kind == types.Boolean {
		c.bools = append(c.bools, make([]byte, rows-len(c.bools))...)
		return
	}
	c.values = resize(c.alloc, c.values, rows*c.width())
	switch c.Type.Kind {
	case types.Bigint, types.Ubigint, types.Time, types.Datetime:
		c.ints = arrow.Int64Traits.CastFromBytes(c.values)
	case types.Double:
		c.floats = arrow.Float64Traits.CastFromBytes(c.values)
	case types.Date:
		c.days = arrow.Int32Traits.CastFromBytes(c.values)
	case types.Decimal:
		c.exact = arrow.Decimal128Traits.CastFromBytes(c.values)
	}
}

func (c *column) isText() bool {
	switch c.Type.Kind {
	case types.Varchar, types.Varbinary, types.JSON, types.Null:
		return true
	}
	return false
}

func resize(alloc memory.Allocator, b []byte, size int) []byte {
	if b == nil {
		return alloc.Allocate(size)
	}
	return alloc.Reallocate(size, b)
}

// begin makes room for about that many rows.
func (c *column) begin(rows int) {
	if !c.build {
		return
	}
	if c.Type.Kind == types.Boolean {
		c.bools = c.bools[:0]
	}
	c.reserve(rows)
	if c.isText() {
		c.text = resize(c.alloc, nil, int(c.textPerRow*1.02*float64(rows))+64)
	}
}

// room returns where the text of a row begins, with room for n bytes behind it.
func (c *column) room(row, n int) (start int) {
	start = int(c.offsets[row&c.mask])
	if start+n > len(c.text) {
		c.text = resize(c.alloc, c.text, max(start+n, 2*len(c.text), 64))
	}
	return start
}

// setText makes s the value of a row.
func (c *column) setText(row int, s []byte) {
	if !c.build {
		return
	}
	start := c.room(row, len(s))
	copy(c.text[start:], s)
	c.offsets[row+1] = int32(start + len(s))
}

// setNull makes NULL the value of a row.
func (c *column) setNull(row int) {
	if !c.build {
		return
	}
	c.nulls = append(c.nulls, int32(row))
	switch c.Type.Kind {
	case types.Bigint, types.Ubigint, types.Time, types.Datetime:
		c.ints[row] = 0
	case types.Double:
		c.floats[row] = 0
	case types.Date:
		c.days[row] = 0
	case types.Decimal:
		c.exact[row] = decimal128.Num{}
	case types.Boolean:
		c.bools[row] = 0
	default:
		c.offsets[row+1] = c.offsets[row]
	}
}

// takeBack forgets what was written of a row.
func (c *column) takeBack(row int) {
	if k := len(c.nulls); k > 0 && c.nulls[k-1] == int32(row) {
		c.nulls = c.nulls[:k-1]
	}
}

// finish returns the array of the first rows rows and forgets them.
func (c *column) finish(rows int) arrow.Array {
	buffers := []*memory.Buffer{c.validity(rows), nil}
	switch {
	case c.isText():
		size := int(c.offsets[rows])
		if rows > 0 {
			c.textPerRow = float64(size) / float64(rows)
		}
		buffers[1] = c.buffer(c.offsetsMem, (rows+1)*4)
		buffers = append(buffers, c.buffer(c.text, size))
	case c.Type.Kind == types.Boolean:
		bits := c.alloc.Allocate(int(bitutil.BytesForBits(int64(rows))))
		clear(bits)
		for i, v := range c.bools[:rows] {
			bits[i>>3] |= v << (i & 7)
		}
		buffers[1] = c.buffer(bits, len(bits))
	default:
		buffers[1] = c.buffer(c.values, rows*c.width())
	}
	data := array.NewData(c.arrowType, rows, buffers, nil, len(c.nulls), 0)
	for _, b := range buffers {
		if b != nil {
			b.Release()
		}
	}
	defer data.Release()
	c.values, c.ints, c.floats, c.days, c.exact = nil, nil, nil, nil, nil
	c.offsets, c.offsetsMem, c.text, c.nulls = nil, nil, nil, c.nulls[:0]
	return array.MakeFromData(data)
}

// buffer hands over b, cut to size.
func (c *column) buffer(b []byte, size int) *memory.Buffer {
	return memory.NewBufferWithAllocator(c.alloc.Reallocate(size, b), c.alloc)
}

func (c *column) validity(rows int) *memory.Buffer {
	if len(c.nulls) == 0 {
		return nil
	}
	bits := c.alloc.Allocate(int(bitutil.BytesForBits(int64(rows))))
	for i := range bits {
		bits[i] = 0xff
	}
	if rows&7 != 0 {
		bits[len(bits)-1] = 1<<(rows&7) - 1
	}
	for _, row := range c.nulls {
		bits[row>>3] &^= 1 << (row & 7)
	}
	return c.buffer(bits, len(bits))
}
