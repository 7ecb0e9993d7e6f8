package app

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPutOffersTheStream: where the stream is missing, the command that put
// offers makes one that takes every row of the file.
func TestPutOffersTheStream(t *testing.T) {
	s := startServer(t, t.TempDir(), freePort(t))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte("at,Page name,order\n2026-11-20 10:00:00,/,1\n2026-11-20 10:00:01,/a,2\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ stream, file, text, declares string }{
		{"hits", "hits.jsonl", `{"ts":"2026-11-20 10:00:00.250","path":"/it's","ms":1.5}` + "\n" + `{"ts":"2026-11-20 10:00:01.000","path":"/","ms":2}` + "\n", "WATERMARK FOR ts"},
		{"select", "x.csv.gz", packed.String(), "`Page name` VARCHAR"},
	} {
		t.Run(c.file, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.file)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, errs, code := weir(t, "", "put", c.stream, path, "--url", s.url)
			_, offer, ok := strings.Cut(errs, "\n  weir sql -e ")
			if code != 1 || !ok || !strings.Contains(offer, c.declares) {
				t.Fatalf("exit %d: %s", code, errs)
			}
			// A shell reads it as a person would paste it.
			statement, err := exec.Command("sh", "-c", "printf %s "+offer).Output()
			if err != nil {
				t.Fatal(err)
			}
			if _, errs, code := weir(t, "", "sql", "--url", s.url, "-e", string(statement)); code != 0 {
				t.Fatalf("%s: %s", statement, errs)
			}
			if _, errs, code := weir(t, "", "put", c.stream, path, "--url", s.url); code != 0 || !strings.Contains(errs, "2 rows stored") {
				t.Errorf("exit %d: %s", code, errs)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := weir(t, "", "put", "missing", path, "--url", s.url); code != 0 && strings.Contains(errs, "weir sql -e") {
		t.Errorf("an empty file declares nothing: %s", errs)
	}
}

// TestMistakeOfInitNamesItsFile: a line number alone does not say of what.
func TestMistakeOfInitNamesItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "streams.sql")
	if err := os.WriteFile(path, []byte("CREATE STREAM a (n BIGINT);\nCREATE STREAM a (n BIGINT);\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := weir(t, "", "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--init", path)
	if code != 1 || !strings.Contains(errs, "in --init "+path+": error[E1050]") || !strings.Contains(errs, "IF NOT EXISTS leaves it") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestColourIsOfStderr: errors go to stderr, so it decides; a table on stdout does not.
func TestColourIsOfStderr(t *testing.T) {
	for _, color := range []bool{true, false} {
		var out, errs bytes.Buffer
		Run(t.Context(), []string{"query", "SELEC 1"}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Terminal: !color, Color: color})
		if strings.Contains(errs.String(), "\x1b[") != color {
			t.Errorf("colour %v: %q", color, errs.String())
		}
	}
}
