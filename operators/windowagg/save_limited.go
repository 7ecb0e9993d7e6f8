package windowagg

import (
	"context"
	"fmt"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// Snapshot writes what changed since the one before. A group's numbers are the
// bounds of its head, if it has one, then the times of its points; its count is twice
// the points, and one more where there is a head.
func (s *limited) Snapshot(_ context.Context, w state.Writer) error {
	s.chains = growTo(s.chains, s.dict.size())
	s.saveSlots(w, func(lo, hi int) (out slotChunk) {
		for i := range s.chains[lo:hi] {
			c := &s.chains[lo+i]
			n := int32(2 * len(c.points))
			if c.begun {
				n++
				out.numbers, out.slots = append(out.numbers, int64(c.head.first), int64(c.head.last)), append(out.slots, c.slot)
			}
			for _, p := range c.points {
				out.numbers, out.slots = append(out.numbers, int64(p.at)), append(out.slots, p.slot)
			}
			out.counts = append(out.counts, n)
		}
		return out
	})
	return nil
}

// restore loads the query's half.
func (s *limited) restore(from state.Reader) error {
	if err := s.restoreSlots(from, checkChains, s.restoreChains); err != nil {
		return err
	}
	s.schedule()
	return s.checkOrder()
}

func checkChains(r *page.Reader, c *slotChunk) int {
	states, left := 0, len(c.numbers)
	for _, n := range c.counts {
		points, heads := int(n)/2, int(n)%2
		if n < 0 || points+2*heads > left {
			r.Fail("%d event times of a group", n)
			return 0
		}
		states, left = states+points+heads, left-points-2*heads
	}
	if left != 0 {
		r.Fail("%d event times too many", left)
	}
	return states
}

func (s *limited) restoreChains(chunk *slotChunk) error {
	numbers := chunk.numbers
	for _, n := range chunk.counts {
		c := rowChain{begun: n%2 == 1}
		before := stream.MinTime
		if c.begun {
			c.head, c.slot = fragment{stream.Time(numbers[0]), stream.Time(numbers[1])}, s.nextSlot()
			before = c.head.last
			if c.head.last < c.head.first || c.head.last >= s.end(c.head) {
				return fmt.Errorf("%w: a session that is over", page.ErrDamaged)
			}
			numbers = numbers[2:]
		}
		for range n / 2 {
			p := point{stream.Time(numbers[0]), s.nextSlot()}
			if p.at < before || p.at == before && len(c.points) > 0 {
				return fmt.Errorf("%w: event times in disorder", page.ErrDamaged)
			}
			c.points, before, numbers = append(c.points, p), p.at, numbers[1:]
		}
		s.chains = append(s.chains, c)
	}
	return nil
}
