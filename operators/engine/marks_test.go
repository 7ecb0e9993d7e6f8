package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// markedRow is a row of a window with its marks; the fields are text where it
// only matters whether they are the same.
type markedRow struct {
	start    int64
	end      int64
	key      string // of the group
	values   string
	rev      int64
	final    bool
	complete bool
}

func (r markedRow) place() string { return fmt.Sprint(r.start, " ", r.end, " ", r.key) }

// markedStep is what left at a cut, and its watermark.
type markedStep struct {
	w    stream.Time
	ops  []stream.Op
	rows []markedRow
}

// markedLog keeps the changes of a query with or without marks.
type markedLog struct{ steps []markedStep }

func (o *markedLog) Step(_ context.Context, c stream.Cut, _ stream.Commit, changes []stream.Batch) error {
	st := markedStep{w: c.W}
	for _, b := range changes {
		for i := range int(b.NumRows()) {
			op := stream.Insert
			if b.Ops != nil {
				op = b.Ops[i]
			}
			r := markedRow{start: int64(b.Column(0).(*array.Timestamp).Value(i)), end: int64(b.Column(1).(*array.Timestamp).Value(i)), key: b.Column(2).ValueStr(i), values: b.Column(3).ValueStr(i) + " " + b.Column(4).ValueStr(i)}
			switch b.NumCols() {
			case 6: // of sessions
				r.final = b.Column(5).(*array.Boolean).Value(i)
			case 8:
				r.rev = b.Column(5).(*array.Int64).Value(i)
				r.final, r.complete = b.Column(6).(*array.Boolean).Value(i), b.Column(7).(*array.Boolean).Value(i)
			}
			st.ops, st.rows = append(st.ops, op), append(st.rows, r)
		}
	}
	o.steps = append(o.steps, st)
	return nil
}

// marked runs the log with and without marks. Where restart says so only a snapshot goes on.
func (c *stepsCase) marked(t *testing.T, kind windows.Kind, marks, partial bool, size func() int, restart func() bool) []markedStep {
	t.Helper()
	p := c.plan()
	final := p.Root.(*physical.WindowFinal)
	lane := final.In.(*physical.Exchange).In.(*physical.WindowPartial)
	for _, a := range []*physical.WindowAgg{&final.WindowAgg, &lane.WindowAgg} {
		switch a.Window.Kind = kind; kind {
		case windows.Tumble:
			a.Window.Slide = a.Window.Size
		case windows.Session:
			a.Window = windows.Spec{Kind: kind, Gap: 3 * time.Second}
		}
		if !marks {
			continue
		}
		if kind == windows.Session {
			a.Aggs, a.AggNames = append(slices.Clone(a.Aggs), physical.Agg{Fn: physical.AggIsFinal, Out: types.BooleanType}), append(slices.Clone(a.AggNames), "is_final")
			continue
		}
		a.Aggs = append(slices.Clone(a.Aggs), physical.Agg{Fn: physical.AggWindowRev, Out: types.BigintType},
			physical.Agg{Fn: physical.AggIsFinal, Out: types.BooleanType}, physical.Agg{Fn: physical.AggIsComplete, Out: types.BooleanType})
		a.AggNames = append(slices.Clone(a.AggNames), "window_rev", "is_final", "is_complete")
	}
	out := &markedLog{}
	src := &logSource{c: c, r: rand.New(rand.NewPCG(c.seed, 99)), size: size, upTo: 1, alloc: memory.DefaultAllocator}
	var shards []stream.Shard
	for s := range c.shards {
		shards = append(shards, stream.Shard(s))
	}
	disk := &saved{}
	for {
		q, err := New(Config{Plan: p, Source: src, Shards: shards, Partial: partial, Output: out, Alloc: memory.DefaultAllocator, From: disk.last})
		if err != nil {
			t.Fatalf("seed %d: %v", c.seed, err)
		}
		if src.upTo = len(c.log); restart() {
			src.upTo = min(len(c.log), src.at+1+src.r.IntN(8))
		}
		src.between = func(at int) {
			if at < src.upTo || at == len(c.log) {
				return
			}
			s, err := q.Snapshot(t.Context())
			if err != nil {
				t.Fatalf("seed %d: %v", c.seed, err)
			}
			disk.take(t, s)
		}
		if err := q.Run(t.Context()); err != nil {
			t.Fatalf("seed %d: %v", c.seed, err)
		}
		if src.at == len(c.log) {
			return out.steps
		}
	}
}

