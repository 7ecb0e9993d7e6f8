package scan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/keyed"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bigints is a Config for streams with one column, v BIGINT.
func bigints(l *wal.Log, id uint32, alloc memory.Allocator) Config {
	return Config{
		Log: l, Stream: id, Alloc: alloc, Want: []int{0},
		Columns: []decode.Column{{Name: "v", Type: types.Type{Kind: types.Bigint}}},
	}
}

func open(t testing.TB, cfg Config) *Source {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openLog(t testing.TB, cfg wal.Config) *wal.Log {
	t.Helper()
	l, err := wal.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func add(t testing.TB, l *wal.Log, blocks ...wal.Block) {
	t.Helper()
	if _, err := l.Append(context.Background(), wal.Request{Blocks: blocks}); err != nil {
		t.Fatal(err)
	}
}

func block(id uint32, shard stream.Shard, values ...string) wal.Block {
	for i, v := range values {
		values[i] = `{"v":` + v + `}`
	}
	return wal.Block{Stream: id, Shard: shard, Count: len(values), Data: []byte(strings.Join(values, "\n"))}
}

// text writes a step on one line.
func text(d *stream.StepData) string {
	s := fmt.Sprintf("step %d commit %d clock %d", d.Step, d.Commit, d.Clock)
	if d.Start {
		s += " start"
	}
	if d.End {
		s += " end"
	}
	for _, b := range d.Rows {
		s += fmt.Sprintf(" [c%d s%d at %d first %d seqs %v bad %d:", b.Commit, b.Shard, b.Arrival, b.First, b.Seqs, b.Bad)
		for i := range int(b.NumRows()) {
			s += " " + b.Column(0).(*array.Int64).ValueStr(i)
		}
		s += "]"
	}
	return s
}

// steps reads the source up to a commit.
func steps(t testing.TB, s *Source, to stream.Commit) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out []string
	for {
		d, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("after %d steps: %v", len(out), err)
		}
		out = append(out, text(d))
		commit := d.Commit
		d.Release()
		if commit >= to {
			return out
		}
	}
}

func TestSteps(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	now := time.UnixMicro(1_000_000)
	var passed atomic.Int64 // the log's own goroutine looks at its clocks, too
	mono := func() time.Duration { return time.Duration(passed.Load()) }
	l := openLog(t, wal.Config{Dir: t.TempDir(), Clock: func() time.Time { return now.Add(mono()) }, Monotonic: mono})
	add(t, l, block(1, 0, "1", "2"), block(1, 2, "3"), block(2, 0, "99"))
	add(t, l, block(1, 0, "4", `"no"`, "5"))
	add(t, l, block(2, 1, "98"))
	if _, err := l.Control(t.Context(), wal.Control{Kind: wal.DDL}); err != nil {
		t.Fatal(err)
	}
	add(t, l, block(2, 0, "97"))
	for _, id := range []uint32{2, 1} {
		if _, err := l.Control(t.Context(), wal.Control{Kind: wal.End, Stream: id}); err != nil {
			t.Fatal(err)
		}
	}
	add(t, l, block(1, 0, "6"))
	passed.Store(int64(time.Second))
	add(t, l, block(2, 0, "96"))
	want := []string{
		"step 1 commit 1 clock 1000000 start",
		"step 2 commit 4 clock 1000000" +
			" [c2 s0 at 1000000 first 0 seqs [] bad 0: 1 2] [c2 s2 at 1000000 first 0 seqs [] bad 0: 3]" +
			" [c3 s0 at 1000000 first 2 seqs [2 4] bad 1: 4 5]",
		"step 3 commit 5 clock 1000000",
		"step 4 commit 6 clock 1000000",
		"step 5 commit 7 clock 1000000",
		"step 6 commit 8 clock 1000000 end",
		"step 7 commit 9 clock 1000000 [c9 s0 at 1000000 first 5 seqs [] bad 0: 6]",
	}
	s := open(t, bigints(l, 1, alloc))
	if d := cmp.Diff(want, steps(t, s, 9)); d != "" {
		t.Error(d)
	}
	cfg := bigints(l, 1, alloc)
	cfg.After = 4
	if d := cmp.Diff(want[2:], steps(t, open(t, cfg), 9)); d != "" {
		t.Error(d)
	}
	// Behind the stream's end, for who has to be told of it.
	cfg.After, cfg.Ended = 8, true
	ended := []string{"step 6 commit 8 clock 1000000 end", want[6]}
	if d := cmp.Diff(ended, steps(t, open(t, cfg), 9)); d != "" {
		t.Error(d)
	}
}

// A source at the head and one that replays later, with other batch limits, see
// the same steps.
func TestReplayIsLive(t *testing.T) {
	dirs := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
		n++
		l := openLog(t, wal.Config{Dir: fmt.Sprintf("%s/%d", dirs, n), SegmentBytes: 4 << 10})
		live := open(t, bigints(l, 1, alloc))
		for range rapid.IntRange(1, 25).Draw(rt, "commits") {
			switch k := rapid.IntRange(0, 9).Draw(rt, "what"); k {
			case 0:
				if _, err := l.Control(context.Background(), wal.Control{Kind: wal.Tick}); err != nil {
					rt.Fatal(err)
				}
			case 1:
				time.Sleep(6 * time.Millisecond)
			default:
				vals := make([]string, rapid.IntRange(1, 400).Draw(rt, "rows"))
				for i := range vals {
					vals[i] = fmt.Sprint(i)
					if i%7 == 6 && k > 7 {
						vals[i] = "true"
					}
				}
				add(t, l, block(uint32(k%3), stream.Shard(k%2), vals...))
			}
		}
		head, _ := l.Head()
		saw := steps(t, live, head)
		cfg := bigints(l, 1, alloc)
		cfg.ReadAheadBytes = rapid.IntRange(1, 10_000).Draw(rt, "read ahead")
		cfg.Workers = rapid.IntRange(1, 4).Draw(rt, "workers")
		again := open(t, cfg)
		if d := cmp.Diff(saw, steps(t, again, head)); d != "" {
			rt.Fatal(d)
		}
		live.Close()
		again.Close()
		l.Close()
		alloc.AssertSize(t, 0)
	})
}

