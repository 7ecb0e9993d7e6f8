package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAlterStreamEnd: the statement closes what waits, and what comes later is late.
func TestAlterStreamEnd(t *testing.T) {
	c := startServer(t, t.TempDir(), freePort(t))
	c.sql("CREATE STREAM bids (price BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 2)")
	c.sql("CREATE MATERIALIZED VIEW totals AS SELECT window_start, SUM(price) AS total FROM bids GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)")
	send := func() {
		t.Helper()
		if status, answer := post(t, c.url+"/v1/streams/bids/records", "", `{"price":7,"ts":"2025-11-20 10:00:00"}`, nil); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	send()
	if rows := c.sql("SELECT total FROM totals"); len(rows) != 0 {
		t.Errorf("before the end there is %v", rows)
	}
	c.sql("ALTER STREAM bids END")
	if rows := c.sql("SELECT total FROM totals"); fmt.Sprint(rows) != "[[7]]" {
		t.Errorf("behind the end there is %v", rows)
	}
	send()
	c.sql("SELECT total FROM totals")
	_, body := post(t, c.url+"/v1/sql", "text/plain", "SHOW QUERIES", nil)
	if !strings.Contains(string(body), `"ended"`) {
		t.Errorf("SHOW QUERIES says %s", body)
	}
	for text, want := range map[string]string{
		"ALTER STREAM bid END":    "there is no stream `bid`",
		"ALTER STREAM totals END": "there is no stream `totals`",
	} {
		if status, body := post(t, c.url+"/v1/sql", "text/plain", text, nil); status == 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s", text, status, body)
		}
	}
}

// TestDelay: a query with a delay is the query over a stream whose watermark lies
// that much further behind.
func TestDelay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rows.jsonl")
	var rows strings.Builder
	for i := range 400 {
		fmt.Fprintf(&rows, "{\"k\":%d,\"ts\":\"2025-11-20 10:%02d:%02d\"}\n", i%3, i/60, (i*37)%60)
	}
	if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	over := func(behind int, emit string) string {
		t.Helper()
		out, errs, code := weir(t, "", "query", fmt.Sprintf(`
			CREATE STREAM s (k BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL %d SECOND) WITH (connector = 'file', path = '%s');
			SELECT window_start, k, COUNT(*) AS n FROM s GROUP BY k, TUMBLE(ts, INTERVAL 5 SECOND)%s`, behind, file, emit))
		if code != 0 {
			t.Fatal(errs)
		}
		return out + errs
	}
	want, without := over(21, ""), over(1, "")
	if want == without {
		t.Fatal("nothing is late for the one and on time for the other")
	}
	if got := over(1, " EMIT ON WINDOW CLOSE WITH DELAY INTERVAL 20 SECOND"); got != want {
		t.Errorf("with a delay\n%s\nnot\n%s", got, want)
	}
	for emit, say := range map[string]string{
		"SELECT k FROM s EMIT ON WINDOW CLOSE WITH DELAY INTERVAL 1 SECOND":                                              "no window",
		"SELECT COUNT(*) FROM s GROUP BY TUMBLE(ts, INTERVAL 5 SECOND) EMIT ON WINDOW CLOSE WITH DELAY INTERVAL 1 MONTH": "months and years differ",
	} {
		_, errs, code := weir(t, "", "query", "CREATE STREAM s (k BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (connector = 'file', path = '"+file+"'); "+emit)
		if code == 0 || !strings.Contains(errs, say) {
			t.Errorf("%s: %s", emit, errs)
		}
	}
}
