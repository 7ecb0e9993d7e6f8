package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/operators/stream"
)

// sent is one request of the model. Each of its records is unique in the log.
type sent struct {
	req   Request
	acked bool
	ack   Ack
}

// model knows what must be in the log.
type model struct {
	requests []*sent
	lines    []string // what a reader saw; it never changes afterwards
}

// mark makes a request one of a producer, which goes on behind what it has written.
func (m *model) mark(s *sent, id int, producer uint32) {
	s.req.Producer, s.req.Key = producer, ""
	if id%5 == 0 {
		s.req.Blocks = nil // the mark alone
	}
	s.req.Mark = Mark{Source: stream.Commit(id + 1), Rows: uint64(id % 3), Written: uint64(id), Refused: uint64(2 * id)}
}

// marks checks that a producer's mark is that of its newest request in the log.
func (m *model) marks(t *rapid.T, l *Log, where map[string]stream.Commit) {
	want := map[uint32][]Mark{} // any of these
	for _, s := range m.requests {
		if s.req.Producer == 0 {
			continue
		}
		if len(s.req.Blocks) == 0 { // nobody but its answer tells whether it is there
			if s.acked {
				want[s.req.Producer] = nil
			} else if len(want[s.req.Producer]) == 0 {
				want[s.req.Producer] = []Mark{{}}
			}
			want[s.req.Producer] = append(want[s.req.Producer], s.req.Mark)
			continue
		}
		b := s.req.Blocks[0]
		first, _, _ := bytes.Cut(b.Data, []byte("\n"))
		if _, there := where[fmt.Sprintf("%d/%d %s", b.Stream, b.Shard, first)]; there {
			want[s.req.Producer] = []Mark{s.req.Mark}
		}
	}
	for p := uint32(1); p <= 3; p++ {
		got, ok := l.Mark(p)
		if len(want[p]) == 0 {
			want[p] = []Mark{{}}
		}
		if !slices.Contains(want[p], got) || ok != (got != Mark{}) {
			t.Fatalf("producer %d has come to %+v (%v), want one of %+v", p, got, ok, want[p])
		}
		if ok {
			again := Request{Producer: p, Mark: got, Blocks: []Block{{Stream: 1, Count: 1, Data: []byte("again")}}}
			if _, err := l.Append(context.Background(), again); !errors.Is(err, ErrStale) && l.Err() == nil {
				t.Fatalf("producer %d appends the same twice: %v", p, err)
			}
		}
	}
}

// request makes a request whose records say which it is.
func (m *model) request(r *rand.Rand) *sent {
	id := len(m.requests)
	s := &sent{}
	for b := range 1 + r.IntN(3) {
		var buf bytes.Buffer
		count := 1 + r.IntN(4)
		for i := range count {
			pad := r.IntN(20)
			if r.IntN(10) == 0 {
				pad = r.IntN(9000)
			}
			fmt.Fprintf(&buf, "{\"id\":\"%d.%d.%d\",\"pad\":\"%0*d\"}\n", id, b, i, pad, r.IntN(1e9))
		}
		data := buf.Bytes()
		if r.IntN(2) == 0 {
			data = data[:len(data)-1]
		}
		s.req.Blocks = append(s.req.Blocks, Block{Stream: uint32(1 + r.IntN(2)), Shard: stream.Shard(r.IntN(3)), Count: count, Data: data})
	}
	if r.IntN(2) == 0 {
		s.req.Key = fmt.Sprintf("key %d", id)
		s.req.KeyHash[0], s.req.KeyInfo = byte(id), uint64(id)
	}
	m.requests = append(m.requests, s)
	return s
}

