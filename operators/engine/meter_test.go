package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// TestMeter: who counts changes nothing, and what the lanes took together is what went
// in; without a meter nothing stands between operators.
func TestMeter(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	rnd := rand.New(rand.NewPCG(3, 4))
	var events [][]event
	for range 40 {
		batch := make([]event, 1+rnd.IntN(20))
		for i := range batch {
			batch[i] = event{ts: int64(len(events)), v: rnd.Int64N(100)}
		}
		events = append(events, batch)
	}
	config := func(m *Meter) Config {
		scan := eventScan(0)
		filter := &physical.Filter{In: scan, Pred: &physical.Call{Fn: "<", T: types.BooleanType, Args: []physical.Expr{
			&physical.Column{Index: 1, T: types.BigintType, Name: "v"}, &physical.Literal{T: types.BigintType, Value: int64(50)},
		}}}
		return Config{
			Plan: planOf(&physical.Limit{In: &physical.Exchange{In: filter}, Count: 1 << 40}, true), Alloc: alloc, Meter: m,
			Source: &steps{make: func(n int) *stream.StepData {
				if n == len(events) {
					return nil
				}
				return &stream.StepData{Rows: []stream.SourceBatch{eventBatch(alloc, stream.Shard(n%3), events[n]...)}, End: n+1 == len(events)}
			}},
			Shards: []stream.Shard{0, 1, 2},
		}
	}
	q, want, err := runPlan(t, config(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range q.inputs {
		if _, counted := in.Source.(meteredSource); counted {
			t.Error("a source is counted that nobody asked for")
		}
		for _, ln := range in.order {
			for _, op := range ln.chain.ops {
				switch op.(type) {
				case *metered, *scanned:
					t.Errorf("%T stands in a lane that nobody wants counted", op)
				}
			}
		}
	}
	m := NewMeter()
	cfg := config(m)
	q, got, err := runPlan(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the results differ (-without +with)\n%s", diff)
	}
	limit := cfg.Plan.Root.(*physical.Limit)
	filter := limit.In.(*physical.Exchange).In.(*physical.Filter)
	sum := func(n physical.Node) (in, out int64) {
		for _, w := range m.Of(n) {
			in, out = in+w.RowsIn, out+w.RowsOut
		}
		return in, out
	}
	rows := q.Ledger().In
	scanIn, scanOut := sum(filter.In)
	filterIn, filterOut := sum(filter)
	limitIn, limitOut := sum(limit)
	if lanes := len(m.Of(filter)); lanes != 3 || scanIn != rows || scanOut != filterIn || filterOut != limitIn || limitOut != int64(len(got)) {
		t.Errorf("of %d rows %d come into the scan and %d leave it, %d and %d the filter in %d lanes, %d and %d the limit, %d the query",
			rows, scanIn, scanOut, filterIn, filterOut, lanes, limitIn, limitOut, len(got))
	}
	if filterOut == 0 || filterOut == filterIn {
		t.Error("the filter filters nothing")
	}
}
