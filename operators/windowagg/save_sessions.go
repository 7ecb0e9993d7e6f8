package windowagg

import (
	"context"
	"fmt"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// The pages of the query's half of an aggregation over sessions:
//
//	meta    W, and how many groups there are
//	dNNNN   a chunk of the dictionary
//	order   the order of the groups' keys
//	sNNNN   the sessions of a chunk of groups, and their states

// Snapshot writes what changed since the one before.
func (s *sessions) Snapshot(_ context.Context, w state.Writer) error {
	m := page.NewWriter(pageVersion, 24)
	m.Int(int64(s.w))
	m.Int(int64(s.dict.size()))
	m.Bool(len(s.dict.order) > 0)
	w.Put(metaPage, m.Bytes())
	s.dict.save(w)
	s.open = growTo(s.open, s.dict.size())
	for lo := 0; lo < len(s.open); lo += chunkGroups {
		name := chunkPage('s', lo)
		if s.saved[lo/chunkGroups] {
			w.Keep(name)
			continue
		}
		s.saved[lo/chunkGroups] = true
		w.Put(name, s.saveChunk(s.open[lo:min(lo+chunkGroups, len(s.open))]))
	}
	return nil
}

func (s *sessions) saveChunk(groups [][]session) []byte {
	var counts []int32
	var numbers []int64
	var slots []int32
	for _, list := range groups {
		counts = append(counts, int32(len(list)))
		for _, v := range list {
			shown := int64(0)
			if v.shown {
				shown = 1
			}
			numbers, slots = append(numbers, int64(v.first), int64(v.last), shown), append(slots, v.slot)
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
func (s *sessions) restore(from state.Reader) error {
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
		if err := s.restoreChunk(from, chunkPage('s', lo), min(chunkGroups, n-lo)); err != nil {
			return err
		}
		s.saved = append(s.saved, true)
	}
	s.schedule()
	return nil
}

func (s *sessions) restoreChunk(from state.Reader, name string, groups int) error {
	r, err := needPage(from, name)
	if err != nil {
		return err
	}
	counts := r.Int32s(nil, r.Count(4))
	numbers := r.Int64s(nil, 3*r.Count(24))
	total := 0
	for _, n := range counts {
		if n < 0 || int(n) > len(numbers)/3-total {
			r.Fail("%d sessions of a group", n)
			break
		}
		total += int(n)
	}
	if len(counts) != groups || total != len(numbers)/3 {
		r.Fail("%d groups with %d sessions", len(counts), total)
	}
	if r.Err() == nil {
		restoreAccs(r, s.accs, total)
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	for _, n := range counts {
		list := make([]session, 0, n)
		for range n {
			f := fragment{stream.Time(numbers[0]), stream.Time(numbers[1])}
			if f.last < f.first || len(list) > 0 && !apart(list[len(list)-1].last, f.first, s.gap) {
				return fmt.Errorf("page %s: %w: sessions in disorder", name, page.ErrDamaged)
			}
			list = append(list, session{fragment: f, slot: int32(s.slots), shown: numbers[2] != 0})
			s.slots++
			numbers = numbers[3:]
		}
		s.open = append(s.open, list)
	}
	return nil
}
