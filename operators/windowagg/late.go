package windowagg

import (
	"cmp"
	"context"
	"slices"

	"weir/operators/stream"
	"weir/windows"
)

// lateStates are the states of rows that missed a window, or that came when
// their slice was combined already: a slice's rows for windows from end on.
type lateStates struct {
	k, end int64
	table
}

// lateStates merges parts of one (slice, first end) in their order.
func (f *final) lateStates(parts []part) lateStates {
	var all []int32
	for _, p := range parts {
		all = append(all, p.ids...)
	}
	slices.Sort(all)
	l := lateStates{k: parts[0].k, end: parts[0].end}
	l.include(slices.Compact(all), f.fresh)
	for _, p := range parts {
		at := make([]int32, len(p.ids))
		for i, id := range p.ids {
			at[i] = l.find(id)
		}
		for i, a := range l.accs {
			a.load(p.states(i), p.lo, at)
		}
	}
	return l
}

// extra returns the late states of slice k for windows to come.
func (f *final) extra(k int64) *table {
	t := f.extras[k]
	if t == nil {
		t = &table{accs: f.fresh()}
		f.extras[k] = t
	}
	return t
}

// extraSlices returns the slices in [lo, hi) that have late states, in order.
func (f *final) extraSlices(lo, hi int64) []int64 {
	var out []int64
	for k := range f.extras {
		if lo <= k && k < hi {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// refine takes those late states that fired windows are made of into these, and
// emits what changed. It returns the others, whose windows fire at this cut.
func (f *final) refine(ctx context.Context, late []lateStates) ([]lateStates, error) {
	if f.w == stream.MinTime {
		return late, nil
	}
	n := 0
	for ; n < len(late) && late[n].end <= f.firedTo; n++ {
		l := &late[n]
		if f.grid.LastEnd(l.k) > f.firedTo {
			f.extra(l.k).merge(&l.table, f.fresh, &f.seq)
		}
	}
	return late[n:], f.changeWindows(ctx, late[:n], f.firedTo)
}

// changeWindows adds states to the windows that they are for, as far as those
// end at limit or before, and emits what changed, in order of the ends.
func (f *final) changeWindows(ctx context.Context, states []lateStates, limit int64) error {
	type hit struct {
		end   int64
		which int
	}
	var hits []hit
	for i := range states {
		l := &states[i]
		for end := l.end; end <= min(limit, f.grid.LastEnd(l.k)); end = f.grid.Next(end) {
			hits = append(hits, hit{end, i})
		}
	}
	if f.marks.final || f.marks.complete {
		for end := range f.kept {
			if f.marks.turns(&f.turn, f.grid.Window(end)) {
				hits = append(hits, hit{end, -1})
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.end, b.end) })
	for lo := 0; lo < len(hits); {
		end, hi := hits[lo].end, lo
		var news []*table
		for ; hi < len(hits) && hits[hi].end == end; hi++ {
			if which := hits[hi].which; which >= 0 {
				news = append(news, &states[which].table)
			}
		}
		if err := f.refineWindow(ctx, end, news); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// refineWindow adds states to a window and emits the groups whose results changed
// since they were shown: the old row is deleted, then the new one inserted. Where a
// mark of the window turns, all of its rows change.
func (f *final) refineWindow(ctx context.Context, end int64, news []*table) error {
	win := f.kept[end]
	if win == nil { // it had no rows until now
		win = &table{accs: f.fresh()}
		f.kept[end] = win
	}
	var ids []int32
	for _, t := range news {
		ids = append(ids, t.ids...)
	}
	bounds := f.grid.Window(end)
	turns := f.marks.turns(&f.turn, bounds)
	if turns {
		ids = append(ids, win.ids...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	before := win.places(ids, nil)
	win.include(ids, f.fresh)
	// Two states a group: even places hold the old one, odd ones the new.
	pairs := f.pairs()
	defer release(pairs)
	even, odd := make([]int32, len(ids)), make([]int32, len(ids))
	for i := range ids {
		even[i], odd[i] = int32(2*i), int32(2*i+1)
	}
	at := win.places(ids, nil)
	for i, a := range pairs {
		a.grow(2 * len(ids))
		a.fold(even, win.accs[i], at)
	}
	for _, t := range news {
		win.merge(t, f.fresh, &f.seq)
	}
	for i, a := range pairs {
		a.fold(odd, win.accs[i], at)
	}
	order := make([]int32, len(ids))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return int(f.dict.rank[ids[a]] - f.dict.rank[ids[b]]) })
	changed := f.out.changed(pairs, len(ids))
	f.count(bounds, win, pairs, changed, before, at)
	for i := range changed {
		changed[i] = changed[i] || turns
	}
	return f.emitChanges(ctx, bounds, ids, order, pairs, changed, func(i int32) bool { return before[i] >= 0 })
}

// count counts the changes of groups of a window that has fired, those that a row
// was shown of before.
func (f *final) count(bounds windows.Window, win *table, pairs []acc, changed []bool, before, at []int32) {
	if len(f.marks.rev) == 0 || f.w == stream.MinTime || bounds.End > f.w {
		return
	}
	for i := range changed {
		even, odd := int32(2*i), int32(2*i+1)
		if before[i] < 0 || !changed[i] && f.lives(pairs, even) == f.lives(pairs, odd) {
			continue
		}
		for _, rev := range f.marks.rev {
			pairs[rev].(*revAcc).n[odd]++
			win.accs[rev].(*revAcc).n[at[i]]++
		}
	}
}

// emitChanges emits the old and new rows of the groups ids whose results changed.
// Group ids[i] has the states 2i (old) and 2i+1 (new) of pairs, and changed[i] tells
// whether they differ; had tells whether
// its old row was shown. order is the order of the groups' keys.
func (f *final) emitChanges(ctx context.Context, bounds windows.Window, ids, order []int32, pairs []acc, changed []bool, had func(i int32) bool) error {
	var groups, at []int32
	var ops []stream.Op
	for _, i := range order {
		old, now := had(i) && f.lives(pairs, 2*i), f.lives(pairs, 2*i+1)
		if old && now && !changed[i] {
			continue
		}
		if old {
			groups, at, ops = append(groups, ids[i]), append(at, 2*i), append(ops, stream.Delete)
		}
		if now {
			groups, at, ops = append(groups, ids[i]), append(at, 2*i+1), append(ops, stream.Insert)
		}
	}
	return f.out.write(ctx, bounds, groups, pairs, at, ops)
}

// closed tells whether W has passed window end number k so far that no row may
// come for it.
func (f *final) closed(k int64) bool { return f.grid.Time(k).Add(f.n.Lateness) <= f.w }

// expire drops what no window to come needs, and windows that are closed.
func (f *final) expire() {
	for k := range f.kept {
		if f.closed(k) {
			delete(f.kept, k)
		}
	}
	for k := range f.extras {
		if f.grid.LastEnd(k) <= f.firedTo {
			delete(f.extras, k)
		}
	}
	if f.comb.started && f.comb.newest < f.grid.Begin(f.grid.Next(f.firedTo)) {
		f.comb.forget()
	}
}

// sweep drops groups from the dictionary that no state mentions, once they may
// be most of it.
func (f *final) sweep() {
	if !f.dict.crowded() {
		return
	}
	used := make([]bool, f.dict.size())
	f.comb.use(used)
	tables := make([]*table, 0, len(f.extras)+len(f.kept))
	for _, t := range f.extras {
		tables = append(tables, t)
	}
	for _, t := range f.kept {
		tables = append(tables, t)
	}
	for _, t := range tables {
		for _, id := range t.ids {
			used[id] = true
		}
	}
	to := f.dict.sweep(used)
	if to == nil {
		return
	}
	f.comb.rename(to, f.dict.size())
	for _, t := range tables {
		t.rename(to)
	}
}
