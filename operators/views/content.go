package views

import (
	"iter"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/expr"
	"weir/operators/stream"
)

// shownPage is a page and those of its rows that are shown at a moment.
type shownPage struct {
	page  *page
	live  []uint64
	n     int
	base  uint64
	slots []uint64
	first uint64 // slot; of shown rows
	last  uint64
}

// shownRow is a row of the content: its place in the order of appearance and
// where it lies.
type shownRow struct {
	slot      uint64
	page, row int32
}

// shown returns the pages with content, by their first slot. Pinned ones are as
// they are now for ever: they are neither changed nor deleted until unpinned. The
// lock is held.
func (v *View) shown(pin bool) []shownPage {
	var out []shownPage
	for _, p := range v.table {
		if p == nil || p.liveN == 0 {
			continue
		}
		s := shownPage{page: p, live: p.live, n: p.liveN, base: p.base, slots: p.slots}
		if pin {
			p.pins++
			s.live = slices.Clone(p.live)
		}
		out = append(out, s)
	}
	return out
}

// unpin says that a reader needs a page no more. The lock is held.
func (v *View) unpin(p *page) {
	if p.pins--; p.pins == 0 && p.removed && v.ghosts[p] {
		delete(v.ghosts, p)
		v.forget(p)
	}
}

// bounds finds the slots that a page's rows have, and tells whether they ascend.
func (s *shownPage) bounds() (ascending bool) {
	if s.slots == nil {
		for w, x := range s.live {
			if x != 0 {
				s.first = s.base + uint64(w<<6+bits.TrailingZeros64(x))
				break
			}
		}
		for w := len(s.live) - 1; w >= 0; w-- {
			if x := s.live[w]; x != 0 {
				s.last = s.base + uint64(w<<6+63-bits.LeadingZeros64(x))
				break
			}
		}
		return true
	}
	ascending, begun := true, false
	eachBit(s.live, func(i int) {
		slot := s.slots[i]
		if !begun {
			s.first, s.last, begun = slot, slot, true
			return
		}
		if slot < s.last {
			ascending = false
		}
		s.first, s.last = min(s.first, slot), max(s.last, slot)
	})
	return ascending
}

