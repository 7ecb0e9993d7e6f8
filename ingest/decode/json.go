package decode

import (
	"bytes"
	"math/bits"
)

// JSON decodes JSON objects. It remembers what rows look like from call to
// call, but what it gives does not depend on that. It is for one goroutine.
type JSON struct {
	table
	scanner
	shapes  shapes
	perUnit int64 // microseconds in a unit of numbers in DATETIME columns, 0 if there is none

	// Of the row that is read the general way:
	marks  []mark
	folded []byte
	last   []int32  // by column, the last mark that names it,
	lastAt []uint64 // if this is stamp
	stamp  uint64
	// unknown has the names of its members without a column, if they are counted.
	unknown [][]byte
}

// NewJSON compiles a decoder.
func NewJSON(cfg Config) (*JSON, error) {
	t, err := newTable(cfg)
	if err != nil {
		return nil, err
	}
	return &JSON{table: t, perUnit: t.cfg.TimeUnit.Microseconds(), last: make([]int32, len(t.cols)), lastAt: make([]uint64, len(t.cols))}, nil
}

// Lines decodes NDJSON: a line is a row. Blank lines are skipped. It fails only
// if data is larger than MaxInput.
func (d *JSON) Lines(data []byte) (Result, error) {
	if err := d.begin(len(data)); err != nil {
		return Result{}, err
	}
	for i := 0; i < len(data); {
		switch data[i] {
		case '{':
			if next := d.guess(data, i, true); next >= 0 {
				i = next
				continue
			}
		case ' ', '\t', '\n', '\r':
			i++
			continue
		}
		i = d.line(data, i)
	}
	return d.result(), nil
}

// result returns what a call gives.
func (d *JSON) result() Result {
	for _, sh := range d.shapes.list[:d.shapes.count] {
		d.count(sh)
	}
	return d.finish()
}

// line decodes the row that begins at start and ends with its line, the
// general way, and returns the position behind it.
func (d *JSON) line(data []byte, start int) (next int) {
	d.room(start)
	end := len(data)
	next = end
	if k := bytes.IndexByte(data[start:], '\n'); k >= 0 {
		end = start + k
		next = end + 1
	}
	for end > start && (data[end-1] == ' ' || data[end-1] == '\t' || data[end-1] == '\r') {
		end--
	}
	if end-start > d.cfg.MaxRow {
		d.tooLarge(start, end)
		return next
	}
	isObject, stop := d.scan(data[:end], start)
	if stop != end {
		d.broken(data, start, end)
		return next
	}
	d.take(data, start, end, isObject)
	return next
}

// room makes sure that there is memory for one more row.
func (d *JSON) room(at int) {
	if d.row+1 >= d.capacity {
		d.grow(at)
	}
}

// Values decodes objects that follow each other with or without white space in
// between; a row may span lines. Where the syntax is wrong, the rest of data is
// one bad row. It fails only if data is larger than MaxInput.
func (d *JSON) Values(data []byte) (Result, error) {
	if err := d.begin(len(data)); err != nil {
		return Result{}, err
	}
	for i := skipSpace(data, 0); i < len(data) && !d.res.Broken; i = skipSpace(data, i) {
		i = d.element(data, i)
	}
	return d.result(), nil
}

// Array decodes one JSON array of objects. Where its syntax is wrong, the rest
// of data is one bad row. It fails only if data is larger than MaxInput.
func (d *JSON) Array(data []byte) (Result, error) {
	if err := d.begin(len(data)); err != nil {
		return Result{}, err
	}
	i := skipSpace(data, 0)
	switch {
	case i == len(data):
	case data[i] != '[':
		d.rest(data, i)
	default:
		d.array(data, i+1)
	}
	return d.result(), nil
}

// array decodes an array from behind its bracket to the end of data.
func (d *JSON) array(data []byte, i int) {
	i = skipSpace(data, i)
	if i < len(data) && data[i] == ']' {
		i++
	} else {
		i = d.elements(data, i)
		if d.res.Broken {
			return
		}
		if i == len(data) || data[i] != ']' {
			d.rest(data, i)
			return
		}
		i++
	}
	if i = skipSpace(data, i); i < len(data) {
		d.rest(data, i)
	}
}

// Elements decodes objects with commas between them: a piece of an array
// without its brackets. Where the syntax is wrong, the rest of data is one bad
// row. It fails only if data is larger than MaxInput.
func (d *JSON) Elements(data []byte) (Result, error) {
	if err := d.begin(len(data)); err != nil {
		return Result{}, err
	}
	if i := d.elements(data, skipSpace(data, 0)); !d.res.Broken && i < len(data) {
		d.rest(data, i)
	}
	return d.result(), nil
}

// elements decodes at least one element and all that follow after commas, and
// returns the position of what is neither.
func (d *JSON) elements(data []byte, i int) int {
	for {
		i = skipSpace(data, d.element(data, i))
		if d.res.Broken || i == len(data) || data[i] != ',' {
			return i
		}
		i = skipSpace(data, i+1)
	}
}

// element decodes the row that begins at start and ends where its value does.
func (d *JSON) element(data []byte, start int) (next int) {
	if start < len(data) && data[start] == '{' {
		if next := d.guess(data, start, false); next >= 0 {
			return next
		}
	}
	d.room(start)
	isObject, next := d.scan(data, start)
	if next < 0 {
		return d.rest(data, start)
	}
	d.take(data, start, next, isObject)
	return next
}

// rest counts all that is left as one bad row.
func (d *JSON) rest(data []byte, start int) (next int) {
	d.res.Broken = true
	if start == len(data) {
		d.bad(start, start, BadJSON, "", "the array ends too early")
		return start
	}
	d.broken(data, start, len(data))
	return len(data)
}

func trailingByte(hit uint64) int { return bits.TrailingZeros64(hit) >> 3 }
