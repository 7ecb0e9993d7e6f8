package decode

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"weir/sql/types"
)

// CSV decodes records as RFC 4180 has them: fields between commas (or tabs),
// records between line breaks, where a field in double quotes may hold both,
// and a quote by being doubled. A quote inside a field that does not begin with
// one is a character like others. A record without a byte is no row. A record
// larger than Config.MaxRow is bad and ends at its first line break, so that a
// quote that nobody closes does not swallow the input. It is for one goroutine.
type CSV struct {
	table
	comma  byte
	header []string
	fields []int32 // by position, the column or unknown
	marks  []value
	// order has the field of each column or -1; the last of those with its name.
	order []int32
	// unquoted holds a field whose doubled quotes were taken out.
	unquoted []byte
}

// NewCSV compiles a decoder for records whose fields are named by header, in
// order. comma is what stands between fields. Without a header the fields are
// the declared columns.
func NewCSV(cfg Config, comma byte, header []string) (*CSV, error) {
	t, err := newTable(cfg)
	if err != nil {
		return nil, err
	}
	if comma == '"' || comma == '\n' || comma == '\r' || comma >= utf8.RuneSelf {
		return nil, fmt.Errorf("%q cannot stand between fields", comma)
	}
	d := &CSV{table: t, comma: comma, order: make([]int32, len(t.cols))}
	for i := range d.order {
		d.order[i] = unknown
	}
	if header == nil {
		for _, c := range cfg.Columns {
			header = append(header, c.Name)
		}
	}
	d.header = header
	d.fields = make([]int32, len(header))
	for i, name := range header {
		d.fields[i], d.scratch = d.names.find([]byte(name), d.scratch)
		if c := d.fields[i]; c >= 0 {
			d.order[c] = int32(i)
		}
	}
	return d, nil
}

// Known tells whether the header names at least one declared column.
func (d *CSV) Known() bool {
	for _, c := range d.fields {
		if c >= 0 {
			return true
		}
	}
	return false
}

// Records decodes the records in data, which has no header. It fails only if
// data is larger than MaxInput.
func (d *CSV) Records(data []byte) (Result, error) {
	if err := d.begin(len(data)); err != nil {
		return Result{}, err
	}
	for i := 0; i < len(data); {
		i = d.next(data, i)
	}
	for i, name := range d.header {
		if d.cfg.Unknown && d.fields[i] == unknown {
			d.strange(name, d.row)
		}
	}
	return d.finish(), nil
}

// next decodes the record that begins at i, if it has a byte, and returns where the
// one behind it does.
func (d *CSV) next(data []byte, i int) int {
	if d.row+1 >= d.capacity {
		d.grow(i)
	}
	end, next, fits := Record(data, i, d.comma, d.cfg.MaxRow)
	switch {
	case !fits:
		d.bad(i, end, RowTooLarge, "", fmt.Sprintf("the row has more than %d bytes, or a quote in it is not closed", d.cfg.MaxRow))
	case end > i:
		d.record(data, i, end)
	}
	return next
}

// Record finds the end of the record that begins at start, and where the next
// begins, in data that ends with its last record. It does not fit if it has
// more than maxRow bytes; it then ends at its first line break.
func Record(data []byte, start int, comma byte, maxRow int) (end, next int, fits bool) {
	line := bytes.IndexByte(data[start:], '\n')
	if line < 0 {
		line = len(data) - start
	}
	line += start
	end = line
	if bytes.IndexByte(data[start:line], '"') >= 0 {
		end = quotedEnd(data, start, comma, maxRow)
	}
	if fits = end >= 0; !fits {
		end = line
	}
	next = min(end+1, len(data))
	if end > start && data[end-1] == '\r' {
		end--
	}
	return end, next, fits && end-start <= maxRow
}

// quotedEnd returns where the line breaks that ends the record at start, or
// len(data). It is -1 if a quote is not closed, or beyond maxRow.
func quotedEnd(data []byte, start int, comma byte, maxRow int) int {
	most := min(len(data), start+maxRow+2) // with a line end of two bytes
	for i := start; i < most; i++ {
		if data[i] == '"' { // at the beginning of a field
			for {
				k := bytes.IndexByte(data[i+1:most], '"')
				if k < 0 {
					return -1
				}
				i += k + 2
				if i >= most || data[i] != '"' {
					break
				}
			}
		}
		for i < most && data[i] != comma && data[i] != '\n' {
			i++
		}
		if i < most && data[i] == '\n' {
			return i
		}
	}
	if most < len(data) {
		return -1
	}
	return most
}

var errQuote = errors.New("a quoted field goes on behind its closing quote")

