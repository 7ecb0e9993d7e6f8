package render

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/operators/stream"
)

// sizingRows is how many rows a table looks at before it settles the widths of
// its columns; those rows it holds.
const sizingRows = 1000

// TableOptions says how a table looks.
type TableOptions struct {
	// CellMax is the most columns of the terminal that a value takes; a longer one
	// is cut off and ends in "…". 0 means no limit.
	CellMax int
	// CellMin is the fewest columns of the terminal that a value gets.
	CellMin int
	// Eager has the rows of the first batch alone size the columns, so that they
	// are shown at once: for rows that come slowly.
	Eager bool
	// Null is what NULL is written as; "" means NULL.
	Null string
}

type table struct {
	w      io.Writer
	schema stream.Schema
	opt    TableOptions
	right  []bool   // per column: numbers stand on the right
	widths []int    // nil until they are settled
	held   [][]cell // rows that wait for the widths
	buf    []byte
}

// cell is a value as text, and how wide it is on a terminal.
type cell struct {
	text  string
	width int
}

// NewTable returns a writer of a table like that of the mysql client. The first
// 1000 rows size its columns; later rows follow at once, and a wider value in
// one of them pushes its line's border out. A table without rows is written
// with its header.
func NewTable(w io.Writer, s stream.Schema, opt TableOptions) Writer {
	if opt.Null == "" {
		opt.Null = "NULL"
	}
	t := &table{w: w, schema: s, opt: opt, right: make([]bool, len(s))}
	for i, f := range s {
		t.right[i] = f.Type.IsNumeric()
	}
	return t
}

func (t *table) Write(rec arrow.RecordBatch) error {
	if int(rec.NumCols()) != len(t.schema) {
		return fmt.Errorf("batch has %d columns, schema has %d", rec.NumCols(), len(t.schema))
	}
	var scratch []byte
	for i := range int(rec.NumRows()) {
		row := make([]cell, len(t.schema))
		for j, f := range t.schema {
			if rec.Column(j).IsNull(i) {
				row[j] = t.cell(t.opt.Null)
				continue
			}
			scratch = AppendText(scratch[:0], rec.Column(j), i, f.Type)
			row[j] = t.cell(string(scratch))
		}
		if t.widths == nil {
			if t.held = append(t.held, row); len(t.held) == sizingRows {
				t.settle()
			}
			continue
		}
		t.line(row, t.right)
		if len(t.buf) >= flushBytes {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	if t.opt.Eager && t.widths == nil {
		t.settle()
	}
	return t.flush()
}

// settle sizes the columns by the rows that are held, and writes those.
func (t *table) settle() {
	t.widths = make([]int, len(t.schema))
	header := make([]cell, len(t.schema))
	for i, f := range t.schema {
		header[i] = t.cell(f.Name)
		t.widths[i] = max(header[i].width, t.opt.CellMin)
	}
	for _, row := range t.held {
		for i, c := range row {
			t.widths[i] = max(t.widths[i], c.width)
		}
	}
	t.border()
	t.line(header, make([]bool, len(header)))
	t.border()
	for _, row := range t.held {
		t.line(row, t.right)
	}
	t.held = nil
}

// Close writes the rows that are held and the last border.
func (t *table) Close() error {
	if t.widths == nil {
		t.settle()
	}
	t.border()
	return t.flush()
}

func (t *table) flush() error {
	if len(t.buf) == 0 {
		return nil
	}
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

func (t *table) border() {
	for _, w := range t.widths {
		t.buf = append(t.buf, '+')
		t.buf = appendRepeated(t.buf, '-', w+2)
	}
	t.buf = append(t.buf, '+', '\n')
}

func (t *table) line(row []cell, right []bool) {
	for i, c := range row {
		t.buf = append(t.buf, '|', ' ')
		pad := t.widths[i] - c.width
		if right[i] {
			t.buf = appendRepeated(t.buf, ' ', pad)
		}
		t.buf = append(t.buf, c.text...)
		if !right[i] {
			t.buf = appendRepeated(t.buf, ' ', pad)
		}
		t.buf = append(t.buf, ' ')
	}
	t.buf = append(t.buf, '|', '\n')
}

func appendRepeated(dst []byte, c byte, n int) []byte {
	for range n {
		dst = append(dst, c)
	}
	return dst
}

// cell makes a value fit for a table: control characters are shown, for they
// would break the lines or steer the terminal, and a long value is cut.
func (t *table) cell(s string) cell {
	s = visible(s)
	width := displayWidth(s)
	if t.opt.CellMax <= 0 || width <= t.opt.CellMax {
		return cell{s, width}
	}
	width = 0
	for i, r := range s {
		w := runeWidth(r)
		if width+w > t.opt.CellMax-1 {
			return cell{s[:i] + "…", width + 1}
		}
		width += w
	}
	return cell{s, width}
}

// visible returns s with control characters and broken UTF-8 replaced.
func visible(s string) string {
	clean := utf8.ValidString(s)
	for i := 0; clean && i < len(s); i++ {
		clean = s[i] >= ' ' && s[i] != 0x7f && s[i] != 0xc2 // 0xc2 begins U+0080 to U+00BF
	}
	if clean {
		return s
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\t':
			out = append(out, `\t`...)
		case r == '\r':
			out = append(out, `\r`...)
		case r < ' ' || r >= 0x7f && r < 0xa0:
			out = append(out, "\uFFFD"...)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return string(out)
}
