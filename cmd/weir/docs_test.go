package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// block is a fenced block of a document.
type block struct {
	language, text string
	line           int
}

// blocks returns the fenced blocks of a document of the repository.
func blocks(t *testing.T, name string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	open := false
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case !strings.HasPrefix(line, "```"):
			if open {
				out[len(out)-1].text += line + "\n"
			}
		case open:
			open = false
		default:
			open = true
			out = append(out, block{language: strings.TrimPrefix(line, "```"), line: i + 2})
		}
	}
	if open || len(out) == 0 {
		t.Fatalf("%s has %d blocks, the last one is open: %v", name, len(out), open)
	}
	return out
}

// document runs the blocks of a document in order, in one directory and against
// one server, as somebody would who reads it for the first time:
//
//   - sh: line by line; what stands as a comment behind a command is its output
//   - json: what the sh block before it printed
//   - sql: on the server, a query over a stream as EXPLAIN, for it would not end
func document(t *testing.T, name string) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, the documents are not tried: %v", err)
		}
	}
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A binary of this name is the command: see TestMain.
	if err := os.Symlink(exe, filepath.Join(dir, "weir")); err != nil {
		t.Fatal(err)
	}
	address := startServer(t, dir)
	printed := ""
	for _, b := range blocks(t, name) {
		b.text = strings.ReplaceAll(b.text, "127.0.0.1:8484", address)
		at := fmt.Sprintf("%s:%d", name, b.line)
		switch b.language {
		case "sh":
			printed = shell(t, at, dir, b.text)
		case "json":
			sameJSON(t, at, printed, b.text)
		case "sql":
			statements(t, at, address, b.text)
		default:
			t.Errorf("%s: nobody tries a block of %q", at, b.language)
		}
	}
}

func TestReadme(t *testing.T) { document(t, "README.md") }
func TestHTTP(t *testing.T)   { document(t, "docs/http.md") }
func TestSQL(t *testing.T)    { document(t, "docs/sql.md") }

// startServer starts `weir serve` on a free port and returns its address.
func startServer(t *testing.T, dir string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command("./weir", "serve", "--listen", address)
	cmd.Dir, cmd.Stderr = dir, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended badly: %v\n%s", err, &log)
		}
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		res, err := http.Get("http://" + address + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return address
			}
		}
		if time.Now().After(end) {
			t.Fatalf("the server is not ready: %v", err)
		}
	}
}

// elsewhere are commands that other tests run, or that run already.
var elsewhere = regexp.MustCompile(`^(go run ./cmd/weir demo|go build |\./weir (serve|sql|put)|tail -F )`)

// shell runs the commands of a block and returns what the last one printed.
func shell(t *testing.T, at, dir, text string) string {
	t.Helper()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	printed := ""
	for i := 0; i < len(lines); {
		command := ""
		for complete := false; i < len(lines) && !complete; i++ {
			command += lines[i] + "\n"
			complete = isCommand(command)
		}
		want, compare := "", false
		for ; i < len(lines) && strings.HasPrefix(lines[i], "# "); i++ {
			want, compare = want+strings.TrimPrefix(lines[i], "# ")+"\n", true
		}
		if elsewhere.MatchString(command) {
			continue
		}
		printed = bash(t, at, dir, command)
		if got := withoutCommit(printed); compare && got != withoutCommit(want) {
			t.Errorf("%s: %s\nprints\n%s\nand not\n%s", at, command, printed, want)
		}
	}
	return printed
}

// isCommand tells whether text is a whole command: no quote is open, no
// here-document waits for its end.
func isCommand(text string) bool {
	out, err := exec.Command("bash", "-n", "-c", text).CombinedOutput()
	return err == nil && len(out) == 0
}

// bash runs a command and returns what it printed. One that never ends by itself
// is stopped.
func bash(t *testing.T, at, dir, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	endless := strings.Contains(command, "curl -sN")
	if endless {
		command = "timeout 2 " + command
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail; "+command)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	const stopped = 124 // what timeout(1) returns
	if exit := (*exec.ExitError)(nil); endless && errors.As(err, &exit) && exit.ExitCode() == stopped {
		err = nil
	}
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%s: %s\n%v %s", at, command, err, &stderr)
	}
	return string(out)
}

// withoutCommit takes out the numbers that depend on the clock, and blanks
// around the text.
func withoutCommit(s string) string {
	return strings.TrimSpace(regexp.MustCompile(`"commit":\d+`).ReplaceAllString(s, `"commit":0`))
}

func sameJSON(t *testing.T, at, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(withoutCommit(got)), &g); err != nil {
		t.Errorf("%s: printed is no JSON: %v\n%s", at, err, got)
	}
	if err := json.Unmarshal([]byte(withoutCommit(want)), &w); err != nil {
		t.Errorf("%s: is no JSON: %v", at, err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("%s: printed is\n%s\nand not\n%s", at, got, want)
	}
}

// statements runs SQL, one statement after the other.
func statements(t *testing.T, at, address, text string) {
	t.Helper()
	for _, s := range regexp.MustCompile(`;[^\n]*\n`).Split(text, -1) {
		if strings.TrimSpace(s) == "" {
			continue
		}
		if strings.Contains(s, "EMIT ") {
			s = "EXPLAIN " + s
		}
		res, err := http.Post("http://"+address+"/v1/sql", "text/plain", strings.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s\n%s %s %v", at, s, res.Status, body, err)
		}
	}
}
