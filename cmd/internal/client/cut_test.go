package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"weir/ingest/decode"
	"weir/sql/types"
)

var twoColumns = decode.Config{
	Columns: []decode.Column{{Name: "s", Type: types.VarcharType}, {Name: "n", Type: types.BigintType}},
	Want:    []int{0, 1}, MaxRow: 200,
}

// decoded reads a body as a server does.
func decoded(t rapid.TB, kind Format, body []byte) decode.Result {
	var res decode.Result
	var err error
	if kind == Table {
		names, next, herr := decode.CSVHeader(body, ',', len(body))
		if herr != nil {
			t.Fatal(herr)
		}
		d, derr := decode.NewCSV(twoColumns, ',', names)
		if derr != nil {
			t.Fatal(derr)
		}
		res, err = d.Records(body[next:])
	} else {
		d, derr := decode.NewJSON(twoColumns)
		if derr != nil {
			t.Fatal(derr)
		}
		read := d.Lines
		if kind == Array {
			read = d.Array
		}
		res, err = read(body)
	}
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// outcome is what became of an input: the good rows, and the bad ones with their line.
type outcome struct{ good, bad []string }

func (o *outcome) add(res decode.Result, line func(row int) int64) {
	defer res.Batch.Release()
	for i := range int(res.Batch.NumRows()) {
		o.good = append(o.good, res.Batch.Column(0).ValueStr(i)+"|"+res.Batch.Column(1).ValueStr(i))
	}
	for _, e := range res.Errors {
		o.bad = append(o.bad, fmt.Sprintf("%d %s", line(e.Row), e.Code))
	}
}

// inPieces sends an input in pieces of a size and says what became of it.
func inPieces(t rapid.TB, in io.Reader, kind Format, size int) (o outcome, cuts []string) {
	p := newPieces(&meter{in: in}, false, kind)
	p.size, p.rowMax = size, twoColumns.MaxRow
	defer p.close()
	if err := p.begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	for {
		pc, err := p.next(context.Background())
		if errors.Is(err, io.EOF) {
			return o, cuts
		}
		if err != nil {
			t.Fatal(err)
		}
		cuts = append(cuts, fmt.Sprint(pc.first, pc.id, len(pc.body)))
		if pc.bad != "" {
			t.Fatalf("line %d: %s", pc.first, pc.bad)
		}
		o.add(decoded(t, pc.kind, pc.body), pc.lineOf)
	}
}

// TestCutsAreNoBoundary: a table or an array that is sent in pieces gives the rows
// and the errors, with their lines, that it gives as a whole; and how it is cut
// does not depend on how it is read.
func TestCutsAreNoBoundary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]Format{Table, Array}).Draw(t, "format")
		var in strings.Builder
		var lines []int64 // the line that each row begins on
		line := int64(1)
		put := func(s string) {
			in.WriteString(s)
			line += int64(strings.Count(s, "\n"))
		}
		eol := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "eol")
		n := rapid.IntRange(0, 60).Draw(t, "rows")
		if kind == Table {
			put(rapid.SampledFrom([]string{"s,n", "\xef\xbb\xbfs,n", "\"s\",n", "\n\nn,s"}).Draw(t, "header") + eol)
		} else {
			put("\n [")
		}
		for i := range n {
			row := ""
			if kind == Table {
				row = rapid.SampledFrom([]string{"a,1", `"x, ""y""",2`, "\"two\nlines\",3", "bad,x", "1", `,`, `"not closed,4`, strings.Repeat("z", 250) + ",5", "\"" + strings.Repeat("q\n", 120) + "\",6"}).Draw(t, "row")
				if rapid.IntRange(0, 5).Draw(t, "blank") == 0 {
					put(eol)
				}
				lines = append(lines, line)
				put(row)
				if i < n-1 || rapid.Bool().Draw(t, "last line end") {
					put(eol)
				}
				continue
			}
			row = rapid.SampledFrom([]string{`{"s":"a","n":1}`, `{"s":"],{\"","n":2}`, "{\"s\":\n\"x\\\\\",\n\"n\":[1,{}]}", `{"n":"x"}`, `7`, `{"s":{"a":[1,2]},"n":3}`}).Draw(t, "row")
			lines = append(lines, line)
			put(row)
			if i < n-1 {
				put(rapid.SampledFrom([]string{",", ",\n", " ,\n\n"}).Draw(t, "between"))
			}
		}
		if kind == Array {
			put("] \n")
		}
		text := in.String()
		var want outcome
		whole := decoded(t, kind, bytes.TrimPrefix([]byte(text), []byte("\xef\xbb\xbf")))
		// A quote that nobody closes ends its row at the line end: rows of one
		// such text are those of the decoder, not those that were written; so are
		// those of a row of many lines that is too large.
		exact := whole.Total == len(lines) && !strings.Contains(text, "not closed") && !strings.Contains(text, "q\nq")
		if len(whole.Errors) == decode.MaxErrors {
			whole.Batch.Release()
			t.Skip("a result names no more errors, pieces together do")
		}
		want.add(whole, func(row int) int64 { return lines[min(row, len(lines))-1] })
		size := rapid.SampledFrom([]int{600, 1000, 1 << 16}).Draw(t, "size")
		got, cuts := inPieces(t, strings.NewReader(text), kind, size)
		again, cuts2 := inPieces(t, iotest.HalfReader(strings.NewReader(text)), kind, size)
		if fmt.Sprint(got.good) != fmt.Sprint(want.good) || len(got.bad) != len(want.bad) || exact && fmt.Sprint(got.bad) != fmt.Sprint(want.bad) {
			t.Fatalf("%q\n got %q\nwant %q", text, got, want)
		}
		if fmt.Sprint(cuts, again) != fmt.Sprint(cuts2, got) {
			t.Fatalf("cut as %v and as %v", cuts, cuts2)
		}
	})
}

