package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server of the test's making and returns a client of it.
func serve(t testing.TB, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	c, err := New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		s.CloseClientConnections()
		s.Close()
	})
	return c
}

// answers is a server that gives each statement an answer.
func answers(t testing.TB, of map[string]string) *Client {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer, ok := of[string(bytes.TrimSpace(text))]
		switch {
		case !ok:
			answer = `{"error":{"code":"E1064","message":"what is this?","span":{"start":0,"end":3}}}`
			w.WriteHeader(http.StatusBadRequest)
		case answer == "" || answer[0] != '{' || bytes.HasPrefix([]byte(answer), []byte(`{"columns"`)):
		default:
			w.Header().Set("Content-Type", "application/x-ndjson; charset=utf-8")
		}
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
		}
		_, _ = io.WriteString(w, answer)
	})
}

// session is a session that writes into the buffers.
func session(t testing.TB, c *Client, out, errs io.Writer, format string, verbose bool) *Session {
	t.Helper()
	s, err := NewSession(SessionConfig{Client: c, Out: out, Err: errs, Format: format, Verbose: verbose})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// firstColumnOf is firstColumn in tests that expect no error.
func firstColumnOf(t testing.TB, c *Client, text string) []string {
	t.Helper()
	values, err := c.firstColumn(context.Background(), text)
	if err != nil {
		t.Fatal(err)
	}
	return values
}
