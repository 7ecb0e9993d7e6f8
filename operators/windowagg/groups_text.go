package windowagg

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream/keys"
	"weir/sql/types"
)

// bytesTable is a hash table over byte strings, which lie behind each other in
// one arena. It is what textGroups and encodedGroups share.
type bytesTable struct {
	slots []bytesSlot
	ends  []int  // by id: where the key ends in the arena; it begins where the one before ends
	arena []byte // no pointers: the garbage collector does not look into it
	seed  maphash.Seed
	null  int32 // the id that stands for NULL, which has no slot; -1: there is none
}

// bytesSlot is a place of the hash table; id is one more than the group's, 0 is
// empty. The upper half of the hash saves most comparisons of keys.
type bytesSlot struct {
	tag uint32
	id  int32
}

func newBytesTable() bytesTable {
	return bytesTable{slots: make([]bytesSlot, slotsMin), seed: maphash.MakeSeed(), null: -1}
}

// key returns the bytes of an id.
func (t *bytesTable) key(id int32) []byte {
	lo := 0
	if id > 0 {
		lo = t.ends[id-1]
	}
	return t.arena[lo:t.ends[id]]
}

// find returns the id of k, which is added if it is new.
func (t *bytesTable) find(k []byte) int32 {
	h := maphash.Bytes(t.seed, k)
	tag, mask := uint32(h>>32), uint64(len(t.slots)-1)
	for at := h & mask; ; at = (at + 1) & mask {
		s := &t.slots[at]
		if s.id == 0 {
			id := t.add(k)
			*s = bytesSlot{tag, id + 1}
			if 2*len(t.ends) > len(t.slots) {
				t.rehash(2 * len(t.slots))
			}
			return id
		}
		if s.tag == tag && bytes.Equal(t.key(s.id-1), k) {
			return s.id - 1
		}
	}
}

// add gives k the next id without entering it into the slots.
func (t *bytesTable) add(k []byte) int32 {
	t.arena = append(t.arena, k...)
	t.ends = append(t.ends, len(t.arena))
	return int32(len(t.ends) - 1)
}

// rehash puts all keys into n slots, a power of two.
func (t *bytesTable) rehash(n int) {
	if n == len(t.slots) {
		clear(t.slots)
	} else {
		t.slots = make([]bytesSlot, n)
	}
	mask := uint64(n - 1)
	for id := range int32(len(t.ends)) {
		if id == t.null {
			continue
		}
		h := maphash.Bytes(t.seed, t.key(id))
		at := h & mask
		for t.slots[at].id != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = bytesSlot{uint32(h >> 32), id + 1}
	}
}

func (t *bytesTable) size() int { return len(t.ends) }

// retain keeps the keys of the ids in keep, which ascend.
func (t *bytesTable) retain(keep []int32) {
	end := 0
	for i, id := range keep {
		end += copy(t.arena[end:], t.key(id)) // never ahead of what is read
		t.ends[i] = end
	}
	t.null = int32(slices.Index(keep, t.null))
	t.ends, t.arena = t.ends[:len(keep)], t.arena[:end]
	t.rehash(slotsFor(len(keep)))
}

func (t *bytesTable) reset() {
	t.ends, t.arena, t.null = t.ends[:0], t.arena[:0], -1
	clear(t.slots)
}

func (t *bytesTable) bytes() int { return 8*len(t.slots) + 8*cap(t.ends) + cap(t.arena) }

// textGroups is the dictionary of one VARCHAR key. Its bytes compare as SQL does.
type textGroups struct{ bytesTable }

func newTextGroups() *textGroups { return &textGroups{newBytesTable()} }

func (g *textGroups) find(cols []arrow.Array, rows, ids []int32) error {
	if len(rows) == 0 {
		return nil
	}
	valid, vals := validityOf(cols[0]), textsOf(cols[0])
	for i, r := range rows {
		switch {
		case valid.ok(r):
			ids[i] = g.bytesTable.find(vals.at(r))
		case g.null < 0:
			g.null = g.add(nil)
			ids[i] = g.null
		default:
			ids[i] = g.null
		}
	}
	if g.size() > groupsMax {
		return errTooManyGroups
	}
	return nil
}

func (g *textGroups) appendKeys(b []array.Builder, ids []int32) error {
	s := b[0].(*array.StringBuilder)
	s.Reserve(len(ids))
	for _, id := range ids {
		if id == g.null {
			s.AppendNull()
		} else {
			s.BinaryBuilder.Append(g.key(id))
		}
	}
	return nil
}

func (g *textGroups) sort(ids []int32) { slices.SortFunc(ids, g.compare) }

func (g *textGroups) compare(a, b int32) int {
	if a == g.null || b == g.null {
		return nullOrder(a == g.null, b == g.null)
	}
	return bytes.Compare(g.key(a), g.key(b))
}

// encodedGroups is the dictionary of any keys, by their memcomparable bytes.
type encodedGroups struct {
	bytesTable
	types []types.Type
	cols  []keys.Column
	buf   []byte
}

func newEncodedGroups(keyTypes []types.Type) *encodedGroups {
	return &encodedGroups{bytesTable: newBytesTable(), types: keyTypes, cols: make([]keys.Column, len(keyTypes))}
}

func (g *encodedGroups) find(cols []arrow.Array, rows, ids []int32) error {
	for i, c := range cols {
		g.cols[i] = keys.Of(c, g.types[i])
	}
	for i, r := range rows {
		g.buf = g.buf[:0]
		for j := range g.cols {
			g.buf = g.cols[j].Append(g.buf, int(r))
		}
		ids[i] = g.bytesTable.find(g.buf)
	}
	clear(g.cols) // they point into the batch
	if g.size() > groupsMax {
		return errTooManyGroups
	}
	return nil
}

func (g *encodedGroups) appendKeys(b []array.Builder, ids []int32) error {
	for _, id := range ids {
		k := g.key(id)
		for j, t := range g.types {
			var err error
			if k, err = keys.Decode(k, t, b[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *encodedGroups) sort(ids []int32) { slices.SortFunc(ids, g.compare) }

func (g *encodedGroups) compare(a, b int32) int { return bytes.Compare(g.key(a), g.key(b)) }
