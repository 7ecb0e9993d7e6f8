package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// event is a row of the tests: a time in seconds (none: NULL) and a value.
type event struct{ ts, v int64 }

const none = -1 << 40

var eventSchema = stream.Schema{{Name: "ts", Type: types.DatetimeType(6)}, {Name: "v", Type: types.BigintType}}

func second(s int64) stream.Time { return stream.Time(s * 1e6) }

func eventBatch(alloc memory.Allocator, shard stream.Shard, rows ...event) stream.SourceBatch {
	b := array.NewRecordBuilder(alloc, eventSchema.Arrow())
	defer b.Release()
	for _, r := range rows {
		if r.ts == none {
			b.Field(0).AppendNull()
		} else {
			b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(second(r.ts)))
		}
		b.Field(1).(*array.Int64Builder).Append(r.v)
	}
	return stream.SourceBatch{Batch: stream.Batch{RecordBatch: b.NewRecordBatch(), Shard: shard}, Arrival: stream.MinTime}
}

// eventScan has an event time and a watermark that keeps `delay` seconds from it.
func eventScan(delay int64, hidden ...physical.Hidden) *physical.Scan {
	ts := &physical.Column{Index: 0, T: types.DatetimeType(6), Name: "ts"}
	return &physical.Scan{
		Columns: []int{0, 1}, Fields: eventSchema, Hidden: hidden, EventTime: ts,
		Watermark: &physical.Call{Fn: "date_add", T: ts.T, Args: []physical.Expr{ts, &physical.Literal{
			T: types.Type{Kind: types.Interval}, Value: physical.Span{Micros: -delay * 1e6},
		}}},
	}
}

func planOf(root physical.Node, bounded bool) *physical.Plan {
	return &physical.Plan{Version: physical.Version, Root: root, Bounded: bounded, AppendOnly: true, TimeColumn: -1}
}

// steps is a source that makes its steps when they are asked for; nil ends it.
type steps struct {
	make func(n int) *stream.StepData
	n    int
}

func (s *steps) Next(context.Context) (*stream.StepData, error) {
	data := s.make(s.n)
	if data == nil {
		return nil, io.EOF
	}
	s.n++
	data.Step, data.Commit = stream.Step(s.n), stream.Commit(s.n)
	return data, nil
}

func (s *steps) Close() error { return nil }

// lines keeps the rows of the changes as text.
type lines struct {
	rows []string
	fail func()
}

func (o *lines) Step(_ context.Context, _ stream.Cut, _ stream.Commit, changes []stream.Batch) error {
	if o.fail != nil {
		o.fail()
	}
	for _, b := range changes {
		for i := range int(b.NumRows()) {
			var cells []string
			for c := range int(b.NumCols()) {
				if ts, ok := b.Column(c).(*array.Timestamp); ok && ts.IsValid(i) {
					if t := stream.Time(ts.Value(i)); t == stream.MinTime {
						cells = append(cells, "none")
					} else {
						cells = append(cells, fmt.Sprint(int64(t)/1e6))
					}
					continue
				}
				cells = append(cells, b.Column(c).ValueStr(i))
			}
			o.rows = append(o.rows, strings.Join(cells, " "))
		}
	}
	return nil
}

func runPlan(t testing.TB, cfg Config) (*Query, []string, error) {
	t.Helper()
	out, ok := cfg.Output.(*lines)
	if !ok {
		out = new(lines)
		cfg.Output = out
	}
	q, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = q.Run(t.Context())
	return q, out.rows, err
}

func checked(t testing.TB) memory.Allocator {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { alloc.AssertSize(t, 0) })
	return alloc
}

