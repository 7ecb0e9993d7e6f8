package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql/types"
)

// keyed is a type that a partition key can have, with values: what a producer
// writes, and the text that must be hashed for it; "" for NULL.
var keyTypes = []struct {
	t      types.Type
	values [][2]string
}{
	{types.VarcharType, [][2]string{{`"a"`, "a"}, {`"b c"`, "b c"}, {`"\u00e4\n"`, "ä\n"}, {`"ü"`, "ü"}, {`17`, "17"}, {`null`, ""}}},
	{types.BigintType, [][2]string{{`1`, "1"}, {`-20`, "-20"}, {`12.0`, "12"}, {`"12"`, "12"}, {`1e3`, "1000"}, {`null`, ""}}},
	{types.DoubleType, [][2]string{{`1`, "1"}, {`0.10`, "0.1"}, {`-0.0`, "0"}, {`1e2`, "100"}, {`2.5`, "2.5"}, {`null`, ""}}},
	{types.BooleanType, [][2]string{{`true`, "true"}, {`false`, "false"}, {`"TRUE"`, "true"}, {`null`, ""}}},
	{types.DatetimeType(3), [][2]string{
		{`0`, "1970-01-01 00:00:00.000"}, {`"2026-11-20T10:00:00Z"`, "2026-11-20 10:00:00.000"},
		{`"2026-11-20 10:00:00.5"`, "2026-11-20 10:00:00.500"}, {`null`, ""}}},
	{types.DateType, [][2]string{{`"2026-11-20"`, "2026-11-20"}, {`null`, ""}}},
	{types.DecimalType(10, 2), [][2]string{{`1`, "1.00"}, {`"0.5"`, "0.50"}, {`null`, ""}}},
}

// TestRowsAreConserved posts bodies of good and bad rows and looks at each good
// row's bytes in the log: all there, unchanged, in the right shard, in order.
func TestRowsAreConserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom(keyTypes).Draw(t, "key")
		shards := rapid.IntRange(1, 9).Draw(t, "shards")
		s := Stream{ID: 9, Name: "bids", PartitionKey: 1, Shards: ingest.NewRouter(ingest.NewShardMap(shards)), Columns: []decode.Column{
			{Name: "n", Type: types.BigintType}, {Name: "k", Type: key.t},
		}}
		array := rapid.Bool().Draw(t, "array")
		space := rapid.SampledFrom([]string{"", " ", "\t", "  "})

		var rows []string
		var good []string
		var keys []string // beside good; "" for none
		for i := range rapid.IntRange(1, 60).Draw(t, "rows") {
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				rows = append(rows, fmt.Sprintf(`{"n":"x%d","k":%s}`, i, key.values[0][0]))
				continue
			case 1:
				rows = append(rows, strconv.Itoa(i)) // no object
				continue
			case 2:
				good, keys = append(good, fmt.Sprintf(`{"n":%d}`, i)), append(keys, "")
			default:
				v := rapid.SampledFrom(key.values).Draw(t, "value")
				a, b := space.Draw(t, "a"), space.Draw(t, "b")
				row := fmt.Sprintf(`{%s"k":%s%s,"n":%d%s}`, a, v[0], b, i, a)
				if array && rapid.Bool().Draw(t, "pretty") {
					row = strings.Replace(row, ",", ",\n  ", 1)
				}
				good, keys = append(good, row), append(keys, v[1])
			}
			rows = append(rows, good[len(good)-1])
		}
		body := strings.Join(rows, rapid.SampledFrom([]string{"\n", "\r\n", "\n\n"}).Draw(t, "line"))
		if array {
			body = "[" + strings.Join(rows, rapid.SampledFrom([]string{",", " ,\n"}).Draw(t, "comma")) + "]\n"
		}

		log := &fakeLog{}
		h, err := New(Config{Target: fakeTarget{"bids": s}, Log: log, Logger: quiet()})
		if err != nil {
			t.Fatalf("%v", err)
		}
		w := do(h, "POST", records, []byte(body))
		var a answer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		if a.Accepted != len(good) || a.Accepted+a.Rejected != len(rows) || len(a.Errors) != a.Rejected {
			t.Fatalf("%s: %d good rows of %d: %s", body, len(good), len(rows), w.Body)
		}
		checkShards(t, s, log, good, keys)
	})
}

