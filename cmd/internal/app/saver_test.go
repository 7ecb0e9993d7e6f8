package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/ingest/wal"
	"weir/operators/checkpoint"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner/physical"
	"weir/sql/catalog"
)

// survivor is a view that outlives its database, as one on disk does: the next
// database is given the same one, with all that it shows.
type survivor struct {
	*views.View
	key     []byte
	flushes int           // that nobody has finished
	shown   stream.Commit // what a disk would have shown at the start; 0: what it shows
}

func (s *survivor) ResultsTo() stream.Commit { return max(s.shown, s.State().Commit) }

func (s *survivor) Flush(b *state.Batch) (func(error), error) {
	if s.flushes > 0 {
		return nil, errors.New("nobody has said what became of the flush before")
	}
	s.flushes++
	b.Put(s.key, fmt.Append(nil, s.State().Commit))
	return func(error) { s.flushes-- }, nil
}

func (s *survivor) Drop(b *state.Batch) { b.Delete(s.key) }

// machine is what a crash leaves: the log, the store, and views on disk.
type machine struct {
	t     *testing.T
	log   *wal.Log
	store *state.Memory
	views map[uint32]*survivor
	db    *database
	seq   int
}

const machineSQL = `CREATE STREAM hits (path VARCHAR, ms BIGINT, x DOUBLE, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 2 SECOND) WITH (shards = 2);
CREATE MATERIALIZED VIEW closed AS SELECT window_start, window_end, path, COUNT(*) AS n, SUM(x) AS s FROM hits GROUP BY HOP(ts, INTERVAL 5 SECOND, INTERVAL 10 SECOND), path;
CREATE MATERIALIZED VIEW totals AS SELECT path, COUNT(*) AS n, SUM(x) AS s, MAX(path) AS p FROM hits GROUP BY path;
CREATE MATERIALIZED VIEW slow AS SELECT path, ms FROM hits WHERE ms > 90`

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, store: state.NewMemory(), views: make(map[uint32]*survivor)}
	var err error
	if m.log, err = wal.Open(wal.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.crash()
		for _, v := range m.views {
			v.Close()
		}
		m.log.Close()
	})
	m.start()
	if _, err := m.db.run(t.Context(), machineSQL, func(string, ...any) {}); err != nil {
		t.Fatal(err)
	}
	return m
}

// start is the begin of a process.
func (m *machine) start() {
	m.t.Helper()
	m.db = newDatabase(m.log, slog.New(slog.DiscardHandler))
	m.db.newView = func(def *catalog.View, p *physical.Plan, anew bool) (*views.View, durable, error) {
		v := m.views[def.ID]
		if v == nil || anew {
			v = &survivor{View: views.NewView(p.Root.Schema(), p.Key), key: fmt.Append(nil, "v", def.ID)}
			m.views[def.ID] = v
		}
		return v.View, v, nil
	}
	err := m.db.restore(m.t.Context())
	if err == nil {
		m.db.saver, err = newSaver(m.db, m.store, saveConfig())
	}
	if err == nil {
		err = m.db.startViews()
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// crash ends all goroutines and nothing else.
func (m *machine) crash() {
	m.db.stop()
	m.db.stopKeep()
	m.db.wg.Wait()
}

// send appends commits to the log.
func (m *machine) send(commits int) {
	m.t.Helper()
	def, _ := m.db.catalog.Stream("hits")
	for range commits {
		var lines []string
		for range 20 {
			m.seq++
			at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).Add(time.Duration(m.seq*40-m.seq%7*900) * time.Millisecond)
			lines = append(lines, fmt.Sprintf(`{"path":"/%d","ms":%d,"x":%g,"ts":"%s"}`, m.seq*m.seq%13, m.seq*31%101, float64(m.seq)/7, at.Format("2006-01-02 15:04:05.000")))
		}
		_, err := m.log.Append(m.t.Context(), wal.Request{Blocks: []wal.Block{{
			Stream: def.ID, Shard: stream.Shard(m.seq / 20 % 2), Count: len(lines), Data: []byte(strings.Join(lines, "\n")),
		}}})
		if err != nil {
			m.t.Fatal(err)
		}
	}
	m.settle()
}

// settle waits until the views show what the log holds.
func (m *machine) settle() {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 30*time.Second)
	defer cancel()
	head, _ := m.log.Head()
	for _, v := range m.db.running() {
		if err := v.caughtUp(ctx, m.db); err != nil {
			m.t.Fatal(err)
		}
		for v.query.Progress().Commit < head { // it may run in silence
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				m.t.Fatal(ctx.Err())
			}
		}
	}
}

// save writes a checkpoint of everything.
func (m *machine) save() {
	m.t.Helper()
	before := m.db.saver.Stats()
	m.db.saver.save(m.t.Context(), m.db.now(), true)
	if after := m.db.saver.Stats(); after.States != before.States+3 || after.Errors != 0 {
		m.t.Fatalf("%+v", after)
	}
}

// content returns the rows of every view and what its query has counted.
func (m *machine) content(db *database) []string {
	m.t.Helper()
	var out []string
	for _, v := range db.running() {
		res, err := db.run(m.t.Context(), "SELECT * FROM "+v.def.Name, func(string, ...any) {})
		if err != nil {
			m.t.Fatal(err)
		}
		var rows []string
		for {
			b, err := res.Next(m.t.Context())
			if err != nil {
				break
			}
			for i := range int(b.NumRows()) {
				line := v.def.Name
				for c := range int(b.NumCols()) {
					line += " " + b.Column(c).ValueStr(i)
				}
				rows = append(rows, line)
			}
			b.Release()
		}
		res.Close()
		slices.Sort(rows)
		out = append(append(out, rows...), fmt.Sprintf("%s %+v", v.def.Name, v.query.Progress().Ledger))
	}
	return out
}

