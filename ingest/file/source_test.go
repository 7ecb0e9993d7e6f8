package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"weir/ingest/decode"
	"weir/operators/stream"
	"weir/sql/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var schema = stream.Schema{{Name: "a", Type: types.BigintType}, {Name: "b", Type: types.VarcharType}}

// outcome is all that a source says.
type outcome struct {
	rows  []string
	steps string // the number of rows of each
	bad   int
	codes string
}

// drain reads the source to its end and checks what holds for every source.
func drain(t testing.TB, cfg Config) outcome {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	cfg.Alloc = alloc
	if cfg.Schema == nil {
		cfg.Schema, cfg.Want = schema, []int{0, 1}
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out outcome
	end := false
	for n := stream.Step(1); ; n++ {
		step, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || end || step.Step != n || step.Clock != stream.MinTime {
			t.Fatalf("step %d: %+v %v", n, step, err)
		}
		end = step.End
		for _, b := range step.Rows {
			if b.Arrival != stream.MinTime || b.Shard != 0 || b.Commit != 0 || (b.Seqs == nil) != (b.Bad == 0) {
				t.Fatalf("batch %+v", b)
			}
			out.bad += int(b.Bad)
			out.steps += fmt.Sprintf("%d ", b.NumRows())
			for i := range int(b.NumRows()) {
				seq := b.First + stream.Seq(i)
				if b.Seqs != nil {
					seq = b.Seqs[i]
				}
				out.rows = append(out.rows, fmt.Sprintf("%d:%s,%s", seq, b.Column(0).ValueStr(i), b.Column(1).ValueStr(i)))
			}
		}
		step.Release()
	}
	if !end {
		t.Fatal("no step has End set")
	}
	count, first := s.Errors()
	if count != out.bad || s.Rows() != len(out.rows)+count || len(first) != min(count, errorsKept) {
		t.Fatalf("%d rows, %d good, %d bad, %d errors", s.Rows(), len(out.rows), out.bad, count)
	}
	for _, e := range first {
		out.codes += fmt.Sprintf("%d %s ", e.Row, e.Code)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	alloc.AssertSize(t.(memory.TestingT), 0)
	return out
}

func TestFormats(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, c := range []struct{ name, in, format, rows, codes string }{
		{"empty", "", "", "", ""},
		{"blank", " \n\n ", "", "", ""},
		{"lines", "\xef\xbb\xbf{\"a\":1,\"b\":\"x\"}\r\n\n{\"a\":2}\n{\"a\":\"y\"}\n{\"b\":\"z\"}", "", "0:1,x 1:2,(null) 3:(null),z", "3 BAD_TYPE"},
		{"long line", "{\"a\":1}\n{\"b\":\"" + long + "\"}\n\n{\"a\":2}\n" + long, "", "0:1,(null) 2:2,(null)", "2 ROW_TOO_LARGE 4 ROW_TOO_LARGE"},
		{"long blanks", strings.Repeat(" ", 300) + "{\"a\":1}" + strings.Repeat("\n", 300) + "{\"a\":2}", "", "0:1,(null) 1:2,(null)", ""},
		{"array", " [ {\"a\":1,\"b\":\"],\\\"[\"}, 5,\n{\"a\":2} ]\n", "", "0:1,],\"[ 2:2,(null)", "2 NOT_OBJECT"},
		{"empty array", " [ ] ", "", "", ""},
		{"long element", "[{\"a\":1},{\"b\":\"" + long + "]\"},{\"a\":2},{\"b\":\"" + long + "\"}]", "", "0:1,(null) 2:2,(null)", "2 ROW_TOO_LARGE 4 ROW_TOO_LARGE"},
		{"open array", "[{\"a\":1},{\"a\":2}", "", "0:1,(null) 1:2,(null)", "3 BAD_JSON"},
		{"trailing comma", "[{\"a\":1},]", "", "0:1,(null)", "2 BAD_JSON"},
		{"no element", "[,{\"a\":1}]", "", "", "1 BAD_JSON"},
		{"behind the array", "[{\"a\":1}] {\"a\":2}", "", "0:1,(null)", "2 BAD_JSON"},
		{"broken array", "[{\"a\":1},{\"a\":tru},{\"a\":2}" + strings.Repeat(",{\"a\":3}", 50) + "]", "", "0:1,(null)", "2 BAD_JSON"},
		{"csv", "B,a\nx,1\n\"y\n\"\"z\",2\n,\n1,x\n", "csv", "0:1,x 1:2,y\n\"z 2:(null),(null)", "4 BAD_TYPE"},
		{"csv by content", "a,b\n1,x", "", "0:1,x", ""},
		{"csv header only", "a,b", "", "", ""},
		{"csv long", "a,b\n1," + long + "\n2,\"" + strings.Repeat("x\n", 30) + "\"\n3,\"" + long + "\"\n4,x\n", "csv", "1:2," + strings.Repeat("x\n", 30) + " 3:4,x", "1 ROW_TOO_LARGE 3 ROW_TOO_LARGE"},
		{"tsv", "a\tb\n1\t\\N\n\\N\tx,y\n", "tsv", "0:1,(null) 1:(null),x,y", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before outcome
			for i, in := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
				out := drain(t, Config{Reader: in, Format: c.format, MaxRow: 100, ChunkBytes: 102})
				if rows := strings.Join(out.rows, " "); rows != c.rows {
					t.Errorf("rows %q, want %q", rows, c.rows)
				}
				if c.name == "broken array" {
					// What is left of the chunk is one bad row, and nothing follows.
					out.codes = strings.TrimSpace(out.codes)
				}
				if codes := strings.TrimSpace(out.codes); codes != c.codes {
					t.Errorf("errors %q, want %q", codes, c.codes)
				}
				if i > 0 && fmt.Sprint(out) != fmt.Sprint(before) {
					t.Errorf("read in another way: %v, before %v", out, before)
				}
				before = out
			}
		})
	}
}

