package windowagg

import (
	"slices"
	"sort"
)

// table is states of some of the groups, in ascending order of their ids.
type table struct {
	ids   []int32
	accs  []acc
	saved bool // the last snapshot has it as it is
}

// find returns where group id is, -1 if it is not there.
func (t *table) find(id int32) int32 {
	i := sort.Search(len(t.ids), func(i int) bool { return t.ids[i] >= id })
	if i < len(t.ids) && t.ids[i] == id {
		return int32(i)
	}
	return -1
}

// include makes the groups ids, which ascend, part of the table; those that
// were not get empty states.
func (t *table) include(ids []int32, fresh func() []acc) {
	t.saved = false // states are about to change
	missing := 0
	for _, id := range ids {
		if t.find(id) < 0 {
			missing++
		}
	}
	if missing == 0 {
		return
	}
	merged := make([]int32, 0, len(t.ids)+missing)
	merged = append(append(merged, t.ids...), ids...)
	slices.Sort(merged)
	merged = slices.Compact(merged)
	old := *t
	*t = table{ids: merged, accs: fresh()}
	to := t.places(old.ids, nil)
	var seq sequence
	for i, a := range t.accs {
		a.grow(len(merged))
		if len(old.ids) > 0 {
			a.fold(to, old.accs[i], seq.span(0, len(old.ids)))
		}
	}
}

// places appends where each of the groups, which ascend, is; -1 where it is not.
func (t *table) places(ids, dst []int32) []int32 {
	if len(ids) < len(t.ids)/16 {
		for _, id := range ids {
			dst = append(dst, t.find(id))
		}
		return dst
	}
	i := 0
	for _, id := range ids {
		for i < len(t.ids) && t.ids[i] < id {
			i++
		}
		if i < len(t.ids) && t.ids[i] == id {
			dst = append(dst, int32(i))
		} else {
			dst = append(dst, -1)
		}
	}
	return dst
}

// merge folds all of o into t.
func (t *table) merge(o *table, fresh func() []acc, seq *sequence) {
	t.include(o.ids, fresh)
	to := t.places(o.ids, nil)
	for i, a := range t.accs {
		a.fold(to, o.accs[i], seq.span(0, len(o.ids)))
	}
}

// rename gives the groups new ids, which keep their order.
func (t *table) rename(to []int32) {
	t.saved = false
	for i, id := range t.ids {
		t.ids[i] = to[id]
	}
}
