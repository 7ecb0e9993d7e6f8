package windowagg

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// step is one step of a test log.
type step struct {
	clock      int64
	start, end bool
	rows       [][]row // by shard
}

// query is one run of both halves over a log.
type query struct {
	t       testing.TB
	alloc   memory.Allocator
	tracker *windows.Tracker
	shards  int
	delay   int64
	lanes   []operators.Operator
	tail    operators.Operator
	ledgers []stream.Ledger
	nulled  stream.Ledger
	merged  stream.Time
	watch   func(stream.Batch) // sees what leaves; may be nil
}

// collect gathers what an operator emits.
type collect struct{ batches []stream.Batch }

func (c *collect) Emit(_ context.Context, b stream.Batch) error {
	c.batches = append(c.batches, b)
	return nil
}

// logConfig is a query over a test log.
type logConfig struct {
	spec                           windows.Spec
	lateness, idle, advance, delay int64
	shards                         int
	keys                           []int
	aggs                           []physical.Agg
	updates                        bool
	retracts                       bool
	small                          bool // a lane's pages hold two groups
}

// lane returns a fresh lane's half.
func (c *logConfig) lane(n *physical.WindowPartial) (operators.Operator, error) {
	op, err := NewPartial(n)
	if err == nil && c.small {
		if p, ok := op.(*partial); ok {
			p.chunkBits = 1
		}
	}
	return op, err
}

// nodes returns the plan nodes of a config.
func (c *logConfig) nodes() (*physical.WindowPartial, *physical.WindowFinal) {
	wa := physical.WindowAgg{Window: c.spec, Lateness: time.Duration(c.lateness) * time.Microsecond, Keys: c.keys, Aggs: c.aggs, Updates: c.updates, Retracts: c.retracts}
	for i, k := range c.keys {
		wa.KeyNames = append(wa.KeyNames, fmt.Sprint("k", i))
		wa.KeyTypes = append(wa.KeyTypes, colTypes[k])
	}
	for i := range c.aggs {
		wa.AggNames = append(wa.AggNames, fmt.Sprint("a", i))
	}
	p := &physical.WindowPartial{TimeCol: colTime, WCol: colW, WindowAgg: wa}
	return p, &physical.WindowFinal{In: &physical.Exchange{In: p}, WindowAgg: wa}
}

func newQuery(t testing.TB, alloc memory.Allocator, c *logConfig) *query {
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	var shards []stream.Shard
	for s := range c.shards {
		shards = append(shards, stream.Shard(s))
	}
	q := &query{
		t: t, alloc: alloc, shards: c.shards, delay: c.delay, merged: stream.MinTime,
		tracker: windows.NewTracker(windows.TrackerConfig{IdleTimeout: us(c.idle), IdleAdvance: us(c.advance)}, shards),
		ledgers: make([]stream.Ledger, c.shards),
	}
	p, f := c.nodes()
	open := func(op operators.Operator, err error, l *stream.Ledger) operators.Operator {
		if err == nil {
			err = op.Open(context.Background(), &operators.Runtime{Alloc: alloc, Ledger: l})
		}
		if err != nil {
			t.Fatal(err)
		}
		return op
	}
	for s := range c.shards {
		op, err := c.lane(p)
		q.lanes = append(q.lanes, open(op, err, &q.ledgers[s]))
	}
	op, err := NewFinal(f)
	q.tail = open(op, err, &q.nulled)
	return q
}

func (q *query) close() {
	for _, l := range q.lanes {
		_ = l.Close()
	}
	_ = q.tail.Close()
}

// must fails the test with an error.
func (q *query) must(err error) {
	q.t.Helper()
	if err != nil {
		q.t.Fatal(err)
	}
}

// step runs one step in batches of the size that size returns, lanes interleaved
// at random, and returns its changelog.
func (q *query) step(st step, r *rand.Rand, size func() int) []string {
	ctx := context.Background()
	w, maxTS := make([]stream.Time, q.shards), make([]stream.Time, q.shards)
	at := make([]int, q.shards)
	for s := range w {
		w[s], maxTS[s] = q.tracker.W(stream.Shard(s)), stream.MinTime
	}
	var open []int
	for s, rows := range st.rows {
		if len(rows) > 0 {
			open = append(open, s)
		}
	}
	for len(open) > 0 {
		i := r.IntN(len(open))
		s := open[i]
		rows := st.rows[s][at[s]:min(len(st.rows[s]), at[s]+size())]
		b := q.batch(rows, &w[s])
		for _, row := range rows {
			maxTS[s] = max(maxTS[s], stream.Time(row.ts))
		}
		q.must(q.lanes[s].ProcessBatch(ctx, 0, b, &collect{}))
		b.Release()
		q.tracker.Observe(stream.Shard(s), w[s], maxTS[s], stream.Time(st.clock))
		if at[s] += len(rows); at[s] == len(st.rows[s]) {
			open = append(open[:i], open[i+1:]...)
		}
	}
	return q.cut(st)
}

