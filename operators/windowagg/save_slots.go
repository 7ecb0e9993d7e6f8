package windowagg

import (
	"fmt"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// The pages of what keeps, for each group, a list of states in slots: sessions, rows
// of sessions with a greatest length, windows over numbers of rows.
//
//	meta    W, and how many groups there are
//	dNNNN   a chunk of the dictionary
//	order   the order of the groups' keys
//	sNNNN   a slotChunk

// slotChunk is what is kept of some groups: what counts and numbers mean is the
// operator's business; the states of the slots stand behind them.
type slotChunk struct {
	counts  []int32 // one a group
	numbers []int64
	slots   []int32
}

// saveSlots writes what changed since the snapshot before; chunk gives what is kept
// of the groups from lo to hi.
func (s *sessions) saveSlots(w state.Writer, chunk func(lo, hi int) slotChunk) {
	groups := s.dict.size()
	m := page.NewWriter(pageVersion, 24)
	m.Int(int64(s.w))
	m.Int(int64(groups))
	m.Bool(len(s.dict.order) > 0)
	w.Put(metaPage, m.Bytes())
	s.dict.save(w)
	s.saved = growTo(s.saved, chunksOf(groups))
	for lo := 0; lo < groups; lo += chunkGroups {
		name := chunkPage('s', lo)
		if s.saved[lo/chunkGroups] {
			w.Keep(name)
			continue
		}
		s.saved[lo/chunkGroups] = true
		w.Put(name, s.saveChunk(chunk(lo, min(lo+chunkGroups, groups))))
	}
}

func (s *sessions) saveChunk(c slotChunk) []byte {
	p := page.NewWriter(pageVersion, 32+4*len(c.counts)+8*len(c.numbers)+24*len(c.slots)*len(s.accs))
	p.Int(int64(len(c.counts)))
	p.Int32s(c.counts)
	p.Int(int64(len(c.numbers)))
	p.Int64s(c.numbers)
	states := s.fresh()
	for i, a := range states {
		a.grow(len(c.slots))
		if len(c.slots) > 0 {
			a.fold(s.seq.span(0, len(c.slots)), s.accs[i], c.slots)
		}
	}
	saveAccs(p, states, 0, len(c.slots))
	return p.Bytes()
}

// restoreSlots loads the pages. check looks at the counts and numbers of a chunk
// before anything is made of it, fails the reader where they make no sense, and
// returns how many states they ask for; build makes groups of them, whose states are
// those of the next slots.
func (s *sessions) restoreSlots(from state.Reader, check func(r *page.Reader, c *slotChunk) int, build func(c *slotChunk) error) error {
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
		name := chunkPage('s', lo)
		if r, err = needPage(from, name); err != nil {
			return err
		}
		c := slotChunk{counts: r.Int32s(nil, r.Count(4)), numbers: r.Int64s(nil, r.Count(8))}
		if len(c.counts) != min(chunkGroups, n-lo) {
			r.Fail("%d groups", len(c.counts))
		}
		if states := check(r, &c); r.Err() == nil {
			restoreAccs(r, s.accs, states)
		}
		if err := r.Close(); err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
		if err := build(&c); err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
		s.saved = append(s.saved, true)
	}
	return nil
}

// checkOrder returns an error if groups have no order, by which their rows leave.
func (s *sessions) checkOrder() error {
	if n := s.dict.size(); len(s.dict.order) != n {
		return fmt.Errorf("page %s: %w: %d groups without an order", metaPage, page.ErrDamaged, n)
	}
	return nil
}

// nextSlot returns the slot of the state behind those that were restored before.
func (s *sessions) nextSlot() int32 {
	s.slots++
	return int32(s.slots - 1)
}

// threes checks counts of things that have three numbers and a state each.
func threes(r *page.Reader, c *slotChunk, most int, what string) int {
	total := 0
	for _, n := range c.counts {
		if n < 0 || int(n) > most || int(n) > len(c.numbers)/3-total {
			r.Fail("%d %s of a group", n, what)
			return 0
		}
		total += int(n)
	}
	if 3*total != len(c.numbers) {
		r.Fail("%d %s with %d numbers", total, what, len(c.numbers))
	}
	return total
}
