package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"weir/operators/sinks/sinktest"
)

// asWeir makes the test binary behave as weir: tests that kill a server or
// measure one need a process of its own.
const asWeir = "WEIR_TEST_AS_WEIR"

func TestMain(m *testing.M) {
	if os.Getenv(asWeir) != "" {
		os.Exit(Main(os.Args[1:], Stdio()))
	}
	goleak.VerifyTestMain(m)
}

// shared returns a path in the folder of shared cases, or skips.
func shared(t testing.TB, path string) string {
	t.Helper()
	dir := os.Getenv("WEIR_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	p, err := filepath.Abs(filepath.Join(dir, path))
	if err == nil {
		_, err = os.Stat(p)
	}
	if err != nil {
		t.Skipf("SKIPPED, no shared data: %v (set WEIR_SHARED)", err)
	}
	return p
}

// weir runs a command in this process.
func weir(t testing.TB, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(context.Background(), args, Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs})
	return out.String(), errs.String(), code
}

// rowsOf reads JSON lines.
func rowsOf(t testing.TB, ndjson string) []map[string]any {
	t.Helper()
	var rows []map[string]any
	dec := json.NewDecoder(strings.NewReader(ndjson))
	dec.UseNumber()
	for {
		var row map[string]any
		err := dec.Decode(&row)
		if err == io.EOF {
			return rows
		}
		if err != nil {
			t.Fatalf("row %d: %v", len(rows)+1, err)
		}
		rows = append(rows, row)
	}
}

// child is a weir server in a process of its own.
type child struct {
	t   testing.TB
	cmd *exec.Cmd
	url string
	log *os.File
}

// startServer starts `weir serve` on a data directory and waits until it is ready.
// Flags come last, with PORT for the port.
func startServer(t testing.TB, dir string, port int, flags ...string) *child {
	t.Helper()
	c := launch(t, dir, port, flags...)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(c.url + "/readyz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return c
		}
	}
	t.Fatalf("server is not ready after a minute; it said:\n%s", c.output())
	return nil
}

// launch starts a server as startServer does, and does not wait for it.
func launch(t testing.TB, dir string, port int, flags ...string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	logFile, err := os.CreateTemp(t.TempDir(), "server-*.log")
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	args := []string{"serve", "--listen", addr, "--data", dir}
	for _, f := range flags {
		args = append(args, strings.ReplaceAll(f, "PORT", strconv.Itoa(port)))
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), asWeir+"=1")
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: cmd, url: "http://" + addr, log: logFile}
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("the server at %s said:\n%s", addr, c.output())
		}
	})
	return c
}

// kill ends the server as a power button would end its process.
func (c *child) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Signal(syscall.SIGKILL)
		_ = c.cmd.Wait()
	}
}

// output is what the server said so far.
func (c *child) output() string {
	text, err := os.ReadFile(c.log.Name())
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// stopMost is what a stop takes at most: its parts have their own limits, and a machine
// may be slow, but nothing that a stop waits for is for ever.
const stopMost = stopRequestsWithin + stopSaveWithin + stopQueriesWithin + time.Minute

// stop ends the server politely and returns how it exited.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.cmd.Wait()
}

// sql runs statements over HTTP and returns the rows as text cells.
func (c *child) sql(text string) [][]any {
	c.t.Helper()
	status, body := post(c.t, c.url+"/v1/sql", "text/plain", text, nil)
	if status != http.StatusOK {
		c.t.Fatalf("POST /v1/sql %q: status %d: %s", text, status, body)
	}
	var res struct{ Rows [][]any }
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&res); err != nil {
		c.t.Fatalf("answer of %q: %v: %s", text, err, body)
	}
	return res.Rows
}

// post sends a body; a connection that fails has status 0, and so has an answer
// that does not end.
func post(t testing.TB, url, contentType, body string, header map[string]string) (int, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return resp.StatusCode, data
}

// freePort finds a port that nobody uses, and keeps it for the test.
func freePort(t testing.TB) int {
	t.Helper()
	return sinktest.Port(t)
}
