package fill

import (
	"math/big"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/operators/stream/keys"
	"weir/sql/types"
)

// line appends the windows between a group's last one and r, whose numbers lie on
// the line between those of the two, by the times of the ends. Of a NULL on either
// side, and of what is no number, they show NULL.
func (f *fill) line(rows []row, g *group, r row) ([]row, error) {
	if err := f.limit(len(rows), g, r.end); err != nil {
		return nil, err
	}
	var ends []int64
	for k := f.grid.Next(g.last); k < r.end; k = f.grid.Next(k) {
		ends = append(ends, k)
	}
	if len(ends) == 0 {
		return rows, nil
	}
	from := f.grid.Time(g.last)
	whole := int64(f.grid.Time(r.end) - from)
	left, right := []byte(g.shown), []byte(r.shown)
	shown := make([][]byte, len(ends))
	for _, t := range f.shownTypes() {
		two := array.NewBuilder(f.rt.Alloc, stream.ArrowType(t))
		var err error
		if left, err = keys.Decode(left, t, two); err == nil {
			right, err = keys.Decode(right, t, two)
		}
		sides := two.NewArray()
		two.Release()
		if err != nil {
			sides.Release()
			return nil, err
		}
		between := array.NewBuilder(f.rt.Alloc, stream.ArrowType(t))
		for _, k := range ends {
			if sides.NullN() > 0 || !appendBetween(between, sides, t, int64(f.grid.Time(k)-from), whole) {
				between.AppendNull()
			}
		}
		values := between.NewArray()
		between.Release()
		col := keys.Of(values, t)
		for i := range shown {
			shown[i] = col.Append(shown[i], i)
		}
		values.Release()
		sides.Release()
	}
	for i, k := range ends {
		rows = append(rows, row{k, r.group, string(shown[i])})
	}
	return rows, nil
}

// appendBetween appends the number that lies part/whole of the way between the two
// of sides; whole numbers and decimals are rounded, halves away from zero.
func appendBetween(to array.Builder, sides any, t types.Type, part, whole int64) bool {
	switch a := sides.(type) {
	case *array.Float64:
		x, y := a.Value(0), a.Value(1)
		to.(*array.Float64Builder).Append(x + (y-x)*(float64(part)/float64(whole)))
	case *array.Int64:
		if t.Kind != types.Bigint {
			return false
		}
		to.(*array.Int64Builder).Append(between(big.NewInt(a.Value(0)), big.NewInt(a.Value(1)), part, whole).Int64())
	case *array.Uint64:
		x, y := new(big.Int).SetUint64(a.Value(0)), new(big.Int).SetUint64(a.Value(1))
		to.(*array.Uint64Builder).Append(between(x, y, part, whole).Uint64())
	case *array.Decimal128:
		to.(*array.Decimal128Builder).Append(decimal128.FromBigInt(between(a.Value(0).BigInt(), a.Value(1).BigInt(), part, whole)))
	default:
		return false
	}
	return true
}

func between(x, y *big.Int, part, whole int64) *big.Int {
	// x + (y-x)·part/whole, as (2·(y-x)·part ± whole) / (2·whole).
	d := new(big.Int).Sub(y, x)
	d.Mul(d, big.NewInt(2)).Mul(d, big.NewInt(part))
	half, twice := big.NewInt(whole), new(big.Int).Mul(big.NewInt(2), big.NewInt(whole))
	n := new(big.Int).Mul(x, twice)
	n.Add(n, d)
	if n.Sign() < 0 {
		half.Neg(half)
	}
	return n.Add(n, half).Quo(n, twice)
}
