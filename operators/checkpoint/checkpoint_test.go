package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/operators/state"
	"weir/operators/stream"
	"weir/windows"
)

func TestDue(t *testing.T) {
	c, err := New(Config{ResultsEvery: time.Second, StateEvery: 10 * time.Second, StateBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Unix(1000, 0)
	store := state.NewMemory()
	h, _, _ := Find(store, 7)
	c.Begin(7, "p", h, nil, begin)
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	write := func(now time.Time, commit stream.Commit, read int64) {
		var b state.Batch
		if err := c.Add(7, &Snapshot{Point: Point{Commit: commit}}, now, read, &b); err != nil {
			t.Fatal(err)
		}
		c.Results(7, now)
		c.Finish(store.Write(t.Context(), &b))
	}
	expect := func(what string, now time.Time, commit stream.Commit, read int64, results, state bool) {
		t.Helper()
		if r, s := c.Due(7, now, commit, read); r != results || s != state {
			t.Errorf("%s: results due %v, state %v", what, r, s)
		}
	}
	expect("a query without a manifest", at(0), 4, 0, true, true)
	write(at(0), 4, 0)
	expect("nothing yet", at(.5), 5, 0, false, false)
	expect("a second", at(1), 5, 0, true, false)
	c.Results(7, at(1))
	expect("just written", at(1.5), 5, 0, false, false)
	expect("ten seconds", at(10), 5, 0, true, true)
	expect("nothing was read", at(10), 0, 0, true, false)
	expect("64 MB", at(1.5), 5, 64<<20, true, true)
	write(at(2), 5, 64<<20)
	expect("written", at(2.5), 6, 65<<20, false, false)
	expect("64 MB more", at(2.5), 6, 128<<20, true, true)
	expect("a query that nobody began", at(99), 0, 0, true, false)
	if r, s := c.Due(8, at(99), 1, 1<<40); r || s {
		t.Error("a query that nobody began is due")
	}
}

// model is what must be on disk.
type model struct {
	pages   map[string]string // of the operators now
	dirty   map[string]bool   // since the snapshot before
	written []map[string]string
	commits []stream.Commit
}

// failing is a store whose writes can fail behind some of the pages.
type failing struct {
	*state.Memory
	fail bool
}

var errDisk = errors.New("disk full")

func (f *failing) Write(ctx context.Context, b *state.Batch) error {
	if !f.fail {
		return f.Memory.Write(ctx, b)
	}
	half := &state.Batch{Pages: b.Pages[:len(b.Pages)/2]}
	return errors.Join(errDisk, f.Memory.Write(ctx, half))
}

// TestCoordinator: whatever is put, kept, dropped, not written or damaged, what is
// found after a crash is one of the last three snapshots that were written, whole,
// and the newest that is not damaged; and nothing else stays in the store.
func TestCoordinator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		store := &failing{Memory: state.NewMemory()}
		m := &model{pages: map[string]string{}, dirty: map[string]bool{}}
		now := time.Unix(1, 0)
		cfg := Config{ResultsEvery: 1, StateEvery: 1, StateBytes: 1}
		begin := func() *Coordinator {
			c, _ := New(cfg)
			h, _, err := Find(store, 1)
			if err != nil {
				t.Fatal(err)
			}
			var from *Manifest
			loaded := map[string]string{}
			for _, cand := range h.Manifests("plan") {
				s, err := h.Load(cand)
				if err != nil {
					continue
				}
				for _, p := range s.Pages {
					loaded[p.Path] = string(p.Data)
				}
				from = cand
				break
			}
			if n := len(m.written); n == 0 != (from == nil) {
				t.Fatalf("found %v of %d", from, n)
			} else if n > 0 {
				if d := cmp.Diff(m.written[n-1], loaded); d != "" || from.Commit != m.commits[n-1] {
					t.Fatalf("commit %d, want %d: %s", from.Commit, m.commits[n-1], d)
				}
			}
			m.pages, m.dirty = loaded, map[string]bool{}
			c.Begin(1, "plan", h, from, now)
			if err := c.Sweep(store, func(QueryID) bool { return false }); err != nil {
				t.Fatal(err)
			}
			return c
		}
		c := begin()
		commit := stream.Commit(0)
		for range rapid.IntRange(1, 40).Draw(t, "actions") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1, 2, 3:
				name := fmt.Sprint("t/0/", rapid.IntRange(0, 5).Draw(t, "page"))
				m.pages[name] = strings.Repeat(fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "value")), rapid.IntRange(0, 99).Draw(t, "size"))
				m.dirty[name] = true
			case 4:
				name := fmt.Sprint("t/0/", rapid.IntRange(0, 5).Draw(t, "page"))
				delete(m.pages, name)
				delete(m.dirty, name)
			case 5, 6, 7:
				commit++
				s := &Snapshot{Point: Point{Commit: commit}}
				for name, v := range m.pages {
					if m.dirty[name] {
						s.Pages = append(s.Pages, Page{name, []byte(v)})
					} else {
						s.Pages = append(s.Pages, Page{name, nil})
					}
				}
				m.dirty = map[string]bool{}
				var b state.Batch
				c.Clean(&b)
				if err := c.Add(1, s, now, 0, &b); err != nil {
					t.Fatal(err)
				}
				store.fail = rapid.IntRange(0, 3).Draw(t, "fails") == 0
				err := store.Write(ctx, &b)
				c.Finish(err)
				store.fail = false
				if err == nil {
					m.written, m.commits = append(m.written, maps.Clone(m.pages)), append(m.commits, commit)
				}
			case 8:
				c = begin()
			case 9: // the newest manifest is damaged
				h, _, _ := Find(store, 1)
				if found := h.Manifests("plan"); len(found) >= 2 {
					slot := slices.Index(h.slots[:], found[0])
					damaged := found[0].Encode()
					damaged[len(damaged)-1] ^= 1
					var b state.Batch
					b.Put(manifestKey(1, slot), damaged)
					_ = store.Write(ctx, &b)
					n := len(m.written) - 1
					m.written, m.commits = m.written[:n], m.commits[:n]
					c = begin()
				}
			}
		}
		c = begin()
		var b state.Batch
		c.Clean(&b)
		c.Finish(store.Write(ctx, &b))
		named, have := c.queries[1].named(), 0
		_ = store.Scan([]byte{pagePrefix}, func(key, _ []byte) error {
			_, epoch, path, _ := parsePageKey(key)
			if !named[pageID{epoch, path}] {
				t.Errorf("page %s of epoch %d is left", path, epoch)
			}
			have++
			return nil
		})
		if have != len(named) {
			t.Errorf("%d pages of %d", have, len(named))
		}
		b = state.Batch{}
		c.Drop(1, &b)
		c.Clean(&b)
		c.Finish(store.Write(ctx, &b))
		_ = store.Scan(nil, func(key, _ []byte) error {
			t.Errorf("key %q is left of a query that was dropped", key)
			return nil
		})
	})
}

