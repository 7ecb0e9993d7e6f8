package wal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/operators/stream"
)

// fakeClock is a wall clock and the monotonic one that belongs to it.
type fakeClock struct{ now chan time.Duration }

func newFakeClock() *fakeClock {
	c := &fakeClock{make(chan time.Duration, 1)}
	c.now <- 0
	return c
}

func (c *fakeClock) mono() time.Duration {
	d := <-c.now
	c.now <- d
	return d
}

func (c *fakeClock) wall() time.Time { return time.Unix(1_700_000_000, 0).Add(c.mono()) }

func (c *fakeClock) advance(d time.Duration) { c.now <- <-c.now + d }

// kept is a record of the retention model.
type kept struct {
	id      uint32
	shard   stream.Shard
	seq     stream.Seq
	commit  stream.Commit
	arrival stream.Time
	text    string
}

// openReader is a reader that the steps of a test go on with now and then.
type openReader struct {
	*Reader
	at stream.Commit // that it gave out last
}

// lazyFS does not wait for the disk: what a power cut leaves is tested elsewhere.
type lazyFS struct{ osFS }

func (lazyFS) SyncDir(string) error { return nil }

func (fs lazyFS) OpenFile(name string, flag int) (File, error) {
	f, err := fs.osFS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return lazyFile{f}, nil
}

type lazyFile struct{ File }

func (lazyFile) Datasync() error { return nil }

// retained is a slow model of a log with retention: it forgets nothing and says
// what must be there.
type retained struct {
	t     *rapid.T
	cfg   Config
	clock *fakeClock
	l     *Log

	records  []kept
	next     map[shardKey]stream.Seq
	keys     map[string]Ack
	marks    map[uint32]Mark
	made     map[uint32]bool // the producers that exist
	controls []stream.Commit
	ends     map[uint32]stream.Commit
	limits   map[uint32]time.Duration // of the streams that exist
	holds    map[string]stream.Commit
	readers  []*openReader
	released stream.Commit
	told     bool // SetRetention was called since Open
	keep     bool // and the last time with Keep
}

