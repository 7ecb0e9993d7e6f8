package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/operators/stream"
)

// Writer writes batches of one schema as text.
type Writer interface {
	// Write writes the rows of rec, which it borrows. Its columns are those of the
	// writer's schema. The text of a batch is written with few calls, before
	// Write returns, unless the format must see more rows first.
	Write(rec arrow.RecordBatch) error
	// Close writes what is still held. It does not close the underlying writer.
	Close() error
}

// flushBytes is how much text gathers before it is written.
const flushBytes = 64 << 10

// rows writes formats that need nothing but one row at a time.
type rows struct {
	w      io.Writer
	schema stream.Schema
	buf    []byte // text that was not written yet
	row    func(dst []byte, rec arrow.RecordBatch, row int) []byte
}

func (r *rows) Write(rec arrow.RecordBatch) error {
	if int(rec.NumCols()) != len(r.schema) {
		return fmt.Errorf("batch has %d columns, schema has %d", rec.NumCols(), len(r.schema))
	}
	for i := range int(rec.NumRows()) {
		if r.buf = r.row(r.buf, rec, i); len(r.buf) >= flushBytes {
			if err := r.Close(); err != nil {
				return err
			}
		}
	}
	return r.Close()
}

func (r *rows) Close() error {
	if len(r.buf) == 0 {
		return nil
	}
	_, err := r.w.Write(r.buf)
	r.buf = r.buf[:0]
	return err
}

// NewNDJSON returns a writer of one JSON object per line, with the columns in
// the order of the schema.
func NewNDJSON(w io.Writer, s stream.Schema) Writer {
	names := make([][]byte, len(s))
	for i, f := range s {
		names[i] = append(AppendJSONString(nil, f.Name), ':')
		if i > 0 {
			names[i] = append([]byte{','}, names[i]...)
		}
	}
	return &rows{w: w, schema: s, row: func(dst []byte, rec arrow.RecordBatch, row int) []byte {
		dst = append(dst, '{')
		for i, name := range names {
			dst = AppendJSON(append(dst, name...), rec.Column(i), row, s[i].Type)
		}
		return append(dst, '}', '\n')
	}}
}

// NewCSV returns a writer of RFC 4180, but with \n at the end of a line, with a
// header, which is written even if no row follows. NULL is written as null; a text that is the same, or needs
// quotes, is quoted.
func NewCSV(w io.Writer, s stream.Schema, comma rune, null string) Writer {
	sep := string(comma)
	special := sep + "\"\r\n"
	field := func(dst []byte, start int) []byte {
		text := string(dst[start:])
		if text != null && !strings.ContainsAny(text, special) {
			return dst
		}
		dst = append(dst[:start], '"')
		for i := range len(text) {
			if text[i] == '"' {
				dst = append(dst, '"')
			}
			dst = append(dst, text[i])
		}
		return append(dst, '"')
	}
	r := &rows{w: w, schema: s}
	for i, f := range s {
		if i > 0 {
			r.buf = append(r.buf, sep...)
		}
		start := len(r.buf)
		r.buf = field(append(r.buf, f.Name...), start)
	}
	r.buf = append(r.buf, '\n')
	r.row = func(dst []byte, rec arrow.RecordBatch, row int) []byte {
		for i, f := range s {
			if i > 0 {
				dst = append(dst, sep...)
			}
			if rec.Column(i).IsNull(row) {
				dst = append(dst, null...)
				continue
			}
			start := len(dst)
			dst = field(AppendText(dst, rec.Column(i), row, f.Type), start)
		}
		return append(dst, '\n')
	}
	return r
}

// NewTSV returns a writer of lines with a tab between values, and a header,
// which is written even if no row follows. NULL is \N; what would break a line
// or a column, tab, line feed, carriage return and NUL, is \t, \n, \r and \0.
// A backslash stays as it is, so that who splits at tabs has the text; who needs
// every text back to the byte takes CSV or JSON lines.
func NewTSV(w io.Writer, s stream.Schema) Writer {
	r := &rows{w: w, schema: s}
	for i, f := range s {
		if i > 0 {
			r.buf = append(r.buf, '\t')
		}
		start := len(r.buf)
		r.buf = escapeTSV(append(r.buf, f.Name...), start)
	}
	r.buf = append(r.buf, '\n')
	r.row = func(dst []byte, rec arrow.RecordBatch, row int) []byte {
		for i, f := range s {
			if i > 0 {
				dst = append(dst, '\t')
			}
			if rec.Column(i).IsNull(row) {
				dst = append(dst, '\\', 'N')
				continue
			}
			start := len(dst)
			dst = escapeTSV(AppendText(dst, rec.Column(i), row, f.Type), start)
		}
		return append(dst, '\n')
	}
	return r
}

// escapeTSV escapes what was appended to dst from start on.
func escapeTSV(dst []byte, start int) []byte {
	if !strings.ContainsAny(string(dst[start:]), "\t\n\r\x00") {
		return dst
	}
	text := string(dst[start:])
	dst = dst[:start]
	for i := range len(text) {
		switch c := text[i]; c {
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case 0:
			dst = append(dst, '\\', '0')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
