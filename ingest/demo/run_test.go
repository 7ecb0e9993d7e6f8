package demo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server is a server without a network: it answers and remembers.
type server struct {
	mu     sync.Mutex
	bodies map[string][]string
	answer func(stream string, n int) (int, string, error)
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1/streams/"), "/records")
	s.mu.Lock()
	if s.bodies == nil {
		s.bodies = map[string][]string{}
	}
	s.bodies[name] = append(s.bodies[name], string(text))
	n := len(s.bodies[name])
	s.mu.Unlock()
	status, answer := http.StatusOK, `{"accepted":1,"rejected":0}`
	if s.answer != nil {
		if status, answer, err = s.answer(name, n); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

// play10s runs the demo for ten seconds that pass at once.
func play10s(t *testing.T, s *server) (err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		err = Run(ctx, Config{BaseURL: "http://weir/", Seed: 5, Client: &http.Client{Transport: s}})
	})
	return err
}

func TestRun(t *testing.T) {
	var a, b server
	for _, s := range []*server{&a, &b} {
		if err := play10s(t, s); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range scenes() {
		if n := len(a.bodies[s.stream]); n < 99 || n > 101 {
			t.Errorf("%s: %d bodies in ten seconds", s.stream, n)
		}
		// In a bubble every run begins at the same time.
		if x, y := strings.Join(a.bodies[s.stream][:99], ""), strings.Join(b.bodies[s.stream][:99], ""); x != y {
			t.Errorf("%s: two runs of the same seed differ", s.stream)
		}
	}
}

func TestRunAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		answer string
		err    error
		want   string // in the error; "" for none
		bodies int    // of orders, at least
	}{
		{"busy is waited for", http.StatusTooManyRequests, `{"error":{"code":"BUSY"}}`, nil, "", 99},
		{"a dropped stream ends its scene", http.StatusNotFound, `{"error":{"code":"UNKNOWN_STREAM"}}`, nil, "", 1},
		{"a rejected row is a fault", http.StatusOK, `{"accepted":9,"rejected":2}`, nil, "2 rows were rejected", 1},
		{"all rejected", http.StatusBadRequest, `{"accepted":0,"rejected":2}`, nil, "post to orders: Bad Request", 1},
		{"a failed log", http.StatusServiceUnavailable, `{}`, nil, "Service Unavailable", 1},
		{"no JSON", http.StatusOK, `hello`, nil, "read the answer", 1},
		{"no server", 0, "", errors.New("connection refused"), "connection refused", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &server{answer: func(stream string, _ int) (int, string, error) {
				if stream != "orders" {
					return http.StatusOK, `{"accepted":1,"rejected":0}`, nil
				}
				return c.status, c.answer, c.err
			}}
			err := play10s(t, s)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("must go on: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("must end with %q, got %v", c.want, err)
			}
			if n := len(s.bodies["orders"]); n < c.bodies {
				t.Errorf("%d bodies", n)
			}
			if c.want == "" && len(s.bodies["sensors"]) < 99 {
				t.Errorf("the other scenes ended too")
			}
		})
	}
}

// TestPauseIsSkipped stops the clock's ticks for a minute, as a laptop does that
// sleeps: the run goes on with the present and posts nothing of the minute.
func TestPauseIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s server
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		begin := time.Now()
		now := func() time.Time {
			n := time.Now()
			if n.Sub(begin) > time.Second {
				return n.Add(time.Minute)
			}
			return n
		}
		if err := Run(ctx, Config{BaseURL: "http://weir", Client: &http.Client{Transport: &s}, Now: now}); err != nil {
			t.Fatal(err)
		}
		if n := len(s.bodies["orders"]); n < 18 || n > 22 {
			t.Errorf("%d bodies in two seconds and a pause", n)
		}
	})
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{}, {BaseURL: "http://weir", Rate: -1}, {BaseURL: "http://weir", Rate: 1e6}} {
		if err := Run(t.Context(), c); err == nil {
			t.Errorf("%+v must be refused", c)
		}
	}
}
