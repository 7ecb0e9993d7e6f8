package windowagg

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/stream/render"
	"weir/planner/physical"
	"weir/sql/types"
)

// listBytesMax is how long a list is at most. What is beyond it is left out, which
// is counted as a value that could not be represented.
const listBytesMax = 1 << 20

// list writes the rows one behind the other: GROUP_CONCAT, JSON_ARRAYAGG and
// JSON_OBJECTAGG.
type list struct {
	fn        physical.AggFn
	key       *rowKey
	separator string
	distinct  bool
	nulls     bool
	bytesMax  int
	buf       []byte
}

// newList returns nil if a is no list.
func newList(a physical.Agg, key *rowKey) *list {
	l := &list{fn: a.Fn, key: key, separator: a.Separator, distinct: a.Distinct, bytesMax: listBytesMax}
	switch a.Fn {
	case physical.AggGroupConcat:
	case physical.AggJSONArray, physical.AggJSONObject:
		l.nulls = true
	default:
		return nil
	}
	return l
}

// identity is what a row may have in common with others of which one counts:
// all of its arguments, or the name in an object.
func (l *list) identity(k string, r *bagRow) string {
	args := k[r.at:]
	if l.fn != physical.AggJSONObject {
		return args
	}
	for i := 1; i+1 < len(args); i++ { // a text ends with 0, 1; a 0 in it is 0, 255
		if args[i] == 0 {
			if args[i+1] == 1 {
				return args[:i+2]
			}
			i++
		}
	}
	return args
}

// rows returns the keys of the rows in the order in which they are written; of an
// object backwards, for of the rows of one name the last one counts.
func (l *list) rows(g *bag) []string {
	out := g.sorted()
	if l.fn == physical.AggJSONObject {
		slices.Reverse(out)
	}
	return out
}

// unique tells whether of rows with the same identity one counts.
func (l *list) unique() bool { return l.distinct || l.fn == physical.AggJSONObject }

// prune drops rows behind those that fill a list, of an object in front of them, and
// those that do not count.
// One beyond stays, so that it is seen that there was more.
func (l *list) prune(g *bag) {
	seen := map[string]bool{}
	left := l.bytesMax
	for _, k := range l.rows(g) {
		r := g.rows[k]
		id := l.identity(k, r)
		if left < 0 || l.unique() && seen[id] {
			delete(g.rows, k)
			g.size -= len(k) + bagRowBytes
			continue
		}
		if l.unique() {
			seen[id] = true
			left -= max(1, len(k)-int(r.at)-keyOverhead)
			continue
		}
		left -= int(min(r.n, int64(l.bytesMax)+1)) * max(1, len(k)-int(r.at)-keyOverhead)
	}
}

// keyOverhead is how much longer an argument may be in a key than in a list.
const keyOverhead = 16

func (l *list) appendResults(b array.Builder, bags []*bag) (nulled int64) {
	out := b.(*array.StringBuilder)
	for _, g := range bags {
		sorted := l.rows(g)
		if len(sorted) == 0 {
			out.AppendNull()
			continue
		}
		text, cut := l.write(g, sorted)
		if cut {
			nulled++
		}
		if len(text) == 0 && l.fn == physical.AggJSONObject { // no row has a name
			out.AppendNull()
			continue
		}
		out.BinaryBuilder.Append(text)
	}
	return nulled
}

// write returns the list of rows, which is valid until the next call, and
// whether something was left out.
func (l *list) write(g *bag, sorted []string) (text []byte, cut bool) {
	cols := decodeColumns(sorted, g, l.key)
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	if l.fn == physical.AggJSONObject {
		return l.object(g, sorted, cols)
	}
	l.buf = l.buf[:0]
	between, closing := l.separator, ""
	if l.fn == physical.AggJSONArray {
		l.buf = append(l.buf, '[')
		between, closing = ",", "]"
	}
	seen := map[string]bool{}
	first := true
	for i, k := range sorted {
		n := g.rows[k].n
		if l.distinct {
			id := l.identity(k, g.rows[k])
			if seen[id] {
				continue
			}
			seen[id], n = true, 1
		}
		for ; n > 0; n-- {
			before := len(l.buf)
			if !first {
				l.buf = append(l.buf, between...)
			}
			first = false
			if l.fn == physical.AggJSONArray {
				l.buf = appendJSON(l.buf, cols[0], i, l.key.in[0])
			} else {
				l.buf = append(l.buf, cols[0].(*array.String).Value(i)...)
			}
			if len(l.buf)+len(closing) > l.bytesMax {
				if l.fn == physical.AggJSONArray {
					return append(l.buf[:before], closing...), true
				}
				return cutText(l.buf, l.bytesMax), true
			}
		}
	}
	return append(l.buf, closing...), false
}

// cutText returns at most n bytes of b, whole characters.
func cutText(b []byte, n int) []byte {
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return b[:n]
}

// object writes the rows, which are backwards, as an object: names ascend, and of
// rows of the same name the last one counts.
func (l *list) object(g *bag, sorted []string, cols []arrow.Array) (text []byte, cut bool) {
	type member struct {
		name string
		row  int
	}
	names := cols[0].(*array.String)
	var members []member
	seen := map[string]bool{}
	for i := range sorted {
		if name := names.Value(i); names.IsValid(i) && !seen[name] {
			seen[name] = true
			members = append(members, member{name, i})
		}
	}
	if len(members) == 0 {
		return nil, false
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	l.buf = append(l.buf[:0], '{')
	for i, m := range members {
		before := len(l.buf)
		if i > 0 {
			l.buf = append(l.buf, ',')
		}
		l.buf = render.AppendJSONString(l.buf, m.name)
		l.buf = append(l.buf, ':')
		l.buf = appendJSON(l.buf, cols[1], m.row, l.key.in[1])
		if len(l.buf) >= l.bytesMax {
			return append(l.buf[:before], '}'), true
		}
	}
	return append(l.buf, '}'), false
}

// appendJSON appends a value as JSON that other expressions read: numbers are
// numbers, with all of their digits.
func appendJSON(dst []byte, a arrow.Array, row int, t types.Type) []byte {
	if a.IsValid(row) && t.IsNumeric() && t.Kind != types.Double {
		return render.AppendText(dst, a, row, t)
	}
	return render.AppendJSON(dst, a, row, t)
}
