package app

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/dashboard/api"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql/diag"
)

// TestRetention lets rows expire: queries from the oldest record on no longer see
// them, windows that they belong to are not shown as whole, and the files go.
func TestRetention(t *testing.T) {
	var ahead atomic.Int64
	s, _ := serveWith(t, func(cfg *serverConfig) {
		cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	s.must(t, hits)
	s.send(t, 0, 100)
	s.must(t, "CREATE MATERIALIZED VIEW first AS SELECT window_start, COUNT(*) AS n FROM hits GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)")
	if _, body := post(t, s.url()+"/v1/sql", "", "EXPLAIN SELECT * FROM first$late", nil); strings.Contains(string(body), "are known") || !strings.Contains(string(body), "Late for") {
		t.Errorf("a plan over late rows, of which all are known: %s", body)
	}
	s.must(t, "DROP VIEW first")
	ahead.Store(int64(25 * time.Hour))
	await := func(what string, ok func(wal.Stats) bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(s.log.Stats()); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %+v", what, s.log.Stats())
			}
		}
	}
	await("no new segment after an hour", func(st wal.Stats) bool { return st.Segments > 1 })
	s.send(t, 100, 150)
	if _, err := s.log.Control(t.Context(), wal.Control{Kind: wal.Tick}); err != nil {
		t.Fatal(err) // the rows before it are a step of their own
	}
	s.send(t, 150, 310)
	query := func(text string) string {
		status, body := post(t, s.url()+"/v1/sql", "", text, nil)
		if status != 200 {
			t.Fatalf("%s: %d %s", text, status, body)
		}
		return string(body)
	}
	check := func(name string) {
		t.Helper()
		s.must(t, "CREATE MATERIALIZED VIEW all_"+name+" AS SELECT path, COUNT(*) AS n FROM hits GROUP BY path")
		s.must(t, "CREATE MATERIALIZED VIEW whole_"+name+" AS SELECT window_start, COUNT(*) AS n FROM hits GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)")
		if got := query("SELECT SUM(n) AS n FROM all_" + name); !strings.Contains(got, `["210"]`) {
			t.Errorf("rows of the last day: %s", got)
		}
		// Windows that began before 10:02:27 may have lost rows, that of 10:05 is open.
		if got := query("SELECT window_start, n FROM whole_" + name); !strings.Contains(got, "10:03:00") || !strings.Contains(got, "10:04:00") || strings.Count(got, "2026-") != 2 || strings.Count(got, "60]") != 2 {
			t.Errorf("whole windows: %s", got)
		}
	}
	check("there")
	// What is known of late rows begins behind the rows that are gone.
	if got := query("EXPLAIN SELECT * FROM whole_there$late"); !strings.Contains(got, "late rows of hits are known behind commit") {
		t.Errorf("a plan over late rows: %s", got)
	}
	if got := query("EXPLAIN SELECT * FROM hits"); strings.Contains(got, "are known") {
		t.Errorf("a plan over all rows: %s", got)
	}
	head, _ := s.log.Head()
	s.log.ReleaseControls(head)
	await("no segment was removed", func(st wal.Stats) bool { return st.DroppedSegments > 0 })
	check("gone")
	var d api.StreamDetail
	d, _ = lists{s.db, &s.rates}.Stream("hits")
	if d.Records != 310 || d.Bytes == 0 || d.Oldest == nil || d.Oldest.Before(time.Now().Add(24*time.Hour)) || d.Retention != "24h0m0s" {
		t.Errorf("%+v", d)
	}
	if got := query("SHOW STREAMS"); !strings.Contains(got, `"24h0m0s"`) || !strings.Contains(got, `"oldest"`) {
		t.Errorf("%s", got)
	}
	if got := query("SELECT n FROM per_second WHERE path = '/0' LIMIT 1"); !strings.Contains(got, "[1]") {
		t.Errorf("a view that began before keeps its rows: %s", got)
	}
}

// TestEndedBeforeHorizon: whoever reads a stream whose end is beyond the horizon
// is told that it has ended.
func TestEndedBeforeHorizon(t *testing.T) {
	var ahead atomic.Int64
	s, _ := serveWith(t, func(cfg *serverConfig) {
		cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	s.must(t, hits)
	s.send(t, 0, 10)
	if status, body := post(t, s.url()+"/v1/streams/hits/end", "", "", nil); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	ahead.Store(int64(25 * time.Hour))
	s.send(t, 10, 11) // which is late, and moves the log on
	s.must(t, "CREATE MATERIALIZED VIEW again AS SELECT window_start, COUNT(*) AS n FROM hits GROUP BY TUMBLE(ts, INTERVAL 1 SECOND)")
	s.must(t, "SELECT * FROM again")
	m := s.db.running()[0]
	if p := m.query.Progress(); m.def.Name != "again" || p.W != stream.MaxTime || p.Ledger.Late != 1 || p.Ledger.In != 1 {
		t.Errorf("%s: %+v", m.def.Name, p)
	}
}

func TestBehindRetention(t *testing.T) {
	err := fmt.Errorf("scan stream 3: %w", &wal.BehindRetentionError{From: 5, To: 9, Arrival: stream.Time(0)})
	var e *diag.Error
	if !errors.As(tooSlow(err), &e) || !strings.Contains(e.Error(), "behind_retention: commits 5 to 9") || e.Hint == "" {
		t.Errorf("%v", tooSlow(err))
	}
	m := &materialized{err: err}
	if got := m.describeState(); !strings.HasPrefix(got, "behind_retention: commits 5 to 9") {
		t.Error(got)
	}
}

func TestParseReserve(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "0": -1, "1": 1, "512MiB": 512 << 20, "2 gib": 2 << 30, "1.5KB": 1500, "10b": 10,
	} {
		if got, err := parseReserve(text); err != nil || got != want {
			t.Errorf("%q: %d %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"much", "-1", "1XB", "1e400", "NaN", "9e18TB"} {
		if got, err := parseReserve(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}
