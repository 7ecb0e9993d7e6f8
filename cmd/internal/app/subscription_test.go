package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/dashboard/hub"
)

// line is a row of a subscription in NDJSON.
type line struct {
	Op        string `json:"_op"`
	Commit    *int64 `json:"_commit"`
	Watermark *string
	rest      string // the other columns
}

// lines sends a SUBSCRIBE and calls f for each line until it says no, the time is
// over, or the answer ends, which is an error.
func lines(t testing.TB, url, text string, within time.Duration, f func(line) bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/sql", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	switch {
	case ctx.Err() != nil: // a head is sent with the first line
		return nil
	case err != nil:
		return err
	}
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for {
		raw, err := r.ReadBytes('\n')
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if resp.StatusCode != http.StatusOK || strings.HasPrefix(string(raw), `{"error"`) {
			return fmt.Errorf("%s: %s", text, raw)
		}
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		_, l.rest, _ = strings.Cut(string(raw), `"_commit":`)
		_, l.rest, _ = strings.Cut(l.rest, ",")
		if strings.Contains(text, "PROGRESS") {
			_, l.rest, _ = strings.Cut(l.rest, ",") // the watermark
		}
		l.rest = strings.TrimSuffix(l.rest, "\n")
		if !f(l) {
			return nil
		}
	}
}

// reader keeps the rows that a subscription adds up to, as a careful client does: it
// takes rows in once their commit is whole, and goes on behind it.
type reader struct {
	what    string // behind SUBSCRIBE
	rows    map[string]int
	commit  int64
	changes int
	breaks  int
}

// read subscribes, and breaks off behind some lines.
func (r *reader) read(t testing.TB, url string, most int, within time.Duration) error {
	text := "SUBSCRIBE " + r.what
	if r.commit > 0 {
		text += fmt.Sprintf(" AS OF %d", r.commit)
	}
	r.breaks++
	var part []line
	return lines(t, url, text, within, func(l line) bool {
		if most--; most < 0 {
			return false
		}
		part = append(part, l)
		if l.Commit == nil {
			return true
		}
		if *l.Commit <= r.commit && l.Op != "progress" {
			t.Errorf("SUBSCRIBE %s: commit %d behind %d", r.what, *l.Commit, r.commit)
		}
		for _, p := range part {
			r.take(t, p)
		}
		part, r.commit = nil, *l.Commit
		return true
	})
}

func (r *reader) take(t testing.TB, l line) {
	switch l.Op {
	case "insert":
		r.rows[l.rest]++
	case "delete":
		r.rows[l.rest]--
		if r.rows[l.rest] < 0 {
			t.Errorf("SUBSCRIBE %s: a row leaves that is not there: %s", r.what, l.rest)
		}
		if r.rows[l.rest] == 0 {
			delete(r.rows, l.rest)
		}
	case "progress":
		return
	default:
		t.Errorf("_op is %q", l.Op)
	}
	r.changes++
}

// showing is what a SELECT shows, as rows of a reader.
func showing(t testing.TB, url, text string) map[string]int {
	t.Helper()
	_, body := post(t, url+"/v1/sql", "", text, map[string]string{"Accept": "application/x-ndjson"})
	rows := map[string]int{}
	for l := range strings.Lines(string(body)) {
		rows[strings.TrimPrefix(strings.TrimSuffix(l, "\n"), "{")]++
	}
	return rows
}

