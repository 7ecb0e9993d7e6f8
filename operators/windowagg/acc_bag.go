package windowagg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/state/page"
	"weir/operators/stream"
	"weir/operators/stream/keys"
	"weir/planner/physical"
	"weir/sql/types"
)

// bagAcc keeps the rows of a group: of equal ones how many there are. It is the
// state of what cannot be made of less: DISTINCT, and aggregates that cannot be
// subtracted where the input takes rows back. The result is computed from the
// rows in their order, so it follows from which rows there are, not from when
// they came.
type bagAcc struct {
	s    []*bag // nil: no row
	in   []types.Type
	desc []bool // by column of in: descending
	// nulls is set if rows count of which an argument is NULL. args is how many of
	// the columns are arguments; those behind order the rows and stand in front in a key.
	nulls   bool
	args    int
	size    int // bytes of all rows
	cols    []keys.Column
	scratch []byte
	result  bagResult
}

// bagResult computes results of rows.
type bagResult interface {
	// appendResults appends one result per bag; nil is a bag without rows.
	appendResults(b array.Builder, bags []*bag) (nulled int64)
}

// bag is the rows of one group by their keys.
type bag struct {
	rows map[string]*bagRow
}

// bagRow is a row: how often it is there, and where its arguments begin in the key.
type bagRow struct {
	n  int64
	at int32
}

// errBadBag reports rows that nobody wrote.
var errBadBag = errors.New("damaged rows of an aggregate")

// bagRowBytes is about what a row takes beside its key.
const bagRowBytes = 64

func newBagAcc(a physical.Agg) (acc, error) {
	in := a.InputTypes()
	b := &bagAcc{in: in, args: len(in) - len(a.Order), cols: make([]keys.Column, len(in)), desc: make([]bool, len(in))}
	copy(b.desc[b.args:], a.Order)
	for _, t := range in {
		if t.Kind == types.Interval {
			return nil, fmt.Errorf("no rows of %s", t)
		}
	}
	inner := a
	inner.Distinct, inner.Filtered, inner.Order = false, false, nil
	inner.In, inner.Args = in[:b.args], nil
	if a.Fn == physical.AggCount && a.Distinct {
		b.result = countRows{}
		return b, nil
	}
	of, err := newAcc(inner, false)
	if err != nil {
		return nil, err
	}
	b.result = &replay{of: of, in: inner.In, distinct: a.Distinct}
	return b, nil
}

func (a *bagAcc) isLarge()   {}
func (a *bagAcc) grow(n int) { a.s = growTo(a.s, n) }
func (a *bagAcc) reset()     { a.s, a.size = a.s[:0], 0 }
func (a *bagAcc) bytes() int { return 8*cap(a.s) + a.size }

func (a *bagAcc) empty(ids []int32) {
	for _, id := range ids {
		if a.s[id] != nil {
			for k := range a.s[id].rows {
				a.size -= len(k) + bagRowBytes
			}
			a.s[id] = nil
		}
	}
}

// add adds n times the row of a key.
func (a *bagAcc) add(id int32, key []byte, at int32, n int64) {
	g := a.s[id]
	if g == nil {
		g = &bag{rows: map[string]*bagRow{}}
		a.s[id] = g
	}
	r := g.rows[string(key)]
	if r == nil {
		g.rows[string(key)] = &bagRow{n: n, at: at}
		a.size += len(key) + bagRowBytes
		return
	}
	if r.n += n; r.n == 0 {
		delete(g.rows, string(key))
		a.size -= len(key) + bagRowBytes
	}
}

func (a *bagAcc) update(cols []arrow.Array, rows, ids []int32)  { a.change(cols, rows, ids, 1) }
func (a *bagAcc) retract(cols []arrow.Array, rows, ids []int32) { a.change(cols, rows, ids, -1) }

func (a *bagAcc) change(cols []arrow.Array, rows, ids []int32, n int64) {
	for i, c := range cols {
		a.cols[i] = keys.Of(c, a.in[i])
	}
	for i, r := range rows {
		if !a.nulls && anyNull(cols[:a.args], int(r)) {
			continue
		}
		a.scratch = a.scratch[:0]
		for j := a.args; j < len(a.cols); j++ {
			lo := len(a.scratch)
			a.scratch = a.cols[j].Append(a.scratch, int(r))
			if a.desc[j] {
				for k := lo; k < len(a.scratch); k++ {
					a.scratch[k] ^= 0xFF
				}
			}
		}
		at := len(a.scratch)
		for j := range a.args {
			a.scratch = a.cols[j].Append(a.scratch, int(r))
		}
		a.add(ids[i], a.scratch, int32(at), n)
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
				a.scratch = append(a.scratch[:0], k...)
				a.add(id, a.scratch, r.at, r.n)
			}
		}
	}
}

// sorted returns the keys of a bag in their order.
func (g *bag) sorted() []string {
	if g == nil {
		return nil
	}
	out := make([]string, 0, len(g.rows))
	for k := range g.rows {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// encode appends a bag: per row its count, where its arguments begin, and its key.
func (g *bag) encode(dst []byte) []byte {
	for _, k := range g.sorted() {
		r := g.rows[k]
		dst = binary.AppendVarint(dst, r.n)
		dst = binary.AppendUvarint(dst, uint64(r.at))
		dst = binary.AppendUvarint(dst, uint64(len(k)))
		dst = append(dst, k...)
	}
	return dst
}

// decode adds what encode wrote.
func (a *bagAcc) decode(id int32, b []byte) error {
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
		a.add(id, b[used:used+int(size)], int32(at), n)
		b = b[used+int(size):]
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
			if err := a.decode(id, vals.at(row)); err != nil {
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
		a.scratch = a.s[id].encode(a.scratch[:0])
		out.BinaryBuilder.Append(a.scratch)
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
		a.scratch = g.encode(a.scratch[:0])
		w.Blob(a.scratch)
	}
}

func (a *bagAcc) restore(r *page.Reader, n int) {
	for range n {
		id := int32(len(a.s))
		a.s = append(a.s, nil)
		if err := a.decode(id, r.Blob()); err != nil {
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
	in       []types.Type
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
	cols := decodeColumns(sorted, g, p.in)
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
func decodeColumns(sorted []string, g *bag, in []types.Type) []arrow.Array {
	cols := make([]arrow.Array, len(in))
	builders := make([]array.Builder, len(in))
	for i, t := range in {
		builders[i] = array.NewBuilder(memory.DefaultAllocator, stream.ArrowType(t))
	}
	for _, k := range sorted {
		rest := []byte(k[g.rows[k].at:])
		for i, t := range in {
			var err error
			if rest, err = keys.Decode(rest, t, builders[i]); err != nil {
				panic(fmt.Sprintf("a row that was kept: %v", err))
			}
		}
	}
	for i, b := range builders {
		cols[i] = b.NewArray()
		b.Release()
	}
	return cols
}
