package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"weir/ingest/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	good  = `{"item":"a","price":1.5,"ts":"2026-11-20 10:00:00"}`
	other = `{"item":"b","price":2,"ts":1763632800000}`
	wrong = `{"item":"c","price":true}`
)

// TestAnswers has a request for every status.
func TestAnswers(t *testing.T) {
	long := strings.Repeat("k", keyBytesMax)
	for _, c := range []struct {
		name         string
		method, path string
		body         string
		header       []string
		log          error
		status       int
		want         string // a part of the answer
	}{
		{"a row", "POST", records, good, nil, nil, 200, `{"accepted":1,"rejected":0,"commit":1,"errors":[]}`},
		{"lines", "POST", records, good + "\r\n\n" + other + "\n", nil, nil, 200, `{"accepted":2,"rejected":0,"commit":1,"errors":[]}`},
		{"an array", "POST", records, " \n[" + good + ",\n " + other + "]", nil, nil, 200, `{"accepted":2,"rejected":0,"commit":1,"errors":[]}`},
		{"one is bad", "POST", records, good + "\n" + wrong + "\n" + other, nil, nil, 200, `"rejected":1,"commit":1,"errors":[{"row":2,"code":"BAD_TYPE","column":"price","message":"`},
		{"unknown keys", "POST", records, `{"item":"a","new":1}`, nil, nil, 200, `"accepted":1`},
		{"all are bad", "POST", records, wrong + "\n{", nil, nil, 400, `{"accepted":0,"rejected":2,"commit":0,"errors":[{"row":1,"code":"BAD_TYPE"`},
		{"empty", "POST", records, "", nil, nil, 400, `{"accepted":0,"rejected":0,"commit":0,"errors":[],"error":{"code":"EMPTY_BODY"`},
		{"blank", "POST", records, " \r\n\t\n", nil, nil, 400, `EMPTY_BODY`},
		{"an empty array", "POST", records, "[]", nil, nil, 400, `EMPTY_BODY`},
		{"no stream", "POST", "/v1/streams/bid/records", good, nil, nil, 404, "{\"error\":{\"code\":\"UNKNOWN_STREAM\",\"message\":\"there is no stream `bid`\",\"hint\":\"did you mean `bids`?\"}}"},
		{"no stream that is near", "POST", "/v1/streams/weather/end", "", nil, nil, 404, `SHOW STREAMS`},
		{"another path", "POST", "/v1/streams/bids/drop", "", nil, nil, 404, `NOT_FOUND`},
		{"GET", "GET", records, "", nil, nil, 405, `METHOD_NOT_ALLOWED`},
		{"too large", "POST", records, strings.Repeat(good+"\n", 100), nil, nil, 413, `TOO_LARGE`},
		{"XML", "POST", records, "<a/>", []string{"Content-Type", "text/xml"}, nil, 415, `UNSUPPORTED_TYPE`},
		{"a type that is none", "POST", records, good, []string{"Content-Type", ";;"}, nil, 415, `application/x-ndjson`},
		{"gzip", "POST", records, good, []string{"Content-Encoding", "gzip"}, nil, 400, `BAD_ENCODING`},
		{"brotli", "POST", records, good, []string{"Content-Encoding", "br"}, nil, 415, `UNSUPPORTED_ENCODING`},
		{"compressed twice", "POST", records, good, []string{"Content-Encoding", "gzip, zstd"}, nil, 415, `UNSUPPORTED_ENCODING`},
		{"no zstd", "POST", records, good, []string{"Content-Encoding", "zstd"}, nil, 400, `BAD_ENCODING`},
		{"CSV", "POST", records, "price,item\n1,a\n2,b\n", []string{"Content-Type", "text/csv"}, nil, 200, `{"accepted":2,"rejected":0,"commit":1,"errors":[]}`},
		{"CSV of Excel", "POST", records, "\xef\xbb\xbfItem,\"price\"\r\n\"a, \"\"b\"\"\",1.5\r\n", []string{"Content-Type", "text/csv; charset=utf-8; header=present"}, nil, 200, `"accepted":1`},
		{"CSV with a bad row", "POST", records, "item,price\na,1\nb,x\nc,3,4\n", []string{"Content-Type", "text/csv"}, nil, 200, `"accepted":1,"rejected":2,"commit":1,"errors":[{"row":2,"code":"BAD_TYPE","column":"price"`},
		{"CSV without rows", "POST", records, "item,price\n", []string{"Content-Type", "text/csv"}, nil, 400, `EMPTY_BODY`},
		{"CSV without anything", "POST", records, "\n\n", []string{"Content-Type", "text/csv"}, nil, 400, `EMPTY_BODY`},
		{"CSV without a header", "POST", records, "a,1,2026-11-20 10:00:00\n", []string{"Content-Type", "text/csv"}, nil, 400, `item,price,ts`},
		{"CSV that says that it has no header", "POST", records, "a,1\n", []string{"Content-Type", "text/csv; header=absent"}, nil, 415, `without a header`},
		{"CSV with a broken header", "POST", records, "\"item\na,1\n", []string{"Content-Type", "text/csv"}, nil, 400, `BAD_HEADER`},
		{"CSV in Latin 1", "POST", records, "item\na\n", []string{"Content-Type", "text/csv; charset=iso-8859-1"}, nil, 415, `UTF-8`},
		{"a partition key", "POST", records + "?partition_key=a%20b", good, nil, nil, 200, `"accepted":1`},
		{"no partition key", "POST", records + "?partition_key=", good, nil, nil, 400, `BAD_PARAMETER`},
		{"two partition keys", "POST", records + "?partition_key=a&partition_key=b", good, nil, nil, 400, `BAD_PARAMETER`},
		{"a partition key too long", "POST", records + "?partition_key=" + long + "k", good, nil, nil, 400, `BAD_PARAMETER`},
		{"a parameter that is near", "POST", records + "?partitionkey=a", good, nil, nil, 400, "did you mean `partition_key`?"},
		{"a broken query", "POST", records + "?a=%zz", good, nil, nil, 400, `BAD_PARAMETER`},
		{"identity", "POST", records, good, []string{"Content-Encoding", "identity"}, nil, 200, `"accepted":1`},
		{"the longest key", "POST", records, good, []string{"Idempotency-Key", long}, nil, 200, `"accepted":1`},
		{"a key too long", "POST", records, good, []string{"Idempotency-Key", long + "k"}, nil, 400, `BAD_KEY`},
		{"busy", "POST", records, good, nil, fmt.Errorf("append: %w", wal.ErrBusy), 429, `BUSY`},
		{"disk full", "POST", records, good, nil, fmt.Errorf("append: %w", wal.ErrDiskReserve), 429, `DISK_FULL`},
		{"the log failed", "POST", records, good, nil, errors.New("sync: no space left on device"), 503, `LOG_FAILED`},
		{"too much for the log", "POST", records, good, nil, wal.ErrTooLarge, 413, `TOO_LARGE`},
		{"closing", "POST", records, good, nil, wal.ErrClosed, 503, `CLOSING`},
		{"cancelled", "POST", records, good, nil, context.Canceled, 503, `CANCELLED`},
		{"end", "POST", "/v1/streams/bids/end", "", nil, nil, 200, `{"commit":77}`},
		{"end, and the log failed", "POST", "/v1/streams/bids/end", "", nil, errors.New("sync: i/o error"), 503, `LOG_FAILED`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, &fakeLog{err: c.log}, func(cfg *Config) { cfg.MaxBody = 1000 })
			w := do(h, c.method, c.path, []byte(c.body), c.header...)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, c.status, c.want)
			}
			if !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("not JSON: %q, %q", w.Header().Get("Content-Type"), w.Body)
			}
			if busy := w.Header().Get("Retry-After") != ""; busy != (c.status == 429) {
				t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
			}
			if strings.Contains(w.Body.String(), "no space left") {
				t.Errorf("the answer tells of the inside: %s", w.Body)
			}
			if left := h.inFlight.left.Load(); left != DefaultMaxInFlight {
				t.Errorf("%d bytes of the budget were not given back", DefaultMaxInFlight-left)
			}
		})
	}
}

