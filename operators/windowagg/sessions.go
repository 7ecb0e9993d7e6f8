package windowagg

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// sessions is the query's half of an aggregation over sessions: it keeps those of
// each group that W has not closed. What the lanes hand over at a cut is merged
// in shard order, so the order in which DOUBLEs are added is given by the log.
// Then sessions with end <= W fire; of a plan with updates all that changed leave.
// A row that was shown is taken back when its session changes, within the allowed
// lateness also behind its end.
type sessions struct {
	*final // the dictionary, the writer and what came
	gap    stream.Time
	accs   []acc
	free   []int32 // states that are empty
	slots  int

	open    [][]session // by group, in order
	due     dueHeap     // groups, by when the first of their sessions is due
	touched []int32     // groups that rows came for since the last cut
	saved   []bool      // by chunk of groups: the last snapshot has it as it is
	old     []change    // rows that were shown and are no more
}

// session is one that is open: its state is at slot.
type session struct {
	fragment
	slot  int32
	shown bool
}

// change is a row that enters or leaves.
type change struct {
	windows.Window
	group, slot int32
	op          stream.Op
}

func newSessions(n *physical.WindowFinal) (operators.Operator, error) {
	if n.Window.Size != 0 {
		return newLimited(n)
	}
	return sessionsOf(n)
}

func sessionsOf(n *physical.WindowFinal) (*sessions, error) {
	if m := marksOf(n.Aggs); n.Window.Gap <= 0 || n.Window.Size < 0 || n.Retracts || m.complete || m.rev != nil {
		return nil, fmt.Errorf("final window aggregation: %s", physical.FormatWindow(n.Window))
	}
	s := emptySessions(n)
	s.gap = stream.Time(n.Window.Gap.Microseconds())
	return s, nil
}

func emptySessions(n *physical.WindowFinal) *sessions {
	s := &sessions{final: &final{n: n, aggs: statesOf(&n.WindowAgg), stateAt: statesAt(&n.WindowAgg), dict: newDictionary(n.KeyTypes), w: stream.MinTime, marks: marksOf(n.Aggs), turn: newTurn(n)}}
	s.accs = s.fresh()
	return s
}

// Open keeps the runtime and loads the state.
func (s *sessions) Open(_ context.Context, rt *operators.Runtime) error {
	return s.begin(rt, s.restore)
}

// begin is Open with an operator's own way to load its state.
func (s *sessions) begin(rt *operators.Runtime, restore func(state.Reader) error) error {
	s.rt = rt
	if rt.State != nil {
		if err := restore(rt.State); err != nil {
			return fmt.Errorf("restore an aggregation over %s: %w", physical.FormatWindow(s.n.Window), err)
		}
	}
	s.out = newFinalWriter(s.final)
	return nil
}

// ProcessBatch keeps what the lanes hand over until the cut.
func (s *sessions) ProcessBatch(_ context.Context, _ operators.Port, b stream.Batch, _ operators.Collector) error {
	if n := int(b.NumRows()); n > 0 {
		b.Retain()
		s.batches = append(s.batches, b)
		s.parts = append(s.parts, part{f: s.final, batch: len(s.batches) - 1, hi: n})
	}
	return nil
}

// ProcessCut merges what came and emits what closes or changed.
func (s *sessions) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	forward := c.W.Add(-s.n.Lateness)
	defer s.release()
	s.out.to = out
	if err := s.mergeAll(s.merge); err != nil {
		return forward, err
	}
	s.w, s.turn.w = c.W, c.W
	changes := s.collect()
	if err := s.emitAll(ctx, changes); err != nil {
		return forward, err
	}
	for _, o := range s.old {
		s.giveBack(o.slot)
	}
	s.old = s.old[:0]
	s.forget()
	s.sweep()
	return forward, s.out.flush(ctx)
}

// mergeAll takes what came since the last cut, a batch at a time.
func (s *sessions) mergeAll(merge func(*part) error) error {
	for i := range s.parts {
		if err := merge(&s.parts[i]); err != nil {
			return err
		}
	}
	if len(s.parts) > 0 {
		s.dict.rankAll()
	}
	return overfull(s.accs)
}

// merge takes the fragments of one batch.
func (s *sessions) merge(p *part) error {
	cols := s.batches[p.batch].Columns()
	ids := make([]int32, p.hi)
	if err := s.dict.find(cols[2:2+len(s.n.Keys)], s.seq.span(0, p.hi), ids); err != nil {
		return err
	}
	s.open = growTo(s.open, s.dict.size())
	s.saved = growTo(s.saved, chunksOf(s.dict.size()))
	firsts, lasts := int64s(cols[0]), int64s(cols[1])
	loaded := 0
	load := func(to int) {
		for i, a := range s.accs {
			a.grow(s.slots)
			if to > loaded {
				a.load(p.states(i), loaded, ids[loaded:to])
			}
		}
		loaded = to
	}
	for row := range p.hi {
		f, group := fragment{stream.Time(firsts[row]), stream.Time(lasts[row])}, ids[row]
		if s.w != stream.MinTime && f.first.Add(s.n.Lateness) < s.w {
			return errLateState
		}
		ids[row] = s.join(group, f, func() { load(row) })
		s.touched = append(s.touched, group)
		s.saved[group/chunkGroups] = false
	}
	load(p.hi)
	return nil
}