// check holds the views against those of a database that read the whole log, and
// expects that the queries went on from the given commit.
func (m *machine) check(resumed stream.Commit) {
	m.t.Helper()
	m.settle()
	plain := newDatabase(m.log, slog.New(slog.DiscardHandler))
	defer plain.close()
	if err := errors.Join(plain.restore(m.t.Context()), plain.startViews()); err != nil {
		m.t.Fatal(err)
	}
	for _, v := range plain.running() {
		if err := v.caughtUp(m.t.Context(), plain); err != nil {
			m.t.Fatal(err)
		}
	}
	want, got := m.content(plain), m.content(m.db)
	if len(want) < 20 || !slices.Equal(want, got) {
		m.t.Fatalf("views after a restart:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	head, _ := m.log.Head()
	for _, v := range m.db.running() {
		if read := v.query.Progress().Commit - v.resumed; v.resumed != resumed || read != head-resumed {
			m.t.Errorf("%s went on from commit %d and read %d of %d; want %d", v.def.Name, v.resumed, read, head, resumed)
		}
	}
}

// damage changes the value of a key that matches, and returns how many there were.
func (m *machine) damage(prefix string, which func(key, value []byte) bool) (n int) {
	m.t.Helper()
	var b state.Batch
	_ = m.store.Scan([]byte(prefix), func(key, value []byte) error {
		if which(key, value) {
			bad := slices.Clone(value)
			bad[len(bad)-1] ^= 0x55
			b.Put(slices.Clone(key), append(bad, 1, 2, 3))
			n++
		}
		return nil
	})
	if err := m.store.Write(m.t.Context(), &b); err != nil || n == 0 {
		m.t.Fatalf("%d values damaged: %v", n, err)
	}
	return n
}

// newest tells whether a manifest is the newest of its query.
func (m *machine) newest() func(key, value []byte) bool {
	best := map[string]stream.Epoch{}
	_ = m.store.Scan([]byte("m"), func(key, value []byte) error {
		if man, err := checkpoint.DecodeManifest(value); err == nil {
			best[string(key[:5])] = max(best[string(key[:5])], man.Epoch)
		}
		return nil
	})
	return func(key, value []byte) bool {
		man, err := checkpoint.DecodeManifest(value)
		return err == nil && man.Epoch == best[string(key[:5])]
	}
}

// TestRestartFromCheckpoint: a database that is killed goes on from its newest
// checkpoint, reads only what came behind it, shows the same as one that read the
// whole log; and from an older one, or from the log, where it is damaged.
func TestRestartFromCheckpoint(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(m *machine)
		from   func(first, second stream.Commit) stream.Commit
	}{
		{"whole", func(*machine) {}, func(_, second stream.Commit) stream.Commit { return second }},
		{"newest manifest damaged", func(m *machine) { m.damage("m", m.newest()) }, func(first, _ stream.Commit) stream.Commit { return first }},
		{"all manifests damaged", func(m *machine) { m.damage("m", func(_, _ []byte) bool { return true }) }, func(_, _ stream.Commit) stream.Commit { return 0 }},
		{"all pages damaged", func(m *machine) { m.damage("s", func(_, _ []byte) bool { return true }) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.send(20)
			m.save()
			first, _ := m.log.Head()
			m.send(20)
			m.save()
			second, _ := m.log.Head()
			m.send(7) // the views are ahead of the state
			m.crash()
			c.damage(m)
			m.start()
			if c.from == nil {
				// The query without state has no page that could be damaged.
				m.settle()
				for _, v := range m.db.running() {
					if want := map[bool]stream.Commit{true: second}[v.def.Name == "slow"]; v.resumed != want {
						t.Errorf("%s went on from commit %d, want %d", v.def.Name, v.resumed, want)
					}
				}
				return
			}
			m.check(c.from(first, second))
			// And it goes on: what is saved from now on is as good.
			m.send(5)
			m.save()
			third, _ := m.log.Head()
			m.crash()
			m.start()
			m.check(third)
			m.send(3)
			m.check(third)
		})
	}
}

// TestStreamEndsBeforeCheckpoint: a query that goes on behind the end of its
// stream still knows that it has ended.
func TestStreamEndsBeforeCheckpoint(t *testing.T) {
	m := newMachine(t)
	m.send(10)
	def, _ := m.db.catalog.Stream("hits")
	if _, err := m.log.Control(t.Context(), wal.Control{Kind: wal.End, Stream: def.ID}); err != nil {
		t.Fatal(err)
	}
	m.settle()
	m.save()
	at, _ := m.log.Head()
	m.crash()
	m.start()
	m.send(4)
	m.check(at)
	for _, v := range m.db.running() {
		if l := v.query.Ledger(); v.def.Name == "closed" && l.Late < 80 {
			t.Errorf("%d rows behind the end are late, of 80", l.Late)
		}
	}
}

// TestDropForgetsCheckpoints: nothing is left on disk of a view that is dropped.
func TestDropForgetsCheckpoints(t *testing.T) {
	m := newMachine(t)
	m.send(3)
	m.save()
	for _, v := range []string{"closed", "totals", "slow"} {
		if _, err := m.db.run(t.Context(), "DROP VIEW "+v, func(string, ...any) {}); err != nil {
			t.Fatal(err)
		}
	}
	m.db.saver.save(t.Context(), m.db.now(), true)
	_ = m.store.Scan(nil, func(key, _ []byte) error {
		t.Errorf("key %q is left", key)
		return nil
	})
}