// TestLaneHead: rows without a usable event time are errors and move no
// watermark; the hidden columns say where a row comes from, and what its shard
// knew before it.
func TestLaneHead(t *testing.T) {
	alloc := checked(t)
	scan := eventScan(2, physical.HiddenArrival, physical.HiddenShard, physical.HiddenSeq, physical.HiddenW)
	scan.FutureTolerance = time.Minute
	src := &steps{make: func(n int) *stream.StepData {
		if n > 1 {
			return nil
		}
		at := second(100 + int64(n))
		a := eventBatch(alloc, 3, event{50, 0}, event{none, 1}, event{160 + int64(n), 2}, event{162, 3}, event{40, 4})
		a.Arrival, a.First = at, 10*stream.Seq(n)
		b := eventBatch(alloc, 3, event{60, 5}, event{55, 6})
		b.Arrival, b.First, b.Seqs, b.Bad = at, 70, []stream.Seq{70, 72}, 1
		bad := eventBatch(alloc, 1)
		bad.Arrival, bad.Bad = at, 2
		return &stream.StepData{Clock: at, Rows: []stream.SourceBatch{bad, a, b}}
	}}
	q, got, err := runPlan(t, Config{Plan: planOf(scan, false), Source: src, Shards: []stream.Shard{1, 3}, Alloc: alloc})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{ // ts, v, _arrival, _shard, _seq, $w
		"50 0 100 3 0 none", "160 2 100 3 2 48", "40 4 100 3 4 158", "60 5 100 3 70 158", "55 6 100 3 72 158",
		"50 0 101 3 10 158", "161 2 101 3 12 158", "40 4 101 3 14 159", "60 5 101 3 70 159", "55 6 101 3 72 159",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if l := q.Ledger(); l.In != 20 || l.Errors != 10 || l.Used != 10 || !l.Closes() {
		t.Errorf("ledger %+v", l)
	}
}

// countPlan counts rows per tumbling window of ten seconds.
func countPlan(delay int64) *physical.Plan {
	agg := physical.WindowAgg{
		Window:   windows.Spec{Kind: windows.Tumble, Size: 10 * time.Second, Slide: 10 * time.Second},
		Aggs:     []physical.Agg{{Fn: physical.AggCountStar, Out: types.BigintType}},
		AggNames: []string{"n"},
	}
	partial := &physical.WindowPartial{In: eventScan(delay, physical.HiddenW), TimeCol: 0, WCol: 2, WindowAgg: agg}
	return planOf(&physical.WindowFinal{In: &physical.Exchange{In: partial}, WindowAgg: agg}, false)
}

// TestPartialWindows cuts a log of two shards, of which one is far behind the
// other, at every step. A query from there on must never show a window that
// differs from what the whole log gives.
func TestPartialWindows(t *testing.T) {
	const length = 60
	log := func(alloc memory.Allocator, from int) Source {
		return &steps{make: func(n int) *stream.StepData {
			if n += from; n >= length {
				return nil
			}
			data := &stream.StepData{Clock: second(int64(n)), End: n == length-1}
			shard, ts := stream.Shard(n%2), int64(3*n)
			if shard == 1 {
				ts -= 45 // its producer is behind
			}
			b := eventBatch(alloc, shard, event{ts, 1}, event{ts - 1, 1}, event{ts + 2, 1})
			b.Arrival = data.Clock
			data.Rows = append(data.Rows, b)
			return data
		}}
	}
	both := []stream.Shard{0, 1}
	_, whole, err := runPlan(t, Config{Plan: countPlan(2), Source: log(memory.DefaultAllocator, 0), Shards: both})
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for from := 1; from < length; from++ {
		alloc := checked(t)
		_, got, err := runPlan(t, Config{Plan: countPlan(2), Source: log(alloc, from), Shards: both, Alloc: alloc, Partial: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range got {
			if !slices.Contains(whole, row) {
				t.Errorf("from step %d: window %q is not one of %q", from, row, whole)
			}
		}
		shown += len(got)
	}
	if shown < 200 {
		t.Errorf("only %d windows were shown", shown)
	}
}

// TestPartialSessions is TestPartialWindows for sessions that last a greatest length:
// rows that nobody sees move the cuts between all that follow without a pause.
func TestPartialSessions(t *testing.T) {
	const length = 160
	log := func(alloc memory.Allocator, from int) Source {
		return &steps{make: func(n int) *stream.StepData {
			if n += from; n >= length {
				return nil
			}
			data := &stream.StepData{Clock: second(int64(n)), End: n == length-1}
			ts := int64(3*n + 20*(n/23)) // a pause at times
			b := eventBatch(alloc, 0, event{ts, 1}, event{ts - 1, 1}, event{ts + 2, 1})
			b.Arrival = data.Clock
			data.Rows = append(data.Rows, b)
			return data
		}}
	}
	sessions := func() *physical.Plan {
		plan := countPlan(2)
		final := plan.Root.(*physical.WindowFinal)
		final.Window = windows.Spec{Kind: windows.Session, Gap: 5 * time.Second, Size: 7 * time.Second}
		final.In.(*physical.Exchange).In.(*physical.WindowPartial).Window = final.Window
		return plan
	}
	_, whole, err := runPlan(t, Config{Plan: sessions(), Source: log(memory.DefaultAllocator, 0), Shards: []stream.Shard{0}})
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for from := 1; from < length; from++ {
		alloc := checked(t)
		_, got, err := runPlan(t, Config{Plan: sessions(), Source: log(alloc, from), Shards: []stream.Shard{0}, Alloc: alloc, Partial: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range got {
			if !slices.Contains(whole, row) {
				t.Errorf("from step %d: session %q is not one of %q", from, row, whole)
			}
		}
		shown += len(got)
	}
	if shown < 1000 {
		t.Errorf("only %d of %d sessions were shown", shown, len(whole))
	}
}

// TestPartialWithoutTimes: where no row says anything of time, nothing is known
// to be whole when the stream ends.
func TestPartialWithoutTimes(t *testing.T) {
	alloc := checked(t)
	src := &steps{make: func(n int) *stream.StepData {
		if n > 1 {
			return nil
		}
		return &stream.StepData{Clock: second(1), End: n == 1, Rows: []stream.SourceBatch{eventBatch(alloc, 0, event{100, 1})}}
	}}
	plan := countPlan(0)
	plan.Root.(*physical.WindowFinal).In.(*physical.Exchange).In.(*physical.WindowPartial).In.(*physical.Scan).Watermark = nil
	_, got, err := runPlan(t, Config{Plan: plan, Source: src, Shards: []stream.Shard{0}, Alloc: alloc, Partial: true})
	if err != nil || len(got) > 0 {
		t.Errorf("windows %q, error %v", got, err)
	}
}

// TestLimitStops: a query that has enough reads no further, and its accounts close.
func TestLimitStops(t *testing.T) {
	for _, c := range []struct{ count, offset, steps, rows int }{{3, 0, 1, 3}, {4, 0, 1, 4}, {5, 3, 2, 5}, {0, 0, 1, 0}} {
		alloc := checked(t)
		src := &steps{make: func(n int) *stream.StepData { // it never ends
			return &stream.StepData{Clock: second(int64(n)), Rows: []stream.SourceBatch{
				eventBatch(alloc, 1, event{int64(n), 1}, event{int64(n), 2}), eventBatch(alloc, 0, event{int64(n), 3}, event{int64(n), 4}),
			}}
		}}
		plan := planOf(&physical.Limit{In: &physical.Exchange{In: eventScan(0)}, Count: int64(c.count), Offset: int64(c.offset)}, false)
		q, got, err := runPlan(t, Config{Plan: plan, Source: src, Shards: []stream.Shard{0, 1}, Alloc: alloc})
		if err != nil || len(got) != c.rows || src.n != c.steps {
			t.Errorf("LIMIT %d OFFSET %d: %d rows of %d steps, error %v", c.count, c.offset, len(got), src.n, err)
		}
		if l := q.Ledger(); !l.Closes() || l.In != int64(4*c.steps) {
			t.Errorf("LIMIT %d: ledger %+v", c.count, l)
		}
	}
}

// TestPanic: a bug in an operator, in a lane of its own goroutine, or in the
// output, fails the query and nothing else.
func TestPanic(t *testing.T) {
	many := make([]event, parallelRows)
	many[0].v = 1
	bigint := types.BigintType
	plan := planOf(&physical.Filter{In: eventScan(0), Pred: &physical.Call{Fn: "<", T: types.BooleanType, Args: []physical.Expr{
		&physical.Column{Index: 1, T: bigint, Name: "v"}, &physical.Literal{T: bigint, Value: int64(1)},
	}}}, false)
	wrong := func(alloc memory.Allocator, shard stream.Shard) stream.SourceBatch {
		b := eventBatch(alloc, shard, many...)
		b.Ops = make([]stream.Op, 1) // one op for thousands of rows
		return b
	}
	for name, c := range map[string]struct {
		rows   func(memory.Allocator) []stream.SourceBatch
		output *lines
	}{
		"lane":      {rows: func(a memory.Allocator) []stream.SourceBatch { return []stream.SourceBatch{wrong(a, 0)} }},
		"goroutine": {rows: func(a memory.Allocator) []stream.SourceBatch { return []stream.SourceBatch{wrong(a, 0), wrong(a, 1)} }},
		"output": {
			rows:   func(a memory.Allocator) []stream.SourceBatch { return []stream.SourceBatch{eventBatch(a, 0, many...)} },
			output: &lines{fail: func() { panic("full") }},
		},
	} {
		// What a panic holds stays with the garbage collector.
		src := &steps{make: func(int) *stream.StepData {
			return &stream.StepData{Rows: c.rows(memory.DefaultAllocator)}
		}}
		cfg := Config{Plan: plan, Source: src, Shards: []stream.Shard{0, 1}}
		if c.output != nil {
			cfg.Output = c.output
		}
		_, _, err := runPlan(t, cfg)
		if err == nil || !strings.Contains(err.Error(), "bug in weir") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestVersion refuses plans of another version.
func TestVersion(t *testing.T) {
	p := countPlan(0)
	p.Version++
	if _, err := New(Config{Plan: p}); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("error %v", err)
	}
}

// TestSourceFails: what a failing source had delivered is freed, and its error
// is the query's.
func TestSourceFails(t *testing.T) {
	alloc := checked(t)
	broken := errors.New("the disk is gone")
	src := &failing{steps{make: func(int) *stream.StepData {
		return &stream.StepData{Rows: []stream.SourceBatch{eventBatch(alloc, 0, event{1, 1}, event{50, 1}, event{99, 1})}}
	}}, broken}
	_, _, err := runPlan(t, Config{Plan: countPlan(5), Source: src, Shards: []stream.Shard{0}, Alloc: alloc})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

type failing struct {
	steps
	err error
}

func (f *failing) Next(ctx context.Context) (*stream.StepData, error) {
	if f.n == 3 {
		return nil, f.err
	}
	return f.steps.Next(ctx)
}

// TestCuts runs whole plans over the same rows in batches of random size. All
// must give what a loop over the rows gives, and free everything.
func TestCuts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		rows := make([]event, r.IntN(400))
		for i := range rows {
			rows[i] = event{int64(i), r.Int64N(50)}
		}
		at, limit, offset := r.Int64N(50), r.IntN(30), r.IntN(10)
		var want []int64 // v*2 where v < at
		for _, e := range rows {
			if e.v < at {
				want = append(want, 2*e.v)
			}
		}
		bigint := types.BigintType
		v := &physical.Column{Index: 1, T: bigint, Name: "v"}
		var root physical.Node = &physical.Exchange{In: &physical.Project{
			In: &physical.Filter{In: eventScan(0), Pred: &physical.Call{
				Fn: "<", T: types.BooleanType, Args: []physical.Expr{v, &physical.Literal{T: bigint, Value: at}},
			}},
			Exprs: []physical.Expr{&physical.Call{Fn: "+", T: bigint, Args: []physical.Expr{v, v}}}, Names: []string{"twice"},
		}}
		switch r.IntN(3) {
		case 0:
			root = &physical.Limit{In: root, Count: int64(limit), Offset: int64(offset)}
			want = want[min(offset, len(want)):]
			want = want[:min(limit, len(want))]
		case 1:
			root = &physical.Sort{In: root, Keys: []physical.SortKey{{Column: 0, Desc: true}}, Limit: int64(limit), Offset: int64(offset)}
			slices.SortFunc(want, func(a, b int64) int { return int(b - a) })
			want = want[min(offset, len(want)):]
			want = want[:min(limit, len(want))]
		}
		for range 3 {
			alloc := checked(t)
			left := rows
			src := &steps{make: func(n int) *stream.StepData {
				if n > 0 && len(left) == 0 {
					return nil
				}
				data := &stream.StepData{Clock: stream.MinTime}
				for range r.IntN(4) {
					k := r.IntN(min(len(left), 100) + 1)
					data.Rows = append(data.Rows, eventBatch(alloc, 0, left[:k]...))
					left = left[k:]
				}
				data.End = len(left) == 0
				return data
			}}
			q, got, err := runPlan(t, Config{Plan: planOf(root, true), Source: src, Shards: []stream.Shard{0}, Alloc: alloc})
			if err != nil {
				t.Fatal(err)
			}
			var text []string
			for _, w := range want {
				text = append(text, fmt.Sprint(w))
			}
			if !slices.Equal(text, got) {
				t.Fatalf("%s\ngives %q\nwant  %q", physical.Print(planOf(root, true)), got, text)
			}
			if l := q.Ledger(); !l.Closes() {
				t.Fatalf("ledger %+v", l)
			}
		}
	}
}
