package windowagg

import (
	"errors"
	"fmt"
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/planner/physical"
)

// sketchAccuracy is how far a percentile may be from the value that has its rank,
// relative to that value.
const sketchAccuracy = 0.01

// sketchAcc is APPROX_PERCENTILE: a DDSketch a group (Masson, Rim, Lee: "DDSketch:
// A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB
// 2019). It counts values in buckets whose bounds grow by a constant factor.
// Counts are whole numbers and no buckets are ever joined, so neither the order of
// values nor that of folds can show. All doubles together have some 70,000
// buckets, which bounds a group to about 560 KB; what is usual takes 1 to 10 KB.
type sketchAcc struct {
	s        []*ddsketch.DDSketch // nil: no value yet
	quantile float64
	between  bool // between two values lies what is between their ranks
	mapping  mapping.IndexMapping
	scratch  []byte
}

func newSketchAcc(a physical.Agg) (*sketchAcc, error) {
	quantile := a.Quantile
	if !(quantile >= 0 && quantile <= 1) {
		return nil, fmt.Errorf("percentile at %v, which is not between 0 and 1", quantile)
	}
	m, err := mapping.NewCubicallyInterpolatedMapping(sketchAccuracy)
	if err != nil {
		return nil, fmt.Errorf("percentile: %w", err)
	}
	return &sketchAcc{quantile: quantile, between: a.Fn == physical.AggPercentileCont, mapping: m}, nil
}

func (a *sketchAcc) isLarge()   {}
func (a *sketchAcc) grow(n int) { a.s = growTo(a.s, n) }
func (a *sketchAcc) reset()     { a.s = a.s[:0] }

func (a *sketchAcc) empty(ids []int32) {
	for _, id := range ids {
		a.s[id] = nil
	}
}

// of returns the sketch of a group, made when it has its first value.
func (a *sketchAcc) of(id int32) *ddsketch.DDSketch {
	if a.s[id] == nil {
		a.s[id] = ddsketch.NewDDSketch(a.mapping, store.NewBufferedPaginatedStore(), store.NewBufferedPaginatedStore())
	}
	return a.s[id]
}

// update adds the values that are finite: a sketch has no place for others.
func (a *sketchAcc) update(cols []arrow.Array, rows, ids []int32) {
	if len(rows) == 0 {
		return
	}
	col := cols[0]
	valid, vals := validityOf(col), float64s(col)
	for i, r := range rows {
		if !valid.ok(r) {
			continue
		}
		err := a.of(ids[i]).Add(vals[r])
		if err != nil && !errors.Is(err, ddsketch.ErrUntrackableNaN) &&
			!errors.Is(err, ddsketch.ErrUntrackableTooHigh) && !errors.Is(err, ddsketch.ErrUntrackableTooLow) {
			panic(fmt.Sprintf("sketch refuses %v: %v", vals[r], err))
		}
	}
}

func (a *sketchAcc) load(cols []arrow.Array, lo int, ids []int32) {
	if len(ids) == 0 {
		return
	}
	valid, vals := validityOf(cols[0]), textsOf(cols[0])
	for i, id := range ids {
		row := int32(lo + i)
		if !valid.ok(row) {
			continue
		}
		if err := a.of(id).DecodeAndMergeWith(vals.at(row)); err != nil {
			panic(fmt.Sprintf("sketch of a lane: %v", err))
		}
	}
}

func (a *sketchAcc) fold(ids []int32, src acc, from []int32) {
	o := src.(*sketchAcc)
	for i, id := range ids {
		if f := from[i]; f >= 0 && o.s[f] != nil {
			if err := a.of(id).MergeWith(o.s[f]); err != nil {
				panic(fmt.Sprintf("sketches of one aggregate: %v", err))
			}
		}
	}
}

func (a *sketchAcc) appendStates(b []array.Builder, ids []int32) {
	out := b[0].(*array.StringBuilder)
	for _, id := range ids {
		if a.s[id] == nil {
			out.AppendNull()
			continue
		}
		a.scratch = a.scratch[:0]
		a.s[id].Encode(&a.scratch, true)
		out.BinaryBuilder.Append(a.scratch)
	}
}

func (a *sketchAcc) appendResults(b array.Builder, ids []int32) int64 {
	out := b.(*array.Float64Builder)
	out.Reserve(len(ids))
	for _, id := range ids {
		if a.s[id] == nil || a.s[id].IsEmpty() {
			out.UnsafeAppendBoolToBitmap(false)
		} else {
			out.UnsafeAppend(a.value(a.s[id]))
		}
	}
	return 0
}

// value returns the bucket of the value at rank floor(quantile * (n - 1)), or as
// far between this one and the next as the rank lies beyond a whole number.
func (a *sketchAcc) value(s *ddsketch.DDSketch) float64 {
	rank := a.quantile * (s.GetCount() - 1)
	low := math.Floor(rank)
	v := a.at(s, low)
	if share := rank - low; a.between && share > 0 {
		v += float64((a.at(s, low+1) - v) * share)
	}
	return v
}

// at returns the bucket of the value at a rank. The sketch's own method rounds the
// rank up among negative values.
func (a *sketchAcc) at(s *ddsketch.DDSketch, rank float64) float64 {
	below := s.GetNegativeValueStore().TotalCount()
	switch zero := s.GetZeroCount(); {
	case rank < below:
		return -a.mapping.Value(s.GetNegativeValueStore().KeyAtRank(below - 1 - rank))
	case rank < below+zero:
		return 0
	default:
		return a.mapping.Value(s.GetPositiveValueStore().KeyAtRank(rank - below - zero))
	}
}

// sketchBytes is about what a sketch of values within a factor of a thousand holds.
const sketchBytes = 3 << 10

func (a *sketchAcc) bytes() int {
	n := 8 * cap(a.s)
	for _, s := range a.s {
		if s != nil {
			n += sketchBytes
		}
	}
	return n
}
