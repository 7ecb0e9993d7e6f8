package windowagg

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// allAggs is every aggregate of every type.
func allAggs() []physical.Agg {
	agg := func(fn physical.AggFn, col int, out types.Type) physical.Agg {
		return physical.Agg{Fn: fn, Args: []int{col}, In: []types.Type{colTypes[col]}, Out: out}
	}
	aggs := []physical.Agg{
		{Fn: physical.AggCountStar, Out: types.BigintType},
		agg(physical.AggSum, colV, types.DecimalType(38, 0)),
		agg(physical.AggAvg, colV, types.DoubleType),
		agg(physical.AggSum, colX, types.DoubleType),
		agg(physical.AggAvg, colX, types.DoubleType),
		agg(physical.AggSum, colD, types.DecimalType(38, 2)),
		agg(physical.AggAvg, colD, types.DecimalType(38, 6)),
	}
	median := agg(physical.AggPercentile, colX, types.DoubleType)
	median.Quantile = 0.5
	aggs = append(aggs, median)
	for _, col := range []int{colV, colX, colD, colS, colB} {
		aggs = append(aggs, agg(physical.AggCount, col, types.BigintType),
			agg(physical.AggMin, col, colTypes[col]), agg(physical.AggMax, col, colTypes[col]))
	}
	aggs = append(aggs, moreAggs()...)
	distinct := func(fn physical.AggFn, out types.Type, cols ...int) physical.Agg {
		a := physical.Agg{Fn: fn, Args: cols, Out: out, Distinct: true}
		for _, c := range cols {
			a.In = append(a.In, colTypes[c])
		}
		return a
	}
	aggs = append(aggs,
		distinct(physical.AggCount, types.BigintType, colS), distinct(physical.AggCount, types.BigintType, colK1, colS),
		distinct(physical.AggSum, types.DecimalType(38, 0), colK1), distinct(physical.AggAvg, types.DoubleType, colX),
		distinct(physical.AggMax, types.VarcharType, colS))
	// Every second one again, of rows for which colB is true.
	for i := len(aggs) - 1; i >= 0; i -= 2 {
		a := aggs[i]
		a.Args, a.In = append(slices.Clone(a.Args), colB), append(slices.Clone(a.In), types.BooleanType)
		a.Filtered = true
		aggs = append(aggs, a)
	}
	return aggs
}

// takeBack adds to a log that rows are taken back, some at once, some later.
func takeBack(r *rand.Rand, log []step) {
	id := 0
	var live [][]row // by shard
	for _, st := range log {
		for s, rows := range st.rows {
			for len(live) <= s {
				live = append(live, nil)
			}
			var out []row
			for _, rw := range rows {
				id++
				rw.id = id
				out, live[s] = append(out, rw), append(live[s], rw)
				for len(live[s]) > 0 && r.IntN(3) == 0 {
					i := r.IntN(len(live[s]))
					if r.IntN(2) == 0 {
						i = len(live[s]) - 1
					}
					gone := live[s][i]
					gone.taken = true
					live[s] = slices.Delete(live[s], i, i+1)
					out = append(out, gone)
				}
			}
			st.rows[s] = out
		}
	}
}

// pick returns one of vals, or sometimes NULL.
func pick[T any](r *rand.Rand, vals ...T) *T {
	if r.IntN(6) == 0 {
		return nil
	}
	return &vals[r.IntN(len(vals))]
}

func randomRow(r *rand.Rand, ts int64) row {
	v, d := r.Int64N(2000)-1000, r.Int64N(2000)-1000
	if r.IntN(20) == 0 {
		v *= 1 << 53
	}
	return row{
		ts: ts,
		k1: pick[int64](r, -5, 0, 3, 1<<40),
		k2: pick(r, "", "a", "a\x00", "b", "bb"),
		v:  pick(r, v),
		x:  pick(r, float64(r.IntN(4000)-2000)/4, 0),
		d:  pick(r, d),
		s:  pick(r, "", "x", "xy", "y\x00", "a longer text", "zz"),
		b:  pick(r, true, false),

		dropped: r.IntN(8) == 0,
	}
}

