package windows

import (
	"fmt"

	"weir/operators/stream"
)

// TrackerState is everything that a Tracker knows between two steps.
type TrackerState struct {
	Shards   []ShardState // by shard
	Merged   stream.Time  // MinTime: none yet; MaxTime: the stream has ended
	Clock    stream.Time  // of the last cut
	Cut      bool         // there was a cut
	Born     stream.Time  // arrival of the first record of all; MinTime: none yet
	MaxEvent stream.Time  // the greatest event time seen
	AllIdle  bool         // every open shard was idle at the last cut
}

// ShardState is what a Tracker knows of one shard.
type ShardState struct {
	Shard  stream.Shard
	W      stream.Time // own W; MinTime: none
	Last   stream.Time // arrival of the last record, the birth by reshard, or the last start; MinTime: none of these
	Event  stream.Time // the greatest event time seen; MinTime: none
	Mark   Mark        // the row that raised W last
	Closed bool
}

// Snapshot returns what the tracker knows. It is called after a Cut.
func (t *Tracker) Snapshot() TrackerState {
	s := TrackerState{
		Shards: make([]ShardState, len(t.shards)),
		Merged: t.merged, Clock: t.clock, Cut: t.cut, Born: t.born, MaxEvent: t.maxEvent, AllIdle: t.allIdle,
	}
	for i, sh := range t.shards {
		s.Shards[i] = ShardState{Shard: sh.id, W: sh.w, Last: sh.last, Event: sh.event, Mark: sh.mark, Closed: sh.closed}
	}
	return s
}

// RestoreTracker returns a tracker that goes on from a snapshot, or an error for a
// state that no tracker has.
func RestoreTracker(cfg TrackerConfig, s TrackerState) (*Tracker, error) {
	t := NewTracker(cfg, nil)
	t.merged, t.clock, t.cut, t.born, t.maxEvent, t.allIdle = s.Merged, s.Clock, s.Cut, s.Born, s.MaxEvent, s.AllIdle
	for i, sh := range s.Shards {
		if i > 0 && sh.Shard <= s.Shards[i-1].Shard {
			return nil, fmt.Errorf("restore watermarks: shard %d is out of order", sh.Shard)
		}
		if !sh.Closed && sh.W < s.Merged {
			return nil, fmt.Errorf("restore watermarks: shard %d has W %d below the merged %d", sh.Shard, sh.W, s.Merged)
		}
		t.index[sh.Shard] = i
		t.shards = append(t.shards, shardState{id: sh.Shard, w: sh.W, last: sh.Last, event: sh.Event, mark: sh.Mark, closed: sh.Closed})
	}
	return t, nil
}
