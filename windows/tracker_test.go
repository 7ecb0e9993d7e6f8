package windows

import (
	"math/rand/v2"
	"testing"
	"time"

	"weir/operators/stream"
)

const us = time.Microsecond

func TestTracker(t *testing.T) {
	none := stream.MinTime
	tr := NewTracker(TrackerConfig{IdleTimeout: 10 * us, IdleAdvance: 30 * us}, []stream.Shard{0, 1})
	expect := func(step string, got, want stream.Time) {
		t.Helper()
		if got != want {
			t.Fatalf("%s: %d, want %d", step, got, want)
		}
	}
	expect("before any row", tr.Cut(100, false, false), none)
	tr.Observe(0, 103, 105, 100)
	expect("one shard has none yet", tr.Cut(100, false, false), none)
	if h, ok := tr.Why(); !ok || h.Shard != 1 || h.W != none || h.Idle {
		t.Fatalf("held back by %+v", h)
	}
	tr.Observe(0, 104, 106, 111)
	expect("the other never had a record and is idle", tr.Cut(111, false, false), 104)
	expect("and was raised", tr.W(1), 104)
	tr.Observe(1, 90, 92, 112)
	expect("it wakes up and moves nothing back", tr.Cut(112, false, false), 104)
	tr.Observe(0, 120, 122, 113)
	expect("it holds the other back", tr.Cut(113, false, false), 104)
	expect("idle again", tr.Cut(123, false, false), 120)
	expect("all idle now, not yet at the last cut", tr.Cut(124, false, false), 120)
	expect("all idle since 124", tr.Cut(127, false, false), 123)
	expect("a start makes everybody wait again", tr.Cut(1000, true, false), 123)
	expect("waiting", tr.Cut(1010, false, false), 123)
	expect("idle, but too far from the clock", tr.Cut(1020, false, false), 123)
	expect("idle, but too far from the clock", tr.Cut(1030, false, false), 123)
	expect("the end", tr.Cut(1031, false, true), stream.MaxTime)
	expect("stays the end", tr.Cut(1032, false, false), stream.MaxTime)
	expect("for every shard", tr.W(0), stream.MaxTime)
}

func TestTrackerReshard(t *testing.T) {
	tr := NewTracker(TrackerConfig{}, []stream.Shard{0, 1})
	tr.Observe(0, 50, 50, 10)
	tr.Observe(1, 20, 20, 10)
	if w := tr.Cut(10, false, false); w != 20 {
		t.Fatalf("merged %d", w)
	}
	tr.Split(0, []stream.Shard{2, 3}, 11)
	if tr.W(2) != 50 || tr.W(3) != 50 {
		t.Fatalf("children have %d and %d", tr.W(2), tr.W(3))
	}
	tr.Merge([]stream.Shard{1, 3}, 4, 12)
	if tr.W(4) != 20 {
		t.Fatalf("merged child has %d", tr.W(4))
	}
	tr.Observe(4, 60, 60, 13)
	if w := tr.Cut(13, false, false); w != 50 {
		t.Fatalf("merged %d", w)
	}
	tr.AddShard(9)
	if tr.W(9) != 50 {
		t.Fatalf("a new shard has %d, below the merged W", tr.W(9))
	}
}

func TestTrackerBounded(t *testing.T) {
	tr := NewTracker(TrackerConfig{Bounded: true, IdleTimeout: 1}, []stream.Shard{0, 1})
	for i := range stream.Time(5) {
		tr.Observe(0, i, i, stream.MinTime)
		if w := tr.Cut(stream.MinTime, false, false); w != stream.MinTime {
			t.Fatalf("merged %d though shard 1 has none", w)
		}
	}
	if w := tr.Cut(stream.MinTime, false, true); w != stream.MaxTime {
		t.Fatalf("merged %d at the end", w)
	}
}

// TestTrackerInvariant: W never falls, and no open shard is below the merged W.
func TestTrackerInvariant(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := r.IntN(4) + 1
		var shards []stream.Shard
		for i := range n {
			shards = append(shards, stream.Shard(i))
		}
		tr := NewTracker(TrackerConfig{IdleTimeout: time.Duration(r.IntN(20)) * us, IdleAdvance: 30 * us}, shards)
		clock, last := stream.Time(0), stream.MinTime
		for range 60 {
			clock += stream.Time(r.IntN(9))
			for _, s := range shards {
				if r.IntN(2) == 0 {
					ts := clock + stream.Time(r.IntN(20)-10)
					tr.Observe(s, ts-3, ts, clock)
				}
			}
			w := tr.Cut(clock, r.IntN(15) == 0, false)
			if w < last {
				t.Fatalf("seed %d: W fell from %d to %d", seed, last, w)
			}
			last = w
			for _, s := range shards {
				if tr.W(s) < w {
					t.Fatalf("seed %d: shard %d has %d below the merged %d", seed, s, tr.W(s), w)
				}
			}
			if r.IntN(10) == 0 {
				i := r.IntN(len(shards))
				parent := shards[i]
				a, b := stream.Shard(n), stream.Shard(n+1)
				n += 2
				tr.Split(parent, []stream.Shard{a, b}, clock)
				shards = append(append(shards[:i:i], shards[i+1:]...), a, b)
			}
		}
	}
}
