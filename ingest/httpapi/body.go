package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// firstRead is how much memory a request gets before its first byte is there.
const firstRead = 64 << 10

// budget bounds a sum of bytes. It never blocks.
type budget struct{ left atomic.Int64 }

func newBudget(size int64) *budget {
	b := &budget{}
	b.left.Store(size)
	return b
}

// take takes n bytes if they are there.
func (b *budget) take(n int64) bool {
	if b.left.Add(-n) >= 0 {
		return true
	}
	b.left.Add(n)
	return false
}

// give gives n bytes back.
func (b *budget) give(n int64) { b.left.Add(n) }

// read reads a body. held is what it took of the budget, whatever err is.
//
// Memory grows with what has arrived and not with what the header promises, so
// that who promises much and sends nothing holds little; the server's memory is
// bounded by the budget and its patience by the deadline.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) (body []byte, held int64, err error) {
	limit := h.cfg.MaxBody
	if r.ContentLength > limit {
		// The connection cannot be used again without reading all of it.
		w.Header().Set("Connection", "close")
		return nil, 0, tooLarge(limit)
	}
	// Recorders and other writers that have no connection know no deadlines.
	err = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.cfg.ReadTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, 0, fmt.Errorf("set read deadline: %w", err)
	}
	end := limit
	if r.ContentLength >= 0 {
		end = r.ContentLength
	}
	in := http.MaxBytesReader(w, r.Body, limit)
	for {
		// One byte more than expected, so that the end is seen as an end.
		size := min(max(firstRead, 4*held), end+1)
		if !h.inFlight.take(size - held) {
			return nil, held, errBusy
		}
		held = size
		grown := make([]byte, size)
		n, err := fill(in, grown, copy(grown, body))
		body = grown[:n]
		var large *http.MaxBytesError
		switch {
		case err == nil:
			continue
		case errors.Is(err, io.EOF):
			return body, held, nil
		case errors.As(err, &large):
			return nil, held, tooLarge(limit)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, held, tooSlow(h.cfg.ReadTimeout)
		}
		return nil, held, fmt.Errorf("%w: %w", errCutShort, err)
	}
}

// fill reads into b from n on until it is full or in ends. io.ReadFull will not
// do: it says io.ErrUnexpectedEOF for an end that is fine, and a body that was
// cut short says the same.
func fill(in io.Reader, b []byte, n int) (int, error) {
	for n < len(b) {
		k, err := in.Read(b[n:])
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
