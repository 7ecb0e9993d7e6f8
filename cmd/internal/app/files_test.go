package app

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServedFiles: a server reads below --files and nowhere else, however a path
// is written, and tells nothing of what lies outside.
func TestServedFiles(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "served")
	const rows = `{"k":1,"who":"inside"}` + "\n" + `{"k":2,"who":"inside"}` + "\n"
	for name, text := range map[string]string{
		"served/rows.jsonl": rows, "served/sub/more.csv": "k,who\n7,inside\n",
		"secret.jsonl": `{"k":666,"who":"outside"}` + "\n", "served-not/rows.jsonl": `{"k":666,"who":"outside"}` + "\n",
	} {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"out.jsonl": "../secret.jsonl", "abs.jsonl": filepath.Join(top, "secret.jsonl"), "outdir": "..", "in.jsonl": "rows.jsonl", "loop.jsonl": "loop.jsonl",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.jsonl"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := serveWith(t, func(c *serverConfig) { c.Files = dir })
	run := func(text string) (int, string) {
		status, body := post(t, s.url()+"/v1/sql", "text/plain", text, nil)
		return status, string(body)
	}
	for _, good := range []string{"rows.jsonl", "sub/more.csv", "in.jsonl"} {
		if status, body := run("SELECT who, COUNT(*) AS n FROM '" + good + "' GROUP BY who"); status != 200 || !strings.Contains(body, "inside") {
			t.Errorf("%s: %d %s", good, status, body)
		}
	}
	for _, evil := range []string{
		"../secret.jsonl", "sub/../../secret.jsonl", filepath.Join(top, "secret.jsonl"), "/etc/passwd", "out.jsonl", "abs.jsonl",
		"outdir/secret.jsonl", "sub/../rows.jsonl", "./rows.jsonl", "//etc/passwd", "..", ".", "", "sub", "sub/", "loop.jsonl", "pipe.jsonl",
		"../served-not/rows.jsonl", "../served/rows.jsonl", "rows.jsonl/", "rows.jsonl/..", "/proc/self/environ", "/dev/stdin", "stdin",
		`..\\secret.jsonl`, "%2e%2e/secret.jsonl", "../secret.json", "secret.jsonl", "file:///etc/passwd", "~/rows.jsonl",
	} {
		for _, text := range []string{
			"SELECT * FROM '" + evil + "'",
			"CREATE STREAM evil (k BIGINT, who VARCHAR) WITH (connector = 'file', path = '" + evil + "', format = 'json'); SELECT * FROM evil",
			"CREATE STREAM evil WITH (connector = 'file', path = '" + evil + "')",
		} {
			status, body := run(text)
			if status == 200 || status == 500 || strings.Contains(body, "outside") || strings.Contains(strings.ReplaceAll(body, top, ""), "666") || strings.Contains(body, "root:") || strings.Contains(body, top) && !strings.Contains(evil, top) {
				t.Errorf("%s: %d %s", text, status, body)
			}
			run("DROP STREAM IF EXISTS evil")
		}
	}
	if status, body := run("SELECT * FROM 'rows.json'"); status == 200 || !strings.Contains(body, "did you mean 'rows.jsonl'") {
		t.Errorf("%d %s", status, body)
	}
	for _, text := range []string{"CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS n FROM 'rows.jsonl'", "CREATE VIEW v AS SELECT k FROM 'rows.jsonl'"} {
		if status, body := run(text); status != 400 || !strings.Contains(body, "hint") {
			t.Errorf("%s: %d %s", text, status, body)
		}
	}
}

// TestServedFilesRestart: a stream over a file outlives its file and the
// permission to read it; it just cannot be read then.
func TestServedFilesRestart(t *testing.T) {
	dir, files, port := t.TempDir(), t.TempDir(), freePort(t)
	path := filepath.Join(files, "rows.jsonl")
	if err := os.WriteFile(path, []byte(`{"k":1}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startServer(t, dir, port, "--files", files)
	c.sql("CREATE STREAM f WITH (connector = 'file', path = 'rows.jsonl'); CREATE VIEW v AS SELECT k + 1 AS k FROM f")
	if rows := c.sql("SELECT k FROM v"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	if err := c.stop(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c = startServer(t, dir, port, "--files", files)
	if status, body := post(t, c.url+"/v1/sql", "", "SELECT k FROM v", nil); status == http.StatusOK || !strings.Contains(string(body), "there is no file") {
		t.Errorf("%d %s", status, body)
	}
	c.kill()
	c = startServer(t, dir, port)
	if status, body := post(t, c.url+"/v1/sql", "", "SELECT k FROM v", nil); status == http.StatusOK || !strings.Contains(string(body), "--files") {
		t.Errorf("%d %s", status, body)
	}
	if rows := c.sql("DESCRIBE f"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
}

// TestStopUnderLoad stops a server that takes rows while clients read live
// results, some of them not at all. It stops in time, says what it saved, and
// holds every acknowledged row at the next start.
func TestStopUnderLoad(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port)
	c.sql(hits)
	load := startLoad(t, c)
	time.Sleep(time.Second)
	began := time.Now()
	err := c.stop()
	took := time.Since(began)
	accepted := load.stop()
	if err != nil {
		t.Errorf("it ended with %v:\n%s", err, c.output())
	}
	if took > stopMost {
		t.Errorf("it took %s", took)
	}
	said := c.output()
	for _, want := range []string{"everything acknowledged is saved", `"commit":`, `"resume":"weir serve --data ` + dir + ` --listen `} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %s:\n%s", want, said)
		}
	}
	c = startServer(t, dir, port)
	c.sql("SELECT * FROM per_second LIMIT 1") // waits for what was acknowledged
	if in := int64(c.ledger("per_second")["in"].(float64)); in < accepted || accepted == 0 {
		t.Errorf("%d rows were acknowledged, the view read %d", accepted, in)
	}
	t.Logf("stopped in %s with %d rows acknowledged", took.Round(time.Millisecond), accepted)
}

func TestFilesIsADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + "-none"} {
		_, errs, code := weir(t, "", "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--files", path)
		if code != 1 || !strings.Contains(errs, "--files") || strings.Contains(errs, "--data") {
			t.Errorf("exit %d: %s", code, errs)
		}
	}
}
