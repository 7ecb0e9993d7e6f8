package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	pieceBytes = 4 << 20   // the most of an input that is sent at once
	chunkBytes = 256 << 10 // how much is read at once
	chunksMax  = 16        // chunks that are read ahead
	// linger is how long a line of a slow input waits for more to go with it.
	linger = 50 * time.Millisecond
)

// piece is a run of whole rows.
type piece struct {
	body  []byte // valid until the next piece is asked for
	data  []byte // the part of body that stands in the input
	kind  Format
	max   int   // bytes of a record
	id    int64 // names the piece among those of a run
	first int64 // its first line's number, from 1
	lines int64
	// why the piece, which is one line then, cannot be sent; "" if it can.
	bad string
}

// chunk is what one read brought.
type chunk struct {
	data []byte
	err  error // io.EOF at the end
}

// pieces cuts an input into pieces between rows. How it is cut depends on the
// input's bytes alone, unless it is slow.
type pieces struct {
	chunks chan chunk
	free   chan []byte
	stop   chan struct{}
	slow   bool // a piece may be sent before it is full

	buf  []byte
	used int   // bytes of buf that the last piece took
	line int64 // number of the line that buf[used:] begins with
	err  error // of reading; io.EOF at the end
	skip bool  // buf begins inside a line that was given up

	format Format // Auto until the first bytes are there
	header []byte // of CSV, with its line end
	size   int    // of a piece at most, in bytes
	rowMax int    // of a record of CSV
	array  arrayState
	rows   int64 // elements of an array that were handed out
	body   []byte
}

// newPieces reads in from its start in a goroutine, which ends with the input,
// with an error, or behind the read that is under way when the pieces are closed.
func newPieces(in *meter, slow bool, format Format) *pieces {
	p := &pieces{
		chunks: make(chan chunk, chunksMax), free: make(chan []byte, chunksMax+2), stop: make(chan struct{}),
		slow: slow, format: format, size: pieceBytes, rowMax: rowBytesMax, line: 1,
	}
	go p.read(in)
	return p
}

