package windows

import (
	"fmt"
	"slices"
	"time"

	"weir/operators/stream"
)

// TrackerConfig says when shards count as idle.
type TrackerConfig struct {
	// IdleTimeout is how far a cut's clock must be past a shard's last record
	// for the shard to be idle. 0: no shard is ever idle.
	IdleTimeout time.Duration
	// IdleAdvance bounds the stretch by which the watermark follows the clock
	// while all shards are idle.
	IdleAdvance time.Duration
	// Bounded is set for sources without a clock: nothing is ever idle.
	Bounded bool
}

// Tracker keeps the watermarks of one (query, scan): W of every shard and the
// merged W. It follows rules 1 to 3 of "At the cut" in ARCHITECTURE.md.
//
// Between two cuts the shards may be observed in any order; the results at the
// cut are the same. It is not safe for concurrent use.
//
// Its invariant: after each Cut no open shard's own W is below the merged W, so
// that no row that comes later can be on time for a window that has fired.
type Tracker struct {
	cfg    TrackerConfig
	shards []shardState // sorted by shard
	index  map[stream.Shard]int

	merged   stream.Time // MinTime: none yet
	clock    stream.Time // of the last cut
	cut      bool        // there was a cut
	born     stream.Time // arrival of the first record of all; MinTime: none yet
	maxEvent stream.Time // the greatest event time seen
	allIdle  bool        // every open shard was idle at the last cut
}

// shardState is what the tracker knows of one shard.
type shardState struct {
	id     stream.Shard
	w      stream.Time // own W; MinTime: none
	last   stream.Time // arrival of the last record, the birth by reshard, or the last start; MinTime: none of these
	event  stream.Time // the greatest event time seen; MinTime: none
	mark   Mark
	closed bool
}

// Mark is the row that raised a shard's own watermark last. The zero value is none.
type Mark struct {
	Commit stream.Commit // 0 for a bounded source
	Seq    stream.Seq
	Event  stream.Time // its event time
	W      stream.Time // what its watermark said
	Is     bool        // there is one
}

// NewTracker returns a tracker of the given open shards, without a watermark.
func NewTracker(cfg TrackerConfig, shards []stream.Shard) *Tracker {
	t := &Tracker{
		cfg:      cfg,
		index:    make(map[stream.Shard]int, len(shards)),
		merged:   stream.MinTime,
		born:     stream.MinTime,
		maxEvent: stream.MinTime,
	}
	for _, s := range shards {
		t.AddShard(s)
	}
	return t
}

// W returns the own watermark of s, MinTime while it has none. A shard that the
// tracker does not know has the merged one.
func (t *Tracker) W(s stream.Shard) stream.Time {
	if i, ok := t.index[s]; ok {
		return t.shards[i].w
	}
	return t.merged
}

// Merged returns the merged watermark of the last cut, MinTime while there is none.
func (t *Tracker) Merged() stream.Time { return t.merged }

// Observe records that rows of s were read: its own W after the last of them,
// the greatest event time among them and the arrival time of their commit.
// Without a usable event time both are MinTime; the record still ends the
// shard's idleness. Watermarks and arrivals never fall, so smaller values than
// before change nothing.
func (t *Tracker) Observe(s stream.Shard, own, maxEvent, arrival stream.Time) {
	i, ok := t.index[s]
	if !ok {
		i = t.insert(s)
	}
	sh := &t.shards[i]
	sh.w = max(sh.w, own)
	sh.last = max(sh.last, arrival)
	sh.event = max(sh.event, maxEvent)
	t.maxEvent = max(t.maxEvent, maxEvent)
	if arrival != stream.MinTime && (t.born == stream.MinTime || arrival < t.born) {
		t.born = arrival
	}
}

// Raised records which row raised the own watermark of s last. It follows an
// Observe of s.
func (t *Tracker) Raised(s stream.Shard, m Mark) { t.shards[t.index[s]].mark = m }

// Cut ends a step: clock is the arrival time of its last commit, start says that
// the step is a start mark, end that no more records will come. It returns the
// merged W (MinTime: none; MaxTime from the end on) and raises every open
// shard's own W to it.
func (t *Tracker) Cut(clock stream.Time, start, end bool) stream.Time {
	before := t.clock
	if !t.cut {
		before, t.cut = clock, true
	}
	if start {
		for i := range t.shards {
			t.shards[i].last = max(t.shards[i].last, clock)
		}
		before = clock
	}
	if end {
		t.merged = stream.MaxTime
	} else if t.merged != stream.MaxTime {
		t.merge(before, clock, start)
	}
	t.clock = clock
	t.allIdle = true
	for i := range t.shards {
		sh := &t.shards[i]
		if sh.closed {
			continue
		}
		sh.w = max(sh.w, t.merged)
		t.allIdle = t.allIdle && t.idle(sh, clock)
	}
	return t.merged
}