func (m *retained) open() {
	l, err := Open(m.cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	m.l, m.told, m.keep, m.released = l, false, false, 0
	for name, after := range m.holds {
		if err := l.Hold(name, after); err != nil {
			m.behind(err, after)
			delete(m.holds, name)
		}
	}
}

// behind wants an error that says that what follows after is gone, which is
// allowed only where pins are broken.
func (m *retained) behind(err error, after stream.Commit) {
	var b *BehindRetentionError
	switch {
	case !errors.As(err, &b):
		m.t.Fatalf("after %d: %v", after, err)
	case b.From != after+1 || b.To < b.From || b.To != m.l.First()-1:
		m.t.Fatalf("after %d, first %d: %v", after, m.l.First(), b)
	case m.cfg.HoldBytesMax >= 0:
		m.t.Fatalf("nothing is broken here, but %v", err)
	}
}

func (m *retained) close() {
	for _, r := range m.readers {
		r.Close()
	}
	m.readers = nil
	if err := m.l.Close(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *retained) tell(keep bool) {
	if rapid.IntRange(0, 9).Draw(m.t, "dropped") == 0 {
		delete(m.made, 2)
	}
	m.l.SetRetention(Retention{Streams: maps.Clone(m.limits), Last: 4, Keep: keep, Producers: maps.Clone(m.made)})
	maps.DeleteFunc(m.marks, func(id uint32, _ Mark) bool { return !m.made[id] })
	m.told, m.keep = true, keep
}

func (m *retained) append() {
	req := Request{}
	for range rapid.IntRange(1, 3).Draw(m.t, "blocks") {
		k := shardKey{rapid.Uint32Range(1, 4).Draw(m.t, "stream"), stream.Shard(rapid.IntRange(0, 1).Draw(m.t, "shard"))}
		if _, exists := m.limits[k.stream]; !exists {
			continue
		}
		text := fmt.Sprintf("%d %*d", len(m.records), rapid.IntRange(1, 300).Draw(m.t, "size"), 0)
		req.Blocks = append(req.Blocks, Block{Stream: k.stream, Shard: k.shard, Count: 1, Data: []byte(text), Encoding: Raw})
		m.records = append(m.records, kept{id: k.stream, shard: k.shard, seq: m.next[k], text: text})
		m.next[k]++
	}
	if len(req.Blocks) == 0 {
		return
	}
	req.Key = fmt.Sprint("key ", len(m.records))
	if p := rapid.Uint32Range(0, 3).Draw(m.t, "producer"); m.made[p] {
		req.Producer, req.Mark = p, Mark{Source: stream.Commit(len(m.records)), Rows: uint64(p), Written: 7, Refused: uint64(len(m.keys))}
		m.marks[p] = req.Mark
	}
	ack, err := m.l.Append(context.Background(), req)
	if err != nil {
		m.t.Fatal(err)
	}
	m.keys[req.Key] = ack
	for i := len(m.records) - len(req.Blocks); i < len(m.records); i++ {
		m.records[i].commit, m.records[i].arrival = ack.Commit, ack.Arrival
	}
}

func (m *retained) control() {
	c := Control{Kind: DDL, Payload: []byte("x")}
	if rapid.IntRange(0, 2).Draw(m.t, "kind") == 0 {
		c = Control{Kind: End, Stream: rapid.Uint32Range(1, 4).Draw(m.t, "stream")}
	}
	commit, err := m.l.Control(context.Background(), c)
	if err != nil {
		m.t.Fatal(err)
	}
	m.controls = append(m.controls, commit)
	if c.Kind == End && m.ends[c.Stream] == 0 {
		m.ends[c.Stream] = commit
	}
}

func (m *retained) work() {
	if err := m.l.rollByTime(context.Background()); err != nil {
		m.t.Fatal(err)
	}
	before := m.l.First()
	if err := m.l.drop(context.Background()); err != nil {
		m.t.Fatal(err)
	}
	if (!m.told || m.keep) && m.l.First() != before {
		m.t.Fatal("segments were removed before anybody said what to keep")
	}
	// What is gone was too old when it went. Looking back later would not tell:
	// after a restart, nobody has said yet what is old.
	for _, k := range m.records {
		limit, exists := m.limits[k.id]
		if k.commit < before || k.commit >= m.l.First() || !exists {
			continue
		}
		if limit == 0 || k.arrival >= stream.FromGo(m.clock.wall().Add(-limit)) {
			m.t.Fatalf("%+v was removed and is not older than %v", k, limit)
		}
	}
}

// check compares everything that can be asked with the model.
func (m *retained) check() {
	for id, limit := range m.limits {
		h := m.l.Horizon(id)
		cutoff := stream.MinTime
		if limit > 0 && m.told {
			cutoff = stream.FromGo(m.clock.wall().Add(-limit))
		}
		if h.Arrival != cutoff {
			m.t.Fatalf("stream %d: cutoff %d, want %d", id, h.Arrival, cutoff)
		}
		want := slices.DeleteFunc(slices.Clone(m.records), func(k kept) bool {
			return k.id != id || k.arrival < cutoff || k.commit < m.l.First()
		})
		m.readAll(id, h.After, want)
		m.aboutStream(id, h, want)
	}
	for k, n := range m.next {
		if got := m.l.NextSeq(k.stream, k.shard); got != n {
			m.t.Fatalf("%v: next sequence %d, want %d", k, got, n)
		}
	}
	for id := range m.made {
		got, ok := m.l.Mark(id)
		if want, there := m.marks[id]; got != want || ok != there {
			m.t.Fatalf("producer %d has come to %+v (%v), want %+v", id, got, ok, want)
		}
	}
	var controls []stream.Commit
	removed := m.l.RemovedControls()
	_ = m.l.EachControl(context.Background(), func(f *Frame) error { controls = append(controls, f.Commit); return nil })
	want := slices.DeleteFunc(slices.Clone(m.controls), func(c stream.Commit) bool { return c < m.l.First() })
	if !slices.Equal(controls, want) {
		m.t.Fatalf("controls %v, want %v", controls, want)
	}
	if gone := len(m.controls) - len(want); gone > 0 && removed != m.controls[gone-1] || gone == 0 && removed != 0 {
		m.t.Fatalf("removed controls up to %d of %v", removed, m.controls)
	}
	for name, after := range m.holds {
		if after+1 < m.l.First() && m.cfg.HoldBytesMax >= 0 {
			m.t.Fatalf("hold %s after %d, the log begins at %d", name, after, m.l.First())
		}
	}
}

func (m *retained) aboutStream(id uint32, h Horizon, want []kept) {
	had := slices.ContainsFunc(m.records, func(k kept) bool { return k.id == id && k.commit <= h.After })
	if got := m.l.HadRecords(id, h.After); got != had {
		m.t.Fatalf("stream %d had records up to %d: %v, want %v", id, h.After, got, had)
	}
	seqs, err := m.l.FirstSeqs(id, 2, h.After)
	if err != nil {
		m.t.Fatal(err)
	}
	for shard, seq := range seqs {
		first := m.next[shardKey{id, stream.Shard(shard)}]
		if i := slices.IndexFunc(want, func(k kept) bool { return int(k.shard) == shard }); i >= 0 {
			first = want[i].seq
		}
		if seq != first {
			m.t.Fatalf("stream %d shard %d begins at %d, want %d", id, shard, seq, first)
		}
	}
	end, err := m.l.EndOf(context.Background(), id)
	if err != nil || end != m.ends[id] {
		m.t.Fatalf("stream %d ended at %d (%v), want %d", id, end, err, m.ends[id])
	}
	r := m.l.Retained(id)
	if (r.Bytes > 0) != (len(want) > 0) || len(want) > 0 && r.Oldest > want[0].arrival {
		m.t.Fatalf("stream %d: %+v for %d records", id, r, len(want))
	}
}

func (m *retained) readAll(id uint32, after stream.Commit, want []kept) {
	r, err := m.l.NewReader(after)
	if err != nil {
		m.t.Fatal(err)
	}
	defer r.Close()
	head, _ := m.l.Head()
	var got []kept
	for at := after; at < head; {
		f, err := r.Next(context.Background())
		if err != nil {
			m.t.Fatal(err)
		}
		if f.StepDone {
			continue
		}
		if at++; f.Commit != at {
			m.t.Fatalf("commit %d where %d is next", f.Commit, at)
		}
		for i := range f.Blocks {
			b := &f.Blocks[i]
			data, err := f.Data(i)
			if err != nil {
				m.t.Fatal(err)
			}
			if b.Stream == id {
				got = append(got, kept{id, b.Shard, b.First, f.Commit, f.Arrival, string(data)})
			}
		}
	}
	byPlace := func(a, b kept) int {
		return cmpAll(int(a.commit)-int(b.commit), int(a.shard)-int(b.shard), int(a.seq)-int(b.seq))
	}
	slices.SortFunc(want, byPlace)
	if !slices.Equal(got, want) {
		m.t.Fatalf("stream %d after %d:\n%s", id, after, cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)))
	}
}

