package app

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/operators/expr"
	"weir/planner"
)

// ledger reads one row of SHOW QUERIES by column.
func (c *child) ledger(name string) map[string]any {
	c.t.Helper()
	_, body := post(c.t, c.url+"/v1/sql", "text/plain", "SHOW QUERIES LIKE '"+name+"'", nil)
	var res struct {
		Columns []struct{ Name string }
		Rows    [][]any
	}
	if err := json.Unmarshal(body, &res); err != nil || len(res.Rows) != 1 {
		c.t.Fatalf("SHOW QUERIES: %v: %s", err, body)
	}
	row := map[string]any{}
	for i, col := range res.Columns {
		row[col.Name] = res.Rows[0][i]
	}
	return row
}

const hits = `CREATE STREAM hits (path VARCHAR, ms BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 2 SECOND)
	WITH (shards = 1, idle_timeout = '0');
CREATE MATERIALIZED VIEW per_second AS
	SELECT window_start, path, COUNT(*) AS n FROM hits WHERE ms >= 0 GROUP BY path, TUMBLE(ts, INTERVAL 1 SECOND)`

// TestLedgerCloses posts rows of every fate and reads the accounts, also behind
// the stream's end and after a restart.
func TestLedgerCloses(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	s := startServer(t, dir, port)
	// The event time is computed, so that the door lets rows in that have none.
	s.sql(strings.Replace(hits, "ts DATETIME(3),", "sent DATETIME(3), ts DATETIME(3) AS (sent),", 1))
	records := s.url + "/v1/streams/hits/records"
	status, body := post(t, records, "", `{"path":"/","ms":1,"sent":"2026-11-20 10:00:00.000"}
{"path":"/","ms":2,"sent":"2026-11-20 10:00:10.000"}
{"path":"/late","ms":3,"sent":"2026-11-20 10:00:01.000"}
{"path":"/filtered","ms":-1,"sent":"2026-11-20 10:00:11.000"}
{"path":"/no time","ms":1}
{"path":"/the future","ms":1,"sent":"2999-01-01 00:00:00.000"}
{"path":"/bad","ms":"many","sent":"2026-11-20 10:00:12.000"}
`, nil)
	if want := `"accepted":6,"rejected":1`; status != http.StatusOK || !strings.Contains(string(body), want) {
		t.Fatalf("status %d, %s; want %s", status, body, want)
	}
	check := func(want map[string]any) {
		t.Helper()
		s.sql("SELECT * FROM per_second") // waits for what was acknowledged
		got := s.ledger("per_second")
		for k, v := range want {
			if diff := cmp.Diff(v, got[k]); diff != "" {
				t.Errorf("%s: %s", k, diff)
			}
		}
	}
	check(map[string]any{"in": 6.0, "used": 2.0, "filtered": 1.0, "late": 1.0, "error": 2.0})
	if status, body := post(t, s.url+"/v1/streams/hits/end", "", "", nil); status != http.StatusOK {
		t.Fatalf("end: %d %s", status, body)
	}
	if status, body := post(t, records, "", `{"path":"/","ms":1,"sent":"2026-11-20 10:00:30.000"}`, nil); status != http.StatusOK {
		t.Fatalf("behind the end: %d %s", status, body)
	}
	check(map[string]any{"in": 7.0, "used": 2.0, "late": 2.0, "watermark": "ended"})
	before := s.sql("SELECT * FROM per_second ORDER BY window_start")
	if err := s.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	s = startServer(t, dir, port)
	check(map[string]any{"in": 7.0, "used": 2.0, "filtered": 1.0, "late": 2.0, "error": 2.0, "watermark": "ended"})
	if diff := cmp.Diff(before, s.sql("SELECT * FROM per_second ORDER BY window_start")); diff != "" {
		t.Errorf("the view changed by a restart:\n%s", diff)
	}
}

// TestCatalogSurvives restarts a server after every kind of DDL.
func TestCatalogSurvives(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	s := startServer(t, dir, port)
	s.sql("CREATE STREAM gone (x BIGINT); DROP STREAM gone")
	s.sql(hits)
	s.sql("CREATE VIEW named AS SELECT path, ms + 1 FROM hits; CREATE MATERIALIZED VIEW other AS SELECT window_end, MAX(ms) FROM hits GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE); DROP MATERIALIZED VIEW other")
	s.sql("CREATE STREAM IF NOT EXISTS hits (y BIGINT)")
	show := func() (all [][][]any) {
		for _, q := range []string{"SHOW STREAMS", "SHOW VIEWS", "SHOW CREATE hits", "SHOW CREATE per_second", "DESCRIBE named", "DESCRIBE per_second"} {
			all = append(all, s.sql(q))
		}
		return all
	}
	before := show()
	s.kill()
	s = startServer(t, dir, port)
	if diff := cmp.Diff(before, show()); diff != "" {
		t.Errorf("the catalog changed by a crash:\n%s", diff)
	}
	if status, body := post(t, s.url+"/v1/sql", "", "SELECT * FROM other", nil); status != http.StatusBadRequest || !strings.Contains(string(body), "E1146") {
		t.Errorf("a dropped view answers %d: %s", status, body)
	}
}

// TestFunctionsExist holds the planner's functions and the evaluator's together.
func TestFunctionsExist(t *testing.T) {
	// The planner turns these into others.
	known := map[string]bool{"now": true, "current_date": true, "date_sub": true}
	for _, name := range expr.Functions() {
		known[name] = true
	}
	for _, name := range planner.Canonical() {
		if !known[name] {
			t.Errorf("the planner calls %q, which operators/expr does not know", name)
		}
	}
}

// TestNotLoopback: a server that others could reach does not start, and makes nothing.
func TestNotLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.168.1.1:8484", "example.com:80", "8484"} {
		dir := t.TempDir() + "/data"
		_, errs, code := weir(t, "", "serve", "--listen", addr, "--data", dir)
		if code != 1 || !strings.Contains(errs, "--listen") {
			t.Errorf("--listen %s: exit %d, %s", addr, code, errs)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("--listen %s made a data directory", addr)
		}
	}
}

// TestEditorKnowsFunctions holds the words that the page's editor completes to
// the functions that there are.
func TestEditorKnowsFunctions(t *testing.T) {
	source, err := os.ReadFile("../../../dashboard/web/src/sql.ts")
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(source), "export const functions: readonly string[] = `")
	list, _, ended := strings.Cut(list, "`")
	if !found || !ended {
		t.Fatal("the list of functions is not where this test looks for it")
	}
	known := map[string]bool{}
	for _, word := range strings.Fields(list) {
		known[strings.ToUpper(word)] = true
	}
	for _, f := range planner.Functions() {
		if !known[f.Name] {
			t.Errorf("the editor does not complete %s", f.Name)
		}
	}
}
