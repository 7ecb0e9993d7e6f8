package windowagg

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"weir/operators/state"
	"weir/operators/state/page"
	"weir/operators/stream"
)

// The pages of the query's half. Numbers are those of slices and window ends.
//
//	meta    how far it has come, and which other pages there are
//	dNNNN   a chunk of the dictionary
//	order   the order of the groups' keys
//	gNNNN   a chunk of the states of groups without windows
//	n…, o…  a slice of the current block, and one of the block before
//	x…, k…  late states of a slice, and a window that was shown
//
// A slice is written once, and a second time when its block is complete.

// chunkGroups is how many groups a page of the dictionary holds, and one of
// states without windows. Groups only come, so a full chunk is written once.
const chunkGroups = 1 << chunkBits

// slicePage names the page of a slice, of late states or of a window.
func slicePage(kind byte, k int64) string { return fmt.Sprintf("%c%016x", kind, uint64(k)) }

func chunkPage(kind byte, lo int) string { return fmt.Sprintf("%c%04x", kind, lo/chunkGroups) }

// Snapshot writes what changed since the one before.
func (f *final) Snapshot(_ context.Context, w state.Writer) error {
	f.saveMeta(w)
	f.dict.save(w)
	for lo := 0; lo < f.shown; lo += chunkGroups {
		f.saveGroups(w, lo, min(lo+chunkGroups, f.shown))
	}
	f.comb.now.save(w, 'n', 0)
	f.comb.old.save(w, 'o', f.comb.leftRuns)
	for k, t := range f.extras {
		t.save(w, slicePage('x', k))
	}
	for k, t := range f.kept {
		t.save(w, slicePage('k', k))
	}
	return nil
}

func (f *final) saveMeta(w state.Writer) {
	c := f.comb
	m := page.NewWriter(pageVersion, 128)
	m.Int(f.firedTo)
	m.Int(int64(f.w))
	m.Int(int64(f.turn.whole))
	m.Bool(f.ended)
	m.Int(int64(f.shown))
	m.Int(int64(f.dict.size()))
	m.Bool(len(f.dict.order) > 0)
	m.Bool(c.started)
	m.Int(c.block)
	m.Int(c.newest)
	list := func(ks []int64) {
		m.Int(int64(len(ks)))
		m.Int64s(ks)
	}
	list(c.now.numbers(0))
	list(c.old.numbers(c.leftRuns))
	list(slices.Sorted(maps.Keys(f.extras)))
	list(slices.Sorted(maps.Keys(f.kept)))
	w.Put(metaPage, m.Bytes())
}

// numbers returns the slices from the first'th on.
func (e *entries) numbers(first int) []int64 {
	var ks []int64
	for _, s := range e.slices[first:] {
		ks = append(ks, s.k)
	}
	return ks
}

// save writes the dictionary. Its groups keep their ids until a sweep.
func (d *dictionary) save(w state.Writer) {
	n := d.size()
	for lo := 0; lo < n; lo += chunkGroups {
		name, hi := chunkPage('d', lo), min(lo+chunkGroups, n)
		if hi <= d.saved && (hi == d.saved || hi-lo == chunkGroups) {
			w.Keep(name)
			continue
		}
		p := page.NewWriter(pageVersion, 32+saveBytes(d.groups)*(hi-lo)/n)
		p.Int(int64(hi - lo))
		d.groups.save(p, lo, hi)
		w.Put(name, p.Bytes())
	}
	switch {
	case len(d.order) == 0:
	case d.saved == n:
		w.Keep("order")
	default:
		p := page.NewWriter(pageVersion, 4*n)
		p.Int32s(d.order)
		w.Put("order", p.Bytes())
	}
	d.saved = n
}

func (f *final) saveGroups(w state.Writer, lo, hi int) {
	name, chunk := chunkPage('g', lo), lo/chunkGroups
	if f.savedGroups[chunk] {
		w.Keep(name)
		return
	}
	f.savedGroups[chunk] = true
	p := page.NewWriter(pageVersion, 24*(hi-lo)*len(f.groups)+8)
	p.Int(int64(hi - lo))
	saveAccs(p, f.groups, lo, hi)
	w.Put(name, p.Bytes())
}

