package decode

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// mark is a key of a row and its value.
type mark struct {
	column int32 // or unknown
	value
}

// object reads the object that begins at i, the general way. It leaves its
// keys in d.marks and writes no column.
func (d *JSON) object(data []byte, i int) (next int) {
	d.marks, d.unknown = d.marks[:0], d.unknown[:0]
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(data) || data[i] != '"' {
			return -1
		}
		end, escaped := d.text(data, i+1)
		if end < 0 {
			return -1
		}
		column := d.find(data[i+1:end], escaped)
		i = skipSpace(data, end+1)
		if i >= len(data) || data[i] != ':' {
			return -1
		}
		v, next := d.value(data, skipSpace(data, i+1), 1)
		if next < 0 {
			return -1
		}
		d.marks = append(d.marks, mark{column, v})
		i = skipSpace(data, next)
		if i >= len(data) {
			return -1
		}
		switch data[i] {
		case '}':
			return i + 1
		case ',':
			i = skipSpace(data, i+1)
		default:
			return -1
		}
	}
}

// find returns the column that a key of the input names.
func (d *JSON) find(key []byte, escaped bool) (column int32) {
	if escaped {
		d.scratch = unescape(d.scratch[:0], key)
		key = d.scratch
	}
	column, d.folded = d.names.find(key, d.folded)
	if column == unknown && d.cfg.Unknown && len(d.unknown) < UnknownMax {
		d.unknown = append(d.unknown, bytes.Clone(key))
	}
	return column
}

// scan reads the value at i, which should be a row, the general way.
func (d *JSON) scan(data []byte, i int) (isObject bool, next int) {
	d.badUTF8, d.tooDeep = false, false
	if i < len(data) && data[i] == '{' {
		return true, d.object(data, i)
	}
	_, next = d.value(data, i, 0)
	return false, next
}

// take judges the row data[start:end], whose syntax scan has found to be right,
// and writes it.
func (d *JSON) take(data []byte, start, end int, isObject bool) {
	switch {
	case end-start > d.cfg.MaxRow:
		d.tooLarge(start, end)
	case d.badUTF8:
		d.bad(start, end, BadUTF8, "", "the row is not valid UTF-8")
	case d.tooDeep:
		d.bad(start, end, TooDeep, "", fmt.Sprintf("the row nests deeper than %d levels", MaxDepth))
	case !isObject:
		d.bad(start, end, NotObject, "", fmt.Sprintf("expected a JSON object, got %s", cut(data[start:end])))
	default:
		d.columns(data, start, end)
	}
}

// columns writes the values that the marks tell of.
func (d *JSON) columns(data []byte, start, end int) {
	d.stamp++
	repeated := false
	for k, m := range d.marks {
		if m.column >= 0 {
			repeated = repeated || d.lastAt[m.column] == d.stamp
			d.last[m.column], d.lastAt[m.column] = int32(k), d.stamp
		}
	}
	for i := range d.cols {
		c := &d.cols[i]
		if !c.check {
			continue
		}
		if d.lastAt[i] != d.stamp {
			c.setNull(d.row)
			continue
		}
		v := d.marks[d.last[i]].value
		if code := d.set(c, data, v); code != "" {
			d.bad(start, end, code, c.Name, d.explain(c, data, v, code))
			return
		}
	}
	if code := d.untimely(); code != "" {
		d.refuseTime(start, end, code)
		return
	}
	for _, name := range d.unknown {
		d.strange(string(name), 1)
	}
	if !repeated {
		d.learn(data, start, end)
	}
	d.good(start, end)
}

// broken counts data[start:end], where the syntax is wrong.
func (d *JSON) broken(data []byte, start, end int) {
	code, message := BadJSON, "not valid JSON: "+cut(data[start:end])
	if !utf8.Valid(data[start:end]) {
		code, message = BadUTF8, "the row is not valid UTF-8"
	}
	d.bad(start, end, code, "", message)
}
