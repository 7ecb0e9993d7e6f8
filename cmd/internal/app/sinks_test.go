//go:build unix

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"weir/operators/sinks/sinktest"
)

// askPostgres returns the rows of a statement as text.
func askPostgres(t testing.TB, url, text string) [][]string {
	t.Helper()
	conn, err := pgconn.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	results, err := conn.Exec(context.Background(), text).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var out [][]string
	for _, row := range results[0].Rows {
		var cells []string
		for _, c := range row {
			cells = append(cells, string(c))
		}
		out = append(out, cells)
	}
	return out
}

// askInflux returns the points of a measurement: time in microseconds, and columns.
func askInflux(t testing.TB, addr, db, query string) [][]any {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/query?" + url.Values{"db": {db}, "epoch": {"u"}, "q": {query}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Results []struct {
			Error  string
			Series []struct{ Values [][]any }
		}
	}
	dec := json.NewDecoder(resp.Body)
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil || len(answer.Results) != 1 || answer.Results[0].Error != "" {
		t.Fatalf("%s: %v, %+v", query, err, answer)
	}
	if len(answer.Results[0].Series) == 0 {
		return nil
	}
	return answer.Results[0].Series[0].Values
}

// sinkRow returns a row of SHOW SINKS by column.
func (c *child) sinkRow(name string) map[string]string {
	c.t.Helper()
	_, body := post(c.t, c.url+"/v1/sql", "text/plain", "SHOW SINKS LIKE '"+name+"'", nil)
	var res struct {
		Columns []struct{ Name string }
		Rows    [][]any
	}
	if err := json.Unmarshal(body, &res); err != nil || len(res.Rows) != 1 {
		c.t.Fatalf("SHOW SINKS: %v: %s", err, body)
	}
	row := map[string]string{}
	for i, col := range res.Columns {
		row[col.Name] = fmt.Sprint(res.Rows[0][i])
	}
	return row
}

// delivered waits until a sink has everything that was acknowledged.
func (c *child) delivered(names ...string) {
	c.t.Helper()
	for _, name := range names {
		row := c.sinkRow(name)
		c.sql("SELECT COUNT(*) FROM `" + row["view"] + "`") // waits until the view has it
		for until := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if row = c.sinkRow(name); row["state"] == "running" && row["lag_commits"] == "0" {
				break
			}
			if time.Now().After(until) {
				c.t.Fatalf("sink %s does not get there: %v\n%s", name, row, c.output())
			}
		}
	}
}

// postHits sends rows whose ms are from..to-1, until they are acknowledged.
func postHits(t testing.TB, c *child, from, to int) bool {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `{"path":"/%d","ms":%d,"ts":"2026-11-20 10:%02d:%02d"}`+"\n", i%7, i, i/600%60, i/10%60)
	}
	status, _ := post(t, c.url+"/v1/streams/hits/records", "", b.String(), map[string]string{"Idempotency-Key": fmt.Sprintf("hits-%d", from)})
	return status == http.StatusOK
}