// join puts a fragment into the sessions of a group and returns the state that it
// belongs to. settle is called before states are read.
func (s *sessions) join(group int32, f fragment, settle func()) int32 {
	list := s.open[group]
	lo := sort.Search(len(list), func(i int) bool { return !apart(list[i].last, f.first, s.gap) })
	hi := lo
	for hi < len(list) && !apart(f.last, list[hi].first, s.gap) {
		hi++
	}
	if lo == hi {
		slot := s.slot()
		s.open[group] = slices.Insert(list, lo, session{fragment: f, slot: slot})
		return slot
	}
	for i := lo; i < hi; i++ {
		if list[i].shown {
			settle()
			copied := s.slot()
			for _, a := range s.accs {
				a.grow(s.slots)
				a.fold([]int32{copied}, a, []int32{list[i].slot})
			}
			s.old = append(s.old, change{sessionBounds(list[i].fragment, s.gap), group, copied, stream.Delete})
		}
	}
	into := &list[lo]
	into.shown = false
	into.first, into.last = min(into.first, f.first), max(list[hi-1].last, f.last)
	for i := lo + 1; i < hi; i++ {
		settle()
		for _, a := range s.accs {
			a.grow(s.slots)
			a.fold([]int32{into.slot}, a, []int32{list[i].slot})
		}
		s.giveBack(list[i].slot)
	}
	slot := into.slot
	s.open[group] = slices.Delete(list, lo+1, hi)
	return slot
}

// slot returns an empty state.
func (s *sessions) slot() int32 {
	if last := len(s.free) - 1; last >= 0 {
		slot := s.free[last]
		s.free = s.free[:last]
		return slot
	}
	s.slots++
	return int32(s.slots - 1)
}

// giveBack empties a state.
func (s *sessions) giveBack(slot int32) {
	for _, a := range s.accs {
		a.grow(s.slots)
		a.empty([]int32{slot})
	}
	s.free = append(s.free, slot)
}

// collect returns the rows that leave and enter at this cut, in order.
func (s *sessions) collect() []change {
	slices.Sort(s.touched)
	look := slices.Compact(s.touched)
	if s.w != stream.MinTime {
		for len(s.due.list) > 0 && s.due.list[0].at <= s.w {
			look = append(look, heap.Pop(&s.due).(dueGroup).group)
		}
		slices.Sort(look)
		look = slices.Compact(look)
	}
	changes := slices.Clone(s.old)
	for _, g := range look {
		for i := range s.open[g] {
			v := &s.open[g][i]
			bounds := sessionBounds(v.fragment, s.gap)
			if v.shown && s.marks.final && s.turn.final(bounds.End, s.w) { // it was not when it was shown
				changes = append(changes, change{bounds, g, v.slot, stream.Delete}, change{bounds, g, v.slot, stream.Insert})
			}
			if !v.shown && (s.n.Updates || s.w != stream.MinTime && bounds.End <= s.w) {
				v.shown = true
				s.saved[g/chunkGroups] = false
				changes = append(changes, change{bounds, g, v.slot, stream.Insert})
			}
		}
	}
	s.touched = look
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Start, b.Start), cmp.Compare(s.dict.rank[a.group], s.dict.rank[b.group]), cmp.Compare(b.op, a.op))
	})
	return s.unchanged(changes)
}

// unchanged takes out rows that leave in front of equal ones that enter.
func (s *sessions) unchanged(changes []change) []change {
	var pairs []int // where the first of two is
	for i := range len(changes) - 1 {
		a, b := &changes[i], &changes[i+1]
		if a.op == stream.Delete && b.op == stream.Insert && a.group == b.group && a.Window == b.Window {
			pairs = append(pairs, i)
		}
	}
	if len(pairs) == 0 {
		return changes
	}
	accs, from := s.fresh(), make([]int32, 0, 2*len(pairs))
	for _, i := range pairs {
		from = append(from, changes[i].slot, changes[i+1].slot)
	}
	for i, a := range accs {
		a.grow(len(from))
		a.fold(s.seq.span(0, len(from)), s.accs[i], from)
	}
	changed := s.out.changed(accs, len(pairs))
	drop := make([]bool, len(changes))
	for at, i := range pairs {
		same := !changed[at] && (!s.marks.final || !s.turn.final(changes[i].End, s.w))
		drop[i], drop[i+1] = same, same
	}
	kept := changes[:0]
	for i, c := range changes {
		if !drop[i] {
			kept = append(kept, c)
		}
	}
	return kept
}

