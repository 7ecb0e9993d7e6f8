package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const numbers = `CREATE STREAM numbers (k VARCHAR, n BIGINT) WITH (shards = 3, partition_key = 'k')`

// numbered writes rows n = 0, 1, … of 100 keys.
func numbered(t testing.TB, count int) string {
	t.Helper()
	var b bytes.Buffer
	for n := range count {
		fmt.Fprintf(&b, `{"k":"k%d","n":%d,"pad":null}`+"\n", n%100, n)
	}
	path := filepath.Join(t.TempDir(), "numbers.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPutThroughACrash kills the server twice in the middle of `weir put` and
// starts it again: each row counts once, and the rows of a key stay in order.
func TestPutThroughACrash(t *testing.T) {
	const rows = 600_000
	path := numbered(t, rows)
	dir, port := t.TempDir(), freePort(t)
	s := startServer(t, dir, port)
	s.sql(strings.Replace(numbers, "n BIGINT", "n BIGINT, pad VARCHAR", 1))
	s.sql(`CREATE MATERIALIZED VIEW all_rows AS SELECT k, n, pad FROM numbers`)
	type ended struct {
		errs string
		code int
	}
	done := make(chan ended, 1)
	go func() {
		_, errs, code := weir(t, "", "put", "numbers", path, "--url", s.url)
		done <- ended{errs, code}
	}()
	for stored := 0.0; len(done) == 0 && stored < rows/4; {
		// Some rows are there, and more are on their way.
		before := stored
		eventually(t, "rows are stored", func() bool {
			stored = s.metric(`weir_stream_records_total{stream="numbers"}`)
			return stored > before || len(done) > 0
		})
		s.kill()
		s = startServer(t, dir, port)
	}
	select {
	case e := <-done:
		if e.code != 0 || !strings.Contains(e.errs, "600,000 rows stored") {
			t.Fatalf("exit %d: %s", e.code, e.errs)
		}
		if !strings.Contains(e.errs, "waiting: ") {
			t.Error("the server was killed when nothing was under way: the test shows nothing")
		}
	case <-time.After(5 * time.Minute):
		t.Fatal("put does not end")
	}
	got := s.sql(`SELECT n FROM all_rows`)
	seen, last := make([]bool, rows), map[int]int{}
	for _, r := range got {
		v, err := r[0].(json.Number).Int64()
		if err != nil {
			t.Fatal(err)
		}
		n := int(v)
		if seen[n] {
			t.Fatalf("row %d is there twice", n)
		}
		seen[n] = true
		if before, ok := last[n%100]; ok && before > n {
			t.Fatalf("row %d stands behind row %d of the same key", n, before)
		}
		last[n%100] = n
	}
	if len(got) != rows {
		t.Errorf("%d rows of %d", len(got), rows)
	}
}

// TestPutAndSQL uses both commands on a server as a script would.
func TestPutAndSQL(t *testing.T) {
	s := serveHere(t, t.TempDir())
	t.Setenv("WEIR_URL", s.url())
	check := func(stdin string, code int, wantOut, wantErr string, args ...string) {
		t.Helper()
		out, errs, got := weir(t, stdin, args...)
		if got != code || !strings.Contains(out, wantOut) || !strings.Contains(errs, wantErr) {
			t.Errorf("weir %s: exit %d\n%s%s", strings.Join(args, " "), got, out, errs)
		}
	}
	check("-- a comment\n"+numbers+";\nSHOW STREAMS;\nDESCRIBE numbers", 0, `{"column":"k","type":"VARCHAR","role":"partition key"}`, "", "sql")
	check("SELECT nn FROM numbers;\nSHOW STREAMS;", 1, "", "1 | SELECT nn FROM numbers;\n    |        ^^", "sql")
	check("", 0, "name,shards,", "", "sql", "--format", "csv", "-e", "SHOW STREAMS")
	file := filepath.Join(t.TempDir(), "show.sql")
	if err := os.WriteFile(file, []byte("SHOW STREAMS;\n-- wrong\n\nSELECT nn FROM numbers;\nDESCRIBE numbers"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("", 1, `{"name":"numbers"`, "4 | SELECT nn FROM numbers;\n    |        ^^", "sql", "-f", file)
	check("", 1, "", "not both", "sql", "-f", file, "-e", "SHOW STREAMS")
	check("", 1, "", "no such file", "sql", "-f", file+"x")
	check("", 1, "", "unknown format", "sql", "--format", "xml", "-e", "SHOW STREAMS")
	check("", 1, "", `weir sql -e "SHOW STREAMS"`, "sql", "SHOW STREAMS")
	check("", 0, `{"n":3}`, "", "query", "SELECT 3 AS n")
	check(`{"k":"a","n":1}`+"\n"+`{"k":"b","n":"x"}`+"\n", 1, "", "stdin:2: BAD_TYPE in column n", "put", "numbers")
	check("", 1, "", "did you mean `numbers`?", "put", "number", numbered(t, 1))
	check("", 1, "", "is a directory", "put", "numbers", t.TempDir())
	check("", 1, "", "no such file", "put", "numbers", "missing.jsonl")
	check("", 1, "", "which stream?", "put")
	check("", 0, "numbers\n", "", "__complete", "put", "")
	check("", 0, "weir", "", "completion", "bash")
	path := numbered(t, 3)
	for range 2 { // the second time adds nothing
		check("", 0, "", "3 rows stored", "put", "numbers", path, "--run", "once")
	}
	check("", 0, "", "1 row stored", "put", "numbers", path, "--from", "3")
	check(`{"k":"a","n":7}`, 0, "", "1 row stored", "put", "numbers", "-", "--run", "again")
	check(`{"k":"a","n":7}`, 0, "", "1 row stored", "put", "numbers", "-", "--run", "again")
	check(`{"k":"a","n":8}`, 1, "", "Idempotency-Key", "put", "numbers", "-", "--run", "again")
	check("", 0, `{"n":0}`+"\n"+`{"n":1}`+"\n"+`{"n":1}`+"\n"+`{"n":2}`+"\n"+`{"n":2}`+"\n"+`{"n":7}`+"\n", "", "sql", "-e",
		"CREATE MATERIALIZED VIEW v AS SELECT n FROM numbers", "-e", "SELECT n FROM v ORDER BY n")
}

// TestLiveSQL: rows of a live statement are written as they come, and a cancelled
// command ends with exit code 1.
func TestLiveSQL(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, hits)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		defer w.Close()
		code <- Run(ctx, []string{"sql", "--url", s.url(), "-e", "SELECT ms FROM hits WITH (start = 'earliest')"},
			Streams{In: strings.NewReader(""), Out: w, Err: &errs})
	}()
	s.send(t, 0, 1)
	line := make([]byte, 100)
	n, err := r.Read(line)
	if err != nil || string(line[:n]) != `{"ms":0}`+"\n" {
		t.Fatalf("%q, %v: %s", line[:n], err, errs.String())
	}
	cancel()
	if got := <-code; got != 1 || errs.String() != "error: interrupted\n" {
		t.Errorf("exit %d: %s", got, errs.String())
	}
}
