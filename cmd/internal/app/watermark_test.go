package app

import (
	"fmt"
	"strings"
	"testing"
)

// TestExplainWatermark: the row that is named holds the window back, and the row
// that is said to release it does; after a restart, too.
func TestExplainWatermark(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port)
	c.sql(`CREATE STREAM slow (k VARCHAR(9), ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 1 SECOND) WITH (shards = 2, idle_timeout = '1h', partition_key = 'k')`)
	c.sql(`CREATE MATERIALIZED VIEW held AS SELECT window_start, COUNT(*) AS n FROM slow GROUP BY TUMBLE(ts, INTERVAL 10 SECOND)`)
	rows := func() [][]any {
		t.Helper()
		c.sql("SELECT * FROM held") // waits for what was acknowledged
		return c.sql("EXPLAIN WATERMARK FOR QUERY held")
	}
	send := func(k, ts string) {
		t.Helper()
		if status, answer := post(t, c.url+"/v1/streams/slow/records", "", fmt.Sprintf(`{"k":%q,"ts":%q}`, k, ts), nil); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	for _, r := range rows() {
		if r[5] != "no watermark yet" || !strings.HasPrefix(r[13].(string), "a row with an event time; idle_timeout in 3") {
			t.Fatalf("before any row: %v", r)
		}
	}
	var keys [2]string // one for each shard
	send("a", "2025-11-20 10:00:00")
	first := 0
	if rows()[0][3] == nil {
		first = 1
	}
	keys[first] = "a"
	for i := 0; keys[1-first] == ""; i++ {
		k := fmt.Sprintf("b%d", i)
		send(k, "2025-11-20 10:00:00")
		if rows()[1-first][3] != nil {
			keys[1-first] = k
		}
	}
	send(keys[1-first], "2025-11-20 10:00:20")
	check := func(row []any, want map[int]any) {
		t.Helper()
		for i, v := range want {
			if fmt.Sprint(row[i]) != fmt.Sprint(v) {
				t.Errorf("%s is %v, not %v, in %v", watermarkColumns()[i], row[i], v, row)
			}
		}
	}
	got := rows()
	check(got[first], map[int]any{
		1: first, 2: "2025-11-20 09:59:59.000", 3: "2025-11-20 10:00:00.000", 5: "awake", 6: "the watermark",
		9: "2025-11-20 10:00:00.000", 10: 21, 11: "2025-11-20 10:00:10.000", 12: 11,
	})
	check(got[1-first], map[int]any{6: nil, 9: "2025-11-20 10:00:20.000", 10: 1, 12: nil, 13: "nothing: it is past the windows that wait"})
	released := got[first][13].(string)
	if !strings.HasPrefix(released, "a row with ts >= 2025-11-20 10:00:11.000; idle_timeout in 3") || !strings.HasSuffix(released, "; ALTER STREAM slow END") {
		t.Errorf("released by %s", released)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	c = startServer(t, dir, port)
	check(rows()[first], map[int]any{7: got[first][7], 8: got[first][8], 9: "2025-11-20 10:00:00.000", 6: "the watermark", 12: 11})
	windows := func() int { return len(c.sql("SELECT * FROM held WHERE window_start >= '2025-11-20 10:00:00'")) }
	send(keys[first], "2025-11-20 10:00:10.999")
	if n := windows(); n != 0 {
		t.Fatalf("%d windows closed a millisecond too early", n)
	}
	send(keys[first], "2025-11-20 10:00:11")
	if n := windows(); n != 1 {
		t.Fatalf("%d windows closed by the row that was named", n)
	}
}

// TestExplainWatermarkNames: who names no query is told which there are.
func TestExplainWatermarkNames(t *testing.T) {
	s := serveHere(t, t.TempDir())
	says := func(text, want string) {
		t.Helper()
		status, body := post(t, s.url()+"/v1/sql", "text/plain", text, nil)
		if !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s", text, status, body)
		}
	}
	says("EXPLAIN WATERMARK q", "no query runs")
	s.must(t, `CREATE STREAM bids (price BIGINT)`)
	s.must(t, `CREATE MATERIALIZED VIEW q AS SELECT price FROM bids`)
	says("EXPLAIN WATERMARK FOR QUERY p", "there are: q")
	says("EXPLAIN WATERMARK FOR VIEW q", `"released_by"`)
	says("EXPLAIN WATERMARK q", "a row with an event time")
}
