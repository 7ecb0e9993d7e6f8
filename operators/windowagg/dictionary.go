package windowagg

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/sql/types"
)

// dictionary gives every group of a query one id for as long as some state
// mentions it, and knows the groups' order.
type dictionary struct {
	groups groups
	order  []int32 // ids in order of their keys
	rank   []int32 // by id: its place in order
	live   int     // groups that stayed when the dictionary was swept last
	seen   []int   // by id: the turn in which rows came for the group last
	turn   int     // counts cuts with rows
	saved  int     // groups that the last snapshot has, under the ids that they have

	// slack is how many groups may be unused before a sweep, beside as many as
	// are in use. turns is for how many turns a group stays that no state
	// mentions: most come again in the next window.
	slack, turns int
}

func newDictionary(keyTypes []types.Type) dictionary {
	return dictionary{groups: newGroups(keyTypes), slack: 1024, turns: 4}
}

// find writes the ids of the rows' groups. New groups have no rank before the
// next call of rankAll.
func (d *dictionary) find(keys []arrow.Array, rows, ids []int32) error {
	if err := d.groups.find(keys, rows, ids); err != nil {
		return err
	}
	d.seen = growTo(d.seen, d.groups.size())
	for _, id := range ids {
		d.seen[id] = d.turn
	}
	return nil
}

func (d *dictionary) size() int { return d.groups.size() }

// rankAll takes groups that are new into the order. It ends a turn.
func (d *dictionary) rankAll() {
	d.turn++
	old, n := len(d.order), d.groups.size()
	if old == n {
		return
	}
	fresh := make([]int32, n-old)
	for i := range fresh {
		fresh[i] = int32(old + i)
	}
	d.groups.sort(fresh)
	d.order = append(d.order, fresh...)
	// Merge from the back, so that it can be done in place.
	for i, j, at := old-1, len(fresh)-1, n-1; j >= 0; at-- {
		if i >= 0 && d.groups.compare(d.order[i], fresh[j]) > 0 {
			d.order[at] = d.order[i]
			i--
		} else {
			d.order[at] = fresh[j]
			j--
		}
	}
	d.rank = growTo(d.rank, n)
	for i, id := range d.order {
		d.rank[id] = int32(i)
	}
}

// byKey orders ids by their keys.
func (d *dictionary) byKey(ids []int32) {
	slices.SortFunc(ids, func(a, b int32) int { return int(d.rank[a] - d.rank[b]) })
}

// appendKeys writes the groups' keys.
func (d *dictionary) appendKeys(b []array.Builder, ids []int32) error {
	return d.groups.appendKeys(b, ids)
}

// crowded tells that it is worth looking for groups that nothing mentions.
func (d *dictionary) crowded() bool { return d.groups.size() > 2*d.live+d.slack }

// sweep keeps the groups that used mentions or that came lately, and returns each id's new one, -1
// for those that are gone. Ids keep their order. It returns nil if all stay.
func (d *dictionary) sweep(used []bool) (to []int32) {
	var keep []int32
	to = make([]int32, len(used))
	for id, u := range used {
		to[id] = -1
		if u || d.seen[id] >= d.turn-d.turns {
			to[id] = int32(len(keep))
			d.seen[len(keep)] = d.seen[id]
			keep = append(keep, int32(id))
		}
	}
	d.live = len(keep)
	if len(keep) == len(used) {
		return nil
	}
	d.groups.retain(keep)
	d.saved = 0
	d.seen = d.seen[:len(keep)]
	order := d.order[:0]
	for _, id := range d.order {
		if to[id] >= 0 {
			order = append(order, to[id])
		}
	}
	d.order, d.rank = order, d.rank[:len(keep)]
	for i, id := range order {
		d.rank[id] = int32(i)
	}
	return to
}
