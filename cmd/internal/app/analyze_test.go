package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// analyzed runs EXPLAIN ANALYZE and checks that what leaves one operator is what comes
// into the next. It returns the rows of each scan, and those of the result.
func analyzed(t *testing.T, c *child, query string) (scans map[string]int64, result int64) {
	t.Helper()
	rows := c.sql("EXPLAIN ANALYZE " + query)
	number := func(row []any, column int) int64 {
		n, err := strconv.ParseInt(fmt.Sprint(row[column]), 10, 64)
		if err != nil {
			t.Fatalf("%s: column %d of %v: %v", query, column, row, err)
		}
		return n
	}
	scans, result = map[string]int64{}, -1
	var in, out []int64 // by depth: what the node takes, and what those below it gave
	settle := func(depth int) {
		for len(in) > depth+1 {
			last := len(in) - 1
			if in[last] >= 0 && out[last] != in[last] {
				t.Errorf("%s: below depth %d %d rows leave, and %d come: %v", query, last, out[last], in[last], rows)
			}
			in, out = in[:last], out[:last]
		}
	}
	for _, row := range rows {
		text := row[0].(string)
		if note, is := strings.CutPrefix(text, "-- "); is {
			if m := regexp.MustCompile(`^(\d+) rows? in \S+, in \d+ steps?`).FindStringSubmatch(note); m != nil {
				result, _ = strconv.ParseInt(m[1], 10, 64)
			}
			continue
		}
		depth := (len(text) - len(strings.TrimLeft(text, " "))) / 2
		settle(depth - 1)
		if depth > 0 {
			out[depth-1] += number(row, 2)
		}
		takes := number(row, 1)
		if name, scan := strings.CutPrefix(strings.TrimSpace(text), "Scan "); scan {
			scans[strings.Fields(name)[1]] += takes
			takes = -1
		}
		in, out = append(in, takes), append(out, 0)
	}
	settle(-1)
	return scans, result
}

// TestExplainAnalyzeAddsUp: over streams that have ended, their lanes together take what
// went in, each operator what the one before it gave, and the result has as many rows
// as the query.
func TestExplainAnalyzeAddsUp(t *testing.T) {
	c := startServer(t, t.TempDir(), freePort(t))
	c.sql(`CREATE STREAM a (k BIGINT, v BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 5 SECOND) WITH (shards = 3);
		CREATE STREAM b (k BIGINT, v BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts);
		CREATE STREAM on_and_on (k BIGINT);
		CREATE MATERIALIZED VIEW sums AS SELECT k, SUM(v) AS s FROM a GROUP BY k`)
	for i, stream := range []string{"a", "a", "b"} {
		var rows strings.Builder
		for n := range 5000 {
			fmt.Fprintf(&rows, `{"k":%d,"v":%d,"ts":"2025-11-20 10:%02d:%02d"}`+"\n", n%13, n, (10*i+n/600)%60, n/10%60)
		}
		if status, answer := post(t, c.url+"/v1/streams/"+stream+"/records", "", rows.String(), nil); status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
	}
	c.sql("ALTER STREAM a END; ALTER STREAM b END")
	const first = " WITH (start = 'earliest')"
	for query, want := range map[string]map[string]int64{
		"SELECT k, v FROM a" + first:                                                                    {"a": 10000},
		"SELECT k, v FROM a WHERE v % 3 = 0 AND k > 4" + first:                                          {"a": 10000},
		"SELECT k, COUNT(*) AS n FROM a GROUP BY k" + first:                                             {"a": 10000},
		"SELECT window_start, k, SUM(v) AS s FROM a GROUP BY k, TUMBLE(ts, INTERVAL 1 MINUTE)" + first:  {"a": 10000},
		"SELECT k, COUNT(*) AS n FROM a GROUP BY k, SESSION(ts, INTERVAL 2 SECOND)" + first:             {"a": 10000},
		"SELECT k, v FROM a UNION ALL SELECT k, v FROM b WHERE k < 5" + first:                           {"a": 10000, "b": 5000},
		"SELECT k, COUNT(*) AS n FROM (SELECT k FROM a UNION ALL SELECT k FROM b) u GROUP BY k" + first: {"a": 10000, "b": 5000},
		"SELECT n, COUNT(*) AS m FROM (SELECT k, COUNT(*) AS n FROM b GROUP BY k) x GROUP BY n" + first: {"b": 5000},
		"SELECT k, v, COUNT(*) AS n FROM b GROUP BY ROLLUP(k, v)" + first:                               {"b": 5000},
		"SELECT k, s FROM sums WHERE k > 3 ORDER BY s":                                                  {"sums": 13},
		"SELECT k FROM a": {},
	} {
		scans, result := analyzed(t, c, query)
		for name, n := range want {
			if scans[name] != n {
				t.Errorf("%s: the scan of %s takes %d rows, not %d", query, name, scans[name], n)
			}
		}
		net := int64(0)
		_, body := post(t, c.url+"/v1/sql", "", query, map[string]string{"Accept": "text/csv"})
		for i, l := range strings.Split(strings.TrimSpace(string(body)), "\n") {
			switch {
			case i == 0:
			case strings.HasPrefix(l, "delete,"):
				net--
			default:
				net++
			}
		}
		if strings.Contains(query, "GROUP BY k WITH") || strings.Contains(query, "GROUP BY n") || strings.Contains(query, "ROLLUP") {
			net = result // a reader without EMIT CHANGES is not told of rows that leave
		}
		if result != net {
			t.Errorf("%s: %d rows, and the query has %d", query, result, net)
		}
	}
	for text, want := range map[string]string{
		"EXPLAIN ANALYZE SELECT k FROM on_and_on":        "this query never ends",
		"EXPLAIN ANALYZE CREATE VIEW v AS SELECT 1 AS a": "EXPLAIN ANALYZE runs a query",
		"EXPLAIN ANALYZE QUERY sum":                      "did you mean `sums`?",
		"EXPLAIN ANALYZE QUERY":                          "expected the name of a query",
		"EXPLAIN ANALYZE SELECT nothing FROM a":          "there is no column `nothing`",
		"EXPLAIN ANALYZE SUBSCRIBE TO sums":              "EXPLAIN ANALYZE runs a query",
	} {
		if status, body := post(t, c.url+"/v1/sql", "", text, nil); status == http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s", text, body)
		}
	}
	running := fmt.Sprint(c.sql("EXPLAIN ANALYZE QUERY sums"))
	if !strings.Contains(running, "a: 10000 in = 10000 used + 0 filtered + 0 late + 0 error") {
		t.Errorf("of the query that runs it says %s", running)
	}
}