func (p *pieces) read(m *meter) {
	in, done, err := m.unpack()
	if err != nil {
		select {
		case p.chunks <- chunk{err: err}:
		case <-p.stop:
		}
		return
	}
	defer done()
	for {
		var b []byte
		select {
		case b = <-p.free:
		default:
			b = make([]byte, chunkBytes)
		}
		n, err := in.Read(b[:chunkBytes])
		select {
		case p.chunks <- chunk{b[:n], err}:
		case <-p.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *pieces) close() { close(p.stop) }

// begin finds out the format, and reads the header of CSV.
func (p *pieces) begin(ctx context.Context) error {
	for more := false; ; more = true {
		if err := p.fill(ctx, more); err != nil {
			return err
		}
		if p.format == Auto && len(p.buf) > 0 {
			p.format = Lines
			if startsArray(p.buf) {
				p.format = Array
			}
		}
		if p.format != Table || len(p.buf) == 0 {
			return nil
		}
		if err := p.readHeader(); err != nil || p.used > 0 {
			return err
		}
	}
}

// next returns the next piece, io.EOF behind the last.
func (p *pieces) next(ctx context.Context) (piece, error) {
	more := false // what is in the buffer is not a whole row
	for {
		p.buf = append(p.buf[:0], p.buf[p.used:]...)
		p.used = 0
		if err := p.fill(ctx, more); err != nil {
			return piece{}, err
		}
		more = false
		if len(p.buf) == 0 {
			return piece{}, p.err
		}
		if !p.skip {
			pc, ok, err := p.cutFormat()
			if ok || err != nil {
				return pc, err
			}
			more = p.used == 0
			continue
		}
		n := bytes.IndexByte(p.buf, '\n') + 1
		if n > 0 {
			p.skip = false
			p.line++
		} else {
			n = len(p.buf)
		}
		p.used = n
	}
}

// fill reads until there is a whole piece, or what a slow input has; more says
// that what it had is not enough.
func (p *pieces) fill(ctx context.Context, more bool) error {
	if p.buf == nil {
		p.buf = make([]byte, 0, p.size+chunkBytes)
	}
	var timer *time.Timer
	var enough <-chan time.Time
	defer func() {
		if timer != nil {
			timer.Stop()
		}
	}()
	whole := p.slow && !more && bytes.IndexByte(p.buf, '\n') >= 0
	for len(p.buf) < p.size && p.err == nil {
		if whole && timer == nil {
			timer = time.NewTimer(linger)
			enough = timer.C
		}
		select {
		case c := <-p.chunks:
			whole = whole || p.slow && bytes.IndexByte(c.data, '\n') >= 0
			p.buf = append(p.buf, c.data...)
			if c.data != nil {
				p.free <- c.data[:cap(c.data)]
			}
			if c.err != nil {
				p.err = c.err
			}
		case <-enough:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if p.err != nil && !errors.Is(p.err, io.EOF) && (len(p.buf) == 0 || more) {
		return fmt.Errorf("read the input: %w", p.err)
	}
	return nil
}

// cut takes a piece off the buffer, which holds something.
func (p *pieces) cut() piece {
	head := p.buf[:min(len(p.buf), p.size)]
	n := bytes.LastIndexByte(head, '\n') + 1
	ended := len(p.buf) <= p.size && errors.Is(p.err, io.EOF)
	switch {
	case ended:
		n = len(p.buf)
	case p.err != nil && n == 0 && len(p.buf) <= p.size:
		// Reading failed inside of a line; the line is nobody's.
		n, p.skip = len(p.buf), true
		return p.take(n, "reading the input failed inside of this line")
	case n == 0:
		p.skip = true
		return p.take(len(head), fmt.Sprintf("the line is longer than %d MiB", pieceBytes>>20))
	}
	// The server would take a body that begins so for one array.
	if startsArray(head[:n]) {
		blank := len(head) - len(bytes.TrimLeft(head, blanks))
		if at := bytes.LastIndexByte(head[:blank], '\n') + 1; at > 0 {
			return p.take(at, "")
		}
		if end := bytes.IndexByte(head[:n], '\n') + 1; end > 0 {
			n = end
		}
		return p.take(n, "the line is a JSON array, and not an object")
	}
	return p.take(n, "")
}

// blanks are what may stand between rows.
const blanks = " \t\r\n"

func startsArray(body []byte) bool {
	rest := bytes.TrimLeft(body, blanks)
	return len(rest) > 0 && rest[0] == '['
}

// take returns the first n bytes of the buffer as a piece.
func (p *pieces) take(n int, bad string) piece {
	body := p.buf[:n]
	out := piece{body: body, data: body, kind: Lines, id: p.line, first: p.line, lines: int64(bytes.Count(body, []byte{'\n'})), bad: bad}
	p.used = n
	p.line += out.lines
	if n > 0 && body[n-1] != '\n' {
		out.lines++ // the last line of the input, or one that was given up
	}
	return out
}

// lineOf returns the number of the line that the n-th row of a piece stands on:
// rows are lines that are not blank.
func (pc piece) lineOf(n int) int64 {
	if pc.kind != Lines {
		return pc.lineOfRow(n)
	}
	at := pc.first
	for line := range bytes.Lines(pc.body) {
		if len(bytes.TrimSpace(line)) > 0 {
			if n--; n == 0 {
				return at
			}
		}
		at++
	}
	return at
}

// drop goes over lines of the input, at most to the given one, and returns how
// many bytes they had; io.EOF if there are none left.
func (p *pieces) drop(ctx context.Context, to int64) (bytesDropped int64, err error) {
	p.buf = append(p.buf[:0], p.buf[p.used:]...)
	p.used = 0
	if err := p.fill(ctx, false); err != nil {
		return 0, err
	}
	if len(p.buf) == 0 {
		return 0, p.err
	}
	for p.line < to && p.used < len(p.buf) {
		n := bytes.IndexByte(p.buf[p.used:], '\n') + 1
		if n == 0 {
			// The rest of the line follows, or it is the last line.
			p.used = len(p.buf)
			break
		}
		p.used += n
		p.line++
	}
	return int64(p.used), nil
}
