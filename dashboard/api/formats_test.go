package api

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"weir/operators/stream"
	"weir/sql/diag"
)

// ask posts a statement that accepts a media type. err is that of the body.
func ask(t *testing.T, url, accept string) (resp *http.Response, body string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/sql", strings.NewReader("SELECT 1"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err = http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, string(data), err
}

const (
	ndjson   = "application/x-ndjson"
	sse      = "text/event-stream"
	arrowIPC = "application/vnd.apache.arrow.stream"
)

// TestFormats has every format over results that end, fail at once, fail later,
// are live, and are none.
func TestFormats(t *testing.T) {
	rows := [][]row{{{1_500_000, "é, \"x\"", 1}}, {}, {{0, "", 1 << 60}, {0, "z", 3}}}
	boom := diag.New(diag.External, diag.Span{}, "boom")
	deleted := func(i int) stream.Op { return stream.Op(i % 2) }
	const schema = "event: schema\ndata: {\"columns\":[{\"name\":\"ts\",\"type\":\"DATETIME(3)\"},{\"name\":\"a \\\"name\\\"\",\"type\":\"VARCHAR\"},{\"name\":\"n\",\"type\":\"BIGINT\"}]}\n\n"
	const columns = `{"columns":[{"name":"_op","type":"VARCHAR"},{"name":"ts","type":"DATETIME(3)"},{"name":"a \"name\"","type":"VARCHAR"},{"name":"n","type":"BIGINT"}],"rows":[`
	one, two, three := `{"ts":"1970-01-01 00:00:01.500","a \"name\"":"é, \"x\"","n":1}`, `{"ts":"1970-01-01 00:00:00.000","a \"name\"":null,"n":"1152921504606846976"}`,
		`{"ts":"1970-01-01 00:00:00.000","a \"name\"":"z","n":3}`
	for _, c := range []struct {
		name, accept string
		engine       *scripted
		status       int
		kind, body   string
		broken       bool // the connection is cut
	}{
		{"ndjson", ndjson, &scripted{rows: rows}, 200, ndjson, one + "\n" + two + "\n" + three + "\n", false},
		{"ndjson fails later", ndjson, &scripted{rows: rows[:1], end: boom}, 200, ndjson, one + "\n" + `{"error":{"code":"E3001","message":"boom"}}` + "\n", false},
		{"ndjson of nothing", ndjson, &scripted{none: true}, 200, ndjson, "", false},
		{"csv", "text/csv", &scripted{rows: rows}, 200, "text/csv", "ts,\"a \"\"name\"\"\",n\n1970-01-01 00:00:01.500,\"é, \"\"x\"\"\",1\n1970-01-01 00:00:00.000,,1152921504606846976\n1970-01-01 00:00:00.000,z,3\n", false},
		{"csv without rows", "text/csv", &scripted{}, 200, "text/csv", "ts,\"a \"\"name\"\"\",n\n", false},
		{"csv of nothing", "text/csv", &scripted{none: true}, 200, "text/csv", "", false},
		{"csv fails at once", "text/csv", &scripted{end: boom}, 503, "application/json", `{"error":{"code":"E3001","message":"boom"}}` + "\n", false},
		{"csv fails later", "text/csv", &scripted{rows: rows[:1], end: boom}, 200, "text/csv", "", true},
		{"csv live", "text/csv", &scripted{live: true, rows: rows[2:], ops: deleted}, 200, "text/csv",
			"_op,ts,\"a \"\"name\"\"\",n\ninsert,1970-01-01 00:00:00.000,,1152921504606846976\ndelete,1970-01-01 00:00:00.000,z,3\n", false},
		{"sse", sse, &scripted{rows: rows}, 200, sse, schema + "data: " + one + "\n\ndata: " + two + "\n\nid: 17\ndata: " + three + "\n\nevent: done\ndata: {}\n\n", false},
		{"sse fails at once", sse, &scripted{end: boom}, 503, "application/json", `{"error":{"code":"E3001","message":"boom"}}` + "\n", false},
		{"sse fails later", sse, &scripted{rows: rows[:1], end: boom}, 200, sse, schema + "data: " + one + "\n\nevent: error\ndata: {\"error\":{\"code\":\"E3001\",\"message\":\"boom\"}}\n\n", false},
		{"sse live", sse, &scripted{live: true, rows: rows[:1], end: boom}, 200, sse, schema + "data: " + one + "\n\nevent: error\ndata: {\"error\":{\"code\":\"E3001\",\"message\":\"boom\"}}\n\n", false},
		{"json live", "application/json", &scripted{live: true, rows: rows[2:], ops: deleted}, 200, "application/json",
			columns + "\n" + `["insert","1970-01-01 00:00:00.000",null,"1152921504606846976"],` + "\n" + `["delete","1970-01-01 00:00:00.000","z",3]]}` + "\n", false},
		{"arrow fails later", arrowIPC, &scripted{rows: rows[:1], end: boom}, 200, arrowIPC, "", true},
		{"arrow fails at once", arrowIPC, &scripted{end: boom}, 503, "application/json", `{"error":{"code":"E3001","message":"boom"}}` + "\n", false},
		{"xml", "application/xml", &scripted{rows: rows}, 406, "application/json", `{"error":{"code":"NOT_ACCEPTABLE","message":"no answer can be given as \"application/xml\"",` +
			`"hint":"accept one of application/json, application/x-ndjson, text/csv, text/event-stream, application/vnd.apache.arrow.stream"}}` + "\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, url := start(t, c.engine)
			resp, body, err := ask(t, url, c.accept)
			if kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); resp.StatusCode != c.status || kind != c.kind {
				t.Errorf("%s %s", resp.Status, kind)
			}
			if c.broken != errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("the connection ended with %v", err)
			}
			if d := cmp.Diff(c.body, body); d != "" && !c.broken {
				t.Error(d)
			}
			if c.status == 406 && len(c.engine.texts) > 0 {
				t.Error("the statement ran")
			}
		})
	}
}

