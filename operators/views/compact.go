package views

import (
	"github.com/apache/arrow-go/v18/arrow"

	"weir/operators/expr"
)

// compactPages is how many sparse pages are worth putting together.
const compactPages = 8

// weigh looks whether a page is empty or sparse: its rows fill less than half of
// a page. Pages of the changelog are left alone. The lock is held.
func (v *View) weigh(p *page) {
	if p.inLog || !p.sealed || p.removed {
		return
	}
	if p.liveN == 0 && !p.empty {
		p.empty = true
		v.emptied = append(v.emptied, p)
	}
	sparse := p.liveN > 0 && p.liveN*2 < v.cfg.PageRows && p.bytes*int64(p.liveN)/int64(p.rows)*2 < v.cfg.PageBytes
	if sparse != p.sparse {
		p.sparse = sparse
		if sparse {
			v.sparse++
		} else {
			v.sparse--
		}
	}
}

// tidy deletes empty pages, and puts sparse ones together when they are many.
func (v *View) tidy() error {
	for _, p := range v.emptied {
		v.remove(p)
	}
	v.emptied = v.emptied[:0]
	if v.sparse < compactPages {
		return nil
	}
	return v.compact()
}

// remove takes a page out of the view.
func (v *View) remove(p *page) {
	if p.sparse {
		p.sparse = false
		v.sparse--
	}
	p.removed = true
	v.table[p.at] = nil
	v.free = append(v.free, p.at)
	if !p.stored {
		v.unstored -= p.bytes
	}
	if p.pins > 0 {
		v.ghosts[p] = true
		return
	}
	v.forget(p)
}

// forget lets go of a page that nobody needs. The store is told even where it
// should not have it: a process that ended may have written a page of this name
// that nothing names.
func (v *View) forget(p *page) {
	v.cache.drop(p)
	if v.cfg.Store != nil {
		v.garbage = append(v.garbage, p.id)
		v.dirty = true
	}
}

// compact moves the rows of sparse pages into new ones, in the order of
// appearance.
func (v *View) compact() error {
	var sparse []shownPage
	for _, p := range v.table {
		if p != nil && p.sparse {
			sparse = append(sparse, shownPage{page: p, live: p.live, n: p.liveN, base: p.base, slots: p.slots})
		}
	}
	m := mover{view: v, pages: sparse}
	for row := range inOrder(sparse) {
		if err := m.add(row); err != nil {
			return err
		}
	}
	if err := m.flush(); err != nil {
		return err
	}
	for _, s := range sparse {
		v.remove(s.page)
	}
	return nil
}

// mover fills content pages with rows of other pages.
type mover struct {
	view  *View
	pages []shownPage
	rows  []shownRow
	bytes int64
}

func (m *mover) add(r shownRow) error {
	p := m.pages[r.page].page
	size := p.bytes/int64(p.rows) + 1
	if len(m.rows) == m.view.cfg.PageRows || len(m.rows) > 0 && m.bytes+size > m.view.cfg.PageBytes {
		if err := m.flush(); err != nil {
			return err
		}
	}
	r.slot = p.slot(int(r.row))
	m.rows, m.bytes = append(m.rows, r), m.bytes+size
	return nil
}

// flush makes a page of what was collected.
func (m *mover) flush() error {
	if len(m.rows) == 0 {
		return nil
	}
	v := m.view
	rec, err := m.gather()
	if err != nil {
		return err
	}
	defer rec.Release()
	p, err := v.newPage()
	if err != nil {
		return err
	}
	n := len(m.rows)
	p.sealed, p.rows, p.liveN = true, n, n
	p.bytes = sizerOf(v.cfg.Schema, rec).bytes(0, n)
	p.grow(n)
	setBits(p.live, 0, n)
	p.base = m.rows[0].slot
	if m.rows[n-1].slot-p.base != uint64(n-1) {
		p.slots = make([]uint64, n)
		for i, r := range m.rows {
			p.slots[i] = r.slot
		}
	}
	rec.Retain()
	b := &body{parts: []part{{rec: rec}}, bytes: p.bytes}
	v.cache.put(p, b, false)
	b.release()
	v.unstored += p.bytes
	for i, r := range m.rows {
		from := m.pages[r.page].page
		if err := v.unlink(from, int(r.row), makeRef(p.at, i)+1); err != nil {
			return err
		}
	}
	times := v.expiry.times(rec, v.cfg.TimeColumn)
	p.oldest = times.oldest(0, n)
	m.rows, m.bytes = m.rows[:0], 0
	v.weigh(p)
	return nil
}

// gather copies the rows. The lock is held, so the bodies are borrowed.
func (m *mover) gather() (arrow.RecordBatch, error) {
	v := m.view
	return scatter(v.cfg.Alloc, v.schema, m.rows, func(page int32, rows []int32) (arrow.RecordBatch, error) {
		b, err := v.borrow(m.pages[page].page)
		if err != nil {
			return nil, err
		}
		return expr.Take(v.cfg.Alloc, b.parts[0].rec, rows)
	})
}
