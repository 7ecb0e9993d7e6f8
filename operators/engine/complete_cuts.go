package engine

import (
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/state/page"
	"weir/operators/stream"
	"weir/operators/stream/keys"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// cuts knows which sessions of a greatest length are whole. Where one of them is cut
// moves all that follow without a pause, so behind one that an unseen row may have
// been part of none is known until the group was silent for the gap.
type cuts struct {
	gap   stream.Time
	types []types.Type // of the keys, which stand behind the bounds
	// open are the sessions of each group that were held back, as long as another may
	// follow them without a pause.
	open map[string][]windows.Window
	cols []keys.Column
	buf  []byte
}

func newCuts(n *physical.WindowFinal) *cuts {
	return &cuts{
		gap: stream.Time(n.Window.Gap.Microseconds()), types: n.KeyTypes, open: map[string][]windows.Window{},
		cols: make([]keys.Column, len(n.KeyTypes)),
	}
}

// of takes the batch that is judged.
func (c *cuts) of(b stream.Batch) {
	for i, t := range c.types {
		c.cols[i] = keys.Of(b.Column(2+i), t)
	}
}

// whole tells whether the session in a row is whole; seen tells that no unseen row
// may have been in it. One that is taken back is judged as it was when it came.
func (c *cuts) whole(b stream.Batch, row int, seen bool) bool {
	c.buf = c.buf[:0]
	for i := range c.cols {
		c.buf = c.cols[i].Append(c.buf, row)
	}
	win := windows.Window{
		Start: stream.Time(b.Column(0).(*array.Timestamp).Value(row)), End: stream.Time(b.Column(1).(*array.Timestamp).Value(row)),
	}
	held := c.open[string(c.buf)]
	if at := slices.Index(held, win); at >= 0 {
		if b.Ops != nil && b.Ops[row] == stream.Delete {
			c.open[string(c.buf)] = slices.Delete(held, at, at+1)
		}
		return false
	}
	if b.Ops != nil && b.Ops[row] == stream.Delete {
		return true
	}
	follows := func(v windows.Window) bool { return v.Start < win.Start && win.Start < stopAt(v.End, c.gap) }
	if seen && !slices.ContainsFunc(held, follows) {
		return true
	}
	c.open[string(c.buf)] = append(held, win)
	return false
}

// stopAt returns t + d, staying at the end of time.
func stopAt(t, d stream.Time) stream.Time {
	if t > stream.MaxTime-d {
		return stream.MaxTime
	}
	return t + d
}

// forget drops sessions that none can follow any more without a pause, now that no
// row below w will come.
func (c *cuts) forget(w stream.Time) {
	for k, held := range c.open {
		held = slices.DeleteFunc(held, func(v windows.Window) bool { return stopAt(v.End, 2*c.gap) <= w })
		if len(held) == 0 {
			delete(c.open, k)
		} else {
			c.open[k] = held
		}
	}
}

func (c *cuts) save(p *page.Writer) {
	p.Int(int64(len(c.open)))
	for _, k := range slices.Sorted(maps.Keys(c.open)) {
		p.Blob([]byte(k))
		p.Int(int64(len(c.open[k])))
		for _, v := range c.open[k] {
			p.Int64s([]int64{int64(v.Start), int64(v.End)})
		}
	}
}

func (c *cuts) restore(r *page.Reader) {
	for range r.Count(16) {
		k := string(r.Blob())
		for bounds := r.Int64s(nil, 2*r.Count(16)); len(bounds) > 1; bounds = bounds[2:] {
			c.open[k] = append(c.open[k], windows.Window{Start: stream.Time(bounds[0]), End: stream.Time(bounds[1])})
		}
	}
}
