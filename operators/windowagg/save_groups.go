package windowagg

import (
	"slices"

	"weir/operators/state/page"
)

// Groups are saved as their keys in order of their ids. The hash tables are made
// anew: with another seed, which nothing can observe.

func (g *oneGroup) save(*page.Writer, int, int) {}

func (g *oneGroup) restore(r *page.Reader, n int) {
	if g.n += n; g.n > 1 {
		r.Fail("%d groups where there is one", g.n)
		g.n = 0
	}
}

func (g *oneGroup) index() {}

func (g *intGroups) save(w *page.Writer, lo, hi int) {
	null := int64(-1)
	if id := int(g.nullID); id >= lo && id < hi {
		null = int64(id)
	}
	w.Int(null)
	w.Int64s(g.keys[lo:hi])
}

func (g *intGroups) restore(r *page.Reader, n int) {
	if null := nullOf(r, len(g.keys)+n); null >= 0 {
		g.nullID = int32(null)
	}
	g.keys = r.Int64s(g.keys, n)
}

// nullOf reads the id of the NULL group, which is below size, or -1.
func nullOf(r *page.Reader, size int) int {
	id := r.Int()
	if id < -1 || id >= int64(size) {
		r.Fail("NULL is group %d of %d", id, size)
		return -1
	}
	return int(id)
}

func (g *intGroups) index() { g.rehash(slotsFor(len(g.keys))) }

func (t *bytesTable) save(w *page.Writer, lo, hi int) {
	null := int64(-1)
	if id := int(t.null); id >= lo && id < hi {
		null = int64(id)
	}
	w.Int(null)
	begin := 0
	if lo > 0 {
		begin = t.ends[lo-1]
	}
	end, to := begin, w.Raw(4*(hi-lo))
	for i, e := range t.ends[lo:hi] {
		putUint32(to[4*i:], uint32(e-end))
		end = e
	}
	w.Blob(t.arena[begin:end])
}

func (t *bytesTable) restore(r *page.Reader, n int) {
	if null := nullOf(r, len(t.ends)+n); null >= 0 {
		t.null = int32(null)
	}
	sizes := r.Raw(n, 4)
	arena := r.Blob()
	at, end := len(t.arena), len(t.arena)+len(arena)
	ends := slices.Grow(t.ends, len(sizes)/4)
	for i := 0; i < len(sizes); i += 4 {
		if at += int(uint32Of(sizes[i:])); at > end {
			r.Fail("keys of more than %d bytes", len(arena))
			return
		}
		ends = append(ends, at)
	}
	if at != end {
		r.Fail("keys of %d bytes where there are %d", at-len(t.arena), len(arena))
		return
	}
	t.ends, t.arena = ends, append(t.arena, arena...)
}

func (t *bytesTable) index() { t.rehash(slotsFor(len(t.ends))) }

// saveBytes is about how many bytes the keys of groups take in a page.
func saveBytes(g groups) int {
	switch g := g.(type) {
	case *intGroups:
		return 8 * len(g.keys)
	case *textGroups:
		return 4*len(g.ends) + len(g.arena)
	case *encodedGroups:
		return 4*len(g.ends) + len(g.arena)
	}
	return 0
}
