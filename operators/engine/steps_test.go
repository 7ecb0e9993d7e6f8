package engine

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

var stepsSeeds = flag.Int("steps.seeds", 0, "run TestSteps for so many seeds instead of for a time")

// TestSteps is the property that makes a result a function of the log: random
// logs give the same changelog per step whatever the size of the batches, the
// order of the lanes inside a step and the moment of a restart, and the one
// that the protocol's model gives.
func TestSteps(t *testing.T) {
	t.Parallel() // with TestStepsOfChanges: each takes its time
	python := startPythonModel(t)
	limit := 60 * time.Second
	if testing.Short() {
		limit = 5 * time.Second
	}
	begin := time.Now()
	n, shown, late := 0, 0, int64(0)
	for seed := uint64(0); ; seed++ {
		if *stepsSeeds > 0 && n == *stepsSeeds || *stepsSeeds == 0 && time.Since(begin) > limit {
			break
		}
		c := newStepsCase(seed)
		c.window = stepsWindows[seed%uint64(len(stepsWindows))]
		want := runNaive(c)
		if python != nil && c.window == stepsHop {
			python.check(t, c, want)
		}
		c.check(t, want)
		for _, changes := range want.steps {
			shown += len(changes)
		}
		n, late = n+1, late+want.late
	}
	t.Logf("%d logs x 6 executions in %s: changelogs identical; rows of windows shown or taken back %d, late rows %d; hops compared with the Python model: %v",
		n, time.Since(begin).Round(time.Second), shown, late, python != nil)
}

// TestStepsOfChanges is TestSteps for windows that show their rows before they
// close and for groups without a window.
func TestStepsOfChanges(t *testing.T) {
	t.Parallel()
	limit := 30 * time.Second
	if testing.Short() {
		limit = 3 * time.Second
	}
	begin := time.Now()
	n, changes, late := 0, 0, int64(0)
	for seed := uint64(1 << 32); *stepsSeeds == 0 || n < *stepsSeeds; seed++ {
		if *stepsSeeds == 0 && time.Since(begin) > limit {
			break
		}
		for _, mode := range []stepsMode{windowChanges, groupChanges} {
			c := newStepsCase(seed)
			c.mode, c.window = mode, stepsWindows[seed%uint64(len(stepsWindows))]
			want := runNaive(c)
			c.check(t, want)
			for _, st := range want.steps {
				changes += len(st)
			}
			late += want.late
		}
		n++
	}
	t.Logf("%d logs x 2 plans x 6 executions in %s: changelogs identical; rows shown or taken back %d, late rows %d",
		n, time.Since(begin).Round(time.Second), changes, late)
}

// check runs the engine over the log in several ways.
func (c *stepsCase) check(t *testing.T, want verdict) {
	r := rand.New(rand.NewPCG(c.seed, 43))
	sizes := []func() int{
		func() int { return 4096 },
		func() int { return 1 },
		func() int { return 3 },
		func() int { return 1 + r.IntN(4) },
	}
	var first [][]string
	for i, size := range sizes {
		// The first run also counts what it allocates, which is slow.
		alloc, checked := memory.DefaultAllocator, memory.NewCheckedAllocator(memory.NewGoAllocator())
		if i == 0 {
			alloc = checked
		}
		steps, ledger := c.run(t, r, size, len(c.log), alloc)
		checked.AssertSize(t, 0)
		if first == nil {
			first = steps
			c.compare(t, steps, ledger, want)
		}
		c.same(t, first, steps, fmt.Sprint("run ", i))
	}
	// A crash at a cut, and the log from its start again.
	cut := r.IntN(len(c.log))
	steps, _ := c.run(t, r, sizes[3], cut, memory.DefaultAllocator)
	c.same(t, first[:cut], steps, fmt.Sprint("crashed at step ", cut))
	steps, _ = c.run(t, r, sizes[3], len(c.log), memory.DefaultAllocator)
	c.same(t, first, steps, "restarted")
	c.checkRestored(t, r, first, sizes[3])
}

// same fails if two changelogs differ.
func (c *stepsCase) same(t *testing.T, want, got [][]string, what string) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("seed %d, %s: %d steps, want %d", c.seed, what, len(got), len(want))
	}
	for i := range want {
		if !slices.Equal(want[i], got[i]) {
			t.Fatalf("seed %d, %s, step %d:\n%s\nwant\n%s", c.seed, what, i, strings.Join(got[i], "\n"), strings.Join(want[i], "\n"))
		}
	}
}

