package app

import (
	"strings"
	"testing"
)

// TestWaitingFor: who asks why no window closes is told which shard holds it back,
// and what lets it go.
func TestWaitingFor(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, `CREATE STREAM slow (k VARCHAR(9), ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 1 SECOND) WITH (shards = 2, idle_timeout = '0', partition_key = 'k')`)
	s.must(t, `CREATE STREAM quick (k VARCHAR(9), ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 1, idle_timeout = '30s')`)
	s.must(t, `CREATE MATERIALIZED VIEW held AS SELECT window_start, COUNT(*) AS n FROM slow GROUP BY TUMBLE(ts, INTERVAL 1 SECOND)`)
	s.must(t, `CREATE MATERIALIZED VIEW open AS SELECT window_start, COUNT(*) AS n FROM quick GROUP BY TUMBLE(ts, INTERVAL 1 SECOND)`)
	s.must(t, `CREATE MATERIALIZED VIEW plain AS SELECT k FROM quick`)
	says := func(view, want string) {
		t.Helper()
		s.must(t, "SELECT * FROM "+view) // waits for what was acknowledged
		for _, m := range s.db.running() {
			if m.def.Name != view {
				continue
			}
			if got := waitingFor(m.progress(), m.plan); got != want {
				t.Errorf("%s waits for %q, not %q", view, got, want)
			}
		}
	}
	says("held", "the first row")
	says("plain", "")
	send := func(stream, body string) {
		t.Helper()
		if status, answer := post(t, s.url()+"/v1/streams/"+stream+"/records", "", body, nil); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	send("slow", `{"k":"a","ts":"2025-11-20 10:00:00"}`)
	s.must(t, "SELECT * FROM held")
	if _, body := post(t, s.url()+"/v1/sql", "text/plain", "SHOW QUERIES LIKE 'held'", nil); !strings.Contains(string(body), "a row in shard ") ||
		!strings.Contains(string(body), ", which has had none with an event time; idle_timeout is '0', so it is waited for without end") {
		t.Errorf("SHOW QUERIES says %s", body)
	}
	send("quick", `{"k":"a","ts":"2025-11-20 10:00:00"}`)
	says("open", "newer rows in shard 0, whose watermark is at 2025-11-20 10:00:00.000; it is passed over 30s after its last row (idle_timeout)")
	if status, answer := post(t, s.url()+"/v1/streams/quick/end", "", "", nil); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	says("open", "")
}
