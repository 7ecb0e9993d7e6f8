package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/dashboard/hub"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// TestEmitEveryLikeChanges: where EMIT EVERY lets rows go, they make of what was
// shown before what EMIT CHANGES shows, and it does so at the first cut at which the
// log's clock has reached a multiple, and at the end.
func TestEmitEveryLikeChanges(t *testing.T) {
	left := 0
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 21))
		c := &clock{}
		c.micros.Store(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).UnixMicro())
		p := openPlace(t, t.TempDir(), c)
		w := newWorld(t, p, c, r)
		for range 30 + r.IntN(30) {
			w.commit()
		}
		w.end()
		last, _ := p.log.Head()
		every := time.Duration(100*(1+r.IntN(30))) * time.Millisecond
		window := pick(r, []string{
			"TUMBLE(ts, INTERVAL 5 SECOND)", "HOP(ts, INTERVAL 2 SECOND, INTERVAL 6 SECOND)", "CUMULATE(ts, INTERVAL 2 SECOND, INTERVAL 6 SECOND)", "SESSION(ts, INTERVAL 2 SECOND)",
		})
		for _, text := range []string{
			grouped(r, " EMIT CHANGES"),
			overWindow(r, window, " EMIT CHANGES ALLOWED LATENESS INTERVAL 3 SECOND"),
			"SELECT n, k FROM s WHERE n > 0 EMIT CHANGES",
			"SELECT COUNT(*) AS c FROM s GROUP BY k, g EMIT CHANGES",
		} {
			run := func(text string) *changelog {
				e := p.begin(text, how{start: "earliest"})
				e.reach(t, last)
				e.end(t)
				return e.out
			}
			changes, paced := run(text), run(strings.Replace(text, "EMIT CHANGES", fmt.Sprintf("EMIT EVERY %d MILLISECOND", every.Milliseconds()), 1))
			commits := dueCommits(t, p, last, every)
			for commit := range paced.steps {
				if !commits[commit] && commit != last {
					t.Fatalf("seed %d, %s, every %s: rows left at commit %d:\n%s", seed, text, every, commit, strings.Join(paced.steps[commit], "\n"))
				}
			}
			commits[last] = true
			for commit := range commits {
				left++
				if diff := cmp.Diff(changes.contentAt(t, commit), paced.contentAt(t, commit)); diff != "" {
					t.Fatalf("seed %d, %s, every %s: at commit %d (-CHANGES +EVERY)\n%s", seed, text, every, commit, diff)
				}
			}
		}
		p.close()
	}
	if left < 100 {
		t.Fatalf("rows were due %d times only", left)
	}
}

// dueCommits are the ends of the steps at which the log's clock passes a multiple.
func dueCommits(t *testing.T, p *place, last stream.Commit, every time.Duration) map[stream.Commit]bool {
	t.Helper()
	r, err := p.log.NewReader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	due := map[stream.Commit]bool{}
	number := func(at stream.Time) int64 { return int64(at) / every.Microseconds() }
	var before stream.Time
	var frame *wal.Frame
	end := func() {
		if before > 0 && number(frame.Arrival) > number(before) || before == 0 && int64(frame.Arrival)%every.Microseconds() == 0 {
			due[frame.Commit] = true
		}
		before = frame.Arrival
	}
	for {
		f, err := r.Next(t.Context())
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if frame != nil && f.Step != frame.Step {
			end()
		}
		if frame = f; f.Commit == last {
			end()
			return due
		}
	}
}

// TestEmitEveryTicks: rows that are held back leave soon after the next multiple,
// though nobody sends anything more and no shard can become idle.
func TestEmitEveryTicks(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE STREAM s (k VARCHAR(9), n BIGINT) WITH (shards = 1, idle_timeout = '0')")
	s.must(t, "CREATE MATERIALIZED VIEW totals AS SELECT k, SUM(n) AS n FROM s GROUP BY k EMIT EVERY 300 MILLISECOND")
	res, err := s.db.run(t.Context(), "SELECT k, SUM(n) AS n FROM s GROUP BY k EMIT EVERY 200 MILLISECOND WITH (start = 'earliest')", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Close()
	for i, body := range []string{`{"k":"a","n":1}`, `{"k":"a","n":2}`} {
		if status, answer := post(t, s.url()+"/v1/streams/s/records", "", body, nil); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		b, err := res.Next(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if rows := int(b.NumRows()); rows != 1+i {
			t.Errorf("%d rows at once", rows)
		}
		b.Release()
	}
	for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, body := post(t, s.url()+"/v1/sql", "text/plain", "SELECT n FROM totals", nil); strings.Contains(string(body), `["3"]`) {
			break
		} else if time.Now().After(until) {
			t.Fatalf("the view shows %s", body)
		}
	}
	before := s.log.Stats().Controls
	time.Sleep(700 * time.Millisecond)
	if ticks := s.log.Stats().Controls - before; ticks > 0 {
		t.Errorf("nothing is held back, and the log ticked %d times", ticks)
	}
}

// TestEmitEverySubscription: a subscription to a stream may wait for the clock; one
// to a view says where to write it.
func TestEmitEverySubscription(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE STREAM s (k VARCHAR(9), n BIGINT) WITH (shards = 1)")
	s.must(t, "CREATE MATERIALIZED VIEW totals AS SELECT k, SUM(n) AS n FROM s GROUP BY k")
	if _, err := s.db.Prepare(t.Context(), hub.Request{SQL: "SELECT k FROM s EMIT EVERY 1 SECOND"}); err != nil {
		t.Error(err)
	}
	_, err := s.db.Prepare(t.Context(), hub.Request{SQL: "SELECT k FROM totals EMIT EVERY 1 SECOND"})
	if err == nil || !strings.Contains(err.Error(), "EMIT EVERY in a subscription to the materialized view `totals`") {
		t.Error(err)
	}
}