// TestChunksDoNotMatter compares small chunks with the decoder over all at once.
func TestChunksDoNotMatter(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var lines, array, csv bytes.Buffer
		csv.WriteString("a,b\n")
		array.WriteString("[")
		n := rapid.IntRange(1, 60).Draw(r, "rows")
		for i := range n {
			text := rapid.StringMatching(`[a-z,"\[\]{} ]{0,40}`).Draw(r, "text")
			value := fmt.Sprint(i)
			if rapid.IntRange(0, 9).Draw(r, "bad") == 0 {
				value = "bad"
			}
			row := fmt.Sprintf(`{"a":"%s","b":%q}`, value, text)
			lines.WriteString(row + "\n")
			if i > 0 {
				array.WriteString(rapid.SampledFrom([]string{",", " ,\n"}).Draw(r, "comma"))
			}
			array.WriteString(row)
			fmt.Fprintf(&csv, "%s,\"%s\"\n", value, strings.ReplaceAll(text, `"`, `""`))
		}
		array.WriteString("]")
		chunk := rapid.IntRange(102, 1000).Draw(r, "chunk")
		var want outcome
		for i, in := range [][]byte{lines.Bytes(), array.Bytes(), csv.Bytes()} {
			for _, c := range []int{1 << 20, chunk} {
				cfg := Config{Reader: bytes.NewReader(in), MaxRow: 100, ChunkBytes: c}
				if i == 2 {
					cfg.Format = CSV
				}
				out := drain(t, cfg)
				out.steps = ""
				if i == 0 && c == 1<<20 {
					want = out
				} else if fmt.Sprint(out) != fmt.Sprint(want) {
					r.Fatalf("input %d with chunks of %d:\n%v\nwant\n%v", i, c, out, want)
				}
			}
		}
	})
}

// slowReader gives something and then blocks until it is closed.
type slowReader struct {
	begin io.Reader
	stop  chan struct{}
}

func (s *slowReader) Read(p []byte) (int, error) {
	if n, err := s.begin.Read(p); n > 0 || err == nil {
		return n, err
	}
	<-s.stop
	return 0, errors.New("stopped")
}

func TestContextEnds(t *testing.T) {
	in := &slowReader{begin: strings.NewReader(strings.Repeat("{\"a\":1}\n", 1000)), stop: make(chan struct{})}
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	s, err := Open(Config{Reader: in, Schema: schema, Want: []int{0}, MaxRow: 100, ChunkBytes: 200, Alloc: alloc})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	for {
		step, err := s.Next(ctx)
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			break
		}
		step.Release()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal("second close:", err)
	}
	alloc.AssertSize(t, 0)
	close(in.stop)
}

