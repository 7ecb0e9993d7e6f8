package windowagg

import (
	"context"
	"fmt"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// Snapshot writes what changed since the one before. The numbers of a pane are how
// many rows it has, and its least and greatest event time.
func (s *counts) Snapshot(_ context.Context, w state.Writer) error {
	s.lists = growTo(s.lists, s.dict.size())
	s.saveSlots(w, func(lo, hi int) (c slotChunk) {
		for _, list := range s.lists[lo:hi] {
			c.counts = append(c.counts, int32(len(list)))
			for _, p := range list {
				c.numbers, c.slots = append(c.numbers, p.rows, int64(p.first), int64(p.last)), append(c.slots, p.slot)
			}
		}
		return c
	})
	return nil
}

// restore loads the query's half.
func (s *counts) restore(from state.Reader) error {
	check := func(r *page.Reader, c *slotChunk) int { return threes(r, c, s.panes, "panes") }
	return s.restoreSlots(from, check, s.restorePanes)
}

func (s *counts) restorePanes(c *slotChunk) error {
	numbers := c.numbers
	for _, n := range c.counts {
		list := make([]pane, 0, n)
		for i := range n {
			p := pane{numbers[0], stream.Time(numbers[1]), stream.Time(numbers[2]), s.nextSlot()}
			whole := p.rows == s.paneRows
			if p.rows <= 0 || p.rows > s.paneRows || !whole && i < n-1 || whole && int(i) == s.panes-1 || p.last < p.first {
				return fmt.Errorf("%w: a pane of %d rows", page.ErrDamaged, p.rows)
			}
			list, numbers = append(list, p), numbers[3:]
		}
		s.lists = append(s.lists, list)
	}
	return nil
}
