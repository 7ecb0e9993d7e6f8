package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"weir/sql/diag"
)

// Limits of POST /v1/sql.
const (
	sqlBytesMax = 64 << 10
	// A JSON body may spell every byte of the text as \u00XX.
	jsonBytesMax = 6*sqlBytesMax + 1<<10

	statementsMax = 128 // requests that run at once; more are answered 429
	// sparesMax is how many more may run if all they do is SHOW or KILL: who comes to end
	// what runs finds a way in.
	sparesMax    = 4
	writeTimeout = 30 * time.Second
)

// Config is what the REST side needs.
type Config struct {
	Engine Engine
	Logger *slog.Logger // nil: nothing is logged
}

// API serves statements and health.
type API struct {
	engine Engine
	log    *slog.Logger
	slots  chan struct{}
	spares chan struct{}
	base   context.Context
	stop   context.CancelFunc
}

// New returns the REST side over cfg.Engine.
func New(cfg Config) (*API, error) {
	if cfg.Engine == nil {
		return nil, errors.New("api: no engine")
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	base, stop := context.WithCancel(context.Background())
	return &API{engine: cfg.Engine, log: log, slots: make(chan struct{}, statementsMax), spares: make(chan struct{}, sparesMax), base: base, stop: stop}, nil
}

// Stop ends the live answers that are being streamed and refuses new statements,
// so that the server's Shutdown has nothing endless to wait for.
func (a *API) Stop() { a.stop() }

// SQL serves POST /v1/sql.
func (a *API) SQL() http.Handler {
	return Methods(http.HandlerFunc(a.serveSQL), http.MethodPost)
}

func (a *API) serveSQL(w http.ResponseWriter, r *http.Request) {
	if a.base.Err() != nil {
		WriteError(w, httpError(CodeNotReady, "the server is stopping"))
		return
	}
	slots := a.enter()
	if slots == nil {
		WriteError(w, tooManyRun())
		return
	}
	defer func() { <-slots }()
	as, err := negotiate(r.Header)
	if err != nil {
		WriteError(w, err)
		return
	}
	wait, err := readAfter(r)
	if err != nil {
		WriteError(w, err)
		return
	}
	text, err := readSQL(w, r)
	if err != nil {
		WriteError(w, err)
		return
	}
	if slots == a.spares && !tends(text) {
		WriteError(w, tooManyRun())
		return
	}
	ctx, cancel := context.WithCancel(withClient(r))
	defer cancel()
	defer context.AfterFunc(a.base, cancel)()

	err = a.execute(ctx, w, as, text, wait)
	var broken *brokenOff
	isBroken := errors.As(err, &broken)
	if err != nil && (!isBroken || broken.cause != nil) {
		a.log.Error("statement", "err", err, "path", r.URL.Path)
	}
	if isBroken {
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	}
}

// enter takes a place among the requests that run, or a spare one; nil: there is none.
func (a *API) enter() chan struct{} {
	for _, places := range []chan struct{}{a.slots, a.spares} {
		select {
		case places <- struct{}{}:
			return places
		default:
		}
	}
	return nil
}

func tooManyRun() *diag.Error {
	return httpError(CodeTooMany, "%d statements are running, which is as many as may", statementsMax).
		WithHint("wait for one to end, or end one: SHOW PROCESSLIST lists them, and KILL id ends the one with that id")
}

// tends tells whether a text is one SHOW or KILL and nothing else.
func tends(text string) bool {
	text = strings.TrimRight(text, "; \t\r\n")
	words := strings.Fields(text)
	return len(words) > 0 && !strings.Contains(text, ";") && (strings.EqualFold(words[0], "SHOW") || strings.EqualFold(words[0], "KILL"))
}

// execute runs the text and answers; it returns only what is weir's fault.
func (a *API) execute(ctx context.Context, w http.ResponseWriter, as format, text string, wait *after) (err error) {
	res, err := a.run(ctx, text, wait)
	if err != nil {
		if ctx.Err() != nil && a.base.Err() == nil {
			return nil // the client is gone
		}
		WriteError(w, err)
		return internalOnly(err)
	}
	defer func() { err = errors.Join(err, res.Close()) }()
	return answer(ctx, w, as, res)
}

// internalOnly returns err if it is a bug, which is worth a line in the log;
// a person's mistake is not.
func internalOnly(err error) error {
	if diag.From(err).Code == diag.Internal {
		return err
	}
	return nil
}

// readSQL returns the statement text of the request.
func readSQL(w http.ResponseWriter, r *http.Request) (string, error) {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return "", httpError(CodeMediaType, "a statement comes uncompressed, not as %s", quote(enc))
	}
	isJSON, err := bodyKind(r.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	limit := int64(sqlBytesMax)
	if isJSON {
		limit = jsonBytesMax
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if isTooLarge(err) {
			return "", tooLarge()
		}
		return "", httpError(CodeBadBody, "read the body: %v", err)
	}
	if !utf8.Valid(body) {
		return "", httpError(CodeBadBody, "byte %d of the body is no UTF-8", invalidAt(body))
	}
	text := string(body)
	// No statement begins with a brace, but many a body sent with curl -d does.
	if isJSON || strings.HasPrefix(strings.TrimSpace(text), "{") {
		if text, err = decodeSQL(body); err != nil {
			return "", err
		}
	}
	if len(text) > sqlBytesMax {
		return "", tooLarge()
	}
	if strings.TrimSpace(text) == "" {
		return "", httpError(CodeBadBody, "the body holds no statement").
			WithHint(`send the SQL as text, or as JSON {"sql":"…"}`)
	}
	return text, nil
}

func tooLarge() *diag.Error {
	return httpError(CodeTooLarge, "a text holds at most %d bytes of SQL", sqlBytesMax)
}

// bodyKind tells whether a body of that type is JSON; else it is the SQL itself.
// curl -d says that it sends a form, and means text.
func bodyKind(contentType string) (isJSON bool, err error) {
	if contentType == "" {
		return false, nil
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err == nil {
		charset := strings.ToLower(params["charset"])
		if charset != "" && charset != "utf-8" && charset != "us-ascii" {
			return false, httpError(CodeMediaType, "a statement is UTF-8, not %s", quote(params["charset"]))
		}
		switch {
		case media == "application/json":
			return true, nil
		case strings.HasPrefix(media, "text/"), media == "application/sql", media == "application/x-www-form-urlencoded":
			return false, nil
		}
	}
	return false, httpError(CodeMediaType, "the body is %s", quote(contentType)).
		WithHint("send the SQL as text/plain, or as application/json {\"sql\":\"…\"}")
}

// decodeSQL reads {"sql":"…"} and nothing else.
func decodeSQL(body []byte) (string, error) {
	var msg struct {
		SQL *string `json:"sql"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err := dec.Decode(&msg)
	if err == nil && dec.More() {
		err = errors.New("more than one value")
	}
	if err == nil && msg.SQL == nil {
		err = errors.New(`no member "sql"`)
	}
	if err != nil {
		return "", httpError(CodeBadBody, "the body is not {\"sql\":\"…\"}: %s", jsonFault(err)).
			WithHint(`write {"sql":"SHOW STREAMS"}, or send the SQL itself as text/plain`)
	}
	return *msg.SQL, nil
}

// jsonFault says what is wrong with a JSON body, to somebody who knows no Go.
func jsonFault(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	text := err.Error()
	switch {
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it breaks off"
	case errors.As(err, &syntax):
		return fmt.Sprintf("byte %d: %s", syntax.Offset, text)
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Sprintf("member %q is no text: found %s", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return fmt.Sprintf("it is no object: found %s", kind.Value)
	}
	return strings.TrimPrefix(text, "json: ")
}

// invalidAt returns the first byte that begins no UTF-8 sequence.
func invalidAt(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// Healthz serves GET /healthz: 200 as long as the process answers at all.
func (a *API) Healthz() http.Handler {
	return Methods(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok")
	}), http.MethodGet, http.MethodHead)
}

// Readyz serves GET /readyz: 200 once the engine is ready, else 503 and why.
func (a *API) Readyz() http.Handler {
	return Methods(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := a.engine.Ready(); err != nil {
			plain(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
			return
		}
		plain(w, http.StatusOK, "ready")
	}), http.MethodGet, http.MethodHead)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}
