package windowagg

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"weir/operators/stream"
	"weir/windows"
)

// updateWindows is the cut of a plan that shows windows before they close: what
// came goes into every window that it is for, and rows that changed leave. A
// window that closes says nothing more, since its last row has left; it is
// forgotten once no row may come for it.
//
// Windows hold their own states here, not slices: a row shows in each of its
// windows at once, so a cut costs as much as it emits in any case.
func (f *final) updateWindows(ctx context.Context, w stream.Time) error {
	slices.SortStableFunc(f.parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.k, b.k), cmp.Compare(a.end, b.end))
	})
	var news []lateStates
	for lo := 0; lo < len(f.parts); {
		p, hi := &f.parts[lo], lo+1
		for hi < len(f.parts) && f.parts[hi].k == p.k && f.parts[hi].end == p.end {
			hi++
		}
		if f.w != stream.MinTime && f.closed(p.end) {
			return errLateState
		}
		news = append(news, f.lateStates(f.parts[lo:hi]))
		lo = hi
	}
	if err := f.changeWindows(ctx, news, math.MaxInt64); err != nil {
		return err
	}
	f.w = w
	if w != stream.MinTime {
		f.expire()
	}
	return nil
}

// updateGroups is the cut of a plan without windows that shows groups as they
// change. A group, and its place in the dictionary, stays for ever.
func (f *final) updateGroups(ctx context.Context, c stream.Cut) error {
	if err := f.noRows(c); err != nil || len(f.parts) == 0 {
		return err
	}
	var ids []int32
	for _, p := range f.parts {
		ids = append(ids, p.ids...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	f.changeGroups(ids)
	pairs := f.pairs()
	defer release(pairs)
	even, odd := make([]int32, len(ids)), make([]int32, len(ids))
	for i := range ids {
		even[i], odd[i] = int32(2*i), int32(2*i+1)
	}
	for i, a := range pairs {
		a.grow(2 * len(ids))
		all := f.groups[i]
		all.grow(f.dict.size())
		a.fold(even, all, ids)
		for _, p := range f.parts {
			if p.batch >= 0 {
				all.load(p.states(i), p.lo, p.ids)
			}
		}
		a.fold(odd, all, ids)
	}
	shown := f.shown
	f.shown = f.dict.size()
	return f.emitChanges(ctx, windows.Window{}, ids, f.byKey(ids), pairs, f.out.changed(pairs, len(ids)), func(i int32) bool { return int(ids[i]) < shown })
}

// byKey returns the places of ids, which ascend, in order of the groups' keys.
func (f *final) byKey(ids []int32) []int32 {
	order := slices.Clone(ids)
	f.dict.groups.sort(order)
	for i, id := range order {
		at, ok := slices.BinarySearch(ids, id)
		if !ok {
			panic(fmt.Sprintf("group %d is not among those that changed", id))
		}
		order[i] = int32(at)
	}
	return order
}
