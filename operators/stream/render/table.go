package render

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/operators/stream"
)

// sampleRows is how many rows a table looks at before it fixes its columns'
// widths. An endless result is a table, too: later rows that are wider stick out.
const sampleRows = 1000

// cellWidthMax is the widest column; longer cells are cut, with an ellipsis.
const cellWidthMax = 80

// table prints rows between borders, like the mysql client.
type table struct {
	w      io.Writer
	schema stream.Schema
	cells  []string // of the rows kept, row by row
	widths []int    // nil until they are fixed
	buf    []byte
}

// NewTable prints a table for people. It keeps up to 1000 rows to learn how wide
// columns are, and then prints as rows come.
func NewTable(w io.Writer, s stream.Schema) Writer { return &table{w: w, schema: s} }

func (t *table) Write(rec arrow.RecordBatch) error {
	var text []byte
	for row := range int(rec.NumRows()) {
		for c, f := range t.schema {
			if rec.Column(c).IsNull(row) {
				t.cells = append(t.cells, "NULL")
				continue
			}
			text = AppendText(text[:0], rec.Column(c), row, f.Type)
			t.cells = append(t.cells, clean(string(text)))
		}
		if len(t.cells) >= sampleRows*len(t.schema) {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	if t.widths != nil {
		return t.flush()
	}
	return nil
}

// Close prints the rest and the lower border.
func (t *table) Close() error {
	if len(t.schema) == 0 {
		return nil
	}
	if err := t.flush(); err != nil {
		return err
	}
	t.border()
	_, err := t.w.Write(t.buf)
	return err
}

// flush prints the rows kept, after the header if that is still to come.
func (t *table) flush() error {
	if t.widths == nil {
		t.measure()
		t.border()
		t.row(t.schema.Names(), true)
		t.border()
	}
	for n := len(t.schema); len(t.cells) >= n && n > 0; t.cells = t.cells[n:] {
		t.row(t.cells[:n], false)
	}
	t.cells = nil
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

func (t *table) measure() {
	t.widths = make([]int, len(t.schema))
	for i, f := range t.schema {
		t.widths[i] = width(f.Name)
	}
	for i, cell := range t.cells {
		c := i % len(t.schema)
		t.widths[c] = max(t.widths[c], width(cell))
	}
}

func (t *table) border() {
	for _, w := range t.widths {
		t.buf = append(t.buf, '+')
		t.buf = append(t.buf, strings.Repeat("-", w+2)...)
	}
	t.buf = append(t.buf, '+', '\n')
}

func (t *table) row(cells []string, header bool) {
	for i, cell := range cells {
		pad := strings.Repeat(" ", max(0, t.widths[i]-width(cell)))
		t.buf = append(t.buf, '|', ' ')
		if t.schema[i].Type.IsNumeric() && !header {
			t.buf = append(append(t.buf, pad...), cell...)
		} else {
			t.buf = append(append(t.buf, cell...), pad...)
		}
		t.buf = append(t.buf, ' ')
	}
	t.buf = append(t.buf, '|', '\n')
}

// clean makes a cell fit one line: control characters, which could also move the
// cursor of a terminal, become visible, and long text is cut.
func clean(s string) string {
	var b strings.Builder
	wide := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsControl(r) || r == utf8.RuneError {
			r = '\uFFFD'
		}
		if wide += runeWidth(r); wide > cellWidthMax && i+size < len(s) {
			b.WriteRune('…')
			break
		}
		b.WriteRune(r)
		i += size
	}
	return b.String()
}

// width is how many columns of a terminal a text takes.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is 0 for combining marks, 2 for East Asian wide characters and
// emoji, else 1: the blocks of Unicode's EastAsianWidth.txt that matter.
func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3,
		r >= 0xF900 && r <= 0xFAFF, r >= 0xFE30 && r <= 0xFE6F, r >= 0xFF00 && r <= 0xFF60,
		r >= 0xFFE0 && r <= 0xFFE6, r >= 0x1F300 && r <= 0x1FAFF, r >= 0x20000 && r <= 0x3FFFD:
		return 2
	}
	return 1
}
