package pace

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream"
	"weir/operators/stream/keys"
	"weir/planner/physical"
	"weir/sql/types"
)

// layout is how a row lies in bytes: first the columns by which rows leave in
// order, as memcomparable keys, then the others. A DOUBLE among the others has its
// own bits, so that it comes back as it was.
type layout struct {
	schema  stream.Schema
	order   []int // of the columns
	sorted  int   // how many of order are keys
	columns []keys.Column
	doubles []*array.Float64
}

// newLayout orders the rows of a plan with a key by its time and its key.
func newLayout(p *physical.Plan) layout {
	l := layout{schema: p.Root.Schema()}
	if p.Key != nil && !p.AppendOnly {
		if p.EventTime >= 0 {
			l.order = append(l.order, p.EventTime)
		}
		for _, k := range p.Key {
			if !slices.Contains(l.order, k) {
				l.order = append(l.order, k)
			}
		}
	}
	l.sorted = len(l.order)
	for i := range l.schema {
		if !slices.Contains(l.order, i) {
			l.order = append(l.order, i)
		}
	}
	l.columns, l.doubles = make([]keys.Column, len(l.order)), make([]*array.Float64, len(l.order))
	return l
}

// raw tells whether the column at a place is a DOUBLE that keeps its bits.
func (l *layout) raw(place int) bool {
	return place >= l.sorted && l.schema[l.order[place]].Type.Kind == types.Double
}

// read takes the batch that is encoded next.
func (l *layout) read(b stream.Batch) {
	for place, c := range l.order {
		if l.raw(place) {
			l.doubles[place] = b.Column(c).(*array.Float64)
			continue
		}
		l.columns[place] = keys.Of(b.Column(c), l.schema[c].Type)
	}
}

// forget lets go of the batch.
func (l *layout) forget() {
	clear(l.columns)
	clear(l.doubles)
}

// encode appends a row, and tells how many of its bytes order it.
func (l *layout) encode(dst []byte, row int) (out []byte, prefix int) {
	for place := range l.order {
		if place == l.sorted {
			prefix = len(dst)
		}
		switch d := l.doubles[place]; {
		case d == nil:
			dst = l.columns[place].Append(dst, row)
		case d.IsNull(row):
			dst = append(dst, 0)
		default:
			dst = binary.BigEndian.AppendUint64(append(dst, 1), math.Float64bits(d.Value(row)))
		}
	}
	if l.sorted == len(l.order) {
		prefix = len(dst)
	}
	return dst, prefix
}

// decode appends a row to the builders of its columns.
func (l *layout) decode(row []byte, to []array.Builder) (err error) {
	for place, c := range l.order {
		if !l.raw(place) {
			if row, err = keys.Decode(row, l.schema[c].Type, to[c]); err != nil {
				return err
			}
			continue
		}
		b := to[c].(*array.Float64Builder)
		switch {
		case len(row) > 0 && row[0] == 0:
			b.AppendNull()
			row = row[1:]
		case len(row) > 8 && row[0] == 1:
			b.Append(math.Float64frombits(binary.BigEndian.Uint64(row[1:])))
			row = row[9:]
		default:
			return keys.ErrCorrupt
		}
	}
	if len(row) > 0 {
		return keys.ErrCorrupt
	}
	return nil
}
