package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"weir/dashboard/api"
	"weir/dashboard/hub"
)

// canary is a token; no line of a log may hold it.
const canary = "canary-7f3a9c1e5b2d4860"

// serveWith is serveHere with a configuration; what it logs can be read.
func serveWith(t testing.TB, change func(*serverConfig)) (*server, *logBuffer) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	cfg := serverConfig{Listener: ln, Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	change(&cfg)
	s, err := newServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.run(ctx, "", func(time.Duration) { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	<-ready
	return s, log
}

// logBuffer is a log that goroutines write to while others read it.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func withToken(t testing.TB) *api.Access {
	t.Helper()
	tokens, err := api.ParseTokens("ann:" + canary)
	if err != nil {
		t.Fatal(err)
	}
	a, err := api.NewAccess(tokens)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// request sends one request as it stands and returns status and body.
func request(t testing.TB, method, address, body string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	change(req)
	resp, err := http.DefaultTransport.RoundTrip(req) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// logIn returns the cookie of a new session.
func (s *server) logIn(t testing.TB, token string) *http.Cookie {
	t.Helper()
	resp, body := request(t, "POST", s.url()+"/login", url.Values{"token": {token}}.Encode(), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", s.url())
	})
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		t.Fatalf("log-in: %s %s", resp.Status, body)
	}
	return resp.Cookies()[0]
}

// endpoints are all routes. status is what a request gets that is let in.
var endpoints = []struct {
	method, path, body string
	status             int
	open               bool // needs no token
}{
	{"GET", "/", "", 200, false},
	{"POST", "/", "", 405, false}, // without an X-Amz-Target; TestKinesisBesideTokens has those with one
	{"GET", "/index.html", "", 200, false},
	{"GET", "/assets/none.js", "", 404, false},
	{"GET", "/login", "", 200, true},
	{"GET", "/healthz", "", 200, true},
	{"GET", "/readyz", "", 200, true},
	{"POST", "/v1/sql", "SHOW STREAMS", 200, false},
	{"GET", "/v1/sql", "", 405, false},
	{"GET", "/v1/page", "", 200, false},
	{"GET", "/v1/status", "", 200, false},
	{"GET", "/v1/streams", "", 200, false},
	{"GET", "/v1/streams/hits", "", 200, false},
	{"GET", "/v1/streams/none", "", 404, false},
	{"POST", "/v1/streams/hits/records", `{"path":"/","ms":1,"ts":"2026-11-20 10:00:00"}`, 200, false},
	{"POST", "/v1/streams/hits/end", "", 200, false},
	{"POST", "/v1/streams/hits/none", "", 404, false},
	{"GET", "/v1/views", "", 200, false},
	{"GET", "/v1/sinks", "", 200, false},
	{"POST", "/v1/sinks", "{}", 405, false},
	{"GET", "/v1/queries", "", 200, false},
	{"GET", "/v1/sinks", "", 200, false},
	{"GET", "/v1/queries/none/rows?kind=late", "", 404, false},
	{"GET", "/metrics", "", 200, false},
	{"GET", "/debug/pprof/", "", 200, false},
	{"GET", "/debug/pprof/heap", "", 200, false},
	{"GET", "/debug/pprof/profile", "", 500, false}, // another one is running
	{"GET", "/debug/pprof/symbol", "", 200, false},
	{"GET", "/debug/pprof/trace?seconds=0.001", "", 200, false},
	{"GET", "/none", "", 404, false},
	// Paths that pretend to be open ones.
	{"GET", "/healthz/", "", 404, false},
	{"GET", "/healthz/../v1/page", "", 307, false}, // the mux cleans it, by a redirect
	{"GET", "/login/..%2fv1/page", "", 404, false},
	{"GET", "//healthz", "", 307, false},
	{"GET", "/healthz%00", "", 404, false},
	{"GET", "/HEALTHZ", "", 404, false},
	{"GET", "/v1/streams/..%2f..%2fetc%2fpasswd", "", 404, false},
}

// TestEveryEndpoint sends every request by every way in.
func TestEveryEndpoint(t *testing.T) {
	s, log := serveWith(t, func(c *serverConfig) { c.Guard.Access, c.Pprof = withToken(t), true })
	s.must(t, hits)
	if pprof.StartCPUProfile(io.Discard) == nil { // a profile over HTTP takes a second at least
		defer pprof.StopCPUProfile()
	}
	cookie := s.logIn(t, canary)
	wrong := *cookie
	wrong.Value = strings.Repeat("A", len(wrong.Value))
	for _, e := range endpoints {
		let := func(status int) int { // what somebody without a token gets
			if e.open {
				return e.status
			}
			return status
		}
		anonymous := let(401)
		post := e.method != "GET"
		for name, way := range map[string]struct {
			change func(*http.Request)
			want   int
		}{
			"no token":        {func(*http.Request) {}, anonymous},
			"Bearer":          {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+canary) }, e.status},
			"bearer":          {func(r *http.Request) { r.Header.Set("Authorization", "bearer "+canary) }, e.status},
			"Basic":           {func(r *http.Request) { r.SetBasicAuth("ann", canary) }, anonymous},
			"token in query":  {func(r *http.Request) { r.URL.RawQuery = "token=" + canary }, anonymous},
			"two headers":     {func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + canary, "Bearer x"} }, anonymous},
			"cookie":          {func(r *http.Request) { r.AddCookie(cookie); r.Header.Set("Origin", s.url()) }, e.status},
			"wrong cookie":    {func(r *http.Request) { r.AddCookie(&wrong) }, anonymous},
			"token as cookie": {func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookie.Name, Value: canary}) }, anonymous},
			"cookie, wrong Bearer scheme": {func(r *http.Request) {
				r.AddCookie(cookie)
				r.Header.Set("Authorization", "Digest x")
			}, anonymous},
			"cookie, no Origin": {func(r *http.Request) { r.AddCookie(cookie) }, map[bool]int{true: let(403), false: e.status}[post]},
			"cookie, foreign Origin": {func(r *http.Request) {
				r.AddCookie(cookie)
				r.Header.Set("Origin", "http://evil.example")
			}, 403},
			"Bearer, foreign Origin": {func(r *http.Request) {
				r.Header.Set("Authorization", "Bearer "+canary)
				r.Header.Set("Origin", "http://evil.example")
			}, 403},
			"Bearer, foreign Host": {func(r *http.Request) {
				r.Header.Set("Authorization", "Bearer "+canary)
				r.Host = "evil.example"
			}, 403},
			"cookie, foreign Host": {func(r *http.Request) { r.AddCookie(cookie); r.Host = "evil.example" }, 403},
			"foreign Host":         {func(r *http.Request) { r.Host = "evil.example:80" }, 403},
		} {
			resp, body := request(t, e.method, s.url()+e.path, e.body, way.change)
			if got := resp.StatusCode; got != way.want {
				t.Errorf("%s %s, %s: %d, want %d: %.200s", e.method, e.path, name, got, way.want, body)
			}
			if way.want == 401 && (resp.Header.Get("WWW-Authenticate") == "" || !strings.Contains(body, "TOKEN_")) {
				t.Errorf("%s, %s: %v %s", e.path, name, resp.Header, body)
			}
			if strings.Contains(body, canary) {
				t.Errorf("%s, %s: the answer holds the token", e.path, name)
			}
		}
	}
	// Guesses run out, so they come last.
	for i := range 12 {
		resp, _ := request(t, "GET", s.url()+"/v1/page", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer wrong-"+canary) })
		if want := map[bool]int{true: 401, false: 429}[i < 10]; resp.StatusCode != want {
			t.Errorf("guess %d: %s", i, resp.Status)
		}
	}
	if resp, _ := request(t, "GET", s.url()+"/v1/page", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+canary) }); resp.StatusCode != 200 {
		t.Errorf("after the guesses: %s", resp.Status)
	}
	resp, _ := request(t, "GET", s.url()+"/", "", func(r *http.Request) { r.Header.Set("Accept", "text/html,*/*") })
	if resp.StatusCode != 303 || resp.Header.Get("Location") != "/login" {
		t.Errorf("a browser without a cookie: %s to %s", resp.Status, resp.Header.Get("Location"))
	}
	if strings.Contains(log.String(), canary) || strings.Contains(log.String(), cookie.Value) {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}

