package windows

import (
	"math/rand/v2"
	"testing"
	"time"

	"weir/operators/stream"
)

// TestTrackerRestored: a tracker that is made anew from its snapshot at every
// third cut says the same as one that never was.
func TestTrackerRestored(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		cfg := TrackerConfig{IdleTimeout: time.Duration(r.IntN(20)) * us, IdleAdvance: 30 * us}
		shards := []stream.Shard{0, 1, 2}[:1+r.IntN(3)]
		one, other := NewTracker(cfg, shards), NewTracker(cfg, shards)
		next, clock := stream.Shard(len(shards)), stream.Time(0)
		for cut := range 60 {
			clock += stream.Time(r.IntN(9))
			for _, s := range shards {
				if r.IntN(2) == 0 {
					ts := clock + stream.Time(r.IntN(20)-10)
					one.Observe(s, ts-3, ts, clock)
					other.Observe(s, ts-3, ts, clock)
				}
			}
			start, end := r.IntN(15) == 0, r.IntN(100) == 0
			if a, b := one.Cut(clock, start, end), other.Cut(clock, start, end); a != b {
				t.Fatalf("seed %d, cut %d: W is %d, restored %d", seed, cut, a, b)
			}
			for s := range next + 1 {
				if a, b := one.W(s), other.W(s); a != b {
					t.Fatalf("seed %d, cut %d: W of shard %d is %d, restored %d", seed, cut, s, a, b)
				}
			}
			if r.IntN(10) == 0 {
				children := []stream.Shard{next, next + 1}
				one.Split(shards[0], children, clock)
				other.Split(shards[0], children, clock)
				shards, next = append(append([]stream.Shard{}, shards[1:]...), children...), next+2
			}
			if r.IntN(3) == 0 {
				var err error
				if other, err = RestoreTracker(cfg, other.Snapshot()); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
	}
}

func TestTrackerRefusesNonsense(t *testing.T) {
	for _, s := range []TrackerState{
		{Merged: 5, Shards: []ShardState{{Shard: 0, W: 4}}},
		{Shards: []ShardState{{Shard: 1}, {Shard: 1}}},
	} {
		if _, err := RestoreTracker(TrackerConfig{}, s); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}
