package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/checkpoint"
	"weir/operators/stream"
	"weir/planner/physical"
)

// withSource returns what it takes to run a case, and its source.
func (c *stepsCase) withSource(out Output) (Config, *logSource) {
	src := &logSource{c: c, r: rand.New(rand.NewPCG(1, 1)), size: func() int { return 3 }, upTo: len(c.log), alloc: memory.DefaultAllocator}
	cfg := Config{Plan: c.plan(), Source: src, Output: out}
	for s := range c.shards {
		cfg.Shards = append(cfg.Shards, stream.Shard(s))
	}
	return cfg, src
}

// TestSnapshotFromElsewhere: another goroutine may ask for a snapshot at any time
// and gets the query at the end of a step.
func TestSnapshotFromElsewhere(t *testing.T) {
	c := newStepsCase(3)
	out := &changeLog{}
	cfg, _ := c.withSource(out)
	q, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	begun, ended := make(chan struct{}), make(chan int)
	go func() {
		close(begun)
		n := 0
		for {
			s, err := q.Snapshot(context.Background())
			if errors.Is(err, ErrOver) {
				ended <- n
				return
			}
			if err != nil || s.Tracker.Merged != stream.MinTime && s.Commit == 0 {
				t.Errorf("%+v %v", s, err)
			}
			n++
		}
	}()
	<-begun
	if err := q.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := <-ended; n == 0 {
		t.Log("the query was over before the first snapshot")
	}
	want := &changeLog{}
	cfg, _ = c.withSource(want)
	if q, err = New(cfg); err == nil {
		err = q.Run(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	c.same(t, want.steps, out.steps, "with snapshots")
}

// TestSnapshotOfFailure: a query that failed inside a step cannot be saved.
func TestSnapshotOfFailure(t *testing.T) {
	for name, out := range map[string]Output{"error": failingOutput{}, "panic": panickingOutput{}} {
		cfg, _ := newStepsCase(3).withSource(out)
		q, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if q.Run(context.Background()) == nil {
			t.Fatalf("%s: the query did not fail", name)
		}
		if _, err := q.Snapshot(context.Background()); !errors.Is(err, ErrOver) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failingOutput struct{}

func (failingOutput) Step(context.Context, stream.Cut, stream.Commit, []stream.Batch) error {
	return errors.New("no")
}

type panickingOutput struct{}

func (panickingOutput) Step(context.Context, stream.Cut, stream.Commit, []stream.Batch) error {
	panic("no")
}

// TestSnapshotOfDone: a query that wants no more input is saved as that, and does
// not begin again.
func TestSnapshotOfDone(t *testing.T) {
	c := newStepsCase(3)
	c.mode = windowsClose
	first := &changeLog{}
	cfg, _ := c.withSource(first)
	cfg.Plan.Root = &physical.Limit{In: cfg.Plan.Root, Count: 2}
	q, err := New(cfg)
	if err == nil {
		err = q.Run(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := q.Snapshot(context.Background())
	if err != nil || !s.Done || len(s.Pages) > 0 {
		t.Fatalf("%+v %v", s, err)
	}
	again := &changeLog{}
	cfg, src := c.withSource(again)
	cfg.Plan.Root = &physical.Limit{In: cfg.Plan.Root, Count: 2}
	cfg.From = s
	q, err = New(cfg)
	if err == nil {
		err = q.Run(context.Background())
	}
	if err != nil || src.at > 0 || len(again.steps) > 0 {
		t.Fatalf("%d steps read, %d given out: %v", src.at, len(again.steps), err)
	}
	if p := q.Progress(); p.Commit != s.Commit || p.Ledger != s.Ledger {
		t.Errorf("%+v", p)
	}
}

// TestRestoreDamaged: a query is not made from pages that are not whole, and what
// was made until then is freed.
func TestRestoreDamaged(t *testing.T) {
	c := newStepsCase(4)
	for _, mode := range []stepsMode{windowsClose, windowChanges, groupChanges} {
		c.mode = mode
		cfg, src := c.withSource(&changeLog{})
		src.upTo = len(c.log) * 2 / 3
		q, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		disk := &saved{}
		src.between = func(at int) {
			if at == src.upTo {
				s, err := q.Snapshot(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				disk.take(t, s)
			}
		}
		if err := q.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		for i := range disk.last.Pages {
			alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
			bad := &checkpoint.Snapshot{Point: disk.last.Point}
			bad.Pages = append(bad.Pages, disk.last.Pages...)
			p := &bad.Pages[i]
			p.Data = p.Data[:len(p.Data)-1]
			cfg, _ := c.withSource(&changeLog{})
			cfg.From, cfg.Alloc = bad, alloc
			if _, err := New(cfg); err == nil {
				t.Errorf("page %s is taken without its last byte", p.Path)
			}
			alloc.AssertSize(t, 0)
		}
	}
}
