package app

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	pumpSelect = "SELECT id, k, v * 2 AS v, ts FROM a WHERE v MOD 3 <> 0"
	pumpGroups = "SELECT window_start AS ts, k, COUNT(*) AS n, SUM(v) AS total, MIN(id) AS first, MAX(id) AS last FROM b GROUP BY k, TUMBLE(ts, INTERVAL 10 SECOND)"
)

// pumpRows makes rows and what two queries behind each other make of them, over a file.
func pumpRows(t *testing.T, r *rand.Rand, n int) (pieces []string, want []string) {
	t.Helper()
	var all bytes.Buffer
	for id := 0; id < n; {
		var piece strings.Builder
		for range min(1+r.IntN(400), n-id) {
			fmt.Fprintf(&piece, "{\"id\":%d,\"k\":%d,\"v\":%d,\"ts\":\"2026-01-01 %02d:%02d:%02d.%03d\"}\n",
				id, r.IntN(20), r.IntN(1000), id/60_000%24, id/1000%60, id/17%60, r.IntN(1000))
			id++
		}
		pieces = append(pieces, piece.String())
		all.WriteString(piece.String())
	}
	file := filepath.Join(t.TempDir(), "a.jsonl")
	if err := os.WriteFile(file, all.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := weir(t, "", "query", "--format", "ndjson", fmt.Sprintf(`CREATE STREAM a (id BIGINT, k BIGINT, v BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 100 HOUR)
		WITH (connector = 'file', path = '%s'); SELECT ts, k, n, total, first, last FROM (%s)`, file, strings.Replace(pumpGroups, "FROM b", "FROM ("+pumpSelect+") AS b", 1)))
	if code != 0 {
		t.Fatal(errs)
	}
	want = strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(want)
	return pieces, want
}

func createChain(c *child, shards string) {
	c.sql("CREATE STREAM a (id BIGINT, k BIGINT, v BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 100 HOUR) WITH (partition_key = 'k', " + shards + ")")
	c.sql("CREATE STREAM b (id BIGINT, k BIGINT, v BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 100 HOUR) WITH (partition_key = 'k', " + shards + ")")
	c.sql("CREATE STREAM c (ts DATETIME(3), k BIGINT, n BIGINT, total DECIMAL(38,0), first BIGINT, last BIGINT, WATERMARK FOR ts AS ts)")
	c.sql("CREATE PUMP ab AS INSERT INTO b " + pumpSelect)
	c.sql("CREATE PUMP bc AS INSERT INTO c " + pumpGroups)
}

// pumped waits until a pump has read all that the log has of a stream, and returns
// how many rows it wrote and had refused.
func (c *child) pumped(name string) (written, refused string) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		head := c.metric("weir_log_head_commit")
		for _, row := range c.sql("SHOW PUMPS LIKE '" + name + "'") {
			if n, err := row[7].(interface{ Int64() (int64, error) }).Int64(); err == nil && float64(n) >= head {
				return fmt.Sprint(row[4]), fmt.Sprint(row[5])
			}
		}
	}
	c.t.Fatalf("pump %s does not come to the head: %v", name, c.sql("SHOW PUMPS"))
	return "", ""
}

// contentOf returns all rows of a stream, sorted, as JSON.
func (c *child) contentOf(stream, columns string, rows int) []string {
	c.t.Helper()
	_, body := post(c.t, c.url+"/v1/sql", "text/plain", fmt.Sprintf("SELECT %s FROM %s WITH (start = 'earliest') LIMIT %d", columns, stream, rows), nil)
	out := strings.Split(strings.TrimSpace(string(body)), "\n")
	slices.Sort(out)
	return out
}

