package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"weir/sql/diag"
)

// Codes of failures that HTTP, not SQL, is to blame for. Those of SQL are diag.Code.
const (
	CodeForbiddenHost   diag.Code = "FORBIDDEN_HOST"         // the Host header names no address of this server
	CodeForbiddenOrigin diag.Code = "FORBIDDEN_ORIGIN"       // another site's page sent the request
	CodeNoToken         diag.Code = "TOKEN_REQUIRED"         // neither a token nor a log-in came with the request
	CodeBadToken        diag.Code = "TOKEN_WRONG"            // the token or the log-in is not, or no longer, one
	CodeTooManyGuesses  diag.Code = "TOO_MANY_ATTEMPTS"      // too many wrong tokens came from this address
	CodeMethod          diag.Code = "METHOD_NOT_ALLOWED"     // the path exists, the method does not
	CodeNotFound        diag.Code = "NOT_FOUND"              // no such path
	CodeTooLarge        diag.Code = "BODY_TOO_LARGE"         // the body passes the limit
	CodeMediaType       diag.Code = "UNSUPPORTED_MEDIA_TYPE" // the body is neither text nor JSON
	CodeNotAcceptable   diag.Code = "NOT_ACCEPTABLE"         // none of the answer's formats is what the client accepts
	CodeBadBody         diag.Code = "BAD_BODY"               // the body is not what its Content-Type says
	CodeTooMany         diag.Code = "TOO_MANY_REQUESTS"      // as many statements run as may
	CodeNotReady        diag.Code = "NOT_READY"              // the server starts or stops
	CodeBadQuery        diag.Code = "BAD_PARAMETER"          // a parameter of the URL is wrong
	CodeAhead           diag.Code = "COMMIT_AHEAD"           // the log has not come to the commit that the client names
	CodeAfterTimeout    diag.Code = "AFTER_TIMEOUT"          // a view did not come to the commit in time
	CodeKilled          diag.Code = "QUERY_KILLED"           // somebody ended the query with KILL
	CodeGone            diag.Code = "POSITION_GONE"          // what SUBSCRIBE … AS OF names cannot be gone back to
)

// span is diag.Span as JSON.
type span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// failure is what a client reads about an error.
type failure struct {
	Code    diag.Code `json:"code"`
	Message string    `json:"message"`
	Span    *span     `json:"span,omitempty"`
	Label   string    `json:"label,omitempty"`
	Hint    string    `json:"hint,omitempty"`
}

// failureOf turns an error into what the client reads.
func failureOf(err error) failure {
	e := diag.From(err)
	f := failure{Code: e.Code, Message: e.Message, Label: e.Label, Hint: e.Hint}
	if !e.Span.IsZero() {
		f.Span = &span{e.Span.Start, e.Span.End}
	}
	return f
}

// statusOf is the one place that maps a kind of error to a status: the
// statement is wrong, something outside failed, or weir is wrong.
func statusOf(code diag.Code) int {
	switch code {
	case CodeForbiddenHost, CodeForbiddenOrigin:
		return http.StatusForbidden
	case CodeNoToken, CodeBadToken:
		return http.StatusUnauthorized
	case CodeMethod:
		return http.StatusMethodNotAllowed
	case CodeNotFound:
		return http.StatusNotFound
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeMediaType:
		return http.StatusUnsupportedMediaType
	case CodeNotAcceptable:
		return http.StatusNotAcceptable
	case CodeAhead, CodeKilled:
		return http.StatusConflict
	case CodeGone:
		return http.StatusGone
	case CodeAfterTimeout:
		return http.StatusGatewayTimeout
	case CodeTooMany, CodeTooManyGuesses:
		return http.StatusTooManyRequests
	case CodeNotReady, diag.External:
		return http.StatusServiceUnavailable
	case diag.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// WriteError answers a request with err: the status that its code stands for
// and {"error":{…}}. An error that is no *diag.Error is Internal. Nothing may
// have been written before.
func WriteError(w http.ResponseWriter, err error) {
	f := failureOf(err)
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(statusOf(f.Code))
	// A client that is gone cannot be told that it is gone.
	_, _ = w.Write(append(appendError(nil, f), '\n'))
}

// appendError appends {"error":{…}}.
func appendError(dst []byte, f failure) []byte {
	body, err := json.Marshal(f)
	if err != nil { // a struct of strings and integers
		panic(err)
	}
	dst = append(dst, `{"error":`...)
	dst = append(dst, body...)
	return append(dst, '}')
}

// httpError returns a failure of HTTP as an error.
func httpError(code diag.Code, format string, args ...any) *diag.Error {
	return diag.New(code, diag.Span{}, format, args...)
}

// NotFound answers 404 in the common shape.
func NotFound(w http.ResponseWriter, r *http.Request) {
	WriteError(w, httpError(CodeNotFound, "no such path: %s", r.URL.Path).
		WithHint("there are POST /v1/sql, POST /v1/streams/{name}/records, POST /v1/streams/{name}/end, GET /v1/ws, GET /v1/streams, GET /v1/views, GET /v1/queries, GET /v1/sinks, GET /metrics, GET /healthz, GET /readyz, and the page at /"))
}

// Methods passes requests with one of the methods on to next and answers the
// others with 405.
func Methods(next http.Handler, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, m := range methods {
			if r.Method == m {
				next.ServeHTTP(w, r)
				return
			}
		}
		for _, m := range methods {
			w.Header().Add("Allow", m)
		}
		e := httpError(CodeMethod, "%s takes %s, not %s", r.URL.Path, methods[0], r.Method)
		if methods[0] == http.MethodPost {
			e = e.WithHint("for example: curl %s -d 'SHOW STREAMS'", "http://"+r.Host+r.URL.Path)
		}
		WriteError(w, e)
	})
}

// isTooLarge tells whether reading a body ended at http.MaxBytesReader's limit.
func isTooLarge(err error) bool {
	var e *http.MaxBytesError
	return errors.As(err, &e)
}
