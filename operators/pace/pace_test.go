package pace

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/operators"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// change is a row that comes or goes, and where it stands: row is its text.
type change struct {
	op   stream.Op
	k    int64
	name string
	x    float64
}

func (c change) row() string { return fmt.Sprintf("%d %q %x", c.k, c.name, math.Float64bits(c.x)) }

func (c change) String() string { return []string{"+ ", "- "}[c.op] + c.row() }

// moment is a step: what changes in it, and the clock of its cut.
type moment struct {
	clock   stream.Time
	changes []change
	final   bool
}

var fields = stream.Schema{{Name: "name", Type: types.VarcharType}, {Name: "k", Type: types.BigintType}, {Name: "x", Type: types.DoubleType}}

// plan is one whose rows have these columns.
func plan(every time.Duration, key []int, appendOnly bool) *physical.Plan {
	return &physical.Plan{
		Version: physical.Version, Root: &physical.Scan{Fields: fields, Columns: []int{0, 1, 2}},
		Key: key, AppendOnly: appendOnly, Every: every, TimeColumn: -1, EventTime: -1,
	}
}

// history draws the changes of a table whose key is k, of a bag, or of rows that only come.
func history(t *rapid.T, keyed, appendOnly bool) []moment {
	var out []moment
	clock := stream.Time(500 * rapid.Int64Range(-20, 20).Draw(t, "first"))
	table := map[int64]change{}
	names := []string{"a", "b\x00", ""}
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		m := moment{clock: clock}
		for range rapid.IntRange(0, 6).Draw(t, "changes") {
			c := change{
				k: rapid.Int64Range(0, 3).Draw(t, "k"), name: rapid.SampledFrom(names).Draw(t, "name"),
				x: rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.NaN(), 1.5}).Draw(t, "x"),
			}
			slot := c.k
			if !keyed {
				slot = rapid.Int64Range(0, 5).Draw(t, "slot")
			}
			if old, ok := table[slot]; ok && !appendOnly {
				old.op = stream.Delete
				m.changes = append(m.changes, old)
				delete(table, slot)
				if rapid.Bool().Draw(t, "gone") {
					continue
				}
			}
			table[slot] = c
			m.changes = append(m.changes, c)
		}
		out = append(out, m)
		clock += stream.Time(500 * rapid.Int64Range(0, 5).Draw(t, "wait"))
	}
	out[len(out)-1].final = rapid.Bool().Draw(t, "final")
	return out
}

// collector prints what it gets.
type collector struct{ lines []string }

func (c *collector) Emit(_ context.Context, b stream.Batch) error {
	defer b.Release()
	for i := range int(b.NumRows()) {
		op := stream.Insert
		if b.Ops != nil {
			op = b.Ops[i]
		}
		row := change{op: op, name: b.Column(0).(*array.String).Value(i), k: b.Column(1).(*array.Int64).Value(i), x: b.Column(2).(*array.Float64).Value(i)}
		c.lines = append(c.lines, row.String())
	}
	return nil
}

