//go:build unix

package app

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	soakFor  = flag.Duration("soak", 5*time.Second, "how long TestSoak kills servers")
	soakSeed = flag.Uint64("soak-seed", 0, "what TestSoak draws its moments from; 0: a new one")
)

const soakSQL = `CREATE STREAM hits (path VARCHAR, ms BIGINT, x DOUBLE, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 2 SECOND) WITH (shards = 2, partition_key = 'path', idle_timeout = '0');
CREATE STREAM beats (id BIGINT, ms BIGINT, doc JSON, ts DATETIME(3) AS (FROM_UNIXTIME(ms / 1000)), kind VARCHAR AS (doc->>'$.kind'), WATERMARK FOR ts AS ts - INTERVAL 1 SECOND) WITH (shards = 3, partition_key = 'id', idle_timeout = '1s', idle_advance = '2s');
CREATE STREAM short (k VARCHAR, n BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts);
CREATE MATERIALIZED VIEW tumbled AS SELECT window_start, path, COUNT(*) AS n, SUM(x) AS s, AVG(ms) AS a FROM hits GROUP BY path, TUMBLE(ts, INTERVAL 1 SECOND);
CREATE MATERIALIZED VIEW hopped AS SELECT window_start, window_end, COUNT(*) AS n, SUM(x) AS s, APPROX_PERCENTILE(ms, 0.9) AS p FROM hits GROUP BY HOP(ts, INTERVAL 2 SECOND, INTERVAL 8 SECOND);
CREATE MATERIALIZED VIEW changing AS SELECT window_start, path, COUNT(*) AS n, MIN(x) AS least FROM hits GROUP BY path, TUMBLE(ts, INTERVAL 5 SECOND) EMIT CHANGES;
CREATE MATERIALIZED VIEW totals AS SELECT path, COUNT(*) AS n, SUM(ms) AS total FROM hits GROUP BY path EMIT CHANGES;
CREATE MATERIALIZED VIEW bag AS SELECT path, ms FROM hits WHERE ms % 10 = 3;
CREATE MATERIALIZED VIEW brief WITH (retention = '20s') AS SELECT window_start, path, COUNT(*) AS n FROM hits GROUP BY path, TUMBLE(ts, INTERVAL 1 SECOND);
CREATE MATERIALIZED VIEW kinds AS SELECT window_start, kind, COUNT(*) AS n, SUM(CAST(doc->'$.n' AS BIGINT)) AS total FROM beats GROUP BY kind, TUMBLE(ts, INTERVAL 2 SECOND);
CREATE MATERIALIZED VIEW ended AS SELECT window_start, k, COUNT(*) AS n FROM short GROUP BY k, TUMBLE(ts, INTERVAL 1 SECOND);
CREATE MATERIALIZED VIEW peaks AS SELECT window_start, MAX(n) AS most, SUM(s) AS s FROM (SELECT window_start AS t, n, s FROM tumbled) AS q GROUP BY TUMBLE(t, INTERVAL 4 SECOND);
CREATE MATERIALIZED VIEW spread AS SELECT n, COUNT(*) AS paths, GROUP_CONCAT(path ORDER BY path) AS names FROM totals GROUP BY n;
CREATE MATERIALIZED VIEW joint AS SELECT window_start, k, COUNT(*) AS n, COUNT(DISTINCT ms) AS d FROM (SELECT path AS k, ms, ts FROM hits UNION ALL SELECT kind, id, ts FROM beats) AS q GROUP BY ROLLUP(k), HOP(ts, INTERVAL 2 SECOND, INTERVAL 6 SECOND);
CREATE MATERIALIZED VIEW visits AS SELECT window_start, window_end, path, COUNT(*) AS n, MEDIAN(ms) AS m, JSON_ARRAYAGG(ms) AS all_ms FROM hits GROUP BY path, SESSION(ts, INTERVAL 1 SECOND, INTERVAL 5 SECOND) EMIT ON WINDOW CLOSE ALLOWED LATENESS INTERVAL 1 SECOND;
CREATE MATERIALIZED VIEW pairs AS SELECT DISTINCT path, ms % 4 AS m FROM hits;
CREATE SINK f_rows WITH (connector = 'file', path = 'rows', roll_interval = '50ms') AS SELECT path, ms FROM hits WHERE ms % 3 = 1;
CREATE SINK f_windows FROM tumbled WITH (connector = 'file', path = 'windows', roll_interval = '50ms');
CREATE SINK f_totals FROM totals WITH (connector = 'file', path = 'totals', format = 'csv', mode = 'changes', roll_interval = '50ms')`

