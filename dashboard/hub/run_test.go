package hub

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
)

// follower keeps a table by the messages of one subscription and goes on behind
// its token.
type follower struct {
	*client
	have   *mirror
	tok    string
	part   []seen
	resets []string
}

func (f *follower) subscribe(t *testing.T, url string, hz int) (resumed bool) {
	t.Helper()
	f.client, f.part = dial(t, url), nil
	m := map[string]any{"t": "sub", "id": "a", "sql": "q", "max_hz": hz}
	if f.tok != "" {
		m["tok"] = f.tok
	}
	f.say(m)
	for {
		got, err := f.read()
		if err != nil {
			t.Fatal(err)
		}
		if got.T == "reset" {
			f.resets = append(f.resets, got.Reason)
			continue
		}
		if got.T != "schema" {
			t.Fatalf("got %+v", got)
		}
		return got.Resumed
	}
}

// next applies one message; false: the query is done.
func (f *follower) next(t *testing.T) bool {
	t.Helper()
	m, err := f.read()
	switch {
	case err != nil:
		t.Fatal(err)
	case m.T == "done":
		return false
	case m.T == "reset":
		f.resets = append(f.resets, m.Reason)
		f.part = nil
	case m.T == "mark":
		f.tok = m.Tok
	default:
		if f.part = append(f.part, m); m.More {
			return true
		}
		for _, p := range f.part {
			f.have.apply(t, p)
		}
		f.part, f.tok = nil, m.Tok
	}
	return true
}

// TestSharedRun: followers of one plan, at any rates, who come and go, share one
// run, and each has the source's relation in the end.
func TestSharedRun(t *testing.T) {
	for seed := range uint64(6) {
		key := [][]int{{0, 1}, nil}[seed%2]
		t.Run(fmt.Sprintf("seed=%d,key=%v", seed, key), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 2))
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			sub := newFakeSub(key, false)
			sub.id = "same"
			h, url := serve(t, map[string]*fakeSub{"q": sub}, func(l *limits) { l.frameRows = 1 + rnd.IntN(9) })
			model := newMirror(key)
			lost := make(chan struct{})
			go func() {
				defer close(sub.updates)
				sub.send(Update{Kind: Snap, Commit: 1})
				for i, more := 0, true; more; i++ {
					select {
					case <-lost:
						more = false
					default:
					}
					rows, ops := randomChange(rnd, model)
					sub.send(Update{Kind: Delta, Batches: []stream.Batch{batchOf(mem, rows, ops)}, W: 7, Commit: stream.Commit(i + 2)})
					time.Sleep(time.Millisecond)
				}
			}()
			var all []*follower
			mine := rand.New(rand.NewPCG(seed, 3))
			for range 5 {
				f := &follower{have: newMirror(key)}
				all = append(all, f)
				f.subscribe(t, url, rates[mine.IntN(len(rates))])
			}
			if n := h.Stats().Runs; n != 1 {
				t.Errorf("%d runs", n)
			}
			for i := range 30 { // lose connections
				f := all[mine.IntN(len(all))]
				for range mine.IntN(4) {
					if !f.next(t) {
						t.Fatalf("done after %d", i)
					}
				}
				f.ws.UnderlyingConn().Close()
				had := f.tok != ""
				if resumed := f.subscribe(t, url, 60); resumed != had {
					t.Errorf("resumed is %v, with a token %v; %v", resumed, had, f.resets)
				}
			}
			close(lost)
			for i, f := range all {
				for f.next(t) {
				}
				if !maps.Equal(f.have.rows, model.rows) || !maps.Equal(f.have.bag, model.bag) {
					t.Errorf("follower %d has %d/%d rows, source %d/%d", i, len(f.have.rows), len(f.have.bag), len(model.rows), len(model.bag))
				}
			}
			mem.AssertSize(t, 0)
		})
	}
}

