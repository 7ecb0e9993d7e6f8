package kinesis

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// budget is how many bytes calls have in memory together.
type budget struct {
	most  int64
	taken atomic.Int64
}

// share is what one call has of a budget.
type share struct {
	of    *budget
	taken int64
}

// take takes n bytes more; ok is false where they all have more than there is. They are
// taken all the same, until free.
func (s *share) take(n int) (ok bool) {
	s.taken += int64(n)
	return s.of.taken.Add(int64(n)) <= s.of.most
}

// free gives back what was taken.
func (s *share) free() {
	s.of.taken.Add(-s.taken)
	s.taken = 0
}

var errBusy = fail(serviceUnavailable, "too many bytes of requests are under way; try again")

// countedReader takes the bytes that it reads, as they come: what a client only
// announces is not in memory.
type countedReader struct {
	io.Reader
	share *share
}

func (r countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if !r.share.take(n) {
		err = errBusy
	}
	return n, err
}

// readBody reads the body of a request.
func (c *call) readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > bodyMax {
		c.skipBody(r)
		return nil, errTooLong
	}
	defer c.readBy(time.Now().Add(readTimeout))()
	body, err := io.ReadAll(countedReader{http.MaxBytesReader(c.w, r.Body, bodyMax), &c.in})
	return body, bodyError(err)
}

// skipMax is how long a body may be that is read although its request is refused.
const skipMax = 4 * bodyMax

// skipBody reads the body of a request that is refused, and keeps nothing of it: there
// are clients that lose an answer which comes before they have sent everything.
func (c *call) skipBody(r *http.Request) {
	if r.ContentLength > skipMax {
		return
	}
	defer c.readBy(time.Now().Add(readTimeout))()
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(c.w, r.Body, skipMax)) // refused it is anyway
}

// readBy bounds how long a client may take to send, until done is called.
func (c *call) readBy(t time.Time) (done func()) {
	rc := http.NewResponseController(c.w)
	_ = rc.SetReadDeadline(t) // not every writer can
	return func() { _ = rc.SetReadDeadline(time.Time{}) }
}

var errTooLong = fail(requestTooLong, "a request has at most %d bytes", bodyMax)

// bodyError says what is wrong with a body that was not read to its end. It is the
// client's doing.
func bodyError(err error) error {
	var told *Error
	var long *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told):
		return told
	case errors.As(err, &long):
		return errTooLong
	}
	return fail(serialization, "the body did not come whole within %s", readTimeout)
}

const (
	// pieceMax is how much is sent at a time, and pieceTimeout how long a client may
	// take for it. Slow clients get large answers, too, but stalled ones do not keep them
	// in memory.
	pieceMax     = 1 << 20
	pieceTimeout = 30 * time.Second
)

// write sends a part of the answer.
func write(w http.ResponseWriter, b []byte) error {
	rc := http.NewResponseController(w)
	for len(b) > 0 {
		piece := b[:min(len(b), pieceMax)]
		_ = rc.SetWriteDeadline(time.Now().Add(pieceTimeout)) // not every writer can
		if _, err := w.Write(piece); err != nil {
			return err
		}
		b = b[len(piece):]
	}
	return nil
}