// TestExplainAnalyzeGolden: how it looks, without the times.
func TestExplainAnalyzeGolden(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(file, []byte(`{"k":1,"v":5,"ts":"2025-11-20 10:00:00"}
{"k":2,"v":7,"ts":"2025-11-20 10:00:30"}
{"k":1,"v":"bad","ts":"2025-11-20 10:00:40"}
{"k":1,"v":9,"ts":"2025-11-20 10:01:00"}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := weir(t, "", "query", "--format", "tsv", "CREATE STREAM s (k BIGINT, v BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (connector = 'file', path = '"+file+"'); "+
		"EXPLAIN ANALYZE SELECT window_start, k, SUM(v) AS t FROM s WHERE v > 5 GROUP BY k, TUMBLE(ts, INTERVAL 1 MINUTE) ORDER BY t LIMIT 5")
	if code != 0 {
		t.Fatal(errs)
	}
	var got string
	for line := range strings.Lines(out) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if _, err := strconv.ParseFloat(cells[5], 64); err == nil {
			cells[5] = "T"
		}
		cells[0] = regexp.MustCompile(`rows in \S+, `).ReplaceAllString(cells[0], "rows in T, ")
		got += strings.ReplaceAll(strings.Join(cells, "|"), `\N`, "") + "\n"
	}
	want := `plan|rows_in|rows_out|batches|lanes|time_ms|kept|bytes
Sort t limit 5|2|2|2||T|2|
  Project window_start, k, ` + "`sum(v)`" + ` AS t|2|2|2||T||
    WindowFinal tumble size 1m keys (k) aggs (sum(v))|2|2|2||T|2|
      Exchange|2|2|||||
        WindowPartial tumble size 1m on ts keys (k) aggs (sum(v))|2|2|1|1|T|2|
          Project k, v, ts, $w|2|2|1|1|T||
            Filter v > 5|3|2|1|1|T||
              Scan file s [k, v, ts, $w] event time ts watermark ts|4|3|1|1|T||168
-- bounded; append-only; key (window_start, k); time window_start|||||||
-- 2 rows in T, in 2 steps|||||||
-- s: 4 in = 2 used + 1 filtered + 0 late + 1 error|||||||
-- 1 row did not decode and was left out|||||||
-- row 3, column v: BAD_TYPE: "bad" is not a BIGINT|||||||
`
	if got != want {
		t.Errorf("it prints\n%s\nnot\n%s", got, want)
	}
}
