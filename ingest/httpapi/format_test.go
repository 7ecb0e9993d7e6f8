package httpapi

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql/types"
)

// compress returns body in a coding.
func compress(t testing.TB, c coding, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch c {
	case gzipCoding:
		w = gzip.NewWriter(&out)
	case zstdCoding:
		z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		return body
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestCompressed: a body means the same whether it is compressed or not, in
// every format and for sizes around those at which memory grows.
func TestCompressed(t *testing.T) {
	const limit = 5 * firstRead
	for _, c := range []coding{plainCoding, gzipCoding, zstdCoding} {
		log := &fakeLog{}
		h := open(t, log, func(cfg *Config) { cfg.MaxBody = limit })
		for _, size := range []int{len(good), firstRead, firstRead + 1, 4 * firstRead, limit, limit + 1, 40 * limit} {
			body := compress(t, c, []byte(good+strings.Repeat(" ", size-len(good))))
			w := do(h, "POST", records, body, "Content-Encoding", c.String())
			switch {
			case size <= limit && (w.Code != 200 || string(log.commits[len(log.commits)-1].Blocks[0].Data) != good):
				t.Errorf("%s, %d bytes: %d %s", c, size, w.Code, w.Body)
			case size > limit && (w.Code != 413 || !strings.Contains(w.Body.String(), "TOO_LARGE")):
				t.Errorf("%s, %d bytes: %d %s", c, size, w.Code, w.Body)
			}
		}
		cut := compress(t, c, []byte(good))
		for n := 1; c != plainCoding && n < len(cut); n++ {
			if w := do(h, "POST", records, cut[:n], "Content-Encoding", c.String()); w.Code != 400 || !strings.Contains(w.Body.String(), "BAD_ENCODING") {
				t.Errorf("%s cut at %d: %d %s", c, n, w.Code, w.Body)
			}
		}
		if w := do(h, "POST", records, nil, "Content-Encoding", c.String()); w.Code != 400 || !strings.Contains(w.Body.String(), "EMPTY_BODY") {
			t.Errorf("%s, empty: %d %s", c, w.Code, w.Body)
		}
		if left := h.inFlight.left.Load(); left != DefaultMaxInFlight {
			t.Errorf("%s: %d bytes of the budget are missing", c, DefaultMaxInFlight-left)
		}
	}
}

// TestBomb sends a gigabyte in a few bytes: it costs one body's memory.
func TestBomb(t *testing.T) {
	for _, c := range []coding{gzipCoding, zstdCoding} {
		piece := compress(t, c, bytes.Repeat([]byte(" "), 64<<20))
		bomb := bytes.Repeat(piece, 16) // members and frames may follow each other
		h := open(t, &fakeLog{}, nil)
		var w *bytes.Buffer
		allocated := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				w = do(h, "POST", records, bomb, "Content-Encoding", c.String()).Body
			}
		}).AllocedBytesPerOp()
		if !strings.Contains(w.String(), "counted decompressed") {
			t.Errorf("%s: %s", c, w)
		}
		// Grown by fours: 16 MiB and what came before.
		if allocated > 64<<20 {
			t.Errorf("%s: %d bytes were allocated for %d", c, allocated, len(bomb))
		}
	}
}

