package windowagg

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// slotsMin is the size of a new table; tables are at most half full.
const slotsMin = 8

// intSlot is a place of the hash table; id is one more than the group's, 0 is empty.
type intSlot struct {
	key int64
	id  int32
}

// intGroups is open addressing with linear probing over one BIGINT or DATETIME
// key. The seed is random, which nothing can observe: ids follow first sight.
type intGroups struct {
	slots  []intSlot
	keys   []int64 // by id; 0 for the NULL group
	nullID int32   // -1: no NULL was seen
	seed   uint64
}

func newIntGroups() *intGroups {
	return &intGroups{slots: make([]intSlot, slotsMin), nullID: -1, seed: rand.Uint64()}
}

// mix is the folded multiplication of wyhash.
func mix(k, seed uint64) uint64 {
	hi, lo := bits.Mul64(k^seed, 0x9E3779B97F4A7C15)
	return hi ^ lo
}

func (g *intGroups) find(keys []arrow.Array, rows, ids []int32) error {
	if len(rows) == 0 {
		return nil
	}
	valid, vals := validityOf(keys[0]), int64s(keys[0])
	for i, r := range rows {
		if !valid.ok(r) {
			ids[i] = g.null()
			continue
		}
		k := vals[r]
		mask := uint64(len(g.slots) - 1)
		for at := mix(uint64(k), g.seed) & mask; ; at = (at + 1) & mask {
			s := &g.slots[at]
			if s.key == k && s.id != 0 {
				ids[i] = s.id - 1
				break
			}
			if s.id == 0 {
				s.key, s.id = k, int32(len(g.keys)+1)
				ids[i] = s.id - 1
				g.keys = append(g.keys, k)
				if 2*len(g.keys) > len(g.slots) {
					g.rehash(2 * len(g.slots))
				}
				break
			}
		}
	}
	if len(g.keys) > groupsMax {
		return errTooManyGroups
	}
	return nil
}

// null returns the id of the NULL group.
func (g *intGroups) null() int32 {
	if g.nullID < 0 {
		g.nullID = int32(len(g.keys))
		g.keys = append(g.keys, 0)
	}
	return g.nullID
}

// rehash puts all keys into n slots, a power of two.
func (g *intGroups) rehash(n int) {
	if n == len(g.slots) {
		clear(g.slots)
	} else {
		g.slots = make([]intSlot, n)
	}
	mask := uint64(n - 1)
	for id, k := range g.keys {
		if int32(id) == g.nullID {
			continue
		}
		at := mix(uint64(k), g.seed) & mask
		for g.slots[at].id != 0 {
			at = (at + 1) & mask
		}
		g.slots[at] = intSlot{k, int32(id + 1)}
	}
}

func (g *intGroups) size() int { return len(g.keys) }

func (g *intGroups) appendKeys(b []array.Builder, ids []int32) error {
	switch b := b[0].(type) {
	case *array.Int64Builder:
		b.Reserve(len(ids))
		for _, id := range ids {
			if id == g.nullID {
				b.UnsafeAppendBoolToBitmap(false)
			} else {
				b.UnsafeAppend(g.keys[id])
			}
		}
	case *array.TimestampBuilder:
		b.Reserve(len(ids))
		for _, id := range ids {
			if id == g.nullID {
				b.UnsafeAppendBoolToBitmap(false)
			} else {
				b.UnsafeAppend(arrow.Timestamp(g.keys[id]))
			}
		}
	}
	return nil
}

func (g *intGroups) sort(ids []int32) { slices.SortFunc(ids, g.compare) }

func (g *intGroups) compare(a, b int32) int {
	if a == g.nullID || b == g.nullID {
		return nullOrder(a == g.nullID, b == g.nullID)
	}
	return cmp.Compare(g.keys[a], g.keys[b])
}

// nullOrder compares two values of which at least one is NULL: NULL comes first.
func nullOrder(a, b bool) int {
	switch {
	case a && b:
		return 0
	case a:
		return -1
	}
	return 1
}

func (g *intGroups) retain(keep []int32) {
	null := int32(-1)
	for i, id := range keep {
		if id == g.nullID {
			null = int32(i)
		}
		g.keys[i] = g.keys[id]
	}
	g.keys, g.nullID = g.keys[:len(keep)], null
	g.rehash(slotsFor(len(keep)))
}

// slotsFor returns the size of a table for n groups.
func slotsFor(n int) int {
	return max(slotsMin, 1<<bits.Len(uint(2*n)))
}

func (g *intGroups) reset() {
	g.keys, g.nullID = g.keys[:0], -1
	clear(g.slots)
}

func (g *intGroups) bytes() int { return 16*len(g.slots) + 8*cap(g.keys) }
