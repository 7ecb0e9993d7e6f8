//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/operators/sinks/sinktest"
)

// page is a document that is being tried: a directory with the command in it, and
// a server.
type page struct {
	dir, address string
	exports      string // what the reader has exported
	server       *exec.Cmd
	ended        chan error // how the server ended
	log          bytes.Buffer
	replace      map[string]string // addresses of the page and what they are here
	absent       map[string]string // those that are nowhere here, and why
}

// asks are commands that need a server.
var asks = regexp.MustCompile(`(?m)curl |weir (sql|put)|pidof`)

// Addresses that stand in the documents.
const (
	influxAddress = "127.0.0.1:8086"
	postgresURL   = "postgres://weir@127.0.0.1/web"
)

func runPage(t *testing.T, name string, all []block) {
	p := &page{dir: t.TempDir(), replace: map[string]string{}, absent: map[string]string{}}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A binary of this name is the command: see TestMain.
	if err := os.Symlink(exe, filepath.Join(p.dir, "weir")); err != nil {
		t.Fatal(err)
	}
	p.address = fmt.Sprintf("127.0.0.1:%d", sinktest.Port(t))
	p.replace["127.0.0.1:8484"], p.replace["0.0.0.0:8484"] = p.address, p.address
	var text strings.Builder
	first := ""
	for _, b := range all {
		text.WriteString(b.text)
		if first == "" && b.language != "text" {
			first = b.text
		}
	}
	if strings.Contains(text.String(), influxAddress) {
		p.need(t, influxAddress, func(t sinktest.TB) string { return sinktest.Influx(t).Addr })
	}
	if strings.Contains(text.String(), postgresURL) {
		p.need(t, postgresURL, func(t sinktest.TB) string { return sinktest.Postgres(t, "").URL() })
	}
	t.Cleanup(func() { p.stop(t) })
	if at := serves.FindStringIndex(strings.ReplaceAll(first, "\n", " ")); at == nil || asks.MatchString(first[:at[0]]) {
		p.serve(t, name, "weir serve")
	}
	printed := ""
	for _, b := range all {
		if b.language == "text" {
			continue
		}
		t.Run(fmt.Sprint("line ", b.line), func(t *testing.T) {
			for there, here := range p.replace {
				b.text = strings.ReplaceAll(b.text, there, here)
			}
			if _, err := exec.LookPath("node"); err != nil && strings.Contains("\n"+b.text, "\nnode ") {
				t.Skipf("SKIPPED: %v", err)
			}
			for there, why := range p.absent {
				if strings.Contains(b.text, there) {
					t.Skipf("SKIPPED, there is no server for %s: %s", there, why)
				}
			}
			at := fmt.Sprintf("%s:%d", name, b.line)
			switch b.language {
			case "sh":
				printed = p.shell(t, at, b.text)
			case "json":
				sameJSON(t, at, printed, b.text)
			case "sql":
				statements(t, at, p.address, b.text)
			default:
				t.Errorf("%s: nobody tries a block of %q", at, b.language)
			}
		})
	}
}

// tolerant is a test that goes on without what it cannot have.
type tolerant struct{ *testing.T }

type skipped string

func (tolerant) Skipf(format string, args ...any) { panic(skipped(fmt.Sprintf(format, args...))) }

// need starts what a page talks to, or notes why it cannot be had.
func (p *page) need(t *testing.T, address string, start func(sinktest.TB) string) {
	defer func() {
		switch why := recover().(type) {
		case nil:
		case skipped:
			p.absent[address] = string(why)
		default:
			panic(why)
		}
	}()
	p.replace[address] = start(tolerant{t})
}

// TestNeed: a server that cannot be had costs its blocks alone, not the page.
func TestNeed(t *testing.T) {
	p := &page{replace: map[string]string{}, absent: map[string]string{}}
	p.need(t, "there", func(t sinktest.TB) string { t.Skipf("no %s", "server"); return "" })
	p.need(t, "here", func(sinktest.TB) string { return "address" })
	if p.absent["there"] != "no server" || len(p.absent) != 1 || p.replace["here"] != "address" || len(p.replace) != 1 {
		t.Errorf("absent %v, replaced %v", p.absent, p.replace)
	}
}

// environment is what every command of the page gets.
func (p *page) environment() []string {
	return append(os.Environ(), "PATH="+p.dir+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+p.dir,
		"WEIR_URL=http://"+p.address, "WEIR_LISTEN="+p.address)
}

// serve runs a command that starts the server, in the place of the one that runs,
// and waits until it is ready.
func (p *page) serve(t *testing.T, at, command string) {
	t.Helper()
	p.stop(t)
	at0 := serves.FindStringSubmatchIndex(command)[3] // behind what stands in front of the command
	p.server = exec.Command("bash", "-c", p.exports+command[:at0]+"exec "+command[at0:])
	p.log.Reset()
	p.server.Dir, p.server.Env, p.server.Stderr = p.dir, p.environment(), &p.log
	if err := p.server.Start(); err != nil {
		t.Fatal(err)
	}
	p.ended = make(chan error, 1)
	go func(server *exec.Cmd, ended chan<- error) { ended <- server.Wait() }(p.server, p.ended)
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		res, err := http.Get("http://" + p.address + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s: the server is not ready: %v", at, err)
		}
	}
}

// stop ends the server, which may have been killed by its reader.
func (p *page) stop(t *testing.T) {
	t.Helper()
	if p.server == nil {
		return
	}
	_ = p.server.Process.Signal(syscall.SIGTERM)
	err := <-p.ended
	killed := false
	if status, ok := p.server.ProcessState.Sys().(syscall.WaitStatus); ok {
		killed = status.Signaled() && status.Signal() == syscall.SIGKILL
	}
	if err != nil && !killed {
		t.Errorf("the server ended badly: %v\n%s", err, &p.log)
	}
	p.server = nil
}

// endless are commands that never end by themselves.
func endless(command string) bool {
	return strings.Contains(command, "curl -sN") || strings.Contains(command, "tail -F")
}

// bash runs a command and returns what it printed, and that with its errors. One
// that never ends by itself is stopped after a while. There is one process that it can signal,
// the page's server.
func (p *page) bash(command string, while time.Duration) (out, all string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	pid := "none"
	if p.server != nil {
		pid = strconv.Itoa(p.server.Process.Pid)
	}
	if strings.Contains(command, "pkill") || strings.Contains(command, "killall") {
		return "", "", errors.New("this would end the servers of others")
	}
	prelude := fmt.Sprintf("set -o pipefail; pidof() { kill -0 %s 2>/dev/null && echo %[1]s; }\n%s", pid, p.exports)
	args := []string{"-c", prelude + command}
	name := "bash"
	if endless(command) {
		name, args = "timeout", append([]string{fmt.Sprint(while.Seconds()), "bash"}, args...)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = p.dir, p.environment()
	var stdout, both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &both
	err = cmd.Run()
	out, all = stdout.String(), stdout.String()+both.String()
	const stopped = 124 // what timeout(1) returns
	if exit := (*exec.ExitError)(nil); endless(command) && errors.As(err, &exit) && exit.ExitCode() == stopped {
		return out, out, nil
	}
	return out, all, err
}