// TestIdempotencyOfFormats: the same rows sent again in another coding are a
// repeat; for another key, or in another format, they are another request.
func TestIdempotencyOfFormats(t *testing.T) {
	h := open(t, &fakeLog{}, nil)
	for _, c := range []coding{gzipCoding, plainCoding, zstdCoding} {
		w := do(h, "POST", records, compress(t, c, []byte(good)), "Idempotency-Key", "k", "Content-Encoding", c.String())
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"commit":1,`) {
			t.Errorf("%s: %d %s", c, w.Code, w.Body)
		}
	}
	if w := do(h, "POST", records+"?partition_key=a", []byte(good), "Idempotency-Key", "k"); w.Code != 422 {
		t.Errorf("another partition key: %d %s", w.Code, w.Body)
	}
}

func TestPartitionKeyOfRequest(t *testing.T) {
	log := &fakeLog{}
	h := open(t, log, nil)
	for i := range 20 {
		key := fmt.Sprintf("key %d", i)
		do(h, "POST", fmt.Sprintf("%s?partition_key=key+%d", records, i), []byte(good+"\n"+other+"\n{}"))
		blocks := log.commits[i].Blocks
		if want := bids().Shards.Map().Route([]byte(key)); len(blocks) != 1 || blocks[0].Shard != want || blocks[0].Count != 3 {
			t.Errorf("%s: %+v, want shard %d", key, blocks, want)
		}
	}
}

// values are the rows of a batch as text.
func values(b arrow.RecordBatch) (rows []string) {
	for i := range int(b.NumRows()) {
		var row []string
		for _, c := range b.Columns() {
			row = append(row, c.ValueStr(i))
		}
		rows = append(rows, strings.Join(row, "|"))
	}
	return rows
}

// TestCSVIsKept posts tables as encoding/csv writes them, with odd line ends,
// and reads the blocks back: each row once, whole, in order, in the shard of
// its key.
func TestCSVIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := bids()
		s.Columns = []decode.Column{{Name: "item", Type: types.VarcharType}, {Name: "note", Type: types.VarcharType}}
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab\"\r\n,\t ü")))
		header := rapid.SampledFrom([][]string{{"item", "note"}, {"note", "other", "item"}, {"x", "ITEM"}}).Draw(t, "header")
		crlf := rapid.Bool().Draw(t, "crlf")
		var body bytes.Buffer
		w := csv.NewWriter(&body)
		w.UseCRLF = crlf
		write := func(row []string) {
			if err := w.Write(row); err != nil {
				t.Fatalf("%v", err)
			}
		}
		write(header)
		for range rapid.IntRange(1, 30).Draw(t, "rows") {
			row := make([]string, len(header))
			for i := range row {
				row[i] = text.Draw(t, "field")
			}
			write(row)
		}
		w.Flush()
		sent := body.Bytes()
		if rapid.Bool().Draw(t, "bare") {
			sent = bytes.TrimRight(sent, "\r\n")
		}

		log := &fakeLog{}
		h, err := New(Config{Target: fakeTarget{"bids": s}, Log: log, Logger: quiet()})
		if err != nil {
			t.Fatalf("%v", err)
		}
		answered := do(h, "POST", records, sent, "Content-Type", "text/csv")
		var a answer
		if err := json.Unmarshal(answered.Body.Bytes(), &a); err != nil {
			t.Fatalf("%v", err)
		}
		got := map[stream.Shard][]string{}
		for _, r := range log.commits {
			for _, b := range r.Blocks {
				got[b.Shard] = append(got[b.Shard], readCSV(t, s, b)...)
			}
		}
		want := map[stream.Shard][]string{}
		direct := decodeTable(t, s, sent)
		defer direct.Batch.Release()
		for i, row := range values(direct.Batch) {
			shard := stream.Shard(0)
			if items := direct.Batch.Column(0).(*array.String); !items.IsNull(i) {
				shard = s.Shards.Map().Route([]byte(items.Value(i)))
			}
			want[shard] = append(want[shard], row)
		}
		if a.Accepted != int(direct.Batch.NumRows()) || a.Rejected != direct.ErrorCount {
			t.Fatalf("%q: %s", sent, answered.Body)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%q (-want +got):\n%s", sent, d)
		}
	})
}

type fataler interface {
	Fatalf(format string, args ...any)
}

// readCSV reads a block of the log, all of whose rows must be good.
func readCSV(t fataler, s Stream, b wal.Block) []string {
	if b.Encoding != wal.CSV {
		t.Fatalf("encoding %d", b.Encoding)
	}
	res := decodeTable(t, s, b.Data)
	defer res.Batch.Release()
	if res.Total != b.Count || res.ErrorCount != 0 {
		t.Fatalf("%d records are read as %d, %d of them bad: %q", b.Count, res.Total, res.ErrorCount, b.Data)
	}
	return values(res.Batch)
}

func decodeTable(t fataler, s Stream, data []byte) decode.Result {
	names, next, err := decode.CSVHeader(data, ',', 1<<20)
	if err != nil {
		t.Fatalf("%v: %q", err, data)
	}
	d, err := decode.NewCSV(decode.Config{Columns: s.Columns, Want: decode.All(len(s.Columns))}, ',', names)
	if err != nil {
		t.Fatalf("%v", err)
	}
	res, err := d.Records(data[next:])
	if err != nil {
		t.Fatalf("%v", err)
	}
	return res
}

// TestLongHeaders: rows in many shards may not make much of a long header.
func TestLongHeaders(t *testing.T) {
	log := &fakeLog{}
	h := open(t, log, nil)
	body := "item," + strings.Repeat("x", headerBytesMax-100) + "\n" + strings.Repeat("a,b\nb,c\nc,d\nd,e\ne,f\n", 10)
	if w := do(h, "POST", records, []byte(body), "Content-Type", "text/csv"); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := do(h, "POST", records, []byte("x"+strings.Repeat("x", headerBytesMax)+body), "Content-Type", "text/csv"); w.Code != 400 || !strings.Contains(w.Body.String(), "BAD_HEADER") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// FuzzCSV: whatever a table is, its rows are counted once, and the log's reader
// finds all that were accepted, and finds them good.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"item,price,ts\na,1,2026-11-20 10:00:00\n", "item\r\n\"a\nb\"\r\n", "price\n1\r\r\n2\r", "item,item\n,x\n", "\"item\"\n\"", "item\n\"a\"\"\"\r"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		log := &fakeLog{}
		w := do(open(t, log, nil), "POST", records, body, "Content-Type", "text/csv")
		var a answer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 && w.Code != 400 {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
		var count int
		for _, r := range log.commits {
			for _, b := range r.Blocks {
				count += len(readCSV(t, bids(), b))
			}
		}
		if count != a.Accepted || (a.Accepted > 0) != (w.Code == 200) {
			t.Fatalf("%d records in the log, and the answer is %d %s", count, w.Code, w.Body)
		}
	})
}
