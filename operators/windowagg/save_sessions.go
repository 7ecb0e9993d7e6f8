package windowagg

import (
	"context"
	"fmt"
	"math"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// Snapshot writes what changed since the one before. The numbers of a session are
// its first and last row, and whether it was shown.
func (s *sessions) Snapshot(_ context.Context, w state.Writer) error {
	s.open = growTo(s.open, s.dict.size())
	s.saveSlots(w, func(lo, hi int) (c slotChunk) {
		for _, list := range s.open[lo:hi] {
			c.counts = append(c.counts, int32(len(list)))
			for _, v := range list {
				shown := int64(0)
				if v.shown {
					shown = 1
				}
				c.numbers, c.slots = append(c.numbers, int64(v.first), int64(v.last), shown), append(c.slots, v.slot)
			}
		}
		return c
	})
	return nil
}

// restore loads the query's half.
func (s *sessions) restore(from state.Reader) error {
	check := func(r *page.Reader, c *slotChunk) int { return threes(r, c, math.MaxInt32, "sessions") }
	if err := s.restoreSlots(from, check, s.restoreSessions); err != nil {
		return err
	}
	s.schedule()
	return s.checkOrder()
}

func (s *sessions) restoreSessions(c *slotChunk) error {
	numbers := c.numbers
	for _, n := range c.counts {
		list := make([]session, 0, n)
		for range n {
			f := fragment{stream.Time(numbers[0]), stream.Time(numbers[1])}
			if f.last < f.first || len(list) > 0 && !apart(list[len(list)-1].last, f.first, s.gap) {
				return fmt.Errorf("%w: sessions in disorder", page.ErrDamaged)
			}
			list = append(list, session{fragment: f, slot: s.nextSlot(), shown: numbers[2] != 0})
			numbers = numbers[3:]
		}
		s.open = append(s.open, list)
	}
	return nil
}
