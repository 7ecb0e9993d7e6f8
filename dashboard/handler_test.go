package dashboard

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"weir/dashboard/hub"
)

func TestNewWantsItsParts(t *testing.T) {
	if _, err := New(Config{Source: waves{}}); err == nil {
		t.Error("no engine, no error")
	}
	if _, err := New(Config{Engine: oneRow{}}); err == nil {
		t.Error("no source, no error")
	}
}

// TestEveryRouteIsGuarded: a foreign Host or Origin gets nowhere, whatever the path.
func TestEveryRouteIsGuarded(t *testing.T) {
	_, url := serve(t, demoPage)
	for _, path := range []string{"/", "/assets/x", "/v1/sql", "/v1/ws", "/v1/page", "/v1/status", "/healthz", "/readyz", "/else"} {
		for _, foreign := range []func(*http.Request){
			func(r *http.Request) { r.Host = "evil.example" },
			func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			foreign(req)
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "FORBIDDEN_") {
				t.Errorf("%s: %s %s", path, resp.Status, body)
			}
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestGuardForOthers(t *testing.T) {
	h, _ := serve(t, nil)
	srv := httptest.NewServer(h.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	})))
	defer srv.Close()
	if resp, _ := get(t, srv.URL, nil); resp.StatusCode != http.StatusTeapot {
		t.Errorf("own: %s", resp.Status)
	}
	if resp, _ := get(t, srv.URL, http.Header{"Origin": {"null"}}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("foreign: %s", resp.Status)
	}
}

func TestPageAndStatus(t *testing.T) {
	_, url := serve(t, demoPage)
	var page struct {
		Panels  []Panel
		Example string
		Status  bool
	}
	_, body := get(t, url+"/v1/page", nil)
	if err := json.Unmarshal([]byte(body), &page); err != nil || len(page.Panels) != 4 || page.Example == "" || !page.Status {
		t.Errorf("%v: %s", err, body)
	}
	var status Status
	_, body = get(t, url+"/v1/status", nil)
	if err := json.Unmarshal([]byte(body), &status); err != nil || status.Streams != 3 {
		t.Errorf("%v: %s", err, body)
	}

	_, url = serve(t, nil)
	if _, body := get(t, url+"/v1/page", nil); strings.TrimSpace(body) != `{"panels":[],"example":"","status":false}` {
		t.Errorf("empty page: %s", body)
	}
	if resp, _ := get(t, url+"/v1/status", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("no status: %s", resp.Status)
	}
}

func TestWebsocketThroughTheHandler(t *testing.T) {
	h, url := serve(t, nil)
	d := websocket.Dialer{Subprotocols: []string{hub.Subprotocol}}
	ws, resp, err := d.DialContext(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/v1/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer ws.Close()
	if err := ws.WriteJSON(map[string]string{"t": "sub", "id": "a", "sql": "SELECT 1"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"schema", "snap", "delta"} {
		var m struct{ T string }
		if err := ws.ReadJSON(&m); err != nil || m.T != want {
			t.Fatalf("wanted %s, got %q, %v", want, m.T, err)
		}
	}
	if s := h.Sockets(); s.Open != 1 || s.Subscriptions != 1 || s.Rows == 0 {
		t.Errorf("%+v", s)
	}
}
