package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"weir/ingest/wal"
	"weir/sql/diag"
)

// failure is an error as a producer sees it.
type failure struct {
	status  int
	Code    string        `json:"code"`
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"`
	wait    time.Duration // with status 429: when to come back; 0 is retryAfter
}

// Error returns the message.
func (f *failure) Error() string { return f.Message }

var (
	// errBusy says that too many bodies are in memory.
	errBusy = errors.New("too many bodies at once")
	// errCutShort says that the producer went before its body had come.
	errCutShort = errors.New("the body was cut short")

	emptyBody = &failure{status: http.StatusBadRequest, Code: "EMPTY_BODY", Message: "the body has no rows",
		Hint: "send one JSON object a line, a JSON array of objects, or CSV with a header"}
	emptyTable = &failure{status: http.StatusBadRequest, Code: "EMPTY_BODY", Message: "the body has neither a header nor rows",
		Hint: "begin with a line of column names"}
	badKey = &failure{status: http.StatusBadRequest, Code: "BAD_KEY",
		Message: fmt.Sprintf("an Idempotency-Key has at most %d bytes", keyBytesMax), Hint: "a UUID is enough"}
)

func tooLarge(limit int64) *failure {
	return &failure{status: http.StatusRequestEntityTooLarge, Code: "TOO_LARGE",
		Message: fmt.Sprintf("a body has at most %d bytes", limit), Hint: "send the rows in several requests"}
}

// tooLargeInflated is for a body that is small only as long as it is compressed.
func tooLargeInflated(limit int64) *failure {
	f := tooLarge(limit)
	f.Message = fmt.Sprintf("a body has at most %d bytes, counted decompressed", limit)
	return f
}

func badCoding(c coding, err error) *failure {
	return &failure{status: http.StatusBadRequest, Code: "BAD_ENCODING",
		Message: fmt.Sprintf("the body cannot be decompressed as %s: %s", c, err),
		Hint:    "send what Content-Encoding says, whole, or leave the header out"}
}

func badHeader(message, hint string) *failure {
	return &failure{status: http.StatusBadRequest, Code: "BAD_HEADER", Message: message, Hint: hint}
}

func tooSlow(limit time.Duration) *failure {
	return &failure{status: http.StatusRequestTimeout, Code: "TIMEOUT",
		Message: fmt.Sprintf("the body took longer than %s", limit), Hint: "send the rows in several requests"}
}

func unknownStream(name string, names []string) *failure {
	f := &failure{status: http.StatusNotFound, Code: "UNKNOWN_STREAM", Message: fmt.Sprintf("there is no stream `%s`", name)}
	switch near := diag.Suggest(name, names); {
	case near != "":
		f.Hint = fmt.Sprintf("did you mean `%s`?", near)
	case len(names) == 0:
		f.Hint = "there are no streams yet: CREATE STREAM makes one"
	default:
		f.Hint = "records go to a stream, not to a view; SHOW STREAMS lists the streams"
	}
	return f
}

// failureOf says which answer an error is. What is not known here came from
// the log, which then has failed, or from the server that goes down.
func failureOf(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, wal.ErrKeyReused):
		return &failure{status: http.StatusUnprocessableEntity, Code: "KEY_REUSED",
			Message: "this Idempotency-Key came with another body before", Hint: "use a new key for each body, the same key for its repeats"}
	case errors.Is(err, wal.ErrBusy), errors.Is(err, errBusy):
		return &failure{status: http.StatusTooManyRequests, Code: "BUSY",
			Message: "more records are under way than the server takes at once", Hint: "send the same body again after the time in Retry-After"}
	case errors.Is(err, wal.ErrDiskReserve):
		return &failure{status: http.StatusTooManyRequests, Code: "DISK_FULL", wait: diskRetryAfter,
			Message: "the server's disk is nearly full, and it takes no records until there is more room",
			Hint:    "make room on the disk, or give streams a shorter retention; then send the same body again"}
	case errors.Is(err, wal.ErrTooLarge):
		return &failure{status: http.StatusRequestEntityTooLarge, Code: "TOO_LARGE",
			Message: "the rows are more than the log takes at once", Hint: "send the rows in several requests"}
	case errors.Is(err, wal.ErrClosed):
		return &failure{status: http.StatusServiceUnavailable, Code: "CLOSING",
			Message: "the server is going down", Hint: "send the same body again once it is back"}
	case errors.Is(err, errCutShort):
		return &failure{status: http.StatusBadRequest, Code: "CUT_SHORT", Message: err.Error()}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &failure{status: http.StatusServiceUnavailable, Code: "CANCELLED",
			Message: "the request ended before its rows were known to be durable", Hint: "send it again with the same Idempotency-Key"}
	}
	return &failure{status: http.StatusServiceUnavailable, Code: "LOG_FAILED",
		Message: "the log takes no records, so these may be lost", Hint: "send them again with the same Idempotency-Key once the server is back"}
}

// retryAfter is how long a producer waits that was told to come back, and
// diskRetryAfter where that takes somebody who makes room.
const (
	retryAfter     = time.Second
	diskRetryAfter = 10 * time.Second
)

func writeFailure(w http.ResponseWriter, f *failure) {
	if f.status == http.StatusTooManyRequests {
		wait := f.wait
		if wait == 0 {
			wait = retryAfter
		}
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
	}
	writeJSON(w, f.status, struct {
		Error *failure `json:"error"`
	}{f})
}

// writeJSON writes an answer. A producer that has gone cannot be told, so what
// writing says is of no use.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
