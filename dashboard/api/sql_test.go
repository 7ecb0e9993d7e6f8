package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/sql/diag"
	"weir/sql/types"
)

var testSchema = stream.Schema{
	{Name: "ts", Type: types.DatetimeType(3)},
	{Name: `a "name"`, Type: types.VarcharType},
	{Name: "n", Type: types.BigintType},
}

// scripted is an engine that answers as a test says.
type scripted struct {
	mem   memory.Allocator
	texts []string
	ready error
	err   error // of Execute
	none  bool  // no columns
	live  bool
	end   error                   // of Next, when the batches are gone; nil: io.EOF
	next  chan []row              // live rows
	rows  [][]row                 // batches
	ops   func(row int) stream.Op // of every batch; nil: inserts
	mu    sync.Mutex
	open  int // results that are not closed
}

type row struct {
	us int64
	s  string
	n  int64
}

func (e *scripted) Ready() error { return e.ready }

func (e *scripted) Execute(_ context.Context, text string) (Result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.texts = append(e.texts, text)
	if e.err != nil {
		return nil, e.err
	}
	e.open++
	return &scriptedResult{e: e}, nil
}

type scriptedResult struct {
	e  *scripted
	at int
}

func (r *scriptedResult) Live() bool { return r.e.live }

func (r *scriptedResult) Schema() stream.Schema {
	if r.e.none {
		return nil
	}
	return testSchema
}

// Commit is told for the last batch alone.
func (r *scriptedResult) Commit() stream.Commit {
	if r.at == len(r.e.rows) && r.at > 1 {
		return 17
	}
	return 0
}

func (r *scriptedResult) Close() error {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	r.e.open--
	return nil
}

func (r *scriptedResult) Next(ctx context.Context) (stream.Batch, error) {
	if r.e.next != nil {
		select {
		case rows := <-r.e.next:
			return r.e.batch(rows), nil
		case <-ctx.Done():
			return stream.Batch{}, ctx.Err()
		}
	}
	if r.at == len(r.e.rows) {
		if r.e.end != nil {
			return stream.Batch{}, r.e.end
		}
		return stream.Batch{}, io.EOF
	}
	r.at++
	return r.e.batch(r.e.rows[r.at-1]), nil
}

func (e *scripted) batch(rows []row) stream.Batch {
	b := array.NewRecordBuilder(e.mem, testSchema.Arrow())
	defer b.Release()
	out := stream.Batch{}
	for i, r := range rows {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(r.us))
		if r.s == "" {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(r.s)
		}
		b.Field(2).(*array.Int64Builder).Append(r.n)
		if e.ops != nil {
			out.Ops = append(out.Ops, e.ops(i))
		}
	}
	out.RecordBatch = b.NewRecordBatch()
	return out
}

// start serves the API over the engine and checks at the end that it left nothing.
func start(t *testing.T, e *scripted) (*API, string) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	e.mem = mem
	a, err := New(Config{Engine: e})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/sql", a.SQL())
	mux.Handle("/healthz", a.Healthz())
	mux.Handle("/readyz", a.Readyz())
	srv := httptest.NewServer(NewGuard(GuardConfig{}).Wrap(mux))
	t.Cleanup(func() {
		a.Stop()
		srv.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		mem.AssertSize(t, 0)
		if e.open != 0 {
			t.Errorf("%d results were not closed", e.open)
		}
	})
	return a, srv.URL
}

func post(t *testing.T, url, contentType, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/sql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data), resp.Header
}

