package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"weir/ingest/decode"
)

// reader reads the input and cuts it into chunks of whole rows. A chunk ends
// with the last row that ends within Config.ChunkBytes of its beginning.
type reader struct {
	in   io.Reader
	cfg  Config
	free chan []byte // memory of chunks that were decoded

	comma  byte     // between CSV fields; 0 for JSON
	header []string // of CSV
	array  bool     // JSON is one array

	buf  []byte // what was read and is not cut yet
	eof  bool
	skip bool // the rest of a row that is too large is being passed over

	// Of an array:
	started bool // its first element was cut
	closed  bool // its closing bracket was read
	walk    walk // where skip stands
}

// size is how many bytes a buffer holds: a chunk and, for CSV, enough to see
// where a record ends that begins in it.
func (r *reader) size() int {
	if r.comma != 0 {
		return r.cfg.ChunkBytes + r.cfg.MaxRow + 2
	}
	return r.cfg.ChunkBytes
}

// open reads as much as is needed to know the format and the header.
func (r *reader) open() error {
	r.buf = make([]byte, 0, r.cfg.ChunkBytes+r.cfg.MaxRow+2)
	format := r.cfg.Format
	if format == "" && r.cfg.Reader == nil {
		format = byName(r.cfg.Path)
	}
	if err := r.readUntil(func(b []byte) bool { return len(b) >= 3 && len(trimSpace(trimBOM(b))) > 0 }); err != nil {
		return err
	}
	r.drop(len(r.buf) - len(trimBOM(r.buf)))
	if format == "" {
		format = byContent(r.buf)
	}
	var err error
	if r.comma, err = comma(format); err != nil {
		return err
	}
	if r.comma != 0 {
		return r.readHeader()
	}
	if begin := trimSpace(r.buf); len(begin) > 0 && begin[0] == '[' {
		r.array = true
		r.drop(len(r.buf) - len(begin) + 1)
	}
	return nil
}

// readHeader takes the first record of CSV off the input.
func (r *reader) readHeader() error {
	maxRow := r.cfg.MaxRow
	complete := func(b []byte) bool {
		start := len(b) - len(bytes.TrimLeft(b, "\r\n"))
		_, next, fits := decode.Record(b, start, r.comma, maxRow)
		return fits && next < len(b) || len(b) > start+maxRow+2
	}
	if err := r.readUntil(complete); err != nil {
		return err
	}
	header, next, err := decode.CSVHeader(r.buf, r.comma, maxRow)
	if err != nil {
		return fmt.Errorf("csv: %w", err)
	}
	r.header = header
	r.drop(next)
	return nil
}

// readUntil reads until enough is satisfied, the buffer is full or the input
// ends.
func (r *reader) readUntil(enough func([]byte) bool) error {
	for !r.eof && len(r.buf) < cap(r.buf) && !enough(r.buf) {
		if err := r.read(); err != nil {
			return err
		}
	}
	return nil
}

// read reads once.
func (r *reader) read() error {
	n, err := r.in.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if errors.Is(err, io.EOF) {
		r.eof = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read input: %w", err)
	}
	return nil
}

// drop takes the first n bytes off the buffer.
func (r *reader) drop(n int) {
	if n > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[n:])]
	}
}

// run reads to the end and hands each chunk to emit, until that returns false.
func (r *reader) run(ctx context.Context, emit func(*job) bool) {
	for {
		for !r.eof && len(r.buf) < r.size() {
			if ctx.Err() != nil {
				return
			}
			if err := r.read(); err != nil {
				emit(&job{err: err})
				return
			}
		}
		if r.skip && r.passOver() {
			continue
		}
		if r.comma == 0 && r.trimmed() {
			continue
		}
		j, more := r.next()
		if j != nil && !emit(j) {
			return
		}
		if !more {
			return
		}
	}
}

// trimmed drops white space in front, which is no part of a JSON row, and tells
// whether there is room to read on.
func (r *reader) trimmed() bool {
	blank := len(r.buf) - len(trimSpace(r.buf))
	r.drop(blank)
	return blank > 0 && !r.eof
}

// next cuts the next chunk off. It is nil if there is none; more tells whether
// another may follow.
func (r *reader) next() (j *job, more bool) {
	if r.array {
		return r.nextElements()
	}
	if len(r.buf) == 0 {
		return nil, false
	}
	n := r.cutRows()
	if n == 0 {
		r.skip = true
		return &job{data: r.take(r.cfg.ChunkBytes), truncated: true}, true
	}
	return &job{data: r.take(n)}, true
}

// take returns the first n bytes of the buffer and goes on in another one.
func (r *reader) take(n int) []byte {
	var other []byte
	select {
	case other = <-r.free:
	default:
		other = make([]byte, 0, cap(r.buf))
	}
	data := r.buf[:n]
	r.buf = append(other[:0], r.buf[n:]...)
	return data
}

// recycle takes the memory of a chunk back.
func (r *reader) recycle(data []byte) {
	if cap(data) < r.size() {
		return
	}
	select {
	case r.free <- data:
	default:
	}
}

// cutRows returns how many bytes of whole lines or records to cut off; 0 if the
// first goes on beyond a chunk.
func (r *reader) cutRows() int {
	if r.eof && len(r.buf) <= r.cfg.ChunkBytes {
		return len(r.buf)
	}
	window := r.buf[:min(len(r.buf), r.cfg.ChunkBytes)]
	if r.comma == 0 || bytes.IndexByte(window, '"') < 0 {
		return bytes.LastIndexByte(window, '\n') + 1
	}
	n := 0
	for n < len(window) {
		_, next, _ := decode.Record(r.buf, n, r.comma, r.cfg.MaxRow)
		if next > len(window) {
			break
		}
		n = next
	}
	return n
}

// passOver drops the rest of a row that is too large, as far as it was read,
// and tells whether there is more to read before rows can be cut again.
func (r *reader) passOver() (again bool) {
	r.skip = false
	n := 0
	if r.array {
		if n = r.walk.element(r.buf, 0); n < len(r.buf) {
			r.closed = r.buf[n] != ','
		}
	} else if n = bytes.IndexByte(r.buf, '\n'); n < 0 {
		n = len(r.buf)
	}
	if n == len(r.buf) {
		r.skip = !r.eof
	}
	r.drop(min(n+1, len(r.buf)))
	return !r.eof
}
