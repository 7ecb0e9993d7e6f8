package views

import (
	"bytes"
	"hash/maphash"

	"weir/operators/stream/keys"
)

// link enters a row into the index: at is where an equal one is, -1 if none.
func (v *View) link(at int, h uint32, r ref) {
	if at < 0 {
		v.index.add(h, r)
		return
	}
	p, row := v.row(r)
	p.follow(row, v.index.entries[at].ref)
	v.index.entries[at].ref = r + 1
}

// kill hides a row.
func (v *View) kill(p *page, row int) {
	p.live[row>>6] &^= 1 << (row & 63)
	p.liveN--
	p.version++
	v.state.Rows--
	v.weigh(p)
}

func (v *View) row(r ref) (*page, int) { return v.table[r>>rowBits], int(r & (1<<rowBits - 1)) }

// find returns the index's entry of a key, -1 if there is none.
func (v *View) find(key []byte, h uint32) (int, error) {
	m := v.index.mask()
	for i := int(h) & m; ; i = (i + 1) & m {
		e := v.index.entries[i]
		if e.ref == 0 {
			return -1, nil
		}
		if e.hash != h {
			continue
		}
		p, row := v.row(e.ref - 1)
		other, err := v.keyOf(p, row)
		if err != nil {
			return -1, err
		}
		if bytes.Equal(other, key) {
			return i, nil
		}
	}
}

// keyOf writes the key of a row, which is valid until the next call.
func (v *View) keyOf(p *page, row int) ([]byte, error) {
	b, err := v.borrow(p)
	if err != nil {
		return nil, err
	}
	part := b.find(row)
	if part.keys == nil {
		part.keys = make([]keys.Column, len(v.key))
		for i, c := range v.key {
			part.keys[i] = keys.Of(part.rec.Column(c), v.cfg.Schema[c].Type)
		}
	}
	v.other = v.other[:0]
	for c := range part.keys {
		v.other = part.keys[c].Append(v.other, row-part.first)
	}
	return v.other, nil
}

// chainMax is how many equal rows are walked along to take one out of their
// middle. Beyond that the whole index is made again when it is needed.
const chainMax = 64

// unlink takes a row out of the index, or puts another in its place: to is that
// row's ref plus 1, or 0.
func (v *View) unlink(p *page, row int, to ref) error {
	if v.index == nil {
		return nil
	}
	key, err := v.keyOf(p, row)
	if err != nil {
		return err
	}
	v.scratch = append(v.scratch[:0], key...)
	at, err := v.find(v.scratch, uint32(maphash.Bytes(v.seed, v.scratch)))
	if err != nil || at < 0 {
		return err
	}
	behind := p.behind(row)
	p.follow(row, 0)
	if to == 0 {
		to = behind
	} else if behind != 0 {
		q, r := v.row(to - 1)
		q.follow(r, behind)
	}
	link := &v.index.entries[at].ref
	for range chainMax {
		switch *link {
		case 0:
			return nil // the index does not have it: not yet shown
		case makeRef(p.at, row) + 1:
			*link = to
			if v.index.entries[at].ref == 0 {
				v.index.remove(at)
			}
			return nil
		}
		q, r := v.row(*link - 1)
		if r >= len(q.next) {
			return nil
		}
		link = &q.next[r]
	}
	v.dropIndex()
	return nil
}

// dropIndex forgets where rows are; the next row to leave makes the index again.
func (v *View) dropIndex() {
	v.index = nil
	for _, p := range v.table {
		if p != nil {
			p.next = nil
		}
	}
}

// buildIndex enters every row, in the order of appearance: of equal rows the
// last one leaves first, whatever pages they lie in.
func (v *View) buildIndex() error {
	v.index = newIndex(v.state.Rows)
	pages := v.shown(false)
	for row := range inOrder(pages) {
		p := pages[row.page].page
		key, err := v.keyOf(p, int(row.row))
		if err != nil {
			v.dropIndex()
			return err
		}
		v.built = append(v.built[:0], key...)
		h := uint32(maphash.Bytes(v.seed, v.built))
		at, err := v.find(v.built, h)
		if err != nil {
			v.dropIndex()
			return err
		}
		v.link(at, h, makeRef(p.at, int(row.row)))
	}
	return nil
}
