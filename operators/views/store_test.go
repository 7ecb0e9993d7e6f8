package views

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/state"
	"weir/operators/state/badger"
	"weir/operators/stream"
)

// flushTo writes what happened to a view.
func flushTo(tb testing.TB, v *View, store state.Store) {
	tb.Helper()
	var b state.Batch
	done, err := v.Flush(&b)
	if err != nil {
		tb.Fatal(err)
	}
	err = store.Write(context.Background(), &b)
	done(err)
	if err != nil {
		tb.Fatal(err)
	}
}

// small is a view of small pages on a store, of which nothing stays in memory.
func small(alloc memory.Allocator, store state.Store) Config {
	return Config{ID: 3, Schema: pairSchema(), Key: []int{0}, Store: store, Alloc: alloc, PageRows: 4, Cache: NewCache(1)}
}

// fill adds rows 0 to n, a step each.
func fill(tb testing.TB, v *View, alloc memory.Allocator, n int) {
	tb.Helper()
	for i := range n {
		b := pairBatch(alloc, []pair{{int64(i), int64(i)}}, nil)
		stepOf(tb, v, int(v.State().Commit)+1, b)
		b.Release()
	}
}

// rowsOf reads a feed of content to its end.
func rowsOf(f *Feed, err error) (rows []pair, _ error) {
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for {
		data, err := f.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		for _, b := range data.Rows {
			rows = append(rows, pairsOf(b.RecordBatch)...)
		}
		data.Release()
	}
}

// TestDamage changes and removes every value of a view, one at a time: opening or
// reading it fails with ErrDamaged, or it is what it was.
func TestDamage(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	store := state.NewMemory()
	v := open(t, small(alloc, store))
	fill(t, v, alloc, 30)
	b := pairBatch(alloc, []pair{{3, 3}, {3, 9}, {20, 20}}, []stream.Op{stream.Delete, stream.Insert, stream.Delete})
	stepOf(t, v, 31, b)
	b.Release()
	flushTo(t, v, store)
	want, err := rowsOf(v.Feed([]int{0, 1}, false, alloc))
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	values := map[string][]byte{}
	if err := store.Scan(nil, func(k, v []byte) error { values[string(k)] = bytes.Clone(v); return nil }); err != nil {
		t.Fatal(err)
	}
	damaged, kinds := 0, map[byte]bool{}
	try := func(key string, value []byte) {
		var change, back state.Batch
		if value == nil {
			change.Delete([]byte(key))
		} else {
			change.Put([]byte(key), value)
		}
		back.Put([]byte(key), values[key])
		if err := store.Write(t.Context(), &change); err != nil {
			t.Fatal(err)
		}
		var got []pair
		v, err := Open(small(alloc, store))
		if err == nil {
			got, err = rowsOf(v.Feed([]int{0, 1}, false, alloc))
			v.Close()
		}
		switch {
		case errors.Is(err, ErrDamaged):
			damaged++
			kinds[key[5]] = true
		case err != nil:
			t.Fatalf("key %q: %v", key, err)
		case value == nil && key[5] == metaKind:
			if len(got) > 0 {
				t.Fatalf("a view without its moment has %d rows", len(got))
			}
		case value == nil && len(got) != len(want):
			t.Fatalf("without key %q the view has %d rows, not %d", key, len(got), len(want))
		}
		if err := store.Write(t.Context(), &back); err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range values {
		try(key, nil)
		try(key, value[:len(value)/2])
		try(key, append(bytes.Clone(value), 0))
	}
	for _, k := range []byte{metaKind, headerKind, rowsKind, slotsKind} {
		if !kinds[k] {
			t.Errorf("no damage of a value of kind %c was seen", k)
		}
	}
	if damaged < 2*len(values) {
		t.Errorf("of %d damages %d were seen", 3*len(values), damaged)
	}
}

// TestOtherSchema: a view is not opened as something that it was not.
func TestOtherSchema(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	store := state.NewMemory()
	cfg := small(alloc, store)
	v := open(t, cfg)
	fill(t, v, alloc, 3)
	flushTo(t, v, store)
	v.Close()
	cfg.Key = nil
	if _, err := Open(cfg); !errors.Is(err, ErrDamaged) || !errors.Is(err, errSchema) {
		t.Errorf("a view opened with another key gives %v", err)
	}
}

// TestContentStays: a reader gets the content as it was when it came, though all
// of it is replaced, flushed, compacted and deleted before it reads.
func TestContentStays(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	store := state.NewMemory()
	cfg := small(alloc, store)
	cfg.LogBytes = 1
	v := open(t, cfg)
	fill(t, v, alloc, 40)
	flushTo(t, v, store)
	f, err := v.Feed([]int{0, 1}, false, alloc)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		b := pairBatch(alloc, []pair{{int64(i), int64(i)}, {int64(i), -1}}, []stream.Op{stream.Delete, stream.Insert})
		stepOf(t, v, 41+i, b)
		b.Release()
		flushTo(t, v, store)
	}
	pages := func() (n int) {
		_ = store.Scan(kindPrefix(3, rowsKind), func([]byte, []byte) error { n++; return nil })
		return n
	}
	during := pages()
	got, err := rowsOf(f, nil)
	if err != nil || len(got) != 40 {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	for i, p := range got {
		if p.v != int64(i) {
			t.Fatalf("row %d is %v", i, p)
		}
	}
	flushTo(t, v, store)
	if after := pages(); after >= during {
		t.Errorf("%d pages while the reader needs them, %d afterwards", during, after)
	}
	v.Close()
}

// TestHolds: a hold keeps changes that would be forgotten, also over a restart,
// until it keeps back too many; the one who is further on keeps its own.
func TestHolds(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	store := state.NewMemory()
	cfg := small(alloc, store)
	cfg.LogBytes, cfg.HoldBytes = 1, 1000
	v := open(t, cfg)
	fill(t, v, alloc, 2)
	v.Hold("dead")
	flushTo(t, v, store)
	v.Close()
	v = open(t, cfg)
	defer func() { v.Close() }()
	fill(t, v, alloc, 30)
	if _, err := v.FeedAfter(1, []int{0}, alloc); !errors.Is(err, ErrForgotten) {
		// The page that holds the commit 2 ends with it.
		t.Logf("behind commit 1: %v", err)
	}
	f, err := v.FeedAfter(2, []int{0, 1}, alloc)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		data, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if data.Commit != stream.Commit(3+i) {
			t.Fatalf("step %d has commit %d", i, data.Commit)
		}
		data.Release()
	}
	f.Close()
	alive := v.Hold("alive")
	alive.Advance(v.State().Commit)
	dead := v.Hold("dead")
	if err := dead.Err(); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		fill(t, v, alloc, 10)
		alive.Advance(v.State().Commit - 5)
	}
	if err := dead.Err(); !errors.Is(err, ErrHoldLost) {
		t.Errorf("the hold of a reader that stays behind: %v", err)
	}
	if _, err := v.FeedAfter(2, []int{0}, alloc); !errors.Is(err, ErrForgotten) {
		t.Errorf("its changes: %v", err)
	}
	if err := alive.Err(); err != nil {
		t.Error(err)
	}
	f, err = v.FeedAfter(alive.Commit(), []int{0}, alloc)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	dead.Release()
	if again := v.Hold("dead"); again.Err() != nil || again.Commit() != v.State().Commit {
		t.Errorf("a hold taken again stands at %d: %v", again.Commit(), again.Err())
	}
}

