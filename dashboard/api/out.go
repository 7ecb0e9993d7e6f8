package api

import (
	"errors"
	"net/http"
	"time"
)

// writeAfter is how many bytes of rows gather before they are written.
const writeAfter = 32 << 10

// out is the connection that an answer goes to.
type out struct {
	w   http.ResponseWriter
	ctl *http.ResponseController
	buf []byte
}

func newOut(w http.ResponseWriter) *out {
	return &out{w: w, ctl: http.NewResponseController(w)}
}

// begin sends the status and the header with what is flushed next.
func (o *out) begin(contentType string) {
	h := o.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	o.w.WriteHeader(http.StatusOK)
}

// Write gathers p.
func (o *out) Write(p []byte) (int, error) {
	o.buf = append(o.buf, p...)
	return len(p), o.pass()
}

// pass writes what is gathered once it is much.
func (o *out) pass() error {
	if len(o.buf) < writeAfter {
		return nil
	}
	return o.write()
}

// write hands what is gathered to the connection, which must take it in time:
// a client that reads nothing may not hold a query for ever.
func (o *out) write() error {
	err := o.ctl.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err = o.w.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

// flush writes what is gathered through to the client.
func (o *out) flush() error {
	if err := o.write(); err != nil {
		return err
	}
	if err := o.ctl.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
