package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/operators/state"
	"weir/planner/physical"
)

// started opens a server over a directory, starts its views, and stops it with the
// function that is returned. at is what the clock shows. What before do is done before
// anything runs.
func started(t *testing.T, dir string, at time.Time, before ...func(*server)) (*server, func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(serverConfig{Listener: ln, Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.db.now = func() time.Time { return at }
	for _, f := range before {
		f(s)
	}
	s.db.ddl.Lock() // as run does
	if err := s.start(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return s, func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		_ = ln.Close()
	}
}

// content is the catalog as SHOW shows it, and the row of the view `made`.
func (s *server) content(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, d := range s.db.catalog.Streams() {
		out = append(out, fmt.Sprintf("%d %s %s", d.ID, d.Name, d.Text))
	}
	for _, d := range s.db.catalog.Views() {
		out = append(out, fmt.Sprintf("%d %s %s %v", d.ID, d.Name, d.Text, d.Schema.Names()))
	}
	m := s.db.runningView(s.viewID(t, "made"))
	<-m.done
	return append(out, fmt.Sprint(m.view.State().Rows), planOf(t, m))
}

// planOf prints the plan that a view runs, the values of its literals included.
func planOf(t *testing.T, m *materialized) string {
	t.Helper()
	text, err := physical.Encode(m.plan)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *server) viewID(t *testing.T, name string) uint32 {
	t.Helper()
	v, ok := s.db.catalog.View(name)
	if !ok {
		t.Fatalf("there is no view %s", name)
	}
	return v.ID
}

// declare fills a catalog in which numbers were given and given up.
func declare(t *testing.T, s *server) {
	t.Helper()
	for _, text := range []string{
		"CREATE STREAM gone (a BIGINT)",
		"CREATE STREAM hits (ts DATETIME(3), n BIGINT, WATERMARK FOR ts AS ts)",
		"DROP STREAM gone",
		"CREATE VIEW plain AS SELECT n * 2 AS twice FROM hits",
		"CREATE OR REPLACE VIEW plain AS SELECT n * 3 AS thrice FROM hits",
		"CREATE MATERIALIZED VIEW made AS SELECT NOW() AS t",
		"CREATE STREAM last (a BIGINT)",
		"DROP STREAM last",
	} {
		s.must(t, text)
	}
}

// TestCatalogOutlivesTheProcess restarts with another clock: with the store as it
// was, without it, behind the log, and damaged. The catalog and the plans, NOW()
// included, stay what they were, and no number is given twice.
func TestCatalogOutlivesTheProcess(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for name, change := range map[string]func(t *testing.T, dir string, s *server) (after func()){
		"as it was": func(*testing.T, string, *server) func() { return func() {} },
		"without the store": func(t *testing.T, dir string, _ *server) func() {
			return func() {
				if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
					t.Error(err)
				}
			}
		},
		"a store that is damaged": func(t *testing.T, dir string, _ *server) func() {
			return func() {
				if err := os.Remove(filepath.Join(dir, "state", "HEAD")); err != nil {
					t.Error(err)
				}
			}
		},
		"an object that is missing": func(t *testing.T, _ string, s *server) func() {
			s.write(t, &state.Batch{Deletes: [][]byte{objectKey(s.viewID(t, "made"))}})
			return func() {}
		},
		"an object that is no object": func(t *testing.T, _ string, s *server) func() {
			s.write(t, &state.Batch{Puts: []state.Pair{{Key: objectKey(s.viewID(t, "made")), Value: []byte("{")}}})
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, stop := started(t, dir, noon)
			declare(t, s)
			want, last := s.content(t), s.db.catalog.Last()
			after := change(t, dir, s)
			stop()
			after()
			for restart := range 2 {
				s, stop := started(t, dir, noon.Add(time.Hour))
				if diff := cmp.Diff(want, s.content(t)); diff != "" {
					t.Errorf("restart %d (-want +got):\n%s", restart, diff)
				}
				if got := s.db.catalog.Last(); got != last {
					t.Errorf("restart %d: the last number is %d, not %d", restart, got, last)
				}
				stop()
			}
		})
	}
}

func (s *server) write(t *testing.T, b *state.Batch) {
	t.Helper()
	if err := s.db.store.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// TestStoreBehindTheLog starts with a store that never heard of what the log holds,
// as after a crash between the two writes, and as the first start of this version.
func TestStoreBehindTheLog(t *testing.T) {
	dir := t.TempDir()
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	s, stop := started(t, dir, noon)
	whole := s.db.store
	s.db.store = nil
	declare(t, s)
	s.db.store = whole
	want := s.content(t)
	stop()
	s, stop = started(t, dir, noon.Add(time.Hour))
	defer stop()
	if diff := cmp.Diff(want, s.content(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPlanOfAnotherVersion starts with a view whose plan is of a later version.
func TestPlanOfAnotherVersion(t *testing.T) {
	dir := t.TempDir()
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	s, stop := started(t, dir, noon)
	declare(t, s)
	key := objectKey(s.viewID(t, "made"))
	text, err := s.db.store.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	later := bytes.Replace(text, []byte(`{"version":1`), []byte(`{"version":99`), 1)
	if bytes.Equal(later, text) {
		t.Fatalf("no plan in %s", text)
	}
	s.write(t, &state.Batch{Puts: []state.Pair{{Key: key, Value: later}}})
	stop()
	s, stop = started(t, dir, noon)
	defer stop()
	err = s.exec(t, "SELECT * FROM made")
	if err == nil || !strings.Contains(err.Error(), "another version: 99") {
		t.Errorf("the view gives %v", err)
	}
	s.must(t, "SHOW QUERIES")
	s.must(t, "SHOW VIEWS")
	s.must(t, "DROP VIEW made")
	s.must(t, "CREATE MATERIALIZED VIEW made AS SELECT NOW() AS t")
	s.must(t, "SELECT * FROM made")
}