func TestContentTypes(t *testing.T) {
	for _, kind := range []string{"", "application/json", "application/json; charset=utf-8", "Application/JSON", "application/x-ndjson",
		"application/jsonl", "text/plain", "text/plain; charset=UTF-8", "application/x-www-form-urlencoded"} {
		if w := do(open(t, &fakeLog{}, nil), "POST", records, []byte(good), "Content-Type", kind); w.Code != 200 {
			t.Errorf("%q: %d %s", kind, w.Code, w.Body)
		}
	}
}

func TestErrorsAreListedUpToALimit(t *testing.T) {
	h := open(t, &fakeLog{}, nil)
	w := do(h, "POST", records, []byte(strings.Repeat(wrong+"\n", 2500)+good))
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if w.Code != 200 || a.Accepted != 1 || a.Rejected != 2500 || len(a.Errors) != errorsMax || a.Errors[99].Row != 100 {
		t.Errorf("%d: %d accepted, %d rejected, %d listed", w.Code, a.Accepted, a.Rejected, len(a.Errors))
	}
	want := Stats{Requests: 1, Bytes: int64(2500*(len(wrong)+1) + len(good)), Accepted: 1, Rejected: 2500}
	if d := cmp.Diff(want, h.Stats()); d != "" {
		t.Error(d)
	}
}

