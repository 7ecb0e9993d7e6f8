package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/dashboard/api"
	"weir/ingest"
)

// fetch decodes the JSON of a GET.
func fetch[T any](t *testing.T, url string, want int) (out T) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s: %s %s %v", url, resp.Status, body, err)
	}
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("%s: %s: %v", url, body, err)
	}
	return out
}

// TestLedgerOpensRows: the rows behind the numbers of a ledger are those that
// were sent, in JSON and in CSV, and each number has as many.
func TestLedgerOpensRows(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, `CREATE STREAM hits (path VARCHAR(9), ms BIGINT, at DATETIME, ts DATETIME AS (at + INTERVAL 0 SECOND), WATERMARK FOR ts AS ts - INTERVAL 1 SECOND) WITH (shards = 1)`)
	s.must(t, `CREATE MATERIALIZED VIEW slow AS SELECT window_end, COUNT(*) AS n FROM hits WHERE ms > 10 GROUP BY TUMBLE(ts, INTERVAL 10 SECOND)`)
	_, sub, err := s.open(t.Context(), "SELECT window_end, n FROM slow")
	if err != nil {
		t.Fatal(err)
	}
	records := func(contentType, body string) {
		t.Helper()
		if status, answer := post(t, s.url()+"/v1/streams/hits/records", contentType, body, nil); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	records("application/x-ndjson", `{"path":"/a","ms":20,"at":"2026-11-20 10:00:30"}`+"\n"+
		`{"path":"/late","ms":20,"at":"2026-11-20 10:00:05"}`+"\n"+
		`{"path":"/dull","ms":1,"at":"2026-11-20 10:00:05"}`+"\n"+
		`{"path":"/no time","ms":30}`+"\n"+
		`{"path":"/far","ms":30,"at":"2036-11-20 10:00:30"}`)
	records("text/csv", "at,path,ms\n2026-11-20 10:00:31,/b,40\n2026-11-20 10:00:06,\"/la\"\"te\",50\n")
	if err := s.exec(t, "SELECT * FROM slow"); err != nil { // waits for what was acknowledged
		t.Fatal(err)
	}
	list := fetch[struct{ Queries []api.QueryInfo }](t, s.url()+"/v1/queries", 200).Queries
	if len(list) != 2 || list[0].Kind != "view" || list[1].Kind != "live" || list[1].Reads != "slow" {
		t.Fatalf("queries %+v", list)
	}
	if l := list[0].Ledger; l.In != 7 || l.Late != 2 || l.Error != 2 || l.Filtered != 1 || l.Used != 2 {
		t.Fatalf("ledger %+v", l)
	}
	show := func(kind string) (out []string) {
		for _, r := range fetch[struct{ Rows []api.LostRow }](t, s.url()+"/v1/queries/slow/rows?kind="+kind, 200).Rows {
			out = append(out, fmt.Sprintf("%d %s: %s", r.Seq, r.Why, r.Row))
		}
		return out
	}
	wantLate := []string{
		`1 its last window had closed: the watermark was 19s past it: {"path":"/late","ms":20,"at":"2026-11-20 10:00:05"}`,
		`6 its last window had closed: the watermark was 20s past it: {"at":"2026-11-20 10:00:06","path":"/la\"te","ms":"50"}`,
	}
	if got := show("late"); strings.Join(got, "\n") != strings.Join(wantLate, "\n") {
		t.Errorf("late rows\n%s", strings.Join(got, "\n"))
	}
	got := show("error")
	if len(got) != 2 || got[0] != `3 its event time is NULL: {"path":"/no time","ms":30}` || !strings.Contains(got[1], `ahead of its arrival: {"path":"/far"`) {
		t.Errorf("error rows\n%s", strings.Join(got, "\n"))
	}
	fetch[any](t, s.url()+"/v1/queries/slow/rows?kind=used", 400)
	fetch[any](t, s.url()+"/v1/queries/slow/rows", 400)
	fetch[any](t, s.url()+"/v1/queries/nobody/rows?kind=late", 404)
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	if list := fetch[struct{ Queries []api.QueryInfo }](t, s.url()+"/v1/queries", 200).Queries; len(list) != 1 {
		t.Errorf("a closed subscription is still listed: %+v", list)
	}
}