// cut ends a step.
func (q *query) cut(st step) []string {
	ctx := context.Background()
	merged := q.tracker.Cut(stream.Time(st.clock), st.start, st.end)
	if merged < q.merged {
		q.t.Fatalf("W fell from %d to %d", q.merged, merged)
	}
	q.merged = merged
	cut := stream.Cut{Clock: stream.Time(st.clock), W: merged, Final: st.end}
	for s, l := range q.lanes {
		if q.tracker.W(stream.Shard(s)) < merged {
			q.t.Fatalf("shard %d has W %d below the merged %d", s, q.tracker.W(stream.Shard(s)), merged)
		}
		var out collect
		_, err := l.ProcessCut(ctx, cut, &out)
		q.must(err)
		for _, b := range out.batches {
			q.must(q.tail.ProcessBatch(ctx, 0, b, &collect{}))
			b.Release()
		}
	}
	var out collect
	_, err := q.tail.ProcessCut(ctx, cut, &out)
	q.must(err)
	var lines []string
	for _, b := range out.batches {
		if b.NumRows() > batchRowsMax {
			q.t.Fatalf("a batch of %d rows", b.NumRows())
		}
		if q.watch != nil {
			q.watch(b)
		}
		lines = append(lines, rendered(b)...)
		b.Release()
	}
	return lines
}

// batch makes the rows of one lane; w is its watermark, which moves on.
func (q *query) batch(rows []row, w *stream.Time) stream.Batch {
	schema := make(stream.Schema, len(colTypes))
	for i, t := range colTypes {
		schema[i] = stream.Field{Name: fmt.Sprint("c", i), Type: t}
	}
	rb := array.NewRecordBuilder(q.alloc, schema.Arrow())
	defer rb.Release()
	var ops []stream.Op
	taken := false
	for _, r := range rows {
		if r.dropped {
			*w = max(*w, stream.Time(r.ts-q.delay))
			continue
		}
		op := stream.Insert
		if r.taken {
			op, taken = stream.Delete, true
		}
		ops = append(ops, op)
		rb.Field(colTime).(*array.TimestampBuilder).Append(arrow.Timestamp(r.ts))
		rb.Field(colW).(*array.TimestampBuilder).Append(arrow.Timestamp(*w))
		put(rb, colK1, r.k1, rb.Field(colK1).(*array.Int64Builder).Append)
		put(rb, colK2, r.k2, rb.Field(colK2).(*array.StringBuilder).Append)
		put(rb, colV, r.v, rb.Field(colV).(*array.Int64Builder).Append)
		put(rb, colX, r.x, rb.Field(colX).(*array.Float64Builder).Append)
		put(rb, colD, r.d, func(v int64) { rb.Field(colD).(*array.Decimal128Builder).Append(decimal128.FromI64(v)) })
		put(rb, colS, r.s, rb.Field(colS).(*array.StringBuilder).Append)
		put(rb, colB, r.b, rb.Field(colB).(*array.BooleanBuilder).Append)
		*w = max(*w, stream.Time(r.ts-q.delay))
	}
	b := stream.Batch{RecordBatch: rb.NewRecordBatch()}
	if taken {
		b.Ops = ops
	}
	return b
}

func put[T any](rb *array.RecordBuilder, col int, v *T, add func(T)) {
	if v == nil {
		rb.Field(col).AppendNull()
	} else {
		add(*v)
	}
}

// rendered prints changelog rows as the model does.
func rendered(b stream.Batch) []string {
	var out []string
	windowed := b.ColumnName(0) == "window_start"
	for i := range int(b.NumRows()) {
		line := "+ "
		if b.Ops != nil && b.Ops[i] == stream.Delete {
			line = "- "
		}
		c := 0
		if windowed {
			line += fmt.Sprintf("[%d,%d) ", b.Column(0).(*array.Timestamp).Value(i), b.Column(1).(*array.Timestamp).Value(i))
			c = 2
		}
		for ; c < int(b.NumCols()); c++ {
			if line[len(line)-1] != ' ' {
				line += " "
			}
			line += value(b.Column(c), i)
		}
		out = append(out, line)
	}
	return out
}

func value(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "NULL"
	}
	switch a := a.(type) {
	case *array.Int64:
		return fmt.Sprint(a.Value(i))
	case *array.Uint64:
		return fmt.Sprint(a.Value(i))
	case *array.Float64:
		return strconv.FormatFloat(a.Value(i), 'g', -1, 64)
	case *array.Decimal128:
		return a.Value(i).BigInt().String()
	case *array.Boolean:
		return fmt.Sprint(a.Value(i))
	case *array.String:
		return strconv.Quote(a.Value(i))
	case *array.Timestamp:
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Date32:
		return fmt.Sprint(int32(a.Value(i)))
	}
	panic(a.DataType())
}