// run gives the operator a history and returns what leaves at each cut. Where split
// says so a batch ends; where restart says so only a snapshot goes on.
func run(t *rapid.T, p *physical.Plan, moments []moment, split, restart func() bool) [][]string {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	ctx := context.Background()
	saved := pages{}
	open := func(from state.Reader) *Pace {
		op, err := New(p)
		if err == nil {
			err = op.Open(ctx, &operators.Runtime{Alloc: alloc, State: from})
		}
		if err != nil {
			t.Fatal(err)
		}
		return op
	}
	op := open(nil)
	var out [][]string
	for _, m := range moments {
		got := &collector{}
		for rest := m.changes; len(rest) > 0; {
			n := 1
			for n < len(rest) && !split() {
				n++
			}
			b := batch(alloc, rest[:n])
			err := op.ProcessBatch(ctx, 0, b, got)
			b.Release()
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if len(got.lines) > 0 {
			t.Fatal("rows left within a step")
		}
		if w, err := op.ProcessCut(ctx, stream.Cut{Clock: m.clock, W: 7, Final: m.final}, got); err != nil || w != 7 {
			t.Fatal(w, err)
		}
		out = append(out, got.lines)
		at, held := op.Due()
		if held && (at <= m.clock || at > m.clock+op.period || at%op.period != 0) {
			t.Fatalf("due at %d, the clock is at %d", at, m.clock)
		}
		if restart() {
			k := keeper{saved, pages{}}
			if err := op.Snapshot(ctx, k); err != nil {
				t.Fatal(err)
			}
			saved = k.now
			if rapid.Bool().Draw(t, "again") { // what goes on keeps pages, too
				if err := op.Close(); err != nil {
					t.Fatal(err)
				}
				op = open(saved)
			}
		}
	}
	if err := op.Close(); err != nil {
		t.Fatal(err)
	}
	alloc.AssertSize(t, 0)
	return out
}

// pages is what a snapshot left.
type pages map[string][]byte

func (p pages) Get(name string) ([]byte, error) {
	if b, ok := p[name]; ok {
		return slices.Clone(b), nil
	}
	return nil, state.ErrNotFound
}

func (p pages) Names() []string { return slices.Sorted(maps.Keys(p)) }

type keeper struct{ old, now pages }

func (k keeper) Put(name string, data []byte) { k.now[name] = data }
func (k keeper) Keep(name string)             { k.now[name] = k.old[name] }

func batch(alloc memory.Allocator, changes []change) stream.Batch {
	b := array.NewRecordBuilder(alloc, fields.Arrow())
	defer b.Release()
	out := stream.Batch{}
	for _, c := range changes {
		b.Field(0).(*array.StringBuilder).Append(c.name)
		b.Field(1).(*array.Int64Builder).Append(c.k)
		b.Field(2).(*array.Float64Builder).Append(c.x)
		out.Ops = append(out.Ops, c.op)
	}
	if !slices.Contains(out.Ops, stream.Delete) {
		out.Ops = nil
	}
	out.RecordBatch = b.NewRecordBatch()
	return out
}

// TestPace: at a cut whose clock has reached a multiple, and at the end, what has
// left adds up to what came, by the fewest changes, keys in order; between them
// nothing leaves. Neither batches nor restarts change a byte of it.
func TestPace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keyed, appendOnly := rapid.Bool().Draw(t, "keyed"), rapid.Bool().Draw(t, "append only")
		every := rapid.Int64Range(1, 6).Draw(t, "every") * 1000
		p := plan(time.Duration(every)*time.Microsecond, nil, appendOnly)
		if keyed {
			p.Key = []int{1}
		}
		moments := history(t, keyed, appendOnly)
		never := func() bool { return false }
		got := run(t, p, moments, never, never)
		again := run(t, p, moments, func() bool { return rapid.Bool().Draw(t, "split") }, func() bool { return rapid.Bool().Draw(t, "restart") })
		if fmt.Sprint(got) != fmt.Sprint(again) {
			t.Fatalf("in one go\n%s\nin pieces\n%s", got, again)
		}
		came, left := map[string]int{}, map[string]int{}
		for i, m := range moments {
			for _, c := range m.changes {
				came[c.row()] += 1 - 2*int(c.op)
			}
			before := m.clock - 1
			if i > 0 {
				before = moments[i-1].clock
			}
			passed := math.Floor(float64(m.clock)/float64(every)) > math.Floor(float64(before)/float64(every))
			if !passed && !m.final {
				if len(got[i]) > 0 {
					t.Fatalf("cut %d: nothing is due, and %s left", i, got[i])
				}
				continue
			}
			least := 0
			for row, n := range came {
				least += max(n-left[row], left[row]-n)
			}
			if len(got[i]) != least {
				t.Fatalf("cut %d: %d changes, and %d are enough:\n%s", i, len(got[i]), least, got[i])
			}
			for _, line := range got[i] {
				if left[line[2:]] += 1; line[0] == '-' {
					left[line[2:]] -= 2
				}
			}
			for row, n := range came {
				if left[row] != n {
					t.Fatalf("cut %d: %s is there %d times, want %d", i, row, left[row], n)
				}
			}
			if keyed && !appendOnly && !slices.IsSortedFunc(got[i], func(a, b string) int { return strings.Compare(a[2:3], b[2:3]) }) {
				t.Fatalf("cut %d: keys out of order:\n%s", i, got[i])
			}
			if keyed && !appendOnly {
				for j := 1; j < len(got[i]); j++ {
					if got[i][j-1][2] == got[i][j][2] && (got[i][j-1][0] != '-' || got[i][j][0] != '+') {
						t.Fatalf("cut %d: the old row does not stand right before the new one:\n%s", i, got[i])
					}
				}
			}
		}
	})
}

