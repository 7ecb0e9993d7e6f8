package windowagg

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream/render"
	"weir/planner/physical"
	"weir/sql/types"
)

// newRowsResult returns what an aggregate that counts equal rows makes of them;
// nil if a is none of these.
func newRowsResult(a physical.Agg, key *rowKey) (bagResult, error) {
	switch a.Fn {
	case physical.AggPercentileDisc:
		if !(a.Quantile >= 0 && a.Quantile <= 1) {
			return nil, fmt.Errorf("percentile at %v, which is not between 0 and 1", a.Quantile)
		}
		return &ranked{key: key, quantile: a.Quantile}, nil
	case physical.AggTopK, physical.AggHistogram:
		if a.K < 0 || a.K > PlacesMax {
			return nil, fmt.Errorf("%s of %d places", a.Fn, a.K)
		}
		return &frequent{fn: a.Fn, key: key, k: int(a.K)}, nil
	}
	return nil, nil
}

// PlacesMax is how many values TOP_K lists at most, and HISTOGRAM buckets.
const PlacesMax = 1000

// total is how many rows there are.
func (g *bag) total(sorted []string) (n int64) {
	for _, k := range sorted {
		n += g.rows[k].n
	}
	return n
}

// ranked is PERCENTILE_DISC: the first value in the order that is not below the
// share of the rows.
type ranked struct {
	key      *rowKey
	quantile float64
}

func (p *ranked) appendResults(b array.Builder, bags []*bag) int64 {
	to := []array.Builder{b}
	for _, g := range bags {
		sorted := g.sorted()
		if len(sorted) == 0 {
			b.AppendNull()
			continue
		}
		total := g.total(sorted)
		rank := max(1, min(total, int64(math.Ceil(p.quantile*float64(total)))))
		for _, k := range sorted {
			if rank -= g.rows[k].n; rank <= 0 {
				p.key.decode([]byte(k[g.rows[k].at:]), to)
				break
			}
		}
	}
	return 0
}

// frequent is TOP_K and HISTOGRAM.
type frequent struct {
	fn  physical.AggFn
	key *rowKey
	k   int // how many values are listed, or how many buckets there are; 0: one for each value
	buf []byte
}

func (f *frequent) appendResults(b array.Builder, bags []*bag) (nulled int64) {
	out := b.(*array.StringBuilder)
	for _, g := range bags {
		sorted := g.sorted()
		if len(sorted) == 0 {
			out.AppendNull()
			continue
		}
		cols := decodeColumns(sorted, g, f.key)
		cut := false
		switch {
		case f.fn == physical.AggTopK:
			cut = f.top(g, sorted, cols[0])
		case f.k == 0:
			cut = f.values(g, sorted, cols[0])
		default:
			f.buckets(g, sorted, cols[0].(*array.Float64))
		}
		if cut {
			nulled++
		}
		out.BinaryBuilder.Append(f.buf)
		for _, c := range cols {
			c.Release()
		}
	}
	return nulled
}

// top writes the values that come most often, the most frequent first; of equally
// frequent ones the least.
func (f *frequent) top(g *bag, sorted []string, col arrow.Array) (cut bool) {
	order := make([]int, len(sorted))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(g.rows[sorted[b]].n, g.rows[sorted[a]].n) })
	f.buf = append(f.buf[:0], '[')
	for i, row := range order[:min(f.k, len(order))] {
		before := len(f.buf)
		if i > 0 {
			f.buf = append(f.buf, ',')
		}
		f.buf = appendJSON(f.buf, col, row, f.key.in[0])
		if len(f.buf) >= listBytesMax {
			f.buf, cut = f.buf[:before], true
			break
		}
	}
	f.buf = append(f.buf, ']')
	return cut
}

// values writes how often each value comes, as an object.
func (f *frequent) values(g *bag, sorted []string, col arrow.Array) (cut bool) {
	f.buf = append(f.buf[:0], '{')
	var name []byte
	for i, k := range sorted {
		before := len(f.buf)
		if i > 0 {
			f.buf = append(f.buf, ',')
		}
		name = render.AppendText(name[:0], col, i, f.key.in[0])
		f.buf = render.AppendJSONString(f.buf, string(name))
		f.buf = append(f.buf, ':')
		f.buf = strconv.AppendInt(f.buf, g.rows[k].n, 10)
		if len(f.buf) >= listBytesMax {
			f.buf, cut = f.buf[:before], true
			break
		}
	}
	f.buf = append(f.buf, '}')
	return cut
}

// buckets writes how many values lie in each of k equally wide parts between the
// least and the greatest. The last one includes its upper bound.
func (f *frequent) buckets(g *bag, sorted []string, col *array.Float64) {
	n := len(sorted)
	for n > 0 && (math.IsNaN(col.Value(n-1)) || math.IsInf(col.Value(n-1), 0)) {
		n-- // they are the greatest, and no width reaches them
	}
	first := 0
	for first < n && math.IsInf(col.Value(first), 0) {
		first++
	}
	f.buf = append(f.buf[:0], '[')
	if first < n {
		lo, hi := col.Value(first), col.Value(n-1)
		k := f.k
		if lo == hi {
			k = 1
		}
		// Halves, because the difference of two doubles may be none.
		width := (hi/2 - lo/2) / float64(k) * 2
		counts := make([]int64, k)
		for i := first; i < n; i++ {
			at := 0
			if width > 0 {
				at = max(0, min(k-1, int((col.Value(i)/2-lo/2)/(width/2))))
			}
			counts[at] += g.rows[sorted[i]].n
		}
		bound := func(i int) float64 {
			if i == k {
				return hi
			}
			share := float64(i) / float64(k) // so that no difference overflows
			return float64(lo*(1-share)) + float64(hi*share)
		}
		for i, c := range counts {
			if i > 0 {
				f.buf = append(f.buf, ',')
			}
			f.buf = fmt.Appendf(f.buf, `{"from":%s,"to":%s,"count":%d}`, types.AppendDouble(nil, bound(i)), types.AppendDouble(nil, bound(i+1)), c)
		}
	}
	f.buf = append(f.buf, ']')
}
