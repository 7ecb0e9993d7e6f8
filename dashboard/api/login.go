package api

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// loginBodyMax is more than a form with the longest token.
const loginBodyMax = 4 << 10

// cookieName names the cookie after the port: browsers send cookies to every
// port of a host, and there may be another weir.
func cookieName(r *http.Request) string {
	return "weir-session-" + strconv.Itoa(int(listeningAddr(r).Port()))
}

const loginStyle = `:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}
body{margin:0;min-height:100vh;display:grid;place-items:center}
form{width:min(22rem,90vw);display:grid;gap:.75rem}
h1{font-size:1.25rem;margin:0}p{margin:0}
input,button{font:inherit;padding:.5rem .6rem;border-radius:6px;border:1px solid GrayText}
button{cursor:pointer}`

// loginForm has no action: the browser then posts to the form's own address and
// keeps the part behind #, which holds the SQL of a shared link.
const loginForm = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in to weir</title>
<style>` + loginStyle + `</style>
</head>
<body>
<form method="post" autocomplete="on">
<h1>Log in to weir</h1>
` + loginMessage + `<label for="token">Token, from the server's token file</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Log in</button>
</form>
</body>
</html>
`

// loginMessage stands where the form says what went wrong.
const loginMessage = "<!-- message -->"

// login serves the form, and begins and ends sessions.
type login struct {
	guard *Guard
	csp   string
}

// Login returns the handler of LoginPath. Without tokens it sends to the page.
func (g *Guard) Login() http.Handler {
	sum := sha256.Sum256([]byte(loginStyle))
	return Methods(&login{guard: g, csp: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"},
		http.MethodPost, http.MethodGet, http.MethodHead, http.MethodDelete)
}

// ServeHTTP serves the form (GET), logs in (POST) and out (DELETE).
func (l *login) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", l.csp)
	h.Set("X-Frame-Options", "DENY")
	// Under no-referrer a browser posts the form with Origin: null.
	h.Set("Referrer-Policy", "same-origin")
	access := l.guard.access
	if access == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	switch r.Method {
	case http.MethodPost:
		l.post(w, r)
	case http.MethodDelete:
		if c, err := r.Cookie(cookieName(r)); err == nil {
			access.sessions.end(c.Value)
		}
		http.SetCookie(w, cookie(r, "", -1))
		w.WriteHeader(http.StatusNoContent)
	default:
		l.show(w, http.StatusOK, "")
	}
}

func (l *login) post(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, loginBodyMax)
	if err := r.ParseForm(); err != nil {
		// What is wrong with the body is not shown: it may hold the token.
		l.show(w, http.StatusBadRequest, "That was no log-in form.")
		return
	}
	t, err := l.guard.access.guess(r, r.PostForm.Get("token"))
	if err != nil {
		l.guard.count(err)
		var many *tooMany
		if errors.As(err, &many) {
			wait := seconds(many.wait)
			w.Header().Set("Retry-After", strconv.Itoa(wait))
			l.show(w, http.StatusTooManyRequests, "Too many attempts. Try again in "+strconv.Itoa(wait)+" s.")
			return
		}
		l.show(w, http.StatusUnauthorized, "There is no such token.")
		return
	}
	http.SetCookie(w, cookie(r, l.guard.access.sessions.begin(t), int(sessionFor.Seconds())))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// cookie returns the session's cookie. It is marked Secure where the connection
// is: over plain HTTP a browser would not send it back.
func cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	}
}

func (l *login) show(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if message != "" {
		message = `<p role="alert">` + html.EscapeString(message) + "</p>\n"
	}
	// The browser may be gone.
	_, _ = io.WriteString(w, strings.Replace(loginForm, loginMessage, message, 1))
}
