//go:build unix

package engine

import (
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// BenchmarkLate counts rows of which a third are late, the worst that the witness
// can meet: each batch has some. With a filter every late row passes it again.
// Runs with and without the witness take turns, and time is the processor's, so
// other work on the machine hardly counts; %witness is the witness's share.
func BenchmarkLate(b *testing.B) {
	for _, c := range []struct {
		name string
		plan *physical.Plan
		rows int64 // of a batch, which is a step
	}{{"plain", countPlan(5), 4096}, {"filtered", filteredPlan(), 4096}, {"small", filteredPlan(), 256}} {
		b.Run(c.name, func(b *testing.B) {
			plan, batch := c.plan, lateBatch(c.rows)
			defer batch.Release()
			var saw, blind time.Duration // sums: the clock of the processor ticks slowly
			runs := 0
			b.ReportAllocs()
			for b.Loop() {
				blind += lateRun(b, plan, batch, true)
				saw += lateRun(b, plan, batch, false)
				runs++
			}
			b.ReportMetric(float64(runs)*lateBatches*float64(batch.NumRows())/saw.Seconds(), "rows/cpu-s")
			b.ReportMetric(100*float64(saw-blind)/float64(saw), "%witness")
		})
	}
}

const lateBatches = 100

// lateRun runs a plan over the same batch again and again, and returns what that
// took of the processor.
func lateRun(b *testing.B, plan *physical.Plan, batch stream.SourceBatch, blind bool) time.Duration {
	src := &steps{make: func(n int) *stream.StepData {
		if n == lateBatches {
			return nil
		}
		batch.Retain()
		return &stream.StepData{Clock: stream.MinTime, Rows: []stream.SourceBatch{batch}}
	}}
	q, err := New(Config{Plan: plan, Source: src, Shards: []stream.Shard{0}, Output: new(lines)})
	if err != nil {
		b.Fatal(err)
	}
	q.inputs[0].layout.blind = blind
	begin := cpuTime(b)
	if err := q.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	took := cpuTime(b) - begin
	if q.Ledger().Late == 0 || blind != (len(q.LateRows()) == 0) {
		b.Fatalf("blind: %v; %d late, %d seen", blind, q.Ledger().Late, len(q.LateRows()))
	}
	return took
}

func lateBatch(rows int64) stream.SourceBatch {
	var events []event
	for i := range rows {
		ts := 1000 + i/100
		if i%3 == 0 {
			ts -= 500
		}
		events = append(events, event{ts, i % 7})
	}
	return eventBatch(memory.NewGoAllocator(), 0, events...)
}

func filteredPlan() *physical.Plan {
	plan := countPlan(5)
	partial := plan.Root.(*physical.WindowFinal).In.(*physical.Exchange).In.(*physical.WindowPartial)
	partial.In = &physical.Filter{In: partial.In, Pred: &physical.Call{Fn: ">", T: types.BooleanType, Args: []physical.Expr{
		&physical.Column{Index: 1, T: types.BigintType, Name: "v"}, &physical.Literal{T: types.BigintType, Value: int64(1)},
	}}}
	return plan
}

// cpuTime is what the process has used of the processors.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
