package decode

import (
	"bytes"

	"weir/sql/types"
)

const (
	shapesMost      = 4        // shapes that a decoder remembers
	shapeFieldsMost = 512      // keys of a row that is worth remembering
	shapeBytesMost  = 16 << 10 // bytes between its values
	missesMost      = 32       // misses, less hits, after which to stop guessing
	pauseRows       = 256      // rows for which to stop
)

// shape is what a row looked like: the bytes between its values.
type shape struct {
	fields   []shapeField
	tail     []byte   // behind the last value
	missing  []int32  // columns that it does not name
	newlines bool     // it does not fit in a line
	unknown  []string // members without a column, if they are counted
	hits     int      // rows of this call
	memory   []byte
}

// shapeField is a value of a row and how to read it.
type shapeField struct {
	before []byte // what stands between the value before and this one
	column int32
	read   reading
}

type reading uint8

const (
	readAny reading = iota
	readSkip
	readBigint
	readDouble
	readText
	readDatetime
)

// shapes are the last few shapes, the most recently used first.
type shapes struct {
	list   [shapesMost]*shape
	count  int
	misses int
	pause  int
}

// learn remembers the shape of the row data[start:end], of which the marks tell.
func (d *JSON) learn(data []byte, start, end int) {
	size := end - start
	for _, m := range d.marks {
		size -= m.end - m.start
	}
	s := &d.shapes
	if s.pause > 0 || len(d.marks) > shapeFieldsMost || size > shapeBytesMost {
		return
	}
	if s.count < shapesMost {
		s.list[s.count] = &shape{}
		s.count++
	}
	sh := s.list[s.count-1]
	copy(s.list[1:s.count], s.list[:s.count-1])
	s.list[0] = sh
	d.count(sh)
	sh.unknown = sh.unknown[:0]
	for _, name := range d.unknown {
		sh.unknown = append(sh.unknown, string(name))
	}

	sh.fields, sh.missing, sh.memory = sh.fields[:0], sh.missing[:0], sh.memory[:0]
	if cap(sh.memory) < size {
		sh.memory = make([]byte, 0, size)
	}
	keep := func(from, to int) []byte {
		at := len(sh.memory)
		sh.memory = append(sh.memory, data[from:to]...)
		return sh.memory[at:]
	}
	for _, m := range d.marks {
		from, to := m.start, m.end
		if m.kind == stringValue {
			from, to = from-1, to+1
		}
		sh.fields = append(sh.fields, shapeField{before: keep(start, from), column: m.column, read: d.reading(m.column)})
		start = to
	}
	sh.tail = keep(start, end)
	sh.newlines = bytes.IndexByte(sh.memory, '\n') >= 0
	for i := range d.cols {
		if d.cols[i].build && d.lastAt[i] != d.stamp {
			sh.missing = append(sh.missing, int32(i))
		}
	}
}

// count adds the rows that had the shape to the unknown members.
func (d *JSON) count(sh *shape) {
	for _, name := range sh.unknown {
		d.strange(name, sh.hits)
	}
	sh.hits = 0
}

// reading returns how to read the values of a column.
func (d *JSON) reading(column int32) reading {
	if column < 0 || !d.cols[column].check {
		return readSkip
	}
	if d.cols[column].generated {
		return readAny
	}
	switch t := d.cols[column].Type; t.Kind {
	case types.Bigint:
		return readBigint
	case types.Double:
		if t.Width == 0 {
			return readDouble
		}
	case types.Datetime:
		return readDatetime
	case types.Varchar:
		if t.Length == 0 {
			return readText
		}
	case types.Null:
		return readText
	}
	return readAny
}

// guess reads the row at start as one of the shapes and returns the position
// behind it. It returns -1 and has changed nothing if it is of none of them,
// or is bad.
func (d *JSON) guess(data []byte, start int, inLine bool) (next int) {
	s := &d.shapes
	if s.pause > 0 {
		s.pause--
		return -1
	}
	d.room(start)
	for k := 0; k < s.count; k++ {
		sh := s.list[k]
		if inLine && sh.newlines {
			continue
		}
		if next := d.match(sh, data, start, inLine); next >= 0 {
			copy(s.list[1:k+1], s.list[:k])
			s.list[0] = sh
			s.misses = max(s.misses-1, 0)
			return next
		}
		for i := range d.cols {
			d.cols[i].takeBack(d.row)
		}
	}
	if s.misses++; s.misses > missesMost {
		s.misses, s.pause = missesMost/2, pauseRows
	}
	return -1
}

