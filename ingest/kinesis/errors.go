package kinesis

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"weir/ingest/wal"
)

// The errors that AWS documents, by their names on the wire.
const (
	accessDenied        = "AccessDeniedException"
	expiredIterator     = "ExpiredIteratorException"
	expiredNextToken    = "ExpiredNextTokenException"
	internalFailure     = "InternalFailure"
	kmsNotFound         = "KMSNotFoundException"
	invalidArgument     = "InvalidArgumentException"
	limitExceeded       = "LimitExceededException"
	resourceInUse       = "ResourceInUseException"
	resourceNotFound    = "ResourceNotFoundException"
	serialization       = "SerializationException"
	throughputExceeded  = "ProvisionedThroughputExceededException"
	unknownOperation    = "UnknownOperationException"
	validation          = "ValidationException"
	requestTooLong      = "RequestEntityTooLargeException"
	missingAuthToken    = "MissingAuthenticationTokenException"
	incompleteSignature = "IncompleteSignatureException"
	invalidSignature    = "InvalidSignatureException"
	unrecognizedClient  = "UnrecognizedClientException"
	serviceUnavailable  = "ServiceUnavailable"
	dryRunSuccess       = "DryRunOperationException"
)

// Error is an answer that is an error.
type Error struct {
	Type    string
	Message string
	Status  int
}

// Error returns type and message.
func (e *Error) Error() string { return e.Type + ": " + e.Message }

// fail returns an error of a type. Those that are the client's have status 400.
func fail(kind, format string, args ...any) *Error {
	e := &Error{Type: kind, Message: fmt.Sprintf(format, args...), Status: http.StatusBadRequest}
	switch kind {
	case internalFailure:
		e.Status = http.StatusInternalServerError
	case serviceUnavailable:
		e.Status = http.StatusServiceUnavailable
	case requestTooLong:
		e.Status = http.StatusRequestEntityTooLarge
	}
	return e
}

// ErrInUse is wrapped by errors of Streams that say why a stream cannot be changed now.
var ErrInUse = errors.New("the stream is in use")

// ErrGone is wrapped by errors of Streams about a stream that was there a moment ago.
var ErrGone = errors.New("the stream was deleted")

// ErrRefused is wrapped by errors of Streams that say why something cannot be made.
var ErrRefused = errors.New("refused")

// notFound says that there is no stream of a name.
func notFound(name, account string) *Error {
	return fail(resourceNotFound, "Stream %s under account %s not found.", name, account)
}

// errorBody is an error on the wire, and unreadableBody one about a request that cannot be
// read, which AWS writes so; clients know both.
type errorBody struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

type unreadableBody struct {
	Type    string `json:"__type"`
	Message string
}

func bodyOf(e *Error) any {
	if e.Type == serialization {
		return unreadableBody{e.Type, e.Message}
	}
	return errorBody{e.Type, e.Message}
}

func (c *call) answerError(err error) {
	e := c.errorOf(err)
	c.h.meters.answered(c.op, e.Type)
	c.w.Header().Set("x-amzn-ErrorType", e.Type)
	c.answer(e.Status, bodyOf(e))
}

// errorOf returns what a client is told. What is not for clients goes to the log.
func (c *call) errorOf(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, ErrInUse):
		return fail(resourceInUse, "%s", err)
	case errors.Is(err, ErrGone):
		return fail(resourceNotFound, "%s", err)
	case errors.Is(err, ErrRefused):
		return fail(invalidArgument, "%s", err)
	case errors.Is(err, wal.ErrTooLarge):
		return fail(invalidArgument, "%s", err)
	case errors.Is(err, wal.ErrBusy), errors.Is(err, wal.ErrDiskReserve):
		return fail(throughputExceeded, "%s; try again", err)
	case errors.Is(err, wal.ErrClosed), errors.Is(err, context.Canceled):
		return fail(serviceUnavailable, "the server is stopping")
	}
	c.h.cfg.Logger.Error("kinesis", "operation", c.op, "error", err)
	if errors.Is(err, wal.ErrSealed) {
		return fail(kmsNotFound, "the server's encryption keys do not open a record that is to be read; its log says which key is missing")
	}
	return fail(internalFailure, "the operation failed on the server's side; its log says why")
}

// Refuse answers a request of a client of Kinesis that somebody else does not let in,
// so that the client can say why; it tells whether it was one.
func Refuse(w http.ResponseWriter, r *http.Request, status int, why string) bool {
	return refuse(w, r, &Error{accessDenied, why, status})
}

// Astray answers a request of a client of Kinesis that went to another path than /, as
// it does with an endpoint that has one; it tells whether it was one.
func Astray(w http.ResponseWriter, r *http.Request) bool {
	return refuse(w, r, fail(unknownOperation, "Kinesis is at the path / of this server, not at %q: leave the path out of the endpoint", clip(r.URL.Path)))
}

func refuse(w http.ResponseWriter, r *http.Request, e *Error) bool {
	if !spoken(r) {
		return false
	}
	c := codecOf(r.Header.Get("Content-Type"))
	if c == nil {
		c = jsonCodec
	}
	identify(w)
	w.Header().Set("x-amzn-ErrorType", e.Type)
	return c.answer(w, e.Status, errorBody{e.Type, e.Message}) == nil
}
