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
)

// machine is what a crash leaves, the log and the store, and what runs until then.
type machine struct {
	t     *testing.T
	log   *wal.Log
	store *state.Memory
	db    *database
	seq   int
}

// A log without idle shards has no ticks, so that a test knows each of its commits.
const machineSQL = `CREATE STREAM hits (path VARCHAR, ms BIGINT, x DOUBLE, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 2 SECOND) WITH (shards = 2, idle_timeout = '0');
CREATE MATERIALIZED VIEW closed AS SELECT window_start, window_end, path, COUNT(*) AS n, SUM(x) AS s FROM hits GROUP BY HOP(ts, INTERVAL 5 SECOND, INTERVAL 10 SECOND), path;
CREATE MATERIALIZED VIEW totals AS SELECT path, COUNT(*) AS n, SUM(x) AS s, MAX(path) AS p FROM hits GROUP BY path;
CREATE MATERIALIZED VIEW slow AS SELECT path, ms FROM hits WHERE ms > 90`

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, store: state.NewMemory()}
	var err error
	if m.log, err = wal.Open(wal.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.db.close()
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
	m.db.store = m.store
	var err error
	if m.db.saver, err = newSaver(m.db, m.store, saveConfig(saveStateEvery)); err == nil {
		err = m.db.restore(m.t.Context())
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
	m.db.stopViews()
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
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
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
		{"views damaged", func(m *machine) { m.damage("v", func(_, _ []byte) bool { return true }) }, func(_, _ stream.Commit) stream.Commit { return 0 }},
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
			m.send(7)
			m.db.saver.save(t.Context(), m.db.now().Add(2*time.Second), false)
			if results := m.db.running()[0].disk.ResultsTo(); results != second+7 {
				t.Fatalf("results on disk are at %d; they should be ahead of the state at %d", results, second)
			}
			m.send(3) // nothing on disk knows of these
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
		if key[0] != 'c' { // the catalog, where the stream still is
			t.Errorf("key %q is left", key)
		}
		return nil
	})
}

// metric reads one number of /metrics.
func (c *child) metric(name string) float64 {
	c.t.Helper()
	_, text := get(c.t, c.url+"/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			var v float64
			if _, err := fmt.Sscan(value, &v); err != nil {
				c.t.Fatal(err)
			}
			return v
		}
	}
	c.t.Fatalf("no metric %s", name)
	return 0
}

// TestKilledServerGoesOn: a server that is killed goes on from its checkpoint, one
// that is stopped reads nothing again, and both show what they showed.
func TestKilledServerGoesOn(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port, "--checkpoint", "1s")
	c.sql(hits)
	send := func(minute int) {
		t.Helper()
		for i := range 30 {
			body := fmt.Sprintf(`{"path":"/%d","ms":%d,"ts":"2026-11-20 10:%02d:%02d"}`, i%7, i, minute, i)
			if status, answer := post(t, c.url+"/v1/streams/hits/records", "", body, nil); status != 200 {
				t.Fatalf("status %d: %s", status, answer)
			}
		}
	}
	send(0)
	show := func() string { return fmt.Sprint(c.sql("SELECT * FROM per_second ORDER BY window_start, path")) }
	show()
	// The first that is saved now may have begun before the last rows came, the second
	// begins behind the first.
	for i := range 2 {
		saved := c.metric("weir_checkpoint_states_total")
		if status, answer := post(t, c.url+"/v1/streams/hits/records", "", fmt.Sprintf(`{"path":"/more","ms":1,"ts":"2026-11-20 10:00:%d"}`, 30+i), nil); status != 200 {
			t.Fatalf("status %d: %s", status, answer)
		}
		for c.metric("weir_checkpoint_states_total") == saved {
			time.Sleep(50 * time.Millisecond)
		}
	}
	before := show()
	c.kill()
	c = startServer(t, dir, port, "--checkpoint", "1s")
	if after := show(); after != before {
		t.Fatalf("%s\nwant\n%s", after, before)
	}
	from, read := c.metric(`weir_query_resumed_commit{view="per_second"}`), c.metric(`weir_query_read_commits{view="per_second"}`)
	if head := c.metric("weir_log_head_commit"); from < 30 || read >= head-25 {
		t.Errorf("went on from commit %v and read %v of %v", from, read, head)
	}
	send(1)
	before = show()
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	said := c.output()
	if !strings.Contains(said, `"replay":"nothing"`) {
		t.Errorf("it said %s", said)
	}
	var stopped float64
	if _, text, _ := strings.Cut(said, `"commit":`); text != "" {
		_, _ = fmt.Sscan(text[:strings.IndexAny(text, ",}")], &stopped)
	}
	c = startServer(t, dir, port)
	if after := show(); after != before {
		t.Fatalf("%s\nwant\n%s", after, before)
	}
	// Its own start and ticks: none of what was there.
	read = c.metric(`weir_query_read_commits{view="per_second"}`)
	if head := c.metric("weir_log_head_commit"); stopped < from || read > head-stopped {
		t.Errorf("behind a stop at commit %v of %v, %v commits are read again", stopped, head, read)
	}
}

// TestAnotherPlanBeginsAnew: neither state nor content of another plan is used.
func TestAnotherPlanBeginsAnew(t *testing.T) {
	m := newMachine(t)
	m.send(5)
	m.save()
	m.crash()
	var b state.Batch
	_ = m.store.Scan([]byte("m"), func(key, value []byte) error {
		man, err := checkpoint.DecodeManifest(value)
		if err != nil {
			t.Fatal(err)
		}
		man.Plan = "another"
		b.Put(slices.Clone(key), man.Encode())
		return nil
	})
	if err := m.store.Write(t.Context(), &b); err != nil || len(b.Puts) < 3 {
		t.Fatalf("%d manifests: %v", len(b.Puts), err)
	}
	m.start()
	for _, v := range m.db.running() {
		if v.disk.ResultsTo() != 0 {
			t.Errorf("%s has content of another plan", v.def.Name)
		}
	}
	m.check(0)
}
