package windowagg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/state/page"
	"weir/planner/physical"
)

// bagAcc keeps the rows of a group: of equal ones how many there are. It is the
// state of what cannot be made of less: DISTINCT, lists, and aggregates that cannot
// be subtracted where the input takes rows back. The result is computed from the
// rows in their order, so it follows from which rows there are, not from when
// they came.
type bagAcc struct {
	s      []*bag // nil: no row
	key    *rowKey
	nulls  bool // rows count of which an argument is NULL
	size   int  // bytes of all rows
	buf    []byte
	result bagResult
	// prune drops rows of a bag that cannot show any more, as rows only come; nil: none.
	prune func(g *bag)
}

// bagResult computes results of rows.
type bagResult interface {
	// appendResults appends one result per bag; nil is a bag without rows.
	appendResults(b array.Builder, bags []*bag) (nulled int64)
}

// bag is the rows of one group by their keys.
type bag struct {
	rows    map[string]*bagRow
	size    int
	pruneAt int // the size at which to prune next
}

// bagRow is a row: how often it is there, and where its arguments begin in the key.
type bagRow struct {
	n  int64
	at int32
}

// heldBytesMax is how much the rows that one aggregate keeps may take in one table:
// a slice of a lane, or all groups of a query.
const heldBytesMax = 1 << 30

var errTooManyRows = errors.New("an aggregate keeps more than 1 GiB of rows: make the window smaller, filter, or take APPROX_COUNT_DISTINCT or APPROX_PERCENTILE")

// overfull returns an error if one of accs keeps too much.
func overfull(accs []acc) error {
	for _, a := range accs {
		if b, ok := a.(*bagAcc); ok && b.size > heldBytesMax {
			return errTooManyRows
		}
	}
	return nil
}

// errBadBag reports rows that nobody wrote.
var errBadBag = errors.New("damaged rows of an aggregate")

const (
	// bagRowBytes is about what a row takes beside its key.
	bagRowBytes = 64
	// pruneBytes is what a bag may grow by before it is worth pruning.
	pruneBytes = 64 << 10
)

func newBagAcc(a physical.Agg, retracts bool) (acc, error) {
	key, err := newRowKey(a)
	if err != nil {
		return nil, err
	}
	b := &bagAcc{key: key}
	switch list := newList(a, key); {
	case list != nil:
		b.result, b.nulls = list, list.nulls
		if !retracts {
			b.prune = list.prune
		}
		return b, nil
	case a.Fn == physical.AggFirst:
		b.result, b.nulls = firstRow{key}, true
		return b, nil
	case a.Fn == physical.AggRows:
		b.nulls = true
		return b, nil // see sessions.emitRows
	case a.Fn == physical.AggCount && a.Distinct:
		b.result = countRows{}
		return b, nil
	}
	if b.result, err = newRowsResult(a, key); b.result != nil || err != nil {
		return b, err
	}
	inner := a
	inner.Distinct, inner.Filtered, inner.Order = false, false, nil
	inner.In, inner.Args = key.in[:key.args], nil
	of, err := newAcc(inner, false)
	if err != nil {
		return nil, err
	}
	b.result = &replay{of: of, key: key, distinct: a.Distinct}
	return b, nil
}

func (a *bagAcc) isLarge()   {}
func (a *bagAcc) grow(n int) { a.s = growTo(a.s, n) }
func (a *bagAcc) reset()     { a.s, a.size = a.s[:0], 0 }
func (a *bagAcc) bytes() int { return 8*cap(a.s) + a.size }

func (a *bagAcc) empty(ids []int32) {
	for _, id := range ids {
		if g := a.s[id]; g != nil {
			a.size -= g.size
			a.s[id] = nil
		}
	}
}

// add adds n times the row of a key.
func (a *bagAcc) add(id int32, key []byte, at int32, n int64) {
	g := a.s[id]
	if g == nil {
		g = &bag{rows: map[string]*bagRow{}, pruneAt: pruneBytes}
		a.s[id] = g
	}
	bytes := len(key) + bagRowBytes
	r := g.rows[string(key)]
	if r == nil {
		g.rows[string(key)] = &bagRow{n: n, at: at}
		g.size += bytes
		a.size += bytes
		if a.prune != nil && g.size > g.pruneAt {
			a.size -= g.size
			a.prune(g)
			a.size += g.size
			g.pruneAt = 2*g.size + pruneBytes
		}
		return
	}
	if r.n += n; r.n == 0 {
		delete(g.rows, string(key))
		g.size -= bytes
		a.size -= bytes
	}
}

func (a *bagAcc) update(cols []arrow.Array, rows, ids []int32)  { a.change(cols, rows, ids, 1) }
func (a *bagAcc) retract(cols []arrow.Array, rows, ids []int32) { a.change(cols, rows, ids, -1) }

func (a *bagAcc) change(cols []arrow.Array, rows, ids []int32, n int64) {
	a.key.of(cols)
	args := cols[:a.key.args]
	for i, r := range rows {
		if !a.nulls && anyNull(args, int(r)) {
			continue
		}
		key, at := a.key.row(r)
		a.add(ids[i], key, at, n)
	}
}

func anyNull(cols []arrow.Array, row int) bool {
	for _, c := range cols {
		if c.IsNull(row) {
			return true
		}
	}
	return false
}

func (a *bagAcc) fold(ids []int32, src acc, from []int32) {
	o := src.(*bagAcc)
	for i, id := range ids {
		if f := from[i]; f >= 0 && o.s[f] != nil {
			for k, r := range o.s[f].rows {
				a.buf = append(a.buf[:0], k...)
				a.add(id, a.buf, r.at, r.n)
			}
		}
	}
}

