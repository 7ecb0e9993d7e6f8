package windowagg

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/state/page"
	"weir/operators/stream"
	"weir/operators/stream/keys"
	"weir/planner/physical"
	"weir/sql/types"
)

// rowKey writes rows as bytes that order as the rows do: what an aggregate
// orders by first, then its arguments.
type rowKey struct {
	in   []types.Type // the arguments, then the order
	args int          // how many of them are arguments
	desc []bool       // one for each of the others
	cols []keys.Column
	buf  []byte
}

func newRowKey(a physical.Agg) (*rowKey, error) {
	in := a.InputTypes()
	for _, t := range in {
		if t.Kind == types.Interval || t.Kind == types.Invalid {
			return nil, fmt.Errorf("%s of rows with %s", a.Fn, t)
		}
	}
	return &rowKey{in: in, args: len(in) - len(a.Order), desc: a.Order, cols: make([]keys.Column, len(in))}, nil
}

// of takes the columns that rows are in.
func (k *rowKey) of(cols []arrow.Array) {
	for i, c := range cols {
		k.cols[i] = keys.Of(c, k.in[i])
	}
}

// row returns the key of a row, which stays until the next call, and where the
// arguments begin in it.
func (k *rowKey) row(row int32) (key []byte, at int32) {
	b := k.buf[:0]
	for i, desc := range k.desc {
		lo := len(b)
		b = k.cols[k.args+i].Append(b, int(row))
		if desc {
			for j := lo; j < len(b); j++ {
				b[j] ^= 0xFF
			}
		}
	}
	at = int32(len(b))
	for i := range k.args {
		b = k.cols[i].Append(b, int(row))
	}
	k.buf = b
	return b, at
}

// builders returns one for each argument.
func (k *rowKey) builders() []array.Builder {
	out := make([]array.Builder, k.args)
	for i := range out {
		out[i] = array.NewBuilder(memory.DefaultAllocator, stream.ArrowType(k.in[i]))
	}
	return out
}

// decode appends arguments to one builder each.
func (k *rowKey) decode(args []byte, to []array.Builder) {
	for i, b := range to {
		var err error
		if args, err = keys.Decode(args, k.in[i], b); err != nil {
			panic(fmt.Sprintf("a row that was kept: %v", err))
		}
	}
}

// valid tells whether key is that of a row whose arguments begin at at.
func (k *rowKey) valid(key []byte, at int) bool {
	args := key[at:]
	var err error
	for _, t := range k.in[:k.args] {
		if args, err = keys.Skip(args, t); err != nil {
			return false
		}
	}
	return len(args) == 0
}

// firstAcc is the argument of the first row by an order: FIRST_VALUE and
// LAST_VALUE by event time and position, ARG_MIN and ARG_MAX by a value. Of rows
// that are the same in the order it takes the least argument, so that neither
// arrival nor lanes can show.
type firstAcc struct {
	textExtremeAcc // of keys, with four bytes behind each: where the argument begins
	key            *rowKey
}

func newFirstAcc(a physical.Agg) (acc, error) {
	key, err := newRowKey(a)
	if err != nil {
		return nil, err
	}
	return &firstAcc{key: key}, nil
}

func (f *firstAcc) update(cols []arrow.Array, rows, ids []int32) {
	f.key.of(cols)
	for i, r := range rows {
		key, at := f.key.row(r)
		key = binary.LittleEndian.AppendUint32(key, uint32(at))
		f.key.buf = key
		f.take(ids[i], key)
	}
	f.compact()
}

func (f *firstAcc) fold(ids []int32, src acc, from []int32) {
	f.textExtremeAcc.fold(ids, &src.(*firstAcc).textExtremeAcc, from)
}

// restore also checks what it has read, for what is wrong with a row shows only when
// it is shown.
func (f *firstAcc) restore(r *page.Reader, n int) {
	from := len(f.s)
	f.textExtremeAcc.restore(r, n)
	for _, s := range f.s[min(from, len(f.s)):] {
		if r.Err() != nil || !s.has {
			continue
		}
		v := f.value(s)
		end := len(v) - 4
		if end < 0 {
			r.Fail("a row of %d bytes", len(v))
			continue
		}
		if at := binary.LittleEndian.Uint32(v[end:]); at > uint32(end) || !f.key.valid(v[:end], int(at)) {
			r.Fail("a row whose values begin at %d of %d", at, end)
		}
	}
}

func (f *firstAcc) appendResults(b array.Builder, ids []int32) int64 {
	to := []array.Builder{b}
	for _, id := range ids {
		s := f.s[id]
		if !s.has {
			b.AppendNull()
			continue
		}
		v := f.value(s)
		end := len(v) - 4
		f.key.decode(v[binary.LittleEndian.Uint32(v[end:]):end], to)
	}
	return 0
}

// firstRow is firstAcc where all rows are kept.
type firstRow struct{ key *rowKey }

func (f firstRow) appendResults(b array.Builder, bags []*bag) int64 {
	to := []array.Builder{b}
	for _, g := range bags {
		least, found := "", false
		if g != nil {
			for k, r := range g.rows {
				if r.n > 0 && (!found || k < least) {
					least, found = k, true
				}
			}
		}
		if !found {
			b.AppendNull()
			continue
		}
		f.key.decode([]byte(least[g.rows[least].at:]), to)
	}
	return 0
}