// TestAnotherPlan: a checkpoint of another plan is none.
func TestAnotherPlan(t *testing.T) {
	store, now := state.NewMemory(), time.Unix(1, 0)
	c, _ := New(Config{1, 1, 1})
	h, _, _ := Find(store, 1)
	c.Begin(1, "a", h, nil, now)
	var b state.Batch
	if err := c.Add(1, &Snapshot{Point: Point{Commit: 9}, Pages: []Page{{"p", []byte("x")}}}, now, 0, &b); err != nil {
		t.Fatal(err)
	}
	c.Finish(store.Write(t.Context(), &b))
	h, problems, err := Find(store, 1)
	if err != nil || len(problems) > 0 || len(h.Manifests("a")) != 1 || len(h.Manifests("b")) != 0 {
		t.Fatalf("%v %v %v", h, problems, err)
	}
	if err := c.Add(1, &Snapshot{Pages: []Page{{"q", nil}}}, now, 0, &b); err == nil {
		t.Fatal("a page that was never written can be kept")
	}
}

func manifestGen(t *rapid.T) *Manifest {
	n := func(name string) int64 { return rapid.Int64().Draw(t, name) }
	m := &Manifest{Epoch: math.MaxInt64, Plan: rapid.String().Draw(t, "plan")}
	m.Commit, m.Step, m.Clock = stream.Commit(n("commit")), stream.Step(n("step")), stream.Time(n("clock"))
	m.Partial, m.Done = rapid.Bool().Draw(t, "partial"), rapid.Bool().Draw(t, "done")
	m.Ledger = stream.Ledger{In: n("in"), Used: n("used"), Filtered: n("filtered"), Late: n("late"), Errors: n("errors"), PartlyLate: 3, Nulled: 4}
	m.Tracker = windows.TrackerState{Merged: stream.Time(n("merged")), Clock: 1, Cut: true, Born: 2, MaxEvent: 3, AllIdle: true, Shards: []windows.ShardState{}}
	m.Lanes, m.Pages = []stream.Shard{}, []PageRef{}
	for i := range rapid.IntRange(0, 5).Draw(t, "shards") {
		m.Tracker.Shards = append(m.Tracker.Shards, windows.ShardState{Shard: stream.Shard(i), W: stream.Time(n("w")), Last: 5, Event: 6, Closed: i%2 == 1, Mark: windows.Mark{Commit: 7, Seq: 8, Event: 9, W: 4, Is: i%3 == 1}})
		m.Lanes = append(m.Lanes, stream.Shard(i*7))
		m.Pages = append(m.Pages, PageRef{fmt.Sprint("l", i), stream.Epoch(i), i})
	}
	return m
}

func TestManifest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := manifestGen(t)
		b := m.Encode()
		got, err := DecodeManifest(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, got); d != "" {
			t.Fatal(d)
		}
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := DecodeManifest(b); !errors.Is(err, ErrDamaged) {
			t.Fatalf("a flipped bit gives %v", err)
		}
		if _, err := DecodeManifest(b[:at]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%d bytes give %v", at, err)
		}
	})
}

// FuzzManifest reads any bytes behind a right checksum.
func FuzzManifest(f *testing.F) {
	m := &Manifest{Epoch: 3, Plan: "p", Pages: []PageRef{{"a", 1, 2}}, Point: Point{Input: Input{Lanes: []stream.Shard{1}}, More: []Input{{Lanes: []stream.Shard{0, 2}}}}}
	f.Add(m.Encode()[headerBytes:])
	f.Fuzz(func(t *testing.T, body []byte) {
		b := make([]byte, headerBytes, headerBytes+len(body))
		b[0] = manifestVersion
		for i, c := 0, checksum(body); i < 4; i++ {
			b[1+i] = byte(c >> (8 * i))
		}
		m, err := DecodeManifest(append(b, body...))
		if err != nil {
			return
		}
		again, err := DecodeManifest(m.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Fatal(d)
		}
	})
}

func TestPages(t *testing.T) {
	for _, data := range [][]byte{{}, []byte("x"), bytes.Repeat([]byte("abc"), 10_000)} {
		got, err := decodePage(encodePage(data))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %v", len(data), err)
		}
	}
	for _, bad := range [][]byte{nil, {9, 1, 2}, {codecS2, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}} {
		if _, err := decodePage(bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("%v gives %v", bad, err)
		}
	}
}