// checkShards computes by itself which shard each good row belongs to.
func checkShards(t *rapid.T, s Stream, log *fakeLog, good, keys []string) {
	got, counts := map[stream.Shard]string{}, map[stream.Shard]int{}
	if len(log.commits) > 0 {
		for _, b := range log.commits[0].Blocks {
			if _, twice := got[b.Shard]; twice || b.Stream != s.ID || b.Encoding != wal.JSON {
				t.Fatalf("block %+v", b)
			}
			got[b.Shard] = string(b.Data)
			counts[b.Shard] = b.Count
		}
	}
	want := map[stream.Shard][]string{}
	const turn = stream.Shard(0) // it was the first request
	for i, row := range good {
		shard := turn
		if keys[i] != "" {
			shard = s.Shards.Map().Route([]byte(keys[i]))
		}
		want[shard] = append(want[shard], row)
	}
	joined := map[stream.Shard]string{}
	for shard, rows := range want {
		joined[shard] = strings.Join(rows, "\n")
		if counts[shard] != len(rows) {
			t.Fatalf("the block of shard %d counts %d records of %d", shard, counts[shard], len(rows))
		}
	}
	if d := cmp.Diff(joined, got); d != "" {
		t.Fatalf("the shards differ (-want +got):\n%s", d)
	}
}

// TestRoundRobin: without a key a request's rows stay together, and the next
// request's rows go to the next shard, whoever else posts to other streams.
func TestRoundRobin(t *testing.T) {
	log := &fakeLog{}
	one, two := bids(), bids()
	one.PartitionKey, two.PartitionKey, two.ID = -1, -1, 4
	h := open(t, log, func(c *Config) { c.Target = fakeTarget{"bids": one, "asks": two} })
	seen := map[stream.Shard]int{}
	for range 8 {
		do(h, "POST", records, []byte(good+"\n"+other))
		b := log.commits[len(log.commits)-1].Blocks
		if len(b) != 1 || b[0].Count != 2 {
			t.Fatalf("%+v", b)
		}
		seen[b[0].Shard]++
		do(h, "POST", "/v1/streams/asks/records", []byte(good))
	}
	if d := cmp.Diff(map[stream.Shard]int{0: 2, 1: 2, 2: 2, 3: 2}, seen); d != "" {
		t.Error(d)
	}
}

// FuzzRecords: whatever a body is, its rows are counted once, and what goes to
// the log is what was accepted, as the decoder of the log reads it.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{good, good + "\n" + wrong, "[" + good + ",\n" + other + "]", "[", "[{}", "{}{}", "\xef\xbb\xbf{}", "[[]]", `[{"item":"a\nb"},]`, "{\"item\":\n\"a\"}", "1"} {
		f.Add([]byte(s))
	}
	d, err := decode.NewJSON(decode.Config{Columns: bids().Columns, CheckAll: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		log := &fakeLog{}
		w := do(open(t, log, nil), "POST", records, body)
		var a answer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 && w.Code != 400 {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
		var count int
		for _, r := range log.commits {
			for _, b := range r.Blocks {
				count += b.Count
				res, err := d.Values(b.Data)
				if err != nil {
					t.Fatal(err)
				}
				res.Batch.Release()
				if res.Total != b.Count || res.ErrorCount != 0 {
					t.Fatalf("%d records are read as %d, %d of them bad: %q", b.Count, res.Total, res.ErrorCount, b.Data)
				}
				for rec := range bytes.Lines(b.Data) {
					if !bytes.Contains(body, bytes.TrimSuffix(rec, []byte("\n"))) {
						t.Fatalf("%q is not of the body", rec)
					}
				}
			}
		}
		if count != a.Accepted || (a.Accepted > 0) != (w.Code == 200) || a.Accepted > 0 && a.Commit != 1 {
			t.Fatalf("%d records in the log, and the answer is %d %s", count, w.Code, w.Body)
		}
	})
}

// BenchmarkRecords measures a request without the network and without the disk.
func BenchmarkRecords(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var body []byte
			for i := range n {
				body = fmt.Appendf(body, `{"item":"item-%d","price":%d.5,"ts":"2026-11-20 10:00:00.%03d"}`+"\n", i%97, i, i%1000)
			}
			s := bids()
			s.Columns[0].Type = types.VarcharType
			h := open(b, discard{}, func(c *Config) { c.Target = fakeTarget{"bids": s} })
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if w := do(h, "POST", records, body); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
