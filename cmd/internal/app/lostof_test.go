package app

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/ingest/wal"
	"weir/operators/engine"
	"weir/operators/stream"
)

// TestLostRelations: on random logs `q$late` has as many rows as the query counts as
// late, `q$errors` as many as it counts as errors and as values that it could not
// compute; also where the query and the reader were restarted, or the reader began
// in the middle.
func TestLostRelations(t *testing.T) {
	var late, failed, nulled int64
	var of [8]int64 // late rows of each view with a window
	for seed := range uint64(5) {
		c := &clock{}
		c.micros.Store(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).UnixMicro())
		p := openPlace(t, t.TempDir(), c)
		w := &world{t: t, place: p, clock: c, r: rand.New(rand.NewPCG(seed, 7)), delay: 2 * time.Second, event: c.now()}
		w.create(1+w.r.IntN(3), "idle_timeout = '3s', future_tolerance = '5m'")
		views := []string{
			"SELECT window_start, k, COUNT(*) AS c FROM s WHERE x > 10 / n GROUP BY k, TUMBLE(ts, INTERVAL 5 SECOND)",
			"SELECT window_start, SUM(10 / n) AS c FROM s GROUP BY HOP(ts, INTERVAL 2 SECOND, INTERVAL 6 SECOND) EMIT CHANGES ALLOWED LATENESS INTERVAL 4 SECOND",
			"SELECT window_start, k, COUNT(*) AS c FROM s WHERE n > -50 GROUP BY k, SESSION(ts, INTERVAL 2 SECOND)",
			"SELECT window_start, g, COUNT(*) AS c FROM (SELECT g, ts, n FROM s UNION ALL SELECT g, ts, -n FROM s WHERE k <> 'b') GROUP BY g, TUMBLE(ts, INTERVAL 3 SECOND)",
			"SELECT window_start, MAX(c) AS m FROM (SELECT window_start, window_end, k, COUNT(*) AS c FROM s GROUP BY k, TUMBLE(ts, INTERVAL 3 SECOND)) GROUP BY window_start, window_end",
			"SELECT window_start, k, g, COUNT(*) AS c FROM s GROUP BY ROLLUP(k, g), TUMBLE(ts, INTERVAL 5 SECOND)",
			"SELECT window_start, window_end, k, COUNT(*) AS c FROM (SELECT * FROM TABLE(HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '6' SECOND))) WHERE x > 10 / n GROUP BY window_start, window_end, k",
			"SELECT window_start, window_end, SUM(n) AS c FROM (SELECT n, window_start, window_end FROM TABLE(CUMULATE(TABLE s, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '8' SECOND)) WHERE SECOND(window_end) % 3 <> n % 3) GROUP BY window_start, window_end",
			"SELECT k, n FROM s WHERE x > 10 / n",
		}
		for i, q := range views {
			if _, err := p.db.run(t.Context(), fmt.Sprintf("CREATE MATERIALIZED VIEW v%d AS %s", i, q), func(string, ...any) {}); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		for range 60 {
			w.commit()
		}
		w.control(wal.Tick) // which ends the step
		middle, _ := p.log.Head()
		for range 60 {
			w.commit()
		}
		if seed%2 == 0 {
			w.end()
			w.commit()
		}
		w.control(wal.Tick)
		last, _ := p.log.Head()
		read := func(q string, h how) (*execution, []string) {
			t.Helper()
			e := p.begin(q, h)
			e.reach(t, last)
			e.end(t)
			return e, e.out.content(t)
		}
		for i, q := range views {
			m := p.db.running()[i]
			reached(t, m.query, last)
			l := m.progress().Ledger
			_, rows := read(fmt.Sprintf("SELECT * FROM v%d$errors", i), how{start: "earliest"})
			bad := int64(0)
			for _, r := range rows {
				if strings.Contains(r, "BAD_VALUE") {
					bad++
				}
			}
			if int64(len(rows))-bad != l.Errors || bad != l.Nulled {
				t.Errorf("seed %d: %s\nhas %d errors and %d values that are none, and v$errors %d and %d", seed, q, l.Errors, l.Nulled, int64(len(rows))-bad, bad)
			}
			// The newest are what the query remembers, with the same reasons.
			_, places := read(fmt.Sprintf("SELECT _shard, _seq, _sub, _reason FROM v%d$errors", i), how{start: "earliest"})
			remembered := m.query.ErrorRows()
			for _, r := range remembered {
				if place := fmt.Sprintf(" %d %d %d \"%s\"", r.Shard, r.Seq, r.Sub, lostReason(r)); !slices.Contains(places, place) {
					t.Errorf("seed %d: v%d$errors does not show%s of %q", seed, i, place, places)
				}
			}
			if int64(len(remembered)) != min(l.Errors, engine.LostRowsMax) {
				t.Errorf("seed %d: %s\nhas %d errors, and remembers %d", seed, q, l.Errors, len(remembered))
			}
			failed, nulled, late = failed+l.Errors, nulled+l.Nulled, late+l.Late
			if i == len(views)-1 {
				continue // no window
			}
			name := fmt.Sprintf("v%d$late", i)
			text := "SELECT _late_ms, _event_time, _query, _shard, _seq, k, n FROM " + name
			_, all := read(text, how{start: "earliest", rows: 3})
			if int64(len(all)) != l.Late {
				t.Errorf("seed %d: %s\nhas %d late rows, and %s %d", seed, q, l.Late, name, len(all))
			}
			// The newest are what the query remembers.
			_, places = read("SELECT _shard, _seq, _late_ms FROM "+name, how{start: "earliest", rows: 3})
			known := m.query.LateRows()
			for _, r := range known {
				place := fmt.Sprintf(" %d %d %d", r.Shard, r.Seq, r.Behind.Milliseconds())
				if r.W == stream.MaxTime {
					place = fmt.Sprintf(" %d %d null", r.Shard, r.Seq)
				}
				if !slices.Contains(places, place) {
					t.Errorf("seed %d: %s does not show%s of %q", seed, name, place, places)
				}
			}
			if int64(len(known)) != min(l.Late, engine.LostRowsMax) {
				t.Errorf("seed %d: %s\nhas %d late rows, and remembers %d", seed, q, l.Late, len(known))
			}
			of[i] += l.Late
			for _, r := range all {
				if strings.HasPrefix(r, " -") {
					t.Errorf("seed %d: %s: late before it is: %s", seed, name, r)
				}
			}
			// Who begins in the middle gets those of all that arrive behind it.
			_, some := read(text+" WHERE _arrival > '1970-01-01'", how{after: middle})
			front, _ := countUpTo(p, t, text, middle)
			if front+len(some) != len(all) || !subset(some, all) {
				t.Errorf("seed %d: %s has %d rows up to commit %d, and %d behind it, of %d", seed, name, front, middle, len(some), len(all))
			}
			// A reader that is saved and goes on.
			e := p.begin(text, how{start: "earliest"})
			e.reach(t, middle)
			snap, err := e.query.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e.end(t)
			kept := newChangelog(e.plan, func() {})
			for commit, lines := range e.out.steps {
				if commit <= snap.Commit {
					kept.steps[commit] = lines
				}
			}
			again := p.begin(text, how{after: snap.Commit, from: snap, out: kept})
			again.reach(t, last)
			again.end(t)
			if got := again.out.content(t); !slices.Equal(got, all) {
				t.Errorf("seed %d: %s has %d rows after a restart, not %d", seed, name, len(got), len(all))
			}
		}
		// Of the stream they are all of them.
		_, rows := read("SELECT _query, COUNT(*) AS n FROM s$late GROUP BY _query", how{start: "earliest"})
		for i := range views {
			if l := p.db.running()[i].progress().Ledger.Late; l > 0 && !slices.Contains(rows, fmt.Sprintf(` "v%d" %d`, i, l)) {
				t.Errorf("seed %d: s$late has %q, and v%d %d late rows", seed, rows, i, l)
			}
		}
		p.close()
	}
	if slices.Contains(of[:], 0) {
		t.Errorf("late rows of the views are %v", of)
	}
	if late == 0 || failed == 0 || nulled == 0 {
		t.Errorf("%d late rows, %d errors, %d values that are none: nothing was tested", late, failed, nulled)
	}
}