// TestSinksThroughCrashes posts rows to a server that is killed again and again
// while its sinks write, and compares what they wrote with the views: files and
// PostgreSQL hold each row once, InfluxDB the right values.
func TestSinksThroughCrashes(t *testing.T) {
	postgres, influx := sinktest.Postgres(t, ""), sinktest.Influx(t)
	dir, files, port := t.TempDir(), t.TempDir(), freePort(t)
	s := startServer(t, dir, port, "--files", files)
	s.sql(hits + `;
		CREATE MATERIALIZED VIEW totals AS SELECT path, COUNT(*) AS n, SUM(ms) AS total FROM hits GROUP BY path EMIT CHANGES;
		CREATE SINK f_rows WITH (connector = 'file', path = 'rows', roll_interval = '50ms') AS SELECT path, ms FROM hits;
		CREATE SINK f_totals FROM totals WITH (connector = 'file', path = 'deep/totals', format = 'csv', mode = 'changes', roll_interval = '50ms');
		CREATE SINK p_rows WITH (connector = 'postgres', url = '` + postgres.URL() + `', batch_interval = '20ms') AS SELECT path, ms FROM hits;
		CREATE SINK p_totals FROM totals WITH (connector = 'postgres', url = '` + postgres.URL() + `', table = 'totals', batch_interval = '20ms');
		CREATE SINK i_seconds FROM per_second WITH (connector = 'influxdb', url = 'http://` + influx.Addr + `', db = 'weir', measurement = 'seconds', batch_interval = '20ms')`)
	const rows, piece = 6000, 100
	for from := 0; from < rows; from += piece {
		if from%1500 == 700 {
			s = crashDuring(t, s, dir, port, func(s *child) { postHits(t, s, from, from+piece) })
			s.kill()
			s = startServer(t, dir, port, "--files", files)
		}
		for !postHits(t, s, from, from+piece) {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if status, body := post(t, s.url+"/v1/streams/hits/end", "", "", nil); status != http.StatusOK {
		t.Fatalf("end: %d %s", status, body)
	}
	s.delivered("f_rows", "f_totals", "p_rows", "p_totals", "i_seconds")
	if in := s.ledger("per_second")["in"]; in != float64(rows) {
		t.Fatalf("the view read %v rows of %d", in, rows)
	}

	wantRows := make([]string, rows)
	for i := range rows {
		wantRows[i] = fmt.Sprintf("/%d %d", i%7, i)
	}
	slices.Sort(wantRows)
	if diff := cmp.Diff(wantRows, fileRows(t, filepath.Join(files, "rows"))); diff != "" {
		t.Errorf("file of rows (-posted +file):\n%s", diff)
	}
	var gotRows []string
	for _, r := range askPostgres(t, postgres.URL(), "SELECT path, ms FROM p_rows") {
		gotRows = append(gotRows, r[0]+" "+r[1])
	}
	slices.Sort(gotRows)
	if diff := cmp.Diff(wantRows, gotRows); diff != "" {
		t.Errorf("table of rows (-posted +table):\n%s", diff)
	}

	var wantTotals []string
	for _, r := range s.sql("SELECT path, n, total FROM totals") {
		wantTotals = append(wantTotals, fmt.Sprintf("%v %v %v", r...))
	}
	slices.Sort(wantTotals)
	var gotTotals []string
	for _, r := range askPostgres(t, postgres.URL(), "SELECT path, n, total FROM totals") {
		gotTotals = append(gotTotals, strings.Join(r, " "))
	}
	slices.Sort(gotTotals)
	if diff := cmp.Diff(wantTotals, gotTotals); diff != "" {
		t.Errorf("table of totals (-view +table):\n%s", diff)
	}
	if diff := cmp.Diff(wantTotals, foldChanges(t, filepath.Join(files, "deep", "totals"))); diff != "" {
		t.Errorf("files of changes, added up (-view +files):\n%s", diff)
	}

	var wantPoints, gotPoints []string
	for _, r := range s.sql("SELECT window_start, path, n FROM per_second") {
		at, err := time.Parse("2006-01-02 15:04:05.000", r[0].(string))
		if err != nil {
			t.Fatal(err)
		}
		wantPoints = append(wantPoints, fmt.Sprintf("%d %v %v", at.UnixMicro(), r[1], r[2]))
	}
	for _, r := range askInflux(t, influx.Addr, "weir", `SELECT "path", "n" FROM "seconds"`) {
		gotPoints = append(gotPoints, fmt.Sprintf("%v %v %v", r...))
	}
	slices.Sort(wantPoints)
	slices.Sort(gotPoints)
	if diff := cmp.Diff(wantPoints, gotPoints); diff != "" {
		t.Errorf("points (-view +influx):\n%s", diff)
	}
	t.Logf("%d rows, %d totals, %d points through %d crashes", len(gotRows), len(gotTotals), len(gotPoints), 2*(rows/1500))
}

// parts returns the finished files of a directory, whose names are in order.
func parts(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no parts in %s: %v", dir, err)
	}
	return found
}

func fileRows(t testing.TB, dir string) []string {
	var out []string
	for _, name := range parts(t, dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rowsOf(t, string(text)) {
			out = append(out, fmt.Sprintf("%v %v", r["path"], r["ms"]))
		}
	}
	slices.Sort(out)
	return out
}

// foldChanges adds the changes up to rows.
func foldChanges(t testing.TB, dir string) []string {
	t.Helper()
	now := map[string]int{}
	for _, name := range parts(t, dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if lines[0] != "_op,path,n,total" {
			t.Fatalf("%s begins with %s", name, lines[0])
		}
		for _, line := range lines[1:] {
			op, row, _ := strings.Cut(line, ",")
			if row = strings.ReplaceAll(row, ",", " "); op == "insert" {
				now[row]++
			} else if now[row]--; now[row] == 0 {
				delete(now, row)
			}
		}
	}
	var out []string
	for row, n := range now {
		if n != 1 {
			t.Errorf("%q is there %d times", row, n)
		}
		out = append(out, row)
	}
	slices.Sort(out)
	return out
}

// TestDeadSink: a destination that answers 500 for ever, and one that is not
// there, hold back nobody else, cost no memory and are shown as what they are.
func TestDeadSink(t *testing.T) {
	var asked atomic.Int64
	dead := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, `{"error":"the disk is full"}`, http.StatusInternalServerError)
	}))
	defer dead.Close()
	dir, files, port := t.TempDir(), t.TempDir(), freePort(t)
	s := startServer(t, dir, port, "--files", files)
	s.sql(hits + `;
		CREATE MATERIALIZED VIEW totals AS SELECT path, COUNT(*) AS n, MAX(ts) AS last FROM hits GROUP BY path;
		CREATE SINK i_dead FROM totals WITH (connector = 'influxdb', url = 'http://ann:t0ps3cret@` + strings.TrimPrefix(dead.URL, "http://") + `', db = 'x', create = 'false', time = 'last');
		CREATE SINK p_dead FROM totals WITH (connector = 'postgres', url = 'postgres://ann:t0ps3cret@127.0.0.1:` + fmt.Sprint(freePort(t)) + `/x');
		CREATE SINK alive FROM totals WITH (connector = 'file', path = 'alive', mode = 'changes', roll_interval = '20ms')`)
	for from := 0; from < 20_000; from += 50 { // many steps: more than a view remembers is not needed to wait
		if !postHits(t, s, from, from+50) {
			t.Fatal("a dead sink holds ingestion back")
		}
	}
	s.delivered("alive")
	for _, name := range []string{"i_dead", "p_dead"} {
		for until := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			row := s.sinkRow(name)
			if strings.HasPrefix(row["state"], "retrying since 2") && row["last_error"] != "" && row["retries"] != "0" {
				break
			}
			if time.Now().After(until) {
				t.Fatalf("%s: %v", name, row)
			}
		}
	}
	if asked.Load() == 0 {
		t.Error("the dead server was never asked")
	}
	if row := s.sinkRow("i_dead"); !strings.Contains(row["last_error"], "500") {
		t.Errorf("it says %s", row["last_error"])
	}
	_, list := get(t, s.url+"/v1/sinks")
	_, metrics := get(t, s.url+"/metrics")
	for _, text := range []string{s.output(), list, metrics, fmt.Sprint(s.sql("SHOW SINKS"), s.sql("SHOW CREATE SINK i_dead"), s.sql("DESCRIBE p_dead"))} {
		if strings.Contains(text, "t0ps3cret") {
			t.Errorf("the password is in %s", text)
		}
	}
	if !strings.Contains(metrics, `weir_sink_running{sink="alive"} 1`) || !strings.Contains(metrics, `weir_sink_running{sink="i_dead"} 0`) {
		t.Error("the metrics do not tell")
	}
	began := time.Now()
	if err := s.stop(); err != nil || time.Since(began) > stopMost {
		t.Errorf("stopping took %s: %v", time.Since(began), err)
	}
}

