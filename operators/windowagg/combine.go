package windowagg

import (
	"slices"

	"weir/windows"
)

// combiner combines slices to windows by van Herk's scheme: time is cut into
// blocks of n slices at absolute multiples of n, so that every window is a
// suffix of one block and a prefix of the next. (A window that cumulates is a
// prefix alone: its block is the whole that it grows to.) The prefix is a running fold of
// the current block. The suffixes are made once, when a block is complete, by
// folding its slices backwards: the state of a group in slice k becomes that of
// the slices from k to the end of the block. A group's suffix at any k is then
// the state at its first entry from k on, which head points at, and leaving a
// slice behind costs one assignment per group in it.
//
// So a slice's groups are folded twice in all, however many windows cover it,
// nothing is ever subtracted, and the order of additions follows from slice
// numbers alone.
//
// See van Herk, "A fast algorithm for local minimum and maximum filters on
// rectangular and octagonal kernels" (1992), and the two stacks of Tangwongsan,
// Hirzel and Schneider, "Low-latency sliding-window aggregation" (2017).
type combiner struct {
	grid  *windows.Grid
	fresh func() []acc

	block    int64 // first slice of the current block
	started  bool  // block is set
	now, old entries
	next     []int32 // by entry of old: the group's next entry there, plus one; 0: none
	left     int     // entries of old before this one lie before the window
	leftRuns int     // and slices of old
	head     []int32 // by group: its entry in old, plus one; 0: none
	prefix   []acc   // by group
	inPrefix []bool  // by group
	place    []int32 // by group, scratch: where the group is in a list at hand
	newest   int64   // greatest slice that was loaded
	seq      sequence
}

// entries are states of groups, slice behind slice.
type entries struct {
	ids    []int32
	accs   []acc
	slices []sliceRun
}

// sliceRun is the entries of one slice.
type sliceRun struct {
	k      int64
	lo, hi int
	saved  bool // the last snapshot has it as it is
}

func (e *entries) reset() {
	e.ids, e.slices = e.ids[:0], e.slices[:0]
	for _, a := range e.accs {
		a.reset()
	}
}

func newCombiner(g *windows.Grid, fresh func() []acc) *combiner {
	return &combiner{
		grid: g, fresh: fresh,
		now: entries{accs: fresh()}, old: entries{accs: fresh()}, prefix: fresh(),
	}
}

// ready makes room for groups 0..n-1.
func (c *combiner) ready(n int) {
	c.head = growTo(c.head, n)
	c.inPrefix = growTo(c.inPrefix, n)
	c.place = growTo(c.place, n)
	for _, a := range c.prefix {
		a.grow(n)
	}
}

// load takes the states of slice k in, which must be beyond all slices before.
func (c *combiner) load(k int64, parts []part) {
	c.moveTo(c.grid.Block(k))
	e := &c.now
	lo := len(e.ids)
	for _, p := range parts {
		at := c.enter(e, lo, p.ids)
		for i, a := range e.accs {
			a.grow(len(e.ids))
			if p.batch >= 0 {
				a.load(p.states(i), p.lo, at)
			}
		}
	}
	hi := len(e.ids)
	e.slices = append(e.slices, sliceRun{k: k, lo: lo, hi: hi})
	c.newest = k
	if c.grid.Slices() > 1 { // else the slice is the window
		c.running(lo, hi)
	}
}

// running adds entries of the current block to its running fold.
func (c *combiner) running(lo, hi int) {
	ids := c.now.ids[lo:hi]
	for _, id := range ids {
		c.inPrefix[id] = true
	}
	for i, a := range c.prefix {
		a.fold(ids, c.now.accs[i], c.seq.span(lo, hi))
	}
}

// enter returns where the groups ids are in the slice that begins at entry lo,
// adding those that are not there yet. It overwrites nothing but c.place.
func (c *combiner) enter(e *entries, lo int, ids []int32) []int32 {
	at := make([]int32, len(ids))
	for i, id := range ids {
		p := int(c.place[id])
		if p < lo || p >= len(e.ids) || e.ids[p] != id {
			p = len(e.ids)
			e.ids = append(e.ids, id)
			c.place[id] = int32(p)
		}
		at[i] = int32(p)
	}
	return at
}

