package influxdb

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"weir/operators/sinks"
	"weir/operators/stream"
	"weir/sql/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var schema = stream.Schema{
	{Name: "at", Type: types.DatetimeType(6)}, {Name: "a tag", Type: types.VarcharType},
	{Name: "n", Type: types.BigintType}, {Name: "t,e=x t", Type: types.VarcharType}, {Name: "f", Type: types.DoubleType},
}

// point is a row of the tests' view; nil is NULL.
type point struct {
	at   int64
	tag  *string
	n    *int64
	text *string
}

func record(points ...point) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for _, p := range points {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(p.at))
		appendText(b.Field(1).(*array.StringBuilder), p.tag)
		if p.n == nil {
			b.Field(2).AppendNull()
		} else {
			b.Field(2).(*array.Int64Builder).Append(*p.n)
		}
		appendText(b.Field(3).(*array.StringBuilder), p.text)
		b.Field(4).AppendNull()
	}
	return b.NewRecordBatch()
}

func appendText(b *array.StringBuilder, s *string) {
	if s == nil {
		b.AppendNull()
	} else {
		b.Append(*s)
	}
}

func ptr[T any](v T) *T { return &v }

// parsed is a line as another reader understands it.
type parsed struct {
	measurement  string
	tags, fields map[string]string // values of fields as they are written, strings read
	at           string
}

// parseLine reads the line protocol as its specification has it, one byte at a
// time: it shares nothing with what writes lines.
func parseLine(line string) (p parsed, err error) {
	p.tags, p.fields = map[string]string{}, map[string]string{}
	i := 0
	// word reads up to one of the bytes in ends that is not escaped.
	word := func(ends string) string {
		var b strings.Builder
		for ; i < len(line) && !strings.ContainsRune(ends, rune(line[i])); i++ {
			if line[i] == '\\' && i+1 < len(line) && strings.ContainsRune(", =", rune(line[i+1])) {
				i++
			}
			b.WriteByte(line[i])
		}
		return b.String()
	}
	p.measurement = word(", ")
	for i < len(line) && line[i] == ',' {
		i++
		key := word("=")
		i++
		p.tags[key] = word(", ")
	}
	for i++; i < len(line); i++ {
		key := word("=")
		i++
		if i < len(line) && line[i] == '"' {
			var b strings.Builder
			for i++; i < len(line) && line[i] != '"'; i++ {
				if line[i] == '\\' && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\') {
					i++
				}
				b.WriteByte(line[i])
			}
			i++
			p.fields[key] = "text " + b.String()
		} else {
			p.fields[key] = word(", ")
		}
		if i >= len(line) {
			return p, errors.New("no time")
		}
		if line[i] == ' ' {
			break
		}
	}
	if i >= len(line) {
		return p, errors.New("no time")
	}
	p.at = line[i+1:]
	return p, nil
}