// TestPumpsThroughCrashes: two queries behind each other, in a server that is killed
// again and again, write each row once.
func TestPumpsThroughCrashes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	pieces, want := pumpRows(t, r, 20_000)
	dir, port := t.TempDir(), freePort(t)
	start := func() *child { return startServer(t, dir, port, "--checkpoint", "1s") }
	c := start()
	createChain(c, "shards = 3")
	kills := 0
	next := time.Now().Add(time.Duration(r.IntN(900)) * time.Millisecond)
	for i := 0; i < len(pieces); {
		if time.Now().After(next) && kills < 6 {
			killed := make(chan struct{})
			go func() { // while a piece is on its way
				defer close(killed)
				time.Sleep(time.Duration(r.IntN(8)) * time.Millisecond)
				c.kill()
			}()
			_, _ = post(t, c.url+"/v1/streams/a/records", "application/x-ndjson", pieces[i], map[string]string{"Idempotency-Key": fmt.Sprint(i)})
			<-killed
			c = start()
			kills++
			next = time.Now().Add(time.Duration(r.IntN(1500)) * time.Millisecond)
		}
		if status, body := post(t, c.url+"/v1/streams/a/records", "application/x-ndjson", pieces[i], map[string]string{"Idempotency-Key": fmt.Sprint(i)}); status != http.StatusOK {
			t.Fatalf("piece %d: %d %s", i, status, body)
		}
		i++
		time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
	}
	if kills == 0 {
		t.Error("nothing was killed")
	}
	c.pumped("ab")
	c.sql("ALTER STREAM b END")
	c.kill()
	c = start()
	rows := 0
	for deadline := time.Now().Add(time.Minute); rows < len(want) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		rows = int(c.metric(`weir_stream_records_total{stream="c"}`))
	}
	if rows != len(want) {
		t.Errorf("seed %d: %d rows, want %d", seed, rows, len(want))
	}
	got := c.contentOf("c", "ts, k, n, total, first, last", rows)
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("seed %d: row %d is %s, want %s", seed, i, got[i], want[i])
		}
	}
}

// TestPumpRefusals: rows that the stream does not take are counted, once, across
// restarts, and stop nothing.
func TestPumpRefusals(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port, "--checkpoint", "1s")
	c.sql("CREATE STREAM a (id BIGINT, said VARCHAR(20), at DATETIME(3))")
	c.sql("CREATE STREAM b (id TINYINT, said VARCHAR(3), at DATETIME(3), WATERMARK FOR at AS at)")
	c.sql("INSERT INTO b SELECT id, said, at FROM a WITH (name = 'narrow')")
	sent := 0
	for round := range 4 {
		c.sql("INSERT INTO a VALUES (1, 'yes', NOW()), (1000, 'no', NOW()), (2, 'too long', NOW()), (3, 'no', NULL), (4, 'no', '2099-01-01'), (5, NULL, NOW())")
		c.sql("INSERT INTO a VALUES (1000, 'no', NOW())") // a step of which nothing is left
		sent++
		if written, refused := c.pumped("narrow"); written != fmt.Sprint(2*sent) || refused != fmt.Sprint(5*sent) {
			t.Errorf("round %d: %s rows are written and %s refused, want %d and %d", round, written, refused, 2*sent, 5*sent)
		}
		if round%2 == 0 {
			c.kill()
		} else if err := c.stop(); err != nil {
			t.Error(err)
		}
		c = startServer(t, dir, port, "--checkpoint", "1s")
	}
	if written, refused := c.pumped("narrow"); written != fmt.Sprint(2*sent) || refused != fmt.Sprint(5*sent) {
		t.Errorf("%s rows are written and %s refused, want %d and %d", written, refused, 2*sent, 5*sent)
	}
	if w, r := c.metric(`weir_pump_written_rows_total{pump="narrow"}`), c.metric(`weir_pump_refused_rows_total{pump="narrow"}`); int(w) != 2*sent || int(r) != 5*sent {
		t.Errorf("the metrics have %v and %v", w, r)
	}
	if n := c.metric(`weir_stream_records_total{stream="b"}`); int(n) != 2*sent {
		t.Errorf("the stream has %v records", n)
	}
	c.sql("INSERT INTO a VALUES (1000, 'no', NOW())")
	c.pumped("narrow")
	if shown := fmt.Sprint(c.sql("SHOW PUMPS")); !strings.Contains(shown, "OUT_OF_RANGE: 1000 is out of range for TINYINT") {
		t.Errorf("SHOW PUMPS says %s", shown)
	}
}

