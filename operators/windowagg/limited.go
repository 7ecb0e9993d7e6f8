package windowagg

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"sort"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// limited is the query's half of an aggregation over sessions that last a greatest
// length. Where they are cut depends on all rows of the group in order of their
// event times: one that comes between two others moves each cut behind it. So a
// group keeps one state per event time, as far as rows may still come in front of
// it, and behind that the one session that is not over. A session is the fold of
// its states in order of their times, so what it shows does not depend on how much
// of it was folded when.
//
// What was shown before a cut follows from the states, too: all sessions of a plan
// with updates, else those that W had passed.
type limited struct {
	sessions
	longest stream.Time
	chains  []rowChain
	spare   []int32 // states that were made for this cut alone

	cuts      []cutSession // scratch of cut
	ids, from []int32      // scratch of fold and settle
}

// rowChain is the rows of a group that are not forgotten, in order of their times.
type rowChain struct {
	head    fragment // rows that none can come in front of any more
	slot    int32    // of head
	begun   bool     // there is a head
	touched bool     // rows came since the last cut
	points  []point  // rows behind it
}

// point is the rows of one event time.
type point struct {
	at   stream.Time
	slot int32
}

// cutSession is a session as the rows at hand make it: the head if it holds that,
// and the points lo..hi-1.
type cutSession struct {
	windows.Window
	head   bool
	lo, hi int
}

func newLimited(n *physical.WindowFinal) (operators.Operator, error) {
	s, err := sessionsOf(n)
	if err == nil && s.marks.any() {
		err = fmt.Errorf("final window aggregation: marks of %s", physical.FormatWindow(n.Window))
	}
	if err != nil {
		return nil, err
	}
	return &limited{sessions: *s, longest: stream.Time(n.Window.Size.Microseconds())}, nil
}

// Open keeps the runtime and loads the state.
func (s *limited) Open(_ context.Context, rt *operators.Runtime) error {
	return s.begin(rt, s.restore)
}

// ProcessCut merges what came and emits what closes or changed.
func (s *limited) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	forward := c.W.Add(-s.n.Lateness)
	defer s.release()
	s.out.to = out
	if err := s.mergeAll(s.merge); err != nil {
		return forward, err
	}
	changes := s.collect(c.W)
	if err := s.emitAll(ctx, changes); err != nil {
		return forward, err
	}
	for _, slot := range s.spare {
		s.giveBack(slot)
	}
	s.old, s.spare = s.old[:0], s.spare[:0]
	s.settleAll()
	s.sweep()
	return forward, s.out.flush(ctx)
}

// merge takes the states of one batch, one per group and event time.
func (s *limited) merge(p *part) error {
	cols := s.batches[p.batch].Columns()
	ids := make([]int32, p.hi)
	if err := s.dict.find(cols[2:2+len(s.n.Keys)], s.seq.span(0, p.hi), ids); err != nil {
		return err
	}
	s.chains = growTo(s.chains, s.dict.size())
	s.saved = growTo(s.saved, chunksOf(s.dict.size()))
	for _, g := range ids {
		if c := &s.chains[g]; !c.touched {
			c.touched = true
			s.touched = append(s.touched, g)
			s.saved[g/chunkGroups] = false
			s.remember(g, c)
		}
	}
	for row, t := range int64s(cols[0]) {
		at := stream.Time(t)
		if s.w != stream.MinTime && at.Add(s.n.Lateness) < s.w {
			return errLateState
		}
		ids[row] = s.point(&s.chains[ids[row]], at)
	}
	for i, a := range s.accs {
		a.grow(s.slots)
		a.load(p.states(i), 0, ids)
	}
	return nil
}

// point returns the state of an event time of a group.
func (s *limited) point(c *rowChain, at stream.Time) int32 {
	i := len(c.points)
	if i > 0 && c.points[i-1].at >= at {
		i = sort.Search(i, func(i int) bool { return c.points[i].at >= at })
		if c.points[i].at == at {
			return c.points[i].slot
		}
	}
	p := point{at, s.slot()}
	c.points = slices.Insert(c.points, i, p)
	return p.slot
}

// remember notes what the group showed before rows came.
func (s *limited) remember(g int32, c *rowChain) {
	if !s.n.Updates && (s.n.Lateness == 0 || s.w == stream.MinTime) {
		return
	}
	for _, v := range s.cut(c, s.limit(s.w)) {
		s.old = append(s.old, change{v.Window, g, s.fold(c, v), stream.Delete})
	}
}

// limit is up to which end sessions are shown where the watermark is w.
func (s *limited) limit(w stream.Time) stream.Time {
	if s.n.Updates {
		return stream.MaxTime
	}
	return w
}

// end returns when a session that holds f is over.
func (s *limited) end(f fragment) stream.Time {
	return min(sessionBounds(f, s.gap).End, sessionBounds(fragment{f.first, f.first}, s.longest).End)
}

// cut returns the sessions of a group that end at limit or before, until the next call.
func (s *limited) cut(c *rowChain, limit stream.Time) []cutSession {
	out := s.cuts[:0]
	defer func() { s.cuts = out }()
	if limit == stream.MinTime {
		return nil
	}
	f, lo := c.head, 0
	if !c.begun {
		if len(c.points) == 0 {
			return nil
		}
		f = fragment{c.points[0].at, c.points[0].at}
	}
	head := c.begun
	for i := range len(c.points) + 1 {
		end := s.end(f)
		if i < len(c.points) && c.points[i].at < end {
			f.last = max(f.last, c.points[i].at)
			continue
		}
		if end > limit {
			return out
		}
		out = append(out, cutSession{windows.Window{Start: f.first, End: end}, head, lo, i})
		if i < len(c.points) {
			f, lo, head = fragment{c.points[i].at, c.points[i].at}, i, false
		}
	}
	return out
}