// compare holds the changelog against the model's, row by row. Sums are those of
// the model but for the order of its additions, and a row that leaves is to the bit
// the one that was shown.
func (c *stepsCase) compare(t *testing.T, steps [][]string, l stream.Ledger, want verdict) {
	rows := map[stepsPane]string{}
	for i, lines := range steps {
		ok := len(lines) == len(want.steps[i])
		for j, line := range lines {
			got := parseChange(t, line)
			if !ok {
				break
			}
			w := want.steps[i][j]
			ok = got.String() == w.String() && math.Abs(got.x-w.x) <= 1e-9*math.Abs(w.x)
			if was, had := rows[got.stepsPane]; had != (got.op == "-") || had && was != line[1:] {
				t.Fatalf("seed %d, step %d: %q does not fit behind %q", c.seed, i, line, was)
			}
			if rows[got.stepsPane] = line[1:]; got.op == "-" {
				delete(rows, got.stepsPane)
			}
		}
		if !ok {
			t.Fatalf("seed %d, %s, step %d: the engine and the model differ:\n%s\nwant\n%v", c.seed, physical.FormatWindow(c.window), i, strings.Join(lines, "\n"), want.steps[i])
		}
	}
	if l.Used != want.used || l.Late != want.late || !l.Closes() {
		t.Fatalf("seed %d, %s: the ledger is %+v, want %d used and %d late", c.seed, physical.FormatWindow(c.window), l, want.used, want.late)
	}
}

// parseChange reads a line of a changeLog.
func parseChange(t *testing.T, line string) (c stepsChange) {
	if _, err := fmt.Sscan(line, &c.op, &c.start, &c.end, &c.k, &c.n, &c.x); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return c
}

// run reads the first `upTo` steps of the log and returns the changelog of each.
func (c *stepsCase) run(t *testing.T, r *rand.Rand, size func() int, upTo int, alloc memory.Allocator) ([][]string, stream.Ledger) {
	t.Helper()
	src := &logSource{c: c, r: r, size: size, upTo: upTo, alloc: alloc}
	out := &changeLog{}
	var shards []stream.Shard
	for s := range c.shards {
		shards = append(shards, stream.Shard(s))
	}
	q, err := New(Config{Plan: c.plan(), Source: src, Shards: shards, Output: out, Alloc: alloc})
	if err == nil {
		err = q.Run(context.Background())
	}
	if err != nil {
		t.Fatalf("seed %d: %v", c.seed, err)
	}
	return out.steps, q.Ledger()
}

// plan counts rows per window and group, and adds DOUBLEs whose sums round, so
// that another order of additions would show.
func (c *stepsCase) plan() *physical.Plan {
	span := func(n int64) time.Duration { return time.Duration(n) * time.Second }
	ts := &physical.Column{Index: 0, T: types.DatetimeType(6), Name: "ts"}
	scan := &physical.Scan{
		Relation: "log", Columns: []int{0, 1, 2},
		Fields:    c.schema(),
		Hidden:    []physical.Hidden{physical.HiddenW},
		EventTime: ts,
		Watermark: &physical.Call{Fn: "date_add", T: ts.T, Args: []physical.Expr{ts, &physical.Literal{
			T: types.Type{Kind: types.Interval}, Value: physical.Span{Micros: -c.delay * 1e6},
		}}},
		IdleTimeout: span(c.idle), IdleAdvance: span(stepsAdvance),
	}
	agg := physical.WindowAgg{
		Window:   c.window,
		Lateness: span(c.lateness),
		Keys:     []int{1}, KeyNames: []string{"k"}, KeyTypes: []types.Type{c.schema()[1].Type},
		Aggs: []physical.Agg{
			{Fn: physical.AggCountStar, Out: types.BigintType},
			{Fn: physical.AggSum, Args: []int{2}, In: []types.Type{types.DoubleType}, Out: types.DoubleType},
		},
		AggNames: []string{"n", "s"},
		Updates:  c.mode != windowsClose,
	}
	partial := &physical.WindowPartial{In: scan, TimeCol: 0, WCol: 3, WindowAgg: agg}
	key := []int{0, 1, 2}
	if c.mode == groupChanges {
		agg.Window, agg.Lateness, key = windows.Spec{}, 0, []int{0}
		partial = &physical.WindowPartial{In: scan, TimeCol: -1, WCol: -1, WindowAgg: agg}
	}
	final := &physical.WindowFinal{In: &physical.Exchange{In: partial}, WindowAgg: agg}
	return &physical.Plan{
		Version: physical.Version, Root: final, Key: key, TimeColumn: 0,
		AppendOnly: c.lateness == 0 && c.mode == windowsClose,
	}
}

