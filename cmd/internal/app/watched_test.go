package app

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/dashboard/api"
	"weir/sql/diag"
)

// opened sends a statement whose answer goes on, in a format, and returns its lines.
func (s *server) opened(t *testing.T, text, accept string) *bufio.Scanner {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url()+"/v1/sql", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: status %d: %s", text, resp.StatusCode, body)
	}
	return bufio.NewScanner(resp.Body)
}

// processes is SHOW PROCESSLIST.
func (s *server) processes(t *testing.T) (rows [][]any) {
	t.Helper()
	var out struct{ Rows [][]any }
	status, body := post(t, s.url()+"/v1/sql", "text/plain", "SHOW PROCESSLIST", nil)
	if err := json.Unmarshal(body, &out); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return out.Rows
}

// Statements over HTTP and what subscribers look at are listed while they run, with what
// their clients got, and end for these with KILL: other queries go on.
func TestKill(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, `CREATE STREAM hits (path VARCHAR(20), ms BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 1)`)
	s.must(t, `CREATE MATERIALIZED VIEW slow AS SELECT path, ms FROM hits WHERE ms >= 1`)
	s.send(t, 0, 3)
	selected := s.opened(t, "SHOW STREAMS; SELECT ms FROM hits WITH (start = 'earliest');", "application/x-ndjson")
	followed := s.opened(t, "SUBSCRIBE TO slow", "text/csv")
	streamed := s.opened(t, "SUBSCRIBE TO slow WITH (SNAPSHOT = FALSE)", "text/event-stream")
	_, live, err := s.open(t.Context(), "SELECT path, ms FROM slow")
	if err != nil {
		t.Fatal(err)
	}
	_, again, err := s.open(t.Context(), "SELECT COUNT(*) AS n FROM slow")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for i, want := range []string{`{"ms":0}`, `{"ms":1}`, `{"ms":2}`} {
		if !selected.Scan() || selected.Text() != want {
			t.Fatalf("line %d is %s", i, selected.Text())
		}
	}
	for i, want := range []string{"_op,_commit,path,ms", "insert,,/1,1", "insert,"} {
		if !followed.Scan() || !strings.HasPrefix(followed.Text(), want) {
			t.Fatalf("line %d is %s", i, followed.Text())
		}
	}
	rows := s.processes(t)
	var got []string
	for _, r := range rows {
		since, err := time.Parse("2006-01-02 15:04:05.000", r[2].(string))
		if client := r[1].(string); err != nil || time.Since(since) > time.Minute || client != sharedClient && !strings.HasPrefix(client, "127.0.0.1:") {
			t.Errorf("%v: %v", r, err)
		}
		got = append(got, fmt.Sprintf("%v %v %v: %v", r[0], r[3], r[4], r[5]))
	}
	if want := []string{
		"1 3 hits: SELECT ms FROM hits WITH (start = 'earliest')", "2 2 slow: SUBSCRIBE TO slow",
		"3 0 slow: SUBSCRIBE TO slow WITH (SNAPSHOT = FALSE)", "4 0 slow: SELECT path, ms FROM slow", "5 0 slow: SELECT COUNT(*) AS n FROM slow",
	}; !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	list := fetch[struct{ Queries []api.QueryInfo }](t, s.url()+"/v1/queries", 200).Queries
	if len(list) != 6 || list[1].Name != "statement-1" || list[1].Ledger.In != 3 || list[1].Rows != 3 || list[1].Client == "" || list[5].Ledger != nil {
		t.Errorf("%+v", list)
	}
	if shown := s.csvOf(t, "SHOW QUERIES LIKE 'statement-1'"); !strings.Contains(shown, "statement-1,hits,running,3,3,0,0,0,0,0,") {
		t.Error(shown)
	}
	s.must(t, "EXPLAIN WATERMARK FOR QUERY `statement-1`")
	for id := 1; id <= 4; id++ {
		s.must(t, fmt.Sprintf("KILL QUERY %d", id))
	}
	if selected.Scan(); !strings.Contains(selected.Text(), `{"error":{"code":"QUERY_KILLED","message":"the query was ended by KILL 1"`) || selected.Scan() {
		t.Errorf("SELECT ends with %s", selected.Text())
	}
	// CSV has no place for an error: the connection breaks off.
	if followed.Scan() || followed.Err() == nil {
		t.Errorf("SUBSCRIBE ends with %s, %v", followed.Text(), followed.Err())
	}
	var events []string
	for streamed.Scan() {
		events = append(events, streamed.Text())
	}
	if all := strings.Join(events, "\n"); !strings.Contains(all, "event: error\n") || !strings.Contains(all, "QUERY_KILLED") {
		t.Errorf("the stream of events ends with %s", all)
	}
	for {
		u, err := live.Next(t.Context())
		if u.Release(); err != nil {
			if diag.From(err).Code != api.CodeKilled {
				t.Errorf("subscribers hear %v", err)
			}
			break
		}
	}
	if err := live.Close(); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(time.Minute); len(s.processes(t)) > 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%v are left", s.processes(t))
		}
	}
	if _, err := again.Next(t.Context()); err != nil {
		t.Errorf("another query ended: %v", err)
	}
	for _, text := range []string{"KILL 1", "KILL 77"} {
		if err := s.exec(t, text); diag.From(err).Code != diag.UnknownObject {
			t.Errorf("%s: %v", text, err)
		}
	}
}
