package planner

import (
	"strconv"
	"strings"
)

// namer gives each column of a list a name of its own: to one that is taken it
// adds _2, _3 and so on. Names differ without regard to case.
type namer struct {
	taken map[string]bool
	last  map[string]int // the suffix that a name was given last
}

func newNamer(taken ...string) *namer {
	n := &namer{taken: map[string]bool{}, last: map[string]int{}}
	for _, t := range taken {
		n.unique(t)
	}
	return n
}

func (n *namer) unique(name string) string {
	folded := strings.ToLower(name)
	out, key := name, folded
	for i := n.last[folded]; n.taken[key]; {
		i = max(i+1, 2)
		n.last[folded] = i
		suffix := "_" + strconv.Itoa(i)
		out, key = name+suffix, folded+suffix
	}
	n.taken[key] = true
	return out
}