func cmpAll(by ...int) int {
	for _, n := range by {
		if n != 0 {
			return n
		}
	}
	return 0
}

// readOn lets the readers that are open go on a little.
func (m *retained) readOn() {
	head, _ := m.l.Head()
	for i := 0; i < len(m.readers); i++ {
		r := m.readers[i]
		for range rapid.IntRange(0, 5).Draw(m.t, "frames") {
			at := r.at
			if at >= head {
				break
			}
			f, err := r.Next(context.Background())
			if err != nil {
				m.behind(err, at)
				r.Close()
				m.readers = slices.Delete(m.readers, i, i+1)
				i--
				break
			}
			if f.StepDone {
				continue
			}
			if r.at = f.Commit; f.Commit != at+1 {
				m.t.Fatalf("an open reader got commit %d after %d", f.Commit, at)
			}
		}
	}
}

func (m *retained) hold() {
	name := rapid.SampledFrom([]string{"a", "b"}).Draw(m.t, "name")
	if rapid.Bool().Draw(m.t, "release") {
		m.l.Release(name)
		delete(m.holds, name)
		return
	}
	head, _ := m.l.Head()
	after := stream.Commit(rapid.Uint64Range(uint64(m.l.First()-1), uint64(head)).Draw(m.t, "after"))
	if err := m.l.Hold(name, after); err != nil {
		m.t.Fatal(err)
	}
	m.holds[name] = after
}