func TestCloseEarly(t *testing.T) {
	for i := range 20 {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		s, err := Open(Config{Reader: strings.NewReader(strings.Repeat("{\"a\":1}\n", 5000)), Schema: schema, Want: []int{0}, MaxRow: 100, ChunkBytes: 400, Alloc: alloc})
		if err != nil {
			t.Fatal(err)
		}
		for range i {
			step, err := s.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			step.Release()
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		alloc.AssertSize(t, 0)
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("disk on fire")
	in := io.MultiReader(strings.NewReader(strings.Repeat("{\"a\":1}\n", 100)), iotest.ErrReader(broken))
	s, err := Open(Config{Reader: in, Schema: schema, Want: []int{0}, MaxRow: 100, ChunkBytes: 102})
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		var step *stream.StepData
		if step, err = s.Next(context.Background()); err == nil {
			step.Release()
		}
	}
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, again := s.Next(context.Background()); !errors.Is(again, err) {
		t.Error(again)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, cfg := range []Config{
		{Path: filepath.Join(t.TempDir(), "none.jsonl")},
		{Reader: strings.NewReader("x"), Format: "xml"},
		{Reader: strings.NewReader(""), Format: CSV},
		{Reader: strings.NewReader("{}"), Want: []int{7}},
		{Reader: iotest.ErrReader(errors.New("no"))},
	} {
		if s, err := Open(cfg); err == nil {
			t.Errorf("%+v opened as %v", cfg, s)
		}
	}
}

func TestSharedFlights(t *testing.T) {
	dir := os.Getenv("WEIR_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(dir, "data", "us_flights_20k.jsonl")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared data: %v", err)
	}
	schema, format, notes, err := Infer(nil, path)
	if err != nil || format != JSON || len(notes) > 0 {
		t.Fatal(err, format, notes)
	}
	out := drain(t, Config{Path: path, Schema: schema, Want: []int{0, 3}, ChunkBytes: 1 << 20})
	if len(out.rows) != 20_000 || out.bad > 0 || out.rows[0] != "0:2001-01-01T00:47:00,DTW" {
		t.Error(len(out.rows), out.bad, out.rows[0])
	}
}

func TestInferReader(t *testing.T) {
	for _, c := range []struct{ in, want, format string }{
		{strings.Repeat("{\"a\":1,\"b\":2.5}\n", 200_000), "[{a BIGINT} {b DOUBLE}]", JSON},
		{"a,b\n1,x\n2,2026-01-01\n", "[{a BIGINT} {b VARCHAR}]", CSV},
		{"[{\"a\":true}]", "[{a BOOLEAN}]", JSON},
	} {
		schema, format, _, rest, err := InferReader(iotest.HalfReader(strings.NewReader(c.in)), "")
		if err != nil || fmt.Sprint(schema) != c.want || format != c.format {
			t.Errorf("%.20q: %v %s %v", c.in, schema, format, err)
			continue
		}
		if all, err := io.ReadAll(rest); err != nil || string(all) != c.in {
			t.Errorf("%.20q: the rest has %d bytes, %v", c.in, len(all), err)
		}
	}
	for _, in := range []string{"", "{}", "{\n}"} {
		if schema, _, _, _, err := InferReader(strings.NewReader(in), ""); err == nil {
			t.Errorf("%q gives %v", in, schema)
		}
	}
}

func FuzzSource(f *testing.F) {
	f.Add([]byte("{\"a\":1}\n"), false)
	f.Add([]byte("[{\"a\":1},{\"b\":\"x\"}]"), false)
	f.Add([]byte("a,b\n1,\"x\ny\"\n"), true)
	f.Fuzz(func(t *testing.T, data []byte, csv bool) {
		cfg := Config{MaxRow: 20, ChunkBytes: 22, Format: JSON, Schema: schema, Want: []int{0, 1}}
		if csv {
			cfg.Format = CSV
		}
		cfg.Reader = bytes.NewReader(data)
		s, err := Open(cfg)
		if err != nil {
			return
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		cfg.Reader = bytes.NewReader(data)
		small := drain(t, cfg)
		cfg.Reader = iotest.OneByteReader(bytes.NewReader(data))
		if again := drain(t, cfg); fmt.Sprint(again) != fmt.Sprint(small) {
			t.Fatalf("%v, by single bytes %v", small, again)
		}
		if begin := trimSpace(trimBOM(data)); !csv && len(begin) > 0 && begin[0] == '[' {
			return // where an array breaks off, one bad row stands for what is left of a chunk
		}
		cfg.Reader, cfg.ChunkBytes = bytes.NewReader(data), 1<<20
		large := drain(t, cfg)
		if fmt.Sprint(large.rows, large.bad) != fmt.Sprint(small.rows, small.bad) {
			t.Fatalf("%v, in small chunks %v", large, small)
		}
	})
}

func BenchmarkSource(b *testing.B) {
	var data bytes.Buffer
	r := rand.New(rand.NewPCG(1, 2))
	for data.Len() < 256<<20 {
		fmt.Fprintf(&data, "{\"ts\":%d,\"key\":\"key-%d\",\"value\":%d,\"ratio\":%.3f,\"host\":\"host-%d.example.com\",\"ok\":true}\n",
			1_700_000_000_000+data.Len(), r.IntN(1000), r.IntN(1_000_000), r.Float64(), r.IntN(100))
	}
	schema := stream.Schema{{Name: "ts", Type: types.DatetimeType(3)}, {Name: "key", Type: types.VarcharType}, {Name: "value", Type: types.BigintType},
		{Name: "ratio", Type: types.DoubleType}, {Name: "host", Type: types.VarcharType}, {Name: "ok", Type: types.BooleanType}}
	b.SetBytes(int64(data.Len()))
	for b.Loop() {
		s, err := Open(Config{Reader: bytes.NewReader(data.Bytes()), Schema: schema, Want: decode.All(3)})
		if err != nil {
			b.Fatal(err)
		}
		for {
			step, err := s.Next(context.Background())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			step.Release()
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