// moveTo makes b the current block.
func (c *combiner) moveTo(b int64) {
	if c.started && c.block == b {
		return
	}
	for _, id := range c.old.ids[c.left:] {
		c.head[id] = 0
	}
	if c.grid.Slices() > 1 {
		for _, id := range c.now.ids {
			c.inPrefix[id] = false
		}
		for _, a := range c.prefix {
			a.empty(c.now.ids)
		}
	}
	c.now, c.old = c.old, c.now
	c.now.reset()
	c.left, c.leftRuns = 0, 0
	if c.started && c.grid.Reaches(c.block, b) {
		c.suffixes()
	} else {
		c.old.reset()
	}
	c.block, c.started = b, true
}

// suffixes turns the slices of old into suffixes of their block.
func (c *combiner) suffixes() {
	e := &c.old
	c.next = growTo(c.next[:0], len(e.ids))
	from := make([]int32, 0)
	for i := len(e.slices) - 1; i >= 0; i-- {
		s := e.slices[i]
		e.slices[i].saved = false
		from = from[:0]
		for at := s.lo; at < s.hi; at++ {
			h := c.head[e.ids[at]]
			c.next[at] = h
			from = append(from, h-1)
			c.head[e.ids[at]] = int32(at + 1)
		}
		for _, a := range e.accs {
			a.fold(c.seq.span(s.lo, s.hi), a, from)
		}
	}
}

// leave forgets suffixes that begin before slice k.
func (c *combiner) leave(k int64) {
	for c.leftRuns < len(c.old.slices) && c.old.slices[c.leftRuns].k < k {
		s := c.old.slices[c.leftRuns]
		for at := s.lo; at < s.hi; at++ {
			c.head[c.old.ids[at]] = c.next[at]
		}
		c.left = s.hi
		c.leftRuns++
	}
}

// window combines the window with end number k, of which all slices are loaded,
// into w, whose states must be empty.
func (c *combiner) window(k int64, w *table) {
	c.moveTo(c.grid.Block(k - 1))
	c.leave(c.grid.Begin(k))
	if c.grid.Slices() == 1 {
		c.single(w)
		return
	}
	for id := range c.head {
		if c.head[id] != 0 || c.inPrefix[id] {
			w.ids = append(w.ids, int32(id))
		}
	}
	from := make([]int32, len(w.ids))
	for i, id := range w.ids {
		from[i] = c.head[id] - 1
	}
	to := c.seq.span(0, len(w.ids))
	for i, a := range w.accs {
		a.grow(len(w.ids))
		a.fold(to, c.old.accs[i], from)
		a.fold(to, c.prefix[i], w.ids)
	}
}

// single is window where a window is one slice: w becomes a copy of it.
func (c *combiner) single(w *table) {
	w.ids = append(w.ids, c.now.ids...)
	slices.Sort(w.ids)
	from := make([]int32, len(w.ids))
	for i, id := range w.ids {
		from[i] = c.place[id]
	}
	for i, a := range w.accs {
		a.grow(len(w.ids))
		a.fold(c.seq.span(0, len(w.ids)), c.now.accs[i], from)
	}
}

// forget drops all slices.
func (c *combiner) forget() {
	if !c.started {
		return
	}
	c.moveTo(c.block + 2*c.grid.Slices() + 1)
	c.started = false
}

// use marks the groups that are still needed.
func (c *combiner) use(used []bool) {
	for _, id := range c.now.ids {
		used[id] = true
	}
	for _, id := range c.old.ids[c.left:] {
		used[id] = true
	}
}

// rename gives groups their new ids, of which there are n.
func (c *combiner) rename(to []int32, n int) {
	var ids, news []int32
	for id, t := range to {
		if t < 0 {
			continue
		}
		c.head[t], c.inPrefix[t] = c.head[id], c.inPrefix[id]
		ids, news = append(ids, int32(id)), append(news, t)
	}
	c.head, c.inPrefix, c.place = c.head[:n], c.inPrefix[:n], c.place[:n]
	clear(c.place)
	prefix := c.fresh()
	for i, a := range prefix {
		a.grow(n)
		a.fold(news, c.prefix[i], ids)
	}
	c.prefix = prefix
	for _, e := range []*entries{&c.now, &c.old} {
		for i := range e.slices {
			e.slices[i].saved = false
		}
	}
	for i, id := range c.now.ids {
		c.now.ids[i] = to[id]
	}
	for i, id := range c.old.ids[c.left:] {
		c.old.ids[c.left+i] = to[id]
	}
}