// randomLog is a log with idle spells, ticks, starts and late rows, in the
// manner of the protocol's model.
func randomLog(r *rand.Rand, shards int) []step {
	var log []step
	t := int64(r.IntN(200) - 100)
	base := make([]int64, shards)
	for s := range base {
		base[s] = t
	}
	for range 10 + r.IntN(50) {
		t += []int64{0, 1, 1, 2, 5, 40}[r.IntN(6)]
		st := step{clock: t, rows: make([][]row, shards)}
		switch k := r.IntN(100); {
		case k < 7:
			st.start = true
		case k < 15: // a tick
		default:
			for _, s := range r.Perm(shards)[:1+r.IntN(shards)] {
				for range 1 + r.IntN(8) {
					base[s] = max(base[s], t+r.Int64N(10)-3)
					st.rows[s] = append(st.rows[s], randomRow(r, base[s]-[]int64{0, 0, 1, 2, 4, 9, 15}[r.IntN(7)]))
				}
			}
		}
		log = append(log, st)
	}
	log = append(log, step{clock: t + 500, rows: make([][]row, shards)})
	if r.IntN(2) == 0 {
		log = append(log, step{clock: t + 501, end: true, rows: make([][]row, shards)})
	}
	return log
}

// logOf is a random log for a query.
func logOf(r *rand.Rand, c *logConfig) []step {
	log := randomLog(r, c.shards)
	if c.retracts {
		takeBack(r, log)
	}
	return log
}

func randomConfig(r *rand.Rand) *logConfig {
	us := time.Microsecond
	shapes := []windows.Spec{
		{Kind: windows.Tumble, Size: 10 * us, Slide: 10 * us},
		{Kind: windows.Tumble, Size: 7 * us, Slide: 7 * us, Offset: -3 * us},
		{Kind: windows.Tumble, Size: 1 * us, Slide: 1 * us},
		{Kind: windows.Hop, Size: 10 * us, Slide: 5 * us},
		{Kind: windows.Hop, Size: 10 * us, Slide: 4 * us, Offset: 3 * us},
		{Kind: windows.Hop, Size: 12 * us, Slide: 1 * us},
		{Kind: windows.Hop, Size: 7 * us, Slide: 5 * us, Offset: -6 * us},
		{Kind: windows.Hop, Size: 60 * us, Slide: 3 * us},
		{Kind: windows.Hop, Size: 4 * us, Slide: 10 * us},
		{Kind: windows.Cumulate, Size: 15 * us, Slide: 5 * us},
		{Kind: windows.Session, Gap: 1 * us},
		{Kind: windows.Session, Gap: 4 * us},
		{Kind: windows.Session, Gap: 15 * us},
		{Kind: windows.Session, Gap: 4 * us, Size: 9 * us},
		{Kind: windows.Session, Gap: 7 * us, Size: 7 * us},
		{Kind: windows.Session, Gap: 15 * us, Size: 6 * us},
		{Kind: windows.Count, Rows: 3, Every: 3},
		{Kind: windows.Count, Rows: 6, Every: 4},
		{Kind: windows.Cumulate, Size: 12 * us, Slide: 1 * us, Offset: -5 * us},
		{Kind: windows.Cumulate, Size: 6 * us, Slide: 6 * us, Offset: 1 * us},
	}
	c := &logConfig{
		spec:     shapes[r.IntN(len(shapes))],
		lateness: []int64{0, 0, 7, 30}[r.IntN(4)],
		idle:     []int64{0, 3, 10, 50}[r.IntN(4)],
		advance:  30,
		delay:    []int64{0, 2, 5}[r.IntN(3)],
		shards:   1 + r.IntN(4),
		keys:     [][]int{{}, {colK1}, {colK2}, {colK1, colK2}}[r.IntN(4)],
	}
	if c.updates = r.IntN(2) == 0; c.updates && r.IntN(3) == 0 {
		c.spec, c.lateness = windows.Spec{}, 0
	}
	if c.spec.Kind == windows.Count {
		c.updates, c.lateness = false, 0
	}
	c.retracts = r.IntN(3) == 0 && c.spec.Kind != windows.Session && c.spec.Kind != windows.Count
	aggs := allAggs()
	r.Shuffle(len(aggs), func(i, j int) { aggs[i], aggs[j] = aggs[j], aggs[i] })
	c.aggs = aggs[:1+r.IntN(len(aggs)/2)]
	return c
}

