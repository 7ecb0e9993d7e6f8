package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestInsertValues: rows that a statement writes are rows that a producer sends.
func TestInsertValues(t *testing.T) {
	c := startServer(t, t.TempDir(), freePort(t))
	c.sql(`CREATE STREAM s (id INT, name VARCHAR(5), price DECIMAL(6,2), ts DATETIME(3), d DATE, ok BOOLEAN, j JSON, b VARBINARY(4),
		n BIGINT AS (id * 2), WATERMARK FOR ts AS ts - INTERVAL 5 SECOND) WITH (shards = 2, partition_key = 'id')`)
	read := func(want int) string {
		t.Helper()
		_, body := post(t, c.url+"/v1/sql", "text/plain", fmt.Sprintf("SELECT * FROM s WITH (start = 'earliest') LIMIT %d", want), nil)
		return string(body)
	}
	insert := func(text string, rows int) {
		t.Helper()
		if got := c.sql(text); len(got) != 1 || fmt.Sprint(got[0][0]) != fmt.Sprint(rows) || fmt.Sprint(got[0][1]) == "0" {
			t.Errorf("%s\nsays %v", text, got)
		}
	}
	insert(`INSERT INTO s VALUES (1.5, 'abc', 3.14159, '2026-01-02 03:04:05.6789', '2026-01-02', TRUE, '{"a": 1}', 'xy')`, 1)
	insert(`INSERT INTO s (name, id, ts) VALUES (UPPER('x'), 2 + 2, '2026-01-02'), (1.50, NULL, DATE '2026-01-03')`, 2)
	for _, want := range []string{
		`{"id":2,"name":"abc","price":"3.14","ts":"2026-01-02 03:04:05.678","d":"2026-01-02","ok":true,"j":{"a":1},"b":"eHk=","n":4}`,
		`{"id":4,"name":"X","price":null,"ts":"2026-01-02 00:00:00.000","d":null,"ok":null,"j":null,"b":null,"n":8}`,
		`{"id":null,"name":"1.50","price":null,"ts":"2026-01-03 00:00:00.000","d":null,"ok":null,"j":null,"b":null,"n":null}`,
	} {
		if got := read(3); !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
	// The last INSERT of a text says what it did; a query has the last word.
	if got := c.sql(`INSERT INTO s (ts) VALUES ('2026-01-04'); INSERT INTO s (ts) VALUES ('2026-01-04'), ('2026-01-05')`); fmt.Sprint(got[0][0]) != "2" {
		t.Errorf("two INSERTs say %v", got)
	}
	if got := c.sql(`INSERT INTO s (ts) VALUES ('2026-01-06'); SHOW STREAMS`); fmt.Sprint(got[0][0]) != "s" {
		t.Errorf("a query behind an INSERT says %v", got)
	}
	// Each UUID() of a statement is another one.
	insert(`INSERT INTO s (name, ts) VALUES (LEFT(UUID(), 5), '2026-01-07'), (LEFT(UUID(), 5), '2026-01-07')`, 2)
}

// TestInsertValuesRefused: what a stream does not take is pointed at, and then
// nothing is inserted.
func TestInsertValuesRefused(t *testing.T) {
	c := startServer(t, t.TempDir(), freePort(t))
	c.sql(`CREATE STREAM s (id INT, name VARCHAR(5), ts DATETIME(3), ok BOOLEAN, j JSON, f DOUBLE, n BIGINT AS (id * 2), WATERMARK FOR ts AS ts)`)
	c.sql(`CREATE VIEW v AS SELECT id FROM s`)
	for _, x := range []struct{ text, at, message, hint string }{
		{`INSERT INTO s (name, ts) VALUES ('a', '2026-01-02'), ('toolong', '2026-01-02')`, `'toolong'`, "BAD_TYPE", "1 of 2 rows is refused, and nothing was inserted"},
		{`INSERT INTO s (name, ts) VALUES ('a', '2099-01-02')`, `'2099-01-02'`, "FUTURE_TS", ""},
		{`INSERT INTO s (name, ts) VALUES ('a', '2099')`, `'2099'`, "BAD_TIME", ""},
		{`INSERT INTO s (id) VALUES (1)`, `1`, "NULL_TS", ""},
		{`INSERT INTO s (id, ts) VALUES (3e9, '2026-01-02')`, `3e9`, "OUT_OF_RANGE", ""},
		{`INSERT INTO s (id, ts) VALUES ('12x', '2026-01-02')`, `'12x'`, "BAD_TYPE", ""},
		{`INSERT INTO s (ok, ts) VALUES (5, '2026-01-02')`, `5`, "BAD_TYPE", ""},
		{`INSERT INTO s (j, ts) VALUES ('{', '2026-01-02')`, `'{'`, "BAD_JSON", ""},
		{`INSERT INTO s (ts) VALUES (20260102)`, `20260102`, "a BIGINT is no value for the DATETIME(3) column", "FROM_UNIXTIME"},
		{`INSERT INTO s (j, ts) VALUES (77, '2026-01-02')`, `77`, "no value for the JSON column", "CAST"},
		{`INSERT INTO s (ts, tsx) VALUES (1, 2)`, `tsx`, "has no column `tsx`", "did you mean `ts`"},
		{`INSERT INTO s (ts, TS) VALUES (1, 2)`, `TS`, "stands here twice", ""},
		{`INSERT INTO s (n, ts) VALUES (1, 2)`, `n`, "generated column", "leave it out"},
		{`INSERT INTO s VALUES (1, 2)`, `1, 2`, "row 1 has 2 values, and `s` takes 6", "id, name, ts, ok, j, f"},
		{`INSERT INTO s (id, ts) VALUES (COUNT(*), '2026-01-02')`, "", "there are no rows to aggregate", "SELECT"},
		{`INSERT INTO s (id, ts) VALUES (idx, '2026-01-02')`, `idx`, "no column `idx`", "constants"},
		{`INSERT INTO ss (id) VALUES (1)`, `ss`, "there is no stream `ss`", "did you mean `s`"},
		{`INSERT INTO v (id) VALUES (1)`, `v`, "`v` is a view", "INSERT INTO a stream"},
	} {
		status, body := post(t, c.url+"/v1/sql", "text/plain", x.text, nil)
		said := string(body)
		at := strings.LastIndex(x.text, x.at)
		span := fmt.Sprintf(`"span":{"start":%d,"end":%d}`, at, at+len(x.at))
		if status == http.StatusOK || !strings.Contains(said, x.message) || !strings.Contains(said, x.hint) || x.at != "" && !strings.Contains(said, span) {
			t.Errorf("%s: %d\n%s\nwant %s", x.text, status, said, span)
		}
	}
	if status, _ := post(t, c.url+"/v1/streams/s/records", "", `{"id":1,"ts":"2026-01-02 00:00:00"}`, nil); status != http.StatusOK {
		t.Fatal(status)
	}
	if _, body := post(t, c.url+"/v1/sql", "text/plain", "SELECT id FROM s WITH (start = 'earliest') LIMIT 1", nil); !strings.Contains(string(body), `{"id":1}`) {
		t.Errorf("the stream begins with %s", body)
	}
	if _, stderr, code := weir(t, "", "query", "INSERT INTO s VALUES (1)"); code == 0 || !strings.Contains(stderr, "needs a server") {
		t.Errorf("weir query: %s", stderr)
	}
}