// TestMarks: window_rev, is_final and is_complete change nothing of the other
// columns, and at each cut they say of every row that is shown what the watermarks
// of the cuts and the changelog without them say: random logs, windows that
// close and windows that change, batches of any size and restarts.
func TestMarks(t *testing.T) {
	t.Parallel()
	limit := 10 * time.Second
	if testing.Short() {
		limit = 3 * time.Second
	}
	begin := time.Now()
	var seen marksSeen
	// On a busy machine the time ends before all was seen.
	enough := func() bool { return seen.revised >= 10 && seen.turned >= 10 && seen.partial >= 10 && seen.whole >= 10 }
	n := 0
	for seed := uint64(3 << 32); time.Since(begin) < limit || !enough() && n < 200; seed++ {
		c := newStepsCase(seed)
		c.checkMarks(t, &seen)
		n++
	}
	t.Logf("%d logs: %+v", n, seen)
	if !enough() {
		t.Errorf("too little was seen: %+v", seen)
	}
}

// marksSeen counts what the logs had.
type marksSeen struct{ revised, turned, partial, whole int }

func (c *stepsCase) checkMarks(t *testing.T, seen *marksSeen) {
	r := rand.New(rand.NewPCG(c.seed, 44))
	never := func() bool { return false }
	whole := func() int { return 4096 }
	kind := []windows.Kind{windows.Tumble, windows.Hop, windows.Cumulate, windows.Session}[r.IntN(4)]
	partial := r.IntN(2) == 0 && kind != windows.Session
	c.mode = windowsClose
	closed := c.marked(t, kind, false, partial, whole, never)
	for _, mode := range []stepsMode{windowsClose, windowChanges} {
		c.mode = mode
		plain := c.marked(t, kind, false, partial, whole, never)
		got := c.marked(t, kind, true, partial, whole, never)
		again := c.marked(t, kind, true, partial, func() int { return 1 + r.IntN(3) }, func() bool { return r.IntN(2) == 0 })
		if fmt.Sprint(got) != fmt.Sprint(again) {
			t.Fatalf("seed %d (-in one go +in pieces)\n%s", c.seed, cmp.Diff(strings.Split(markedLines(got), "\n"), strings.Split(markedLines(again), "\n")))
		}
		if kind == windows.Session {
			closed = nil
		}
		c.compareMarks(t, plain, got, closed, partial, seen)
	}
}

// compareMarks holds a changelog with marks against those without.
func (c *stepsCase) compareMarks(t *testing.T, plain, got, closed []markedStep, partial bool, seen *marksSeen) {
	last, want, shown, fired := map[string]markedRow{}, map[string]markedRow{}, map[string]markedRow{}, map[string]bool{}
	before := stream.MinTime
	for i, st := range plain {
		for j, row := range st.rows {
			old, had := last[row.place()]
			if st.ops[j] == stream.Delete {
				delete(want, row.place())
				continue
			}
			if row.rev = old.rev; closed != nil && had && before != stream.MinTime && row.end <= int64(before) {
				row.rev++
				seen.revised++
			}
			want[row.place()], last[row.place()] = row, row
		}
		if closed != nil {
			for _, row := range closed[i].rows {
				fired[row.place()] = true
			}
		}
		var left *markedRow
		for j, row := range got[i].rows {
			old, had := shown[row.place()]
			switch {
			case got[i].ops[j] == stream.Delete && (!had || old != row):
				t.Fatalf("seed %d, step %d: %v is taken back, and %v is shown", c.seed, i, row, old)
			case got[i].ops[j] == stream.Delete:
				delete(shown, row.place())
				left = &old
				continue
			case had:
				t.Fatalf("seed %d, step %d: %v is shown, and %v comes", c.seed, i, old, row)
			case left != nil && *left == row:
				t.Fatalf("seed %d, step %d: %v changes nothing", c.seed, i, row)
			case left != nil && left.final != row.final:
				seen.turned++
			}
			shown[row.place()] = row
			left = nil
		}
		if len(shown) != len(want) {
			t.Fatalf("seed %d, step %d: %d rows are shown, and %d without marks", c.seed, i, len(shown), len(want))
		}
		for place, row := range want {
			row.final = st.w != stream.MinTime && stream.Time(row.end).Add(time.Duration(c.lateness)*time.Second) <= st.w
			mark := shown[place]
			if row.complete = mark.complete; mark != row {
				t.Fatalf("seed %d, step %d, W %d: %+v, want %+v", c.seed, i, st.w, mark, row)
			}
			if closed == nil {
				continue
			}
			if closing := st.w != stream.MinTime && row.end <= int64(st.w); closing && partial && mark.complete != fired[place] || !partial && !mark.complete {
				t.Fatalf("seed %d, step %d: %+v, and when windows close it is shown: %v", c.seed, i, mark, fired[place])
			}
			if mark.complete {
				seen.whole++
			} else {
				seen.partial++
			}
		}
		before = st.w
	}
}

func markedLines(steps []markedStep) string {
	var b strings.Builder
	for i, st := range steps {
		for j, r := range st.rows {
			if j == 0 {
				fmt.Fprintln(&b, i, "W", st.w)
			}
			fmt.Fprintf(&b, "%d %v %+v\n", i, st.ops[j], r)
		}
	}
	return b.String()
}
