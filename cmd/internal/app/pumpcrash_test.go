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
	c.sql("CREATE STREAM c (ts DATETIME(3), k BIGINT, n BIGINT, total DECIMAL(38,0), first BIGINT, last BIGINT, WATERMARK FOR ts AS ts) WITH (" + shards + ")")
	c.sql("CREATE PUMP ab AS INSERT INTO b " + pumpSelect)
	c.sql("CREATE PUMP bc AS INSERT INTO c " + pumpGroups)
}

// pumped waits until a pump has read all that the log has of a stream, and returns
// how many rows it wrote and had refused.
func (c *child) pumped(name string) (written, refused string) {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
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
	for deadline := time.Now().Add(20 * time.Second); rows < len(want) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
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