// changeGroups notes that the states of the groups ids change.
func (f *final) changeGroups(ids []int32) {
	f.savedGroups = growTo(f.savedGroups, (f.dict.size()+chunkGroups-1)/chunkGroups)
	for _, id := range ids {
		f.savedGroups[id/chunkGroups] = false
	}
}

// save writes the slices from the first'th on.
func (e *entries) save(w state.Writer, kind byte, first int) {
	for i := range e.slices[first:] {
		s := &e.slices[first+i]
		name := slicePage(kind, s.k)
		if s.saved {
			w.Keep(name)
			continue
		}
		s.saved = true
		w.Put(name, saveStates(e.ids[s.lo:s.hi], e.accs, s.lo))
	}
}

func (t *table) save(w state.Writer, name string) {
	if t.saved {
		w.Keep(name)
		return
	}
	t.saved = true
	w.Put(name, saveStates(t.ids, t.accs, 0))
}

// saveStates writes groups and their states, which begin at place lo.
func saveStates(ids []int32, accs []acc, lo int) []byte {
	p := page.NewWriter(pageVersion, 16+len(ids)*(4+24*len(accs)))
	p.Int(int64(len(ids)))
	p.Int32s(ids)
	saveAccs(p, accs, lo, lo+len(ids))
	return p.Bytes()
}

// restored is what the meta page says.
type restored struct {
	groups                 int
	ordered                bool
	now, old, extras, kept []int64
}

// restore loads the query's half.
func (f *final) restore(from state.Reader) error {
	r, err := openPage(from, metaPage)
	if err != nil || r == nil {
		return err
	}
	m, err := f.restoreMeta(r)
	if err != nil {
		return fmt.Errorf("page %s: %w", metaPage, err)
	}
	if err := f.dict.restore(from, m.groups, m.ordered); err != nil {
		return err
	}
	for lo := 0; lo < f.shown; lo += chunkGroups {
		if err := f.restoreGroups(from, lo, min(lo+chunkGroups, f.shown)); err != nil {
			return err
		}
	}
	for _, k := range m.now {
		if err := f.comb.now.restore(from, 'n', k, m.groups); err != nil {
			return err
		}
	}
	for _, k := range m.old {
		if err := f.comb.old.restore(from, 'o', k, m.groups); err != nil {
			return err
		}
	}
	f.comb.ready(m.groups)
	f.comb.rebuild()
	for _, k := range m.extras {
		if f.extras[k], err = f.restoreTable(from, slicePage('x', k), m.groups); err != nil {
			return err
		}
	}
	for _, k := range m.kept {
		if f.kept[k], err = f.restoreTable(from, slicePage('k', k), m.groups); err != nil {
			return err
		}
	}
	return nil
}

func (f *final) restoreMeta(r *page.Reader) (m restored, err error) {
	c := f.comb
	f.firedTo, f.w = r.Int(), stream.Time(r.Int())
	f.turn.whole = stream.Time(r.Int())
	f.turn.whole0 = f.turn.whole
	f.ended = r.Bool()
	f.shown = countOf(r)
	m.groups = countOf(r)
	m.ordered = r.Bool()
	c.started, c.block, c.newest = r.Bool(), r.Int(), r.Int()
	for _, to := range []*[]int64{&m.now, &m.old, &m.extras, &m.kept} {
		*to = r.Int64s(nil, r.Count(8))
	}
	f.checkMeta(r, &m)
	return m, r.Close()
}

// countOf reads a number of groups.
func countOf(r *page.Reader) int {
	n := r.Int()
	if n < 0 || n > groupsMax {
		r.Fail("%d groups", n)
		return 0
	}
	return int(n)
}

// checkMeta refuses what would make the operator run for ever or leave its tables.
func (f *final) checkMeta(r *page.Reader, m *restored) {
	c := f.comb
	if f.shown != 0 && f.shown != m.groups {
		r.Fail("%d of %d groups have states", f.shown, m.groups)
	}
	far := f.grid.Near()
	near := func(k int64) bool { return k >= f.firedTo-far && k <= f.firedTo+far }
	if f.w != stream.MinTime && f.grid.Passed(f.w) != f.firedTo && !f.n.Updates {
		r.Fail("windows up to %d fired at W %d", f.firedTo, f.w)
	}
	if !c.started && len(m.now)+len(m.old) > 0 || (c.started || len(m.extras) > 0) && f.w == stream.MinTime {
		r.Fail("slices before there is a watermark")
	}
	if c.started && (!near(c.block) || !near(c.newest) || f.grid.Block(c.block) != c.block) {
		r.Fail("block %d and slice %d where windows up to %d fired", c.block, c.newest, f.firedTo)
	}
	between := func(ks []int64, lo, hi int64) {
		for i, k := range ks {
			if k < lo || k >= hi || i > 0 && k <= ks[i-1] {
				r.Fail("slice %d is not where it should be", k)
			}
		}
	}
	between(m.now, c.block, c.block+f.grid.Slices())
	between(m.old, c.block-f.grid.Slices(), c.block)
	between(m.extras, f.firedTo-far, f.firedTo+far)
}

