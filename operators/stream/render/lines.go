package render

import (
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/operators/stream"
)

// Writer prints batches of one schema.
type Writer interface {
	// Write prints the rows of a batch, or keeps them until it can.
	Write(rec arrow.RecordBatch) error
	// Close prints what is still kept. It does not close the io.Writer.
	Close() error
}

// lines prints a header and then each row by a function of the format.
type lines struct {
	w      io.Writer
	schema stream.Schema
	buf    []byte
	header func(dst []byte) []byte // nil: none, or written already
	row    func(dst []byte, rec arrow.RecordBatch, row int) []byte
}

// flushBytes is how much text is collected before it is written.
const flushBytes = 64 << 10

func (l *lines) begin() {
	if l.header != nil {
		l.buf = l.header(l.buf)
		l.header = nil
	}
}

func (l *lines) Write(rec arrow.RecordBatch) error {
	l.begin()
	for i := range int(rec.NumRows()) {
		l.buf = l.row(l.buf, rec, i)
		if len(l.buf) >= flushBytes {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	return l.flush()
}

func (l *lines) flush() error {
	if len(l.buf) == 0 {
		return nil
	}
	_, err := l.w.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}

// Close prints the header if no row did.
func (l *lines) Close() error {
	l.begin()
	return l.flush()
}

// NewNDJSON prints one JSON object a line.
func NewNDJSON(w io.Writer, s stream.Schema) Writer {
	names := make([][]byte, len(s))
	for i, f := range s {
		names[i] = append(AppendJSONString(nil, f.Name), ':')
	}
	return &lines{w: w, schema: s, row: func(dst []byte, rec arrow.RecordBatch, row int) []byte {
		dst = append(dst, '{')
		for c, f := range s {
			if c > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, names[c]...)
			dst = AppendJSON(dst, rec.Column(c), row, f.Type)
		}
		return append(dst, '}', '\n')
	}}
}

// NewCSV prints RFC 4180 with a header and \n at the end of a line. NULL is an
// empty field, the empty text is "".
func NewCSV(w io.Writer, s stream.Schema) Writer {
	var field []byte
	return &lines{
		w: w, schema: s,
		header: func(dst []byte) []byte {
			for i, f := range s {
				dst = appendCSV(separate(dst, i, ','), []byte(f.Name))
			}
			return append(dst, '\n')
		},
		row: func(dst []byte, rec arrow.RecordBatch, row int) []byte {
			for c, f := range s {
				dst = separate(dst, c, ',')
				if rec.Column(c).IsNull(row) {
					continue
				}
				field = AppendText(field[:0], rec.Column(c), row, f.Type)
				dst = appendCSV(dst, field)
			}
			return append(dst, '\n')
		},
	}
}

func separate(dst []byte, column int, by byte) []byte {
	if column > 0 {
		return append(dst, by)
	}
	return dst
}

// appendCSV quotes a field that needs it.
func appendCSV(dst, field []byte) []byte {
	plain := len(field) > 0
	for _, c := range field {
		if c == ',' || c == '"' || c == '\n' || c == '\r' {
			plain = false
			break
		}
	}
	if plain {
		return append(dst, field...)
	}
	dst = append(dst, '"')
	for _, c := range field {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// NewTSV prints tab-separated values with a header, as MySQL does: NULL is \N,
// and tab, newline, carriage return and backslash are escaped.
func NewTSV(w io.Writer, s stream.Schema) Writer {
	var field []byte
	return &lines{
		w: w, schema: s,
		header: func(dst []byte) []byte {
			for i, f := range s {
				dst = appendTSV(separate(dst, i, '\t'), []byte(f.Name))
			}
			return append(dst, '\n')
		},
		row: func(dst []byte, rec arrow.RecordBatch, row int) []byte {
			for c, f := range s {
				dst = separate(dst, c, '\t')
				if rec.Column(c).IsNull(row) {
					dst = append(dst, '\\', 'N')
					continue
				}
				field = AppendText(field[:0], rec.Column(c), row, f.Type)
				dst = appendTSV(dst, field)
			}
			return append(dst, '\n')
		},
	}
}

func appendTSV(dst, field []byte) []byte {
	for _, c := range field {
		if i := strings.IndexByte("\t\n\r\\\x00", c); i >= 0 {
			dst = append(dst, '\\', `tnr\0`[i])
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
