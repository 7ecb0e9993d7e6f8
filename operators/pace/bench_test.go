package pace

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/stream"
)

// discard drops what it gets.
type discard struct{}

func (discard) Emit(_ context.Context, b stream.Batch) error {
	b.Release()
	return nil
}

// BenchmarkPace takes 4,096 changes a step and lets them go each 100 steps: updates
// of 10,000 keys, which cancel each other out, and rows that only come.
func BenchmarkPace(b *testing.B) {
	for _, appendOnly := range []bool{false, true} {
		b.Run(fmt.Sprintf("appendOnly=%v", appendOnly), func(b *testing.B) {
			op, err := New(plan(time.Second, []int{1}, appendOnly))
			if err != nil {
				b.Fatal(err)
			}
			if err := op.Open(b.Context(), &operators.Runtime{Alloc: memory.DefaultAllocator}); err != nil {
				b.Fatal(err)
			}
			const steps = 100
			var batches []stream.Batch
			values := map[int64]float64{}
			for i := range steps {
				var changes []change
				for j := range 2048 {
					k := int64(i*2048+j) * 7919 % 10_000
					old := change{op: stream.Delete, k: k, name: "some text", x: values[k]}
					values[k]++
					now := change{k: k, name: "some text", x: values[k]}
					if appendOnly {
						old = now
					}
					changes = append(changes, old, now)
				}
				batches = append(batches, batch(memory.DefaultAllocator, changes))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				var out discard
				if err := op.ProcessBatch(b.Context(), 0, batches[i%steps], &out); err != nil {
					b.Fatal(err)
				}
				if _, err := op.ProcessCut(b.Context(), stream.Cut{Clock: stream.Time(i * 10_000)}, &out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*4096/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