// sizes are the batch sizes that every log is run with.
func sizes(r *rand.Rand) map[string]func() int {
	return map[string]func() int{
		"1":      func() int { return 1 },
		"3":      func() int { return 3 },
		"4096":   func() int { return 4096 },
		"random": func() int { return 1 + r.IntN(5) },
	}
}

// TestAgainstModel runs random logs through both halves and through the model.
func TestAgainstModel(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 7))
		c := randomConfig(r)
		log := logOf(r, c)
		m := newModel(c.shards, c.spec, c.lateness, c.keys, c.aggs)
		m.updates = c.updates
		m.idle, m.advance, m.delay = c.idle, c.advance, c.delay
		var want [][]string
		for _, st := range log {
			want = append(want, m.step(st))
		}
		for name, size := range sizes(r) {
			// The checked allocator walks the stack: one size of batches is enough.
			alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
			q := newQuery(t, memory.DefaultAllocator, c)
			if name == "random" {
				q.close()
				q = newQuery(t, alloc, c)
			}
			if r.IntN(2) == 0 { // forget groups as soon as possible
				d := dictOf(q.tail)
				d.slack, d.turns = -1<<20, 0
			}
			for i, st := range log {
				got := q.step(st, r, size)
				if a, b := strings.Join(got, "\n"), strings.Join(want[i], "\n"); a != b {
					t.Fatalf("seed %d, batches of %s, %+v, step %d (clock %d, W %d):\ngot\n%s\nwant\n%s", seed, name, c.spec, i, st.clock, q.merged, a, b)
				}
			}
			var l stream.Ledger
			for _, o := range q.ledgers {
				l.Add(o)
			}
			if l != m.led {
				t.Fatalf("seed %d: ledger %+v, want %+v", seed, l, m.led)
			}
			q.close()
			alloc.AssertSize(t, 0)
		}
	}
}

// TestDoubleBits: sums of DOUBLEs that round do not depend on batches.
func TestDoubleBits(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 11))
		c := randomConfig(r)
		c.aggs = []physical.Agg{{Fn: physical.AggSum, Args: []int{colX}, In: []types.Type{types.DoubleType}, Out: types.DoubleType}}
		log := logOf(r, c)
		for i := range log {
			for _, rows := range log[i].rows {
				for j := range rows {
					x := r.NormFloat64() * 1e6
					rows[j].x = &x
				}
			}
		}
		var want string
		for name, size := range sizes(r) {
			q := newQuery(t, memory.DefaultAllocator, c)
			var got []string
			for i, st := range log {
				for _, line := range q.step(st, r, size) {
					got = append(got, fmt.Sprint(i, " ", line))
				}
			}
			q.close()
			all := strings.Join(got, "\n")
			if want == "" {
				want = all
			} else if all != want {
				t.Fatalf("seed %d: another result with batches of %s", seed, name)
			}
		}
	}
}

// TestUpdatesStayInOneBatch: a row that leaves and the one that enters in its
// place are not torn apart by the bound on a batch.
func TestUpdatesStayInOneBatch(t *testing.T) {
	const groups = batchRowsMax + 700
	c := &logConfig{shards: 1, keys: []int{colK1}, aggs: allAggs()[:1], updates: true}
	q := newQuery(t, memory.DefaultAllocator, c)
	defer q.close()
	// The first group is there once, so that pairs begin at odd places.
	st := func(from int64) step {
		var rows []row
		for k := from; k < groups; k++ {
			rows = append(rows, row{k1: &k})
		}
		return step{rows: [][]row{rows}}
	}
	r := rand.New(rand.NewPCG(1, 1))
	whole := func() int { return groups }
	if n := len(q.step(st(1), r, whole)); n != groups-1 {
		t.Fatalf("%d rows entered, want %d", n, groups-1)
	}
	var batches []int
	q.watch = func(b stream.Batch) {
		batches = append(batches, int(b.NumRows()))
		if b.Ops[len(b.Ops)-1] == stream.Delete {
			t.Errorf("a batch of %d rows ends with a row that leaves", b.NumRows())
		}
	}
	if n := len(q.step(st(0), r, whole)); n != 2*groups-1 {
		t.Fatalf("%d changes, want %d", n, 2*groups-1)
	}
	if len(batches) != 3 || batches[0] != batchRowsMax-1 {
		t.Fatalf("batches of %v rows", batches)
	}
}