// soakViews are what the statements of a soak make besides.
var soakViews = []string{
	"SELECT path, COUNT(*) AS n, MAX(x) AS m FROM hits GROUP BY path",
	"SELECT window_start, COUNT(*) AS n, SUM(x) AS s FROM hits GROUP BY TUMBLE(ts, INTERVAL 3 SECOND)",
	"SELECT id, doc FROM beats WHERE id % 7 = 2",
	"SELECT window_start, kind, COUNT(*) AS n FROM beats GROUP BY kind, HOP(ts, INTERVAL 1 SECOND, INTERVAL 3 SECOND) EMIT CHANGES",
	"SELECT window_end, COUNT(*) AS windows, MAX(n) AS most FROM hopped GROUP BY window_end",
	"SELECT most % 5 AS m, COUNT(*) AS n, TOP_K(most, 2) AS top FROM peaks GROUP BY most % 5",
}

// soak is a server that is killed again and again, and everybody who talks to it.
type soak struct {
	t     *testing.T
	dir   string
	files string
	port  int
	url   string
	stop  atomic.Bool
	sent  [3]atomic.Int64 // rows acknowledged, by producer

	// of the statements' goroutine
	made map[string]int // 1: acknowledged that it is there, -1: that it is not; 0: nobody knows
	ddl  int
}

func (k *soak) start() *child {
	return startServer(k.t, k.dir, k.port, "--files", k.files, "--checkpoint", "1s")
}

