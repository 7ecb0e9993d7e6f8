package app

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// TestStdinOnce: a second query over stdin would see nothing, or half.
func TestStdinOnce(t *testing.T) {
	const rows = `{"k":1}` + "\n" + `{"k":2}` + "\n"
	for _, text := range []string{
		"CREATE MATERIALIZED VIEW a AS SELECT COUNT(*) FROM stdin; SELECT k FROM stdin",
		"CREATE STREAM s (k BIGINT) WITH (connector = 'file', path = 'stdin'); CREATE MATERIALIZED VIEW a AS SELECT k FROM s; CREATE MATERIALIZED VIEW b AS SELECT k FROM s",
	} {
		_, errs, code := weir(t, rows, "query", text)
		if code != 1 || !strings.Contains(errs, "only once") || !strings.Contains(errs, "^") || !strings.Contains(errs, "help:") {
			t.Errorf("exit %d: %s", code, errs)
		}
	}
	out, errs, code := weir(t, rows, "query", "SELECT k FROM stdin; SELECT COUNT(*) AS n FROM stdin")
	if code != 0 || out != `{"n":2}`+"\n" {
		t.Errorf("exit %d, %q: %s", code, out, errs)
	}
}

// TestSilentStdin: a query over a stdin that stays open and says nothing more
// ends when it has enough, and when it is interrupted.
func TestSilentStdin(t *testing.T) {
	row := `{"k":1,"pad":"` + strings.Repeat("x", 1000) + `"}` + "\n"
	for _, c := range []struct {
		sql  string
		rows int // that are there at once
		code int
		want string
	}{
		{"SELECT k FROM stdin", 0, 1, "interrupted"},
		{"SELECT k FROM stdin", 1, 1, "interrupted"},
		{"SELECT k FROM stdin", 20_000, 1, "interrupted"},
		{"CREATE MATERIALIZED VIEW v AS SELECT k FROM stdin; SELECT k FROM v", 20_000, 1, "interrupted"},
		{"SELECT k FROM stdin LIMIT 1", 20_000, 0, ""},
	} {
		in, producer := io.Pipe()
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			_, _ = io.WriteString(producer, strings.Repeat(row, c.rows))
		}()
		ctx, cancel := context.WithCancel(t.Context())
		if c.code != 0 {
			time.AfterFunc(300*time.Millisecond, cancel)
		}
		var out, errs bytes.Buffer
		began := time.Now()
		code := Run(ctx, []string{"query", c.sql}, Streams{In: in, Out: &out, Err: &errs})
		if code != c.code || !strings.Contains(errs.String(), c.want) || time.Since(began) > 10*time.Second {
			t.Errorf("%s of %d rows: exit %d after %s: %s", c.sql, c.rows, code, time.Since(began), errs.String())
		}
		cancel()
		producer.Close() // the read that was left behind ends
		in.Close()
		<-wrote
	}
}
