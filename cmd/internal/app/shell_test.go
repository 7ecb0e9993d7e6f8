package app

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// terminal is a command in a pseudo-terminal, which script(1) makes.
type terminal struct {
	t     *testing.T
	keys  io.WriteCloser
	mu    sync.Mutex
	shown strings.Builder
	seen  int // how much of it was waited for
}

func (m *terminal) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shown.Write(p)
}

// wait waits until a text stands behind what was waited for before.
func (m *terminal) wait(want string) {
	m.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		m.mu.Lock()
		text := m.shown.String()
		m.mu.Unlock()
		if at := strings.Index(text[m.seen:], want); at >= 0 {
			m.seen += at + len(want)
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("the terminal does not show %q:\n%q", want, text)
		}
	}
}

// count tells how often a text was shown.
func (m *terminal) count(text string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Count(m.shown.String(), text)
}

func (m *terminal) press(keys string) {
	m.t.Helper()
	if _, err := io.WriteString(m.keys, keys); err != nil {
		m.t.Fatal(err)
	}
}

// TestShellInTerminal types into a real shell in a real terminal.
func TestShellInTerminal(t *testing.T) {
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("SKIPPED, no script(1) to make a terminal")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := serveHere(t, t.TempDir())
	s.must(t, hits)
	cmd := exec.Command(script, "-qec", "stty cols 100 rows 40; exec '"+exe+"' sql --url "+s.url(), os.DevNull)
	cmd.Env = append(os.Environ(), asWeir+"=1", "TERM=xterm", "XDG_STATE_HOME="+t.TempDir())
	m := &terminal{t: t}
	cmd.Stdout, cmd.Stderr = m, m
	if m.keys, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer m.keys.Close()
	defer time.AfterFunc(5*time.Minute, func() { cmd.Process.Kill() }).Stop()

	m.wait("weir> ")
	m.press("show streams;\r")
	m.wait("| hits |")
	m.wait("1 row in ")
	m.wait("weir> ")
	m.press("select ms from hi\t where ms\r") // Tab
	m.wait("-> ")
	m.press(">= 0;\r")
	const row = "|       41 |"
	for end := time.Now().Add(time.Minute); m.count(row) == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		s.send(t, 41, 42) // a live SELECT begins now, or soon, and shows what comes behind
	}
	m.wait(row)
	m.press("\x03")
	m.wait(", stopped after ")
	if n := m.count(row); m.count(fmt.Sprintf("\n%d row, stopped", n))+m.count(fmt.Sprintf("\n%d rows, stopped", n)) != 1 {
		t.Errorf("it does not count the %d rows that it showed", n)
	}
	m.wait("weir> ")
	m.press("half a statement\r")
	m.wait("-> ")
	m.press("\x03")
	m.wait("weir> ")
	m.press("\x1b[A") // up
	m.wait("select ms from hits where ms >= 0;")
	m.press("\x03")
	m.wait("weir> ")
	m.press("\x04")
	if err := cmd.Wait(); err != nil {
		t.Errorf("leaving: %v", err)
	}
}
