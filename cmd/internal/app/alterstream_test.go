package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/sql/diag"
)

// TestAlterStream: options that can be changed are, and stay so over a restart and
// from the log alone; the others are refused by name, with the reason.
func TestAlterStream(t *testing.T) {
	dir := t.TempDir()
	create := ""
	t.Run("changed", func(t *testing.T) {
		s := serveHere(t, dir)
		s.must(t, `CREATE STREAM s (a INT, k VARCHAR(9), ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 1 SECOND) WITH (shards = 2, partition_key = 'k', retention = '90m')`)
		s.must(t, `CREATE STREAM r WITH (format = 'raw'); CREATE STREAM typed (a INT) WITH (raw = 'r')`)
		s.must(t, `ALTER STREAM s SET (retention = '48h', idle_timeout = '5s')`)
		s.must(t, `ALTER STREAM typed SET (future_tolerance = '1h')`)
		s.must(t, `CREATE MATERIALIZED VIEW v AS SELECT window_start, COUNT(*) AS n FROM s GROUP BY TUMBLE(ts, INTERVAL 1 SECOND)`)
		s.must(t, `ALTER STREAM s SET (Retention = forever)`)
		s.must(t, `ALTER STREAM s SET (retention = '2d')`)
		for text, want := range map[string]string{
			`ALTER STREAM s SET (idle_timeout = '9s')`:                "`idle_timeout` of a stream cannot be changed: the view `v` reads `s`",
			`ALTER STREAM s SET (retention = '1d', idle_advance = 1)`: "`idle_advance` of a stream cannot be changed",
			`ALTER STREAM s SET (shards = 4)`:                         "`shards` of a stream cannot be changed: it says how many shards the stream began with",
			`ALTER STREAM s SET (partition_key = 'a')`:                "`partition_key` of a stream cannot be changed: its records lie in the shards",
			`ALTER STREAM s SET (time_unit = 's')`:                    "`time_unit` of a stream cannot be changed: the records that are in the log",
			`ALTER STREAM s SET (format = 'csv')`:                     "`format` of a stream cannot be changed",
			`ALTER STREAM s SET (path = 'x')`:                         "`path` of a stream cannot be changed",
			`ALTER STREAM s SET (retention = '1x')`:                   "`retention` is a duration",
			`ALTER STREAM s SET (retention = '1h', retention = '2h')`: "the option `retention` is there twice",
			`ALTER STREAM s SET (retentoin = '1h')`:                   "a stream has no option `retentoin`",
			`ALTER STREAM typed SET (retention = '1h')`:               "has its records from `r`",
			`ALTER STREAM v SET (retention = '1h')`:                   "there is no stream `v`",
		} {
			var e *diag.Error
			if err := s.exec(t, text); !errors.As(err, &e) || !strings.Contains(e.Message, want) || e.Hint == "" && !strings.Contains(text, " v SET") && !strings.Contains(text, "1x") {
				t.Errorf("%s: %v", text, err)
			}
		}
		create = s.csvOf(t, "SHOW CREATE STREAM s") + s.csvOf(t, "SHOW CREATE STREAM typed")
		if !strings.Contains(create, "retention = '2d'") || !strings.Contains(create, "idle_timeout = '5s'") || !strings.Contains(create, "future_tolerance = '1h'") {
			t.Error(create)
		}
		if got := s.csvOf(t, "SHOW STREAMS LIKE 's'"); !strings.Contains(got, ",48h0m0s,") {
			t.Error(got)
		}
	})
	for _, start := range []string{"from the store", "from the log"} {
		t.Run(start, func(t *testing.T) {
			if start == "from the log" {
				if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
					t.Fatal(err)
				}
			}
			s := serveHere(t, dir)
			if got := s.csvOf(t, "SHOW CREATE STREAM s") + s.csvOf(t, "SHOW CREATE STREAM typed"); got != create {
				t.Errorf("%s, want %s", got, create)
			}
		})
	}
}

// What was gone when a stream got a longer retention does not come back, also after a
// restart and from the log alone.
func TestLongerRetention(t *testing.T) {
	dir := t.TempDir()
	var ahead atomic.Int64
	serveAhead := func(t *testing.T) *server {
		s, _ := serveWith(t, func(cfg *serverConfig) {
			cfg.Dir = dir
			cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		})
		return s
	}
	count := func(t *testing.T, s *server, view string) string {
		s.must(t, "CREATE MATERIALIZED VIEW "+view+" AS SELECT COUNT(*) AS n FROM hits")
		return strings.TrimSpace(strings.TrimPrefix(s.csvOf(t, "SELECT n FROM "+view), "n\n"))
	}
	t.Run("live", func(t *testing.T) {
		s := serveAhead(t)
		s.must(t, `CREATE STREAM hits (n INT) WITH (retention = '1h')`)
		put := func(n int) {
			if status, body := post(t, s.url()+"/v1/streams/hits/records", "", strings.Repeat(`{"n":1}`+"\n", n), nil); status != 200 {
				t.Fatalf("%d %s", status, body)
			}
		}
		put(100)
		ahead.Store(int64(2 * time.Hour))
		put(7)
		s.must(t, `ALTER STREAM hits SET (retention = '24h')`)
		put(1)
		if got := count(t, s, "longer"); got != "8" {
			t.Errorf("%s rows, want 8", got)
		}
		s.must(t, `ALTER STREAM hits SET (retention = '12h'); ALTER STREAM hits SET (retention = 'forever')`)
		if got := count(t, s, "forever"); got != "8" {
			t.Errorf("%s rows, want 8", got)
		}
	})
	for i, start := range []string{"from the store", "from the log"} {
		t.Run(start, func(t *testing.T) {
			if start == "from the log" {
				if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
					t.Fatal(err)
				}
			}
			if got := count(t, serveAhead(t), fmt.Sprint("again", i)); got != "8" {
				t.Errorf("%s rows, want 8", got)
			}
		})
	}
}
