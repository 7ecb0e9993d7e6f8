package hub

import (
	"slices"
	"time"

	"weir/operators/stream"
)

// rates are the rate classes in frames a second; 0 is a frame for each step.
// Few classes mean that few frames are encoded.
var rates = [...]int{0, 1, 2, 5, 10, 20, 30, 60}

// defaultRate is for clients that do not say.
const defaultRate = 10

// rateOf rounds what a client asks for down to a class, but to at least one
// frame a second.
func rateOf(hz *float64) int {
	if hz == nil {
		return defaultRate
	}
	if *hz == 0 {
		return 0
	}
	rate := 1
	for _, r := range rates {
		if float64(r) <= *hz && r > rate {
			rate = r
		}
	}
	return rate
}

// classKey names a class of a run. A connection that asks for the same at the
// same rate again is in another class, because a channel has one subscription a
// connection.
type classKey struct{ rate, copy int }

// class is the members of a run that get the same frames.
type class struct {
	run     *run
	framer  framer
	every   time.Duration // between frames; 0: each step has its own
	members []*member
	pending *fold
	snap    bool          // the content was replaced: the next frame is a snapshot
	moved   bool          // the watermark moved since the last frame
	at      stream.Commit // what the last frame led to
	next    time.Time     // not before this comes the next frame

	// The last snapshot made, as long as it is good.
	whole   []*message
	wholeOf any // the table at a commit, or a snapshot
}

func (r *run) class(k classKey) *class {
	c, ok := r.classes[k]
	if !ok {
		c = &class{run: r, at: r.at, pending: newFold(r.style), framer: framer{
			ch: r.hub.lastChannel.Add(1), cols: r.style.cols, limits: &r.hub.limits, count: &r.hub.counters,
		}}
		if k.rate > 0 {
			c.every = time.Second / time.Duration(k.rate)
		}
		r.classes[k] = c
	}
	return c
}

// add lets a member take part from the last frame on. It has what that led to.
func (c *class) add(m *member) {
	c.members = append(c.members, m)
}

func (c *class) remove(m *member) {
	if i := slices.Index(c.members, m); i >= 0 {
		c.members[i] = c.members[len(c.members)-1]
		c.members[len(c.members)-1] = nil
		c.members = c.members[:len(c.members)-1]
	}
	if len(c.members) == 0 {
		c.pending, c.snap, c.moved, c.whole, c.wholeOf = newFold(c.run.style), false, false, nil, nil
	}
}

// take adds a step to what the next frame will tell.
func (c *class) take(rows []change) {
	if len(c.members) == 0 || c.snap {
		return
	}
	c.pending.add(rows)
	most := c.run.hub.limits.pendingBytes
	if c.pending.bytes <= most {
		return
	}
	if !c.pending.tail {
		c.next = time.Time{} // no more can wait
		return
	}
	before := c.pending.dropped
	c.pending.shorten(most)
	c.run.hub.counters.droppedRows.Add(c.pending.dropped - before)
}

// waits tells whether there is something to send.
func (c *class) waits() bool {
	return len(c.members) > 0 && (!c.pending.empty() || c.snap || c.moved)
}

// flush sends what waits. Members that have no room fall behind.
func (c *class) flush(now time.Time) {
	r := c.run
	if !c.waits() {
		c.at = r.at
		return
	}
	msgs, vital := c.frames()
	before := c.at
	c.pending, c.snap, c.moved = newFold(r.style), false, false
	c.at, c.next = r.at, now.Add(c.every)
	kept := c.members[:0]
	for _, m := range c.members {
		if m.conn.out.offer(msgs...) || !vital {
			m.total = r.total
			kept = append(kept, m)
			continue
		}
		m.at = before
		r.behind = append(r.behind, m)
	}
	clear(c.members[len(kept):])
	c.members = kept
}

// frames makes the messages of what waits. vital tells whether a member that
// does not get them misses something.
func (c *class) frames() (msgs []*message, vital bool) {
	if c.snap {
		return c.content(), true
	}
	if rows := c.pending.lines(); len(rows) > 0 || c.pending.dropped > 0 {
		c.run.hub.counters.conflated.Add(c.pending.in - c.pending.dropped - int64(len(rows)))
		return c.framer.delta(rows, c.pending.dropped, c.run.point()), true
	}
	c.run.hub.counters.conflated.Add(c.pending.in)
	return []*message{c.framer.mark(c.run.point())}, false
}

// content returns the messages of the run's table.
func (c *class) content() []*message {
	type at struct {
		commit stream.Commit
		steps  int64
	}
	now := at{c.run.at, c.run.steps}
	if c.wholeOf != any(now) {
		c.whole, c.wholeOf = c.framer.snap(c.run.table.lines(), c.run.point()), now
	}
	return c.whole
}

// snapshot returns the messages of a snapshot of the source.
func (c *class) snapshot(s *snapshot) []*message {
	if c.wholeOf != any(s) {
		c.whole, c.wholeOf = c.framer.snap(s.rows, s.point), s
	}
	return c.whole
}