// fold returns the state of a session, which may be one that is made for this cut.
func (s *limited) fold(c *rowChain, v cutSession) int32 {
	into := s.slot()
	s.spare = append(s.spare, into)
	ids, from := s.ids[:0], s.from[:0]
	if v.head {
		ids, from = append(ids, into), append(from, c.slot)
	}
	for _, p := range c.points[v.lo:v.hi] {
		ids, from = append(ids, into), append(from, p.slot)
	}
	for _, a := range s.accs {
		a.grow(s.slots)
		a.fold(ids, a, from)
	}
	s.ids, s.from = ids, from
	return into
}

// collect returns the rows that leave and enter at this cut, in order, and takes
// the watermark over.
func (s *limited) collect(w stream.Time) []change {
	before := s.limit(s.w)
	s.w = w
	slices.Sort(s.touched)
	look := s.touched
	if w != stream.MinTime {
		for len(s.due.list) > 0 && s.due.list[0].at <= w {
			look = append(look, heap.Pop(&s.due).(dueGroup).group)
		}
		slices.Sort(look)
		look = slices.Compact(look)
	}
	changes := slices.Clone(s.old)
	for _, g := range look {
		c := &s.chains[g]
		for _, v := range s.cut(c, s.limit(w)) {
			if c.touched || v.End > before {
				changes = append(changes, change{v.Window, g, s.fold(c, v), stream.Insert})
			}
		}
	}
	s.touched = look
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Start, b.Start), cmp.Compare(s.dict.rank[a.group], s.dict.rank[b.group]), cmp.Compare(b.op, a.op))
	})
	return s.unchanged(changes)
}

// settleAll folds what is complete, of the groups that were looked at, forgets what
// nothing can change any more, and notes when the groups are due.
func (s *limited) settleAll() {
	for _, g := range s.touched {
		c := &s.chains[g]
		c.touched = false
		if s.w != stream.MinTime && s.settle(c, s.w.Add(-s.n.Lateness)) {
			s.saved[g/chunkGroups] = false
		}
		s.note(g)
	}
	s.touched = s.touched[:0]
}

// settle takes the rows before complete into the head, since none can come in front
// of them, and drops a head that is over. It tells whether anything changed.
func (s *limited) settle(c *rowChain, complete stream.Time) (changed bool) {
	n, ids, from := 0, s.ids[:0], s.from[:0]
	fold := func() {
		for _, a := range s.accs {
			a.fold(ids, a, from)
		}
		for _, slot := range from {
			s.giveBack(slot)
		}
		ids, from = ids[:0], from[:0]
	}
	for ; n < len(c.points) && (c.points[n].at < complete || complete == stream.MaxTime); n++ {
		p := c.points[n]
		if c.begun && p.at < s.end(c.head) {
			c.head.last = p.at
			ids, from = append(ids, c.slot), append(from, p.slot)
			continue
		}
		fold()
		if c.begun {
			s.giveBack(c.slot)
		}
		c.head, c.slot, c.begun = fragment{p.at, p.at}, p.slot, true
	}
	fold()
	s.ids, s.from = ids, from
	changed = n > 0
	c.points = slices.Delete(c.points, 0, n)
	if c.begun && s.end(c.head) <= complete {
		s.giveBack(c.slot)
		c.begun, changed = false, true
	}
	if !c.begun && len(c.points) == 0 {
		c.points = nil
	}
	return changed
}

// note says when the group is to be looked at again.
func (s *limited) note(g int32) {
	c := &s.chains[g]
	at := stream.MaxTime
	for _, v := range s.cut(c, stream.MaxTime) {
		if s.w != stream.MinTime && v.End <= s.w || s.n.Updates {
			at = min(at, v.End.Add(s.n.Lateness))
			continue
		}
		at = min(at, v.End)
		break
	}
	if c.begun || len(c.points) > 0 {
		s.due.add(dueGroup{at, g})
	}
}

// sweep drops groups without rows from the dictionary, once they may be most of it.
func (s *limited) sweep() {
	if !s.dict.crowded() {
		return
	}
	used := make([]bool, s.dict.size())
	for g := range s.chains {
		used[g] = s.chains[g].begun || len(s.chains[g].points) > 0
	}
	to := s.dict.sweep(used)
	if to == nil {
		return
	}
	chains := make([]rowChain, s.dict.size())
	for g, t := range to {
		if t >= 0 {
			chains[t] = s.chains[g]
		}
	}
	s.chains = chains
	s.saved = make([]bool, chunksOf(len(chains)))
	s.schedule()
}

// schedule makes the heap of what is due from the rows.
func (s *limited) schedule() {
	s.due = dueHeap{}
	for g := range s.chains {
		s.note(int32(g))
	}
}

// Close forgets everything.
func (s *limited) Close() error {
	s.chains = nil
	return s.sessions.Close()
}

// chunksOf returns how many chunks n groups have.
func chunksOf(n int) int { return (n + chunkGroups - 1) / chunkGroups }