// merge computes the merged W of a cut at clock; before is the clock since when
// an idle stream's watermark may have moved on.
func (t *Tracker) merge(before, clock stream.Time, start bool) {
	awake := 0
	minAwake, minKnown := stream.MaxTime, stream.MaxTime
	known := false
	for i := range t.shards {
		sh := &t.shards[i]
		if sh.closed {
			continue
		}
		if sh.w != stream.MinTime {
			known = true
			minKnown = min(minKnown, sh.w)
		}
		if !t.idle(sh, clock) {
			awake++
			minAwake = min(minAwake, sh.w)
		}
	}
	switch {
	case awake > 0:
		t.merged = max(t.merged, minAwake) // MinTime, where one of them has none, changes nothing
	case t.merged == stream.MinTime:
		if known {
			t.merged = minKnown
		}
	case t.allIdle && !start && within(before, t.merged, t.cfg.IdleAdvance):
		moved := addMicros(t.merged, int64(clock)-int64(before))
		t.merged = max(t.merged, min(moved, t.maxEvent.Add(t.cfg.IdleAdvance)))
	}
}

// idle tells whether a shard is idle at clock.
func (t *Tracker) idle(sh *shardState, clock stream.Time) bool {
	if t.cfg.Bounded || t.cfg.IdleTimeout <= 0 {
		return false
	}
	last := sh.last
	if last == stream.MinTime {
		last = t.born
	}
	return last != stream.MinTime && last.Add(t.cfg.IdleTimeout) < clock
}

// within tells whether a and b are at most d apart.
func within(a, b stream.Time, d time.Duration) bool {
	return min(a, b).Add(d) >= max(a, b)
}

// AddShard adds an open shard that no other was split or merged into. It starts
// with the merged W, so that nothing that has fired can be touched again.
func (t *Tracker) AddShard(s stream.Shard) {
	if _, ok := t.index[s]; !ok {
		t.insert(s)
	}
}

// Split closes parent and opens its children at the given arrival time; they
// inherit its W.
func (t *Tracker) Split(parent stream.Shard, children []stream.Shard, at stream.Time) {
	w := t.W(parent)
	t.CloseShard(parent)
	for _, c := range children {
		t.inherit(c, w, at)
	}
}

// Merge closes the parents and opens their child at the given arrival time; it
// inherits the smallest W of theirs.
func (t *Tracker) Merge(parents []stream.Shard, child stream.Shard, at stream.Time) {
	w := stream.MaxTime
	for _, p := range parents {
		w = min(w, t.W(p))
		t.CloseShard(p)
	}
	t.inherit(child, w, at)
}

// CloseShard takes s out of the merged W: no record will come to it any more.
func (t *Tracker) CloseShard(s stream.Shard) {
	if i, ok := t.index[s]; ok {
		t.shards[i].closed = true
	}
}

// inherit opens shard s with the watermark of its parents.
func (t *Tracker) inherit(s stream.Shard, w, at stream.Time) {
	sh := &t.shards[t.insert(s)]
	sh.w = max(w, t.merged)
	sh.last = at
}

// insert adds a shard in order and returns its place.
func (t *Tracker) insert(s stream.Shard) int {
	i, found := slices.BinarySearchFunc(t.shards, s, func(a shardState, b stream.Shard) int { return int(a.id) - int(b) })
	if found {
		panic(fmt.Sprintf("shard %d is tracked already", s)) // shard numbers are never reused
	}
	t.shards = slices.Insert(t.shards, i, shardState{id: s, w: t.merged, last: stream.MinTime, event: stream.MinTime})
	for j := i; j < len(t.shards); j++ {
		t.index[t.shards[j].id] = j
	}
	return i
}

// Holder is the open shard that holds the merged watermark back.
type Holder struct {
	Shard stream.Shard
	W     stream.Time // its own W; MinTime: none
	Last  stream.Time // arrival of its last record or its last start; MinTime: none
	Idle  bool        // at the last cut, as then were all others
}

// Why returns the shard that holds the merged watermark back at the last cut:
// of the open shards that are not idle, else of all open ones, the first of
// those with the least W. ok is false if no shard is open.
func (t *Tracker) Why() (h Holder, ok bool) {
	for i := range t.shards {
		sh := &t.shards[i]
		if sh.closed {
			continue
		}
		idle := t.cut && t.idle(sh, t.clock)
		if !ok || h.Idle && !idle || h.Idle == idle && sh.w < h.W {
			h, ok = Holder{Shard: sh.id, W: sh.w, Last: sh.last, Idle: idle}, true
		}
	}
	return h, ok
}

// Standing is what a shard says of time at the last cut.
type Standing struct {
	Shard  stream.Shard
	W      stream.Time // its own watermark; MinTime: none
	Event  stream.Time // the greatest event time seen; MinTime: none
	Mark   Mark        // the row that raised its watermark last
	Idle   bool        // no record came for so long that it is passed over
	Closed bool        // no record will come any more
	// Begin is since when the shard's silence counts: the arrival of its last record,
	// the last start, or, of a shard without either, the stream's first record.
	// MinTime: it does not count yet.
	Begin stream.Time
	Last  stream.Time // arrival of its last record or its last start; MinTime: none
}

// Standings returns what every shard says, in the order of shards.
func (t *Tracker) Standings() []Standing {
	out := make([]Standing, len(t.shards))
	for i := range t.shards {
		sh := &t.shards[i]
		out[i] = Standing{
			Shard: sh.id, W: sh.w, Event: sh.event, Mark: sh.mark, Closed: sh.closed,
			Idle: t.cut && t.idle(sh, t.clock), Begin: sh.last, Last: sh.last,
		}
		if sh.last == stream.MinTime {
			out[i].Begin = t.born
		}
	}
	return out
}
