package app

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// longStatements are statements of about n words, which is close to what is allowed.
// What they cost may grow with their length, and not faster.
func longStatements() map[string]func(n int) string {
	// repeated is a statement with text in the place of %s, times times.
	repeated := func(statement, text string, words int) func(n int) string {
		return func(n int) string { return strings.Replace(statement, "%s", strings.Repeat(text, n/words), 1) }
	}
	// numbered is one with text for each number in the place of each %s.
	numbered := func(statement, text string, words int) func(n int) string {
		return func(n int) string {
			var b strings.Builder
			for i := range n / words {
				fmt.Fprintf(&b, text, i)
			}
			return strings.ReplaceAll(statement, "%s", b.String())
		}
	}
	return map[string]func(n int) string{
		"a sum":                 repeated("SELECT n%s AS y FROM s", " + n", 1),
		"a product":             repeated("SELECT n%s AS y FROM s", " * 1", 1),
		"a sum of DECIMALs":     repeated("SELECT n%s AS y FROM s", " + 0.5", 1),
		"a sum of DOUBLEs":      repeated("SELECT n%s AS y FROM s", " - x", 1),
		"AND":                   repeated("SELECT n FROM s WHERE n > 1%s", " AND n > 0", 2),
		"OR":                    repeated("SELECT n FROM s WHERE n = 1%s", " OR n = 2", 2),
		"OR in the list":        repeated("SELECT n = 1%s AS y FROM s", " OR n = 2", 2),
		"AND and OR":            repeated("SELECT n FROM s WHERE n = 1%s", " AND n > 0 OR n = 2", 4),
		"NOT":                   repeated("SELECT n FROM s WHERE n > 1%s", " AND NOT n = 9", 3),
		"BETWEEN":               repeated("SELECT n FROM s WHERE n = 1%s", " OR n BETWEEN 1 AND 2", 6),
		"LIKE":                  repeated("SELECT n FROM s WHERE t = ''%s", " OR t LIKE 'a%'", 4),
		"REGEXP":                repeated("SELECT n FROM s WHERE t = ''%s", " OR t REGEXP 'a.*b'", 5),
		"arrows":                repeated("SELECT j%s AS y FROM s", "->'$.a'", 2),
		"CONCAT":                repeated("SELECT CONCAT(t%s) AS y FROM s", ", t", 1),
		"pipes":                 repeated("SELECT t::VARCHAR%s AS y FROM s", " || t", 2),
		"COALESCE":              repeated("SELECT COALESCE(NULL%s, n) AS y FROM s", ", NULL", 1),
		"GREATEST":              repeated("SELECT GREATEST(n%s) AS y FROM s", ", n", 1),
		"IN":                    numbered("SELECT n FROM s WHERE n IN (7%s)", ", %d", 1),
		"IN with columns":       repeated("SELECT n FROM s WHERE n IN (7%s)", ", n", 1),
		"CASE of a value":       numbered("SELECT CASE n%s END AS y FROM s", " WHEN %d THEN 1", 4),
		"CASE":                  numbered("SELECT CASE%s END AS y FROM s", " WHEN n > %d THEN n", 6),
		"JSON_OBJECT":           numbered("SELECT JSON_OBJECT('a', 1%s) AS y FROM s", ", 'k%d', n", 4),
		"INTERVAL":              repeated("SELECT ts%s AS y FROM s", " - INTERVAL 1 DAY", 4),
		"columns":               numbered("SELECT n%s FROM s", ", n + 1 AS c%d", 5),
		"columns in FROM":       numbered("SELECT * FROM (SELECT n%s FROM s) AS d WHERE c5 > 1 ORDER BY c7", ", n + 1 AS c%d", 9),
		"a sum over a sum":      repeated("SELECT y%s AS z FROM (SELECT n + 1 AS y FROM s) AS d", " + y", 1),
		"views":                 repeated("WITH a AS (SELECT n%s AS m FROM s), b AS (SELECT m + m AS m FROM a), c AS (SELECT m + m AS m FROM b) SELECT m + m FROM c WHERE m > 1", " + n", 2),
		"ORDER BY":              repeated("SELECT n FROM s ORDER BY n%s", " + n", 1),
		"aggregates":            numbered("SELECT n%s FROM s GROUP BY n", ", SUM(n + %d)", 8),
		"equal aggregates":      repeated("SELECT SUM(n)%s AS y FROM s", " + SUM(n)", 5),
		"an aggregate of a sum": repeated("SELECT window_start, SUM(n%s) AS y FROM s GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)", " + n", 1),
		"FILTER":                repeated("SELECT COUNT(*)%s FROM s", ", COUNT(*) FILTER (WHERE n > 1)", 12),
		"HAVING":                repeated("SELECT n, COUNT(*) FROM s GROUP BY n HAVING COUNT(*) > 0%s", " AND COUNT(*) > 0", 7),
		"group keys":            numbered("SELECT n%s FROM s GROUP BY n%s", ", n + %d", 10),
		"a key of a sum": func(n int) string {
			sum := "n" + strings.Repeat(" + 1", n/2)
			return "SELECT " + sum + " AS y, COUNT(*) FROM s GROUP BY " + sum
		},
		"no such column":    repeated("SELECT n%s + zz FROM s", " + x", 1),
		"no such columns":   repeated("SELECT n%s FROM s", " + zz", 1),
		"what is no number": repeated("SELECT n%s + j FROM s", " + x", 1),
		"no key":            repeated("SELECT n%s, COUNT(*) FROM s", " + x", 1),
		"EXPLAIN":           repeated("EXPLAIN SELECT n%s AS y FROM s", " + n", 1),
		"EXPLAIN REWRITE":   repeated("EXPLAIN REWRITE SELECT n%s AS y FROM s", " + n", 1),
	}
}

