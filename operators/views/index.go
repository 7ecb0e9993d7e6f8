package views

import "math/bits"

// index finds rows by the hash of their key: open addressing over a flat slice,
// 8 bytes an entry, never more than three quarters full. A bag's equal rows share
// one entry, which names the newest; page.next leads to the others. It holds 32
// bits of the hash, so an entry that fits is a candidate and no more.
type index struct {
	entries []entry
	used    int
}

type entry struct {
	hash uint32
	ref  ref // plus 1; 0: free
}

// newIndex has room for n keys.
func newIndex(n int) *index {
	size := 16
	if n > 8 {
		size = 1 << bits.Len(uint(n+n/2))
	}
	return &index{entries: make([]entry, size)}
}

func (x *index) mask() int { return len(x.entries) - 1 }

// add puts in a key that is not there.
func (x *index) add(hash uint32, r ref) {
	if (x.used+1)*4 > len(x.entries)*3 {
		old := x.entries
		x.entries = make([]entry, 2*len(old))
		for _, e := range old {
			if e.ref != 0 {
				x.place(e)
			}
		}
	}
	x.place(entry{hash, r + 1})
	x.used++
}

func (x *index) place(e entry) {
	m := x.mask()
	i := int(e.hash) & m
	for x.entries[i].ref != 0 {
		i = (i + 1) & m
	}
	x.entries[i] = e
}

// remove frees an entry and moves up those that it had pushed on.
func (x *index) remove(i int) {
	m := x.mask()
	x.used--
	for j := i; ; {
		j = (j + 1) & m
		e := x.entries[j]
		if e.ref == 0 {
			break
		}
		if home := int(e.hash) & m; (j-home)&m >= (j-i)&m {
			x.entries[i] = e
			i = j
		}
	}
	x.entries[i] = entry{}
}
