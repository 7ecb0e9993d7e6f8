//go:build unix

package app

import (
	"flag"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/ingest/wal"
	"weir/operators/checkpoint"
	"weir/operators/state"
	"weir/operators/state/badger"
	"weir/operators/stream"
)

var (
	restartRows = flag.Int("restart.rows", 1_000_000, "rows of BenchmarkRestart")
	restartKeys = flag.Int("restart.keys", 100_000, "keys of BenchmarkRestart")
)

// BenchmarkRestart fills a log and has a query read it without checkpoints, with
// those that a server makes by itself, and with one of all state each second; then
// it starts from the last. The query's window never closes and its keys come again
// and again, so each checkpoint writes all of the state.
//
// Each round runs all of them one after the other, and the figures are medians of
// the rounds' (of a ratio: of the ratios), by wall time and by CPU time, so that a
// busy machine tells little.
//
//	go test ./cmd/internal/app -run xxx -bench Restart -benchtime 5x -restart.rows 10000000 -restart.keys 1000000
func BenchmarkRestart(b *testing.B) {
	logDir := b.TempDir()
	l := openRestart(b, logDir)
	defer func() { l.Close() }()
	fillRestart(b, l)
	runRestart(b, l, nil, checkpoint.Config{}, false) // whoever is first reads a cold log
	each := checkpoint.Config{ResultsEvery: time.Second, StateEvery: time.Second, StateBytes: 1 << 40}
	figures := make(map[string][]float64)
	note := func(name string, v float64) { figures[name] = append(figures[name], v) }
	for b.Loop() {
		plain := runRestart(b, l, nil, checkpoint.Config{}, false)
		note("s-without", plain.wall)
		for _, c := range []struct {
			name string
			cfg  checkpoint.Config
		}{{"default", saveConfig(saveStateEvery)}, {"each-second", each}} {
			dir := b.TempDir()
			store := openStore(b, dir)
			saved := runRestart(b, l, store, c.cfg, false)
			note("ratio-"+c.name, plain.wall/saved.wall)
			note("cpu-ratio-"+c.name, plain.cpu/saved.cpu)
			note("saves-"+c.name, float64(saved.stats.States))
			if st := saved.stats; c.name == "each-second" && st.States > 0 {
				note("MB/save", float64(st.Bytes)/float64(st.States)/1e6)
				note("ms-pause/save", st.Paused.Seconds()/float64(st.States)*1e3)
				note("s/save", st.Took.Seconds()/float64(st.States))
				store.Close()
				l.Close()
				began := time.Now()
				l, store = openRestart(b, logDir), openStore(b, dir)
				opened := time.Since(began).Seconds()
				note("s-open", opened)
				note("s-restart", opened+runRestart(b, l, store, c.cfg, true).wall)
			}
			store.Close()
		}
	}
	for name, all := range figures {
		slices.Sort(all)
		b.ReportMetric(all[len(all)/2], name)
	}
}

func openRestart(b *testing.B, dir string) *wal.Log {
	l, err := wal.Open(wal.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func openStore(b *testing.B, dir string) *badger.Store {
	store, err := badger.Open(badger.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	return store
}

func fillRestart(b *testing.B, l *wal.Log) {
	db := newDatabase(l, slog.New(slog.DiscardHandler))
	defer db.close()
	_, err := db.run(b.Context(), `CREATE STREAM s (k BIGINT, v BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 1 SECOND) WITH (shards = 2);
CREATE MATERIALIZED VIEW m AS SELECT window_start, window_end, k, COUNT(*) AS n, SUM(v) AS t FROM s GROUP BY TUMBLE(ts, INTERVAL 1 HOUR), k`, func(string, ...any) {})
	if err != nil {
		b.Fatal(err)
	}
	def, _ := db.catalog.Stream("s")
	const block = 4000
	for at := 0; at < *restartRows; at += block {
		req := wal.Request{}
		for shard := range 2 {
			var rows strings.Builder
			for i := at + shard; i < at+block; i += 2 {
				fmt.Fprintf(&rows, `{"k":%d,"v":%d,"ts":"2026-11-20 10:%02d:00.000"}`+"\n", i*7919%*restartKeys, i, 10+i*40/(*restartRows+block))
			}
			req.Blocks = append(req.Blocks, wal.Block{Stream: def.ID, Shard: stream.Shard(shard), Count: block / 2, Data: []byte(rows.String())})
		}
		if _, err := l.Append(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

// restartRun is what one run took.
type restartRun struct {
	wall, cpu float64 // seconds
	stats     saverStats
}

// cpuSeconds is what this process has used.
func cpuSeconds(b testing.TB) float64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano()).Seconds()
}

// runRestart runs a database until its view shows the log.
func runRestart(b *testing.B, l *wal.Log, store state.Store, cfg checkpoint.Config, again bool) (r restartRun) {
	runtime.GC() // nobody pays for what the one before has left
	began, cpu := time.Now(), cpuSeconds(b)
	db := newDatabase(l, slog.New(slog.DiscardHandler))
	defer db.close()
	head, _ := l.Head()
	db.store = store
	var err error
	if store != nil {
		db.saver, err = newSaver(db, store, cfg)
	}
	if err == nil {
		err = db.restore(b.Context())
	}
	if err == nil {
		err = db.startViews()
	}
	if err != nil {
		b.Fatal(err)
	}
	if db.saver != nil {
		db.saver.start()
	}
	q := db.running()[0].query
	for q.Progress().Commit < head {
		time.Sleep(time.Millisecond)
	}
	r.wall, r.cpu = time.Since(began).Seconds(), cpuSeconds(b)-cpu
	if again && db.running()[0].resumed == 0 {
		b.Fatal("the query did not go on from a checkpoint")
	}
	if db.saver != nil {
		db.stop()
		r.stats = db.saver.Stats()
		db.saver.saveLast(time.Second)
	}
	return r
}
