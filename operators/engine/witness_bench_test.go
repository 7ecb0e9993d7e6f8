package engine

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// BenchmarkLate counts rows of which a third are late, the worst that the witness
// can meet: each batch has some. With a filter every late row passes it again.
func BenchmarkLate(b *testing.B) {
	const rows = 4096
	for _, name := range []string{"plain", "filtered"} {
		b.Run(name, func(b *testing.B) {
			var events []event
			for i := range int64(rows) {
				ts := 1000 + i/100
				if i%3 == 0 {
					ts -= 500
				}
				events = append(events, event{ts, i % 7})
			}
			batch := eventBatch(memory.NewGoAllocator(), 0, events...)
			defer batch.Release()
			plan := countPlan(5)
			if name == "filtered" {
				partial := plan.Root.(*physical.WindowFinal).In.(*physical.Exchange).In.(*physical.WindowPartial)
				partial.In = &physical.Filter{In: partial.In, Pred: &physical.Call{Fn: ">", T: types.BooleanType, Args: []physical.Expr{
					&physical.Column{Index: 1, T: types.BigintType, Name: "v"}, &physical.Literal{T: types.BigintType, Value: int64(1)},
				}}}
			}
			src := &steps{make: func(n int) *stream.StepData {
				if n == b.N {
					return nil
				}
				batch.Retain()
				return &stream.StepData{Clock: stream.MinTime, Rows: []stream.SourceBatch{batch}}
			}}
			b.ReportAllocs()
			b.ResetTimer()
			q, _, err := runPlan(b, Config{Plan: plan, Source: src, Shards: []stream.Shard{0}})
			if err != nil {
				b.Fatal(err)
			}
			if q.Ledger().Late == 0 {
				b.Fatal("no row was late")
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