// arrange sorts pages by their first slot. It returns nil where reading them one
// after the other is the order of appearance, else every row in that order.
func arrange(pages []shownPage) []shownRow {
	plain, rows := true, 0
	for i := range pages {
		plain = pages[i].bounds() && plain
		rows += pages[i].n
	}
	slices.SortFunc(pages, func(a, b shownPage) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	for i := 1; i < len(pages); i++ {
		plain = plain && pages[i-1].last < pages[i].first
	}
	if plain {
		return nil
	}
	all := make([]shownRow, 0, rows)
	for i := range pages {
		s := &pages[i]
		eachBit(s.live, func(r int) {
			slot := s.base + uint64(r)
			if s.slots != nil {
				slot = s.slots[r]
			}
			all = append(all, shownRow{slot, int32(i), int32(r)})
		})
	}
	slices.SortFunc(all, func(a, b shownRow) int {
		if a.slot < b.slot {
			return -1
		}
		return 1
	})
	return all
}

// inOrder yields the rows of pages in the order of appearance.
func inOrder(pages []shownPage) iter.Seq[shownRow] {
	rows := arrange(pages)
	return func(yield func(shownRow) bool) {
		if rows != nil {
			for _, r := range rows {
				if !yield(r) {
					return
				}
			}
			return
		}
		for i := range pages {
			for w, x := range pages[i].live {
				for ; x != 0; x &= x - 1 {
					if !yield(shownRow{page: int32(i), row: int32(w<<6 + bits.TrailingZeros64(x))}) {
						return
					}
				}
			}
		}
	}
}

// content reads what a view shows at a moment, a batch at a time.
type content struct {
	view    *View
	columns []int
	schema  *arrow.Schema
	pages   []shownPage
	rows    []shownRow // nil: page after page
	ready   bool
	at      int // the next page, or the next of rows
}

// next returns the next batch, of at most a page's rows; nil at the end. The
// view's lock is not held.
func (c *content) next() (arrow.RecordBatch, error) {
	if !c.ready {
		c.rows, c.ready = arrange(c.pages), true
	}
	if c.rows == nil {
		if c.at == len(c.pages) {
			return nil, nil
		}
		c.at++
		return c.whole(&c.pages[c.at-1])
	}
	if c.at == len(c.rows) {
		return nil, nil
	}
	chunk := c.rows[c.at:min(c.at+c.view.cfg.PageRows, len(c.rows))]
	c.at += len(chunk)
	return c.scattered(chunk)
}

// whole returns what a page shows. Where that is everything it is not copied.
func (c *content) whole(s *shownPage) (arrow.RecordBatch, error) {
	b, err := c.view.reach(s.page)
	if err != nil {
		return nil, err
	}
	defer b.release()
	if len(b.parts) == 1 && int64(s.n) == b.parts[0].rec.NumRows() {
		return pick(c.schema, b.parts[0].rec, c.columns), nil
	}
	rows := make([]int32, 0, s.n)
	eachBit(s.live, func(i int) { rows = append(rows, int32(i)) })
	return c.take(b, rows)
}

// take copies rows of a page.
func (c *content) take(b *body, rows []int32) (arrow.RecordBatch, error) {
	if len(b.parts) == 1 {
		rec := pick(c.schema, b.parts[0].rec, c.columns)
		defer rec.Release()
		return expr.Take(c.view.cfg.Alloc, rec, rows)
	}
	recs := make([]arrow.RecordBatch, len(b.parts))
	for i := range recs {
		recs[i] = pick(c.schema, b.parts[i].rec, c.columns)
	}
	defer releaseAll(recs)
	rec, err := joined(c.view.cfg.Alloc, c.schema, recs)
	if err != nil {
		return nil, err
	}
	defer rec.Release()
	return expr.Take(c.view.cfg.Alloc, rec, rows)
}

// scattered copies rows that lie in several pages.
func (c *content) scattered(chunk []shownRow) (arrow.RecordBatch, error) {
	return scatter(c.view.cfg.Alloc, c.schema, chunk, func(page int32, rows []int32) (arrow.RecordBatch, error) {
		b, err := c.view.reach(c.pages[page].page)
		if err != nil {
			return nil, err
		}
		defer b.release()
		return c.take(b, rows)
	})
}

// scatter copies rows of several pages: what it wants of each page at once, and
// then all of that in order.
func scatter(alloc memory.Allocator, schema *arrow.Schema, chunk []shownRow, take func(page int32, rows []int32) (arrow.RecordBatch, error)) (arrow.RecordBatch, error) {
	byPage := make(map[int32]int)
	var wanted [][]int32
	var pages []int32
	from, nth := make([]int32, len(chunk)), make([]int32, len(chunk))
	for i, r := range chunk {
		k, ok := byPage[r.page]
		if !ok {
			k = len(pages)
			byPage[r.page] = k
			pages, wanted = append(pages, r.page), append(wanted, nil)
		}
		from[i], nth[i] = int32(k), int32(len(wanted[k]))
		wanted[k] = append(wanted[k], r.row)
	}
	recs := make([]arrow.RecordBatch, 0, len(pages))
	defer func() { releaseAll(recs) }()
	first := make([]int32, len(pages))
	for k, at := range pages {
		rec, err := take(at, wanted[k])
		if err != nil {
			return nil, err
		}
		if k > 0 {
			first[k] = first[k-1] + int32(len(wanted[k-1]))
		}
		recs = append(recs, rec)
	}
	if len(recs) == 1 {
		recs[0].Retain()
		return recs[0], nil
	}
	rec, err := joined(alloc, schema, recs)
	if err != nil {
		return nil, err
	}
	defer rec.Release()
	for i := range nth {
		nth[i] += first[from[i]]
	}
	return expr.Take(alloc, rec, nth)
}

// reach returns the body of a page for a reader, who releases it. The view's
// lock is not held.
func (v *View) reach(p *page) (*body, error) {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return nil, ErrViewClosed
	}
	if !p.sealed {
		b := p.body.frozen()
		v.mu.Unlock()
		return b, nil
	}
	v.mu.Unlock()
	return v.fetch(p)
}

func releaseAll[R interface{ Release() }](recs []R) {
	for _, r := range recs {
		r.Release()
	}
}

// close unpins what was not read.
func (c *content) close() {
	c.view.mu.Lock()
	defer c.view.mu.Unlock()
	for _, s := range c.pages {
		c.view.unpin(s.page)
	}
	c.pages, c.rows = nil, nil
}

// snapshot returns the content as it is now. The lock is held; close must be called.
func (v *View) snapshot(columns []int, schema *arrow.Schema) *content {
	return &content{view: v, columns: columns, schema: schema, pages: v.shown(true)}
}

// noTime is the event time of a row that never expires.
const noTime = stream.MaxTime
