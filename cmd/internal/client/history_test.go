package client

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHistory(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	path, err := HistoryFile()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		h, err := openHistory(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(h.entries) != i {
			t.Errorf("opening %d: %q", i, h.entries)
		}
		h.add(fmt.Sprintf("SELECT %d;", i))
		h.add("two\nlines")
		h.add("\x1b[2J")
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
		// Somebody makes it public.
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h, err := openHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if got := strings.Join(h.entries, "|"); got != "SELECT 0;|SELECT 1;" {
		t.Errorf("history %q", got)
	}
	for file, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

// TestHistoryIsShortened: neither many lines nor long ones make it grow for ever.
func TestHistoryIsShortened(t *testing.T) {
	for name, line := range map[string]string{"many": "SELECT %d;", "long": "SELECT '%d" + strings.Repeat("x", 4000) + "';"} {
		path := filepath.Join(t.TempDir(), "history")
		var b strings.Builder
		for i := range 3 * historyLinesMax {
			fmt.Fprintf(&b, line+"\n", i)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := openHistory(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(h.entries); n != historyLinesMax || !strings.HasPrefix(h.entries[n-1], fmt.Sprintf(line, 3*historyLinesMax-1)[:10]) {
			t.Errorf("%s: %d entries", name, n)
		}
		text, err := os.ReadFile(path)
		if err != nil || strings.Count(string(text), "\n") != historyLinesMax {
			t.Errorf("%s: the file was not shortened: %v", name, err)
		}
		h.close()
	}
	if _, err := openHistory(t.TempDir()); err == nil {
		t.Error("a directory is no history")
	}
}
