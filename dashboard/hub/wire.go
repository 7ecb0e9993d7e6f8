package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir/operators/stream"
	"weir/sql/diag"
	"weir/sql/types"
)

// Subprotocol is the name of the protocol in the handshake.
const Subprotocol = "weir.v1"

// Close codes of the protocol.
const (
	CloseBadMessage = 4400 // the client sent what is no message of the protocol
	CloseNoToken    = 4401 // the token is wrong, or did not come in the first message
	CloseSlow       = 4408 // the client does not take its messages fast enough
	CloseTooMany    = 4429 // too many connections, or messages too fast
	CloseInternal   = 4500 // a bug in weir
)

// CodeTooManySubscriptions is the error code of a subscription beyond the limit.
const CodeTooManySubscriptions diag.Code = "TOO_MANY_SUBSCRIPTIONS"

// CodeTooLarge is the error code of a result that is too large to begin with.
const CodeTooLarge diag.Code = "RESULT_TOO_LARGE"

// idBytesMax is the longest id that a client may give a subscription.
const idBytesMax = 64

// request is a message from a client.
type request struct {
	T     string `json:"t"`
	ID    string `json:"id"`
	SQL   string `json:"sql"`
	Start string `json:"start"`
	Tok   string `json:"tok"`   // what the client has of the result
	Token string `json:"token"` // of a hello
	// MaxHz is how many changes a second the client wants at most; 0: all.
	MaxHz *float64 `json:"max_hz"`
}

// parseRequest reads a message from a client. Members it does not know are
// left alone, so that a newer page can talk to an older server.
func parseRequest(data []byte) (request, error) {
	var req request
	if !utf8.Valid(data) {
		return req, errors.New("a message is no UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&req); err != nil {
		if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
			return req, fmt.Errorf("a message is an object of texts, max_hz a number; not %s", kind.Value)
		}
		return req, fmt.Errorf("a message is no JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return req, errors.New("a message is more than one JSON value")
	}
	switch req.T {
	case "ping", "hello":
		return req, nil
	case "sub", "unsub":
	default:
		return req, fmt.Errorf("unknown message type %.20q; \"t\" is sub, unsub or ping", req.T)
	}
	if req.ID == "" || len(req.ID) > idBytesMax {
		return req, fmt.Errorf("an id has 1 to %d bytes", idBytesMax)
	}
	if req.T == "sub" && strings.TrimSpace(req.SQL) == "" {
		return req, errors.New(`a sub needs a SELECT in "sql"`)
	}
	if req.MaxHz != nil && *req.MaxHz < 0 {
		return req, errors.New("max_hz is a number from 0 on")
	}
	return req, nil
}

// column is a column in a schema message.
type column struct {
	Name string `json:"n"`
	Type string `json:"type"`
	Role string `json:"role,omitempty"`
}

// role tells the page what a column is good for.
func role(t types.Type) string {
	switch {
	case t.IsTime():
		return "time"
	case t.IsNumeric():
		return "number"
	}
	return ""
}

// schemaMessage describes a subscription and names the channel of its changes.
func schemaMessage(id string, ch uint64, plan Plan, resumed bool) (*message, error) {
	schema := plan.Schema()
	msg := struct {
		T       string   `json:"t"`
		ID      string   `json:"id"`
		Ch      uint64   `json:"ch"`
		Resumed bool     `json:"resumed,omitempty"`
		Cols    []column `json:"cols"`
		Key     []string `json:"key"`
		Append  bool     `json:"append"`
		Time    *string  `json:"time"`
	}{T: "schema", ID: id, Ch: ch, Resumed: resumed, Cols: []column{}, Append: plan.AppendOnly()}
	for _, f := range schema {
		msg.Cols = append(msg.Cols, column{f.Name, strings.ToLower(f.Type.String()), role(f.Type)})
	}
	if plan.Key() != nil {
		msg.Key = []string{}
	}
	for _, k := range plan.Key() {
		if k < 0 || k >= len(schema) {
			return nil, fmt.Errorf("key column %d of %d columns", k, len(schema))
		}
		msg.Key = append(msg.Key, schema[k].Name)
	}
	if at := plan.TimeColumn(); at >= 0 && at < len(schema) {
		msg.Time = &schema[at].Name
	}
	data, err := json.Marshal(msg)
	return &message{data: data}, err
}

// Why what a client has is of no use, and a snapshot follows.
const (
	resetToken     = "token"     // the token is none, or of another statement
	resetRetention = "retention" // the changes behind the token are not known any more
	resetSlow      = "slow"      // the client fell too far behind
)

// resetMessage tells a client that a snapshot will replace what it has, and why.
func resetMessage(id, reason, why string) *message {
	msg := append(head(nil, "reset", id), `,"reason":"`...)
	msg = append(append(msg, reason...), `","message":`...)
	return &message{data: append(appendString(msg, why), '}')}
}

// doneMessage tells a client that its query is complete.
func doneMessage(id string) *message { return &message{data: append(head(nil, "done", id), '}')} }

// errorMessage tells a client that a subscription failed.
func errorMessage(id string, err error) *message {
	e := diag.From(err)
	msg := struct {
		T       string    `json:"t"`
		ID      string    `json:"id"`
		Code    diag.Code `json:"code"`
		Message string    `json:"message"`
		Span    []int     `json:"span,omitempty"`
		Label   string    `json:"label,omitempty"`
		Hint    string    `json:"hint,omitempty"`
	}{T: "error", ID: id, Code: e.Code, Message: e.Message, Label: e.Label, Hint: e.Hint}
	if !e.Span.IsZero() {
		msg.Span = []int{e.Span.Start, e.Span.End}
	}
	data, err := json.Marshal(msg)
	if err != nil { // a struct of strings and integers
		panic(err)
	}
	return &message{data: data}
}

func pongMessage() *message { return &message{data: []byte(`{"t":"pong"}`)} }

// head appends the first members of a message.
func head(dst []byte, t, id string) []byte {
	dst = append(dst, `{"t":"`...)
	dst = append(dst, t...)
	dst = append(dst, `","id":`...)
	return appendString(dst, id)
}

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil { // no string fails
		panic(err)
	}
	return append(dst, text...)
}

// tail appends token and watermark.
func tail(dst []byte, token string, w stream.Time) []byte {
	if token != "" {
		dst = append(dst, `,"tok":`...)
		dst = appendString(dst, token)
	}
	dst = append(dst, `,"wm":`...)
	return appendWatermark(dst, w)
}

// endOfTime is the last instant that a browser's Date can hold; it stands for
// the watermark of a stream that has ended.
const endOfTime = 8_640_000_000_000_000

func appendWatermark(dst []byte, w stream.Time) []byte {
	switch w {
	case stream.MinTime:
		return append(dst, "null"...)
	case stream.MaxTime:
		return strconv.AppendInt(dst, endOfTime, 10)
	}
	return appendMillis(dst, int64(w))
}

// appendMillis appends microseconds as milliseconds, with the fraction if there is one.
func appendMillis(dst []byte, micros int64) []byte {
	if micros < 0 {
		dst = append(dst, '-')
		if micros == -micros { // the smallest integer, which has no positive twin
			return append(dst, "9223372036854775.808"...)
		}
		micros = -micros
	}
	dst = strconv.AppendInt(dst, micros/1000, 10)
	if frac := micros % 1000; frac != 0 {
		dst = append(dst, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
	}
	return dst
}
