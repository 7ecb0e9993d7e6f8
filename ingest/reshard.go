package ingest

import (
	"errors"
	"fmt"
	"slices"

	"weir/operators/stream"
)

// Reshard closes one shard or two and opens others in their place. It is what a
// reshard commit of the log carries.
type Reshard struct {
	Close []stream.Shard `json:"close"`
	Open  []Range        `json:"open"`
	First stream.Shard   `json:"first"` // the number of the first of Open; the others follow
	// Created is when the new shards come to be.
	Created stream.Time `json:"created"`
}

// Range is a run of hashes, both ends in it.
type Range struct {
	Start Hash `json:"start"`
	End   Hash `json:"end"`
}

const second = stream.Time(1_000_000)

// ErrShardClosed is returned where a shard that has to be open is closed.
var ErrShardClosed = errors.New("the shard is closed")

// openShard returns a shard that must be there and open.
func (m *ShardMap) openShard(id stream.Shard) (*Shard, error) {
	if int(id) >= len(m.all) {
		return nil, fmt.Errorf("there is no shard %d", id)
	}
	if !m.all[id].Open() {
		return nil, fmt.Errorf("shard %d: %w", id, ErrShardClosed)
	}
	return &m.all[id], nil
}

// Split says how a shard becomes two, the second of which begins at a hash. Each
// gets at least two hashes, as Kinesis wants it.
func (m *ShardMap) Split(id stream.Shard, at Hash, now stream.Time) (*Reshard, error) {
	s, err := m.openShard(id)
	if err != nil {
		return nil, err
	}
	if !s.Start.Less(at) || at == s.Start.next() || !at.Less(s.End) {
		return nil, fmt.Errorf("shard %d has the hashes from %s to %s, and %s does not leave two for each half", id, s.Start, s.End, at)
	}
	if len(m.open) == ShardsMax {
		return nil, fmt.Errorf("the stream has %d open shards, which is the most there can be", ShardsMax)
	}
	return &Reshard{
		Close: []stream.Shard{id}, Open: []Range{{s.Start, at.before()}, {at, s.End}},
		First: stream.Shard(len(m.all)), Created: m.after(now, id),
	}, nil
}

// Merge says how two neighbours become one.
func (m *ShardMap) Merge(a, b stream.Shard, now stream.Time) (*Reshard, error) {
	x, err := m.openShard(a)
	if err != nil {
		return nil, err
	}
	y, err := m.openShard(b)
	if err != nil {
		return nil, err
	}
	whole := Range{x.Start, y.End}
	if y.End.Less(x.Start) {
		whole = Range{y.Start, x.End}
		x, y = y, x
	}
	if a == b || x.End == HashMax || x.End.next() != y.Start {
		return nil, fmt.Errorf("the shards %d and %d are no neighbours", a, b)
	}
	return &Reshard{
		Close: []stream.Shard{a, b}, Open: []Range{whole},
		First: stream.Shard(len(m.all)), Created: m.after(now, a, b),
	}, nil
}

// Opened returns the numbers of the new shards.
func (r *Reshard) Opened() []stream.Shard {
	out := make([]stream.Shard, len(r.Open))
	for i := range out {
		out[i] = r.First + stream.Shard(i)
	}
	return out
}

// after returns now in whole seconds, or the second behind the birth of the
// youngest parent.
func (m *ShardMap) after(now stream.Time, parents ...stream.Shard) stream.Time {
	at := now - now%second
	for _, p := range parents {
		at = max(at, m.all[p].Created-m.all[p].Created%second+second)
	}
	return at
}

// Apply returns the map behind a reshard that came with a commit.
func (m *ShardMap) Apply(r *Reshard, commit stream.Commit, arrival stream.Time) (*ShardMap, error) {
	all := slices.Clone(m.all)
	if len(r.Close) == 0 || len(r.Open) == 0 || commit == 0 || int(r.First) != len(all) {
		return nil, fmt.Errorf("a reshard of %d shards that does not fit to %d", len(r.Close), len(all))
	}
	for _, id := range r.Close {
		if _, err := m.openShard(id); err != nil {
			return nil, err
		}
		all[id].Closed, all[id].ClosedAt = commit, arrival
	}
	for _, o := range r.Open {
		all = append(all, Shard{Start: o.Start, End: o.End, Parents: slices.Clone(r.Close), Created: r.Created, Born: commit})
	}
	return shardMapOf(all)
}

// Scale returns the next of the reshards that divide the hashes evenly among n
// shards, or nil where they are so. It goes from the lowest hash up, so there are
// never more open shards than in the beginning or in the end, but for one.
func (m *ShardMap) Scale(n int, now stream.Time) (*Reshard, error) {
	if n < 1 || n > ShardsMax {
		return nil, fmt.Errorf("a stream of %d shards", n)
	}
	target := evenly(n)
	for i, id := range m.open {
		s := &m.all[id]
		j, found := slices.BinarySearchFunc(target, s.Start, compareHash)
		if !found {
			// Nobody wants the border to the neighbour below.
			return m.Merge(m.open[i-1], id, now)
		}
		// A shard that has a wanted border inside is split there.
		if j++; j == n || s.End.Less(target[j]) {
			continue
		}
		if at := target[j]; at != s.Start.next() && at != s.End {
			return m.Split(id, at, now)
		}
		// Too little is left on one side: the neighbour above is taken in first.
		return m.Merge(id, m.open[i+1], now)
	}
	return nil, nil
}

func compareHash(a, b Hash) int {
	switch {
	case a.Less(b):
		return -1
	case b.Less(a):
		return 1
	}
	return 0
}
