package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/expr"
	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// completeness holds back windows that may reach before a query's start. It
// stands right behind the operator that fires them.
//
// The records in front of the start are unknown. Where the first step of a shard
// has rows that are not late, those of the shard in front of it lie below the
// step's largest event time plus the distance that the watermark keeps from it.
// Only windows that start behind that, in all shards, are known to be whole.
type completeness struct {
	operators.Stateless
	alloc memory.Allocator
	from  stream.Time // MinTime: nothing is known, and nothing passes
	// reach is how long before a window's start the windows begin whose rows it is
	// made of; 0 where it is made of records.
	reach time.Duration
	seen  map[inputShard]struct{}
	rows  []int32
	// tell is set where windows leave before they close: all of them pass, and who
	// shows them is told where those begin that are whole.
	tell func(from stream.Time)
	// cuts is set where windows are sessions of a greatest length.
	cuts *cuts
}

func newCompleteness(reach time.Duration) *completeness {
	return &completeness{from: stream.MinTime, reach: reach, seen: make(map[inputShard]struct{})}
}

// inputShard is a shard of one of the inputs.
type inputShard struct {
	input int32
	shard stream.Shard
}

// observe looks at what was read, and tells who wants to know.
func (c *completeness) observe(below *segment, w stream.Time) {
	c.look(below, w)
	if c.tell != nil && c.from != stream.MinTime {
		c.tell(c.from.Add(c.reach))
	}
}

// look takes the bound from the first rows of each shard, until there is a
// watermark w and windows begin to fire. Shards that come later do not count:
// a bound that rises would cut holes.
func (c *completeness) look(below *segment, w stream.Time) {
	if w != stream.MinTime && c.from != stream.MinTime {
		return
	}
	below.each(func(in *input) {
		if !in.Partial {
			return
		}
		for _, lw := range in.work {
			key := inputShard{int32(in.layout.number), lw.lane.shard}
			if _, ok := c.seen[key]; ok || lw.lane.complete == stream.MinTime {
				continue
			}
			c.seen[key] = struct{}{}
			c.from = max(c.from, lw.lane.complete)
		}
	})
}

const (
	completePage    = "from"
	completeVersion = 1
)

// Open keeps the allocator and loads the bound.
func (c *completeness) Open(_ context.Context, rt *operators.Runtime) error {
	c.alloc = rt.Alloc
	if rt.State == nil {
		return nil
	}
	b, err := rt.State.Get(completePage)
	if err != nil {
		return fmt.Errorf("restore the first whole window: %w", err)
	}
	r := page.NewReader(b, completeVersion)
	c.from = stream.Time(r.Int())
	for pairs := r.Int32s(nil, 2*r.Count(8)); len(pairs) > 1; pairs = pairs[2:] {
		c.seen[inputShard{pairs[0], stream.Shard(uint32(pairs[1]))}] = struct{}{}
	}
	if c.cuts != nil {
		c.cuts.restore(r)
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("restore the first whole window: %w", err)
	}
	return nil
}

// ProcessCut forwards the watermark, below which no row of a window will come.
func (c *completeness) ProcessCut(_ context.Context, cut stream.Cut, _ operators.Collector) (stream.Time, error) {
	if c.cuts != nil && cut.W != stream.MinTime {
		c.cuts.forget(cut.W)
	}
	return cut.W, nil
}

// Snapshot writes the bound and the shards that it was taken from.
func (c *completeness) Snapshot(_ context.Context, w state.Writer) error {
	p := page.NewWriter(completeVersion, 16+8*len(c.seen))
	p.Int(int64(c.from))
	p.Int(int64(len(c.seen)))
	inOrder := func(a, b inputShard) int { return cmp.Or(cmp.Compare(a.input, b.input), cmp.Compare(a.shard, b.shard)) }
	for _, s := range slices.SortedFunc(maps.Keys(c.seen), inOrder) {
		p.Int32s([]int32{s.input, int32(s.shard)})
	}
	if c.cuts != nil {
		c.cuts.save(p)
	}
	w.Put(completePage, p.Bytes())
	return nil
}

// ProcessBatch passes the rows of whole windows; the first column is window_start.
func (c *completeness) ProcessBatch(ctx context.Context, _ operators.Port, b stream.Batch, out operators.Collector) error {
	if c.tell != nil {
		b.Retain()
		return out.Emit(ctx, b)
	}
	start := b.Column(0).(*array.Timestamp)
	c.rows = c.rows[:0]
	if c.cuts != nil {
		c.cuts.of(b)
	}
	for i := range start.Len() {
		whole := c.from != stream.MinTime && stream.Time(start.Value(i)) >= c.from.Add(c.reach)
		if c.cuts != nil {
			whole = c.cuts.whole(b, i, whole)
		}
		if whole {
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