// TestSubscribeBreaks: whoever loses the connection at any line, with a restart of the
// server in between, too, and goes on behind the last commit that is whole, has each
// row once: what it adds up to is what the view shows.
func TestSubscribeBreaks(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port)
	c.sql(`CREATE STREAM hits (k BIGINT, v BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 5 SECOND) WITH (shards = 3);
		CREATE MATERIALIZED VIEW sums AS SELECT k, SUM(v) AS s, COUNT(*) AS n FROM hits GROUP BY k;
		CREATE MATERIALIZED VIEW big AS SELECT k, v, ts FROM hits WHERE v > 40;
		CREATE VIEW odd AS SELECT k, v FROM hits WHERE v % 2 = 1`)
	seed := time.Now().UnixNano()
	rnd := rand.New(rand.NewPCG(uint64(seed), 4))
	at := 0
	send := func() {
		var b strings.Builder
		for range 1 + rnd.IntN(60) {
			at++
			fmt.Fprintf(&b, `{"k":%d,"v":%d,"ts":"2026-11-20 10:%02d:%02d"}`+"\n", rnd.IntN(7), rnd.IntN(100), at/60%60, at%60)
		}
		if status, answer := post(t, c.url+"/v1/streams/hits/records", "", b.String(), nil); status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
	}
	send()
	readers := []*reader{
		{what: "TO sums"}, {what: "TO sums WITH (PROGRESS)"}, {what: "TO big"}, {what: "(SELECT k, s FROM sums WHERE k < 5)"},
		{what: "(SELECT k, v, ts FROM hits WITH (start = 'earliest'))"}, {what: "(SELECT k, v FROM odd WITH (start = 'earliest'))"},
		{what: "(SELECT k, COUNT(*) AS n FROM hits GROUP BY k WITH (start = 'earliest'))"},
	}
	for _, r := range readers {
		r.rows = map[string]int{}
	}
	for round := range 20 {
		for range rnd.IntN(3) {
			send()
		}
		if round == 8 || round == 16 {
			if round == 8 {
				c.kill()
			} else if err := c.stop(); err != nil {
				t.Fatal(err)
			}
			c = startServer(t, dir, port)
		}
		for _, r := range readers {
			if r == readers[4] && r.commit > 0 {
				r.what = "(SELECT k, v, ts FROM hits)" // without state any commit will do
			}
			if rnd.IntN(3) == 0 {
				continue
			}
			send()
			if err := r.read(t, c.url, 1+rnd.IntN([]int{60, 5000}[rnd.IntN(2)]), 60*time.Millisecond); err != nil {
				t.Fatalf("seed %d: SUBSCRIBE %s: %v", seed, r.what, err)
			}
		}
	}
	c.sql("CREATE MATERIALIZED VIEW odds AS SELECT k, v FROM odd; CREATE MATERIALIZED VIEW rows_of AS SELECT k, v, ts FROM hits; CREATE MATERIALIZED VIEW counts AS SELECT k, COUNT(*) AS n FROM hits GROUP BY k")
	of := []string{"SELECT * FROM sums", "SELECT * FROM sums", "SELECT * FROM big", "SELECT k, s FROM sums WHERE k < 5", "SELECT * FROM rows_of", "SELECT * FROM odds", "SELECT * FROM counts"}
	for i, r := range readers {
		want := showing(t, c.url, of[i])
		first := r.commit
		if !strings.Contains(r.what, "PROGRESS") {
			r.what += " WITH (PROGRESS)" // which says when all is there
		}
		text := "SUBSCRIBE " + r.what
		if first > 0 {
			text += fmt.Sprintf(" AS OF %d", first)
		}
		err := lines(t, c.url, text, time.Minute, func(l line) bool {
			if l.Op == "progress" {
				return false
			}
			r.take(t, l)
			return true
		})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !maps.Equal(r.rows, want) {
			t.Errorf("seed %d: SUBSCRIBE %s adds up to\n%s\nand the view shows\n%s", seed, r.what, strings.Join(slices.Sorted(maps.Keys(r.rows)), "\n"), strings.Join(slices.Sorted(maps.Keys(want)), "\n"))
		}
		t.Logf("%s: %d changes over %d connections, the last behind %d", r.what, r.changes, r.breaks, first)
	}
}

