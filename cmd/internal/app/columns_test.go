package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const beats = `CREATE STREAM beats (id BIGINT, ms BIGINT, doc JSON, ts DATETIME(3) AS (FROM_UNIXTIME(ms / 1000)), kind VARCHAR AS (doc->>'$.kind'), WATERMARK FOR ts AS ts - INTERVAL 1 SECOND)`

func beat(i int) string {
	return fmt.Sprintf(`{"id":%d,"ms":%d,"doc":{"kind":"k%d", "n":[%d, {"deep":"é\n"}]}}`, i, 1_763_632_800_000+i*250, i%3, i)
}

const perKind = `SELECT window_start, kind, COUNT(*) AS n, SUM(CAST(doc->'$.n[0]' AS BIGINT)) AS total, MAX(ts) AS last FROM beats GROUP BY kind, TUMBLE(ts, INTERVAL 10 SECOND)`

// TestComputedColumns reads the same rows from a file and from a server, also
// after a restart: event time, group key and sums are all computed.
func TestComputedColumns(t *testing.T) {
	var rows strings.Builder
	for i := range 400 {
		rows.WriteString(beat(i) + "\n")
	}
	path := filepath.Join(t.TempDir(), "beats.jsonl")
	if err := os.WriteFile(path, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := weir(t, "", "query", "--format", "ndjson",
		beats+` WITH (connector = 'file', path = '`+path+`'); `+perKind+` ORDER BY window_start, kind`)
	if code != 0 || strings.Count(out, "\n") != 30 || !strings.HasPrefix(out, `{"window_start":"2025-11-20 10:00:00.000","kind":"k0","n":14,"total":"273","last":"2025-11-20 10:00:09.750"}`) {
		t.Fatalf("exit %d %s\n%s", code, errs, out)
	}
	dir, port := t.TempDir(), freePort(t)
	s := startServer(t, dir, port)
	s.sql(beats + ` WITH (shards = 3, idle_timeout = '0'); CREATE MATERIALIZED VIEW per_kind AS ` + perKind + `; CREATE MATERIALIZED VIEW docs AS SELECT id, doc FROM beats`)
	if status, body := post(t, s.url+"/v1/streams/beats/records", "", rows.String(), nil); status != http.StatusOK || !strings.Contains(string(body), `"accepted":400,"rejected":0`) {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := post(t, s.url+"/v1/streams/beats/end", "", "", nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	check := func() {
		t.Helper()
		status, body := post(t, s.url+"/v1/sql", "", "SELECT * FROM per_kind ORDER BY window_start, kind", map[string]string{"Accept": "application/x-ndjson"})
		if status != http.StatusOK || string(body) != out {
			t.Errorf("%d\n%s\nand from the file\n%s", status, body, out)
		}
	}
	check()
	const doc = `{"kind":"k2","n":[5,{"deep":"é\n"}]}`
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]string{
		"application/json":     `[5,` + doc + `]`,
		"application/x-ndjson": `{"id":5,"doc":` + doc + `}`,
		"text/csv":             `5,"` + strings.ReplaceAll(doc, `"`, `""`) + `"`,
		"text/event-stream":    `data: {"id":5,"doc":` + doc + `}`,
	} {
		_, body := post(t, s.url+"/v1/sql", "", "SELECT * FROM docs WHERE id = 5", map[string]string{"Accept": accept})
		if !strings.Contains(string(body), want) || strings.Contains(string(body), string(text)) {
			t.Errorf("%s: %s", accept, body)
		}
	}
	want := `[[id BIGINT ] [ms BIGINT ] [doc JSON ] [ts DATETIME(3) generated, event time] [kind VARCHAR generated]]`
	if got := fmt.Sprint(s.sql("DESCRIBE beats")); got != want {
		t.Errorf("DESCRIBE says %s", got)
	}
	created := fmt.Sprint(s.sql("SHOW CREATE beats"))
	if !strings.Contains(created, "ts DATETIME(3) AS (FROM_UNIXTIME(ms / 1000)), kind VARCHAR AS (JSON_UNQUOTE(JSON_EXTRACT(doc, '$.kind')))") {
		t.Errorf("SHOW CREATE says %s", created)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	s = startServer(t, dir, port)
	check()
}

// TestAfter: a SELECT names the commit of an answer and sees its rows; a commit
// that the log does not have is refused at once, and one that a view does not
// reach, in time.
func TestAfter(t *testing.T) {
	s := startServer(t, t.TempDir(), freePort(t))
	s.sql(`CREATE STREAM seen (n BIGINT); CREATE MATERIALIZED VIEW counted AS SELECT COUNT(*) AS n FROM seen; CREATE VIEW plain AS SELECT n FROM counted`)
	var ack struct{ Commit uint64 }
	for i := range 50 {
		_, body := post(t, s.url+"/v1/streams/seen/records", "", `{"n":1}`, nil)
		if err := json.Unmarshal(body, &ack); err != nil {
			t.Fatal(err)
		}
		_, body = post(t, fmt.Sprintf("%s/v1/sql?after=%d", s.url, ack.Commit), "", "SELECT n FROM plain", nil)
		if want := fmt.Sprintf("[%d]", i+1); !strings.Contains(string(body), want) {
			t.Fatalf("commit %d: %s, want %s", ack.Commit, body, want)
		}
	}
	for query, want := range map[string]string{
		"after=99999999":             "409 COMMIT_AHEAD",
		"after=x":                    "400 BAD_PARAMETER",
		"after=-1":                   "400 BAD_PARAMETER",
		"after=1&after=2":            "400 BAD_PARAMETER",
		"after=1&timeout=soon":       "400 BAD_PARAMETER",
		"after=1&timeout=1h":         "400 BAD_PARAMETER",
		"timeout=1s":                 "400 BAD_PARAMETER",
		"aftr=1":                     "400 BAD_PARAMETER did you mean after?",
		"%zz":                        "400 BAD_PARAMETER",
		"after=1&timeout=1ms":        "200",
		"after=99999999&timeout=10m": "409 COMMIT_AHEAD", // at once: nobody waits for the answer so long
	} {
		status, body := post(t, s.url+"/v1/sql?"+query, "", "SELECT n FROM counted", nil)
		code, hint, _ := strings.Cut(strings.TrimPrefix(want, fmt.Sprint(status)+" "), " ")
		if !strings.HasPrefix(want, fmt.Sprint(status)) || status != http.StatusOK && !strings.Contains(string(body), code) || !strings.Contains(string(body), hint) {
			t.Errorf("?%s: %d %s, want %s", query, status, body, want)
		}
	}
}
