package app

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/operators/state"
)

// opened opens a server over a directory, whose state may be of another one, and
// returns why it does not start.
func opened(t *testing.T, dir string) error {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s, err := newServer(serverConfig{Listener: ln, Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		s.db.close()
		err = errors.Join(s.closeStore(), s.log.Close())
		if err != nil {
			t.Fatal(err)
		}
	}
	return err
}

// TestStoreOfAnotherLog: state that was copied from another data directory is
// refused, though its numbers would fit; and taken back where it belongs.
func TestStoreOfAnotherLog(t *testing.T) {
	one, other := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, other} {
		s, stop := started(t, dir, time.Now())
		declare(t, s)
		stop()
	}
	swap := func() {
		for _, names := range [][2]string{{one + "/state", one + "/away"}, {other + "/state", one + "/state"}, {one + "/away", other + "/state"}} {
			if err := os.Rename(names[0], names[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	swap()
	for _, dir := range []string{one, other} {
		if err := opened(t, dir); !errors.Is(err, errOtherLog) {
			t.Errorf("a store of another log: %v", err)
		}
	}
	swap()
	for _, dir := range []string{one, other} {
		if err := opened(t, dir); err != nil {
			t.Error(err)
		}
	}
}

// TestStoreAhead: a log that was brought back from an earlier moment does not have
// what the store knows. It is made again, also when the log has grown since, so
// that its numbers reach as far.
func TestStoreAhead(t *testing.T) {
	for _, more := range []int{0, 20} {
		dir, early := t.TempDir(), t.TempDir()
		s, stop := started(t, dir, time.Now())
		s.must(t, hits)
		stop()
		copyLog(t, dir, early)
		s, stop = started(t, dir, time.Now())
		s.must(t, "CREATE MATERIALIZED VIEW later AS SELECT path, ms FROM hits")
		stop()
		if more > 0 {
			s, stop = started(t, early, time.Now())
			for range more {
				s.must(t, "CREATE VIEW v AS SELECT path FROM hits")
				s.must(t, "DROP VIEW v")
			}
			stop()
		}
		if err := os.RemoveAll(filepath.Join(early, "state")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "state"), filepath.Join(early, "state")); err != nil {
			t.Fatal(err)
		}
		s, stop = started(t, early, time.Now())
		if _, ok := s.db.catalog.View("later"); ok {
			t.Error("there is a view that no commit of the log has made")
		}
		s.must(t, "SELECT * FROM per_second")
		if away, _ := filepath.Glob(filepath.Join(early, "state.damaged-*")); len(away) != 1 {
			t.Errorf("moved away: %v", away)
		}
		stop()
	}
}

// TestDropBeforeCrash: what is on disk of a view that was dropped or replaced goes
// with the next start, if the process ended before.
func TestDropBeforeCrash(t *testing.T) {
	m := newMachine(t)
	m.send(3)
	m.save()
	for _, text := range []string{"DROP VIEW closed", "CREATE OR REPLACE MATERIALIZED VIEW totals AS SELECT ms FROM hits", "DROP VIEW totals", "DROP VIEW slow"} {
		if _, err := m.db.run(t.Context(), text, func(string, ...any) {}); err != nil {
			t.Fatal(err)
		}
	}
	m.crash()
	m.start()
	m.db.saver.start()
	m.db.stop()
	<-m.db.saver.done
	for range 2 { // what is found is deleted with the next write
		m.db.saver.save(t.Context(), m.db.now(), true)
	}
	_ = m.store.Scan(nil, func(key, _ []byte) error {
		if key[0] != 'c' || string(key[:2]) == gonePrefix {
			t.Errorf("key %q is left", key)
		}
		return nil
	})
}

// TestNoWayBack: a view whose content is lost, and whose first records the log no
// longer has, is not made of the rest: not at the next start, and not at the one
// behind it.
func TestNoWayBack(t *testing.T) {
	dir, ahead := t.TempDir(), time.Duration(0)
	begin := func() *server {
		t.Helper()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s, err := newServer(serverConfig{Listener: ln, Dir: dir, Logger: slog.New(slog.DiscardHandler), Clock: func() time.Time { return time.Now().Add(ahead) }})
		if err != nil {
			t.Fatal(err)
		}
		s.db.ddl.Lock()
		if err := s.start(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		go func() { _ = s.http.Serve(ln) }()
		return s
	}
	end := func(s *server) {
		t.Helper()
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
	}
	s := begin()
	s.must(t, hits)
	if status, body := post(t, s.url()+"/v1/streams/hits/records", "", `{"path":"/","ms":1,"ts":"2026-11-20 10:00:00"}`, nil); status != http.StatusOK {
		t.Fatal(status, string(body))
	}
	end(s)
	s = begin()
	var b state.Batch
	_ = s.db.store.Scan([]byte("v"), func(key, _ []byte) error {
		b.Delete(append([]byte(nil), key...))
		return nil
	})
	if len(b.Deletes) == 0 {
		t.Fatal("the view is not on disk")
	}
	s.db.running()[0].stop() // it writes nothing any more
	s.write(t, &b)
	end(s)
	ahead = 25 * time.Hour
	for start := range 3 {
		s := begin()
		if err := s.db.running()[0].failure(); err == nil || !strings.Contains(err.Error(), errNoWayBack.Error()) {
			t.Errorf("start %d: the view goes on from what is left of its stream", start)
		}
		end(s) // which saves, and looks for what is left
	}
}