// TestWebsocketWaysIn: by cookie with the page's Origin, by Bearer, or by hello.
func TestWebsocketWaysIn(t *testing.T) {
	s, log := serveWith(t, func(c *serverConfig) { c.Guard.Access = withToken(t) })
	cookie := s.logIn(t, canary).String()
	cookie, _, _ = strings.Cut(cookie, ";")
	address := "ws" + strings.TrimPrefix(s.url(), "http") + "/v1/ws"
	hello := `{"t":"hello","token":"` + canary + `"}`
	for name, way := range map[string]struct {
		header http.Header
		first  string // message
		status int    // of the handshake
		code   int    // of the close; 0: it works
	}{
		"hello":                         {nil, hello, 101, 0},
		"hello, own Origin":             {http.Header{"Origin": {s.url()}}, hello, 101, 0},
		"hello, foreign Origin":         {http.Header{"Origin": {"http://evil.example"}}, hello, 403, 0},
		"hello with a wrong token":      {nil, `{"t":"hello","token":"wrong"}`, 101, hub.CloseNoToken},
		"hello without a token":         {nil, `{"t":"hello"}`, 101, hub.CloseNoToken},
		"no hello":                      {nil, `{"t":"ping"}`, 101, hub.CloseNoToken},
		"a sub instead":                 {nil, `{"t":"sub","id":"a","sql":"SELECT 1"}`, 101, hub.CloseNoToken},
		"nonsense":                      {nil, canary, 101, hub.CloseNoToken},
		"Bearer":                        {http.Header{"Authorization": {"Bearer " + canary}}, "", 101, 0},
		"Bearer, hello":                 {http.Header{"Authorization": {"Bearer " + canary}}, hello, 101, 0},
		"wrong Bearer":                  {http.Header{"Authorization": {"Bearer wrong"}}, hello, 401, 0},
		"cookie":                        {http.Header{"Cookie": {cookie}, "Origin": {s.url()}}, "", 101, 0},
		"cookie, no Origin":             {http.Header{"Cookie": {cookie}}, "", 403, 0},
		"cookie, foreign Origin":        {http.Header{"Cookie": {cookie}, "Origin": {"http://evil.example"}}, "", 403, 0},
		"a cookie that is none":         {http.Header{"Cookie": {cookie + "x"}, "Origin": {s.url()}}, "", 401, 0},
		"another's cookie, then hello":  {http.Header{"Cookie": {"other=1"}, "Origin": {s.url()}}, hello, 101, 0},
		"token as query, no hello sent": {http.Header{"X-Token": {canary}}, `{"t":"ping"}`, 101, hub.CloseNoToken},
	} {
		d := websocket.Dialer{Subprotocols: []string{hub.Subprotocol}}
		ws, resp, err := d.DialContext(t.Context(), address, way.header)
		if resp == nil {
			t.Fatalf("%s: %v", name, err)
		}
		resp.Body.Close()
		if resp.StatusCode != way.status {
			t.Errorf("%s: %s, want %d", name, resp.Status, way.status)
		}
		if err != nil {
			continue
		}
		if way.first != "" {
			ws.WriteMessage(websocket.TextMessage, []byte(way.first))
		}
		ws.WriteMessage(websocket.TextMessage, []byte(`{"t":"ping"}`))
		ws.SetReadDeadline(time.Now().Add(time.Minute))
		for {
			_, msg, err := ws.ReadMessage()
			if err != nil {
				if !websocket.IsCloseError(err, way.code) {
					t.Errorf("%s: %v", name, err)
				}
				break
			}
			if string(msg) == `{"t":"pong"}` {
				if way.code != 0 {
					t.Errorf("%s: let in", name)
				}
				break
			}
		}
		ws.Close()
	}
	if strings.Contains(log.String(), canary) {
		t.Errorf("the log holds the token:\n%s", log)
	}
}

