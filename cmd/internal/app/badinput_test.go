package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// badInput is something that a producer or a person gets wrong, and what the
// answer has to say.
type badInput struct {
	name   string
	path   string // "" is the records of `good`
	kind   string
	coding string
	body   string
	status int
	want   []string // parts of the answer
}

// badBodies are requests that bring no good row.
func badBodies(t *testing.T) []badInput {
	const good = `{"k":"a","n":1,"ts":"2025-11-20 10:00:00"}`
	bomb := strings.Repeat(" ", 40<<20)
	return []badInput{
		{name: "truncated object", body: `{"k":"a","n":`, status: 400, want: []string{`"rejected":1`, "BAD_JSON"}},
		{name: "truncated array", body: `[{"k":"a","n":1,`, status: 400, want: []string{"BAD_JSON"}},
		{name: "empty", body: "", status: 400, want: []string{"EMPTY_BODY", "one JSON object a line"}},
		{name: "no object", body: `7`, status: 400, want: []string{"NOT_OBJECT", "expected a JSON object"}},
		{name: "bad UTF-8", body: "{\"k\":\"\xff\"}", status: 400, want: []string{"BAD_UTF8"}},
		{name: "too deep", body: `{"k":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, status: 400, want: []string{"TOO_DEEP", "64 levels"}},
		{name: "wrong type", body: `{"n":"many","ts":1}`, status: 400, want: []string{"BAD_TYPE", `"column":"n"`, `\"many\" is not a BIGINT`}},
		{name: "out of range", body: `{"n":9223372036854775808,"ts":1}`, status: 400, want: []string{"OUT_OF_RANGE", "9223372036854775808"}},
		{name: "bad time", body: `{"ts":"yesterday"}`, status: 400, want: []string{"BAD_TIME", "YYYY-MM-DD"}},
		{name: "NULL time", body: `{"k":"a","ts":null}`, status: 400, want: []string{"NULL_TS", `"column":"ts"`}},
		{name: "no time", body: `{"k":"a"}`, status: 400, want: []string{"NULL_TS"}},
		{name: "the future", body: `{"ts":"2999-01-01 00:00:00"}`, status: 400, want: []string{"FUTURE_TS", "ahead of the clock"}},
		{name: "generated column", body: `{"ts":1,"twice":4}`, status: 400, want: []string{"GENERATED_COLUMN", "`twice` is a generated column"}},
		{name: "large row", body: `{"k":"` + strings.Repeat("x", 1<<20) + `"}`, status: 400, want: []string{"ROW_TOO_LARGE"}},
		{name: "large request", body: strings.Repeat(good+"\n", 400_000), status: 413, want: []string{"TOO_LARGE", "several requests"}},
		{name: "bad gzip", coding: "gzip", body: "nonsense", status: 400, want: []string{"BAD_ENCODING", "gzip"}},
		{name: "cut gzip", coding: "gzip", body: gzipped(t, good)[:20], status: 400, want: []string{"BAD_ENCODING"}},
		{name: "bad zstd", coding: "zstd", body: "nonsense", status: 400, want: []string{"BAD_ENCODING", "zstd"}},
		{name: "gzip bomb", coding: "gzip", body: gzipped(t, bomb), status: 413, want: []string{"counted decompressed"}},
		{name: "zstd bomb", coding: "zstd", body: zstandard(t, bomb), status: 413, want: []string{"counted decompressed"}},
		{name: "unknown coding", coding: "br", body: good, status: 415, want: []string{"gzip or zstd"}},
		{name: "wrong content type", kind: "image/png", body: good, status: 415, want: []string{"image/png"}},
		{name: "CSV without a header", kind: "text/csv", body: "a,1,2025-11-20 10:00:00\n", status: 400, want: []string{"BAD_HEADER", "k,n,ts"}},
		{name: "CSV with too few fields", kind: "text/csv", body: "k,n,ts\na,1\n", status: 400, want: []string{"BAD_CSV", "2 fields, expected 3"}},
		{name: "no such stream", path: "/v1/streams/god/records", body: good, status: 404, want: []string{"UNKNOWN_STREAM", "did you mean `good`?"}},
		{name: "records to a view", path: "/v1/streams/counted/records", body: good, status: 404, want: []string{"not to a view"}},
		{name: "unknown parameter", path: "/v1/streams/good/records?partitionkey=a", body: good, status: 400, want: []string{"partition"}},
		{name: "long URL", path: "/v1/streams/good/records?partition_key=" + strings.Repeat("x", 60<<10), body: good, status: 431},
	}
}

// badStatements are texts that POST /v1/sql refuses; the part between ‹ and › is
// where the answer has to point.
func badStatements() []badInput {
	var out []badInput
	for _, c := range []struct {
		sql    string
		status int
		want   []string
	}{
		{"SELECT ‹prise› FROM counted", 400, []string{"E1054", "there is no column"}},
		{"SELECT ‹m› FROM good", 400, []string{"did you mean"}},
		{"CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) FROM ‹god›", 400, []string{"did you mean `good`?"}},
		{"CREATE VIEW v AS SELECT 1 AS one FROM ‹nothing_like_it›", 400, []string{"nothing_like_it"}},
		{"CREATE STREAM s (a BIGINT) WITH (‹shads› = 2)", 400, []string{"did you mean shards?"}},
		{"CREATE STREAM s (a BIGINT) WITH (shards = ‹'many'›)", 400, []string{"shards"}},
		{"CREATE STREAM s (a ‹BIGNIT›)", 400, []string{"did you mean BIGINT?"}},
		{"CREATE STREAM s (a BIGINT AS (‹b› + 1), c BIGINT)", 400, []string{"there is no column `b`"}},
		{"CREATE STREAM s (a BIGINT, b BIGINT AS (a)) WITH (partition_key = ‹'b'›)", 400, []string{"generated column"}},
		{"SELECT n FROM good WITH (‹stat› = 'earliest')", 400, []string{"unknown option `stat`", "start"}},
		{"SELECT n FROM good WITH (start = ‹'whenever'›)", 400, []string{"'earliest'"}},
		{"CREATE MATERIALIZED VIEW v WITH (‹retenton› = '1d') AS SELECT n FROM good", 400, []string{"retenton"}},
		{"SELECT doc->'$.a[‹x›]' FROM good", 400, []string{"last"}},
		{"SELECT ‹nosuch›(1)", 400, []string{"there is no function"}},
		{"‹SELCT› 1", 400, nil},
		{"SELECT 'never closed", 400, []string{"never closed"}},
		{"SELECT " + strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200), 400, nil},
		{"SELECT 1 -- " + strings.Repeat("x", 70<<10), 413, []string{"65536"}},
		{`{"sql":"SELECT 1","sqll":1}`, 400, []string{"sqll"}},
		{`{"sql":`, 400, []string{"breaks off"}},
		{"SELECT '\xff'", 400, []string{"UTF-8"}},
		{"", 400, []string{"no statement"}},
	} {
		text, want := c.sql, c.want
		if before, rest, marked := strings.Cut(text, "‹"); marked {
			at, behind, _ := strings.Cut(rest, "›")
			text = before + at + behind
			want = append(want, fmt.Sprintf(`"span":{"start":%d,"end":%d}`, len(before), len(before)+len(at)))
		}
		out = append(out, badInput{name: text[:min(len(text), 60)], path: "/v1/sql", kind: "text/plain", body: text, status: c.status, want: want})
	}
	return append(out,
		badInput{name: "SQL as an image", path: "/v1/sql", kind: "image/png", body: "SHOW STREAMS", status: 415, want: []string{"image/png"}},
		badInput{name: "SQL compressed", path: "/v1/sql", coding: "gzip", body: "SHOW STREAMS", status: 415, want: []string{"uncompressed"}},
		badInput{name: "unknown path", path: "/v1/sq", body: "SHOW STREAMS", status: 404, want: []string{"POST /v1/sql"}},
	)
}

