package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weir/dashboard/api"
	"weir/sql/diag"
)

// TestAfterTimeout: a view that does not come to a commit in time is an error that
// says how far it is, and 504; one that has ended has come to all.
func TestAfterTimeout(t *testing.T) {
	s, _ := serveWith(t, func(*serverConfig) {})
	s.must(t, hits)
	s.must(t, "CREATE MATERIALIZED VIEW totals AS SELECT path, COUNT(*) AS n FROM hits GROUP BY path")
	head, _ := s.log.Head()
	// A commit that is still to come: what asks for one over HTTP is refused before.
	ctx := context.WithValue(t.Context(), reachKey{}, &reach{head + 1000, 30 * time.Millisecond})
	_, err := engineAPI{s}.Execute(ctx, "SELECT * FROM totals")
	if err == nil {
		t.Fatal("the view shows a commit that is not there")
	}
	if e := diag.From(err); e.Code != api.CodeAfterTimeout || !strings.Contains(e.Message, "`totals` shows commit") || !strings.Contains(e.Message, "after 30ms") || e.Hint == "" {
		t.Errorf("%+v", e)
	}
	w := httptest.NewRecorder()
	if api.WriteError(w, err); w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), "AFTER_TIMEOUT") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for query, want := range map[string]int{
		"after=1000000": 409, "after=0": 200, "after=1&timeout=1ms": 200, "after=-1": 400, "after=1.5": 400, "after=18446744073709551615": 400,
		"after=9223372036854775807": 409, "after=1&after=2": 400, "after=": 400, "timeout=1s": 400, "after=1&timeout=0s": 400, "after=1&timeout=11m": 400,
		"after=1&timeout=1h1h": 400, "afetr=1": 400, "after=1;timeout=1s": 400, "after=%zz": 400,
	} {
		resp, body := request(t, "POST", s.url()+"/v1/sql?"+query, "SELECT * FROM totals", func(*http.Request) {})
		if resp.StatusCode != want || want >= 400 && !strings.Contains(body, `"message"`) {
			t.Errorf("%s: %s %s", query, resp.Status, body)
		}
	}
}
