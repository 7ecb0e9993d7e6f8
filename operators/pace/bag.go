package pace

import (
	"bytes"
	"hash/maphash"
)

// bag finds equal rows. What is left of a row that came as often as it went is
// forgotten, so it takes as much memory as there are changes.
//
// It is a table of numbers of rows with linear probing. A row without a net keeps
// its slot until the rows are tidied; if it comes again, it is a new row.
type bag struct {
	seed  maphash.Seed
	slots []int32 // number of a row, plus one; 0: free
	used  int
	live  int // slots whose row has a net
}

const slotsMin = 64

func newBag() bag { return bag{seed: maphash.MakeSeed()} }

// find returns the slot of a row, or the one that it would get, and its number: -1
// if it is not there.
func (b *bag) find(held *rows, row []byte) (slot, number int) {
	mask := len(b.slots) - 1
	slot = int(maphash.Bytes(b.seed, row)) & mask
	for ; b.slots[slot] != 0; slot = (slot + 1) & mask {
		number = int(b.slots[slot]) - 1
		if have, _, _ := held.at(number); bytes.Equal(have, row) {
			return slot, number
		}
	}
	return slot, -1
}

// add counts a row that came or went, or came as often as net says.
func (b *bag) add(held *rows, row []byte, prefix int, net int32) {
	b.reserve(held)
	slot, number := b.find(held, row)
	if number >= 0 && held.net(number) != 0 {
		if held.add(number, net) == 0 {
			b.live--
		}
		return
	}
	if number < 0 {
		b.used++
	}
	b.live++
	b.slots[slot] = int32(held.append(row, prefix, net)) + 1
}

// reserve makes room for one more row.
func (b *bag) reserve(held *rows) {
	if 2*(b.used+1) <= len(b.slots) {
		return
	}
	old := b.slots
	b.slots = make([]int32, max(slotsMin, 2*len(old)))
	for _, n := range old {
		if n == 0 {
			continue
		}
		row, _, _ := held.at(int(n) - 1)
		slot, _ := b.find(held, row)
		b.slots[slot] = n
	}
}

// tidy drops rows without a net once they are most of what is there.
func (b *bag) tidy(held *rows) {
	if held.n < 2*chunkRows || held.n < 2*b.live {
		return
	}
	var kept rows
	left := newBag()
	for i := range held.n {
		if row, prefix, net := held.at(i); net != 0 {
			left.add(&kept, row, prefix, net)
		}
	}
	*held, *b = kept, left
}