func TestAnswer(t *testing.T) {
	const columns = `{"columns":[{"name":"ts","type":"DATETIME(3)"},{"name":"a \"name\"","type":"VARCHAR"},{"name":"n","type":"BIGINT"}],"rows":[`
	tests := []struct {
		name   string
		engine *scripted
		status int
		body   string
	}{
		{"ddl", &scripted{none: true}, 200, `{"columns":[],"rows":[]}`},
		{"no rows", &scripted{}, 200, columns + `]}`},
		{"rows", &scripted{rows: [][]row{{{1_500_000, "é\"", 1}}, {}, {{0, "", 1 << 60}}}}, 200, columns +
			"\n" + `["1970-01-01 00:00:01.500","é\"",1],` + "\n" + `["1970-01-01 00:00:00.000",null,"1152921504606846976"]]}`},
		{"mistake", &scripted{err: diag.New(diag.UnknownColumn, diag.Span{Start: 7, End: 12}, "unknown column `devce`").WithLabel("here").WithHint("try `device`")},
			400, `{"error":{"code":"E1054","message":"unknown column ` + "`devce`" + `","span":{"start":7,"end":12},"label":"here","hint":"try ` + "`device`" + `"}}`},
		{"no place", &scripted{err: diag.New(diag.UnknownObject, diag.Span{}, "no such view")}, 400, `{"error":{"code":"E1146","message":"no such view"}}`},
		{"wrapped", &scripted{err: fmt.Errorf("plan: %w", diag.New(diag.Syntax, diag.Span{End: 1}, "no"))}, 400, `{"error":{"code":"E1064","message":"no","span":{"start":0,"end":1}}}`},
		{"outside", &scripted{err: diag.New(diag.External, diag.Span{}, "the disk is full")}, 503, `{"error":{"code":"E3001","message":"the disk is full"}}`},
		{"bug", &scripted{err: errors.New("boom")}, 500, `{"error":{"code":"E9001","message":"boom"}}`},
		{"fails at once", &scripted{end: diag.New(diag.BadLiteral, diag.Span{}, "bad")}, 400, `{"error":{"code":"E1292","message":"bad"}}`},
		{"fails later", &scripted{rows: [][]row{{{0, "x", 1}}}, end: errors.New("boom")}, 200, columns +
			"\n" + `["1970-01-01 00:00:00.000","x",1]],"error":{"code":"E9001","message":"boom"}}`},
		{"live with an end", &scripted{live: true, rows: [][]row{{{0, "x", 1}, {0, "y", 2}}}, ops: func(i int) stream.Op { return stream.Op(1 - i) },
			end: errors.New("boom")}, 200, `{"_op":"delete","ts":"1970-01-01 00:00:00.000","a \"name\"":"x","n":1}` + "\n" +
			`{"ts":"1970-01-01 00:00:00.000","a \"name\"":"y","n":2}` + "\n" + `{"error":{"code":"E9001","message":"boom"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, url := start(t, tt.engine)
			status, body, _ := post(t, url, "text/plain", "SELECT 1")
			if status != tt.status || strings.TrimSuffix(body, "\n") != tt.body {
				t.Errorf("%d %s\nwant %d %s", status, body, tt.status, tt.body)
			}
			if !tt.engine.live && !json.Valid([]byte(body)) {
				t.Errorf("no JSON: %s", body)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	e := &scripted{none: true}
	_, url := start(t, e)
	full := strings.Repeat("x", sqlBytesMax)
	tests := []struct {
		name, contentType, body string
		status                  int
		code                    diag.Code
		text                    string // what the engine sees
	}{
		{"text", "text/plain", "SELECT 1", 200, "", "SELECT 1"},
		{"text in utf-8", "text/plain; charset=UTF-8", "SELECT 'é'", 200, "", "SELECT 'é'"},
		{"no type", "", "SELECT 1", 200, "", "SELECT 1"},
		{"curl -d", "application/x-www-form-urlencoded", "SELECT 1+1", 200, "", "SELECT 1+1"},
		{"sql", "application/sql", "SELECT 1", 200, "", "SELECT 1"},
		{"json", "application/json", `{"sql":"SELECT \"\u00e9\"\n"}`, 200, "", "SELECT \"é\"\n"},
		{"json with a charset", "application/json; charset=utf-8", `{"sql":"x"}`, 200, "", "x"},
		{"as long as may be", "text/plain", full, 200, "", full},
		{"too long", "text/plain", full + "x", 413, CodeTooLarge, ""},
		{"json as long as may be", "application/json", `{"sql":"` + strings.Repeat(`\u0078`, sqlBytesMax) + `"}`, 200, "", full},
		{"json too long inside", "application/json", `{"sql":"` + full + `x"}`, 413, CodeTooLarge, ""},
		{"json too long outside", "application/json", strings.Repeat(" ", jsonBytesMax+1), 413, CodeTooLarge, ""},
		{"octets", "application/octet-stream", "SELECT 1", 415, CodeMediaType, ""},
		{"latin", "text/plain; charset=iso-8859-1", "SELECT 1", 415, CodeMediaType, ""},
		{"a bad type", "text/;;", "SELECT 1", 415, CodeMediaType, ""},
		{"empty", "text/plain", "", 400, CodeBadBody, ""},
		{"blank", "text/plain", " \n", 400, CodeBadBody, ""},
		{"no utf-8", "text/plain", "SELECT '\xff'", 400, CodeBadBody, ""},
		{"no utf-8 in json", "application/json", "{\"sql\":\"\xff\"}", 400, CodeBadBody, ""},
		{"no json", "application/json", "SELECT 1", 400, CodeBadBody, ""},
		{"no sql", "application/json", "{}", 400, CodeBadBody, ""},
		{"null", "application/json", `{"sql":null}`, 400, CodeBadBody, ""},
		{"a number", "application/json", `{"sql":1}`, 400, CodeBadBody, ""},
		{"an unknown member", "application/json", `{"sql":"x","params":[]}`, 400, CodeBadBody, ""},
		{"two values", "application/json", `{"sql":"x"}{"sql":"y"}`, 400, CodeBadBody, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e.texts = nil
			status, body, _ := post(t, url, tt.contentType, tt.body)
			var got struct{ Error failure }
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			if status != tt.status || got.Error.Code != tt.code {
				t.Errorf("%d %.200s", status, body)
			}
			if tt.status == 200 && (len(e.texts) != 1 || e.texts[0] != tt.text) {
				t.Errorf("the engine saw %.100q", e.texts)
			}
			if tt.status != 200 && len(e.texts) != 0 {
				t.Errorf("the engine saw %.100q", e.texts)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	_, url := start(t, &scripted{none: true})
	for path, allow := range map[string]string{"/v1/sql": "POST", "/healthz": "GET", "/readyz": "GET"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodDelete, url+path, nil)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != allow || !strings.Contains(string(body), string(CodeMethod)) {
			t.Errorf("%s: %s %v %s", path, resp.Status, resp.Header, body)
		}
	}
}

func TestHealth(t *testing.T) {
	e := &scripted{ready: errors.New("replaying the log")}
	_, url := start(t, e)
	look := func(path string, status int, text string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != status || !strings.Contains(string(body), text) {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	look("/healthz", 200, "ok")
	look("/readyz", 503, "replaying the log")
	e.ready = nil
	look("/readyz", 200, "ready")
}

// TestLive: rows of a live SELECT arrive when they are produced, and the query
// ends when the client goes or the server stops.
func TestLive(t *testing.T) {
	for _, end := range []string{"client", "server"} {
		t.Run(end, func(t *testing.T) {
			e := &scripted{live: true, next: make(chan []row)}
			a, url := start(t, e)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/sql", strings.NewReader("SELECT"))
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/x-ndjson") {
				t.Error(ct)
			}
			lines := bufio.NewReader(resp.Body)
			for i := range 3 {
				e.next <- []row{{0, "x", int64(i)}}
				line, err := lines.ReadString('\n')
				if want := fmt.Sprintf(`"n":%d}`, i); err != nil || !strings.Contains(line, want) {
					t.Fatalf("%v: %s", err, line)
				}
			}
			if end == "client" {
				cancel()
			} else {
				a.Stop()
				if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
					t.Errorf("%v: %s", err, rest)
				}
				if status, body, _ := post(t, url, "", "SELECT 1"); status != 503 || !strings.Contains(body, string(CodeNotReady)) {
					t.Errorf("%d %s", status, body)
				}
			}
			closed := func() bool { e.mu.Lock(); defer e.mu.Unlock(); return e.open == 0 }
			for until := time.Now().Add(time.Minute); !closed(); time.Sleep(time.Millisecond) {
				if time.Now().After(until) {
					t.Fatal("the query still runs")
				}
			}
		})
	}
}

func TestTooMany(t *testing.T) {
	e := &scripted{none: true}
	a, url := start(t, e)
	for range statementsMax {
		a.slots <- struct{}{}
	}
	if status, body, _ := post(t, url, "", "SELECT 1"); status != 429 || !strings.Contains(body, string(CodeTooMany)) {
		t.Errorf("%d %s", status, body)
	}
	// Who comes to end one of them finds a way in.
	for text, want := range map[string]int{"KILL 7": 200, "show processlist;\n": 200, "SHOW STREAMS; SELECT 1": 429, "SHOWS": 429} {
		if status, body, _ := post(t, url, "", text); status != want {
			t.Errorf("%s: %d %s", text, status, body)
		}
	}
	for range sparesMax {
		a.spares <- struct{}{}
	}
	if status, _, _ := post(t, url, "", "KILL 7"); status != 429 {
		t.Errorf("%d", status)
	}
	<-a.slots
	if status, _, _ := post(t, url, "", "SELECT 1"); status != 200 {
		t.Errorf("%d", status)
	}
}

func FuzzReadSQL(f *testing.F) {
	f.Add("application/json", []byte(`{"sql":"SELECT 1"}`))
	f.Add("text/plain; charset=utf-8", []byte("SELECT 1"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		req := httptest.NewRequest(http.MethodPost, "/v1/sql", strings.NewReader(string(body)))
		req.Header["Content-Type"] = []string{contentType}
		text, err := readSQL(httptest.NewRecorder(), req)
		if err == nil && (len(text) > sqlBytesMax || strings.TrimSpace(text) == "") {
			t.Errorf("took %.100q", text)
		}
		var e *diag.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%T", err)
		}
	})
}