// TestLongStatements: a statement that is as long as it may be has its result, or its
// error, after 100 ms of computing and 64 MB. Where it takes longer, as with the race
// detector, one that is twice as long takes at most three times as long.
func TestLongStatements(t *testing.T) {
	const (
		words = 9000
		soon  = 100 * time.Millisecond
		most  = 2 * time.Second
		bytes = 64 << 20
	)
	path := filepath.Join(t.TempDir(), "s.jsonl")
	row := `{"n":7,"x":1.5,"t":"a","j":{"a":1},"ts":"2025-01-01 00:00:00"}` + "\n"
	if err := os.WriteFile(path, []byte(row), 0o600); err != nil {
		t.Fatal(err)
	}
	create := "CREATE STREAM s (n BIGINT, x DOUBLE, t VARCHAR, j JSON, ts DATETIME(3)) WITH (connector = 'file', path = '" + path + "', format = 'json');\n"
	used := func() time.Duration { return time.Duration(cpuSeconds(t) * float64(time.Second)) }
	// run is the best of some runs, in time of the processor: others use it, too.
	run := func(text string, until time.Duration) (took time.Duration, allocated uint64) {
		took, allocated = time.Hour, 1<<62
		for range 5 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := used()
			weir(t, "", "query", create+text)
			took = min(took, used()-start)
			runtime.ReadMemStats(&after)
			if allocated = min(allocated, after.TotalAlloc-before.TotalAlloc); took <= until {
				break
			}
		}
		return took, allocated
	}
	for name, statement := range longStatements() {
		t.Run(name, func(t *testing.T) {
			text := statement(words)
			if len(text) > 65536 || len(text) < 10_000 {
				t.Fatalf("the statement has %d bytes", len(text))
			}
			var took, half time.Duration
			for range 5 { // what is quadratic takes four times each time
				var allocated uint64
				if took, allocated = run(text, soon); allocated > bytes {
					t.Fatalf("allocated %d MB", allocated>>20)
				}
				if took <= soon {
					return
				}
				if half, _ = run(statement(words/2), took/3); took <= most && 2*took <= 7*half {
					return
				}
			}
			t.Errorf("took %v, and %v with half of the words", took, half)
		})
	}
}
