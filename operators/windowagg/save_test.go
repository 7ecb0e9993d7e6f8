package windowagg

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/operators"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// pages is what a disk holds of one operator.
type pages struct {
	t     rapid.TB
	last  map[string][]byte
	next  map[string][]byte
	put   int
	kept  int
	bytes int
}

func (p *pages) Put(name string, data []byte) {
	p.put, p.bytes = p.put+1, p.bytes+len(data)
	p.add(name, data)
}

func (p *pages) Keep(name string) {
	p.kept++
	data, ok := p.last[name]
	if !ok {
		p.t.Fatalf("page %s is kept, but was not written", name)
	}
	p.add(name, data)
}

func (p *pages) add(name string, data []byte) {
	if _, twice := p.next[name]; twice || len(name) > 64 {
		p.t.Fatalf("page %s", name)
	}
	p.next[name] = data
}

func (p *pages) Names() []string { return slices.Sorted(maps.Keys(p.last)) }

func (p *pages) Get(name string) ([]byte, error) {
	b, ok := p.last[name]
	if !ok {
		return nil, state.ErrNotFound
	}
	return slices.Clone(b), nil
}

// snapshot takes one of op.
func (p *pages) snapshot(op operators.Operator) {
	p.next = make(map[string][]byte)
	if err := op.Snapshot(context.Background(), p); err != nil {
		p.t.Fatal(err)
	}
	p.last = p.next
}

// disk is what a disk holds of a query of both halves.
type disk struct {
	lanes   []*pages
	tail    *pages
	tracker windows.TrackerState
	merged  stream.Time
	ledgers []stream.Ledger
	nulled  stream.Ledger
	at      int // steps read
	lines   int // lines of the changelog then
}

// save takes a snapshot of the whole query.
func (q *query) save(d *disk, at, lines int) {
	for s, l := range q.lanes {
		d.lanes[s].snapshot(l)
	}
	d.tail.snapshot(q.tail)
	d.tracker, d.merged, d.at, d.lines = q.tracker.Snapshot(), q.merged, at, lines
	d.ledgers, d.nulled = slices.Clone(q.ledgers), q.nulled
}

// restoreQuery makes a query of fresh operators from what is on disk.
func restoreQuery(t testing.TB, c *logConfig, d *disk) *query {
	q := newQuery(t, memory.DefaultAllocator, c)
	q.close()
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	var err error
	q.tracker, err = windows.RestoreTracker(windows.TrackerConfig{IdleTimeout: us(c.idle), IdleAdvance: us(c.advance)}, d.tracker)
	q.must(err)
	q.merged, q.ledgers, q.nulled = d.merged, slices.Clone(d.ledgers), d.nulled
	p, f := c.nodes()
	for s := range q.lanes {
		q.lanes[s], err = c.lane(p)
		q.must(err)
		q.must(q.lanes[s].Open(context.Background(), &operators.Runtime{Alloc: q.alloc, Ledger: &q.ledgers[s], State: d.lanes[s]}))
	}
	q.tail, err = NewFinal(f)
	q.must(err)
	q.must(q.tail.Open(context.Background(), &operators.Runtime{Alloc: q.alloc, Ledger: &q.nulled, State: d.tail}))
	return q
}

// crowd makes the dictionary of a query sweep as soon as it may.
func (q *query) crowd() {
	d := dictOf(q.tail)
	d.slack, d.turns = 0, 0
}

// dictOf returns the dictionary of the query's half.
func dictOf(op operators.Operator) *dictionary {
	switch op := op.(type) {
	case *sessions:
		return &op.dict
	case *limited:
		return &op.dict
	case *counts:
		return &op.dict
	}
	return &op.(*final).dict
}

func newDisk(t rapid.TB, shards int) *disk {
	d := &disk{tail: &pages{t: t}}
	for range shards {
		d.lanes = append(d.lanes, &pages{t: t})
	}
	return d
}

// TestRestore: operators that are thrown away at any cut, and made again from the
// pages of a snapshot before, some of which are kept from older ones, give the
// same changelog and the same accounts as ones that never stopped.
func TestRestore(t *testing.T) {
	put, kept := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		r := rand.New(rand.NewPCG(seed, 7))
		c := randomConfig(r)
		c.aggs = allAggs()
		c.updates, c.small = r.IntN(3) == 0 && c.spec.Kind != windows.Count, r.IntN(2) == 0
		if r.IntN(5) == 0 {
			c.spec, c.lateness = windows.Spec{}, 0
		}
		log := logOf(r, c)
		size := func() int { return 1 + r.IntN(5) }
		crowded := r.IntN(2) == 0
		straight := newQuery(t, memory.DefaultAllocator, c)
		if crowded {
			straight.crowd()
		}
		var want []string
		for i, st := range log {
			for _, line := range straight.step(st, r, size) {
				want = append(want, fmt.Sprint(i, " ", line))
			}
		}
		straight.close()

		d := newDisk(rt, c.shards)
		q := newQuery(t, memory.DefaultAllocator, c)
		var got []string
		for i := 0; i < len(log); i++ {
			if crowded {
				q.crowd()
			}
			for _, line := range q.step(log[i], r, size) {
				got = append(got, fmt.Sprint(i, " ", line))
			}
			if r.IntN(3) == 0 {
				q.save(d, i+1, len(got))
			}
			if d.at > 0 && r.IntN(6) == 0 {
				q.close()
				q = restoreQuery(t, c, d)
				got, i = got[:d.lines], d.at-1
			}
		}
		defer q.close()
		if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
			rt.Fatalf("seed %d: restored:\n%s\nwant\n%s", seed, a, b)
		}
		if !slices.Equal(q.ledgers, straight.ledgers) || q.nulled != straight.nulled {
			rt.Fatalf("seed %d: ledgers %v %v, want %v %v", seed, q.ledgers, q.nulled, straight.ledgers, straight.nulled)
		}
		for _, p := range append(d.lanes, d.tail) {
			put, kept = put+p.put, kept+p.kept
		}
	})
	t.Logf("%d pages written, %d kept", put, kept)
	if kept == 0 {
		t.Error("no page was ever kept")
	}
}