// TestBadInput sends everything wrong that there is. Each answer says what is
// wrong, and behind each a good record is stored and counted, and quickly.
func TestBadInput(t *testing.T) {
	s := startServer(t, t.TempDir(), freePort(t))
	s.sql(`CREATE STREAM good (k VARCHAR, n BIGINT, ts DATETIME(3), doc JSON, twice BIGINT AS (n * 2), WATERMARK FOR ts AS ts);
		CREATE MATERIALIZED VIEW counted AS SELECT COUNT(*) AS n, SUM(twice) AS total FROM good`)
	sent := 0
	fine := func(name string) {
		t.Helper()
		began := time.Now()
		sent++
		status, body := post(t, s.url+"/v1/streams/good/records", "", fmt.Sprintf(`{"k":"a","n":%d,"ts":"2025-11-20 10:00:00"}`, sent), nil)
		if status != http.StatusOK || !strings.Contains(string(body), `"accepted":1,"rejected":0`) {
			t.Fatalf("behind %s a good record is answered %d %s", name, status, body)
		}
		if got, want := fmt.Sprint(s.sql("SELECT * FROM counted")), fmt.Sprintf("[[%d %d]]", sent, sent*(sent+1)); got != want {
			t.Fatalf("behind %s the view shows %s, want %s", name, got, want)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("behind %s a good record takes %s", name, d)
		}
	}
	fine("the start")
	for _, c := range append(badBodies(t), badStatements()...) {
		path := c.path
		if path == "" {
			path = "/v1/streams/good/records"
		}
		header := map[string]string{}
		if c.coding != "" {
			header["Content-Encoding"] = c.coding
		}
		status, body := post(t, s.url+path, c.kind, c.body, header)
		if status == 0 && c.status == http.StatusRequestEntityTooLarge {
			status = c.status // the server cut the connection while the body was on its way
			body = []byte(strings.Join(c.want, " "))
		}
		if status != c.status {
			t.Errorf("%s: status %d, want %d: %.300s", c.name, status, c.status, body)
		}
		for _, want := range c.want {
			if !strings.Contains(string(body), want) {
				t.Errorf("%s: nothing says %s: %.500s", c.name, want, body)
			}
		}
		fine(c.name)
	}
	for _, header := range []map[string]string{{"X-Long": strings.Repeat("x", 60<<10)}, {"Idempotency-Key": strings.Repeat("x", 300)}, {"Accept": "image/png"}} {
		if status, body := post(t, s.url+"/v1/sql", "", "SHOW STREAMS", header); header["Idempotency-Key"] == "" && status < 400 {
			t.Errorf("a bad header is answered %d %s", status, body)
		}
		fine("a bad header")
	}
	// A bad row takes no good one with it, and a name that nobody reads is told.
	sent++
	status, body := post(t, s.url+"/v1/streams/good/records", "", fmt.Sprintf("{\"n\":\"x\"}\n{\"n\":%d,\"ts\":1,\"docc\":{}}\n{", sent), nil)
	for _, want := range []string{`"accepted":1,"rejected":2`, `"row":1`, `"row":3`, `"unknown":[{"name":"docc","rows":1,"hint":"did you mean ` + "`doc`" + `?"}]`} {
		if status != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%d %s; want %s", status, body, want)
		}
	}
	fine("a mixed body")
	silent(t, s, fine)
}

// silent has a subscriber that never reads: it is closed, or waits, and nobody
// else does.
func silent(t *testing.T, s *child, fine func(string)) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"weir.v1"}, ReadBufferSize: 1024}
	conn, resp, err := dialer.Dial(strings.Replace(s.url, "http", "ws", 1)+"/v1/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	defer conn.Close()
	s.sql("CREATE STREAM flood (pad VARCHAR)")
	if err := conn.WriteJSON(map[string]string{"t": "sub", "id": "p", "sql": "SELECT pad FROM flood", "start": "earliest"}); err != nil {
		t.Fatal(err)
	}
	rows := strings.Repeat(`{"pad":"`+strings.Repeat("x", 1000)+`"}`+"\n", 4000)
	for range 10 { // far more than sockets and queues hold
		if status, body := post(t, s.url+"/v1/streams/flood/records", "", rows, nil); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		fine("a subscriber that never reads")
	}
}
