package app

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/ingest"
	"weir/operators/stream"
)

// Shards are split and merged while writers write and queries run: each record is
// there once, in the shard whose range it belongs to and in front of the commit that
// closed it; a key keeps its order, and queries count every row. After a restart, and
// from the log alone, all of it is the same.
func TestReshardUnderLoad(t *testing.T) {
	dir := t.TempDir()
	const writers, requests, rows = 4, 40, 10
	var want string
	var shards []ingest.Shard
	t.Run("live", func(t *testing.T) {
		s := serveHere(t, dir)
		s.must(t, `CREATE STREAM hits (k VARCHAR(9), n BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 1 HOUR)
			WITH (shards = 2, partition_key = 'k', idle_timeout = '0')`)
		s.must(t, `CREATE MATERIALIZED VIEW live AS `+countHits)
		done := make(chan struct{})
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() { writeHits(t, s, w, requests, rows) })
		}
		go func() { defer close(done); wg.Wait() }()
		reshards := reshardAtRandom(t, s, done)
		s.must(t, `ALTER STREAM hits END`)
		want = s.csvOf(t, `SELECT * FROM live ORDER BY window_start, k`)
		shards = s.routerOf(t).Map().All()
		checkPlaces(t, s, writers*requests*rows)
		if reshards < 10 || strings.Count(want, "\n") < 10 {
			t.Errorf("%d reshards, %d windows", reshards, strings.Count(want, "\n"))
		}
		t.Logf("%d reshards, %d shards, %d of them open", reshards, len(shards), len(s.routerOf(t).Map().Open()))
	})
	for _, start := range []string{"from the store", "from the log"} {
		t.Run(start, func(t *testing.T) {
			if start == "from the log" {
				if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
					t.Fatal(err)
				}
			}
			s := serveHere(t, dir)
			if d := cmp.Diff(shards, s.routerOf(t).Map().All()); d != "" {
				t.Errorf("shards before the restart and after it: %s", d)
			}
			s.must(t, `CREATE OR REPLACE MATERIALIZED VIEW late AS `+countHits)
			for _, view := range []string{"live", "late"} {
				if d := cmp.Diff(want, s.csvOf(t, `SELECT * FROM `+view+` ORDER BY window_start, k`)); d != "" {
					t.Errorf("view %s: %s", view, d)
				}
			}
		})
	}
}

const countHits = `SELECT window_start, k, COUNT(*) AS c, SUM(n) AS total FROM hits GROUP BY k, TUMBLE(ts, INTERVAL 10 SECOND)`

// writeHits posts rows of a few keys, each with numbers that rise.
func writeHits(t *testing.T, s *server, writer, requests, rows int) {
	n, shards := 0, 0
	for i := range requests {
		if i%3 == 1 {
			shards = awaitReshard(t, s, shards)
		}
		var b strings.Builder
		for range rows {
			at := time.Date(2026, 11, 20, 10, 0, n/5, 0, time.UTC)
			fmt.Fprintf(&b, `{"k":"w%d.%d","n":%d,"ts":"%s"}`+"\n", writer, n%5, n, at.Format("2006-01-02 15:04:05.000"))
			n++
		}
		if status, body := post(t, s.url()+"/v1/streams/hits/records", "", b.String(), nil); status != http.StatusOK {
			t.Errorf("status %d: %s", status, body)
			return
		}
	}
}

// reshardAtRandom splits and merges until done is closed, and a few times more.
func reshardAtRandom(t *testing.T, s *server, done <-chan struct{}) (reshards int) {
	def, _ := s.db.catalog.Stream("hits")
	r := rand.New(rand.NewPCG(1, 2))
	for more := 3; more > 0; {
		select {
		case <-done:
			more--
		case <-time.After(2 * time.Millisecond):
		}
		did, err := s.db.reshard(t.Context(), def, func(m *ingest.ShardMap, now stream.Time) (*ingest.Reshard, error) {
			i := r.IntN(len(m.Open()))
			id := m.Open()[i]
			if i > 0 && (r.IntN(2) == 0 || len(m.Open()) > 12) {
				return m.Merge(m.Open()[i-1], id, now)
			}
			sh := m.All()[id]
			return m.Split(id, ingest.Hash{Hi: sh.Start.Hi + (sh.End.Hi-sh.Start.Hi)/2, Lo: 7}, now)
		})
		if err != nil {
			t.Errorf("reshard: %v", err)
			return reshards
		}
		if did {
			reshards++
		}
	}
	return reshards
}

// awaitReshard waits until shards of hits were split or merged since there were so many in
// all, and returns how many there are: so writers and reshards are side by side, however
// busy the machine is.
func awaitReshard(t *testing.T, s *server, had int) int {
	for !t.Failed() {
		if n := len(s.routerOf(t).Map().All()); n > had {
			return n
		}
		time.Sleep(100 * time.Microsecond)
	}
	return had
}

// checkPlaces looks at where each record lies.
func checkPlaces(t *testing.T, s *server, want int) {
	t.Helper()
	def, _ := s.db.catalog.Stream("hits")
	all := s.routerOf(t).Map().All()
	r, err := s.log.NewReader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head, _ := s.log.Head()
	row := regexp.MustCompile(`"k":"([^"]+)","n":(\d+)`)
	last, found := map[string]string{}, 0
	for {
		f, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range f.Blocks {
			if b.Stream != def.ID || f.StepDone {
				continue
			}
			data, err := f.Data(i)
			if err != nil {
				t.Fatal(err)
			}
			sh := all[b.Shard]
			if f.Commit < sh.Born || !sh.Open() && f.Commit > sh.Closed {
				t.Fatalf("commit %d has records of shard %d: %+v", f.Commit, b.Shard, sh)
			}
			for _, m := range row.FindAllStringSubmatch(string(data), -1) {
				if h := ingest.HashOf([]byte(m[1])); h.Less(sh.Start) || sh.End.Less(h) {
					t.Fatalf("key %s with hash %s is in shard %d: %+v", m[1], h, b.Shard, sh)
				}
				if n := fmt.Sprintf("%9s", m[2]); n <= last[m[1]] {
					t.Fatalf("key %s: %s comes behind %s", m[1], n, last[m[1]])
				} else {
					last[m[1]] = n
				}
				found++
			}
		}
		if f.Commit == head {
			break
		}
	}
	if found != want {
		t.Errorf("%d records, want %d", found, want)
	}
}

func (s *server) routerOf(t *testing.T) *ingest.Router {
	t.Helper()
	def, ok := s.db.catalog.Stream("hits")
	if !ok {
		t.Fatal("there is no stream hits")
	}
	return s.db.router(def)
}

// csvOf returns the rows of a query.
func (s *server) csvOf(t *testing.T, text string) string {
	t.Helper()
	status, body := post(t, s.url()+"/v1/sql", "text/plain", text, map[string]string{"Accept": "text/csv"})
	if status != http.StatusOK {
		t.Fatalf("%s: status %d: %s", text, status, body)
	}
	return string(body)
}
