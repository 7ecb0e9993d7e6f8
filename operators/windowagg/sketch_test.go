package windowagg

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/planner/physical"
)

// TestPercentileAccuracy compares percentiles with the values of their ranks, over
// distributions that a sketch with fixed buckets would get wrong.
func TestPercentileAccuracy(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"uniform":   r.Float64,
		"latencies": func() float64 { return math.Exp(r.NormFloat64()*2 + 3) },
		"both signs": func() float64 {
			if r.IntN(10) == 0 {
				return 0
			}
			return r.NormFloat64() * 1e6
		},
		"all of double": func() float64 { return math.Ldexp(r.Float64()-0.5, r.IntN(1900)-950) },
	} {
		t.Run(name, func(t *testing.T) {
			vals := make([]float64, 10_001)
			for i := range vals {
				vals[i] = draw()
			}
			sorted := slices.Sorted(slices.Values(vals))
			for _, q := range []float64{0, 0.01, 0.5, 0.95, 0.99, 1} {
				got := percentileOf(t, q, append(slices.Clone(vals), math.NaN(), math.Inf(1), math.Inf(-1)))
				want := sorted[int(math.Floor(q*float64(len(vals)-1)))]
				if math.Abs(got-want) > sketchAccuracy*math.Abs(want)*(1+1e-9) {
					t.Errorf("at %v: %v, exactly %v", q, got, want)
				}
			}
		})
	}
	if _, err := newSketchAcc(physical.Agg{Quantile: 1.5}); err == nil {
		t.Error("a percentile at 1.5 is accepted")
	}
}

// percentileOf sends values through lanes' states, as a query does.
func percentileOf(t *testing.T, q float64, vals []float64) float64 {
	t.Helper()
	lanes, final := make([]*sketchAcc, 3), mustSketch(t, q)
	final.grow(1)
	for l := range lanes {
		lanes[l] = mustSketch(t, q)
		lanes[l].grow(1)
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		var rows, ids []int32
		for i := l; i < len(vals); i += len(lanes) {
			b.Append(vals[i])
			rows, ids = append(rows, int32(len(rows))), append(ids, 0)
		}
		lanes[l].update([]arrow.Array{b.NewArray()}, rows, ids)
		states := array.NewStringBuilder(memory.DefaultAllocator)
		lanes[l].appendStates([]array.Builder{states}, []int32{0})
		final.load([]arrow.Array{states.NewArray()}, 0, []int32{0})
	}
	out := array.NewFloat64Builder(memory.DefaultAllocator)
	final.appendResults(out, []int32{0})
	return out.NewFloat64Array().Value(0)
}

func mustSketch(t testing.TB, q float64) *sketchAcc {
	a, err := newSketchAcc(physical.Agg{Quantile: q})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// BenchmarkPercentile adds values of a thousand groups.
func BenchmarkPercentile(b *testing.B) {
	for _, groups := range []int{1, 1000} {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			build := array.NewFloat64Builder(memory.DefaultAllocator)
			rows, ids := make([]int32, 4096), make([]int32, 4096)
			for i := range rows {
				build.Append(math.Exp(r.NormFloat64() + 3))
				rows[i], ids[i] = int32(i), int32(r.IntN(groups))
			}
			col := build.NewArray()
			a := mustSketch(b, 0.95)
			a.grow(groups)
			for b.Loop() {
				a.update([]arrow.Array{col}, rows, ids)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/row")
		})
	}
}
