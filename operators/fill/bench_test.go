package fill

import (
	"context"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
)

// drop lets go of what it is given.
type drop struct{ rows int64 }

func (d *drop) Emit(_ context.Context, b stream.Batch) error {
	d.rows += b.NumRows()
	b.Release()
	return nil
}

// BenchmarkFill: 10,000 groups, of which a quarter has rows in each window; an
// operation is a window of all of them.
func BenchmarkFill(b *testing.B) {
	const groups, of = 10_000, 4
	value, x, d, text := int64(7), 0.5, int64(50), "text"
	for _, c := range []struct {
		name string
		mode physical.FillMode
	}{{"NULL", physical.FillNull}, {"PREV", physical.FillPrev}, {"LINEAR", physical.FillLinear}} {
		b.Run(c.name, func(b *testing.B) {
			n := node(c.mode)
			op, err := New(n)
			if err == nil {
				err = op.Open(b.Context(), &operators.Runtime{Alloc: memory.DefaultAllocator})
			}
			if err != nil {
				b.Fatal(err)
			}
			var quarters [of][]result
			for i := range groups {
				quarters[i%of] = append(quarters[i%of], result{0, fmt.Sprintf("key %05d", i), &value, &x, &d, &text})
			}
			var out drop
			b.ReportAllocs()
			end := int64(1000 * slide)
			for b.Loop() {
				b.StopTimer()
				rows := quarters[end/slide%of]
				for i := range rows {
					rows[i].end = end
				}
				in := batch(memory.DefaultAllocator, n, rows)
				b.StartTimer()
				if err := op.ProcessBatch(b.Context(), 0, in, &out); err != nil {
					b.Fatal(err)
				}
				in.Release()
				if _, err := op.ProcessCut(b.Context(), stream.Cut{W: stream.Time(end)}, &out); err != nil {
					b.Fatal(err)
				}
				end += slide
			}
			b.ReportMetric(float64(out.rows)/b.Elapsed().Seconds(), "rows/s")
			_ = op.Close()
		})
	}
}
