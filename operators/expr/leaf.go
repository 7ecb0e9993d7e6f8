package expr

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// literal is a constant.
type literal struct{ v vec }

func (l *literal) eval(*frame) (*vec, error) { return &l.v, nil }

func newLiteral(l *physical.Literal) (*literal, error) {
	c, err := classOf(l.T)
	if err != nil {
		return nil, err
	}
	v := vec{class: c, one: true, offs: []int32{0, 0}}
	ok := true
	switch value := l.Value.(type) {
	case nil:
		v.null = true
		v.bools, v.ints, v.nums, v.decs = bitmap{0}, []int64{0}, []float64{0}, make([]decimal128.Num, 1)
	case bool:
		ok = c == bools
		v.bools = bitmap{0}
		if value {
			v.bools = bitmap{1}
		}
	case int64:
		ok = c == ints
		v.ints = []int64{value}
	case uint64:
		ok = c == uints
		v.ints = []int64{int64(value)}
	case float64:
		ok = c == floats
		v.nums = []float64{value}
	case decimal128.Num:
		ok = c == decs
		v.decs = []decimal128.Num{value}
	case string:
		ok = c == texts
		v.data = []byte(value)
		v.offs[1] = int32(len(value))
	default:
		ok = false
	}
	if !ok {
		return nil, fmt.Errorf("literal of type %s holds a %T", l.T, l.Value)
	}
	return &literal{v}, nil
}

// value is row i of v as physical.Literal holds it.
func (v *vec) value(i int) any {
	if v.isNull(i) {
		return nil
	}
	j := v.at(i)
	switch v.class {
	case bools:
		return v.bools.get(j)
	case ints:
		return v.ints[j]
	case uints:
		return uint64(v.ints[j])
	case floats:
		return v.nums[j]
	case decs:
		return v.decs[j]
	}
	return string(v.text(i))
}

// column reads a column of the batch, without a copy where the values lie as
// they do in a vec.
type column struct {
	index int
	typ   types.Type
	arrow arrow.DataType
	o     out
}

func newColumn(c *physical.Column) (*column, error) {
	cl, err := classOf(c.T)
	if err != nil {
		return nil, fmt.Errorf("column %d: %w", c.Index, err)
	}
	col := &column{index: c.Index, typ: c.T, arrow: stream.ArrowType(c.T)}
	col.o.class = cl
	return col, nil
}

// source returns the column's array, after a look at its type: the engine and
// the planner must mean the same schema.
func (c *column) source(b arrow.RecordBatch) (arrow.Array, error) {
	if c.index < 0 || int64(c.index) >= b.NumCols() {
		return nil, fmt.Errorf("column %d of a batch of %d columns", c.index, b.NumCols())
	}
	a := b.Column(c.index)
	if !arrow.TypeEqual(a.DataType(), c.arrow) {
		return nil, fmt.Errorf("column %d is %s in the plan and %s in the batch", c.index, c.typ, a.DataType())
	}
	return a, nil
}

func (c *column) eval(f *frame) (*vec, error) {
	a, err := c.source(f.rec)
	if err != nil {
		return nil, err
	}
	o := &c.o
	o.valid = nil
	if a.NullN() > 0 {
		o.mask = loadBits(o.mask, a.NullBitmapBytes(), a.Data().Offset(), f.n)
		o.valid = o.mask
	}
	switch a := a.(type) {
	case *array.Boolean:
		o.bools = nil
		if f.n > 0 {
			o.cells = loadBits(o.cells, a.Data().Buffers()[1].Bytes(), a.Data().Offset(), f.n)
			o.bools = o.cells
		}
	case *array.Int64:
		o.ints = a.Int64Values()
	case *array.Uint64:
		o.ints = arrow.Int64Traits.CastFromBytes(arrow.Uint64Traits.CastToBytes(a.Uint64Values()))
	case *array.Timestamp:
		o.ints = arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues()))
	case *array.Date32:
		o.ints = grow(o.ints, f.n)
		for i, d := range a.Date32Values() {
			o.ints[i] = int64(d)
		}
	case *array.Float64:
		o.nums = a.Float64Values()
	case *array.Decimal128:
		o.decs = a.Values()
	case *array.String:
		o.offs, o.data = textsOf(a)
	default:
		return nil, fmt.Errorf("column %d has type %s", c.index, a.DataType())
	}
	return &o.vec, nil
}

// textsOf returns the offsets and the bytes that they point into.
func textsOf(a *array.String) ([]int32, []byte) {
	if a.Len() == 0 {
		return []int32{0}, nil
	}
	var data []byte
	if b := a.Data().Buffers()[2]; b != nil {
		data = b.Bytes()
	}
	return a.ValueOffsets(), data
}