// countUpTo is how many rows a query over everything shows up to a commit.
func countUpTo(p *place, t *testing.T, text string, to stream.Commit) (n int, e *execution) {
	t.Helper()
	last, _ := p.log.Head()
	e = p.begin(text, how{start: "earliest"})
	e.reach(t, last)
	e.end(t)
	for commit, lines := range e.out.steps {
		if commit <= to {
			n += len(lines)
		}
	}
	return n, e
}

func subset(some, all []string) bool {
	left := map[string]int{}
	for _, r := range all {
		left[r]++
	}
	for _, r := range some {
		if left[r]--; left[r] < 0 {
			return false
		}
	}
	return true
}

// reached waits until a query has read up to a commit.
func reached(t *testing.T, q *engine.Query, last stream.Commit) {
	t.Helper()
	for until := time.Now().Add(time.Minute); q.Progress().Commit < last; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("still at commit %d of %d", q.Progress().Commit, last)
		}
	}
}

// TestLostNames: what `x$late` may name, and that a view over it lives on.
func TestLostNames(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port)
	refused := func(text, want string) {
		t.Helper()
		if status, body := post(t, c.url+"/v1/sql", "text/plain", text, nil); status == 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s", text, status, body)
		}
	}
	c.sql("CREATE STREAM bids (item VARCHAR, price BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 1)")
	refused("SELECT * FROM bids$late", "no materialized view over it has a window")
	c.sql("CREATE MATERIALIZED VIEW totals AS SELECT window_start, SUM(price) AS total FROM bids GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)")
	c.sql("CREATE MATERIALIZED VIEW dear AS SELECT item FROM bids WHERE price > 10")
	c.sql("CREATE MATERIALIZED VIEW missed AS SELECT item, COUNT(*) AS n FROM totals$late GROUP BY item")
	c.sql("CREATE VIEW when_missed AS SELECT item, _late_ms FROM totals$late")
	refused("CREATE MATERIALIZED VIEW m AS SELECT item FROM bids$late", "name the view whose rows are wanted: `v$late`")
	refused("SELECT * FROM dear$late", "no row is late for the query `dear`")
	refused("SELECT * FROM when_missed$late", "`totals$late$late`")
	refused("SELECT * FROM nothing$late", "there is no stream or view `nothing`")
	refused("SELECT COUNT(*) FROM totals$late GROUP BY TUMBLE(_arrival, INTERVAL 1 MINUTE)", "group them without a window")
	refused("SELECT COUNT(*) FROM when_missed GROUP BY TUMBLE(_arrival, INTERVAL 1 MINUTE)", "group them without a window")
	refused("DROP VIEW totals", "missed")
	columns := c.sql("DESCRIBE totals$late")
	if got := fmt.Sprint(columns); !strings.Contains(got, "[_late_ms BIGINT ]") || !strings.Contains(got, "[_arrival DATETIME(6) ]") {
		t.Errorf("DESCRIBE says %s", got)
	}
	send := func(ts string) {
		t.Helper()
		if status, answer := post(t, c.url+"/v1/streams/bids/records", "", fmt.Sprintf(`{"item":"a","price":1,"ts":%q}`, ts), nil); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	send("2025-11-20 10:05:00")
	send("2025-11-20 10:03:00")
	if got := fmt.Sprint(c.sql("SELECT * FROM missed")); got != "[[a 1]]" {
		t.Errorf("missed is %s", got)
	}
	c.kill()
	c = startServer(t, dir, port)
	send("2025-11-20 10:03:01")
	if got := fmt.Sprint(c.sql("SELECT * FROM missed")); got != "[[a 2]]" {
		t.Errorf("after a restart missed is %s", got)
	}
	_, body := post(t, c.url+"/v1/sql", "text/plain", "SELECT _late_ms FROM when_missed WITH (start = 'earliest') LIMIT 2", nil)
	if got := strings.Fields(string(body)); !slices.Equal(got, []string{`{"_late_ms":60000}`, `{"_late_ms":60000}`}) {
		t.Errorf("when_missed is %s", got)
	}
}