// TestLedgerOpensRecords: records of Kinesis clients that are no rows are among those
// behind the number of errors, with why, where and what they are; and a row out of a
// record is shown by itself.
func TestLedgerOpensRecords(t *testing.T) {
	s := serveHere(t, t.TempDir())
	k := kinesisClient(s.url())
	s.must(t, "CREATE STREAM raw WITH (format = 'raw', shards = 1, idle_timeout = '0')")
	s.must(t, "CREATE STREAM hits (n BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (raw = 'raw', idle_timeout = '0')")
	s.must(t, "CREATE STREAM commas (n BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (raw = 'raw', format = 'csv', idle_timeout = '0')")
	s.must(t, "CREATE MATERIALIZED VIEW v AS SELECT window_start, COUNT(*) AS c FROM hits GROUP BY TUMBLE(ts, INTERVAL 1 SECOND)")
	s.must(t, "CREATE MATERIALIZED VIEW plain AS SELECT n FROM commas")
	const second = `,"ts":"2026-11-20 10:00:%02d"}`
	row := func(n, at int) string { return fmt.Sprintf(`{"n":%d`+second, n, at) }
	putAll(t, k, "raw", "a", row(1, 30), "b", row(2, 1)+`{"n":"x"}[]`, "c", "no\xff", "d", row(5, 3),
		"e", string(aggregated(ingest.Hash{}, row(6, 4), row(7, 40), `{"n":8}`, "{")), "f", "["+row(3, 41)+","+row(4, 2)+"]", "g", `{"n":9,"x":"`+strings.Repeat("ü", 20_000)+`"}`)
	s.must(t, "ALTER STREAM raw END")
	s.csvOf(t, "SELECT * FROM v") // it has read all
	s.csvOf(t, "SELECT COUNT(*) FROM plain")
	type answer struct{ Rows []api.LostRow }
	show := func(of, kind string) (out []string) {
		for _, r := range fetch[answer](t, s.url()+"/v1/queries/"+of+"/rows?kind="+kind, 200).Rows {
			text := string(r.Row)
			if r.RowBytes > 0 {
				text = fmt.Sprintf("%d of %d bytes", len(text), r.RowBytes)
			}
			if r.BehindMS > 0 {
				r.Why = "late"
			}
			out = append(out, fmt.Sprintf("%d.%d %s %s: %s", r.Seq, r.Sub, r.Reason, r.Why, text))
		}
		return out
	}
	wantLate := []string{
		`1.0  late: {"n":2,"ts":"2026-11-20 10:00:01"}`, `3.0  late: {"n":5,"ts":"2026-11-20 10:00:03"}`, `4.0  late: {"n":6,"ts":"2026-11-20 10:00:04"}`,
		`5.1  late: {"n":4,"ts":"2026-11-20 10:00:02"}`,
	}
	if d := cmp.Diff(wantLate, show("v", "late")); d != "" {
		t.Error(d)
	}
	wantErrors := []string{
		"1.1 BAD_TYPE `n`: \"x\" is not a BIGINT: {\"n\":\"x\"}",
		"1.2 NOT_OBJECT expected a JSON object, got []: []",
		`2.0 BAD_UTF8 the row is not valid UTF-8: "no\ufffd"`,
		`4.2 NULL_TS its event time is NULL: {"n":8}`,
		`4.3 BAD_JSON not valid JSON: {: "{"`,
		"6.0 NULL_TS its event time is NULL: 16394 of 40014 bytes",
	}
	if d := cmp.Diff(wantErrors, show("v", "error")); d != "" {
		t.Error(d)
	}
	if got := show("plain", "error"); len(got) != 10 || got[6] != `4.2 BAD_CSV 1 fields, expected 2: {"n":8}: {"n":8}` {
		t.Errorf("%q", got)
	}
	// They are those of the relation.
	for _, of := range []string{"v", "plain"} {
		relation := ""
		for _, r := range fetch[answer](t, s.url()+"/v1/queries/"+of+"/rows?kind=error", 200).Rows {
			relation += fmt.Sprintf("insert,%d,%d,%s\n", r.Seq, r.Sub, r.Reason)
		}
		got := strings.ReplaceAll(s.csvOf(t, `SELECT _seq AS q, _sub AS sub, _reason FROM `+of+`$errors WITH (start = 'earliest')`), "\r", "")
		if d := cmp.Diff("_op,q,sub,_reason\n"+relation, got); d != "" {
			t.Errorf("%s: %s", of, d)
		}
	}
}