func (m *retained) repeat() {
	keys := slices.Sorted(maps.Keys(m.keys))
	if len(keys) == 0 {
		return
	}
	key := rapid.SampledFrom(keys).Draw(m.t, "key")
	ack, err := m.l.Append(context.Background(), Request{Key: key, Blocks: []Block{{Stream: 1, Count: 1, Data: []byte("again")}}})
	want := m.keys[key]
	want.Repeated, want.First = true, nil
	if err != nil || !reflect.DeepEqual(ack, want) {
		m.t.Fatalf("%s again: %+v %v, want %+v", key, ack, err, want)
	}
}

// The log with retention against a model that forgets nothing: whatever is
// appended, held, read, removed and restarted, each stream shows exactly what
// its retention leaves, its sequences go on, and keys and ends are remembered.
func TestRetentionModel(t *testing.T) {
	base := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		clock := newFakeClock()
		m := &retained{
			t: t, clock: clock, next: map[shardKey]stream.Seq{}, keys: map[string]Ack{}, ends: map[uint32]stream.Commit{},
			limits: map[uint32]time.Duration{1: 10 * time.Second, 2: 50 * time.Second, 3: 0, 4: 10 * time.Second},
			holds:  map[string]stream.Commit{},
			marks:  map[uint32]Mark{}, made: map[uint32]bool{1: true, 2: true},
			cfg: Config{
				Dir: filepath.Join(base, fmt.Sprint(run)), SegmentBytes: 1500, Clock: clock.wall, Monotonic: clock.mono,
				FS: lazyFS{}, HoldBytesMax: rapid.SampledFrom([]int64{-1, 1 << 30}).Draw(t, "limit"), DiskReserve: -1,
			},
		}
		if rapid.Bool().Draw(t, "all expire") {
			m.limits[3] = 30 * time.Second
		}
		m.open()
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			m.step()
		}
		m.check()
		m.finish()
		m.close()
	})
}

func (m *retained) step() {
	switch rapid.IntRange(0, 15).Draw(m.t, "what") {
	case 0, 1, 2, 3, 4:
		m.append()
	case 5, 6:
		m.clock.advance(time.Duration(rapid.IntRange(1, 9000).Draw(m.t, "ms")) * time.Millisecond)
	case 7, 8:
		m.work()
	case 9:
		m.control()
	case 10:
		m.tell(rapid.IntRange(0, 4).Draw(m.t, "keep") == 0)
	case 11:
		m.released = m.l.commit
		m.l.ReleaseControls(m.released)
	case 12:
		m.hold()
		at := m.l.First() - 1
		r, err := m.l.NewReader(at)
		if err != nil {
			m.t.Fatal(err)
		}
		m.readers = append(m.readers, &openReader{r, at})
	case 13:
		m.readOn()
	case 14:
		m.close()
		m.open()
	case 15:
		m.repeat()
		m.check()
	}
}

// finish lets everything expire: nothing but the active segment may be left.
func (m *retained) finish() {
	for _, r := range m.readers {
		r.Close()
	}
	m.readers = nil
	for name := range m.holds {
		m.l.Release(name)
	}
	clear(m.limits)
	m.tell(false)
	m.l.ReleaseControls(m.l.commit)
	m.clock.advance(time.Minute)
	m.work()
	if n := m.l.Stats().Segments; n != 1 {
		m.t.Fatalf("%d segments are left of a log whose streams are gone", n)
	}
}
