package windowagg

import (
	"context"
	"fmt"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// Snapshot writes what changed since the one before, in the pages that sessions
// have. The numbers of a pane are how many rows it has, and its least and greatest
// event time.
func (s *counts) Snapshot(_ context.Context, w state.Writer) error {
	m := page.NewWriter(pageVersion, 16)
	m.Int(int64(s.dict.size()))
	m.Bool(len(s.dict.order) > 0)
	w.Put(metaPage, m.Bytes())
	s.dict.save(w)
	s.lists = growTo(s.lists, s.dict.size())
	s.saved = growTo(s.saved, chunksOf(len(s.lists)))
	for lo := 0; lo < len(s.lists); lo += chunkGroups {
		name := chunkPage('s', lo)
		if s.saved[lo/chunkGroups] {
			w.Keep(name)
			continue
		}
		s.saved[lo/chunkGroups] = true
		w.Put(name, s.saveLists(s.lists[lo:min(lo+chunkGroups, len(s.lists))]))
	}
	return nil
}

func (s *counts) saveLists(lists [][]pane) []byte {
	var counts, slots []int32
	var numbers []int64
	for _, list := range lists {
		counts = append(counts, int32(len(list)))
		for _, p := range list {
			numbers, slots = append(numbers, p.rows, int64(p.first), int64(p.last)), append(slots, p.slot)
		}
	}
	p := page.NewWriter(pageVersion, 32+4*len(counts)+len(slots)*(24+24*len(s.accs)))
	p.Int(int64(len(counts)))
	p.Int32s(counts)
	p.Int(int64(len(slots)))
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
func (s *counts) restore(from state.Reader) error {
	r, err := openPage(from, metaPage)
	if err != nil || r == nil {
		return err
	}
	n := countOf(r)
	ordered := r.Bool()
	if err := r.Close(); err != nil {
		return fmt.Errorf("page %s: %w", metaPage, err)
	}
	if err := s.dict.restore(from, n, ordered); err != nil {
		return err
	}
	for lo := 0; lo < n; lo += chunkGroups {
		if err := s.restoreLists(from, chunkPage('s', lo), min(chunkGroups, n-lo)); err != nil {
			return err
		}
		s.saved = append(s.saved, true)
	}
	return nil
}

func (s *counts) restoreLists(from state.Reader, name string, groups int) error {
	r, err := needPage(from, name)
	if err != nil {
		return err
	}
	counts := r.Int32s(nil, r.Count(4))
	numbers := r.Int64s(nil, 3*r.Count(24))
	total := 0
	for _, n := range counts {
		if n < 0 || int(n) > s.panes || int(n) > len(numbers)/3-total {
			r.Fail("%d panes of a group", n)
			break
		}
		total += int(n)
	}
	if len(counts) != groups || total != len(numbers)/3 {
		r.Fail("%d groups with %d panes", len(counts), total)
	}
	if r.Err() == nil {
		restoreAccs(r, s.accs, total)
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	for _, n := range counts {
		list := make([]pane, 0, n)
		for i := range n {
			p := pane{numbers[0], stream.Time(numbers[1]), stream.Time(numbers[2]), int32(s.slots)}
			s.slots++
			whole := p.rows == s.paneRows
			if p.rows <= 0 || p.rows > s.paneRows || !whole && i < n-1 || whole && int(i) == s.panes-1 || p.last < p.first {
				return fmt.Errorf("page %s: %w: a pane of %d rows", name, page.ErrDamaged, p.rows)
			}
			list, numbers = append(list, p), numbers[3:]
		}
		s.lists = append(s.lists, list)
	}
	return nil
}
