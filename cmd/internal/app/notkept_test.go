package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestStatementTheLogDoesNotTake: a statement that cannot be written down leaves
// nothing behind, neither what it makes nor, where it replaces something, a gap; and
// a server comes up again with what there is.
func TestStatementTheLogDoesNotTake(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port)
	refused := func(text, want string) {
		t.Helper()
		if status, body := post(t, c.url+"/v1/sql", "text/plain", text, nil); status != http.StatusBadRequest || !strings.Contains(string(body), want) {
			t.Errorf("%.80s: %d %.300s\nwant %s", text, status, body, want)
		}
	}
	var long []string // of constants that are computed when the query is planned
	for i := range 20 {
		long = append(long, fmt.Sprintf("REPEAT('x', 1000000) AS c%d", i))
	}
	huge := "SELECT " + strings.Join(long, ", ") + " FROM a"
	const tooLarge = "more than the log keeps of one"
	var columns []string
	for i := range 20 {
		columns = append(columns, fmt.Sprintf("c%d VARCHAR", i))
	}
	c.sql("CREATE STREAM a (id BIGINT, k VARCHAR); CREATE STREAM b (id BIGINT); CREATE STREAM wide (" + strings.Join(columns, ", ") + ")")
	c.sql("CREATE MATERIALIZED VIEW v AS SELECT id FROM a; CREATE PUMP p AS INSERT INTO b SELECT id FROM a")
	refused("CREATE MATERIALIZED VIEW w AS "+huge, tooLarge)
	refused("CREATE OR REPLACE MATERIALIZED VIEW v AS "+huge, tooLarge)
	refused("CREATE PUMP q AS INSERT INTO wide "+huge, tooLarge)
	refused("CREATE OR REPLACE PUMP p AS INSERT INTO wide "+huge, tooLarge)
	refused("DROP MATERIALIZED VIEW w", "there is no stream or view `w`")
	refused("DROP QUERY q", "there is no query `q`")
	c.sql("DROP STREAM wide")
	c.sql("INSERT INTO a VALUES (1, 'x'), (2, 'y')")
	for range 2 {
		c.until("SELECT COUNT(*) AS n FROM v", "[[2]]")
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			shown := fmt.Sprint(c.sql("SHOW PUMPS"))
			if strings.Contains(shown, "[p a b running 2 0 ") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("SHOW PUMPS says %s", shown)
			}
		}
		c.kill()
		c = startServer(t, dir, port)
	}
}

// TestPumpNames: a name that an option gives has to be one, and the statement that
// SHOW CREATE prints makes the query again.
func TestPumpNames(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port)
	c.sql("CREATE STREAM a (id BIGINT, k VARCHAR); CREATE STREAM b (id BIGINT, k VARCHAR)")
	for text, want := range map[string]string{
		"INSERT INTO b SELECT * FROM a WITH (name = '')":                   "the name is empty",
		"CREATE PUMP p AS INSERT INTO b SELECT * FROM a WITH (name = '')":  "the name is empty",
		"CREATE PUMP p AS INSERT INTO b SELECT * FROM a WITH (name = 'q')": "the query is called `p` already",
		"INSERT INTO b SELECT * FROM a ORDER BY id":                        "it cannot sort them",
		"INSERT INTO b SELECT * FROM a LIMIT 3":                            "is not cut by LIMIT",
		"INSERT INTO b (id) VALUES (id)":                                   "there is no column `id` in a query without FROM",
		"SELECT id":                                                        "there is no column `id` in a query without FROM",
	} {
		if status, body := post(t, c.url+"/v1/sql", "text/plain", text, nil); status != http.StatusBadRequest || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s\nwant %s", text, status, body, want)
		}
	}
	c.sql("INSERT INTO b SELECT * FROM a WITH (name = 'a b`c')")
	made := c.sql("SHOW CREATE `a b``c`")[0][1].(string)
	c.sql("DROP QUERY `a b``c`")
	c.sql(made)
	c.sql("INSERT INTO b SELECT * FROM a")
	c.kill()
	c = startServer(t, dir, port)
	if got := fmt.Sprint(c.sql("SHOW CREATE `a b``c`")[0][1]); got != made {
		t.Errorf("it was %s, and is %s", made, got)
	}
	c.sql("DROP QUERY insert_1")
}

// TestPumpRowsTooLarge: a row that no record holds is counted, and stops nothing.
func TestPumpRowsTooLarge(t *testing.T) {
	c := startServer(t, t.TempDir(), freePort(t))
	var columns, values []string
	for i := range 20 {
		columns = append(columns, fmt.Sprintf("c%d VARCHAR", i))
		values = append(values, "REPEAT(k, n)")
	}
	c.sql("CREATE STREAM a (k VARCHAR, n BIGINT) WITH (shards = 1); CREATE STREAM wide (" + strings.Join(columns, ", ") + ")")
	c.sql("CREATE PUMP p AS INSERT INTO wide SELECT " + strings.Join(values, ", ") + " FROM a")
	c.sql("INSERT INTO a VALUES ('x', 2), ('x', 1000000), ('x', 3), ('x', 100000), ('x', 4)")
	c.sql("CREATE MATERIALIZED VIEW seen AS SELECT COUNT(*) AS n FROM wide")
	c.until("SELECT n FROM seen", "[[3]]")
	if shown := fmt.Sprint(c.sql("SHOW PUMPS")); !strings.Contains(shown, "[p a wide running 3 2 ROW_TOO_LARGE: the row has ") {
		t.Errorf("SHOW PUMPS says %s", shown)
	}
}
