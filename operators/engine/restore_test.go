package engine

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/checkpoint"
	"weir/operators/stream"
)

// saved is what a disk would hold: the last snapshot with all its pages.
type saved struct {
	pages map[string][]byte
	last  *checkpoint.Snapshot
	kept  int
}

// take adds a snapshot. A page that is kept must be there.
func (d *saved) take(t *testing.T, s *checkpoint.Snapshot) {
	t.Helper()
	pages := map[string][]byte{}
	for _, p := range s.Pages {
		if p.Data == nil {
			d.kept++
			old, ok := d.pages[p.Path]
			if !ok {
				t.Fatalf("page %s is kept, but was not written", p.Path)
			}
			p.Data = old
		}
		if _, twice := pages[p.Path]; twice {
			t.Fatalf("page %s is there twice", p.Path)
		}
		pages[p.Path] = slices.Clone(p.Data)
	}
	d.pages = pages
	d.last = &checkpoint.Snapshot{Point: s.Point}
	for path, data := range pages {
		d.last.Pages = append(d.last.Pages, checkpoint.Page{Path: path, Data: slices.Clone(data)})
	}
	slices.SortFunc(d.last.Pages, func(a, b checkpoint.Page) int { return strings.Compare(a.Path, b.Path) })
}

// runRestored runs the log with snapshots at random cuts and crashes at others:
// everything but the last snapshot is thrown away, and what the output has seen
// is not given to it again.
func (c *stepsCase) runRestored(t *testing.T, r *rand.Rand, size func() int, partial bool, alloc memory.Allocator) ([][]string, stream.Ledger, int) {
	t.Helper()
	out, disk := &changeLog{}, &saved{}
	for {
		crash := len(c.log)
		if r.IntN(3) > 0 {
			crash = len(out.steps) + r.IntN(len(c.log)-len(out.steps)+1)
		}
		cfg := Config{Plan: c.plan(), Output: out, Alloc: alloc, Partial: partial, SilentTo: stream.Commit(len(out.steps))}
		for s := range c.shards {
			cfg.Shards = append(cfg.Shards, stream.Shard(s))
		}
		src := &logSource{c: c, r: r, size: size, upTo: crash, alloc: alloc}
		if disk.last != nil {
			cfg.From, cfg.Partial = disk.last, false // the snapshot says it
			src.skip(int(disk.last.Commit))
		}
		cfg.Source = src
		q, err := New(cfg)
		if err != nil {
			t.Fatalf("seed %d: %v", c.seed, err)
		}
		src.between = func(int) {
			if r.IntN(4) > 0 {
				return
			}
			s, err := q.Snapshot(context.Background())
			if err != nil {
				t.Fatalf("seed %d: %v", c.seed, err)
			}
			disk.take(t, s)
		}
		if err := q.Run(context.Background()); err != nil {
			t.Fatalf("seed %d: %v", c.seed, err)
		}
		if crash == len(c.log) {
			return out.steps, q.Ledger(), disk.kept
		}
	}
}

// skip moves the source behind the first n steps.
func (s *logSource) skip(n int) {
	for _, st := range s.c.log[:n] {
		for _, b := range st.blocks {
			s.seqs[b.shard] += stream.Seq(len(b.rows))
		}
	}
	s.at = n
}

// checkRestored holds runs that were restored from snapshots against ones that
// were not, also for a query that began late and a stream that ended.
func (c *stepsCase) checkRestored(t *testing.T, r *rand.Rand, first [][]string, size func() int) {
	t.Helper()
	steps, _, _ := c.runRestored(t, r, size, false, memory.DefaultAllocator)
	c.same(t, first, steps, "restored")
	ended := *c
	ended.endAt = 1 + r.IntN(len(c.log))
	want, ledger := ended.runPartial(t, r, size)
	got, restored, _ := ended.runRestored(t, r, size, true, memory.DefaultAllocator)
	ended.same(t, want, got, "partial and ended, restored")
	if ledger != restored {
		t.Fatalf("seed %d: the ledger is %+v after restarts, want %+v", c.seed, restored, ledger)
	}
}

// runPartial runs the log as a query that began late.
func (c *stepsCase) runPartial(t *testing.T, r *rand.Rand, size func() int) ([][]string, stream.Ledger) {
	t.Helper()
	out := &changeLog{}
	cfg := Config{
		Plan: c.plan(), Output: out, Partial: true,
		Source: &logSource{c: c, r: r, size: size, upTo: len(c.log), alloc: memory.DefaultAllocator},
	}
	for s := range c.shards {
		cfg.Shards = append(cfg.Shards, stream.Shard(s))
	}
	q, err := New(cfg)
	if err == nil {
		err = q.Run(context.Background())
	}
	if err != nil {
		t.Fatalf("seed %d: %v", c.seed, err)
	}
	return out.steps, q.Ledger()
}
