package planner

import "weir/planner/physical"

// exprIndex finds expressions in a list that only grows, however long it is.
type exprIndex struct {
	at   map[uint64][]int // by hash
	seen int              // how much of the list it has
}

// find returns where e, which has the hash h, stands in list, -1 if it does not.
func (x *exprIndex) find(list []physical.Expr, e physical.Expr, h uint64) int {
	if x.at == nil {
		x.at = make(map[uint64][]int)
	}
	for ; x.seen < len(list); x.seen++ {
		have := physical.Hash(list[x.seen])
		x.at[have] = append(x.at[have], x.seen)
	}
	for _, i := range x.at[h] {
		if physical.Equal(list[i], e) {
			return i
		}
	}
	return -1
}

// key returns which group key e is, -1 if it is none.
func (g *grouping) key(e physical.Expr) int {
	return g.keys.find(g.agg.Keys, e, physical.Hash(e))
}
