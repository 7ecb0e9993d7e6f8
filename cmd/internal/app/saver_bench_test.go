package app

import (
	"flag"
	"fmt"
	"log/slog"
	"strings"
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
	restartEach = flag.Duration("restart.each", time.Second, "how often BenchmarkRestart saves all state")
	restartKeys = flag.Int("restart.keys", 100_000, "keys of BenchmarkRestart")
)

// BenchmarkRestart fills a log, reads it with and without a checkpoint of all of
// the state each second, and then starts from the last checkpoint. The query's
// window never closes and its keys come again and again, so each checkpoint
// writes all of the state.
//
//	go test ./cmd/internal/app -run xxx -bench Restart -benchtime 1x -restart.rows 10000000 -restart.keys 1000000
func BenchmarkRestart(b *testing.B) {
	l, err := wal.Open(wal.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	fillRestart(b, l)
	runRestart(b, l, nil, false) // whoever is first reads a cold log
	for b.Loop() {
		store, err := badger.Open(badger.Config{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		plain, _ := runRestart(b, l, nil, false)
		saved, st := runRestart(b, l, store, false)
		again, _ := runRestart(b, l, store, true)
		store.Close()
		b.ReportMetric(plain.Seconds(), "s-without")
		b.ReportMetric(saved.Seconds(), "s-with")
		b.ReportMetric(plain.Seconds()/saved.Seconds(), "with/without")
		b.ReportMetric(again.Seconds(), "s-restart")
		b.ReportMetric(float64(st.States), "checkpoints")
		b.ReportMetric(float64(st.Bytes)/float64(st.States)/1e6, "MB/checkpoint")
		b.ReportMetric(st.Paused.Seconds()/float64(st.States)*1e3, "ms-pause")
		b.ReportMetric(st.Took.Seconds()/float64(st.States), "s/checkpoint")
	}
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

// runRestart runs a database until its view shows the log, and tells how long that
// took.
func runRestart(b *testing.B, l *wal.Log, store state.Store, again bool) (time.Duration, saverStats) {
	began := time.Now()
	db := newDatabase(l, slog.New(slog.DiscardHandler))
	defer db.close()
	head, _ := l.Head()
	db.store = store
	var err error
	if store != nil {
		db.saver, err = newSaver(db, store, checkpoint.Config{ResultsEvery: time.Second, StateEvery: *restartEach, StateBytes: 1 << 40})
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
	took := time.Since(began)
	if again && db.running()[0].resumed == 0 {
		b.Fatal("the query did not go on from a checkpoint")
	}
	if db.saver == nil {
		return took, saverStats{}
	}
	db.stop()
	st := db.saver.Stats()
	db.saver.saveLast(time.Second)
	return took, st
}