// TestSinkComesBack: a sink whose server is down at the start, and restarts later,
// delivers everything once both are there.
func TestSinkComesBack(t *testing.T) {
	postgres := sinktest.Postgres(t, "")
	postgres.Stop()
	dir, port := t.TempDir(), freePort(t)
	s := startServer(t, dir, port)
	s.sql(hits + `; CREATE SINK p WITH (connector = 'postgres', url = '` + postgres.URL() + `', table = 'back') AS SELECT ms FROM hits`)
	for i := range 3 {
		if !postHits(t, s, i*100, i*100+100) {
			t.Fatal("not acknowledged")
		}
	}
	postgres.Start()
	s.delivered("p")
	postgres.Stop()
	postHits(t, s, 300, 400)
	postgres.Start()
	s.delivered("p")
	got := askPostgres(t, postgres.URL(), "SELECT count(*), count(DISTINCT ms), max(ms) FROM back")
	if diff := cmp.Diff([][]string{{"400", "400", "399"}}, got); diff != "" {
		t.Errorf("(-want +table):\n%s", diff)
	}
	if rows := s.sql("DROP SINK p; SHOW SINKS"); len(rows) != 0 {
		t.Errorf("it is still there: %v", rows)
	}
	if rows := s.sql("SHOW QUERIES LIKE 'p%rows'"); len(rows) != 0 {
		t.Errorf("its query still runs: %v", rows)
	}
}

