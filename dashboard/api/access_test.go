package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

const secret = "correct-horse-battery"

func TestParseTokens(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string // names, or a part of the error
		ok   bool
	}{
		{"0123456789abcdef\n", "", true},
		{"# people\nann: 0123456789abcdef \n\n  bob:fedcba9876543210", "ann,bob", true},
		{"ann:0123456789abcdef\r\nbob:fedcba9876543210\r\n", "ann,bob", true},
		{"a:b:0123456789abcdef", "a", true}, // the token is what follows the first colon
		{"", "no token", false},
		{"# nothing\n", "no token", false},
		{"0123456789abcde", "line 1: a token has at least 16", false},
		{"ann:", "has 0", false},
		{"\nann:0123456789 abcdef", "line 2: a token is made of", false},
		{"ann:0123456789abcdeé", "printable ASCII", false},
		{"ann:0123456789abcdef\nbob:0123456789abcdef", "line 2: the token of line 1 again", false},
		{strings.Repeat("x", 2000), "at most", false},
	} {
		tokens, err := ParseTokens(tt.text)
		if err != nil {
			if tt.ok || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "0123456789") {
				t.Errorf("%q: %v", tt.text, err)
			}
			continue
		}
		var names []string
		for _, x := range tokens {
			names = append(names, x.Name)
		}
		if got := strings.Join(names, ","); !tt.ok || got != tt.want {
			t.Errorf("%q: %s", tt.text, got)
		}
	}
}

func FuzzParseTokens(f *testing.F) {
	f.Add("ann:0123456789abcdef\n# x\n\nfedcba9876543210")
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := ParseTokens(text)
		if (err == nil) != (len(tokens) > 0) {
			t.Fatalf("%d tokens, %v", len(tokens), err)
		}
		if _, ok := find(tokens, ""); ok {
			t.Fatal("the empty token is let in")
		}
	})
}

// door is an access behind a guard, on a clock that stands.
type door struct {
	*Access
	now    time.Time
	h      http.Handler
	client string // of the last request that was let in
}

func newDoor(t testing.TB) *door {
	t.Helper()
	tokens, err := ParseTokens("ann:" + secret)
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAccess(tokens)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Access: a, now: time.Unix(1e9, 0)}
	a.setClock(func() time.Time { return d.now })
	g := NewGuard(GuardConfig{Access: a, Hosts: []string{"example.com"}})
	mux := http.NewServeMux()
	mux.Handle(LoginPath, g.Login())
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { d.client = ClientOf(withClient(r)) })
	d.h = g.Wrap(mux)
	return d
}

func (d *door) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w
}

func (d *door) login(token, from string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", LoginPath, strings.NewReader(url.Values{"token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = from
	return d.do(r)
}

func (d *door) get(cookie *http.Cookie) int {
	r := httptest.NewRequest("GET", "/v1/page", nil)
	r.AddCookie(cookie)
	return d.do(r).Code
}