func (s *fakeSub) isClosed() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// TestEncodedOnce: a frame is encoded once, however many get it.
func TestEncodedOnce(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	sub := newFakeSub([]int{0, 1}, false)
	sub.id = "same"
	h, url := serve(t, map[string]*fakeSub{"q": sub}, nil)
	sub.send(Update{Kind: Snap, Commit: 1})
	var all []*follower
	for range 20 {
		f := &follower{have: newMirror([]int{0, 1})}
		f.subscribe(t, url, 0)
		f.next(t)
		all = append(all, f)
	}
	before := h.Stats().Encoded
	for i := range 10 {
		sub.send(Update{Kind: Delta, Batches: []stream.Batch{batchOf(mem, []row{{int64(i), "k", 1}}, nil)}, Commit: stream.Commit(i + 2)})
		for _, f := range all {
			f.next(t)
		}
	}
	if n := h.Stats().Encoded - before; n != 10 {
		t.Errorf("%d messages were encoded for 10 steps", n)
	}
	mem.AssertSize(t, 0)
}

// TestResync: a client that was slow gets what it missed, or the content; a
// token that is of no use is answered by a reset that says why.
func TestResync(t *testing.T) {
	for name, ringBytes := range map[string]int{"ring": 64 << 20, "content": 1} {
		t.Run(name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			sub := newFakeSub([]int{0, 1}, false)
			sub.id = "same"
			h, url := serve(t, map[string]*fakeSub{"q": sub}, func(l *limits) {
				l.outBytes, l.ringBytes, l.patience, l.writeTimeout = 1<<10, ringBytes, time.Minute, time.Minute
			})
			f := &follower{have: newMirror([]int{0, 1})}
			f.tok = "nonsense"
			sub.send(Update{Kind: Snap, Commit: 1})
			f.subscribe(t, url, 0)
			f.next(t)
			wide, last := strings.Repeat("x", 1<<20), 0
			for i := range 40 { // more than sockets hold
				sub.send(Update{Kind: Delta, Batches: []stream.Batch{batchOf(mem, []row{{0, fmt.Sprint(i%3, wide), int64(i)}}, nil)}, Commit: stream.Commit(i + 2)})
				last = i
			}
			waitFor(t, func() bool { return len(sub.updates) == 0 })
			for f.have.rows[fmt.Sprint(int64(0), fmt.Sprint(last%3, wide))].n != int64(last) {
				f.next(t)
			}
			want := []string{"token"}
			if name == "content" {
				want = append(want, "slow")
			}
			if got := strings.Join(f.resets, " "); !strings.HasPrefix(got, strings.Join(want, " ")) || len(f.have.rows) != 3 {
				t.Errorf("resets %s, want %v; %d rows", got, want, len(f.have.rows))
			}
			if s := h.Stats(); s.Slow != 0 {
				t.Errorf("%d closed", s.Slow)
			}
			mem.AssertSize(t, 0)
		})
	}
}

// TestLingering: a run outlives its members for a while, and ends then.
func TestLingering(t *testing.T) {
	for name, grace := range map[string]time.Duration{"while": time.Hour, "then": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			sub := newFakeSub([]int{0, 1}, false)
			sub.id = "same"
			h, url := serve(t, map[string]*fakeSub{"q": sub}, func(l *limits) { l.grace = grace })
			sub.send(Update{Kind: Snap, Commit: 1})
			f := &follower{have: newMirror([]int{0, 1})}
			f.subscribe(t, url, 0)
			f.next(t)
			f.ws.Close()
			if name == "while" {
				waitFor(t, func() bool { return h.Stats().Open == 0 })
				if f.subscribe(t, url, 0); h.Stats().Resumed != 1 {
					t.Error("not resumed")
				}
				return
			}
			waitFor(t, func() bool { return h.Stats().Runs == 0 && sub.isClosed() })
			if n := h.lingering.Load(); n != 0 {
				t.Errorf("%d runs linger", n)
			}
		})
	}
}
