package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// jsonValues reads JSON values that stand one behind the other.
func jsonValues(t *testing.T, text string) []json.RawMessage {
	t.Helper()
	var out []json.RawMessage
	for dec := json.NewDecoder(strings.NewReader(text)); dec.More(); {
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		out = append(out, v)
	}
	return out
}

// members returns the values of a JSON object, in order, as a changelog prints a row.
func members(t *testing.T, object string) string {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(object))
	_, err := dec.Token()
	row := ""
	for err == nil && dec.More() {
		if _, err = dec.Token(); err == nil {
			var v json.RawMessage
			err = dec.Decode(&v)
			row += " " + string(v)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	return row
}

// TestLiveEqualsBounded: what a live query leaves over a stream that has ended is
// what a bounded one finds in a file of the same rows.
func TestLiveEqualsBounded(t *testing.T) {
	for seed := range uint64(2) {
		asked := []string{
			"SELECT k, g, n, x, d, ts FROM s",
			"SELECT COUNT(*) AS c, SUM(n) AS t, COUNT(DISTINCT k) AS k FROM s WHERE n > 1000", // the end shows what never came
			"SELECT COUNT(*) AS c, MAX(t) AS t FROM (SELECT k, SUM(n) AS t FROM s WHERE n > 1000 GROUP BY k)",
		}
		for _, q := range randomShapes() {
			asked = append(asked, strings.ReplaceAll(q, "%[1]s", randomFilters[2*seed]))
		}
		live := overShards(t, seed, 3, asked)
		var file strings.Builder
		for _, row := range live[0] {
			v := jsonValues(t, row)
			fmt.Fprintf(&file, `{"k":%s,"g":%s,"n":%s,"x":%s,"d":%s,"ts":%s}`+"\n", v[0], v[1], v[2], v[3], v[4], v[5])
		}
		path := filepath.Join(t.TempDir(), "rows.jsonl")
		if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		ddl := fmt.Sprintf("CREATE STREAM s (%s) WITH (connector = 'file', path = '%s');", worldColumns, path)
		for i, q := range asked {
			out, errs, code := weir(t, "", "query", "--format", "ndjson", ddl+q)
			if code != 0 {
				t.Fatalf("%s\n%s", q, errs)
			}
			var bounded []string
			for _, line := range strings.Split(strings.TrimRight(out, "\n"), "\n") {
				bounded = append(bounded, members(t, line))
			}
			slices.Sort(bounded)
			if diff := cmp.Diff(bounded, live[i]); diff != "" {
				t.Errorf("seed %d: %s (-bounded +live)\n%.2000s", seed, q, diff)
			}
		}
	}
}

// TestRowsOfInnerQueries are rows that are there whether or not a column of them is
// read, and values that keep their fraction beside a wide sum.
func TestRowsOfInnerQueries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(`{"k":"a","n":1}`+"\n"+`{"k":"b","n":2}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sql, want string }{
		{"SELECT 7 AS c FROM (SELECT COUNT(*) AS n FROM f) AS q", `{"c":7}`},
		{"SELECT COUNT(*) AS c FROM (SELECT SUM(n), MAX(n) FROM f WHERE n > 5) AS q", `{"c":1}`},
		{"SELECT COUNT(*) AS c FROM (SELECT MAX(n) FROM f GROUP BY k) AS q", `{"c":2}`},
		{"SELECT COALESCE(NULLIF(SUM(n), 3), 0.25) AS c FROM f", `{"c":"0.25"}`},
		{"SELECT c FROM (SELECT SUM(n) AS c FROM f UNION ALL SELECT 1.5 FROM f WHERE k = 'a') AS q ORDER BY c", `{"c":"1.5"}` + "\n" + `{"c":"3.0"}`},
		{"SELECT SUM(n) = 3.4 AS c, SUM(n) BETWEEN 2.6 AND 3.4 AS d FROM f", `{"c":false,"d":true}`},
	} {
		out, errs, code := weir(t, "", "query", "--format", "ndjson", fmt.Sprintf("CREATE STREAM f (k VARCHAR, n BIGINT) WITH (connector = 'file', path = '%s'); %s", path, c.sql))
		if code != 0 || strings.TrimSpace(out) != c.want {
			t.Errorf("%s\ngives %s%s, want %s", c.sql, out, errs, c.want)
		}
	}
}
