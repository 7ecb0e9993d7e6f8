package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/ingest"
	"weir/operators/state"
	"weir/operators/stream"
)

// scale takes steps towards n shards of the stream hits, at most as many.
func (s *server) scale(t testing.TB, n, steps int) {
	t.Helper()
	def, _ := s.db.catalog.Stream("hits")
	for range steps {
		done, err := s.db.reshard(t.Context(), def, func(m *ingest.ShardMap, now stream.Time) (*ingest.Reshard, error) { return m.Scale(n, now) })
		if err != nil {
			t.Fatal(err)
		}
		if !done {
			return
		}
	}
}

// storedShards are the keys of shards in the store.
func (s *server) storedShards(t *testing.T) (keys [][]byte) {
	t.Helper()
	err := s.db.store.Scan([]byte(shardPrefix), func(key, _ []byte) error {
		keys = append(keys, slices.Clone(key))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// meteredStore notes how large the writes of the catalog are, which come one after the
// other from the goroutine of the test. If left is positive, the write of that number fails.
type meteredStore struct {
	state.Store
	sizes []int
	left  int
}

// under puts the store between a server and its own.
func (m *meteredStore) under(s *server) { m.Store, s.db.store = s.db.store, m }

var errNoDisk = errors.New("no space left")

func (m *meteredStore) Write(ctx context.Context, b *state.Batch) error {
	if !slices.ContainsFunc(b.Puts, func(p state.Pair) bool { return string(p.Key) == catalogKey }) {
		return m.Store.Write(ctx, b)
	}
	if m.left > 0 {
		if m.left--; m.left == 0 {
			return errNoDisk
		}
	}
	m.sizes = append(m.sizes, b.Bytes())
	return m.Store.Write(ctx, b)
}

// What the store writes of a reshard does not grow with the number of shards.
func TestReshardWritesWhatItChanges(t *testing.T) {
	dir := t.TempDir()
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	meter := &meteredStore{}
	s, stop := started(t, dir, noon, meter.under)
	s.must(t, `CREATE STREAM hits (n BIGINT) WITH (shards = 1)`)
	meter.sizes = nil
	s.scale(t, 300, 300)
	if early, late := slices.Max(meter.sizes[:10]), slices.Max(meter.sizes[len(meter.sizes)-10:]); len(meter.sizes) != 299 || late > early+early/4 {
		t.Errorf("%d writes; the first of %d bytes, the last of %d", len(meter.sizes), early, late)
	}
	want := s.routerOf(t).Map().All()
	stop()
	s, stop = started(t, dir, noon)
	if d := cmp.Diff(want, s.routerOf(t).Map().All()); d != "" {
		t.Error(d)
	}
	if n := len(s.storedShards(t)); n != len(want) {
		t.Errorf("%d of %d shards are stored", n, len(want))
	}
	s.must(t, `DROP STREAM hits`)
	stop()
	s, stop = started(t, dir, noon)
	defer stop()
	if left := s.storedShards(t); len(left) > 0 {
		t.Errorf("%d shards of a stream that was dropped are left", len(left))
	}
}

// TestStoredShards starts with a store that fell behind the log in the midst of a scaling,
// at a write that failed and with later ones that would not have, and with one that lacks
// a shard or has a bad one. The shards are what they were.
func TestStoredShards(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	const steps = 9
	cases := map[string]func(t *testing.T, s *server){
		"a shard is missing": func(t *testing.T, s *server) {
			s.write(t, &state.Batch{Deletes: s.storedShards(t)[4:5]})
		},
		"the last shard is missing": func(t *testing.T, s *server) {
			keys := s.storedShards(t)
			s.write(t, &state.Batch{Deletes: keys[len(keys)-1:]})
		},
		"a shard is no shard": func(t *testing.T, s *server) {
			s.write(t, &state.Batch{Puts: []state.Pair{{Key: s.storedShards(t)[5], Value: []byte("{")}}})
		},
		"a shard is another": func(t *testing.T, s *server) {
			s.write(t, &state.Batch{Puts: []state.Pair{{Key: s.storedShards(t)[5], Value: []byte(`{"start":"7","end":"9"}`)}}})
		},
	}
	for k := range steps {
		cases[fmt.Sprintf("a store that fails at write %d", k+1)] = func(t *testing.T, s *server) {
			if got := len(s.db.store.(*meteredStore).sizes); got != k {
				t.Errorf("%d writes", got)
			}
		}
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			meter := &meteredStore{}
			s, stop := started(t, dir, noon, meter.under)
			s.must(t, `CREATE STREAM hits (n BIGINT) WITH (shards = 3)`)
			s.must(t, `CREATE MATERIALIZED VIEW made AS SELECT COUNT(*) AS c FROM hits`)
			meter.sizes = nil
			_, _ = fmt.Sscanf(name, "a store that fails at write %d", &meter.left)
			s.scale(t, 8, steps-2)
			s.scale(t, 5, 2)
			change(t, s)
			want := s.routerOf(t).Map().All()
			stop()
			for restart := range 2 {
				s, stop := started(t, dir, noon)
				if d := cmp.Diff(want, s.routerOf(t).Map().All()); d != "" {
					t.Errorf("restart %d: %s", restart, d)
				}
				s.must(t, `DESCRIBE made`)
				stop()
			}
		})
	}
}

// BenchmarkReshard scales a stream in a server from one shard up, log and store included.
func BenchmarkReshard(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				s := serveHere(b, b.TempDir())
				s.must(b, `CREATE STREAM hits (n BIGINT) WITH (shards = 1)`)
				s.scale(b, n, n)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*(n-1)), "µs/step")
		})
	}
}
