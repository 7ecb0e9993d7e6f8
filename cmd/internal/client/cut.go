package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"weir/ingest/decode"
)

// rowBytesMax is the largest row that a server takes. A longer record of CSV ends
// at its first line break, here as there.
const rowBytesMax = decode.DefaultMaxRow

// ended tells whether all of the input is in the buffer.
func (p *pieces) ended() bool { return errors.Is(p.err, io.EOF) }

// cutFormat takes a piece off the buffer, which holds something; ok is false if it
// holds no whole row yet.
func (p *pieces) cutFormat() (pc piece, ok bool, err error) {
	switch p.format {
	case Table:
		return p.cutTable()
	case Array:
		return p.cutArray()
	}
	return p.cut(), true, nil
}

// cutTable takes records off the buffer, and puts the header before them.
func (p *pieces) cutTable() (pc piece, ok bool, err error) {
	head := p.buf[:min(len(p.buf), p.size)]
	n := 0
	for n < len(head) {
		next := p.recordEnd(head, n)
		if next < 0 {
			break
		}
		n = next
	}
	switch {
	case n > 0:
	case len(p.buf) >= p.size:
		p.skip = true
		return p.take(len(head), fmt.Sprintf("the line is longer than %d MiB", pieceBytes>>20)), true, nil
	case p.err != nil:
		return p.take(len(p.buf), "reading the input failed inside of this record"), true, nil
	default:
		return piece{}, false, nil
	}
	pc = p.take(n, "")
	pc.kind, pc.max = Table, p.rowMax
	p.body = append(append(p.body[:0], p.header...), pc.data...)
	pc.body = p.body
	return pc, true, nil
}

// recordEnd returns where the record behind the one at start begins, -1 if its end
// is not there yet.
func (p *pieces) recordEnd(head []byte, start int) int {
	whole := p.ended() && len(p.buf) == len(head)
	_, next, fits := decode.Record(head, start, ',', p.rowMax)
	switch {
	case whole:
		return next
	case !fits && len(head)-start <= p.rowMax+2:
		return -1 // the quote may be closed behind the buffer
	case next == start || head[next-1] != '\n':
		return -1
	}
	return next
}

// readHeader takes the first record off the buffer.
func (p *pieces) readHeader() error {
	start := len(p.buf) - len(bytes.TrimLeft(bytes.TrimPrefix(p.buf, []byte("\xef\xbb\xbf")), "\r\n"))
	if start == len(p.buf) {
		if p.err != nil { // nothing but blank lines
			p.take(start, "")
		}
		return nil
	}
	head := p.buf[:min(len(p.buf), p.size)]
	next := p.recordEnd(head, start)
	switch {
	case next < 0 && len(p.buf) >= p.size:
		return errors.New("the header is longer than a piece: is this CSV?")
	case next < 0 && p.err != nil:
		return errors.New("the header breaks off")
	case next < 0:
		return nil
	}
	p.header = bytes.TrimRight(bytes.Clone(p.buf[start:next]), "\r\n")
	p.header = append(p.header, '\n')
	p.take(next, "")
	return nil
}

// lineOfRow returns the number of the line that the n-th row begins on.
func (pc piece) lineOfRow(n int) int64 {
	if pc.kind == Array {
		var a arrayState
		a.begun = true
		at := 0
		for ; n > 1; n-- {
			end, _ := a.next(pc.data, at)
			if end < 0 {
				break
			}
			at = end + 1
		}
		at += len(pc.data[at:]) - len(bytes.TrimLeft(pc.data[at:], blanks))
		return pc.first + int64(bytes.Count(pc.data[:at], []byte{'\n'}))
	}
	for i := 0; i < len(pc.data); {
		end, next, _ := decode.Record(pc.data, i, ',', pc.max)
		if end > i {
			if n--; n == 0 {
				return pc.first + int64(bytes.Count(pc.data[:i], []byte{'\n'}))
			}
		}
		i = next
	}
	return pc.first
}

// arrayState is where in an array the buffer begins.
type arrayState struct{ begun, closed bool }

// next returns where the element that begins at i ends: the place of the comma or
// of the bracket behind it; -1 if that is not there. It looks at brackets and
// quotes alone: the server judges the rest.
func (a *arrayState) next(data []byte, i int) (end int, last bool) {
	depth := 0
	for ; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i, true
			}
			depth--
		case ',':
			if depth == 0 {
				return i, false
			}
		}
	}
	return -1, false
}

// cutArray takes elements off the buffer, and puts brackets around them.
func (p *pieces) cutArray() (pc piece, ok bool, err error) {
	if p.array.closed {
		if rest := bytes.TrimLeft(p.buf, blanks); len(rest) > 0 {
			return piece{}, false, fmt.Errorf("line %d: something stands behind the array's end", p.line)
		}
		p.take(len(p.buf), "")
		return piece{}, false, nil
	}
	if !p.array.begun {
		if !startsArray(p.buf) {
			if rest := bytes.TrimLeft(p.buf, blanks); len(rest) > 0 {
				return piece{}, false, errors.New("a JSON array begins with [, and this does not: is it JSON lines? --format ndjson")
			}
			if p.err != nil {
				p.take(len(p.buf), "")
			}
			return piece{}, false, nil
		}
		p.array.begun = true
		p.take(bytes.IndexByte(p.buf, '[')+1, "")
		return piece{}, false, nil
	}
	head := p.buf[:min(len(p.buf), p.size-2)]
	elements, behind, through := int64(0), 0, 0 // the last whole element ends at behind, what follows it at through
	for {
		end, last := p.array.next(head, through)
		if end < 0 {
			break
		}
		empty := len(bytes.TrimLeft(head[through:end], blanks)) == 0
		if !empty || !last || through > 0 || p.rows > 0 {
			elements++
		}
		behind, through = end, end+1
		if last {
			p.array.closed = true
			break
		}
	}
	switch {
	case through > 0:
	case len(p.buf) >= p.size:
		return piece{}, false, fmt.Errorf("line %d: an element of the array is longer than %d MiB", p.line, pieceBytes>>20)
	case p.err != nil && !p.ended():
		return piece{}, false, fmt.Errorf("read the input: %w", p.err)
	case p.err != nil:
		return piece{}, false, fmt.Errorf("line %d: the array breaks off", p.line)
	default:
		return piece{}, false, nil
	}
	data := p.buf[:behind]
	pc = p.take(through, "")
	pc.kind, pc.data, pc.id = Array, data, p.rows+1
	p.rows += elements
	if elements == 0 {
		return piece{}, false, nil
	}
	p.body = append(append(append(p.body[:0], '['), data...), ']')
	pc.body = p.body
	return pc, true, nil
}