// TestSubscribeFormats: what a subscription says is the same in every format, lines of
// progress too.
func TestSubscribeFormats(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE STREAM hits (path VARCHAR(20), ms BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 1, idle_timeout = '0')")
	s.must(t, "CREATE MATERIALIZED VIEW slow AS SELECT path, MAX(ms) AS ms, MAX(ts) AS ts FROM hits GROUP BY path")
	s.send(t, 0, 2)
	s.must(t, "SELECT * FROM slow")
	head, _ := s.log.Head()
	for _, f := range []struct{ accept, what, want string }{
		{"application/x-ndjson", "WITH (PROGRESS)", `{"_op":"insert","_commit":null,"_watermark":null,"path":"/0","ms":0,"ts":"2026-11-20 10:00:00.000"}
{"_op":"insert","_commit":C,"_watermark":"2026-11-20 10:00:01.000","path":"/1","ms":1,"ts":"2026-11-20 10:00:01.000"}
{"_op":"progress","_commit":C,"_watermark":"2026-11-20 10:00:01.000","path":null,"ms":null,"ts":null}
`},
		{"text/csv", "WITH (PROGRESS)", `_op,_commit,_watermark,path,ms,ts
insert,,,/0,0,2026-11-20 10:00:00.000
insert,C,2026-11-20 10:00:01.000,/1,1,2026-11-20 10:00:01.000
progress,C,2026-11-20 10:00:01.000,,,
`},
		{"application/json", "WITH (PROGRESS)", `{"columns":[{"name":"_op","type":"VARCHAR"},{"name":"_commit","type":"BIGINT"},{"name":"_watermark","type":"DATETIME(3)"},{"name":"path","type":"VARCHAR(20)"},{"name":"ms","type":"BIGINT"},{"name":"ts","type":"DATETIME(3)"}],"rows":[
["insert",null,null,"/0",0,"2026-11-20 10:00:00.000"],
["insert",C,"2026-11-20 10:00:01.000","/1",1,"2026-11-20 10:00:01.000"],
["progress",C,"2026-11-20 10:00:01.000",null,null,null]`},
		{"text/event-stream", "WITH (PROGRESS)", `event: schema
data: {"columns":[{"name":"_op","type":"VARCHAR"},{"name":"_commit","type":"BIGINT"},{"name":"_watermark","type":"DATETIME(3)"},{"name":"path","type":"VARCHAR(20)"},{"name":"ms","type":"BIGINT"},{"name":"ts","type":"DATETIME(3)"}]}

data: {"_op":"insert","_commit":null,"_watermark":null,"path":"/0","ms":0,"ts":"2026-11-20 10:00:00.000"}

id: C
data: {"_op":"insert","_commit":C,"_watermark":"2026-11-20 10:00:01.000","path":"/1","ms":1,"ts":"2026-11-20 10:00:01.000"}

id: C
data: {"_op":"progress","_commit":C,"_watermark":"2026-11-20 10:00:01.000","path":null,"ms":null,"ts":null}

`},
		{"text/csv", "", "_op,_commit,path,ms,ts\ninsert,,/0,0,2026-11-20 10:00:00.000\ninsert,C,/1,1,2026-11-20 10:00:01.000\n"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url()+"/v1/sql", strings.NewReader("SUBSCRIBE TO slow "+f.what))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", f.accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(f.want, "C,", fmt.Sprint(head)+",")
		want = strings.ReplaceAll(want, "C\n", fmt.Sprint(head)+"\n")
		got := make([]byte, len(want))
		n, err := io.ReadFull(resp.Body, got)
		cancel()
		resp.Body.Close()
		if string(got[:n]) != want {
			t.Errorf("%s: %v\n%s\nis not\n%s", f.accept, err, got[:n], want)
		}
	}
}

// TestSubscribeMistakes: what cannot be subscribed to says what to write instead.
func TestSubscribeMistakes(t *testing.T) {
	dir := t.TempDir()
	s := serveHere(t, dir)
	s.must(t, "CREATE STREAM hits (path VARCHAR(20), ms BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 1)")
	s.must(t, "CREATE MATERIALIZED VIEW slow AS SELECT path, ms FROM hits WHERE ms > 5")
	s.must(t, "CREATE VIEW counted AS SELECT path, COUNT(*) AS n FROM hits GROUP BY path")
	s.send(t, 0, 10)
	before, _ := s.log.Head()
	s.must(t, "CREATE OR REPLACE MATERIALIZED VIEW slow AS SELECT path, ms FROM hits WHERE ms > 7")
	for text, want := range map[string]string{
		"SUBSCRIBE TO slo":                                                            "there is no stream or view `slo` (did you mean `slow`?)",
		"SUBSCRIBE TO slow AS OF 99999":                                               "is ahead of the log",
		fmt.Sprintf("SUBSCRIBE TO slow AS OF %d", before):                             "made, or replaced, at commit",
		"SUBSCRIBE TO slow AS OF 'yesterday'":                                         "'yesterday' is no position",
		"SUBSCRIBE TO slow AS OF -1":                                                  "expected a position behind AS OF",
		"SUBSCRIBE TO slow AS OF 1.5":                                                 "'1.5' is no position",
		"SUBSCRIBE TO slow WITH (SNAPSHOT) AS OF 9":                                   "leave one of them out",
		"SUBSCRIBE TO counted AS OF 5":                                                "depends on where it began",
		"SUBSCRIBE (SELECT COUNT(*) AS n FROM slow)":                                  "looks at all of the materialized view `slow`",
		"SUBSCRIBE (SELECT * FROM slow LIMIT 1)":                                      "looks at all of the materialized view `slow`",
		"SUBSCRIBE (SELECT 1)":                                                        "reads nothing that changes",
		"SUBSCRIBE (SELECT path AS _op FROM slow)":                                    "a column is called `_op`",
		"SUBSCRIBE (SELECT nothing FROM slow)":                                        "there is no column `nothing`",
		"SUBSCRIBE (SELECT path FROM hits WITH (begin = '1'))":                        "unknown option `begin`",
		"SUBSCRIBE (SELECT path FROM hits WITH (start = 'earliest')) WITH (SNAPSHOT)": "leave SNAPSHOT out",
		"SUBSCRIBE (SELECT path FROM slow UNION ALL SELECT path FROM slow)":           "a subscription to a UNION",
	} {
		_, body := post(t, s.url()+"/v1/sql", "", text, nil)
		var answer struct {
			Error struct{ Message, Hint string }
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Errorf("%s: %s", text, body)
			continue
		}
		if got := answer.Error.Message + " (" + answer.Error.Hint + ")"; !strings.Contains(got, want) || answer.Error.Hint == "" {
			t.Errorf("%s: %s", text, got)
		}
	}
	if _, errs, code := weir(t, "", "query", "CREATE VIEW v AS SELECT 1 AS a; SUBSCRIBE TO v"); code == 0 || !strings.Contains(errs, "SUBSCRIBE is for a server") {
		t.Errorf("weir query says %s", errs)
	}
}