// restore loads n groups.
func (d *dictionary) restore(from state.Reader, n int, ordered bool) error {
	for lo := 0; lo < n; lo += chunkGroups {
		name, size := chunkPage('d', lo), min(chunkGroups, n-lo)
		r, err := needPage(from, name)
		if err != nil {
			return err
		}
		if got := r.Int(); got != int64(size) {
			r.Fail("%d groups instead of %d", got, size)
		}
		if r.Err() == nil {
			d.groups.restore(r, size)
		}
		if err := r.Close(); err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
	}
	d.groups.index()
	d.seen, d.live, d.saved = make([]int, n), n, n
	if !ordered {
		return nil
	}
	r, err := needPage(from, "order")
	if err != nil {
		return err
	}
	d.order, d.rank = r.Int32s(nil, n), make([]int32, n)
	if err := r.Close(); err != nil {
		return fmt.Errorf("page order: %w", err)
	}
	placed := make([]bool, n)
	for i, id := range d.order {
		if id < 0 || int(id) >= n || placed[id] {
			return fmt.Errorf("page order: %w: group %d of %d", page.ErrDamaged, id, n)
		}
		d.rank[id], placed[id] = int32(i), true
	}
	return nil
}

func (f *final) restoreGroups(from state.Reader, lo, hi int) error {
	name := chunkPage('g', lo)
	r, err := needPage(from, name)
	if err != nil {
		return err
	}
	if got := r.Int(); got != int64(hi-lo) {
		r.Fail("%d groups instead of %d", got, hi-lo)
	}
	restoreAccs(r, f.groups, hi-lo)
	f.savedGroups = append(f.savedGroups, true)
	if err := r.Close(); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	return nil
}

// restore appends slice k. Its groups are below n.
func (e *entries) restore(from state.Reader, kind byte, k int64, n int) error {
	lo := len(e.ids)
	ids, err := restoreStates(from, slicePage(kind, k), e.ids, e.accs, n, false)
	if err != nil {
		return err
	}
	e.ids = ids
	e.slices = append(e.slices, sliceRun{k: k, lo: lo, hi: len(ids), saved: true})
	return nil
}

func (f *final) restoreTable(from state.Reader, name string, n int) (*table, error) {
	t := &table{accs: f.fresh(), saved: true}
	var err error
	t.ids, err = restoreStates(from, name, nil, t.accs, n, true)
	return t, err
}

// restoreStates appends the groups of a page to ids and their states to accs.
func restoreStates(from state.Reader, name string, ids []int32, accs []acc, n int, ascending bool) ([]int32, error) {
	r, err := needPage(from, name)
	if err != nil {
		return nil, err
	}
	lo, size := len(ids), r.Count(4)
	ids = r.Int32s(ids, size)
	for i, id := range ids[lo:] {
		if id < 0 || int(id) >= n || ascending && i > 0 && id <= ids[lo+i-1] {
			r.Fail("group %d of %d", id, n)
		}
	}
	restoreAccs(r, accs, size)
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	return ids, nil
}

// rebuild makes what follows from the slices: the running fold of the current
// block, in the order in which its slices were loaded, and the chains of
// suffixes of the block before.
func (c *combiner) rebuild() {
	if c.grid.Slices() > 1 {
		for _, s := range c.now.slices {
			c.running(s.lo, s.hi)
		}
	}
	e := &c.old
	c.next = growTo(c.next[:0], len(e.ids))
	for i := len(e.slices) - 1; i >= 0; i-- {
		for at := e.slices[i].lo; at < e.slices[i].hi; at++ {
			c.next[at] = c.head[e.ids[at]]
			c.head[e.ids[at]] = int32(at + 1)
		}
	}
}
