package ingest

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sort"

	"weir/operators/stream"
)

// ShardsMax is how many open shards a stream may have.
const ShardsMax = 10_000

// Shard is a range of hashes. It is open from its birth until it is split or merged;
// its records stay readable as long as they are kept.
type Shard struct {
	Start Hash `json:"start"` // the range, both ends are in it
	End   Hash `json:"end"`
	// Parents are the shards whose range it took over: none, the one that was split,
	// or the two that were merged.
	Parents []stream.Shard `json:"parents,omitempty"`
	// Created is when it came to be, at least a second behind its parents; 0 is with
	// its stream.
	Created stream.Time `json:"created,omitempty"`
	// Born and Closed are the reshard commits that made it and closed it; 0 is none,
	// and so an open shard has Closed 0. ClosedAt is the arrival of Closed.
	Born     stream.Commit `json:"born,omitempty"`
	Closed   stream.Commit `json:"closed,omitempty"`
	ClosedAt stream.Time   `json:"closed_at,omitempty"`
}

// Open tells whether the shard takes records.
func (s *Shard) Open() bool { return s.Closed == 0 }

// Birth returns when the shard came to be, in a stream that was made at a moment.
func (s *Shard) Birth(made stream.Time) stream.Time {
	if s.Created == 0 {
		return made
	}
	return s.Created
}

// ShardMap says which shards a stream has and had, and which of them a partition
// key belongs to. It is immutable and safe for concurrent use.
type ShardMap struct {
	all    []Shard        // by number
	open   []stream.Shard // by range
	starts []Hash         // where the range of each open shard begins; the first is 0
}

// NewShardMap divides the hashes among n shards as CreateStream of Kinesis does:
// shard i begins at i*floor(2^128/n), and the last one ends at 2^128-1. It
// panics unless n is from 1 to ShardsMax, which whoever declares a stream checks.
func NewShardMap(n int) *ShardMap {
	if n < 1 || n > ShardsMax {
		panic(fmt.Sprintf("a stream of %d shards", n))
	}
	all := make([]Shard, n)
	for i := range all {
		all[i] = Shard{Start: border(i, n), End: HashMax}
		if i > 0 {
			all[i-1].End = all[i].Start.before()
		}
	}
	m, err := RestoreShardMap(all)
	if err != nil {
		panic(err)
	}
	return m
}

// border returns where range i of n ranges of one size begins, i*floor(2^128/n); i is
// less than n.
func border(i, n int) Hash {
	if i == 0 {
		return Hash{}
	}
	// The width digit by digit, as by hand: 2^64 by n, then what remains. n is not 1 here.
	whi, rest := bits.Div64(1, 0, uint64(n))
	wlo, _ := bits.Div64(rest, 0, uint64(n))
	over, lo := bits.Mul64(wlo, uint64(i))
	return Hash{whi*uint64(i) + over, lo}
}

// RestoreShardMap makes a map of every shard that a stream has and had, by number, as
// All returned them; the map owns all from then on. The open ones must divide all hashes,
// and parents come in front of their children.
func RestoreShardMap(all []Shard) (*ShardMap, error) {
	m := &ShardMap{all: all}
	for i := range all {
		if all[i].Open() {
			m.open = append(m.open, stream.Shard(i))
		}
		for _, p := range all[i].Parents {
			if int(p) >= i {
				return nil, fmt.Errorf("shard %d descends from shard %d", i, p)
			}
		}
	}
	slices.SortFunc(m.open, func(a, b stream.Shard) int {
		if all[a].Start.Less(all[b].Start) {
			return -1
		}
		return 1
	})
	if len(m.open) == 0 || len(m.open) > ShardsMax {
		return nil, fmt.Errorf("a stream of %d open shards", len(m.open))
	}
	next := Hash{}
	for i, id := range m.open {
		s := &all[id]
		last := i == len(m.open)-1
		if s.Start != next || s.End.Less(s.Start) || last != (s.End == HashMax) {
			return nil, errors.New("the open shards do not divide all hashes")
		}
		m.starts = append(m.starts, s.Start)
		if !last {
			next = s.End.next()
		}
	}
	return m, nil
}

// All returns every shard that there is or was, by number. It is not to be changed.
func (m *ShardMap) All() []Shard { return m.all }

// Open returns the numbers of the open shards, in the order of their ranges. It is
// not to be changed.
func (m *ShardMap) Open() []stream.Shard { return m.open }

// Changed returns the commit of the last reshard, 0 without any.
func (m *ShardMap) Changed() stream.Commit { return m.all[len(m.all)-1].Born }

// OpenAt returns the numbers of the shards that were open behind a commit.
func (m *ShardMap) OpenAt(commit stream.Commit) []stream.Shard {
	var out []stream.Shard
	for i := range m.all {
		if s := &m.all[i]; s.Born <= commit && (s.Open() || s.Closed > commit) {
			out = append(out, stream.Shard(i))
		}
	}
	return out
}

// Route returns the open shard of a partition key.
func (m *ShardMap) Route(key []byte) stream.Shard {
	if len(m.open) == 1 {
		return m.open[0]
	}
	return m.Find(HashOf(key))
}

// Find returns the open shard whose range holds h.
func (m *ShardMap) Find(h Hash) stream.Shard { return m.open[m.place(h)] }

// place returns where in open the shard is whose range holds h: the last that begins at
// or before it.
func (m *ShardMap) place(h Hash) int {
	return sort.Search(len(m.starts), func(i int) bool { return h.Less(m.starts[i]) }) - 1
}

// Spanned tells whether one shard that there was up to a commit, open or closed, had
// both low and high in its range.
func (m *ShardMap) Spanned(low, high Hash, commit stream.Commit) bool {
	// Each hash had one shard at any time, and that is an ancestor of the one it has now.
	for id, ok := m.Find(low), true; ok; id, ok = m.before(id, low) {
		if s := &m.all[id]; s.Born <= commit && !s.End.Less(high) {
			return true
		}
	}
	return false
}

// before returns the parent of a shard that had a hash.
func (m *ShardMap) before(id stream.Shard, h Hash) (stream.Shard, bool) {
	for _, p := range m.all[id].Parents {
		if s := &m.all[p]; !h.Less(s.Start) && !s.End.Less(h) {
			return p, true
		}
	}
	return 0, false
}