// Who comes with a token, or with a log-in that began with one, is called after it.
func TestClientOf(t *testing.T) {
	d := newDoor(t)
	from := "192.0.2.1:1234" // of httptest
	r := httptest.NewRequest("GET", "/v1/page", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	if code := d.do(r).Code; code != http.StatusOK || d.client != "ann@"+from {
		t.Errorf("%d, %q", code, d.client)
	}
	d.client = ""
	if code := d.get(d.login(secret, from).Result().Cookies()[0]); code != http.StatusOK || d.client != "ann@"+from {
		t.Errorf("%d, %q", code, d.client)
	}
	if got := ClientOf(withClient(httptest.NewRequest("GET", "/", nil))) + ClientOf(t.Context()); got != from {
		t.Errorf("without a guard: %q", got)
	}
}

func TestSessions(t *testing.T) {
	d := newDoor(t)
	begin := func() *http.Cookie {
		t.Helper()
		w := d.login(secret, "10.0.0.1:1")
		c := w.Result().Cookies()
		if w.Code != http.StatusSeeOther || len(c) != 1 || !c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode ||
			c[0].Path != "/" || c[0].Secure || c[0].MaxAge <= 0 || len(c[0].Value) < 40 || w.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		return c[0]
	}
	first, second := begin(), begin()
	if first.Value == second.Value || d.get(first) != 200 || d.get(second) != 200 {
		t.Error("a log-in does not let in")
	}
	if d.get(&http.Cookie{Name: first.Name, Value: first.Value + "x"}) != 401 || d.get(&http.Cookie{Name: "other", Value: first.Value}) != 401 {
		t.Error("a wrong cookie lets in")
	}
	r := httptest.NewRequest("DELETE", LoginPath, nil)
	r.AddCookie(first)
	if w := d.do(r); w.Code != 204 || d.get(first) != 401 || d.get(second) != 200 {
		t.Error("logging out ends another session, or none")
	}
	d.now = d.now.Add(sessionFor - time.Second)
	if d.get(second) != 200 {
		t.Error("a session ends too soon")
	}
	d.now = d.now.Add(time.Second)
	if d.get(second) != 401 || len(d.sessions.byID) != 0 {
		t.Error("a session does not end")
	}
	third := begin()
	other, err := ParseTokens("bob:another-token-than-anns")
	if err != nil {
		t.Fatal(err)
	}
	d.Replace(other)
	if d.get(third) != 401 || d.login(secret, "10.0.0.1:1").Code != 401 || d.login("another-token-than-anns", "10.0.0.1:1").Code != 303 {
		t.Error("a token that was taken away is still good")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	d := newDoor(t)
	for range sessionsMax + 10 {
		d.sessions.begin(Token{})
		d.now = d.now.Add(time.Millisecond)
	}
	if n := len(d.sessions.byID); n != sessionsMax {
		t.Errorf("%d sessions", n)
	}
}

func TestAttempts(t *testing.T) {
	d := newDoor(t)
	for i := range attemptsBurst {
		if w := d.login("a wrong token, a long one", "10.0.0.1:1"); w.Code != 401 {
			t.Fatalf("attempt %d: %d", i, w.Code)
		}
	}
	w := d.login(secret, "10.0.0.1:2")
	if w.Code != 429 || w.Header().Get("Retry-After") != "6" {
		t.Errorf("beyond the limit: %d, Retry-After %s", w.Code, w.Header().Get("Retry-After"))
	}
	if w := d.login(secret, "10.0.0.2:1"); w.Code != 303 {
		t.Errorf("another address: %d", w.Code)
	}
	bearer := func(token string) int {
		r := httptest.NewRequest("GET", "/v1/page", nil)
		r.RemoteAddr = "10.0.0.1:3"
		r.Header.Set("Authorization", "Bearer "+token)
		return d.do(r).Code
	}
	if got := bearer(secret); got != 200 {
		t.Errorf("a program with the right token is shut out by others: %d", got)
	}
	if got := bearer("wrong"); got != 429 {
		t.Errorf("a wrong token beyond the limit: %d", got)
	}
	d.now = d.now.Add(attemptEvery)
	if w := d.login(secret, "10.0.0.1:2"); w.Code != 303 {
		t.Errorf("after the wait: %d", w.Code)
	}
	for i := range addressesMax + 100 {
		d.attempts.take(netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.0/32", i>>8&255, i&255)))
	}
	if n := len(d.attempts.by); n > addressesMax+1 {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestAddress(t *testing.T) {
	for from, want := range map[string]string{
		"10.1.2.3:4": "10.1.2.3/32", "[::ffff:10.1.2.3]:4": "10.1.2.3/32",
		"[2001:db8::1]:5": "2001:db8::/64", "[fe80::1%eth0]:5": "fe80::/64", "nonsense": "invalid Prefix",
	} {
		if got := address(&http.Request{RemoteAddr: from}).String(); got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
}
