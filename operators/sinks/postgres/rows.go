package postgres

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators/sinks"
	"weir/operators/stream"
	"weir/operators/stream/keys"
	"weir/operators/stream/render"
	"weir/sql/types"
)

// rows gathers rows as COPY has them. Of rows with the same key the last counts:
// one statement cannot change a row twice.
type rows struct {
	schema stream.Schema
	key    []int
	all    []int // every column

	text     []byte
	entries  []entry
	byKey    map[string]int // -> entries
	live     int            // entries that count
	nullKeys bool           // a key of a row that leaves holds NULL
	scratch  []byte
	in, out  [][]byte
}

// entry is a row in text. A dead one has no end.
type entry struct {
	start, end int
	leaves     bool
}

func newRows(cfg Config) rows {
	r := rows{schema: cfg.Schema, key: cfg.Key, byKey: make(map[string]int)}
	for i := range cfg.Schema {
		r.all = append(r.all, i)
	}
	return r
}

// add gathers one row.
func (r *rows) add(b stream.Batch, row int) error {
	leaves := b.Ops != nil && b.Ops[row] == stream.Delete
	if r.key == nil {
		if leaves {
			return sinks.Permanent(errors.New("a row left the view, and without a key nobody knows which row of the table it is"))
		}
		r.append(b, row, r.all, false)
		return nil
	}
	r.scratch = r.scratch[:0]
	for _, c := range r.key {
		r.scratch = keys.Append(r.scratch, b.Column(c), row, r.schema[c].Type)
		r.nullKeys = r.nullKeys || leaves && b.Column(c).IsNull(row)
	}
	at := len(r.entries)
	if old, ok := r.byKey[string(r.scratch)]; ok {
		r.entries[old].end = -1
		r.live--
	}
	r.byKey[string(r.scratch)] = at
	columns := r.all
	if leaves {
		columns = r.key
	}
	r.append(b, row, columns, leaves)
	return nil
}

func (r *rows) append(b stream.Batch, row int, columns []int, leaves bool) {
	start := len(r.text)
	for i, c := range columns {
		if i > 0 {
			r.text = append(r.text, '\t')
		}
		r.text = appendCopy(r.text, b.Column(c), row, r.schema[c].Type)
	}
	r.text = append(r.text, '\n')
	r.entries = append(r.entries, entry{start, len(r.text), leaves})
	r.live++
}

// split returns the rows that enter or change, and the keys of those that leave.
func (r *rows) split() (in, out [][]byte) {
	r.in, r.out = r.in[:0], r.out[:0]
	for _, e := range r.entries {
		switch {
		case e.end < 0:
		case e.leaves:
			r.out = append(r.out, r.text[e.start:e.end])
		default:
			r.in = append(r.in, r.text[e.start:e.end])
		}
	}
	return r.in, r.out
}

func (r *rows) reset() {
	r.text, r.entries, r.live, r.nullKeys = r.text[:0], r.entries[:0], 0, false
	clear(r.byKey)
}

// appendCopy appends a value in the text format of COPY.
func appendCopy(dst []byte, a arrow.Array, row int, t types.Type) []byte {
	if a.IsNull(row) {
		return append(dst, '\\', 'N')
	}
	text, ok := a.(*array.String)
	if ok && t.Kind == types.Varbinary {
		return hex.AppendEncode(append(dst, `\\x`...), []byte(text.Value(row))) // the input of bytea, its backslash escaped
	}
	if !ok {
		return render.AppendText(dst, a, row, t)
	}
	v := text.Value(row)
	if !utf8.ValidString(v) {
		v = strings.ToValidUTF8(v, "\uFFFD")
	}
	if !strings.ContainsAny(v, "\\\n\r\t\x00") {
		return append(dst, v...)
	}
	for i := range len(v) {
		switch c := v[i]; c {
		case '\\':
			dst = append(dst, '\\', '\\')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case 0: // the server's text cannot hold it
			dst = append(dst, "\uFFFD"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// pieces reads slices one after the other.
type pieces struct {
	rest [][]byte
	now  bytes.Reader
}

// Read implements io.Reader.
func (p *pieces) Read(to []byte) (int, error) {
	n := 0
	for n < len(to) {
		if p.now.Len() == 0 {
			if len(p.rest) == 0 {
				break
			}
			p.now.Reset(p.rest[0])
			p.rest = p.rest[1:]
		}
		m, _ := p.now.Read(to[n:]) // has bytes left
		n += m
	}
	if n == 0 && len(to) > 0 {
		return 0, io.EOF
	}
	return n, nil
}