// split finds the fields of the record data[start:end]. Quoted fields are
// stringValues, and escaped if they hold a quote.
func split(marks []value, data []byte, start, end int, comma byte) ([]value, error) {
	for i := start; ; i++ {
		v := value{kind: csvValue, start: i}
		if i < end && data[i] == '"' {
			v.kind = stringValue
			v.start++
			for i++; ; i += 2 {
				k := bytes.IndexByte(data[i:end], '"')
				if k < 0 {
					return marks, errQuote
				}
				if i += k; i+1 == end || data[i+1] != '"' {
					break
				}
				v.escaped = true
			}
			v.end = i
			if i++; i < end && data[i] != comma {
				return marks, errQuote
			}
		} else {
			if k := bytes.IndexByte(data[i:end], comma); k >= 0 {
				i += k
			} else {
				i = end
			}
			v.end = i
		}
		marks = append(marks, v)
		if i >= end {
			return marks, nil
		}
	}
}

// record judges and writes a record.
func (d *CSV) record(data []byte, start, end int) {
	if !utf8.Valid(data[start:end]) {
		d.bad(start, end, BadUTF8, "", "the row is not valid UTF-8")
		return
	}
	var err error
	if d.marks, err = split(d.marks[:0], data, start, end, d.comma); err == nil && len(d.marks) != len(d.fields) {
		err = fmt.Errorf("%d fields, expected %d", len(d.marks), len(d.fields))
	}
	if err != nil {
		d.bad(start, end, BadCSV, "", fmt.Sprintf("%s: %s", err, cut(data[start:end])))
		return
	}
	for i := range d.cols {
		c := &d.cols[i]
		if !c.check {
			continue
		}
		if d.order[i] < 0 {
			c.setNull(d.row)
			continue
		}
		mark := d.marks[d.order[i]]
		if d.quick(c, data, mark) {
			continue
		}
		from, v := d.field(data, mark, c)
		if code := d.set(c, from, v); code != "" {
			d.bad(start, end, code, c.Name, d.explain(c, from, v, code))
			return
		}
	}
	if code := d.untimely(); code != "" {
		d.refuseTime(start, end, code)
		return
	}
	d.good(start, end)
}

// quick writes a plain field of a common type. It gives what the general way
// gives, or does nothing.
func (d *CSV) quick(c *column, data []byte, v value) bool {
	if v.escaped || v.start == v.end || data[v.start] == '\\' || c.generated {
		return false
	}
	row := d.row & c.mask
	switch c.Type.Kind {
	case types.Bigint:
		n, next := integer(data[:v.end], v.start)
		if next != v.end || n < c.least || n > c.greatest {
			return false
		}
		c.ints[row] = n
		return true
	case types.Double:
		f, next := simpleFloat(data[:v.end], v.start)
		if next != v.end || c.Type.Width == 32 {
			return false
		}
		c.floats[row] = f
		return true
	case types.Varchar:
		if c.Type.Length > 0 {
			return false
		}
		c.setText(d.row, data[v.start:v.end])
		return true
	}
	return false
}

// field returns the value of a field, and what it is a part of.
func (d *CSV) field(data []byte, v value, c *column) (from []byte, field value) {
	if v.kind == csvValue && (v.start == v.end || d.comma == '\t' && string(data[v.start:v.end]) == `\N`) {
		return data, value{kind: nullValue}
	}
	if v.escaped {
		data = appendUnquoted(d.unquoted[:0], data[v.start:v.end])
		d.unquoted = data
		v = value{start: 0, end: len(data)}
	}
	if k := c.Type.Kind; k != types.Varchar && k != types.Null {
		for v.start < v.end && data[v.start] == ' ' {
			v.start++
		}
		for v.end > v.start && data[v.end-1] == ' ' {
			v.end--
		}
	}
	v.kind, v.escaped = csvValue, false
	return data, v
}

// appendUnquoted appends s with doubled quotes made single.
func appendUnquoted(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		dst = append(dst, s[i])
		if s[i] == '"' {
			i++
		}
	}
	return dst
}

// CSVHeader reads the names in the first record of data, and returns where the
// second begins. The first record has at most maxRow bytes.
func CSVHeader(data []byte, comma byte, maxRow int) (names []string, next int, err error) {
	start := 0
	for start < len(data) && (data[start] == '\n' || data[start] == '\r') {
		start++
	}
	end, next, fits := Record(data, start, comma, maxRow)
	if !fits {
		return nil, 0, fmt.Errorf("the header has more than %d bytes", maxRow)
	}
	if end == start {
		return nil, 0, errors.New("there is no header")
	}
	if !utf8.Valid(data[start:end]) {
		return nil, 0, errors.New("the header is not valid UTF-8")
	}
	marks, err := split(nil, data, start, end, comma)
	if err != nil {
		return nil, 0, fmt.Errorf("header: %w", err)
	}
	for _, v := range marks {
		names = append(names, string(appendUnquotedIf(v, data)))
	}
	return names, next, nil
}

func appendUnquotedIf(v value, data []byte) []byte {
	if v.escaped {
		return appendUnquoted(nil, data[v.start:v.end])
	}
	return bytes.TrimSpace(data[v.start:v.end])
}
