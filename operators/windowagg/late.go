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
	type hit struct {
		end   int64
		which int
	}
	var hits []hit
	n := 0
	for ; n < len(late) && late[n].end <= f.firedTo; n++ {
		l := &late[n]
		for end := l.end; end <= min(f.firedTo, f.grid.lastEnd(l.k)); end += f.grid.m {
			hits = append(hits, hit{end, n})
		}
		if f.grid.lastEnd(l.k) > f.firedTo {
			f.extra(l.k).merge(&l.table, f.fresh, &f.seq)
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.end, b.end) })
	for lo := 0; lo < len(hits); {
		end, hi := hits[lo].end, lo
		var news []*table
		for ; hi < len(hits) && hits[hi].end == end; hi++ {
			news = append(news, &late[hits[hi].which].table)
		}
		if err := f.refineWindow(ctx, end, news); err != nil {
			return nil, err
		}
		lo = hi
	}
	return late[n:], nil
}

// refineWindow adds states to a fired window and emits the groups whose results
// changed: the old row is deleted, then the new one inserted.
func (f *final) refineWindow(ctx context.Context, end int64, news []*table) error {
	win := f.kept[end]
	if win == nil { // it had no rows when it fired
		win = &table{accs: f.fresh()}
		f.kept[end] = win
	}
	var ids []int32
	for _, t := range news {
		ids = append(ids, t.ids...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	before := win.places(ids, nil)
	win.include(ids, f.fresh)
	// Two states a group: even places hold the old one, odd ones the new.
	pairs := f.fresh()
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
	changed := f.out.changed(pairs, len(ids))
	return f.emitChanges(ctx, end, ids, pairs, func(i int) (had, changes bool) { return before[i] >= 0, changed[i] })
}

// emitChanges emits old and new rows of groups in order of their keys.
func (f *final) emitChanges(ctx context.Context, end int64, ids []int32, pairs []acc, state func(int) (had, changes bool)) error {
	order := make([]int32, len(ids))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return int(f.dict.rank[ids[a]] - f.dict.rank[ids[b]]) })
	var groups, at []int32
	var ops []stream.Op
	for _, i := range order {
		had, changes := state(int(i))
		if had && !changes {
			continue
		}
		if had {
			groups, at, ops = append(groups, ids[i]), append(at, 2*i), append(ops, stream.Delete)
		}
		groups, at, ops = append(groups, ids[i]), append(at, 2*i+1), append(ops, stream.Insert)
	}
	bounds := windows.Window{Start: f.grid.time(end - f.grid.n), End: f.grid.time(end)}
	return f.out.write(ctx, bounds, groups, pairs, at, ops)
}

// expire drops what no window to come needs, and windows that are closed.
func (f *final) expire() {
	for k := range f.kept {
		if f.grid.time(k).Add(f.n.Lateness) <= f.w {
			delete(f.kept, k)
		}
	}
	for k := range f.extras {
		if f.grid.lastEnd(k) <= f.firedTo {
			delete(f.extras, k)
		}
	}
	if f.comb.started && f.comb.newest < f.firedTo+f.grid.m-f.grid.n {
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
