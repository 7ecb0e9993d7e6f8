//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"weir/operators/sinks"
	"weir/operators/sinks/sinktest"
	"weir/operators/stream"
	"weir/sql/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var pairSchema = stream.Schema{{Name: "k", Type: types.VarcharType}, {Name: "v", Type: types.BigintType}}

// row is one change of the tests' view; k "" is NULL.
type row struct {
	op stream.Op
	k  string
	v  int64
}

func batch(t testing.TB, alloc memory.Allocator, all []row) stream.Batch {
	t.Helper()
	b := array.NewRecordBuilder(alloc, pairSchema.Arrow())
	defer b.Release()
	var ops []stream.Op
	for _, r := range all {
		if r.k == "" {
			b.Field(0).AppendNull()
		} else {
			b.Field(0).(*array.StringBuilder).Append(r.k)
		}
		b.Field(1).(*array.Int64Builder).Append(r.v)
		ops = append(ops, r.op)
	}
	return stream.Batch{RecordBatch: b.NewRecordBatch(), Ops: ops}
}

func open(t testing.TB, cfg Config) *Sink {
	t.Helper()
	cfg.BatchRows, cfg.Timeout = max(cfg.BatchRows, 1), 10*time.Second
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// asker is a connection that looks at tables.
func asker(t testing.TB, url string) func(text string) [][]string {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	s := &Sink{conn: conn}
	return func(text string) [][]string {
		t.Helper()
		rows, err := s.query(context.Background(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return rows
	}
}

func deliver(t testing.TB, s *Sink, to stream.Commit, rows ...row) error {
	t.Helper()
	b := batch(t, memory.DefaultAllocator, rows)
	defer b.Release()
	ctx := context.Background()
	if err := s.Begin(ctx, sinks.Changes); err != nil {
		return err
	}
	if err := s.Write(ctx, to, b); err != nil {
		return err
	}
	_, err := s.Commit(ctx, to)
	return err
}

func TestPostgres(t *testing.T) {
	server := sinktest.Postgres(t, "")
	ask := asker(t, server.URL())
	cfg := Config{URL: server.URL(), Create: true, Schema: pairSchema, Key: []int{0}}
	t.Run("model", func(t *testing.T) { testModel(t, cfg, ask) })
	t.Run("types", func(t *testing.T) { testTypes(t, cfg, ask) })
	t.Run("tables", func(t *testing.T) { testTables(t, cfg, ask) })
	t.Run("fenced", func(t *testing.T) { testFenced(t, cfg) })
	t.Run("bag", func(t *testing.T) { testBag(t, cfg, ask) })
	t.Run("resync", func(t *testing.T) { testResync(t, cfg, ask) })
	t.Run("locked", func(t *testing.T) { testLocked(t, cfg, ask) })
}

// testLocked holds a lock on the table: what is written does not wait for ever.
func testLocked(t *testing.T, cfg Config, ask func(string) [][]string) {
	cfg.Table, cfg.ID = "locked", "locked"
	s := open(t, cfg)
	if _, _, err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := deliver(t, s, 1, row{stream.Insert, "a", 1}); err != nil {
		t.Fatal(err)
	}
	ask("BEGIN; LOCK TABLE locked")
	s.cfg.Timeout = 100 * time.Millisecond
	if err := deliver(t, s, 2, row{stream.Insert, "b", 2}, row{stream.Insert, "c", 3}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a write to a locked table ends with %v", err)
	}
	ask("ROLLBACK")
	_ = s.Close()
	s.cfg.Timeout = 10 * time.Second
	if at, _, err := s.Open(t.Context()); err != nil || at != 1 {
		t.Fatalf("it is at %d: %v", at, err)
	}
	if err := deliver(t, s, 2, row{stream.Insert, "b", 2}); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(ask("SELECT k, v FROM locked ORDER BY k")); got != "[[a 1] [b 2]]" {
		t.Errorf("the table holds %s", got)
	}
}

// testModel writes random changes, with breaks of the connection at random
// places, and compares the table with a map after each commit.
func testModel(t *testing.T, cfg Config, ask func(string) [][]string) {
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		if round > 30 {
			return // each round is many statements
		}
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer alloc.AssertSize(t, 0)
		cfg := cfg
		cfg.Table, cfg.ID = fmt.Sprintf("model%d", round), fmt.Sprintf("model-%d", round)
		cfg.BatchRows = rapid.IntRange(1, 8).Draw(rt, "batch")
		s := open(t, cfg)
		if _, ok, err := s.Open(t.Context()); ok || err != nil {
			rt.Fatalf("a new sink knows a commit: %v", err)
		}
		want := map[string]int64{}
		for commit := range stream.Commit(rapid.IntRange(1, 6).Draw(rt, "commits")) {
			next := map[string]int64{}
			for k, v := range want {
				next[k] = v
			}
			rows := drawRows(rt, next)
			broken := rapid.IntRange(0, 3).Draw(rt, "breaks") == 0
			b := batch(t, alloc, rows)
			err := s.Begin(t.Context(), sinks.Changes)
			if err == nil {
				err = s.Write(t.Context(), commit, b)
			}
			b.Release()
			if err != nil {
				rt.Fatal(err)
			}
			if broken {
				_ = s.Close()
				if at, ok, err := s.Open(t.Context()); err != nil || ok && at >= commit {
					rt.Fatalf("after a break: commit %d, %v, %v", at, ok, err)
				}
				continue
			}
			if _, err := s.Commit(t.Context(), commit); err != nil {
				rt.Fatal(err)
			}
			want = next
			got := map[string]int64{}
			for _, r := range ask("SELECT coalesce(k, ''), v FROM model" + fmt.Sprint(round)) {
				var v int64
				_, _ = fmt.Sscan(r[1], &v)
				if _, twice := got[r[0]]; twice {
					rt.Fatalf("key %q is there twice", r[0])
				}
				got[r[0]] = v
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("commit %d (-model +table):\n%s", commit, diff)
			}
		}
		_ = s.Close()
	})
}

// drawRows makes changes that a keyed view could have, and applies them to now.
func drawRows(rt *rapid.T, now map[string]int64) []row {
	var out []row
	for range rapid.IntRange(1, 12).Draw(rt, "rows") {
		k := rapid.SampledFrom([]string{"", "a", "b", `t	\n\`, "é\n"}).Draw(rt, "k")
		if old, ok := now[k]; ok {
			out = append(out, row{stream.Delete, k, old})
			delete(now, k)
			if rapid.Bool().Draw(rt, "leaves") {
				continue
			}
		}
		v := rapid.Int64Range(0, 1000).Draw(rt, "v")
		out = append(out, row{stream.Insert, k, v})
		now[k] = v
	}
	return out
}

func testTypes(t *testing.T, cfg Config, ask func(string) [][]string) {
	cfg.Schema = stream.Schema{
		{Name: "b", Type: types.BooleanType}, {Name: "d", Type: types.DecimalType(38, 2)}, {Name: "f", Type: types.DoubleType},
		{Name: "day", Type: types.DateType}, {Name: "ts", Type: types.DatetimeType(6)}, {Name: `we"ird`, Type: types.VarcharType},
		{Name: "u", Type: types.UbigintType}, {Name: "i", Type: types.IntType(8, true)}, {Name: "r", Type: types.FloatType},
		{Name: "t", Type: types.TimeType(3)}, {Name: "raw", Type: types.VarbinaryType},
	}
	cfg.Key, cfg.Table, cfg.ID = nil, "Types", "types"
	s := open(t, cfg)
	if _, _, err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, cfg.Schema.Arrow())
	defer b.Release()
	for _, text := range []string{
		`{"b": true, "d": "12345678901234567890.12", "f": 1e300, "day": "2026-11-20", "ts": "2026-11-20T10:00:00.123456", "we\"ird": "a\u0000\\N\tz",
			"u": 18446744073709551615, "i": 255, "r": 0.10000000149011612, "t": -3020399500000, "raw": "\\\u0000é"}`,
		`{"b": null, "d": null, "f": null, "day": null, "ts": null, "we\"ird": null, "u": null, "i": null, "r": null, "t": null, "raw": null}`,
	} {
		if err := b.UnmarshalJSON([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	err := s.Begin(t.Context(), sinks.Content)
	if err == nil {
		err = s.Write(t.Context(), 1, stream.Batch{RecordBatch: rec})
	}
	if err == nil {
		_, err = s.Commit(t.Context(), 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	got := ask(`SELECT b, d, f, day, ts AT TIME ZONE 'UTC', "we""ird", u, i, r, t, raw FROM "Types" ORDER BY b`)
	want := [][]string{
		{"t", "12345678901234567890.12", "1e+300", "2026-11-20", "2026-11-20 10:00:00.123456", "a\uFFFD\\N\tz",
			"18446744073709551615", "255", "0.1", "-838:59:59.5", "\\x5c00c3a9"},
		{"", "", "", "", "", "", "", "", "", "", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// testTables: a table that does not fit is named with what to do about it.
func testTables(t *testing.T, cfg Config, ask func(string) [][]string) {
	ask("CREATE TABLE lacks (k text); CREATE TABLE other (k text, v integer); CREATE TABLE nokey (k text, v bigint); CREATE SCHEMA s; CREATE TABLE fits (k text UNIQUE, v numeric, more int)")
	for _, c := range []struct {
		table  string
		create bool
		want   string
	}{
		{"lacks", true, `no column "v": ALTER TABLE "lacks" ADD COLUMN "v" bigint`},
		{"other", true, `"v" of table other is integer; the view's BIGINT needs bigint or numeric`},
		{"nokey", true, `CREATE UNIQUE INDEX ON "nokey" ("k") NULLS NOT DISTINCT`},
		{"missing", false, "there is no table missing"},
		{"nowhere.t", true, `schema "nowhere" does not exist`},
		{"fits", false, ""},
		{"s.t", true, ""},
	} {
		cfg := cfg
		cfg.Table, cfg.Create, cfg.ID = c.table, c.create, "tables-"+strings.ReplaceAll(c.table, ".", "-")
		s := open(t, cfg)
		_, _, err := s.Open(t.Context())
		if err == nil {
			err = deliver(t, s, 1, row{stream.Insert, "a", 1})
		}
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.table, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want %q", c.table, err, c.want)
		}
		_ = s.Close()
	}
	if got := ask("SELECT count(*) FROM s.weir_sinks"); got[0][0] != "1" {
		t.Errorf("the mark of a table in a schema is not there: %v", got)
	}
}

// testFenced: of two that write as the same sink one is refused.
func testFenced(t *testing.T, cfg Config) {
	cfg.Table, cfg.ID = "fenced", "fenced"
	a, b := open(t, cfg), open(t, cfg)
	for _, s := range []*Sink{a, b} {
		if _, _, err := s.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := deliver(t, a, 5, row{stream.Insert, "a", 1}); err != nil {
		t.Fatal(err)
	}
	if err := deliver(t, b, 5, row{stream.Insert, "b", 1}); err == nil {
		t.Fatal("the second writer is let through")
	}
	_ = b.Close()
	if at, ok, err := b.Open(t.Context()); at != 5 || !ok || err != nil {
		t.Fatalf("it then reads %d, %v, %v", at, ok, err)
	}
	if err := deliver(t, b, 6, row{stream.Insert, "b", 1}); err != nil {
		t.Fatal(err)
	}
	if err := deliver(t, a, 6, row{stream.Insert, "c", 1}); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Fatalf("the first writer gets %v", err)
	}
}

func testBag(t *testing.T, cfg Config, ask func(string) [][]string) {
	cfg.Table, cfg.ID, cfg.Key, cfg.BatchRows = "bag", "bag", nil, 2
	s := open(t, cfg)
	if _, _, err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	same := row{stream.Insert, "a", 1}
	if err := deliver(t, s, 1, same, same, same); err != nil {
		t.Fatal(err)
	}
	if got := ask("SELECT count(*), min(k) FROM bag"); got[0][0] != "3" {
		t.Errorf("three equal rows are %v", got)
	}
	if err := deliver(t, s, 2, row{stream.Delete, "a", 1}); !sinks.IsPermanent(err) {
		t.Errorf("a row that leaves a bag gives %v", err)
	}
}

func testResync(t *testing.T, cfg Config, ask func(string) [][]string) {
	for _, c := range []struct {
		appendOnly bool
		want       []string
	}{{true, []string{"new", "old"}}, {false, []string{"new"}}} {
		cfg := cfg
		cfg.Append, cfg.Table = c.appendOnly, fmt.Sprintf("resync_%v", c.appendOnly)
		cfg.ID = cfg.Table
		s := open(t, cfg)
		if _, _, err := s.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := deliver(t, s, 1, row{stream.Insert, "old", 1}); err != nil {
			t.Fatal(err)
		}
		b := batch(t, memory.DefaultAllocator, []row{{stream.Insert, "new", 2}})
		err := s.Begin(t.Context(), sinks.Resync)
		if err == nil {
			err = s.Write(t.Context(), 9, b)
		}
		b.Release()
		if err == nil {
			_, err = s.Commit(t.Context(), 9)
		}
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range ask("SELECT k FROM " + cfg.Table + " ORDER BY k") {
			got = append(got, r[0])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("append only %v: the table holds %v, want %v", c.appendOnly, got, c.want)
		}
	}
}

// TestPassword: it is asked for when the sink opens, and no error shows it.
func TestPassword(t *testing.T) {
	server := sinktest.Postgres(t, "s3cret-word")
	for _, word := range []string{"wrong-word", "s3cret-word"} {
		s := open(t, Config{
			URL: server.URL(), Table: "t", ID: "t", Create: true, Schema: pairSchema, Key: []int{0},
			Password: func() (string, error) { return word, nil },
		})
		_, _, err := s.Open(t.Context())
		if (err == nil) != (word == "s3cret-word") || err != nil && strings.Contains(err.Error(), word) {
			t.Errorf("with the password %s: %v", word, err)
		}
	}
}

// BenchmarkUpsert measures rows a second into a table with a key.
func BenchmarkUpsert(b *testing.B) {
	server := sinktest.Postgres(b, "")
	s := open(b, Config{URL: server.URL(), Table: "t", ID: "t", Create: true, Schema: pairSchema, Key: []int{0}, BatchRows: 5000})
	if _, _, err := s.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	rows := make([]row, 5000)
	b.ReportAllocs()
	commit, key := stream.Commit(0), 0
	for b.Loop() {
		for i := range rows {
			rows[i] = row{stream.Insert, fmt.Sprintf("key-%d", key%100_000), int64(key)}
			key++
		}
		commit++
		if err := deliver(b, s, commit, rows...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