// TestSinkStatements checks what CREATE SINK refuses, and what DROP does.
func TestSinkStatements(t *testing.T) {
	files := t.TempDir()
	s, log := serveWith(t, func(cfg *serverConfig) { cfg.Files = files })
	s.must(t, hits+`; CREATE VIEW plain AS SELECT ms FROM hits;
		CREATE MATERIALIZED VIEW totals AS SELECT path, COUNT(*) AS n FROM hits GROUP BY path;
		CREATE MATERIALIZED VIEW bag AS SELECT COUNT(*) AS n FROM hits GROUP BY path;
		CREATE MATERIALIZED VIEW raw AS SELECT path, ms FROM hits`)
	for _, c := range []struct{ text, code, message, hint string }{
		{"CREATE SINK k FROM total WITH (connector = 'file', path = 'x')", "E1146", "no materialized view `total`", "did you mean `totals`"},
		{"CREATE SINK k FROM hits WITH (connector = 'file', path = 'x')", "E2005", "is a stream", "AS SELECT * FROM hits"},
		{"CREATE SINK k FROM plain WITH (connector = 'file', path = 'x')", "E2005", "computed where it is read", "AS SELECT * FROM plain"},
		{"CREATE SINK totals FROM raw WITH (connector = 'file', path = 'x')", "E1050", "already", "another name"},
		{"CREATE SINK k FROM raw", "E1231", "needs the option `connector`", "influxdb"},
		{"CREATE SINK k FROM raw WITH (connector = 'flie', path = 'x')", "E1231", "no connector", "did you mean 'file'"},
		{"CREATE SINK k FROM raw WITH (connector = 'file')", "E1231", "needs the option `path`", "add path ="},
		{"CREATE SINK k FROM raw WITH (connector = 'file', pth = 'x')", "E1231", "has no option `pth`", "did you mean path?"},
		{"CREATE SINK k FROM raw WITH (connector = 'file', path = '../x')", "E1231", "no directory below", "from there on"},
		{"CREATE SINK k FROM raw WITH (connector = 'file', path = '/etc')", "E1231", "no directory below", "from there on"},
		{"CREATE SINK k FROM raw WITH (connector = 'file', path = 'x', format = 'xml')", "E1231", "'json' or 'csv'", ""},
		{"CREATE SINK k FROM raw WITH (connector = 'file', path = 'x', roll_rows = 0)", "E1231", "a number from 1", ""},
		{"CREATE SINK k FROM totals WITH (connector = 'file', path = 'x')", "E1231", "cannot take back", "mode = 'changes'"},
		{"CREATE SINK k FROM bag WITH (connector = 'postgres', url = 'postgres://h/x')", "E1235", "no key", "group key"},
		{"CREATE SINK k FROM totals WITH (connector = 'postgres', url = 'postgres://h:port/x')", "E1231", "cannot be read", "postgres://user@host"},
		{"CREATE SINK k FROM totals WITH (connector = 'postgres', url = 'postgres://u:x:cr%zz@s3cr3t@h/x')", "E1231", "cannot be read", "%25"},
		{"SHOW CREATE SINK nope", "E1146", "no stream, view, sink or query `nope`", "there are: "},
		{"CREATE SINK k FROM totals WITH (connector = 'postgres', url = 'host=h password=s3cr3t')", "E1231", "password stands inside", "password_env"},
		{"CREATE SINK k FROM totals WITH (connector = 'postgres', url = 'postgres://h/x', password = 's3cr3t', password_env = 'WEIR_SINK_X')", "E1231", "twice", ""},
		{"CREATE SINK k FROM totals WITH (connector = 'postgres', url = 'postgres://h/x', password_env = 'HOME')", "E1231", "begins with WEIR_SINK_", ""},
		{"CREATE SINK k FROM totals WITH (connector = 'influxdb', url = 'http://h', db = 'd')", "E1231", "no event time", "time ="},
		{"CREATE SINK k FROM per_second WITH (connector = 'influxdb', url = 'http://h/write?p=s3cr3t', db = 'd')", "E1231", "without a path", ""},
		{"CREATE SINK k FROM per_second WITH (connector = 'influxdb', url = 'http://h', db = 'd', tags = 'n')", "E1231", "neither a tag nor the time", "add `path`"},
		{"CREATE SINK k FROM per_second WITH (connector = 'influxdb', url = 'http://h', db = 'd', tags = 'pth')", "E1054", "no column `pth`", "did you mean `path`"},
		{"CREATE SINK k FROM per_second WITH (connector = 'influxdb', url = 'http://h', db = 'd', time = 'n')", "E1231", "is a DATETIME", ""},
		{"CREATE SINK k AS SELECT ts, ms FROM hits WITH (connector = 'influxdb', url = 'http://h', db = 'd')", "E1231", "have no key", "tags ="},
		{"CREATE SINK k AS SELECT nope FROM hits WITH (connector = 'file', path = 'x')", "E1054", "nope", ""},
		{"DROP SINK nope", "E1146", "no sink `nope`", "SHOW SINKS"},
		{"DROP SINK totals", "E2005", "MATERIALIZED VIEW", "DROP MATERIALIZED VIEW"},
	} {
		status, body := post(t, s.url()+"/v1/sql", "text/plain", c.text, nil)
		var e struct {
			Error struct{ Code, Message, Hint string }
		}
		if err := json.Unmarshal(body, &e); err != nil || status != http.StatusBadRequest && status != http.StatusNotFound && status != http.StatusConflict {
			t.Errorf("%s: %d %s (%v)", c.text, status, body, err)
			continue
		}
		if e.Error.Code != c.code || !strings.Contains(e.Error.Message, c.message) || !strings.Contains(e.Error.Hint, c.hint) {
			t.Errorf("%s\n  gives %s %s\n  hint %s", c.text, e.Error.Code, e.Error.Message, e.Error.Hint)
		}
		if bytes.Contains(body, []byte("s3cr3t")) {
			t.Errorf("%s: the secret is in %s", c.text, body)
		}
	}
	s.must(t, `CREATE SINK one FROM raw WITH (connector = 'file', path = 'one');
		CREATE SINK IF NOT EXISTS one FROM raw WITH (connector = 'file', path = 'two');
		CREATE SINK two AS SELECT ms FROM hits WITH (connector = 'file', path = 'two')`)
	for text, want := range map[string]string{
		"DROP VIEW raw": "sink `one` reads `raw`",
		"CREATE OR REPLACE MATERIALIZED VIEW raw AS SELECT ms FROM hits": "sink `one` reads `raw`",
		"DROP STREAM hits":     "reads `hits`",
		"DROP VIEW `two$rows`": "sink `two` reads `two$rows`",
		"CREATE SINK three FROM `two$rows` WITH (connector = 'file', path = 'x')": "belongs to the sink `two`",
	} {
		if err := s.exec(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	s.must(t, "DROP SINK two; DROP SINK one; DROP VIEW raw; DROP SINK IF EXISTS one")
	if strings.Contains(log.String(), "s3cr3t") {
		t.Error("the secret is in the log")
	}
}