// TestSubscribeOverWebsocket: there SUBSCRIBE TO v is SELECT * FROM v, which it shares a
// run with, and whose tokens SUBSCRIBE … AS OF takes, also of a query that keeps state.
func TestSubscribeOverWebsocket(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE STREAM hits (path VARCHAR(20), ms BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 1)")
	s.must(t, "CREATE MATERIALIZED VIEW slow AS SELECT path, ms FROM hits WHERE ms > 5")
	s.send(t, 0, 10)
	for a, b := range map[string]string{
		"SUBSCRIBE TO slow":                 "SELECT * FROM slow",
		"SUBSCRIBE hits":                    "SELECT * FROM hits",
		"SUBSCRIBE hits WITH (SNAPSHOT)":    "SELECT * FROM hits WITH (start = 'earliest')",
		"SUBSCRIBE (SELECT path FROM slow)": "SELECT path FROM slow",
	} {
		if got, want := s.prepare(t, a).ID(), s.prepare(t, b).ID(); got != want {
			t.Errorf("%s: %s, and %s: %s", a, got, b, want)
		}
	}
	for text, want := range map[string]string{
		"SUBSCRIBE TO slow AS OF 3":                 "AS OF is for POST /v1/sql",
		"SUBSCRIBE TO slow WITH (SNAPSHOT = FALSE)": "SNAPSHOT = FALSE is for POST /v1/sql",
		"SHOW VIEWS": "only a SELECT can be subscribed to",
	} {
		if _, err := s.db.Prepare(t.Context(), hub.Request{SQL: text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	const counts = "SELECT path, COUNT(*) AS n FROM hits GROUP BY path"
	k := &keeper{t: t, sql: counts, rnd: rand.New(rand.NewPCG(1, 2)), at: &contents{by: map[string]string{}}, table: map[string]string{}}
	url := s.url()
	k.url.Store(&url)
	k.connect()
	defer k.ws.Close()
	for len(k.table) < 3 && k.read() {
	}
	s.send(t, 10, 11)
	// It began with the oldest record, as the token says, and so does this.
	var got []string
	err := lines(t, url, fmt.Sprintf("SUBSCRIBE (%s WITH (start = 'earliest')) AS OF '%s'", counts, k.tok), time.Minute, func(l line) bool {
		got = append(got, l.Op+" "+l.rest)
		return len(got) < 2
	})
	want := []string{`delete "path":"/1","n":3}`, `insert "path":"/1","n":4}`}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("behind the token come %q (%v), not %q", got, err, want)
	}
	if err := lines(t, url, fmt.Sprintf("SUBSCRIBE TO slow AS OF '%s'", k.tok), time.Second, func(line) bool { return true }); err == nil || !strings.Contains(err.Error(), "the token is of another statement") {
		t.Errorf("the token of another statement: %v", err)
	}
}

// TestReplaceSaysWhatItReads: who replaces a view is told from how much it is made again.
func TestReplaceSaysWhatItReads(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE STREAM hits (path VARCHAR(20), ms BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 1)")
	s.send(t, 0, 10)
	const statement = "CREATE OR REPLACE MATERIALIZED VIEW slow AS SELECT path FROM hits"
	if _, body := post(t, s.url()+"/v1/sql", "", statement, nil); string(body) != `{"columns":[],"rows":[]}`+"\n" {
		t.Errorf("what is made for the first time says %s", body)
	}
	_, body := post(t, s.url()+"/v1/sql", "", statement+" WHERE ms > 3", nil)
	if !strings.Contains(string(body), "\"notes\":[\"`slow` is made again from what is kept of hits: ") {
		t.Errorf("it says %s", body)
	}
	if _, body := post(t, s.url()+"/v1/sql", "", statement, map[string]string{"Accept": "text/csv"}); len(body) != 0 {
		t.Errorf("as CSV it says %s", body)
	}
}