// sorted returns the keys of the rows that are there, in their order.
func (g *bag) sorted() []string {
	if g == nil {
		return nil
	}
	out := make([]string, 0, len(g.rows))
	for k, r := range g.rows {
		if r.n > 0 {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// encode appends a bag: how many rows there are, by which damage to a count is
// found; then per row its count, where its arguments begin, and its key.
func (g *bag) encode(dst []byte) []byte {
	if g == nil {
		return dst
	}
	dst = binary.AppendVarint(dst, g.count())
	for _, k := range slices.Sorted(maps.Keys(g.rows)) { // the same rows, the same bytes
		r := g.rows[k]
		dst = binary.AppendVarint(dst, r.n)
		dst = binary.AppendUvarint(dst, uint64(r.at))
		dst = binary.AppendUvarint(dst, uint64(len(k)))
		dst = append(dst, k...)
	}
	return dst
}

// count is how many rows there are.
func (g *bag) count() (n int64) {
	for _, r := range g.rows {
		n += r.n
	}
	return n
}

// decode adds what encode wrote. Where the rows come from a disk, they are checked.
func (a *bagAcc) decode(id int32, b []byte, check bool) error {
	if len(b) == 0 {
		return nil
	}
	left, used := binary.Varint(b)
	if used <= 0 {
		return errBadBag
	}
	b = b[used:]
	for len(b) > 0 {
		n, used := binary.Varint(b)
		if used <= 0 {
			return errBadBag
		}
		b = b[used:]
		at, used := binary.Uvarint(b)
		if used <= 0 {
			return errBadBag
		}
		b = b[used:]
		size, used := binary.Uvarint(b)
		if used <= 0 || size > uint64(len(b)-used) || at > size || n == 0 {
			return errBadBag
		}
		key := b[used : used+int(size)]
		if check && !a.key.valid(key, int(at)) {
			return errBadBag
		}
		a.add(id, key, int32(at), n)
		left, b = left-n, b[used+int(size):]
	}
	if left != 0 {
		return errBadBag
	}
	return nil
}

func (a *bagAcc) load(cols []arrow.Array, lo int, ids []int32) {
	if len(ids) == 0 {
		return
	}
	valid, vals := validityOf(cols[0]), textsOf(cols[0])
	for i, id := range ids {
		if row := int32(lo + i); valid.ok(row) {
			if err := a.decode(id, vals.at(row), false); err != nil {
				panic(fmt.Sprintf("rows of a lane: %v", err))
			}
		}
	}
}

func (a *bagAcc) appendStates(b []array.Builder, ids []int32) {
	out := b[0].(*array.StringBuilder)
	for _, id := range ids {
		if a.s[id] == nil {
			out.AppendNull()
			continue
		}
		a.buf = a.s[id].encode(a.buf[:0])
		out.BinaryBuilder.Append(a.buf)
	}
}

func (a *bagAcc) appendResults(b array.Builder, ids []int32) int64 {
	bags := make([]*bag, len(ids))
	for i, id := range ids {
		bags[i] = a.s[id]
	}
	return a.result.appendResults(b, bags)
}

func (a *bagAcc) save(w *page.Writer, lo, hi int) {
	for _, g := range a.s[lo:hi] {
		a.buf = g.encode(a.buf[:0])
		w.Blob(a.buf)
	}
}

func (a *bagAcc) restore(r *page.Reader, n int) {
	for range n {
		id := int32(len(a.s))
		a.s = append(a.s, nil)
		if err := a.decode(id, r.Blob(), true); err != nil {
			r.Fail("%s", err)
		}
		if r.Err() != nil {
			return
		}
	}
}

// countRows is how many different rows there are.
type countRows struct{}

func (countRows) appendResults(b array.Builder, bags []*bag) int64 {
	out := b.(*array.Int64Builder)
	for _, g := range bags {
		n := int64(0)
		if g != nil {
			n = int64(len(g.rows))
		}
		out.Append(n)
	}
	return 0
}

// replay gives the rows, in their order, to an aggregate that begins with none.
type replay struct {
	of       acc
	key      *rowKey
	distinct bool
	seq      sequence
}

// replayRowsMax is how many rows are given at once.
const replayRowsMax = 1 << 16

func (p *replay) appendResults(b array.Builder, bags []*bag) int64 {
	p.of.reset()
	p.of.grow(len(bags))
	for id, g := range bags {
		if g != nil {
			p.give(int32(id), g)
		}
	}
	return p.of.appendResults(b, p.seq.span(0, len(bags)))
}

// give gives all rows of one bag to state id.
func (p *replay) give(id int32, g *bag) {
	sorted := g.sorted()
	cols := decodeColumns(sorted, g, p.key)
	var rows, ids []int32
	for i, k := range sorted {
		n := g.rows[k].n
		if p.distinct {
			n = 1
		}
		for ; n > 0; n-- {
			rows, ids = append(rows, int32(i)), append(ids, id)
			if len(rows) == replayRowsMax {
				p.of.update(cols, rows, ids)
				rows, ids = rows[:0], ids[:0]
			}
		}
	}
	if len(rows) > 0 {
		p.of.update(cols, rows, ids)
	}
	for _, c := range cols {
		c.Release()
	}
}

// decodeColumns returns the arguments of rows as columns.
func decodeColumns(sorted []string, g *bag, key *rowKey) []arrow.Array {
	builders := key.builders()
	for _, k := range sorted {
		key.decode([]byte(k[g.rows[k].at:]), builders)
	}
	cols := make([]arrow.Array, len(builders))
	for i, b := range builders {
		cols[i] = b.NewArray()
		b.Release()
	}
	return cols
}