// check replays the log and compares it with everything that is known.
func (m *model) check(t *rapid.T, l *Log) {
	r, err := l.NewReader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	head, _ := l.Head()
	next := map[shardKey]stream.Seq{}
	where := map[string]stream.Commit{}
	var lines []string
	for {
		f, err := r.Next(ctx)
		if err != nil {
			t.Fatalf("replay: %v", err)
		}
		lines = append(lines, m.frame(t, f, next, where))
		if f.StepDone && f.Commit >= head {
			break
		}
	}
	for k, n := range next {
		if got := l.NextSeq(k.stream, k.shard); got != n {
			t.Fatalf("next sequence of %v is %d, want %d", k, got, n)
		}
	}
	if len(m.lines) > len(lines) {
		t.Fatalf("a reader saw %d lines, now there are %d", len(m.lines), len(lines))
	}
	if !slices.Equal(m.lines, lines[:len(m.lines)]) {
		t.Fatalf("replay differs from what a reader saw:\n%s", cmp.Diff(m.lines, lines[:len(m.lines)]))
	}
	m.lines = lines
	for id, s := range m.requests {
		if len(s.req.Blocks) > 0 {
			m.whole(t, id, s, where)
		}
	}
	m.marks(t, l, where)
}

// frame checks a frame by itself and notes where its records are.
func (m *model) frame(t *rapid.T, f *Frame, next map[shardKey]stream.Seq, where map[string]stream.Commit) string {
	s := fmt.Sprintf("c%d s%d %d %v", f.Commit, f.Step, f.Arrival, f.StepDone)
	for i, b := range f.Blocks {
		data, err := f.Data(i)
		if err != nil {
			t.Fatal(err)
		}
		k := shardKey{b.Stream, b.Shard}
		if b.First != next[k] {
			t.Fatalf("%v: sequence %d, want %d", k, b.First, next[k])
		}
		next[k] += stream.Seq(b.Count)
		records := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
		if len(records) != b.Count {
			t.Fatalf("%d records of %d", len(records), b.Count)
		}
		for _, rec := range records {
			name := fmt.Sprintf("%d/%d %s", b.Stream, b.Shard, rec)
			if c, twice := where[name]; twice {
				t.Fatalf("%s is in commits %d and %d", name, c, f.Commit)
			}
			where[name] = f.Commit
		}
		s += fmt.Sprintf(" %d/%d %d+%d %q", b.Stream, b.Shard, b.First, b.Count, data)
	}
	return s
}

// whole checks that a request is in one commit or, if nobody was told so, nowhere.
func (m *model) whole(t *rapid.T, id int, s *sent, where map[string]stream.Commit) {
	commits := map[stream.Commit]bool{}
	for _, b := range s.req.Blocks {
		for rec := range bytes.SplitSeq(bytes.TrimSuffix(b.Data, []byte("\n")), []byte("\n")) {
			commits[where[fmt.Sprintf("%d/%d %s", b.Stream, b.Shard, rec)]] = true
		}
	}
	if len(commits) != 1 {
		t.Fatalf("request %d is in pieces: %v", id, commits)
	}
	if s.acked && !commits[s.ack.Commit] {
		t.Fatalf("request %d was acknowledged in commit %d and is in %v", id, s.ack.Commit, commits)
	}
}

