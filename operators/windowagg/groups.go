package windowagg

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/state/page"
	"weir/sql/types"
)

// groupsMax is how many groups one table holds at most. Beyond it the query
// stops with errTooManyGroups: state that outgrows this does not fit in memory.
const groupsMax = 1 << 28

var errTooManyGroups = errors.New("a window holds too many groups: make the window smaller or group by fewer values")

// groups is a dictionary from group keys to ids 0, 1, 2, … in order of first
// sight. NULL is a value like any other.
type groups interface {
	// find writes the id of each of the rows to ids and adds the keys that are new.
	find(keys []arrow.Array, rows, ids []int32) error
	// size is the number of ids.
	size() int
	// appendKeys appends the keys of the ids to one builder per key column.
	appendKeys(b []array.Builder, ids []int32) error
	// sort orders ids by memcomparable key.
	sort(ids []int32)
	// compare orders two ids by memcomparable key.
	compare(a, b int32) int
	// retain keeps the ids in keep, which ascend, and numbers them anew from 0.
	retain(keep []int32)
	// reset forgets all keys; what it grew to is kept.
	reset()
	// bytes is about how much memory it holds.
	bytes() int
	// save writes the keys of the ids lo..hi-1.
	save(w *page.Writer, lo, hi int)
	// restore gives the next n ids to keys that were saved. index must be called
	// behind the last of them, before anything else is.
	restore(r *page.Reader, n int)
	index()
}

// newGroups returns a dictionary for keys of the given types.
func newGroups(keyTypes []types.Type) groups {
	switch {
	case len(keyTypes) == 0:
		return &oneGroup{}
	case len(keyTypes) == 1 && (keyTypes[0].Kind == types.Bigint || keyTypes[0].Kind == types.Time || keyTypes[0].Kind == types.Datetime):
		return newIntGroups()
	case len(keyTypes) == 1 && (keyTypes[0].Kind == types.Varchar || keyTypes[0].Kind == types.Varbinary):
		return newTextGroups()
	}
	return newEncodedGroups(keyTypes)
}

// oneGroup is the dictionary of no keys: everything is group 0.
type oneGroup struct{ n int }

func (g *oneGroup) find(_ []arrow.Array, rows, ids []int32) error {
	if len(rows) > 0 {
		g.n = 1
		clear(ids[:len(rows)])
	}
	return nil
}

func (g *oneGroup) size() int                                 { return g.n }
func (g *oneGroup) appendKeys([]array.Builder, []int32) error { return nil }
func (g *oneGroup) sort([]int32)                              {}
func (g *oneGroup) compare(int32, int32) int                  { return 0 }
func (g *oneGroup) retain(keep []int32)                       { g.n = len(keep) }
func (g *oneGroup) reset()                                    { g.n = 0 }
func (g *oneGroup) bytes() int                                { return 0 }