// TestWrongRetraction: a row that the view does not hold and that has not expired
// is an error; nothing of that step is written.
func TestWrongRetraction(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	store := state.NewMemory()
	cfg := small(alloc, store)
	cfg.Schema, cfg.Retention, cfg.TimeColumn = timedSchema(), 10*time.Second, 2
	v := open(t, cfg)
	defer v.Close()
	step := func(n int, w stream.Time, p pair, op stream.Op) error {
		b := timedBatch(alloc, []pair{p}, []stream.Op{op})
		defer b.Release()
		return v.Step(t.Context(), stream.Cut{Step: stream.Step(n), W: w * 1e6}, stream.Commit(n), []stream.Batch{b})
	}
	for i, err := range []error{
		step(1, 5, pair{1, 5}, stream.Insert), step(2, 20, pair{2, 20}, stream.Insert),
		step(3, 20, pair{1, 5}, stream.Delete), // it has expired
	} {
		if err != nil {
			t.Fatalf("step %d: %v", i+1, err)
		}
	}
	if st := v.State(); st.Rows != 1 || st.Expired != 1 || st.Changes != 3 {
		t.Errorf("%+v", st)
	}
	flushTo(t, v, store)
	if err := step(4, 20, pair{7, 20}, stream.Delete); !errors.Is(err, errNotHeld) {
		t.Fatalf("a row that was never there leaves: %v", err)
	}
	flushTo(t, v, store)
	if got := v.ResultsTo(); got != 3 {
		t.Errorf("durable up to %d", got)
	}
}

// BenchmarkStore fills a bag of 3 M rows on a store, flushed every 100 steps, and
// opens and reads it. MB is what the view takes beside a cache of 32 MiB.
func BenchmarkStore(b *testing.B) {
	const rows = 3_000_000
	for b.Loop() {
		store, err := badger.Open(badger.Config{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		before := heapMB()
		cfg := Config{ID: 1, Schema: wideSchema(), Store: store, Cache: NewCache(32 << 20), LogBytes: 8 << 20}
		v := open(b, cfg)
		begin := time.Now()
		for i := 0; i < rows; i += 1000 {
			batch := wideBatch(rangeOf(i, 1000), 0, nil)
			stepOf(b, v, i/1000+1, batch)
			batch.Release()
			if i%100_000 == 99_000 {
				flushTo(b, v, store)
			}
		}
		b.ReportMetric(float64(time.Since(begin).Nanoseconds())/rows, "ns/row")
		b.ReportMetric(heapMB()-before, "MB")
		v.Close()
		begin = time.Now()
		v = open(b, cfg)
		b.ReportMetric(float64(time.Since(begin).Microseconds()), "us/open")
		begin = time.Now()
		f, err := v.Feed([]int{0, 1, 2, 3}, false, nil)
		if err != nil {
			b.Fatal(err)
		}
		n := int64(0)
		for {
			data, err := f.Next(b.Context())
			if err != nil {
				break
			}
			for _, r := range data.Rows {
				n += r.NumRows()
			}
			data.Release()
		}
		if n != rows {
			b.Fatalf("read %d rows", n)
		}
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms/read")
		v.Close()
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
