package api

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"weir/sql/diag"
)

func TestGuard(t *testing.T) {
	const port = 8484
	ok, host, origin := diag.Code(""), CodeForbiddenHost, CodeForbiddenOrigin
	tests := []struct {
		method, host string
		header       http.Header
		want         diag.Code
	}{
		{"GET", "localhost:8484", nil, ok},
		{"GET", "LocalHost:8484", nil, ok},
		{"GET", "127.0.0.1:8484", nil, ok},
		{"GET", "127.9.9.9:8484", nil, ok},
		{"GET", "[::1]:8484", nil, ok},
		{"GET", "[::ffff:127.0.0.1]:8484", nil, ok},
		{"GET", "weir.lan:80", nil, ok}, // on the list
		{"GET", "", nil, host},
		{"GET", "localhost", nil, host}, // port 80
		{"GET", "localhost:80", nil, host},
		{"GET", "127.0.0.1:8485", nil, host},
		{"GET", "[::1]", nil, host},
		{"GET", "[::1%lo]:8484", nil, host},
		{"GET", "::1:8484", nil, host},
		{"GET", "0.0.0.0:8484", nil, host},
		{"GET", "10.0.0.1:8484", nil, host},
		{"GET", "evil.example:8484", nil, host},
		{"GET", "localhost.evil.example:8484", nil, host},
		{"GET", "localhost.:8484", nil, host},
		{"GET", "127.0.0.1.evil.example:8484", nil, host},
		{"GET", "0x7f.1:8484", nil, host},
		{"GET", "weir.lan:8484", nil, host},
		{"GET", "localhost:8484:8484", nil, host},
		{"POST", "localhost:8484", http.Header{"Origin": {"http://localhost:8484"}}, ok},
		{"POST", "localhost:8484", http.Header{"Origin": {"http://LOCALHOST:8484"}}, ok},
		{"POST", "localhost:8484", http.Header{"Origin": {"http://127.0.0.1:8484"}}, origin}, // another origin to a browser
		{"POST", "localhost:8484", http.Header{"Origin": {"https://localhost:8484"}}, origin},
		{"POST", "localhost:8484", http.Header{"Origin": {"http://localhost:3000"}}, origin},
		{"POST", "localhost:8484", http.Header{"Origin": {"http://localhost"}}, origin},
		{"POST", "localhost:8484", http.Header{"Origin": {"http://evil.example"}}, origin},
		{"GET", "localhost:8484", http.Header{"Origin": {"http://evil.example"}}, origin}, // a websocket's handshake
		{"POST", "localhost:8484", http.Header{"Origin": {"null"}}, origin},
		{"POST", "localhost:8484", http.Header{"Origin": {""}}, origin},
		{"POST", "localhost:8484", http.Header{"Origin": {"http://x@localhost:8484"}}, origin},
		{"POST", "localhost:8484", http.Header{"Origin": {"http://localhost:8484", "http://evil.example"}}, origin},
		{"POST", "localhost:8484", http.Header{"Sec-Fetch-Site": {"cross-site"}}, origin},
		{"POST", "localhost:8484", http.Header{"Sec-Fetch-Site": {"same-site"}}, origin},
		{"POST", "localhost:8484", http.Header{"Sec-Fetch-Site": {"same-origin"}}, ok},
		{"POST", "localhost:8484", http.Header{"Sec-Fetch-Site": {"none"}}, ok},
		{"GET", "localhost:8484", http.Header{"Sec-Fetch-Site": {"cross-site"}}, ok}, // somebody followed a link
	}
	h := NewGuard(GuardConfig{Hosts: []string{"Weir.lan:80"}}).Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	for _, tt := range tests {
		req := httptest.NewRequest(tt.method, "/", nil)
		req.Host = tt.host
		for k, v := range tt.header {
			req.Header[k] = v
		}
		addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
		req = req.WithContext(context.WithValue(req.Context(), http.LocalAddrContextKey, addr))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Error("no nosniff")
		}
		if tt.want == ok {
			if w.Code != 200 {
				t.Errorf("%s %q %v: %d %s", tt.method, tt.host, tt.header, w.Code, w.Body)
			}
			continue
		}
		var got struct{ Error failure }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if w.Code != 403 || got.Error.Code != tt.want || got.Error.Message == "" || got.Error.Hint == "" && got.Error.Code == host {
			t.Errorf("%s %q %v: %d %s", tt.method, tt.host, tt.header, w.Code, w.Body)
		}
	}
}

// TestGuardNeedsAnAddress: a request that came over no listener has no port to compare.
func TestGuardNeedsAnAddress(t *testing.T) {
	req := httptest.NewRequest("GET", "/", nil)
	req.Host = "localhost:8484"
	if NewGuard(GuardConfig{}).check(req) == nil {
		t.Error("let in")
	}
}

func FuzzGuard(f *testing.F) {
	f.Add("localhost:8484", "http://localhost:8484")
	f.Add("[::1]:8484", "null")
	f.Fuzz(func(t *testing.T, host, origin string) {
		req := httptest.NewRequest("POST", "/", nil)
		req.Host = host
		req.Header["Origin"] = []string{origin}
		req = req.WithContext(context.WithValue(req.Context(), http.LocalAddrContextKey, &net.TCPAddr{Port: 8484}))
		if NewGuard(GuardConfig{}).check(req) == nil && origin == "" {
			t.Errorf("host %q with an empty origin was let in", host)
		}
	})
}
