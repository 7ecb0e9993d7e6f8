package windowagg

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"weir/operators/stream"
	"weir/windows"
)

// fireAll is the cut of a plan without windows.
func (f *final) fireAll(ctx context.Context, c stream.Cut) error {
	if !atEnd(c) || f.ended {
		return nil
	}
	f.ended = true
	if err := f.noRows(c); err != nil {
		return err
	}
	f.comb.ready(f.dict.size())
	if len(f.parts) == 0 {
		return nil
	}
	f.comb.load(0, f.parts)
	err := f.emitNewest(ctx, windows.Window{})
	f.comb.forget()
	return err
}

// fire handles what came and fires the windows that w has passed.
func (f *final) fire(ctx context.Context, w stream.Time) error {
	limit := f.grid.Passed(w)
	slices.SortStableFunc(f.parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.k, b.k), cmp.Compare(a.end, b.end))
	})
	onTime, late, err := f.divide(limit)
	if err != nil {
		return err
	}
	if late, err = f.refine(ctx, late); err != nil {
		return err
	}
	done, begun := f.firedTo, f.w != stream.MinTime
	for {
		k, ok := f.nextEnd(onTime, late, done, begun)
		if !ok || k > limit {
			break
		}
		for len(late) > 0 && late[0].end <= k {
			f.extra(late[0].k).merge(&late[0].table, f.fresh, &f.seq)
			late = late[1:]
		}
		for len(onTime) > 0 && onTime[0][0].k < k {
			f.comb.load(onTime[0][0].k, onTime[0])
			onTime = onTime[1:]
		}
		if err := f.fireWindow(ctx, k, w); err != nil {
			return err
		}
		done, begun = k, true
	}
	f.firedTo, f.w = limit, w
	f.expire()
	return nil
}

// divide splits what came, which is sorted, into slices that are complete now,
// in ascending order, and late states in order of their first end.
func (f *final) divide(limit int64) (onTime [][]part, late []lateStates, err error) {
	for lo := 0; lo < len(f.parts); {
		p, hi := &f.parts[lo], lo+1
		for hi < len(f.parts) && f.parts[hi].k == p.k && f.parts[hi].end == p.end {
			hi++
		}
		fired := f.w != stream.MinTime && p.end <= f.firedTo
		switch {
		case p.end > limit:
			return nil, nil, fmt.Errorf("states came for a window that ends at %d, beyond W", f.grid.Time(p.end))
		case fired && f.closed(p.end):
			return nil, nil, errLateState
		case !fired && p.end == f.grid.FirstEnd(p.k):
			onTime = append(onTime, f.parts[lo:hi])
		default:
			late = append(late, f.lateStates(f.parts[lo:hi]))
		}
		lo = hi
	}
	slices.SortStableFunc(late, func(a, b lateStates) int { return cmp.Compare(a.end, b.end) })
	return onTime, late, nil
}

// nextEnd returns the number of the first window after done that anything is
// in. begun tells that done is set. Windows that nobody has rows for are skipped
// without being looked at.
func (f *final) nextEnd(onTime [][]part, late []lateStates, done int64, begun bool) (k int64, ok bool) {
	take := func(end int64) {
		if !ok || end < k {
			k, ok = end, true
		}
	}
	if len(onTime) > 0 {
		take(onTime[0][0].end)
	}
	if len(late) > 0 {
		take(late[0].end)
	}
	if begun {
		next := f.grid.Next(done)
		begin := f.grid.Begin(next)
		if f.comb.started && f.comb.newest >= begin {
			take(next)
		}
		for s := range f.extras {
			if s >= begin {
				take(next)
				break
			}
		}
	}
	return k, ok
}

// fireWindow emits the window with end number k, and keeps it if it may be refined.
func (f *final) fireWindow(ctx context.Context, k int64, w stream.Time) error {
	bounds := f.grid.Window(k)
	keep := f.n.Lateness > 0 && bounds.End.Add(f.n.Lateness) > w
	if f.grid.Slices() == 1 && !keep {
		f.comb.moveTo(f.grid.Block(k - 1))
		return f.emitNewest(ctx, bounds)
	}
	win := &f.win
	if keep {
		win = &table{accs: f.fresh()}
		f.kept[k] = win
	}
	f.comb.window(k, win)
	for _, s := range f.extraSlices(f.grid.Begin(k), k) {
		win.merge(f.extras[s], f.fresh, &f.seq)
	}
	err := f.emit(ctx, bounds, win)
	if !keep {
		win.ids = win.ids[:0]
		for _, a := range win.accs {
			a.reset()
		}
	}
	return err
}

// emitNewest emits the one slice that the combiner holds as a window.
func (f *final) emitNewest(ctx context.Context, bounds windows.Window) error {
	ids, at := f.ordered(f.comb.now.ids)
	ids, at = f.alive(ids, at, f.comb.now.accs)
	return f.out.write(ctx, bounds, ids, f.comb.now.accs, at, nil)
}

// emit emits a window.
func (f *final) emit(ctx context.Context, bounds windows.Window, win *table) error {
	ids, at := f.ordered(win.ids)
	ids, at = f.alive(ids, at, win.accs)
	return f.out.write(ctx, bounds, ids, win.accs, at, nil)
}

// ordered returns groups in order of their keys, and where in list each one is.
func (f *final) ordered(list []int32) (ids, at []int32) {
	place := f.comb.place
	for i, id := range list {
		place[id] = int32(i)
	}
	ids, at = make([]int32, 0, len(list)), make([]int32, len(list))
	if 8*len(list) > len(f.dict.order) {
		for _, id := range f.dict.order {
			if p := int(place[id]); p < len(list) && list[p] == id {
				ids = append(ids, id)
			}
		}
	} else {
		ids = append(ids, list...)
		f.dict.byKey(ids)
	}
	for i, id := range ids {
		at[i] = place[id]
	}
	return ids, at
}
