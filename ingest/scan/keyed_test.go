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
	"weir/ingest/kinesis/kpl"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql/types"
)

// message is one of protocol buffers.
type message []byte

func (m message) field(number byte, data string) message {
	return append(binary.AppendUvarint(append(m, number<<3|2), uint64(len(data))), data...)
}

func (m message) blob() []byte {
	sum := md5.Sum(m)
	return append(append([]byte("\xf3\x89\x9a\xc2"), m...), sum[:]...)
}

// aggregate is a record that the producer library has put together, of data with one
// explicit hash.
func aggregate(hash ingest.Hash, data ...string) []byte {
	m := message(nil).field(1, "inner").field(2, hash.String())
	for _, d := range data {
		m = m.field(3, string(message{1 << 3, 0, 2 << 3, 0}.field(3, d)))
	}
	return m.blob()
}

func keyedBlock(shard stream.Shard, data ...[]byte) wal.Block {
	b := wal.Block{Stream: 1, Shard: shard, Count: len(data), Encoding: wal.Keyed}
	for i, d := range data {
		key := fmt.Sprintf("k%d", i)
		if kpl.Is(d) {
			key = kpl.Key
		}
		b.Data = keyed.Append(b.Data, key, d)
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

// Records that the producer library has put together for a shard that it knew are left
// out of another, for they come again; whoever else put them together is done with them.
func TestPutAgain(t *testing.T) {
	half := ingest.Hash{Hi: 1 << 63}
	before := ingest.Hash{Hi: half.Hi - 1, Lo: ^uint64(0)}
	m := ingest.NewShardMap(2) // 0: the lower half, 1: the upper one
	reshard := func(commit stream.Commit, make func() (*ingest.Reshard, error)) {
		t.Helper()
		r, err := make()
		if err != nil {
			t.Fatal(err)
		}
		if m, err = m.Apply(r, commit, 1_700_000_000_000_000); err != nil {
			t.Fatal(err)
		}
	}
	quarter := ingest.Hash{Hi: 1 << 62}
	reshard(10, func() (*ingest.Reshard, error) { return m.Split(0, quarter, 1_700_000_000_000_000) }) // 2, 3
	reshard(20, func() (*ingest.Reshard, error) { return m.Merge(3, 1, 1_700_000_000_000_000) })       // 4
	for _, c := range []struct {
		name   string
		shard  stream.Shard
		commit stream.Commit
		key    string
		hashes []ingest.Hash
		again  bool
	}{
		{"all of the shard", 2, 11, "a", []ingest.Hash{{}, {Lo: 9}}, false},
		{"put together for the parent, one is of the sister", 2, 11, "a", []ingest.Hash{{}, quarter}, true},
		{"the same, none is of the shard", 2, 11, "a", []ingest.Hash{before, quarter}, true},
		{"the same, by another producer", 2, 11, "k", []ingest.Hash{{}, quarter}, false},
		{"no shard had both", 2, 11, "a", []ingest.Hash{{}, half}, false},
		{"no shard had both then", 3, 11, "a", []ingest.Hash{quarter, half}, false},
		{"a shard that came later had both", 2, 19, "a", []ingest.Hash{quarter, half}, false},
		{"a shard had both then", 2, 20, "a", []ingest.Hash{quarter, half}, true},
		{"put together for the parents, and merged", 4, 20, "a", []ingest.Hash{quarter, before}, false},
		{"dealt to another shard that is open", 1, 11, "a", []ingest.Hash{{}, {Lo: 1}}, true},
		{"dealt to another shard by another producer", 1, 11, "", []ingest.Hash{{}, {Lo: 1}}, false},
	} {
		blob := message(nil)
		for i, h := range c.hashes {
			blob = blob.field(1, fmt.Sprint("inner", i)).field(2, h.String())
		}
		for i := range c.hashes {
			blob = blob.field(3, string(message{1 << 3, byte(i), 2 << 3, byte(i)}.field(3, "x")))
		}
		data := keyed.Append(keyed.Append(nil, c.key, blob.blob()), "k", []byte("y"))
		for _, shown := range []bool{false, true} {
			e := entries{shards: m, shard: &m.All()[c.shard], commit: c.commit, shown: shown}
			if err := e.read(data, 2); err != nil {
				t.Fatal(err)
			}
			left := e.astray
			if shown {
				left = len(e.strays) * len(c.hashes)
			}
			want := 0
			if c.again {
				want = len(c.hashes)
			}
			if rows := len(e.keys); left != want || !shown && rows+left != 1+len(c.hashes) || shown && rows != 1+len(c.hashes) {
				t.Errorf("%s: %d rows, %d of them are left out, want %d; shown: %t", c.name, rows, left, want, shown)
			}
		}
	}
}

// A batch tells where the last of its bad rows are, and why: its record, its place in that,
// and its bytes in the block.
func TestBadRows(t *testing.T) {
	m := ingest.NewShardMap(2)
	l := openLog(t, wal.Config{Dir: t.TempDir()})
	first := keyedBlock(0, []byte(`{"v":1}`), []byte(`{"v":"x"}{"v":2}[]`), aggregate(ingest.Hash{}, `{"v":3}`, "no", `{"v":4}{"v":`), aggregate(ingest.HashMax, "p", "q"),
		[]byte("\xff"), []byte(""), []byte(`[{"v":5},7]`))
	many := keyedBlock(1)
	for range 3000 {
		many.Data, many.Count = keyed.Append(many.Data, "k", []byte("?")), many.Count+1
	}
	add(t, l, first, many)
	var said []string
	head, _ := l.Head()
	told := func(csv, raw bool) (out []string) {
		cfg := bigints(l, 1, nil)
		cfg.Keyed = Keyed{Shards: func() *ingest.ShardMap { return m }, CSV: csv}
		if raw {
			cfg.Keyed.Raw, cfg.Columns, cfg.Want = true, []decode.Column{{Name: "data", Type: types.VarcharType}}, nil
		}
		var shown []string
		for _, show := range []bool{true, false} {
			cfg.ShowBad = show
			s := open(t, cfg)
			for _, b := range batches(t, s, head) {
				var bad []string
				for i, why := range b.Why {
					if why != "" {
						seq, sub := b.First+stream.Seq(i), int32(0)
						if b.Seqs != nil {
							seq, sub = b.Seqs[i], b.Subs[i]
						}
						bad = append(bad, fmt.Sprintf("%d %d.%d %s", b.Shard, seq, sub, why))
					}
				}
				if show {
					shown = append(shown, bad[max(0, len(bad)-stream.BadRowsMax):]...)
				} else if bad != nil || int64(len(b.BadRows)) != min(b.Bad, stream.BadRowsMax) {
					t.Errorf("%q, and %d of %d bad rows", bad, len(b.BadRows), b.Bad)
				}
				data := [][]byte{first.Data, many.Data}[b.Shard]
				for _, r := range b.BadRows {
					out = append(out, fmt.Sprintf("%d %d.%d %s", b.Shard, r.Seq, r.Sub, r.Code))
					if b.Shard == 0 && !csv && !raw {
						said = append(said, fmt.Sprintf("%s, %s: %s", out[len(out)-1], r.Message, data[r.At:r.At+r.Len]))
					}
				}
				b.Release()
			}
		}
		if d := cmp.Diff(shown, out); d != "" {
			t.Errorf("csv %t, raw %t: those that are told of are not those that are shown: %s", csv, raw, d)
		}
		return out
	}
	if got := told(false, false); len(got) != 9+100 {
		t.Errorf("%q", got)
	}
	again := "WRONG_SHARD, it belongs to another shard, so its producer puts it again: "
	want := []string{
		"0 1.0 BAD_TYPE, `v`: \"x\" is not a BIGINT: {\"v\":\"x\"}", "0 1.2 NOT_OBJECT, expected a JSON object, got []: []",
		"0 2.1 BAD_JSON, not valid JSON: no: no", `0 2.3 BAD_JSON, not valid JSON: {"v":: {"v":`, "0 3.0 " + again + "p", "0 3.1 " + again + "q",
		"0 4.0 BAD_UTF8, the row is not valid UTF-8: \xff", "0 5.0 BAD_JSON, the record is empty: ", "0 6.1 NOT_OBJECT, expected a JSON object, got 7: 7",
	}
	if d := cmp.Diff(want, said); d != "" {
		t.Error(d)
	}
	told(true, false)
	if got := told(false, true); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// batches returns the batches of a source up to a commit, which are the caller's.
func batches(t *testing.T, s *Source, to stream.Commit) (out []stream.SourceBatch) {
	t.Helper()
	for {
		d, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if out = append(out, d.Rows...); d.Commit >= to {
			return out
		}
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
