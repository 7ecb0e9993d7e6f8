package scan

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/keyed"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql/types"
)

// aggregate is a record that the producer library has put together, of data with one
// explicit hash.
func aggregate(hash ingest.Hash, data ...string) []byte {
	field := func(m []byte, number byte, data string) []byte {
		return append(binary.AppendUvarint(append(m, number<<3|2), uint64(len(data))), data...)
	}
	m := field(field(nil, 1, "inner"), 2, hash.String())
	for _, d := range data {
		m = field(m, 3, string(field([]byte{1 << 3, 0, 2 << 3, 0}, 3, d)))
	}
	sum := md5.Sum(m)
	return append(append([]byte("\xf3\x89\x9a\xc2"), m...), sum[:]...)
}

func keyedBlock(shard stream.Shard, data ...[]byte) wal.Block {
	b := wal.Block{Stream: 1, Shard: shard, Count: len(data), Encoding: wal.Keyed}
	for i, d := range data {
		b.Data = keyed.Append(b.Data, fmt.Sprintf("k%d", i), d)
	}
	return b
}

// rowsOf writes the rows of a source, up to a commit, a line each.
func rowsOf(t *testing.T, s *Source, to stream.Commit) (out []string) {
	t.Helper()
	defer s.Close()
	for {
		d, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range d.Rows {
			for i := range int(b.NumRows()) {
				seq, sub, why := b.First+stream.Seq(i), int32(0), ""
				if b.Seqs != nil {
					seq = b.Seqs[i]
				}
				if b.Subs != nil {
					sub = b.Subs[i]
				}
				if b.Why != nil {
					why = b.Why[i]
				}
				line := fmt.Sprintf("s%d %d.%d%s:", b.Shard, seq, sub, why)
				for _, c := range b.Columns() {
					line += " " + c.ValueStr(i)
				}
				out = append(out, line)
			}
			if b.Bad > 0 {
				out = append(out, fmt.Sprintf("s%d bad %d", b.Shard, b.Bad))
			}
		}
		commit := d.Commit
		d.Release()
		if commit >= to {
			return out
		}
	}
}

// Blocks of keys and bytes are read as rows of a raw stream, and as those of one with
// columns, next to blocks of JSON.
func TestKeyedBlocks(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	now := time.UnixMicro(1_700_000_000_123_456)
	l := openLog(t, wal.Config{Dir: t.TempDir(), Clock: func() time.Time { return now }})
	m := ingest.NewShardMap(2)
	blocks := []wal.Block{
		keyedBlock(0, []byte(`{"v":1}`), aggregate(ingest.Hash{}, `{"v":2}`, "no", `{"v":3}{"v":4}`), aggregate(ingest.HashMax, "x", "y"), []byte("\xff")),
		keyedBlock(1, []byte(`{"v":5}`), []byte(`{"v":6}`)),
	}
	add(t, l, blocks...)
	cfg := bigints(l, 1, alloc)
	cfg.Keyed = Keyed{Shards: func() *ingest.ShardMap { return m }, Created: 1_600_000_000_000_000}
	raw := cfg
	raw.Keyed.Raw = true
	raw.Columns, raw.Want = nil, []int{4, 1, 3, 0}
	for _, name := range []string{"data", "partition_key", "sequence_number", "shard_id", "approximate_arrival_time"} {
		k := types.Varchar
		if name == "approximate_arrival_time" {
			k = types.Datetime
		}
		raw.Columns = append(raw.Columns, decode.Column{Name: name, Type: types.Type{Kind: k}})
	}
	head, _ := l.Head()
	const at = "2023-11-14 22:13:20.123"
	first := " " + at + " %s shardId-000000000000 %s"
	want := []string{
		"s0 0.0:" + fmt.Sprintf(first, "k0", `{"v":1}`), "s0 1.0:" + fmt.Sprintf(first, "inner", `{"v":2}`), "s0 1.1:" + fmt.Sprintf(first, "inner", "no"),
		"s0 1.2:" + fmt.Sprintf(first, "inner", `{"v":3}{"v":4}`), "s0 3.0:" + fmt.Sprintf(first, "k3", "\xff"), "s0 bad 2",
		"s1 0.0: " + at + ` k0 shardId-000000000001 {"v":5}`, "s1 1.0: " + at + ` k1 shardId-000000000001 {"v":6}`,
	}
	clean := func(lines []string) []string {
		for i := range lines {
			lines[i] = strings.NewReplacer("T22", " 22", ".123Z", ".123", ".123000", ".123").Replace(lines[i])
		}
		return lines
	}
	if d := cmp.Diff(want, clean(rowsOf(t, open(t, raw), head))); d != "" {
		t.Error(d)
	}
	raw.Want = []int{2}
	numbers := rowsOf(t, open(t, raw), head)
	for i, seq := range []stream.Seq{0, 1, 1, 1, 3} {
		n := ingest.SequenceNumber{Created: cfg.Keyed.Created, Seq: seq, Arrived: stream.FromGo(now)}
		if !strings.HasSuffix(numbers[i], " "+n.String()) {
			t.Errorf("row %d has %s, want %s", i, numbers[i], n)
		}
	}
	raw.Want = nil // rows without a column
	if got := rowsOf(t, open(t, raw), head); len(got) != len(want) {
		t.Errorf("%q", got)
	}

	add(t, l, block(1, 1, "7"))
	head, _ = l.Head()
	typed := []string{"s0 0.0: 1", "s0 1.0: 2", "s0 1.2: 3", "s0 1.3: 4", "s0 bad 4", "s1 0.0: 5", "s1 1.0: 6", "s1 2.0: 7"}
	if d := cmp.Diff(typed, rowsOf(t, open(t, cfg), head)); d != "" {
		t.Error(d)
	}
	cfg.ShowBad = true
	shown := []string{
		"s0 0.0: 1", "s0 1.0: 2", "s0 1.1BAD_JSON: (null)", "s0 1.2: 3", "s0 1.3: 4", "s0 2.0WRONG_SHARD: (null)", "s0 2.1WRONG_SHARD: (null)",
		"s0 3.0BAD_UTF8: (null)", "s1 0.0: 5", "s1 1.0: 6", "s1 2.0: 7",
	}
	if d := cmp.Diff(shown, rowsOf(t, open(t, cfg), head)); d != "" {
		t.Error(d)
	}
}

// Blocks that are not what the log says are errors that name the place.
func TestKeyedDamage(t *testing.T) {
	m := ingest.NewShardMap(1)
	for what, b := range map[string]wal.Block{
		"1 records where the log counted 2": {Stream: 1, Count: 2, Encoding: wal.Keyed, Data: keyed.Append(nil, "k", []byte("x"))},
		"no run of records":                 {Stream: 1, Count: 1, Encoding: wal.Keyed, Data: []byte{0xff}},
		"the stream has 1 shards":           {Stream: 1, Shard: 3, Count: 1, Encoding: wal.Keyed, Data: keyed.Append(nil, "k", []byte("x"))},
	} {
		l := openLog(t, wal.Config{Dir: t.TempDir()})
		cfg := bigints(l, 1, nil)
		cfg.Keyed.Shards = func() *ingest.ShardMap { return m }
		s := open(t, cfg)
		steps(t, s, 1)
		add(t, l, b)
		if _, err := s.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "commit 2, shard") || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
