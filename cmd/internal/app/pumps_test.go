package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pumpStreams makes two streams and rows in the first.
func pumpStreams(c *child) {
	c.sql("CREATE STREAM a (k BIGINT, v DECIMAL(10,2), ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 2, partition_key = 'k')")
	c.sql("CREATE STREAM b (k BIGINT, v BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 3, partition_key = 'k')")
	c.sql("CREATE STREAM t (window_start DATETIME(3), n BIGINT, total DECIMAL(20,2), WATERMARK FOR window_start AS window_start)")
}

// until waits for a statement to say something.
func (c *child) until(text, want string) {
	c.t.Helper()
	last := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if last = fmt.Sprint(c.sql(text)); last == want {
			return
		}
	}
	c.t.Fatalf("%s\nsays %s, not %s", text, last, want)
}

func TestPump(t *testing.T) {
	c := startServer(t, t.TempDir(), freePort(t))
	pumpStreams(c)
	c.sql("INSERT INTO a VALUES (1, 1.5, '2026-01-01 10:00:00'), (2, 2.4, '2026-01-01 10:00:01'), (1, 9, '2026-01-01 10:00:02')")
	if got := c.sql("INSERT INTO b SELECT k, v, ts FROM a WHERE v < 9"); fmt.Sprint(got) != "[[insert_1 b]]" {
		t.Errorf("it says %v", got)
	}
	c.sql("CREATE PUMP windows AS INSERT INTO t (n, window_start, total) SELECT COUNT(*), window_start, SUM(v) FROM b GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)")
	c.sql("CREATE MATERIALIZED VIEW seen AS SELECT COUNT(*) AS n, SUM(v) AS v FROM b")
	c.until("SELECT n, v FROM seen", "[[2 4]]")
	c.sql("INSERT INTO a VALUES (3, 5, '2026-01-01 10:05:00'), (1, 5, '2026-01-01 10:05:00'), (2, 5, '2026-01-01 10:05:00'), (4, 5, '2026-01-01 10:05:00'), (5, 5, '2026-01-01 10:05:00'), (6, 5, '2026-01-01 10:05:00')")
	c.sql("CREATE MATERIALIZED VIEW closed AS SELECT window_start, n, total FROM t")
	c.until("SELECT n, total FROM closed", "[[2 4.00]]")
	c.until("SELECT * FROM seen", "[[8 34]]")
	shown := fmt.Sprint(c.sql("SHOW PUMPS"))
	if !strings.Contains(shown, "[insert_1 a b running 8 0 ") || !strings.Contains(shown, "[windows b t running 1 0 ") {
		t.Errorf("SHOW PUMPS says %s", shown)
	}
	if shown := fmt.Sprint(c.sql("SHOW CREATE windows")); !strings.Contains(shown, "CREATE PUMP windows AS INSERT INTO t (n, window_start, total) SELECT") {
		t.Errorf("SHOW CREATE says %s", shown)
	}
	if shown := fmt.Sprint(c.sql("DESCRIBE insert_1")); shown != "[[k BIGINT b.k] [v DECIMAL(10,2) b.v] [ts DATETIME(3) b.ts]]" {
		t.Errorf("DESCRIBE says %s", shown)
	}
	if shown := fmt.Sprint(c.sql("SHOW VIEWS")); strings.Contains(shown, "insert_1") {
		t.Errorf("SHOW VIEWS says %s", shown)
	}
	resp, err := http.Get(c.url + "/v1/queries")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for text, want := range map[string]string{
		"INSERT INTO a SELECT k, v, window_start FROM t, u":                                            "",
		"INSERT INTO a (ts) SELECT window_start FROM t":                                                `in a circle: t -\u003e a -\u003e b -\u003e t"`,
		"INSERT INTO b SELECT * FROM b":                                                                `in a circle: b -\u003e b"`,
		"INSERT INTO b SELECT k, v FROM a":                                                             "the query has 2 columns, and `b` takes 3",
		"INSERT INTO b SELECT ts, v, ts FROM a":                                                        "`ts` is a DATETIME(3), and the column `k` of `b` is a BIGINT",
		"INSERT INTO b (k) SELECT COUNT(*) FROM a":                                                     "EMIT ON WINDOW CLOSE",
		"INSERT INTO t (n) SELECT COUNT(*) FROM a GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE) EMIT CHANGES": "EMIT ON WINDOW CLOSE",
		"INSERT INTO b SELECT 1, 2, NOW()":                                                             "reads no stream",
		"INSERT INTO b SELECT * FROM a WITH (nam = 'x')":                                               "it takes: name, start",
		"CREATE PUMP windows AS INSERT INTO b SELECT * FROM a":                                         "there is a query `windows` already",
		"CREATE PUMP seen AS INSERT INTO b SELECT * FROM a":                                            "there is a materialized view `seen` already",
		"CREATE OR REPLACE PUMP seen AS INSERT INTO b SELECT * FROM a":                                 "there is a materialized view `seen` already",
		"DROP STREAM a":          "the query `insert_1` reads `a`",
		"DROP STREAM b":          "the query `insert_1` writes to `b`",
		"DROP VIEW insert_1":     "`insert_1` is a QUERY, not a VIEW",
		"DROP QUERY seen":        "`seen` is a MATERIALIZED VIEW, not a QUERY",
		"DROP QUERY insert1":     "did you mean `insert_1`?",
		"SELECT * FROM insert_1": "`insert_1` is a query, and its rows are in the stream `b`",
		"SELECT * FROM insert_2": "there is no stream or view",
	} {
		if status, body := post(t, c.url+"/v1/sql", "text/plain", text, nil); status == http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s\nwant %s", text, status, body, want)
		}
	}
	c.sql("DROP VIEW closed")
	if status, body := post(t, c.url+"/v1/sql", "text/plain", "DROP STREAM t", nil); status == http.StatusOK || !strings.Contains(string(body), "the query `windows` writes to `t`") {
		t.Errorf("DROP STREAM t: %d %s", status, body)
	}
	c.sql("DROP PUMP windows")
	c.sql("DROP QUERY insert_1; DROP STREAM t; DROP VIEW seen; DROP STREAM b; DROP STREAM a")
}

