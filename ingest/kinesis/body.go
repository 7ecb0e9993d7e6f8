package kinesis

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// hold takes n bytes of what all requests together may have in memory; ok is false
// where that is more than there is. They are taken all the same, until release.
func (c *call) hold(n int) (ok bool) {
	c.held += int64(n)
	return c.h.inFlight.Add(int64(n)) <= c.h.cfg.MaxInFlight
}

// release gives back what the call holds.
func (c *call) release() {
	c.h.inFlight.Add(-c.held)
	c.held = 0
}

var errBusy = fail(serviceUnavailable, "too many bytes of requests are under way; try again")

// holdingReader holds what it reads, as it comes: what a client only announces is not
// in memory.
type holdingReader struct {
	io.Reader
	c *call
}

func (r holdingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if !r.c.hold(n) {
		err = errBusy
	}
	return n, err
}

// readBody reads the body of a request.
func (c *call) readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > bodyMax {
		return nil, errTooLong
	}
	defer c.readBy(time.Now().Add(readTimeout))()
	body, err := io.ReadAll(holdingReader{http.MaxBytesReader(c.w, r.Body, bodyMax), c})
	return body, bodyError(err)
}

// skipBody reads the body of a request that is refused, and keeps nothing of it: there
// are clients that lose an answer which comes before they have sent everything.
func (c *call) skipBody(r *http.Request) {
	if r.ContentLength > bodyMax {
		return
	}
	defer c.readBy(time.Now().Add(readTimeout))()
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(c.w, r.Body, bodyMax)) // refused it is anyway
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
