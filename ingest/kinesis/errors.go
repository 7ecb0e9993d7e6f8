package kinesis

import (
	"errors"
	"fmt"
	"net/http"
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