// stored is a server that keeps the rows of each body once, and loses every third
// answer.
type stored struct {
	t    testing.TB
	mu   sync.Mutex
	n    int
	keys map[string]receipt
	rows []string
}

func (s *stored) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := map[string]Format{"text/csv": Table, "application/json": Array, "application/x-ndjson": Lines}[r.Header.Get("Content-Type")]
	key := r.Header.Get("Idempotency-Key")
	rec, repeated := s.keys[key]
	if !repeated {
		res := decoded(s.t, kind, body)
		rec.Accepted, rec.Rejected = res.Batch.NumRows(), int64(res.ErrorCount)
		for _, e := range res.Errors {
			rec.Errors = append(rec.Errors, struct {
				Row     int    `json:"row"`
				Code    string `json:"code"`
				Column  string `json:"column"`
				Message string `json:"message"`
			}{e.Row, e.Code, e.Column, e.Message})
		}
		var o outcome
		o.add(res, func(int) int64 { return 0 })
		s.rows = append(s.rows, o.good...)
		s.keys[key] = rec
	}
	if s.n++; s.n%3 == 2 {
		panic(http.ErrAbortHandler)
	}
	_ = json.NewEncoder(w).Encode(rec)
}

func packed(t *testing.T, how, text string) string {
	var b bytes.Buffer
	var z io.WriteCloser
	switch how {
	case "gz":
		z = gzip.NewWriter(&b)
	case "zst":
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		z = w
	default:
		return text
	}
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPutFormats sends three pieces of each format, plain and compressed, to a
// server that loses answers: each row counts once, and a broken one has its line.
func TestPutFormats(t *testing.T) {
	const n = 60_000
	pad := strings.Repeat("x", 150)
	var csv, array strings.Builder
	csv.WriteString("n,s\n")
	array.WriteString("[")
	for i := range n {
		if i == n/2 {
			csv.WriteString("much,\"broken\nrow\"\n")
			array.WriteString("{\"n\":\"much\"},\n")
		}
		fmt.Fprintf(&csv, "%d,\"two\n%s\"\n", i, pad)
		fmt.Fprintf(&array, `{"n":%d,"s":"two\n%s"}`, i, pad)
		array.WriteString([]string{",\n", "]"}[i/(n-1)])
	}
	for _, tt := range []struct{ name, text, line string }{
		{"in.csv", strings.TrimSuffix(csv.String(), "\n"), fmt.Sprint(2 + n)},
		{"in.json", array.String(), fmt.Sprint(1 + n/2)},
	} {
		for _, how := range []string{"", "gz", "zst"} {
			s := &stored{t: t, keys: map[string]receipt{}}
			c := serve(t, s.ServeHTTP)
			var errs bytes.Buffer
			cfg := config(c, packed(t, how, tt.text), &errs)
			cfg.Name = strings.TrimSuffix(tt.name+"."+how, ".")
			err := Put(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), "1 row was rejected") || !strings.Contains(errs.String(), cfg.Name+":"+tt.line+": BAD_TYPE in column n") {
				t.Errorf("%s: %v\n%s", cfg.Name, err, errs.String())
			}
			if len(s.rows) != n || len(s.keys) < 3 {
				t.Errorf("%s: %d rows in %d pieces", cfg.Name, len(s.rows), len(s.keys))
				continue
			}
			for i, r := range s.rows {
				if !strings.HasSuffix(r, fmt.Sprintf("|%d", i)) {
					t.Errorf("%s: row %d is %s", cfg.Name, i, r)
					break
				}
			}
		}
	}
}

// TestPutResumesCSV goes on in the middle of a table, whose header goes along.
func TestPutResumesCSV(t *testing.T) {
	s := &stored{t: t, keys: map[string]receipt{}}
	c := serve(t, s.ServeHTTP)
	var errs bytes.Buffer
	cfg := config(c, "s,n\n\"a\nb\",1\nc,2\n", &errs)
	cfg.Name, cfg.From = "in.csv", 4
	if err := Put(t.Context(), cfg); err != nil || fmt.Sprint(s.rows) != "[c|2]" {
		t.Errorf("%v: %v", err, s.rows)
	}
}

// TestPutNothing sends inputs without a row.
func TestPutNothing(t *testing.T) {
	s := &stored{t: t, keys: map[string]receipt{}}
	c := serve(t, s.ServeHTTP)
	for name, text := range map[string]string{"empty.csv": "", "header.csv": "s,n\n", "header alone.csv": "s,n", "blank.csv": "\n\r\n", "empty.json": " [ ]\n", "nothing.jsonl": ""} {
		for _, how := range []string{"", "gz", "zst"} {
			var errs bytes.Buffer
			cfg := config(c, packed(t, how, text), &errs)
			cfg.Name = name
			if err := Put(t.Context(), cfg); err != nil || len(s.keys) > 0 {
				t.Errorf("%s %s: %v, %d bodies\n%s", name, how, err, len(s.keys), errs.String())
			}
		}
	}
}

// TestPutCutShort: a compressed input that breaks off is an error, and what came
// before is stored.
func TestPutCutShort(t *testing.T) {
	s := &stored{t: t, keys: map[string]receipt{}}
	c := serve(t, s.ServeHTTP)
	text := "s,n\n" + strings.Repeat("a,1\n", 200_000)
	for _, how := range []string{"gz", "zst"} {
		var errs bytes.Buffer
		in := packed(t, how, text)
		cfg := config(c, in[:len(in)-5], &errs)
		cfg.Name = "in.csv." + how
		if err := Put(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "read the input: unexpected EOF") {
			t.Errorf("%s: %v\n%s", how, err, errs.String())
		}
	}
}
