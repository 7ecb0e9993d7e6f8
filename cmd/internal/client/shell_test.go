package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// typist is an Editor that types lines.
type typist struct {
	lines   []string // "^C" is one
	prompts []string
	kept    []string
}

func (e *typist) Prompt(_ context.Context, prompt string) (string, error) {
	e.prompts = append(e.prompts, prompt)
	if len(e.lines) == 0 {
		return "", io.EOF
	}
	line := e.lines[0]
	e.lines = e.lines[1:]
	if line == "^C" {
		return "", errInterrupted
	}
	return line, nil
}

func (e *typist) Remember(s string) { e.kept = append(e.kept, s) }
func (e *typist) Close() error      { return nil }

// screen is a buffer that two goroutines may use.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestShell(t *testing.T) {
	c := answers(t, map[string]string{
		"finite;":               finiteAnswer,
		"select 'a;\nb';":       `{"columns":[],"rows":[]}`,
		"show sinks;":           `{"columns":[{"name":"name","type":"VARCHAR"}],"rows":[]}`,
		"create\n  stream x;":   `{"columns":[],"rows":[]}`,
		"select /* 1\n2 */ `x`": "",
	})
	e := &typist{lines: []string{
		"", "help", `\h`, "finite", ";", "select 'a;", `\q`, "b", "^C", "select 'a;", "b';", "create", "  stream x;",
		"/* a", "*/", "`x", `\q`, "`", "junk", `\c`, "-- nothing", "bad; finite;", "\\x", `\d`, ".tables", "show sinks;", "exit;", "unreached",
	}}
	out := &screen{}
	shell := NewShell(t.Context(), ShellConfig{Session: session(t, c, out, out, "table", true), Editor: e})
	if err := shell.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(e.lines) != 1 {
		t.Errorf("left with %q to go", e.lines)
	}
	const weir, more = "weir> ", "   -> "
	want := []string{weir, weir, weir, weir, more, weir, "   '> ", "   '> ", "   '> ", weir, "   '> ", weir, more, weir,
		"  /*> ", weir, "   `> ", "   `> ", more, more, weir, weir, weir, weir, weir, weir, weir}
	if got := strings.Join(e.prompts, "|"); got != strings.Join(want, "|") {
		t.Errorf("prompts\n%s, want\n%s", got, strings.Join(want, "|"))
	}
	if got := strings.Join(e.kept, "|"); got != "finite ;|select 'a;\nb';|create stream x;|bad;|finite;|show sinks;" {
		t.Errorf("remembered %q", got)
	}
	text := out.String()
	for _, want := range []string{"Ctrl-C", "OK, ", "error[E1064]: what is this?", "  1 | bad;\n    | ^^^", "2 rows in ", `no command \x`, `no command \d;`, "write SHOW STREAMS;", "no command .tables;", "CREATE SINK k FROM view"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing says %q:\n%s", want, text)
		}
	}
}

// TestInterrupt: Ctrl-C ends what runs, and the shell goes on.
func TestInterrupt(t *testing.T) {
	gone := make(chan struct{}, 1)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if !strings.Contains(string(text), "live") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, finiteAnswer)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = io.WriteString(w, liveAnswer)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		gone <- struct{}{}
	})
	out := &screen{}
	interrupt := make(chan os.Signal, 1)
	interrupt <- os.Interrupt // came too late for the statement before
	shell := NewShell(t.Context(), ShellConfig{
		Session: session(t, c, out, out, "table", true), Interrupt: interrupt,
		Editor: &typist{lines: []string{"finite;", "live;", "finite;"}},
	})
	ended := make(chan error, 1)
	go func() { ended <- shell.Run(t.Context()) }()
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(out.String(), "/cart") {
		if time.Now().After(deadline) {
			t.Fatalf("the live rows are not shown as they come:\n%s", out.String())
		}
		time.Sleep(time.Millisecond)
	}
	interrupt <- os.Interrupt
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	<-gone
	if text := out.String(); strings.Count(text, "2 rows in") != 2 || strings.Count(text, "2 rows, stopped after") != 1 || strings.Contains(text, "error") {
		t.Errorf("shown:\n%s", text)
	}
}

// TestEndlessStatement: what never ends is not gathered.
func TestEndlessStatement(t *testing.T) {
	s := session(t, answers(t, nil), io.Discard, io.Discard, "csv", false)
	for _, unit := range []string{"x", "x\n", "'"} {
		in := io.LimitReader(&endless{unit: unit}, 1<<30)
		if err := s.RunAll(t.Context(), in); err == nil || !strings.Contains(err.Error(), "at most 65536 bytes") {
			t.Errorf("%q for ever: %v", unit, err)
		}
	}
}

// endless repeats a text.
type endless struct{ unit string }

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n+len(e.unit) <= len(p) {
		n += copy(p[n:], e.unit)
	}
	return n, nil
}

func TestNoServer(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	c, err := New(s.URL(), "")
	if err != nil {
		t.Fatal(err)
	}
	for base, want := range map[string]string{
		"127.0.0.1:1":           "weir serve",
		"http://127.0.0.1:1/":   "weir serve",
		"http://host.invalid:1": "--url",
		c.URL():                 "another program",
	} {
		c, err := New(base, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Run(t.Context(), "SHOW STREAMS")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", base, err)
		}
		c.Close()
	}
	for _, bad := range []string{"", "ftp://x", "http://", "http://a b", "http://x/?y"} {
		if _, err := New(bad, ""); err == nil {
			t.Errorf("%q is an address", bad)
		}
	}
}

func TestComplete(t *testing.T) {
	c := answers(t, map[string]string{
		"SHOW STREAMS": `{"columns":[{"name":"name","type":"VARCHAR"}],"rows":[["hits"],["Shots"]]}`,
		"SHOW VIEWS":   `{"columns":[{"name":"name","type":"VARCHAR"}],"rows":[["hits_per_second"]]}`,
		"SHOW PUMPS":   `{"columns":[{"name":"name","type":"VARCHAR"}],"rows":[["passer"]]}`,
	})
	if got := strings.Join(firstColumnOf(t, c, "SHOW STREAMS"), " "); got != "hits Shots" {
		t.Errorf("streams: %s", got)
	}
	for line, want := range map[string]string{
		"":                   "|",
		"SEL":                "|SELECT",
		"sel":                "|select",
		"SELECT * FROM hi":   "SELECT * FROM |hits hits_per_second",
		"SELECT * FROM ":     "SELECT * FROM |Shots hits hits_per_second passer",
		"DROP PUMP P":        "DROP PUMP |PARTITION PROCESSLIST PROGRESS PUMP PUMPS passer",
		"EMIT EV":            "EMIT |EVERY",
		"select window_r":    "select |window_rev",
		"select f(sho":       "select f(|Shots show",
		"SELECT x FROM héé(": "SELECT x FROM héé(|Shots hits hits_per_second passer",
	} {
		head, words := (&completer{client: c}).complete(t.Context(), line)
		if got := head + "|" + strings.Join(words, " "); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	dead, err := New("127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, words := (&completer{client: dead}).complete(t.Context(), "sel"); len(words) != 1 {
		t.Errorf("without a server: %q", words)
	}
	if names := dead.Streams(t.Context()); len(names) != 0 {
		t.Errorf("without a server: %q", names)
	}
}