// match reads the row at start as sh.
func (d *JSON) match(sh *shape, data []byte, start int, inLine bool) (next int) {
	i, row := start, d.row
	for k := range sh.fields {
		f := &sh.fields[k]
		behind := i + len(f.before)
		if behind >= len(data) || string(data[i:behind]) != string(f.before) {
			return -1
		}
		i = behind
		switch f.read {
		case readBigint:
			c := &d.cols[f.column]
			if v, next := integer(data, i); next >= 0 && c.least <= v && v <= c.greatest {
				c.ints[row&c.mask] = v
				i = next
				continue
			}
		case readDouble:
			if v, next := simpleFloat(data, i); next >= 0 {
				c := &d.cols[f.column]
				c.floats[row&c.mask] = v
				i = next
				continue
			}
		case readText:
			if data[i] == '"' {
				if end := plainEnd(data, i+1); end < len(data) && data[end] == '"' {
					d.cols[f.column].setText(row, data[i+1:end])
					i = end + 1
					continue
				}
			}
		case readDatetime:
			if v, next := d.simpleDatetime(data, i); next >= 0 {
				c := &d.cols[f.column]
				c.ints[row&c.mask] = v
				i = next
				continue
			}
		case readSkip:
			if data[i] == '"' {
				if end := plainEnd(data, i+1); end < len(data) && data[end] == '"' {
					i = end + 1
					continue
				}
			}
		}
		if i = d.readAny(f.column, f.read, data, i, inLine); i < 0 {
			return -1
		}
	}
	end := i + len(sh.tail)
	if end > len(data) || string(data[i:end]) != string(sh.tail) || end-start > d.cfg.MaxRow {
		return -1
	}
	if next = end; inLine {
		if next = lineEnd(data, end); next < 0 {
			return -1
		}
	}
	for _, c := range sh.missing {
		d.cols[c].setNull(row)
	}
	if d.cfg.Event && d.untimely() != "" {
		return -1
	}
	sh.hits++
	d.good(start, end)
	return next
}

// lineEnd returns the position behind the line end that stands at i.
func lineEnd(data []byte, i int) int {
	switch {
	case i == len(data):
		return i
	case data[i] == '\n':
		return i + 1
	case data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n':
		return i + 2
	}
	return -1
}

// readAny reads the value at i whatever it looks like.
func (d *JSON) readAny(column int32, read reading, data []byte, i int, inLine bool) (next int) {
	d.badUTF8, d.tooDeep = false, false
	v, next := d.value(data, i, 1)
	if next < 0 || d.badUTF8 || d.tooDeep {
		return -1
	}
	if inLine && v.kind == nestedValue && bytes.IndexByte(data[v.start:v.end], '\n') >= 0 {
		return -1
	}
	if read != readSkip && d.set(&d.cols[column], data, v) != "" {
		return -1
	}
	return next
}

// integer reads an integer of up to 18 digits, if one stands at i.
func integer(data []byte, i int) (v int64, next int) {
	negative := data[i] == '-'
	if negative {
		i++
	}
	start := i
	for i < len(data) {
		c := data[i] - '0'
		if c > 9 {
			break
		}
		v = v*10 + int64(c)
		i++
	}
	n := i - start
	if n-1 >= 18 || n == 0 || (data[start] == '0' && n > 1) {
		return 0, -1
	}
	if i < len(data) && (data[i] == '.' || data[i]|0x20 == 'e') {
		return 0, -1
	}
	if negative {
		v = -v
	}
	return v, i
}

// powers are the powers of ten that a float64 holds exactly.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// simpleFloat reads a number without an exponent whose digits are below 2^53
// and which is therefore one correctly rounded division away from its float64
// (Clinger, "How to Read Floating Point Numbers Accurately", 1990).
func simpleFloat(data []byte, i int) (v float64, next int) {
	negative := data[i] == '-'
	if negative {
		i++
	}
	start, point := i, 0
	var digits uint64
	for i < len(data) {
		c := data[i] - '0'
		if c > 9 {
			if data[i] != '.' || point > 0 {
				break
			}
			point = i + 1
			i++
			continue
		}
		digits = digits*10 + uint64(c)
		i++
	}
	n, fraction := i-start, 0
	if point > 0 {
		fraction = i - point
		n--
		if fraction == 0 || point == start+1 {
			return 0, -1
		}
	}
	if n == 0 || n > 18 || digits >= 1<<53 || (data[start] == '0' && n > 1 && point != start+2) {
		return 0, -1
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		return 0, -1
	}
	v = float64(digits) / powers[fraction]
	if negative && v != 0 {
		v = -v
	}
	return v, i
}

// simpleDatetime reads a time as plain text or as an integer.
func (d *JSON) simpleDatetime(data []byte, i int) (micros int64, next int) {
	if data[i] == '"' {
		end := plainEnd(data, i+1)
		if end >= len(data) || data[end] != '"' {
			return 0, -1
		}
		micros, ok := types.ParseDatetime(data[i+1 : end])
		if !ok {
			return 0, -1
		}
		return micros, end + 1
	}
	v, next := integer(data, i)
	if next < 0 || d.perUnit == 0 || v < firstMicro/d.perUnit || v > lastMicro/d.perUnit {
		return 0, -1
	}
	return v * d.perUnit, next
}