// schema is that of the log; keys are numbers or text.
func (c *stepsCase) schema() stream.Schema {
	key := types.BigintType
	if c.seed%2 == 1 {
		key = types.VarcharType
	}
	return stream.Schema{{Name: "ts", Type: types.DatetimeType(6)}, {Name: "k", Type: key}, {Name: "x", Type: types.DoubleType}}
}

// logSource hands over the steps of a log, cut into batches of any size, lanes
// interleaved at random.
type logSource struct {
	c     *stepsCase
	r     *rand.Rand
	size  func() int
	at    int
	upTo  int
	alloc memory.Allocator
	seqs  [8]stream.Seq
	// between, unless nil, is called between two steps with how many were read.
	between func(at int)
}

func (s *logSource) Next(context.Context) (*stream.StepData, error) {
	if s.between != nil {
		s.between(s.at)
	}
	if s.at == s.upTo {
		return nil, io.EOF
	}
	st := s.c.log[s.at]
	s.at++
	data := &stream.StepData{
		Step: stream.Step(s.at), Commit: stream.Commit(s.at), Clock: stream.Time(st.clock * 1e6),
		Start: st.kind == "start", End: s.at == s.c.endAt,
	}
	left := make([]logBlock, len(st.blocks))
	copy(left, st.blocks)
	for len(left) > 0 {
		i := s.r.IntN(len(left))
		n := min(s.size(), len(left[i].rows))
		data.Rows = append(data.Rows, s.batch(data, left[i].shard, left[i].rows[:n]))
		if left[i].rows = left[i].rows[n:]; len(left[i].rows) == 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return data, nil
}

// batch makes the rows of one shard. Keys and values follow from the row's place
// in the log, so that every run sees the same.
func (s *logSource) batch(data *stream.StepData, shard int, times []int64) stream.SourceBatch {
	b := array.NewRecordBuilder(s.alloc, s.c.schema().Arrow())
	defer b.Release()
	first := s.seqs[shard]
	for i, ts := range times {
		k, x := stepsValues(shard, int64(first)+int64(i))
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(ts * 1e6))
		if keys, ok := b.Field(1).(*array.StringBuilder); ok {
			keys.Append(fmt.Sprint(k))
		} else {
			b.Field(1).(*array.Int64Builder).Append(k)
		}
		b.Field(2).(*array.Float64Builder).Append(x)
	}
	s.seqs[shard] += stream.Seq(len(times))
	return stream.SourceBatch{
		Batch:  stream.Batch{RecordBatch: b.NewRecordBatch(), Shard: stream.Shard(shard)},
		Commit: data.Commit, Arrival: data.Clock, First: first,
	}
}

func (s *logSource) Close() error { return nil }

// changeLog keeps the changes of each step as text: op, window in seconds, group,
// count, sum to the bit. Without a window its bounds are 0.
type changeLog struct{ steps [][]string }

func (o *changeLog) Step(_ context.Context, _ stream.Cut, _ stream.Commit, changes []stream.Batch) error {
	var lines []string
	for _, b := range changes {
		last := int(b.NumCols()) - 1
		k, n, x := b.Column(last-2), b.Column(last-1).(*array.Int64), b.Column(last).(*array.Float64)
		for i := range int(b.NumRows()) {
			op := "+"
			if b.Ops != nil && b.Ops[i] == stream.Delete {
				op = "-"
			}
			var bounds [2]int64
			if last == 4 {
				for j := range bounds {
					bounds[j] = int64(b.Column(j).(*array.Timestamp).Value(i)) / 1e6
				}
			}
			lines = append(lines, fmt.Sprintf("%s %d %d %s %d %x", op, bounds[0], bounds[1], k.ValueStr(i), n.Value(i), x.Value(i)))
		}
	}
	o.steps = append(o.steps, lines)
	return nil
}