// TestBounds: what cancels itself out takes no memory, and long runs leave in
// batches that no update straddles.
func TestBounds(t *testing.T) {
	p := plan(time.Second, []int{1}, false)
	op, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := op.Open(t.Context(), &operators.Runtime{Alloc: memory.DefaultAllocator}); err != nil {
		t.Fatal(err)
	}
	give := func(changes []change) {
		t.Helper()
		b := batch(memory.DefaultAllocator, changes)
		defer b.Release()
		if err := op.ProcessBatch(t.Context(), 0, b, nil); err != nil {
			t.Fatal(err)
		}
	}
	var out collector
	if _, err := op.ProcessCut(t.Context(), stream.Cut{Clock: 5}, &out); err != nil {
		t.Fatal(err)
	}
	value := 0.0
	for range 1000 { // a key that changes 100,000 times
		var changes []change
		for range 100 {
			changes = append(changes, change{op: stream.Delete, k: 1, x: value}, change{k: 1, x: value + 1})
			value++
		}
		give(changes)
		if len(op.held.chunks) > 3 || op.bag.live > 2 {
			t.Fatalf("%d chunks, %d rows for one key", len(op.held.chunks), op.bag.live)
		}
	}
	var many []change
	for k := range int64(10_001) { // 20,002 changes and those of key 1 before
		many = append(many, change{op: stream.Delete, k: k + 2, x: 1}, change{k: k + 2, x: 2})
	}
	give(many)
	sizes := &sizer{t: t}
	if _, err := op.ProcessCut(t.Context(), stream.Cut{Clock: 1_000_000}, sizes); err != nil {
		t.Fatal(err)
	}
	if sizes.rows != 20_004 || sizes.batches != 5 {
		t.Fatalf("%d rows in %d batches", sizes.rows, sizes.batches)
	}
	if _, held := op.Due(); held {
		t.Fatal("something is held back still")
	}
}

// sizer looks at how updates lie in batches.
type sizer struct {
	t             *testing.T
	rows, batches int
}

func (s *sizer) Emit(_ context.Context, b stream.Batch) error {
	defer b.Release()
	if b.Ops[0] != stream.Delete || b.Ops[len(b.Ops)-1] != stream.Insert {
		s.t.Error("an update straddles two batches")
	}
	s.rows, s.batches = s.rows+len(b.Ops), s.batches+1
	return nil
}

// FuzzRestore reads pages of anything.
func FuzzRestore(f *testing.F) {
	op, _ := New(plan(time.Second, []int{1}, false))
	_ = op.Open(context.Background(), &operators.Runtime{Alloc: memory.DefaultAllocator})
	b := batch(memory.DefaultAllocator, []change{{k: 1, name: "a", x: 1}, {op: stream.Delete, k: 2}})
	_ = op.ProcessBatch(context.Background(), 0, b, nil)
	k := keeper{pages{}, pages{}}
	_ = op.Snapshot(context.Background(), k)
	f.Add(k.now[metaPage], k.now[chunkPage(0)], true)
	f.Add([]byte{1}, []byte{}, false)
	f.Fuzz(func(t *testing.T, meta, chunk []byte, folds bool) {
		op, err := New(plan(time.Second, []int{1}, !folds))
		if err != nil {
			t.Fatal(err)
		}
		err = op.Open(t.Context(), &operators.Runtime{Alloc: memory.DefaultAllocator, State: pages{metaPage: meta, chunkPage(0): chunk}})
		if err != nil || op.held.live > 10_000 {
			return
		}
		if _, err := op.ProcessCut(t.Context(), stream.Cut{Final: true}, &collector{}); err != nil {
			t.Fatal(err)
		}
	})
}
