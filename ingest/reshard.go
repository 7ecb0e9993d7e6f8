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

// Plan says at a moment how shards are to change; nil: not at all.
type Plan func(m *ShardMap, now stream.Time) (*Reshard, error)

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

// Apply returns the map behind a reshard that came with a commit. The shards that it
// closes must be neighbours, and those that it opens take over just their hashes.
func (m *ShardMap) Apply(r *Reshard, commit stream.Commit, arrival stream.Time) (*ShardMap, error) {
	if len(r.Close) == 0 || len(r.Open) == 0 || commit == 0 || int(r.First) != len(m.all) {
		return nil, fmt.Errorf("a reshard of %d shards that does not fit to %d", len(r.Close), len(m.all))
	}
	if n := len(m.open) - len(r.Close) + len(r.Open); n > ShardsMax {
		return nil, fmt.Errorf("a stream of %d open shards", n)
	}
	all := append(make([]Shard, 0, len(m.all)+len(r.Open)), m.all...)
	from, to := len(m.open), 0
	for _, id := range r.Close {
		s, err := m.openShard(id)
		if err != nil {
			return nil, err
		}
		all[id].Closed, all[id].ClosedAt = commit, arrival
		at := m.place(s.Start)
		from, to = min(from, at), max(to, at+1)
	}
	starts := make([]Hash, len(r.Open))
	next, fits := m.starts[from], to-from == len(r.Close)
	for i, o := range r.Open {
		all = append(all, Shard{Start: o.Start, End: o.End, Parents: slices.Clone(r.Close), Created: r.Created, Born: commit})
		fits = fits && o.Start == next && !o.End.Less(o.Start) && (o.End != HashMax || i == len(r.Open)-1)
		starts[i], next = o.Start, o.End.next()
	}
	if last := all[m.open[to-1]]; !fits || all[len(all)-1].End != last.End {
		return nil, errors.New("the shards that are opened do not take over just the hashes of those that are closed")
	}
	return &ShardMap{
		all:    all,
		open:   slices.Concat(m.open[:from], r.Opened(), m.open[to:]),
		starts: slices.Concat(m.starts[:from], starts, m.starts[to:]),
	}, nil
}

// Scale returns the next of the reshards that divide the hashes evenly among n
// shards, or nil where they are so. It goes from the lowest hash up, so there are
// never more open shards than in the beginning or in the end, but for one.
func (m *ShardMap) Scale(n int, now stream.Time) (*Reshard, error) {
	if n < 1 || n > ShardsMax {
		return nil, fmt.Errorf("a stream of %d shards", n)
	}
	for i, id := range m.open {
		// The ranges below are as they should be, so this one begins where it should.
		s, end := &m.all[id], HashMax
		if i < n-1 {
			end = border(i+1, n).before()
		}
		switch {
		case s.End == end:
		case end.Less(s.End) && end.next() != s.End:
			return m.Split(id, end.next(), now)
		default:
			// It ends too soon, or one hash too late, which cannot be split off: the
			// neighbour above is taken in first.
			return m.Merge(id, m.open[i+1], now)
		}
	}
	return nil, nil
}