func testLayout(t testing.TB, p Precision) *layout {
	t.Helper()
	l, err := newLayout(`the "m", x`, schema, []int{1}, 0, p)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// FuzzLine writes a row and has the other reader read it.
func FuzzLine(f *testing.F) {
	f.Add(int64(1_700_000_000_000_000), "a,b=c d", int64(5), "say \"x\\\", ok\nline\\")
	f.Add(int64(-1), `back\slash\`, int64(-1<<63), "")
	f.Add(int64(0), "", int64(0), "\\")
	f.Add(int64(1), "two\nlines\r\n", int64(0), "é,日本=")
	f.Fuzz(func(t *testing.T, at int64, tag string, n int64, text string) {
		rec := record(point{at, &tag, &n, &text})
		defer rec.Release()
		l := testLayout(t, Micros)
		out, why := l.appendLine([]byte("before"), rec, 0)
		if why != "" {
			t.Fatal(why)
		}
		line, ok := strings.CutPrefix(string(out), "before")
		if !ok || !strings.HasSuffix(line, "\n") {
			t.Fatalf("%q", out)
		}
		got, err := parseLine(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want := parsed{
			measurement: `the "m", x`, tags: map[string]string{}, at: fmt.Sprint(at),
			fields: map[string]string{"n": fmt.Sprintf("%di", n), "t,e=x t": "text " + text},
		}
		// What the protocol has no words for in a tag.
		tag = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(strings.TrimRight(tag, `\`))
		if tag != "" {
			want.tags["a tag"] = tag
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(parsed{})); diff != "" {
			t.Fatalf("%q (-row +line):\n%s", line, diff)
		}
	})
}

func TestPrecision(t *testing.T) {
	for _, c := range []struct {
		p    Precision
		at   int64
		want string
	}{
		{Seconds, -1, "-1"}, {Seconds, 1_999_999, "1"}, {Millis, -1500, "-2"}, {Micros, 1234, "1234"}, {Nanos, 1234, "1234000"}, {Nanos, 1 << 62, ""},
	} {
		rec := record(point{c.at, nil, ptr(int64(1)), nil})
		out, why := testLayout(t, c.p).appendLine(nil, rec, 0)
		rec.Release()
		if c.want == "" && why != noTime || c.want != "" && !strings.HasSuffix(string(out), " n=1i "+c.want+"\n") {
			t.Errorf("%d in %s: %q %s", c.at, c.p, out, why)
		}
	}
}

// memoryCursors keeps cursors for a test.
type memoryCursors map[string]stream.Commit

func (m memoryCursors) Load(id string) (stream.Commit, bool, error) {
	c, ok := m[id]
	return c, ok, nil
}

func (m memoryCursors) Save(_ context.Context, id string, c stream.Commit) error {
	m[id] = c
	return nil
}

func newSink(t testing.TB, url string, change func(*Config)) *Sink {
	t.Helper()
	cfg := Config{
		URL: url, DB: "d", Measurement: "m", Precision: Micros, Create: true, ID: "me", Schema: schema, Tags: []int{1}, Time: 0,
		BatchRows: 100, BatchBytes: 1 << 20, Timeout: 5 * time.Second, Cursors: memoryCursors{},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// deliver writes points and commits them.
func deliver(t testing.TB, s *Sink, to stream.Commit, ops []stream.Op, points ...point) (sinks.Outcome, error) {
	t.Helper()
	rec := record(points...)
	defer rec.Release()
	err := s.Begin(t.Context(), sinks.Changes)
	if err == nil {
		err = s.Write(t.Context(), to, stream.Batch{RecordBatch: rec, Ops: ops})
	}
	if err != nil {
		return sinks.Outcome{}, err
	}
	return s.Commit(t.Context(), to)
}

// fakeServer answers writes with what answer says and remembers what it got.
func fakeServer(t testing.TB, answer func(lines []string) (int, string)) (url string, got *[]string, requests *[]*http.Request) {
	got, requests = new([]string), new([]*http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*requests = append(*requests, r)
		if r.URL.Path != "/write" {
			return
		}
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		text, _ := io.ReadAll(body)
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		code, said := answer(lines)
		if code/100 == 2 || strings.Contains(said, "partial") {
			*got = append(*got, lines...)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, said)
	}))
	t.Cleanup(server.Close)
	return server.URL, got, requests
}

func TestBatches(t *testing.T) {
	url, got, requests := fakeServer(t, func([]string) (int, string) { return http.StatusNoContent, "" })
	s := newSink(t, strings.Replace(url, "://", "://ann:word@", 1), func(c *Config) { c.BatchRows, c.Gzip, c.Policy = 2, true, "week" })
	if _, ok, err := s.Open(t.Context()); ok || err != nil {
		t.Fatal(ok, err)
	}
	one := ptr(int64(1))
	points := []point{{1, ptr("a"), one, nil}, {2, ptr("b"), one, nil}, {3, nil, one, nil}, {4, nil, nil, nil}, {5, ptr("e"), one, nil}}
	out, err := deliver(t, s, 9, nil, points...)
	if err != nil || out.Refused != 1 || out.Why != noField {
		t.Errorf("%+v, %v", out, err)
	}
	want := []string{`m,a\ tag=a n=1i 1`, `m,a\ tag=b n=1i 2`, `m n=1i 3`, `m,a\ tag=e n=1i 5`}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("(-want +sent):\n%s", diff)
	}
	if len(*requests) != 3 { // the database, and two batches
		t.Errorf("%d requests", len(*requests))
	}
	for _, r := range *requests {
		if user, word, _ := r.BasicAuth(); user != "ann" || word != "word" {
			t.Errorf("%s is sent as %s", r.URL, user)
		}
	}
	if q := (*requests)[1].URL.Query(); q.Get("db") != "d" || q.Get("precision") != "u" || q.Get("rp") != "week" || strings.Contains((*requests)[1].URL.String(), "word") {
		t.Errorf("the query is %v", q)
	}
	_ = s.Close()
	if c, ok, err := s.Open(t.Context()); c != 9 || !ok || err != nil {
		t.Errorf("it opens at %d, %v, %v", c, ok, err)
	}
}

// TestAnswers: what a server does not take for good is counted, everything else
// is an error to try again after.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		code    int
		said    string
		refused int64
		err     string
	}{
		{400, `{"error":"partial write: field type conflict: input field \"n\" is type float dropped=2"}`, 2, ""},
		{400, `{"error":"partial write: unable to parse 'x': bad\nunable to parse 'y': bad dropped=0"}`, 2, ""},
		{400, `{"error":"unable to parse 'x': bad"}`, 1, ""},
		{400, `{"error":"database is required"}`, 0, "database is required"},
		{404, `{"error":"database not found: \"d\""}`, 0, "not found"},
		{401, `{"error":"unable to parse authentication credentials"}`, 0, "401"},
		{500, "oops", 0, "500 Internal Server Error: oops"},
		{503, "", 0, "503"},
		{302, "", 0, "302"},
	} {
		url, _, _ := fakeServer(t, func([]string) (int, string) { return c.code, c.said })
		s := newSink(t, url, nil)
		if _, _, err := s.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		one := ptr(int64(1))
		out, err := deliver(t, s, 9, nil, point{1, nil, one, nil}, point{2, nil, one, nil}, point{3, nil, one, nil})
		if out.Refused != c.refused || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%d %s: %+v, %v", c.code, c.said, out, err)
		}
		if _, ok, _ := s.cfg.Cursors.Load("me"); ok != (err == nil) {
			t.Errorf("%d: the cursor is kept: %v", c.code, ok)
		}
	}
}

// TestStayed counts what InfluxDB cannot be told to remove.
func TestStayed(t *testing.T) {
	url, _, _ := fakeServer(t, func([]string) (int, string) { return http.StatusNoContent, "" })
	s := newSink(t, url, nil)
	if _, _, err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, i, one := stream.Delete, stream.Insert, ptr(int64(1))
	out, err := deliver(t, s, 1, []stream.Op{d, i, d, i, d, d, i},
		point{1, ptr("a"), one, nil}, point{1, ptr("a"), one, nil}, // written over
		point{2, ptr("a"), one, ptr("x")}, point{2, ptr("a"), one, nil}, // a field stays
		point{3, ptr("a"), one, nil},                               // a point stays
		point{4, ptr("a"), one, nil}, point{4, ptr("b"), one, nil}, // another point
	)
	if err != nil || out.Stayed != 3 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		measurement string
		schema      stream.Schema
	}{
		{"m\n", schema},
		{"m", stream.Schema{schema[0], {Name: "time", Type: types.BigintType}}},
		{"m", stream.Schema{schema[0], {Name: `x\`, Type: types.BigintType}}},
		{"m", schema[:1]},
	} {
		if _, err := newLayout(c.measurement, c.schema, nil, 0, Micros); err == nil {
			t.Errorf("%q with %v is taken", c.measurement, c.schema.Names())
		}
	}
}