// A script runs again: what is the same stays as it is, and another stream or pump of the
// same name is refused or begins anew.
func TestReplaceBySame(t *testing.T) {
	dir := t.TempDir()
	script := `CREATE OR REPLACE STREAM a (k BIGINT, v VARCHAR) WITH (shards = 2, partition_key = 'k');
CREATE OR REPLACE STREAM b (k BIGINT, v VARCHAR);
CREATE OR REPLACE PUMP p AS INSERT INTO b SELECT k, UPPER(v) FROM %s`
	rows := func(t *testing.T, s *server, n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " rows are written"), func() bool { return strings.Contains(s.csvOf(t, "SHOW PUMPS"), fmt.Sprintf(",running,%d,", n)) })
	}
	t.Run("live", func(t *testing.T) {
		s := serveHere(t, dir)
		s.must(t, fmt.Sprintf(script, "a"))
		s.must(t, "INSERT INTO a VALUES (1, 'x'), (2, 'y')")
		rows(t, s, 2)
		s.must(t, fmt.Sprintf(script, "a"))
	})
	t.Run("after a restart", func(t *testing.T) {
		s := serveHere(t, dir)
		s.must(t, fmt.Sprintf(script, "a"))
		s.must(t, "CREATE OR REPLACE STREAM a (`k` INT8, v TEXT) WITH (shards = 2, partition_key = 'k')")
		s.must(t, "INSERT INTO a VALUES (3, 'z')")
		rows(t, s, 3) // none a second time
		for text, want := range map[string]string{
			"CREATE OR REPLACE STREAM a (k BIGINT, v VARCHAR) WITH (shards = 3)": "there is a stream `a` already, and this statement makes a different one",
			"CREATE OR REPLACE STREAM p (k BIGINT)":                              "there is a query `p` already",
		} {
			if status, body := post(t, s.url()+"/v1/sql", "text/plain", text, nil); status == http.StatusOK || !strings.Contains(string(body), want) {
				t.Errorf("%s: %d %s", text, status, body)
			}
		}
		s.must(t, "CREATE VIEW w AS SELECT k, v FROM a WHERE k > 1")
		s.must(t, fmt.Sprintf(script, "w"))
		rows(t, s, 2) // another query, which has begun anew
	})
}
