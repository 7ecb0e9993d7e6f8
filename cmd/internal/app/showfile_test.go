package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestShowCreateFile: the statement that SHOW CREATE writes of a file makes a stream
// with the rows that the file itself has, whatever its columns are called.
func TestShowCreateFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a b.jsonl":  `{"group":1,"it's":"x","back` + "`" + `quote":1.5,"ts":"2025-11-20T10:00:00Z","doc":{"k":[1]}}` + "\n" + `{"group":2}` + "\n",
		"order.csv":  "order,key\n1,x\n2,y\n",
		"window.tsv": "window\trank\n1\tx\n2\ty\n",
		".csv":       "a,b\n1,2\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		literal := "'" + strings.ReplaceAll(path, "'", "''") + "'"
		out, errs, code := weir(t, "", "query", "--format", "tsv", "SHOW CREATE "+literal)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if code != 0 || len(lines) != 2 {
			t.Fatalf("%s: %d, %s%s", name, code, out, errs)
		}
		stream, create, ok := strings.Cut(lines[1], "\t")
		if !ok || !strings.HasPrefix(create, "CREATE STREAM `"+stream+"` (`") {
			t.Fatalf("%s: %s", name, lines[1])
		}
		want, errs, code := weir(t, "", "query", "--format", "csv", "SELECT * FROM "+literal)
		if code != 0 || strings.Count(want, "\n") < 2 {
			t.Fatalf("%s: %s%s", name, want, errs)
		}
		got, errs, code := weir(t, "", "query", "--format", "csv", create+"; SELECT * FROM `"+stream+"`")
		if code != 0 || got != want {
			t.Errorf("%s: %s\ngives\n%s%swant\n%s", name, create, got, errs, want)
		}
	}
}

// TestNoTTL: a time after which groups would be forgotten is refused (docs/adr/0019).
func TestNoTTL(t *testing.T) {
	_, errs, code := weir(t, "", "query", "SELECT k, COUNT(*) AS n FROM (SELECT 1 AS k) AS t GROUP BY k WITH (ttl = '1h')")
	if code == 0 || !strings.Contains(errs, "`ttl` is not supported") || !strings.Contains(errs, "a window in GROUP BY") {
		t.Errorf("%d, %s", code, errs)
	}
}