// Close frees what was decoded and never taken, whatever the source is doing.
func TestCloseFrees(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	l := openLog(t, wal.Config{Dir: t.TempDir()})
	for range 40 {
		add(t, l, block(1, 0, strings.Split(strings.Repeat("7 ", 2000), " ")[:2000]...))
	}
	for i := range 20 {
		cfg := bigints(l, 1, alloc)
		cfg.ReadAheadBytes = 50_000
		s := open(t, cfg)
		for range i % 4 {
			d, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			d.Release()
		}
		time.Sleep(time.Duration(i) * 300 * time.Microsecond)
		s.Close()
	}
}

// A wait at the head ends with its context, and nothing is lost by that.
func TestNextIsCancelled(t *testing.T) {
	l := openLog(t, wal.Config{Dir: t.TempDir()})
	s := open(t, bigints(l, 1, nil))
	steps(t, s, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	add(t, l, block(1, 0, "5"))
	if got := steps(t, s, 2); len(got) != 1 || !strings.Contains(got[0], ": 5]") {
		t.Fatalf("%q", got)
	}
	l.Close()
	if _, err := s.Next(t.Context()); !errors.Is(err, wal.ErrClosed) {
		t.Fatal(err)
	}
}

// Records that the decoder counts otherwise than the log are an error: their
// sequences would be wrong.
func TestCountDiffers(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	l := openLog(t, wal.Config{Dir: t.TempDir()})
	b := block(1, 0, "1", "2")
	b.Count = 3
	add(t, l, b)
	s := open(t, bigints(l, 1, alloc))
	steps(t, s, 1)
	_, err := s.Next(t.Context())
	if err == nil || !strings.Contains(err.Error(), "2 records where the log counted 3") {
		t.Fatal(err)
	}
	if _, again := s.Next(t.Context()); !errors.Is(again, err) {
		t.Fatal(again)
	}
}

func BenchmarkReplay(b *testing.B) {
	l := openLog(b, wal.Config{Dir: b.TempDir()})
	const rows = 2000
	row := `{"ts":"2026-11-20 10:00:00.000","user":"u123456","page":"/item/12345","price":12.34,"v":17,"country":"DE"}`
	data := []byte(strings.Repeat(row+"\n", rows))
	for range 200 {
		add(b, l, wal.Block{Stream: 1, Count: rows, Data: data})
	}
	head, _ := l.Head()
	cfg := Config{Log: l, Stream: 1, Want: []int{0, 1}, Columns: []decode.Column{
		{Name: "v", Type: types.Type{Kind: types.Bigint}}, {Name: "price", Type: types.Type{Kind: types.Double}},
	}}
	b.SetBytes(200 * int64(len(data)))
	for b.Loop() {
		s, err := Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		for {
			d, err := s.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			commit := d.Commit
			d.Release()
			if commit == head {
				break
			}
		}
		s.Close()
	}
	b.ReportMetric(float64(b.N)*200*rows/b.Elapsed().Seconds(), "rows/s")
}

// Records of clients of Kinesis are read as fast as rows that came over HTTP.
func BenchmarkEncodings(b *testing.B) {
	const rows = 2000
	row := `{"ts":"2026-11-20 10:00:00.000","user":"u123456","page":"/item/12345","price":12.34,"v":17,"country":"DE"}`
	typed := []decode.Column{
		{Name: "v", Type: types.Type{Kind: types.Bigint}}, {Name: "price", Type: types.Type{Kind: types.Double}},
	}
	raw := []decode.Column{{Name: "data", Type: types.Type{Kind: types.Varbinary}}, {Name: "sequence_number", Type: types.Type{Kind: types.Varchar}}}
	lines := wal.Block{Stream: 1, Count: rows, Data: []byte(strings.Repeat(row+"\n", rows))}
	records := wal.Block{Stream: 1, Count: rows, Encoding: wal.Keyed}
	for i := range rows {
		records.Data = keyed.Append(records.Data, fmt.Sprint("key-", i), []byte(row))
	}
	for _, c := range []struct {
		name    string
		block   wal.Block
		columns []decode.Column
		keyed   Keyed
	}{
		{"JSON", lines, typed, Keyed{}}, {"Keyed", records, typed, Keyed{}}, {"Keyed raw", records, raw, Keyed{Raw: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := openLog(b, wal.Config{Dir: b.TempDir()})
			for range 200 {
				add(b, l, c.block)
			}
			m := ingest.NewShardMap(1)
			c.keyed.Shards = func() *ingest.ShardMap { return m }
			head, _ := l.Head()
			b.SetBytes(200 * int64(len(c.block.Data)))
			for b.Loop() {
				s := open(b, Config{Log: l, Stream: 1, Want: []int{0, 1}, Columns: c.columns, Keyed: c.keyed})
				n := int64(0)
				for {
					d, err := s.Next(b.Context())
					if err != nil {
						b.Fatal(err)
					}
					for _, r := range d.Rows {
						n += r.NumRows()
					}
					commit := d.Commit
					d.Release()
					if commit == head {
						break
					}
				}
				s.Close()
				if n != 200*rows {
					b.Fatalf("%d rows", n)
				}
			}
			b.ReportMetric(float64(b.N)*200*rows/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
