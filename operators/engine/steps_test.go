package engine

import (
	"cmp"
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
	n, fired, late := 0, 0, int64(0)
	for seed := uint64(0); ; seed++ {
		if *stepsSeeds > 0 && n == *stepsSeeds || *stepsSeeds == 0 && time.Since(begin) > limit {
			break
		}
		c := newStepsCase(seed)
		want := runNaive(c)
		if python != nil {
			if got := python.run(t, c); got.String() != want.String() {
				t.Fatalf("seed %d: the model in Go and the one in Python differ:\n%s\n%s", seed, want, got)
			}
		}
		c.check(t, want)
		n, fired, late = n+1, fired+len(want.out), late+want.late
	}
	t.Logf("%d logs x 6 executions in %s: changelogs identical; windows fired or refined %d, late rows %d; compared with the Python model: %v",
		n, time.Since(begin).Round(time.Second), fired, late, python != nil)
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
			c.mode = mode
			want := runNaive(c)
			c.check(t, want)
			changes, late = changes+len(want.out), late+want.late
		}
		n++
	}
	t.Logf("%d logs x 2 plans x 6 executions in %s: changelogs identical; windows and relations changed %d times, late rows %d",
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

// compare adds up what the changelog says of each window and holds it against
// the model's verdict.
func (c *stepsCase) compare(t *testing.T, steps [][]string, l stream.Ledger, want verdict) {
	got := verdict{used: l.Used, late: l.Late}
	c.fold(t, steps)
	total := map[int64]int64{}
	for i, lines := range steps {
		change := map[int64]int64{}
		var ends []int64
		for _, line := range lines {
			var op string
			var end, n int64
			if _, err := fmt.Sscan(line, &op, &end, &n); err != nil {
				t.Fatalf("seed %d: %q: %v", c.seed, line, err)
			}
			if !slices.Contains(ends, end) {
				ends = append(ends, end)
			}
			if op == "-" {
				n = -n
			}
			change[end] += n
		}
		if !slices.IsSorted(ends) {
			t.Fatalf("seed %d, step %d: windows in the order %v", c.seed, i, ends)
		}
		for _, e := range ends {
			f := firing{Step: int64(i), End: e, New: total[e] + change[e]}
			if old, ok := total[e]; ok {
				f.Old = &old
			}
			total[e] = f.New
			got.out = append(got.out, f)
		}
	}
	if got.String() != want.String() {
		t.Fatalf("seed %d: the engine and the model differ:\n%s\n%s", c.seed, got, want)
	}
	if !l.Closes() {
		t.Fatalf("seed %d: the ledger does not close: %+v", c.seed, l)
	}
}

// fold adds the changelog up: only a row that is there leaves, only one that is
// not there enters, the old row right before the new one, keys in order.
func (c *stepsCase) fold(t *testing.T, steps [][]string) {
	type group struct{ end, k int64 }
	rows := map[group]string{}
	for i, lines := range steps {
		last, left := group{math.MinInt64, 0}, ""
		for _, line := range lines {
			var op, x string
			var n int64
			var g group
			if _, err := fmt.Sscan(line, &op, &g.end, &n, &g.k, &x); err != nil {
				t.Fatalf("seed %d: %q: %v", c.seed, line, err)
			}
			row, had := rows[g]
			switch order := cmp.Or(cmp.Compare(last.end, g.end), cmp.Compare(last.k, g.k)); {
			case order > 0 || order == 0 && left == "" || op == "+" && had || op == "-" && (!had || row != line[2:]):
				t.Fatalf("seed %d, step %d: %q does not fit:\n%s", c.seed, i, line, strings.Join(lines, "\n"))
			case left != "" && (order != 0 || left == line[2:]):
				t.Fatalf("seed %d, step %d: %q changes nothing:\n%s", c.seed, i, left, strings.Join(lines, "\n"))
			}
			if last, left = g, ""; op == "-" {
				left = line[2:]
				delete(rows, g)
			} else {
				rows[g] = line[2:]
			}
		}
	}
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
	seconds := func(n int64) time.Duration { return time.Duration(n) * time.Second }
	ts := &physical.Column{Index: 0, T: types.DatetimeType(6), Name: "ts"}
	scan := &physical.Scan{
		Relation: "log", Columns: []int{0, 1, 2},
		Fields:    c.schema(),
		Hidden:    []physical.Hidden{physical.HiddenW},
		EventTime: ts,
		Watermark: &physical.Call{Fn: "date_add", T: ts.T, Args: []physical.Expr{ts, &physical.Literal{
			T: types.Type{Kind: types.Interval}, Value: physical.Span{Micros: -c.delay * 1e6},
		}}},
		IdleTimeout: seconds(c.idle), IdleAdvance: seconds(stepsAdvance),
	}
	agg := physical.WindowAgg{
		Window:   windows.Spec{Kind: windows.Hop, Size: seconds(stepsSize), Slide: seconds(stepsSlide)},
		Lateness: seconds(c.lateness),
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
		n := int64(first) + int64(i) + int64(shard)*1009
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(ts * 1e6))
		if keys, ok := b.Field(1).(*array.StringBuilder); ok {
			keys.Append(fmt.Sprint(n % 3))
		} else {
			b.Field(1).(*array.Int64Builder).Append(n % 3)
		}
		b.Field(2).(*array.Float64Builder).Append(float64(n*7919%1000) / 7)
	}
	s.seqs[shard] += stream.Seq(len(times))
	return stream.SourceBatch{
		Batch:  stream.Batch{RecordBatch: b.NewRecordBatch(), Shard: stream.Shard(shard)},
		Commit: data.Commit, Arrival: data.Clock, First: first,
	}
}

func (s *logSource) Close() error { return nil }

// changeLog keeps the changes of each step as text: op, window end in seconds,
// count, group, sum to the bit. Without a window the end is 0.
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
			end := int64(0)
			if last == 4 {
				end = int64(b.Column(1).(*array.Timestamp).Value(i)) / 1e6
			}
			lines = append(lines, fmt.Sprintf("%s %d %d %s %x", op, end, n.Value(i), k.ValueStr(i), x.Value(i)))
		}
	}
	o.steps = append(o.steps, lines)
	return nil
}