// TestArrow reads answers back with Arrow's own reader, and compares them with
// the same answers in CSV.
func TestArrow(t *testing.T) {
	for _, e := range []*scripted{
		{rows: [][]row{{{1_500_000, "é", 1}}, {}, {{0, "", 1 << 60}, {0, "z", 3}}}},
		{},
		{none: true},
		{live: true, rows: [][]row{{{0, "a", 1}, {0, "b", 2}}}, ops: func(i int) stream.Op { return stream.Op(i % 2) }},
	} {
		_, url := start(t, e)
		_, table, err := ask(t, url, "text/csv")
		if err != nil {
			t.Fatal(err)
		}
		want, err := csv.NewReader(strings.NewReader(table)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		_, body, err := ask(t, url, arrowIPC)
		if err != nil {
			t.Fatal(err)
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		r, err := ipc.NewReader(strings.NewReader(body), ipc.WithAllocator(mem))
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		var names []string
		for _, f := range r.Schema().Fields() {
			names = append(names, f.Name)
		}
		if len(names) > 0 {
			got = append(got, names)
		}
		for r.Next() {
			rec := r.RecordBatch()
			for i := range int(rec.NumRows()) {
				var line []string
				for _, col := range rec.Columns() {
					text := col.ValueStr(i)
					if col.IsNull(i) {
						text = ""
					}
					line = append(line, text)
				}
				got = append(got, line)
			}
		}
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		r.Release()
		mem.AssertSize(t, 0)
		for _, line := range got { // Arrow writes times in its own way
			for i, v := range line {
				if strings.HasPrefix(v, "1970-01-01T") || strings.HasPrefix(v, "1970-01-01 00") {
					line[i] = "time"
				}
			}
		}
		for _, line := range want {
			for i, v := range line {
				if strings.HasPrefix(v, "1970-01-01 00") {
					line[i] = "time"
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-csv +arrow):\n%s", d)
		}
	}
}

// TestLiveFormats: in every format a live row is there before the next one is
// made, and a server that stops ends the answer in order.
func TestLiveFormats(t *testing.T) {
	for accept, end := range map[string]string{"application/json": "]}\n", ndjson: "", sse: "", "text/csv": "", arrowIPC: "\x00\x00\x00\x00"} {
		t.Run(accept, func(t *testing.T) {
			e := &scripted{live: true, next: make(chan []row)}
			a, url := start(t, e)
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/sql", strings.NewReader("SELECT"))
			req.Header.Set("Accept", accept)
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			in := bufio.NewReader(resp.Body)
			for i := range 3 {
				mark := fmt.Sprintf("row-%d", i)
				e.next <- []row{{0, mark, int64(i)}}
				var got []byte
				for !bytes.Contains(got, []byte(mark)) {
					c, err := in.ReadByte()
					if err != nil {
						t.Fatalf("%v behind %q", err, got)
					}
					got = append(got, c)
				}
			}
			a.Stop()
			rest, err := io.ReadAll(in)
			if err != nil || !strings.HasSuffix(string(rest), end) {
				t.Errorf("%v: %q", err, rest)
			}
		})
	}
}
