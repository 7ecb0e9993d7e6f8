package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"weir/sql/diag"
)

// The paths that need no token: what a watchdog asks, and where one logs in.
const (
	LoginPath  = "/login"
	socketPath = "/v1/ws"
)

func isOpen(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == LoginPath
}

// Access knows the tokens and who has logged in with one. Programs send
// "Authorization: Bearer TOKEN" with each request; a browser sends the token once
// to LoginPath and then a cookie; a websocket comes with either of these, or with
// the token in its first message. It is safe for any number of goroutines.
type Access struct {
	tokens   atomic.Pointer[[]Token]
	sessions sessions
	attempts attempts
}

// NewAccess returns the access of those who have one of the tokens.
func NewAccess(tokens []Token) (*Access, error) {
	if len(tokens) == 0 {
		return nil, errors.New("access needs a token")
	}
	a := &Access{}
	a.setClock(time.Now)
	a.tokens.Store(&tokens)
	a.sessions.byID = make(map[[32]byte]session)
	a.attempts.by = make(map[netip.Prefix]*attempt)
	return a, nil
}

func (a *Access) setClock(now func() time.Time) { a.sessions.now, a.attempts.now = now, now }

// Replace makes these the tokens from now on, and ends the sessions that began
// with another. Websockets that are open stay so until they close.
func (a *Access) Replace(tokens []Token) {
	a.tokens.Store(&tokens)
	a.sessions.keep(tokens)
}

// proved is the key of a context whose request may do everything, with the name of its
// token; without it, a request behind a guard with Access may only say hello.
type proved struct{}

// admit returns why the request may not come in. A websocket's handshake that
// brings neither token nor cookie may, but is not proved.
func (a *Access) admit(r *http.Request) (*http.Request, error) {
	if isOpen(r.URL.Path) {
		return r, nil
	}
	yes := func(t Token) (*http.Request, error) {
		return r.WithContext(context.WithValue(r.Context(), proved{}, t.Name)), nil
	}
	if values := r.Header.Values("Authorization"); len(values) > 0 {
		// A header that came is what counts: a wrong one is not made good by a cookie.
		secret, ok := bearer(values)
		if !ok {
			return r, httpError(CodeBadToken, "the Authorization header is not \"Bearer TOKEN\"").WithHint(tokenHint)
		}
		if t, ok := find(*a.tokens.Load(), secret); ok {
			return yes(t)
		}
		return r, a.wrong(r)
	}
	c, err := r.Cookie(cookieName(r))
	var t Token
	valid := false
	if err == nil {
		t, valid = a.sessions.token(c.Value)
	}
	if valid {
		// Browsers name the page's origin with whatever is more than reading.
		if (!isSafe(r.Method) || r.URL.Path == socketPath) && len(r.Header.Values("Origin")) == 0 {
			return r, httpError(CodeForbiddenOrigin, "the request has a log-in's cookie but no Origin").
				WithHint("programs send Authorization: Bearer TOKEN instead of a cookie")
		}
		return yes(t)
	}
	if r.URL.Path == socketPath && err != nil {
		return r, nil
	}
	if err == nil {
		return r, httpError(CodeBadToken, "the log-in has ended").WithHint("log in again at %s", LoginPath)
	}
	return r, httpError(CodeNoToken, "this server wants a token").WithHint(tokenHint)
}

const tokenHint = "send it as Authorization: Bearer TOKEN; browsers log in at " + LoginPath

// bearer returns the token of an Authorization header.
func bearer(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	scheme, secret, ok := strings.Cut(values[0], " ")
	return secret, ok && strings.EqualFold(scheme, "Bearer")
}

// wrong is the error for a wrong token. A right one is let in whatever others
// from its address send, so that nobody can shut a program out.
func (a *Access) wrong(r *http.Request) error {
	if wait, ok := a.attempts.take(address(r)); !ok {
		return tooManyGuesses(wait)
	}
	return httpError(CodeBadToken, "there is no such token").WithHint(tokenHint)
}

// guess looks at a token that came in a log-in or in a websocket's first message.
// Beyond the limit it is not looked at, right or wrong.
func (a *Access) guess(r *http.Request, secret string) (Token, error) {
	from := address(r)
	if wait, ok := a.attempts.take(from); !ok {
		return Token{}, tooManyGuesses(wait)
	}
	t, ok := find(*a.tokens.Load(), secret)
	if !ok {
		return Token{}, httpError(CodeBadToken, "there is no such token")
	}
	a.attempts.give(from)
	return t, nil
}

// tooMany is an error that says when to come back.
type tooMany struct {
	err  *diag.Error
	wait time.Duration
}

func (e *tooMany) Error() string { return e.err.Error() }
func (e *tooMany) Unwrap() error { return e.err }

func tooManyGuesses(wait time.Duration) error {
	return &tooMany{wait: wait, err: httpError(CodeTooManyGuesses, "too many wrong tokens came from this address").
		WithHint("try again in %d s", seconds(wait))}
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// refuse answers a request that may not come in: a browser that wants the page
// is sent to the form.
func (a *Access) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.URL.Path == "/" && isSafe(r.Method) && strings.Contains(r.Header.Get("Accept"), "text/html") && r.Header.Get("Authorization") == "" {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, LoginPath, http.StatusSeeOther)
		return
	}
	var many *tooMany
	if errors.As(err, &many) {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(many.wait)))
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="weir"`)
	WriteError(w, err)
}

// Hello returns nil where a websocket's request was let in already, and else
// what checks the token of its first message.
func (g *Guard) Hello(r *http.Request) func(token string) error {
	if g.access == nil || r.Context().Value(proved{}) != nil {
		return nil
	}
	return func(token string) error {
		_, err := g.access.guess(r, token)
		if err != nil {
			g.count(err)
		}
		return err
	}
}