// TestReachable starts servers that others can reach: with a token, which SIGHUP
// changes, and without, loudly.
func TestReachable(t *testing.T) {
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens")
	if err := os.WriteFile(tokens, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startServer(t, filepath.Join(dir, "a"), freePort(t), "--listen", "0.0.0.0:PORT", "--token-file", tokens)
	status := func(token string) int {
		resp, _ := request(t, "GET", c.url+"/v1/streams", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
		return resp.StatusCode
	}
	if status(canary) != 200 || status("wrong") != 401 {
		t.Error("the token does not decide")
	}
	for token, want := range map[string]int{canary: 0, "wrong": 1, "": 1} {
		t.Setenv("WEIR_TOKEN", token)
		if out, errs, code := weir(t, "", "sql", "--url", c.url, "-e", "SELECT 1 AS one"); code != want {
			t.Errorf("weir sql with token %q: exit %d, %s%s", token, code, out, errs)
		}
	}
	const next = canary + "-next"
	if err := os.WriteFile(tokens, []byte("bob:"+next+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for status(next) != 200 && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	if status(canary) != 401 && status(canary) != 429 || status(next) != 200 {
		t.Error("SIGHUP does not change the tokens")
	}
	if err := c.stop(); err != nil {
		t.Error(err)
	}
	if text := c.output(); strings.Contains(text, canary) || !strings.Contains(text, "not encrypted") || !strings.Contains(text, "tokens were read again") {
		t.Errorf("it said:\n%s", text)
	}

	c = startServer(t, filepath.Join(dir, "b"), freePort(t), "--listen", "0.0.0.0:PORT", "--insecure")
	if resp, _ := request(t, "GET", c.url+"/v1/streams", "", func(*http.Request) {}); resp.StatusCode != 200 {
		t.Errorf("insecure: %s", resp.Status)
	}
	if n := strings.Count(c.output(), "INSECURE"); n != 1 {
		t.Errorf("%d loud lines:\n%s", n, c.output())
	}
}

func get(t testing.TB, address string) (int, string) {
	t.Helper()
	resp, body := request(t, "GET", address, "", func(*http.Request) {})
	return resp.StatusCode, body
}

func withOther(t testing.TB) []api.Token {
	t.Helper()
	tokens, err := api.ParseTokens("bob:" + canary + "-other")
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}