func TestIdempotencyKey(t *testing.T) {
	log := &fakeLog{}
	target := fakeTarget{"bids": bids()}
	h := open(t, log, func(c *Config) { c.Target = target })
	body := []byte(good + "\n" + wrong)
	first := do(h, "POST", records, body, "Idempotency-Key", "k1")
	do(h, "POST", records, []byte(other))
	repeat := do(h, "POST", records, body, "Idempotency-Key", "k1")
	if first.Code != 200 || repeat.Code != 200 || first.Body.String() != repeat.Body.String() {
		t.Errorf("first %d %s, repeat %d %s", first.Code, first.Body, repeat.Code, repeat.Body)
	}
	if len(log.commits) != 2 {
		t.Errorf("%d commits", len(log.commits))
	}
	if w := do(h, "POST", records, []byte(other), "Idempotency-Key", "k1"); w.Code != 422 || !strings.Contains(w.Body.String(), "KEY_REUSED") {
		t.Errorf("another body: %d %s", w.Code, w.Body)
	}
	// The key belongs to one stream: another may use it too.
	asks := bids()
	asks.ID, asks.Name = 4, "asks"
	target["asks"] = asks
	if w := do(h, "POST", "/v1/streams/asks/records", []byte(other), "Idempotency-Key", "k1"); w.Code != 200 || !strings.Contains(w.Body.String(), `"commit":3`) {
		t.Errorf("another stream: %d %s", w.Code, w.Body)
	}
	// A repeat answers with the counts of its time, even if a row would be good now.
	s := target["bids"]
	s.Columns = s.Columns[:1]
	target["bids"] = s
	if w := do(h, "POST", records, body, "Idempotency-Key", "k1"); !strings.Contains(w.Body.String(), `"accepted":1,"rejected":1,"commit":1`) {
		t.Errorf("after a change of the stream: %s", w.Body)
	}
	if got := h.Stats(); got.Repeats != 2 || got.Accepted != 3 {
		t.Errorf("%+v", got)
	}
}

// TestBodiesInMemoryHaveALimit holds bodies open until there is no room.
func TestBodiesInMemoryHaveALimit(t *testing.T) {
	h := open(t, &fakeLog{}, func(c *Config) { c.MaxBody, c.MaxInFlight = firstRead, 2*firstRead+10 })
	done := make(chan int)
	var ends []*io.PipeWriter
	for range 2 {
		r, w := io.Pipe()
		ends = append(ends, w)
		go func() { done <- send(h, "POST", records, r).Code }()
		// The write returns when the handler has read it, so it has its memory.
		if _, err := w.Write([]byte(good)); err != nil {
			t.Fatal(err)
		}
	}
	w := do(h, "POST", records, []byte(good))
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("a third body: %d %s", w.Code, w.Body)
	}
	for _, end := range ends {
		end.Close()
		if code := <-done; code != 200 {
			t.Errorf("a body that was let in: %d", code)
		}
	}
	if w := do(h, "POST", records, []byte(good)); w.Code != 200 {
		t.Errorf("after them: %d %s", w.Code, w.Body)
	}
	if got := h.Stats(); got.Busy != 1 {
		t.Errorf("%+v", got)
	}
}

// TestLargeBodies sends bodies around the sizes at which memory grows, with and
// without a length in the header.
func TestLargeBodies(t *testing.T) {
	const limit = 5 * firstRead
	h := open(t, &fakeLog{}, func(c *Config) { c.MaxBody, c.MaxInFlight = limit, limit+1 })
	for _, size := range []int{firstRead - 1, firstRead, firstRead + 1, 4 * firstRead, 4*firstRead + 1, limit - 1, limit, limit + 1} {
		body := good + strings.Repeat(" ", size-len(good))
		for _, r := range []io.Reader{strings.NewReader(body), io.MultiReader(strings.NewReader(body))} {
			want := 200
			if size > limit {
				want = 413
			}
			if w := send(h, "POST", records, r); w.Code != want {
				t.Errorf("%d bytes in a %T: %d %s", size, r, w.Code, w.Body)
			}
		}
	}
	if left := h.inFlight.left.Load(); left != limit+1 {
		t.Errorf("%d bytes left of %d", left, limit+1)
	}
}

func TestABodyThatIsCutShort(t *testing.T) {
	log := &fakeLog{}
	h := open(t, log, nil)
	w := send(h, "POST", records, io.MultiReader(strings.NewReader(good+"\n"), broken{}))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "CUT_SHORT") || len(log.commits) != 0 {
		t.Errorf("%d %s, %d commits", w.Code, w.Body, len(log.commits))
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRowTooLarge(t *testing.T) {
	h := open(t, &fakeLog{}, func(c *Config) { c.MaxRow = 100 })
	w := do(h, "POST", records, []byte(good+"\n"+`{"note":"`+strings.Repeat("x", 100)+`"}`+"\n"+other))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"accepted":2,"rejected":1,"commit":1,"errors":[{"row":2,"code":"ROW_TOO_LARGE"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{
		{},
		{Log: &fakeLog{}},
		{Target: fakeTarget{}},
		{Target: fakeTarget{}, Log: &fakeLog{}, MaxBody: 10, MaxInFlight: 5},
		{Target: fakeTarget{}, Log: &fakeLog{}, MaxBody: -1},
		{Target: fakeTarget{}, Log: &fakeLog{}, MaxRow: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v must be refused", c)
		}
	}
}