// emitAll writes changes. A row that leaves and the one in its place stay in one
// batch.
func (s *sessions) emitAll(ctx context.Context, changes []change) error {
	if s.showsRows() {
		return s.emitRows(ctx, changes)
	}
	for len(changes) > 0 {
		n := min(len(changes), batchRowsMax)
		if n < len(changes) && changes[n-1].op == stream.Delete {
			n--
		}
		groups, slots := make([]int32, n), make([]int32, n)
		ops := make([]stream.Op, n)
		fields := s.out.b.Fields()
		for i, c := range changes[:n] {
			groups[i], slots[i], ops[i] = c.group, c.slot, c.op
			fields[0].(*array.TimestampBuilder).Append(arrow.Timestamp(c.Start))
			fields[1].(*array.TimestampBuilder).Append(arrow.Timestamp(c.End))
		}
		if err := s.out.appendRows(fields[2:], groups, s.accs, slots); err != nil {
			return err
		}
		s.out.flag(n, func(_ physical.AggFn, i int) bool {
			return ops[i] == stream.Insert && s.turn.final(changes[i].End, s.w)
		})
		s.out.ops, s.out.rows = ops, n
		if err := s.out.flush(ctx); err != nil {
			return err
		}
		changes = changes[n:]
	}
	return nil
}

// forget drops sessions that nothing can change any more, of the groups that were
// looked at, and notes when the others are due.
func (s *sessions) forget() {
	for _, g := range s.touched {
		list, kept := s.open[g], s.open[g][:0]
		at := stream.MaxTime
		for _, v := range list {
			end := sessionBounds(v.fragment, s.gap).End
			if s.w != stream.MinTime && end.Add(s.n.Lateness) <= s.w {
				s.giveBack(v.slot)
				s.saved[g/chunkGroups] = false
				continue
			}
			if v.shown {
				end = end.Add(s.n.Lateness)
			}
			at = min(at, end)
			kept = append(kept, v)
		}
		clear(list[len(kept):])
		s.open[g] = kept
		if len(kept) == 0 {
			s.open[g] = nil
		} else {
			s.due.add(dueGroup{at, g})
		}
	}
	s.touched = s.touched[:0]
}

// sweep drops groups without sessions from the dictionary, once they may be most
// of it.
func (s *sessions) sweep() {
	if !s.dict.crowded() {
		return
	}
	used := make([]bool, s.dict.size())
	for g, list := range s.open {
		used[g] = len(list) > 0
	}
	to := s.dict.sweep(used)
	if to == nil {
		return
	}
	open := make([][]session, s.dict.size())
	for g, t := range to {
		if t >= 0 {
			open[t] = s.open[g]
		}
	}
	s.open = open
	s.saved = make([]bool, chunksOf(len(open)))
	s.schedule()
}

// schedule makes the heap of what is due from the sessions.
func (s *sessions) schedule() {
	s.due = dueHeap{}
	for g, list := range s.open {
		at := stream.MaxTime
		for _, v := range list {
			end := sessionBounds(v.fragment, s.gap).End
			if v.shown {
				end = end.Add(s.n.Lateness)
			}
			at = min(at, end)
		}
		if len(list) > 0 {
			s.due.add(dueGroup{at, int32(g)})
		}
	}
}

// Close forgets everything.
func (s *sessions) Close() error {
	s.release()
	if s.out != nil {
		s.out.close()
	}
	s.open = nil
	return nil
}

// dueGroup is a group whose first session is due at a time, or later: a session
// that grew is due later than what was noted.
type dueGroup struct {
	at    stream.Time
	group int32
}

// dueHeap holds each group at most once, the earliest first.
type dueHeap struct {
	list  []dueGroup
	noted map[int32]stream.Time
}

// add notes a group unless it is noted for that time or an earlier one.
func (h *dueHeap) add(d dueGroup) {
	if at, ok := h.noted[d.group]; ok && at <= d.at {
		return
	}
	if h.noted == nil {
		h.noted = make(map[int32]stream.Time)
	}
	h.noted[d.group] = d.at
	heap.Push(h, d)
}

// Len is that of heap.Interface.
func (h *dueHeap) Len() int { return len(h.list) }

// Less is that of heap.Interface.
func (h *dueHeap) Less(i, j int) bool { return h.list[i].at < h.list[j].at }

// Swap is that of heap.Interface.
func (h *dueHeap) Swap(i, j int) { h.list[i], h.list[j] = h.list[j], h.list[i] }

// Push is that of heap.Interface.
func (h *dueHeap) Push(x any) { h.list = append(h.list, x.(dueGroup)) }

// Pop is that of heap.Interface.
func (h *dueHeap) Pop() any {
	last := len(h.list) - 1
	d := h.list[last]
	h.list = h.list[:last]
	if h.noted[d.group] == d.at {
		delete(h.noted, d.group)
	}
	return d
}