// TestPumpStart: a query begins where it was told, also after a crash that comes
// before anything of it was saved, and whatever the stream has let go since.
func TestPumpStart(t *testing.T) {
	for retention := 2 * time.Second; !pumpStart(t, retention) && !t.Failed(); retention *= 2 {
		t.Logf("the machine was too slow for a retention of %s", retention)
	}
}

// pumpStart returns false where it took longer than the retention to look at what is
// retained: what is wanted then is another.
func pumpStart(t *testing.T, retention time.Duration) bool {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port)
	c.sql(fmt.Sprintf("CREATE STREAM a (id BIGINT) WITH (shards = 2, retention = '%ds')", int(retention.Seconds())))
	c.sql("CREATE STREAM b (id BIGINT)")
	c.sql("CREATE STREAM d (id BIGINT) WITH (shards = 1)")
	began := time.Now()
	c.sql("INSERT INTO a VALUES (1), (2)")
	c.sql("INSERT INTO b SELECT id FROM a WITH (start = 'latest')")
	c.sql("CREATE PUMP late AS INSERT INTO d SELECT id + 100 FROM a")
	if time.Since(began) > retention {
		return false
	}
	c.sql("INSERT INTO a VALUES (3)")
	c.kill()
	time.Sleep(retention + 100*time.Millisecond)
	c = startServer(t, dir, port)
	began = time.Now()
	c.sql("INSERT INTO a VALUES (4)")
	c.pumped("insert_1")
	c.pumped("late")
	if got := c.contentOf("b", "id", 2); fmt.Sprint(got) != `[{"id":3} {"id":4}]` {
		t.Errorf("from now on: %v", got)
	}
	if got := c.contentOf("d", "id", 4); fmt.Sprint(got) != `[{"id":101} {"id":102} {"id":103} {"id":104}]` {
		t.Errorf("from the oldest on: %v", got)
	}
	// Another one in its place begins anew, with what is retained.
	c.sql("CREATE OR REPLACE PUMP late STARTED AS INSERT INTO d SELECT id + 200 FROM a")
	if time.Since(began) > retention {
		return false
	}
	c.sql("INSERT INTO a VALUES (5)")
	c.pumped("late")
	if n := int(c.metric(`weir_stream_records_total{stream="d"}`)); n != 6 {
		t.Errorf("%d records", n)
	}
	want := []string{`{"id":101}`, `{"id":102}`, `{"id":103}`, `{"id":104}`, `{"id":204}`, `{"id":205}`}
	if got := c.contentOf("d", "id", len(want)); !slices.Equal(got, want) {
		t.Errorf("in the end: %v", got)
	}
	return true
}

// TestPumpRetention: a stream that forgets under a query that writes on loses
// nothing for it.
func TestPumpRetention(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port, "--checkpoint", "1s")
	createChain(c, "shards = 2, retention = '1s'")
	n := 0
	for range 6 {
		for range 20 {
			c.sql(fmt.Sprintf("INSERT INTO a VALUES (%d, 1, 1, '2026-01-01 00:00:01')", n))
			n++
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(300 * time.Millisecond)
	}
	if written, _ := c.pumped("ab"); written != fmt.Sprint(n) {
		t.Errorf("%s of %d rows are written", written, n)
	}
	c.kill()
	c = startServer(t, dir, port, "--checkpoint", "1s")
	c.sql("INSERT INTO a VALUES (7, 1, 1, '2026-01-01 00:00:01')")
	if written, _ := c.pumped("ab"); written != fmt.Sprint(n+1) {
		t.Errorf("%s of %d rows are written behind a restart", written, n+1)
	}
	c.sql("ALTER STREAM b END")
	c.pumped("ab")
	for deadline := time.Now().Add(time.Minute); c.metric(`weir_stream_records_total{stream="c"}`) < 1 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
	}
	if got := c.contentOf("c", "n", 1); fmt.Sprint(got) != fmt.Sprintf(`[{"n":%d}]`, n+1) {
		t.Errorf("the window has %v of %d rows", got, n+1)
	}
}