// produce posts requests until the soak is over, each until it is acknowledged.
func (k *soak) produce(p int, rnd *rand.Rand) {
	names := []string{"hits", "beats", "short"}
	for i := 0; !k.stop.Load(); i++ {
		var b strings.Builder
		rows := 1 + rnd.IntN(20)
		for range rows {
			n := k.sent[p].Load()*7 + int64(rnd.IntN(40))
			at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).Add(time.Duration(n*20-int64(rnd.IntN(3000))) * time.Millisecond)
			ts := at.Format("2006-01-02 15:04:05.000")
			switch p {
			case 0:
				fmt.Fprintf(&b, `{"path":"/%d","ms":%d,"x":%g,"ts":"%s"}`+"\n", rnd.IntN(50), rnd.IntN(1000), rnd.Float64()*1000, ts)
			case 1:
				fmt.Fprintf(&b, `{"id":%d,"ms":%d,"doc":{"kind":"k%d","n":%d}}`+"\n", rnd.IntN(100), at.UnixMilli(), rnd.IntN(4), rnd.IntN(9))
			case 2:
				fmt.Fprintf(&b, `{"k":"%d","n":%d,"ts":"%s"}`+"\n", rnd.IntN(5), n, ts)
			}
		}
		key := map[string]string{"Idempotency-Key": fmt.Sprintf("%d-%d", p, i)}
		for {
			status, body := post(k.t, k.url+"/v1/streams/"+names[p]+"/records", "", b.String(), key)
			if status == http.StatusOK {
				break
			}
			if status >= 400 && status < 500 && status != http.StatusTooManyRequests {
				k.t.Errorf("status %d: %s", status, body)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		k.sent[p].Add(int64(rows))
		time.Sleep(time.Duration(rnd.IntN(30)) * time.Millisecond)
	}
}

// statement changes the catalog, maybe while the server dies.
func (k *soak) statement(rnd *rand.Rand) {
	name, view := fmt.Sprintf("v%d", rnd.IntN(4)), soakViews[rnd.IntN(len(soakViews))]
	text, then := "", 1
	switch rnd.IntN(6) {
	case 0:
		text = "CREATE MATERIALIZED VIEW IF NOT EXISTS " + name + " AS " + view
	case 1, 2:
		text = "CREATE OR REPLACE MATERIALIZED VIEW " + name + " AS " + view
	case 3:
		text, then = "DROP VIEW IF EXISTS "+name, -1
	case 4:
		name = fmt.Sprintf("s%d", rnd.IntN(2))
		text = fmt.Sprintf("CREATE SINK IF NOT EXISTS %s WITH (connector = 'file', path = 'ddl-%d', roll_interval = '50ms') AS %s", name, k.ddl, soakViews[1])
	case 5:
		name = fmt.Sprintf("s%d", rnd.IntN(2))
		text, then = "DROP SINK IF EXISTS "+name, -1
	}
	k.ddl++
	status, body := post(k.t, k.url+"/v1/sql", "text/plain", text, nil)
	switch {
	case status == http.StatusOK:
		k.made[name] = then
	case status == 0 || status >= 500 || status == http.StatusRequestTimeout:
		k.made[name] = 0
	default:
		k.t.Errorf("%s: %d %s", text, status, body)
	}
}

// die ends the server in one of many ways and starts it again, maybe more than once.
func (k *soak) die(s *child, rnd *rand.Rand) *child {
	switch rnd.IntN(5) {
	case 0:
		began := time.Now()
		if err := s.stop(); err != nil || time.Since(began) > stopMost {
			k.t.Errorf("a stop took %s: %v\n%s", time.Since(began), err, s.output())
		}
	case 1:
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
	}
	s.kill()
	for rnd.IntN(3) == 0 {
		c := launch(k.t, k.dir, k.port, "--files", k.files, "--checkpoint", "1s")
		time.Sleep(time.Duration(rnd.IntN(500)) * time.Millisecond)
		c.kill()
	}
	return k.start()
}

// queries is what SHOW QUERIES counts, by view.
func (k *soak) ledgers(s *child) map[string]string {
	_, body := post(k.t, s.url+"/v1/sql", "text/plain", "SHOW QUERIES", map[string]string{"Accept": "application/x-ndjson"})
	out := map[string]string{}
	for _, r := range rowsOf(k.t, string(body)) {
		num := func(name string) (n int64) {
			if _, err := fmt.Sscan(fmt.Sprint(r[name]), &n); err != nil {
				k.t.Fatalf("%s in %v: %v", name, r, err)
			}
			return n
		}
		in, used, filtered, late, errs := num("in"), num("used"), num("filtered"), num("late"), num("error")
		if in != used+filtered+late+errs {
			k.t.Errorf("the ledger does not close: %v", r)
		}
		out[fmt.Sprint(r["name"])] = fmt.Sprint(in, used, filtered, late, errs)
	}
	return out
}

// content is every view's rows, in the order in which they are given.
func (k *soak) content(s *child) map[string]string {
	out := map[string]string{}
	for _, v := range s.sql("SHOW VIEWS") {
		name := fmt.Sprint(v[0])
		status, body := post(k.t, s.url+"/v1/sql", "text/plain", "SELECT * FROM `"+name+"`", map[string]string{"Accept": "application/x-ndjson"})
		if status != http.StatusOK {
			k.t.Fatalf("%s: %d %s", name, status, body)
		}
		out[name] = string(body)
	}
	return out
}

// sinks returns what every file sink has written: rows, or changes added up.
func (k *soak) sinkRows(s *child, files string) map[string][]string {
	out := map[string][]string{}
	for _, r := range s.sql("SHOW SINKS") {
		name := fmt.Sprint(r[0])
		s.delivered(name)
		switch name {
		case "f_totals":
			out[name] = foldChanges(k.t, filepath.Join(files, "totals"))
		case "f_rows", "f_windows":
			dir := filepath.Join(files, strings.TrimPrefix(name, "f_"))
			for _, p := range parts(k.t, dir) {
				text, err := os.ReadFile(p)
				if err != nil {
					k.t.Fatal(err)
				}
				out[name] = append(out[name], strings.Split(strings.TrimSpace(string(text)), "\n")...)
			}
		}
	}
	return out
}

// copyLog copies a log without what lies beside its segments.
func copyLog(t testing.TB, from, to string) {
	t.Helper()
	found, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.IsDir() || f.Name() == "LOCK" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f.Name()), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestSoak kills and stops a server at random moments, while producers send with
// idempotency keys and statements change the catalog, also while it stops and
// starts. In the end every view, every account and every file of a sink must be
// what a server makes of the same log that runs through it once, without ever
// having been saved. -soak sets for how long.
func TestSoak(t *testing.T) {
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-soak-seed=%d", seed)
	k := &soak{t: t, dir: t.TempDir(), files: t.TempDir(), port: freePort(t), made: map[string]int{}}
	s := k.start()
	k.url = s.url
	s.sql(soakSQL)
	var producers, statements sync.WaitGroup
	for p := range k.sent {
		producers.Go(func() { k.produce(p, rand.New(rand.NewPCG(seed, uint64(p)))) })
	}
	statements.Go(func() {
		for rnd := rand.New(rand.NewPCG(seed, 10)); !k.stop.Load(); time.Sleep(time.Duration(rnd.IntN(150)) * time.Millisecond) {
			k.statement(rnd)
		}
	})
	rnd, deaths := rand.New(rand.NewPCG(seed, 11)), 0
	for began := time.Now(); time.Since(began) < *soakFor && !t.Failed(); deaths++ {
		time.Sleep(time.Duration(200+rnd.IntN(2500)) * time.Millisecond)
		if deaths == 2 { // all that follow in `short` are late
			if status, body := post(t, k.url+"/v1/streams/short/end", "", "", nil); status != http.StatusOK {
				t.Errorf("end: %d %s", status, body)
			}
		}
		s = k.die(s, rnd)
	}
	k.stop.Store(true)
	producers.Wait()
	statements.Wait()
	for _, name := range []string{"hits", "beats", "short"} {
		if status, body := post(t, k.url+"/v1/streams/"+name+"/end", "", "", nil); status != http.StatusOK && name != "short" {
			t.Errorf("end: %d %s", status, body)
		}
	}
	views, accounts, sinks := k.content(s), k.ledgers(s), k.sinkRows(s, k.files)
	for p, view := range []string{"tumbled", "kinds", "ended"} {
		if in, _, _ := strings.Cut(accounts[view], " "); in != fmt.Sprint(k.sent[p].Load()) {
			t.Errorf("%s read %s rows; %d were acknowledged", view, in, k.sent[p].Load())
		}
	}
	k.checkCatalog(s, views)
	if rows, err := json.Marshal(slices.Sorted(maps.Keys(views))); err == nil {
		t.Logf("%d deaths, %d statements, %d %d %d rows, views %s", deaths, k.ddl, k.sent[0].Load(), k.sent[1].Load(), k.sent[2].Load(), rows)
	}
	if err := s.stop(); err != nil {
		t.Errorf("%v: %s", err, s.output())
	}
	fresh := &soak{t: t, dir: t.TempDir(), files: t.TempDir(), port: k.port}
	copyLog(t, k.dir, fresh.dir)
	f := fresh.start()
	if diff := cmp.Diff(fresh.content(f), views); diff != "" {
		t.Errorf("views (-replayed +killed):\n%s", diff)
	}
	if diff := cmp.Diff(fresh.ledgers(f), accounts); diff != "" {
		t.Errorf("accounts (-replayed +killed):\n%s", diff)
	}
	if diff := cmp.Diff(fresh.sinkRows(f, fresh.files), sinks); diff != "" {
		t.Errorf("files (-replayed +killed):\n%s", diff)
	}
}

// checkCatalog: a statement that was acknowledged holds.
func (k *soak) checkCatalog(s *child, views map[string]string) {
	there := map[string]bool{}
	for name := range views {
		there[name] = true
	}
	for _, r := range s.sql("SHOW SINKS") {
		there[fmt.Sprint(r[0])] = true
	}
	for name, want := range k.made {
		if want != 0 && there[name] != (want == 1) {
			k.t.Errorf("%s: it is there: %v; the last statement that was acknowledged says %v", name, there[name], want == 1)
		}
	}
}
