package windowagg

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
)

// rowsOf returns how many rows each group of accs has; nil where the input takes
// none back, so that each group has some.
func (f *final) rowsOf(accs []acc) []int64 {
	if !f.n.Retracts {
		return nil
	}
	return accs[len(accs)-1].(*countAcc).n
}

// lives tells whether the group at a place of accs has a row to show. The one
// group of an aggregate without keys and windows has one even for no input.
func (f *final) lives(accs []acc, at int32) bool {
	rows := f.rowsOf(accs)
	return rows == nil || rows[at] > 0 || len(f.n.Keys) == 0 && !f.windowed()
}

// alive returns those of the groups, which are at places of accs, that live.
func (f *final) alive(groups, at []int32, accs []acc) (ids, places []int32) {
	if !f.n.Retracts {
		return groups, at
	}
	for i, p := range at {
		if f.lives(accs, p) {
			ids, places = append(ids, groups[i]), append(places, p)
		}
	}
	return ids, places
}

// pairs returns places for the states before and behind a change. Where a state
// is large they take its result.
func (f *final) pairs() []acc {
	accs := f.fresh()
	for i, a := range accs {
		if _, ok := a.(large); ok {
			accs[i] = &resultAcc{b: array.NewBuilder(f.rt.Alloc, stream.ArrowType(f.aggs[i].Out))}
		}
	}
	return accs
}

// release gives back what pairs took.
func release(accs []acc) {
	for _, a := range accs {
		if r, ok := a.(*resultAcc); ok {
			r.release()
		}
	}
}

// large marks an acc whose states grow with their rows, so that copying them
// costs more than computing their results.
type large interface{ isLarge() }

// resultAcc holds results in the place of states. It can do no more than show them.
type resultAcc struct {
	acc    // nil: nothing else is ever asked for
	b      array.Builder
	at     []int32 // by place: which result
	nulled []int64 // by result
	built  arrow.Array
}

func (r *resultAcc) grow(n int) { r.at = growTo(r.at, n) }

func (r *resultAcc) fold(ids []int32, src acc, from []int32) {
	for i, id := range ids {
		r.at[id] = int32(len(r.nulled))
		r.nulled = append(r.nulled, src.appendResults(r.b, from[i:i+1]))
	}
}

func (r *resultAcc) appendResults(b array.Builder, ids []int32) (nulled int64) {
	if r.built == nil {
		r.built = r.b.NewArray()
	}
	for _, id := range ids {
		nulled += r.nulled[r.at[id]]
		appendFrom(b, r.built, int(r.at[id]))
	}
	return nulled
}

func (r *resultAcc) release() {
	if r.built != nil {
		r.built.Release()
	}
	r.b.Release()
}

// appendFrom appends value i of a to a builder of the same type.
func appendFrom(b array.Builder, a arrow.Array, i int) {
	if a.IsNull(i) {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.Int64Builder:
		b.Append(a.(*array.Int64).Value(i))
	case *array.Uint64Builder:
		b.Append(a.(*array.Uint64).Value(i))
	case *array.Float64Builder:
		b.Append(a.(*array.Float64).Value(i))
	case *array.Float32Builder:
		b.Append(a.(*array.Float32).Value(i))
	case *array.Decimal128Builder:
		b.Append(a.(*array.Decimal128).Value(i))
	case *array.BooleanBuilder:
		b.Append(a.(*array.Boolean).Value(i))
	case *array.StringBuilder:
		b.Append(a.(*array.String).Value(i))
	case *array.BinaryBuilder:
		b.Append(a.(*array.Binary).Value(i))
	case *array.TimestampBuilder:
		b.Append(a.(*array.Timestamp).Value(i))
	case *array.Date32Builder:
		b.Append(a.(*array.Date32).Value(i))
	case *array.Time64Builder:
		b.Append(a.(*array.Time64).Value(i))
	default:
		panic(fmt.Sprintf("a result of type %s", a.DataType()))
	}
}
