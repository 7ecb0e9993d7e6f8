package topn

import (
	"cmp"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/planner/physical"
)

// ref is a row that is held: a batch by its number, and a row of it.
type ref struct{ batch, row int32 }

// keyColumn orders by one column. It has, per batch that is held, the column.
type keyColumn struct {
	physical.SortKey
	kind  arrow.Type
	parts []arrow.Array
	// The values, per batch, of the columns that are plain numbers.
	ints [][]int64
	nums [][]float64
}

func newKey(k physical.SortKey) keyColumn { return keyColumn{SortKey: k} }

// add takes the next batch's column.
func (k *keyColumn) add(b arrow.RecordBatch) error {
	a := b.Column(k.Column)
	k.kind = a.DataType().ID()
	k.parts = append(k.parts, a)
	switch a := a.(type) {
	case *array.Int64:
		k.ints = append(k.ints, a.Int64Values())
	case *array.Timestamp:
		k.ints = append(k.ints, arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues())))
	case *array.Float64:
		k.nums = append(k.nums, a.Float64Values())
	case *array.Boolean, *array.Date32, *array.Uint64, *array.Decimal128, *array.String:
	default:
		return fmt.Errorf("sort by %s", a.DataType())
	}
	return nil
}

// compare orders two rows; NULL is less than everything, so descending order
// puts it last.
func (k *keyColumn) compare(x, y ref) int {
	a, b := k.parts[x.batch], k.parts[y.batch]
	var c int
	switch an, bn := a.IsNull(int(x.row)), b.IsNull(int(y.row)); {
	case an && bn:
		return 0
	case an:
		c = -1
	case bn:
		c = 1
	default:
		c = k.compareValues(x, y)
	}
	if k.Desc {
		return -c
	}
	return c
}

func (k *keyColumn) compareValues(x, y ref) int {
	i, j := int(x.row), int(y.row)
	switch k.kind {
	case arrow.INT64, arrow.TIMESTAMP:
		return cmp.Compare(k.ints[x.batch][i], k.ints[y.batch][j])
	case arrow.FLOAT64:
		return cmp.Compare(k.nums[x.batch][i], k.nums[y.batch][j])
	}
	a, b := k.parts[x.batch], k.parts[y.batch]
	switch a := a.(type) {
	case *array.String:
		return cmp.Compare(a.Value(i), b.(*array.String).Value(j))
	case *array.Uint64:
		return cmp.Compare(a.Value(i), b.(*array.Uint64).Value(j))
	case *array.Date32:
		return cmp.Compare(a.Value(i), b.(*array.Date32).Value(j))
	case *array.Decimal128:
		return a.Value(i).Cmp(b.(*array.Decimal128).Value(j))
	case *array.Boolean:
		return compareBools(a.Value(i), b.(*array.Boolean).Value(j))
	}
	panic("a key of a type that add refused")
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