// TestSnapshotWritesOnce: what does not change is not written again.
func TestSnapshotWritesOnce(t *testing.T) {
	us := time.Microsecond
	c := &logConfig{spec: windows.Spec{Kind: windows.Hop, Size: 100 * us, Slide: 10 * us}, shards: 1, keys: []int{colK1}, aggs: allAggs()}
	q := newQuery(t, memory.DefaultAllocator, c)
	defer q.close()
	r := rand.New(rand.NewPCG(1, 1))
	d := newDisk(t, 1)
	for i := range int64(30) {
		rows := make([]row, 50)
		for j := range rows {
			rows[j] = randomRow(r, 10*i+int64(j%10))
			rows[j].dropped = false
		}
		q.step(step{clock: i, rows: [][]row{rows}}, r, func() int { return 50 })
		q.save(d, int(i), 0)
		lane, tail := *d.lanes[0], *d.tail
		q.save(d, int(i), 0)
		if n := d.lanes[0].put - lane.put; n > 1 {
			t.Fatalf("step %d: %d pages of the lane are written again", i, n)
		}
		if n := d.tail.put - tail.put; n != 1 {
			t.Fatalf("step %d: %d pages behind the exchange are written again", i, n)
		}
	}
}

// TestSnapshotWritesTouchedChunks: of many groups, whose keys are there, a lane
// writes the states of those that rows came for, and the pages around them.
func TestSnapshotWritesTouchedChunks(t *testing.T) {
	c := &logConfig{spec: windows.Spec{Kind: windows.Tumble, Size: time.Second, Slide: time.Second}, shards: 1, keys: []int{colK1}, aggs: allAggs(), small: true}
	q := newQuery(t, memory.DefaultAllocator, c)
	defer q.close()
	r := rand.New(rand.NewPCG(1, 2))
	rowOf := func(key int64) row {
		w := randomRow(r, 10)
		w.k1, w.dropped = &key, false
		return w
	}
	d := newDisk(t, 1)
	send := func(clock int64, keys ...int64) (put int) {
		var rows []row
		for _, k := range keys {
			rows = append(rows, rowOf(k))
		}
		q.step(step{clock: clock, rows: [][]row{rows}}, r, func() int { return 50 })
		before := d.lanes[0].put
		q.save(d, int(clock), 0)
		return d.lanes[0].put - before
	}
	var many []int64
	for k := range int64(21) {
		many = append(many, k)
	}
	if n := send(1, many...); n != 2+2*11 {
		t.Errorf("21 groups are %d pages", n)
	}
	// meta and head; and the states of two chunks, or the last with its new key.
	for i, keys := range [][]int64{{6, 7, 6}, {4, 20}, {21}, {22, 22}} {
		if n, want := send(int64(i)+2, keys...), []int{3, 4, 4, 4}[i]; n != want {
			t.Errorf("rows of %v: %d pages are written, want %d", keys, n, want)
		}
	}
	if len(d.lanes[0].last) != 2+2*12 {
		t.Errorf("pages %v", d.lanes[0].Names())
	}
}

// restoreCase is an operator with state, to be damaged.
type restoreCase struct {
	name string
	make func() (operators.Operator, error)
	last map[string][]byte
}

// restoreCases runs queries of several kinds and takes what they keep.
func restoreCases(t testing.TB) []restoreCase {
	var cases []restoreCase
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 8))
		c := randomConfig(r)
		c.keys = [][]int{{}, {colK1}, {colK2}, {colK1, colK2}}[seed%4]
		c.aggs, c.updates = allAggs(), seed%3 == 0 && c.spec.Kind != windows.Count
		c.small = seed/4%2 == 0
		if seed%6 == 0 {
			c.spec, c.lateness = windows.Spec{}, 0
		}
		q := newQuery(t, memory.DefaultAllocator, c)
		log := logOf(r, c)
		for _, st := range log[:len(log)*2/3] {
			q.step(st, r, func() int { return 3 })
		}
		d := newDisk(t, c.shards)
		q.save(d, 0, 0)
		q.close()
		p, f := c.nodes()
		cases = append(cases,
			restoreCase{fmt.Sprint("final ", seed), func() (operators.Operator, error) { return NewFinal(f) }, d.tail.last},
			restoreCase{fmt.Sprint("partial ", seed), func() (operators.Operator, error) { return c.lane(p) }, d.lanes[0].last})
	}
	return cases
}

