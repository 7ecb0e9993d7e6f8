//go:build unix

package sinktest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// TB is what a test gives: the part of testing.TB in use.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Cleanup(f func())
}

// Server is a server that a test started.
type Server struct {
	Addr string // host:port
	t    TB
	args []string
	as   *syscall.Credential
	dir  string
	stop syscall.Signal
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	log  bytes.Buffer
}

const startWait = 60 * time.Second

// Start starts a server that is not running, at the address and with the data
// that it had. It does not wait until it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, &s.log, &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start %s: %v", s.args[0], err)
	}
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // how it ended is in its log
		close(done)
	}(s.cmd, s.done)
}

// await calls ready until it is so.
func (s *Server) await(ready func() bool) {
	s.t.Helper()
	for until := time.Now().Add(startWait); !ready(); time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.done:
			s.t.Fatalf("%s ended: %s", s.args[0], s.log.Bytes())
		default:
		}
		if time.Now().After(until) {
			s.Stop()
			s.t.Fatalf("%s does not answer: %s", s.args[0], s.log.Bytes())
		}
	}
}

// Stop ends the process and waits for it.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(s.stop) // it may have ended
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	s.cmd = nil
}

// answers tells whether somebody listens.
func (s *Server) answers() bool {
	c, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// Port finds a port that nobody uses, and keeps it for the test: a server that is
// started again finds it free. It is none of those that the system gives to
// connections, which may be anybody's at any time. That of the same number is held
// for UDP, which tells the tests of other processes.
func Port(t TB) int {
	t.Helper()
	for range 1000 {
		port := 12_000 + rand.IntN(20_000)
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		held, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			_ = held.Close()
			continue
		}
		_ = ln.Close()
		t.Cleanup(func() { _ = held.Close() })
		return port
	}
	t.Fatalf("no port is free")
	return 0
}

// binary finds a program, and has it installed if need be.
func binary(t TB, name string, patterns ...string) string {
	find := func() string {
		for _, p := range patterns {
			if found, _ := filepath.Glob(p); len(found) > 0 {
				return found[len(found)-1]
			}
		}
		path, _ := exec.LookPath(name)
		return path
	}
	if path := find(); path != "" {
		return path
	}
	out, err := exec.Command(script(t)).CombinedOutput()
	path := find()
	if path == "" {
		t.Skipf("SKIPPED: there is no %s here, and it could not be installed (%v): %s", name, err, out)
	}
	return path
}

// script finds what installs servers, from the test's directory upwards.
func script(t TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("find the repository: %v", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, ".ci", "servers")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("there is no .ci/servers above the test")
		}
	}
}

// home makes a directory for a server that runs as somebody, who has to get there.
func home(t TB, as *syscall.Credential) string {
	in := os.TempDir()
	if as != nil && !open(in) {
		if in = "/tmp"; !open(in) {
			t.Skipf("SKIPPED: %s is for root alone, and the server does not run as root", os.TempDir())
		}
	}
	dir, err := os.MkdirTemp(in, "weir-server-")
	if err == nil && as != nil {
		err = os.Chown(dir, int(as.Uid), int(as.Gid))
	}
	if err != nil {
		t.Fatalf("make a directory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// open tells whether everybody gets to a directory.
func open(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// Postgres starts a PostgreSQL server. Everybody who reaches it is let in as
// postgres, unless password is not empty.
func Postgres(t TB, password string) *Server {
	t.Helper()
	initdb := binary(t, "initdb", "/usr/lib/postgresql/*/bin/initdb")
	as := unprivileged(t, "postgres")
	dir, port := home(t, as), Port(t)
	data, auth := filepath.Join(dir, "data"), "trust"
	args := []string{"-D", data, "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"}
	if password != "" {
		file := filepath.Join(dir, "password")
		if err := os.WriteFile(file, []byte(password+"\n"), 0o644); err != nil {
			t.Fatalf("write password: %v", err)
		}
		args, auth = append(args, "--pwfile", file), "scram-sha-256"
	}
	init := exec.Command(initdb, append(args, "-A", auth)...)
	init.Dir, init.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s := &Server{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), t: t, as: as, dir: dir, stop: syscall.SIGINT,
		args: []string{
			filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-p", strconv.Itoa(port),
			"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + dir,
			"-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=20",
		},
	}
	s.Start()
	t.Cleanup(s.Stop)
	ready := filepath.Join(filepath.Dir(initdb), "pg_isready")
	s.await(func() bool {
		return exec.Command(ready, "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port)).Run() == nil
	})
	return s
}

// unprivileged returns who a server runs as that refuses to be root; nil: the test's user.
func unprivileged(t TB, name string) *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("run a server that refuses root: %v", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err != nil || err2 != nil {
		t.Fatalf("user %s has no number", name)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// URL returns the address of a PostgreSQL server's first database.
func (s *Server) URL() string { return "postgres://postgres@" + s.Addr + "/postgres" }

// Influx starts an InfluxDB server that lets everybody in.
func Influx(t TB) *Server {
	t.Helper()
	path := binary(t, "influxd")
	dir, port, backup := home(t, nil), Port(t), Port(t)
	config := filepath.Join(dir, "influxdb.conf")
	text := fmt.Sprintf(`reporting-disabled = true
bind-address = "127.0.0.1:%d"
[meta]
  dir = %q
  logging-enabled = false
[data]
  dir = %q
  wal-dir = %q
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:%d"
  log-enabled = false
  flux-enabled = false
[continuous_queries]
  enabled = false
`, backup, filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), port)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatalf("write configuration: %v", err)
	}
	s := &Server{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), t: t, dir: dir, stop: syscall.SIGTERM,
		args: []string{path, "-config", config},
	}
	s.Start()
	t.Cleanup(s.Stop)
	s.await(s.answers)
	return s
}
