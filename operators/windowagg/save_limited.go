package windowagg

import (
	"context"
	"fmt"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// Snapshot writes what changed since the one before, in the pages that other
// sessions have. A group's numbers are the bounds of its head, if it has one, then
// the times of its points.
func (s *limited) Snapshot(_ context.Context, w state.Writer) error {
	m := page.NewWriter(pageVersion, 24)
	m.Int(int64(s.w))
	m.Int(int64(s.dict.size()))
	m.Bool(len(s.dict.order) > 0)
	w.Put(metaPage, m.Bytes())
	s.dict.save(w)
	s.chains = growTo(s.chains, s.dict.size())
	s.saved = growTo(s.saved, chunksOf(len(s.chains)))
	for lo := 0; lo < len(s.chains); lo += chunkGroups {
		name := chunkPage('s', lo)
		if s.saved[lo/chunkGroups] {
			w.Keep(name)
			continue
		}
		s.saved[lo/chunkGroups] = true
		w.Put(name, s.saveChains(s.chains[lo:min(lo+chunkGroups, len(s.chains))]))
	}
	return nil
}

func (s *limited) saveChains(chains []rowChain) []byte {
	var counts, slots []int32
	var numbers []int64
	for i := range chains {
		c := &chains[i]
		n := int32(2 * len(c.points))
		if c.begun {
			n++
			numbers, slots = append(numbers, int64(c.head.first), int64(c.head.last)), append(slots, c.slot)
		}
		for _, p := range c.points {
			numbers, slots = append(numbers, int64(p.at)), append(slots, p.slot)
		}
		counts = append(counts, n)
	}
	p := page.NewWriter(pageVersion, 32+4*len(counts)+8*len(numbers)+24*len(slots)*len(s.accs))
	p.Int(int64(len(counts)))
	p.Int32s(counts)
	p.Int(int64(len(numbers)))
	p.Int64s(numbers)
	states := s.fresh()
	for i, a := range states {
		a.grow(len(slots))
		if len(slots) > 0 {
			a.fold(s.seq.span(0, len(slots)), s.accs[i], slots)
		}
	}
	saveAccs(p, states, 0, len(slots))
	return p.Bytes()
}

// restore loads the query's half.
func (s *limited) restore(from state.Reader) error {
	r, err := openPage(from, metaPage)
	if err != nil || r == nil {
		return err
	}
	s.w = stream.Time(r.Int())
	n := countOf(r)
	ordered := r.Bool()
	if err := r.Close(); err != nil {
		return fmt.Errorf("page %s: %w", metaPage, err)
	}
	if err := s.dict.restore(from, n, ordered); err != nil {
		return err
	}
	for lo := 0; lo < n; lo += chunkGroups {
		if err := s.restoreChains(from, chunkPage('s', lo), min(chunkGroups, n-lo)); err != nil {
			return err
		}
		s.saved = append(s.saved, true)
	}
	s.schedule()
	return nil
}

func (s *limited) restoreChains(from state.Reader, name string, groups int) error {
	r, err := needPage(from, name)
	if err != nil {
		return err
	}
	counts := r.Int32s(nil, r.Count(4))
	numbers := r.Int64s(nil, r.Count(8))
	states, left := 0, len(numbers)
	for _, n := range counts {
		points, heads := int(n)/2, int(n)%2
		if n < 0 || points+2*heads > left {
			r.Fail("%d event times of a group", n)
			break
		}
		states, left = states+points+heads, left-points-2*heads
	}
	if len(counts) != groups || left != 0 {
		r.Fail("%d groups, %d event times too many", len(counts), left)
	}
	if r.Err() == nil {
		restoreAccs(r, s.accs, states)
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	for _, n := range counts {
		c := rowChain{begun: n%2 == 1}
		before := stream.MinTime
		if c.begun {
			c.head, c.slot = fragment{stream.Time(numbers[0]), stream.Time(numbers[1])}, s.next()
			before = c.head.last
			if c.head.last < c.head.first || c.head.last >= s.end(c.head) {
				return fmt.Errorf("page %s: %w: a session that is over", name, page.ErrDamaged)
			}
			numbers = numbers[2:]
		}
		for range n / 2 {
			p := point{stream.Time(numbers[0]), s.next()}
			if p.at < before || p.at == before && len(c.points) > 0 {
				return fmt.Errorf("page %s: %w: event times in disorder", name, page.ErrDamaged)
			}
			c.points, before, numbers = append(c.points, p), p.at, numbers[1:]
		}
		s.chains = append(s.chains, c)
	}
	return nil
}

// next returns the state behind those that were restored before.
func (s *limited) next() int32 {
	s.slots++
	return int32(s.slots - 1)
}
