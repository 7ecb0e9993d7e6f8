package engine

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/expr"
	"weir/operators/stream"
)

// completeness holds back windows that may reach before a query's start. It
// stands right behind the operator that fires them.
//
// The records in front of the start are unknown. Those that were not late lie
// below the largest event time of the first step with rows plus the distance
// that the watermark keeps from it; only windows that start there or later are
// known to be whole.
type completeness struct {
	operators.Stateless
	alloc memory.Allocator
	from  stream.Time
	known bool
	rows  []int32
}

// observe takes the bound from the first step that has rows.
func (c *completeness) observe(work []laneWork) {
	if c.known {
		return
	}
	for _, w := range work {
		c.from = max(c.from, w.lane.complete)
		c.known = c.known || w.lane.complete != stream.MinTime
	}
}

// Open keeps the allocator.
func (c *completeness) Open(_ context.Context, rt *operators.Runtime) error {
	c.alloc = rt.Alloc
	return nil
}

// ProcessBatch passes the rows of whole windows; the first column is window_start.
func (c *completeness) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	start := b.Column(0).(*array.Timestamp)
	c.rows = c.rows[:0]
	for i := range start.Len() {
		if stream.Time(start.Value(i)) >= c.from {
			c.rows = append(c.rows, int32(i))
		}
	}
	if len(c.rows) == start.Len() {
		b.Retain()
		return out.Emit(ctx, b)
	}
	if len(c.rows) == 0 {
		return nil
	}
	rec, err := expr.Take(c.alloc, b.RecordBatch, c.rows)
	if err != nil {
		return err
	}
	return out.Emit(ctx, stream.Batch{RecordBatch: rec, Ops: b.TakeOps(c.rows)})
}
