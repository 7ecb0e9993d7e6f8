package expr

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/sql/types"
)

// class is how the values of a type lie in a vec.
type class uint8

const (
	bools  class = iota // BOOLEAN
	ints                // BIGINT and narrower, TIME and DATETIME in microseconds, DATE in days
	uints               // BIGINT UNSIGNED, by its bits
	floats              // DOUBLE, FLOAT
	decs                // DECIMAL, scaled
	texts               // VARCHAR, VARBINARY, JSON, and NULL without a type
)

func classOf(t types.Type) (class, error) {
	switch t.Kind {
	case types.Boolean:
		return bools, nil
	case types.Bigint, types.Date, types.Time, types.Datetime:
		return ints, nil
	case types.Ubigint:
		return uints, nil
	case types.Double:
		return floats, nil
	case types.Decimal:
		return decs, nil
	case types.Varchar, types.Varbinary, types.JSON, types.Null:
		return texts, nil
	}
	return 0, fmt.Errorf("%s is no type of a value", t)
}

// vec is a column of values. Only the slices of its class are in use. What
// stands in a row that is NULL means nothing.
type vec struct {
	class class
	one   bool   // one value stands for every row
	null  bool   // with one: the value is NULL
	valid bitmap // rows that are not NULL; nil: all. Not used with one
	bools bitmap
	ints  []int64 // of ints and uints
	nums  []float64
	decs  []decimal128.Num
	offs  []int32 // texts: row i is data[offs[i]:offs[i+1]]
	data  []byte
}

// at is where the value of row i stands.
func (v *vec) at(i int) int {
	if v.one {
		return 0
	}
	return i
}

func (v *vec) isNull(i int) bool {
	if v.one {
		return v.null
	}
	return v.valid != nil && !v.valid.get(i)
}

func (v *vec) text(i int) []byte {
	i = v.at(i)
	return v.data[v.offs[i]:v.offs[i+1]]
}

// frame is one evaluation: the batch, and which of its rows count. Nodes
// compute all rows, but only rows that count may raise Ledger.Nulled.
type frame struct {
	rec    arrow.RecordBatch
	n      int    // rows
	active bitmap // rows that count; nil: all
}

func (f *frame) counts(i int) bool { return f.active == nil || f.active.get(i) }

// idle tells whether no row counts, so that nobody looks at a result.
func (f *frame) idle() bool { return f.active != nil && !f.active.any(f.n) }

// node computes a sub-expression. The vec belongs to the node and is good until
// the node is evaluated again.
type node interface {
	eval(f *frame) (*vec, error)
}

// out is the result of a node and the memory that it uses again and again.
type out struct {
	vec
	mask   bitmap // memory of the validity where it is the node's own
	cells  bitmap // memory of bools
	ledger *stream.Ledger
	err    error // set by a kernel that cannot go on
}

// begin starts a result whose rows are NULL where one of the arguments is.
func (o *out) begin(f *frame, args ...*vec) {
	o.valid = nil
	own := false
	for _, a := range args {
		switch {
		case a.one && a.null:
			o.mask = grow(o.mask, words(f.n))
			o.mask.fill(0)
			o.valid = o.mask
			return
		case a.one || a.valid == nil:
		case o.valid == nil:
			o.valid = a.valid
		default:
			if !own {
				o.mask, own = grow(o.mask, words(f.n)), true
			}
			for w, word := range o.valid[:words(f.n)] {
				o.mask[w] = word & a.valid[w]
			}
			o.valid = o.mask
		}
	}
}

// ownValid makes the validity the node's own, so that it can be written to.
func (o *out) ownValid(n int) {
	w := words(n)
	if o.valid != nil && w > 0 && len(o.mask) > 0 && &o.valid[0] == &o.mask[0] {
		return
	}
	o.mask = grow(o.mask, w)
	if o.valid == nil {
		o.mask.fill(^uint64(0))
	} else {
		copy(o.mask, o.valid)
	}
	o.valid = o.mask
}

// setNull makes row i NULL.
func (o *out) setNull(f *frame, i int) {
	o.ownValid(f.n)
	o.valid.unset(i)
}

// fail makes row i NULL because its value cannot be computed. A row that is
// NULL already, or that does not count, is not an error.
func (o *out) fail(f *frame, i int) {
	if o.isNull(i) {
		return
	}
	o.setNull(f, i)
	if f.counts(i) && o.ledger != nil {
		o.ledger.Nulled++
	}
}

// size makes room for n values; texts are appended instead.
func (o *out) size(n int) {
	switch o.class {
	case bools:
		o.cells = grow(o.cells, words(n))
		o.bools = o.cells
	case ints, uints:
		o.ints = grow(o.ints, n)
	case floats:
		o.nums = grow(o.nums, n)
	case decs:
		o.decs = grow(o.decs, n)
	}
}

// The longest VARCHAR that an expression makes, and the most bytes of one
// column of a batch that Arrow's offsets carry. A longer value is NULL and
// counted, for REPLACE in REPLACE could grow without end.
const (
	textBytesMax   = 1 << 20
	columnBytesMax = 1<<31 - 1 - textBytesMax
)

// beginTexts starts a column of texts: data is appended to, endText ends a row.
func (o *out) beginTexts(n int) {
	o.offs = grow(o.offs, n+1)[:1]
	o.offs[0] = 0
	o.data = o.data[:0]
	o.err = nil
}

// endText ends row i, whose bytes were appended to data.
func (o *out) endText(f *frame, i int) {
	start := o.offs[len(o.offs)-1]
	if len(o.data)-int(start) > textBytesMax {
		o.data = o.data[:start]
		o.fail(f, i)
	}
	if len(o.data) > partBytesMax {
		o.tooLong(f, i)
	}
	o.offs = append(o.offs, int32(len(o.data)))
}