// open restores an operator, and, if that works, ends its input.
func (c restoreCase) open(t testing.TB, last map[string][]byte) error {
	op, err := c.make()
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	ctx := context.Background()
	if err := op.Open(ctx, &operators.Runtime{Alloc: memory.DefaultAllocator, Ledger: &stream.Ledger{}, State: &pages{t: t, last: last}}); err != nil {
		return err
	}
	var out collect
	_, err = op.ProcessCut(ctx, stream.Cut{W: stream.MaxTime, Final: true}, &out)
	for _, b := range out.batches {
		b.Release()
	}
	return err
}

// TestDamagedPages: a page that is missing, cut short or too long is an error.
func TestDamagedPages(t *testing.T) {
	damaged := 0
	for _, c := range restoreCases(t) {
		if err := c.open(t, c.last); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for name, data := range c.last {
			for _, bad := range [][]byte{nil, data[:len(data)-1], data[:len(data)/2], {}, append(slices.Clone(data), 0), append([]byte{99}, data[1:]...)} {
				if bad == nil && name == metaPage {
					continue // without it there is no state
				}
				last := maps.Clone(c.last)
				if last[name] = bad; bad == nil {
					delete(last, name)
				}
				damaged++
				if c.open(t, last) == nil {
					t.Errorf("%s: page %s of %d bytes instead of %d is taken", c.name, name, len(bad), len(data))
				}
			}
		}
	}
	t.Logf("%d damaged pages", damaged)
}

// TestFlippedPages: bytes of a page that are others are an error, or other results,
// and never a panic, much memory or a long time.
func TestFlippedPages(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	flips := 40
	if testing.Short() {
		flips = 5
	}
	tried, taken := 0, 0
	for _, c := range restoreCases(t) {
		for _, name := range slices.Sorted(maps.Keys(c.last)) {
			for i := range flips {
				bad := slices.Clone(c.last[name])
				if len(bad) == 0 {
					continue
				}
				at := r.IntN(len(bad))
				switch i % 4 {
				case 0:
					bad[at] ^= 1 << r.IntN(8)
				case 1:
					bad[at] = 0xFF
				case 2: // a number that is too large, or a varint of many digits
					for k := at; k < min(at+8, len(bad)); k++ {
						bad[k] = byte(0x80 | r.IntN(128))
					}
				case 3:
					copy(bad[at:], bad[r.IntN(len(bad)):])
				}
				last := maps.Clone(c.last)
				last[name] = bad
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				begin := time.Now()
				err := c.open(t, last)
				runtime.ReadMemStats(&after)
				if n := after.TotalAlloc - before.TotalAlloc; n > 256<<20 || time.Since(begin) > 20*time.Second {
					t.Errorf("%s: page %s, byte %d: allocated %d MB, took %s: %v", c.name, name, at, n>>20, time.Since(begin), err)
				}
				if tried++; err == nil {
					taken++
				}
			}
		}
	}
	t.Logf("%d pages with other bytes, %d of them were taken", tried, taken)
}

// FuzzRestore changes one page to any bytes.
func FuzzRestore(f *testing.F) {
	cases := restoreCases(f)
	for i, c := range cases {
		for j, name := range slices.Sorted(maps.Keys(c.last)) {
			f.Add(byte(i), byte(j), c.last[name])
		}
	}
	f.Fuzz(func(t *testing.T, i, j byte, data []byte) {
		c := cases[int(i)%len(cases)]
		names := slices.Sorted(maps.Keys(c.last))
		if len(names) == 0 {
			t.Skip()
		}
		last := maps.Clone(c.last)
		last[names[int(j)%len(names)]] = data
		_ = c.open(t, last) // an error or not, but no panic, and an end
	})
}

// BenchmarkSnapshot copies 1 M groups.
func BenchmarkSnapshot(b *testing.B) {
	for _, bench := range []struct {
		name string
		keys []int
	}{{"bigint", []int{colK1}}, {"text", []int{colK2}}} {
		b.Run(bench.name, func(b *testing.B) {
			c := &logConfig{shards: 1, keys: bench.keys, updates: true, aggs: []physical.Agg{allAggs()[0], allAggs()[1]}}
			q := newQuery(b, memory.DefaultAllocator, c)
			defer q.close()
			const n = 1 << 20
			rows := make([]row, n)
			for i := range rows {
				k, s := int64(i)*7919, fmt.Sprintf("key-%d", i)
				rows[i] = row{k1: &k, k2: &s, v: &k}
			}
			q.step(step{rows: [][]row{rows}}, rand.New(rand.NewPCG(1, 1)), func() int { return 1 << 16 })
			f := q.tail.(*final)
			for b.Loop() {
				clear(f.savedGroups)
				f.dict.saved = 0
				p := &pages{t: b}
				p.snapshot(f)
				b.SetBytes(int64(p.bytes))
			}
		})
	}
}