// burst sends requests from several goroutines and notes the answers.
func (m *model) burst(t *rapid.T, l *Log, r *rand.Rand) {
	var batch []*sent
	for _, s := range m.requests {
		if s.req.Key != "" && r.IntN(4) == 0 {
			batch = append(batch, s, s) // again, and twice at once
		}
	}
	for range 1 + r.IntN(12) {
		s := m.request(r)
		batch = append(batch, s)
		if s.req.Key != "" && r.IntN(3) == 0 {
			batch = append(batch, s)
		}
	}
	var wg sync.WaitGroup
	for p := uint32(1); p <= 3; p++ { // each sends one request behind the other
		var own []*sent
		for range r.IntN(4) {
			s := m.request(r)
			m.mark(s, len(m.requests)-1, p)
			own = append(own, s)
		}
		wg.Go(func() {
			for _, s := range own {
				ack, err := l.Append(context.Background(), s.req)
				if err != nil {
					return // the log failed, which the others see
				}
				s.acked, s.ack = true, ack
			}
		})
	}
	acks, errs := make([]Ack, len(batch)), make([]error, len(batch))
	for i, s := range batch {
		wg.Go(func() { acks[i], errs[i] = l.Append(context.Background(), s.req) })
	}
	if r.IntN(3) == 0 {
		_, _ = l.Control(context.Background(), Control{Kind: Tick})
	}
	wg.Wait()
	for i, s := range batch {
		if errs[i] != nil {
			if l.Err() == nil {
				t.Fatalf("append: %v", errs[i])
			}
			continue
		}
		if a := acks[i]; s.acked && (a.Commit != s.ack.Commit || a.Arrival != s.ack.Arrival) || a.KeyInfo != s.req.KeyInfo {
			t.Fatalf("acknowledged as %+v, then as %+v", s.ack, a)
		}
		s.acked, s.ack = true, acks[i]
	}
}

// The log against a slow model: random requests from several goroutines, the
// disk dying in any operation, a power cut that keeps what it likes of what was
// not synced, and a reader at the head all the while.
func TestModel(t *testing.T) {
	base, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		m := &model{}
		cfg := Config{Dir: fmt.Sprintf("%s/%d", base, n), SegmentBytes: int64(rapid.SampledFrom([]int{2_000, 20_000, 1 << 20}).Draw(t, "segment bytes"))}
		for range rapid.IntRange(1, 4).Draw(t, "lives") {
			life(t, m, cfg, r)
		}
		l, err := Open(cfg)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		m.check(t, l)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// life opens the log, uses it until its disk dies or it is closed, and cuts the power.
func life(t *rapid.T, m *model, cfg Config, r *rand.Rand) {
	left := -1
	if r.IntN(4) > 0 {
		left = r.IntN(120)
	}
	fs := newCrashFS(left)
	cfg.FS = fs
	l, err := Open(cfg)
	switch {
	case err != nil && !errors.Is(err, errDead):
		t.Fatalf("open: %v", err)
	case err == nil:
		if left < 0 {
			m.check(t, l)
		}
		stop := m.follow(t, l)
		for range 1 + r.IntN(6) {
			m.burst(t, l, r)
			if r.IntN(4) == 0 {
				time.Sleep(time.Duration(r.IntN(7)) * time.Millisecond)
			}
		}
		crash := l.Err() != nil || r.IntN(2) == 0
		if crash {
			fs.mu.Lock()
			fs.dead = true
			fs.mu.Unlock()
		}
		if err := l.Close(); err != nil {
			if !errors.Is(err, errDead) {
				t.Fatalf("close: %v", err)
			}
			crash = true
		}
		m.merge(t, stop())
		if !crash {
			return
		}
	}
	if err := fs.powerCut(r); err != nil {
		t.Fatal(err)
	}
}

// follow reads at the head until the returned function is called, which gives
// what was seen.
func (m *model) follow(t *rapid.T, l *Log) (stop func() []string) {
	r, err := l.NewReader(0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	done := make(chan struct{})
	next, where := map[shardKey]stream.Seq{}, map[string]stream.Commit{}
	go func() {
		defer close(done)
		defer r.Close()
		for {
			f, err := r.Next(context.Background())
			if err != nil {
				return // closed or failed
			}
			lines = append(lines, m.frame(t, f, next, where))
		}
	}()
	return func() []string {
		<-done
		return lines
	}
}

// merge takes over what a live reader saw.
func (m *model) merge(t *rapid.T, lines []string) {
	n := min(len(lines), len(m.lines))
	if !slices.Equal(m.lines[:n], lines[:n]) {
		t.Fatalf("the reader at the head saw something else:\n%s", cmp.Diff(m.lines[:n], lines[:n]))
	}
	if len(lines) > len(m.lines) {
		m.lines = lines
	}
}
