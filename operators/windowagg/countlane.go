package windowagg

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/planner/physical"
)

// countLane is the lane's half of an aggregation over windows of a number of rows.
// Which window a row is in, the rows of other lanes decide, too, so it makes a
// state of each row and hands them over at the cut, in their order.
type countLane struct {
	n      *physical.WindowPartial
	rt     *operators.Runtime
	feed   *feed
	accs   []acc
	schema *arrow.Schema
	rows   sequence
	ready  []stream.Batch
}

func newCountLane(n *physical.WindowPartial) (operators.Operator, error) {
	if _, _, _, err := countPanes(n.Window); err != nil || n.Retracts {
		return nil, fmt.Errorf("partial window aggregation: %s", physical.FormatWindow(n.Window))
	}
	return &countLane{n: n, feed: newFeed(&n.WindowAgg), accs: mustAccs(&n.WindowAgg), schema: n.Schema().Arrow()}, nil
}

// Open keeps the runtime.
func (p *countLane) Open(_ context.Context, rt *operators.Runtime) error {
	p.rt = rt
	return nil
}

// ProcessBatch makes a state of each row. None is late: nothing waits for a time.
func (p *countLane) ProcessBatch(_ context.Context, _ operators.Port, b stream.Batch, _ operators.Collector) error {
	n := int(b.NumRows())
	if n == 0 {
		return nil
	}
	p.rt.Ledger.Used += int64(n)
	b.Mark(0, n, stream.Used)
	ids := p.rows.span(0, n)
	for _, a := range p.accs {
		a.reset()
		a.grow(n)
	}
	if err := p.feed.add(b, p.accs, ids, ids); err != nil {
		return err
	}
	states := array.NewRecordBuilder(p.rt.Alloc, p.schema)
	defer states.Release()
	cols := []arrow.Array{b.Column(p.n.TimeCol), b.Column(p.n.TimeCol)}
	for _, k := range p.n.Keys {
		cols = append(cols, b.Column(k))
	}
	fields := states.Fields()[len(cols):]
	for i, a := range p.accs {
		width := len(p.feed.aggs[i].State(p.n.Retracts))
		a.appendStates(fields[:width], ids)
		for _, f := range fields[:width] {
			made := f.NewArray()
			defer made.Release()
			cols = append(cols, made)
		}
		fields = fields[width:]
	}
	p.ready = append(p.ready, stream.Batch{RecordBatch: array.NewRecordBatch(p.schema, cols, int64(n))})
	return nil
}

// ProcessCut hands the states over.
func (p *countLane) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	for len(p.ready) > 0 {
		b := p.ready[0]
		p.ready = p.ready[1:]
		if err := out.Emit(ctx, b); err != nil {
			return c.W, err
		}
	}
	p.ready = slices.Clip(p.ready)
	return c.W, nil
}

// Snapshot writes nothing: a cut took everything.
func (p *countLane) Snapshot(context.Context, state.Writer) error { return nil }

// Close gives back what was not handed over.
func (p *countLane) Close() error {
	for _, b := range p.ready {
		b.Release()
	}
	p.ready = nil
	return nil
}
