package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/gorilla/websocket"

	"weir/operators/stream"
	"weir/sql/diag"
	"weir/sql/types"
)

// row is a row of the fake's relation: a time, a text, an integer.
type row struct {
	ts int64 // µs
	k  string
	n  int64
}

var fakeSchema = stream.Schema{
	{Name: "window_start", Type: types.DatetimeType(3)},
	{Name: "item", Type: types.VarcharType},
	{Name: "n", Type: types.BigintType},
}

// batchOf builds a batch; ops may be nil.
func batchOf(mem memory.Allocator, rows []row, ops []stream.Op) stream.Batch {
	b := array.NewRecordBuilder(mem, fakeSchema.Arrow())
	defer b.Release()
	for _, r := range rows {
		b.Field(0).(*array.TimestampBuilder).AppendValues(toTimestamps(r.ts), nil)
		b.Field(1).(*array.StringBuilder).Append(r.k)
		b.Field(2).(*array.Int64Builder).Append(r.n)
	}
	return stream.Batch{RecordBatch: b.NewRecordBatch(), Ops: ops}
}

// fakeSub is a plan and its run, fed by the test through updates.
type fakeSub struct {
	id      string
	whole   bool
	key     []int
	append  bool
	gate    chan struct{} // Open waits for it; nil: it does not
	updates chan Update
	ended   chan struct{} // closed by Close
	once    sync.Once
}

func newFakeSub(key []int, appendOnly bool) *fakeSub {
	return &fakeSub{key: key, append: appendOnly, updates: make(chan Update, 64), ended: make(chan struct{})}
}

func (s *fakeSub) ID() string            { return s.id }
func (s *fakeSub) Whole() bool           { return s.whole }
func (s *fakeSub) Start() uint64         { return 1 }
func (s *fakeSub) Floor() uint64         { return 0 }
func (s *fakeSub) Schema() stream.Schema { return fakeSchema }

func (s *fakeSub) Open(_ context.Context, at Place) (Subscription, error) {
	if s.gate != nil {
		<-s.gate
	}
	if at.Start > 1 {
		return nil, fmt.Errorf("%w: it is long ago", ErrGone)
	}
	return s, nil
}

func (s *fakeSub) Key() []int       { return s.key }
func (s *fakeSub) AppendOnly() bool { return s.append }
func (s *fakeSub) TimeColumn() int  { return 0 }

func (s *fakeSub) Next(ctx context.Context) (Update, error) {
	select {
	case u, ok := <-s.updates:
		if !ok {
			return Update{}, io.EOF
		}
		return u, nil
	case <-ctx.Done():
		return Update{}, ctx.Err()
	case <-s.ended:
		return Update{}, errors.New("closed")
	}
}

func (s *fakeSub) Close() error {
	s.once.Do(func() { close(s.ended) })
	return nil
}

// send hands over an update, unless nobody will ever take it.
func (s *fakeSub) send(u Update) {
	select {
	case s.updates <- u:
	case <-s.ended:
		u.Release()
	}
}

// drain releases what nobody took; for tests that count memory.
func (s *fakeSub) drain() {
	for {
		select {
		case u, ok := <-s.updates:
			if !ok {
				return
			}
			u.Release()
		default:
			return
		}
	}
}

// fakeSource hands out subscriptions by the statement's text.
type fakeSource struct {
	mu   sync.Mutex
	subs map[string]*fakeSub
	reqs []Request
}

func (s *fakeSource) Prepare(_ context.Context, req Request) (Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reqs = append(s.reqs, req)
	if at := strings.Index(req.SQL, "devce"); at >= 0 {
		return nil, diag.New(diag.UnknownColumn, diag.Span{Start: at, End: at + 5}, "unknown column `devce`").
			WithLabel("here").WithHint("did you mean `device`?")
	}
	if req.SQL == "panic" {
		panic("boom")
	}
	sub, ok := s.subs[req.SQL]
	if !ok {
		return nil, fmt.Errorf("no fake for %q", req.SQL)
	}
	return sub, nil
}

// serve runs a hub over subs; change may tighten its limits.
func serve(t *testing.T, subs map[string]*fakeSub, change func(*limits)) (*Hub, string) {
	t.Helper()
	h, err := New(Config{Source: &fakeSource{subs: subs}})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&h.limits)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		srv.Close()
	})
	return h, "ws" + strings.TrimPrefix(srv.URL, "http")
}

// client is a websocket client that reads messages as generic JSON.
type client struct {
	t  *testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, url string) *client {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{Subprotocol}, HandshakeTimeout: time.Minute}
	ws, resp, err := d.Dial(url, nil)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	resp.Body.Close()
	if ws.Subprotocol() != Subprotocol {
		t.Errorf("subprotocol %q", ws.Subprotocol())
	}
	t.Cleanup(func() { ws.Close() })
	return &client{t, ws}
}

func (c *client) say(v any) {
	c.t.Helper()
	if err := c.ws.WriteJSON(v); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

func (c *client) sub(id, sql string) { c.say(map[string]string{"t": "sub", "id": id, "sql": sql}) }

// seen is any message of the server.
type seen struct {
	Ch                                         uint64
	Resumed                                    bool
	Reason                                     string
	T, ID, Code, Message, Hint, Label, Op, Tok string
	N                                          int
	Cols                                       []json.RawMessage
	Key                                        []string
	Append, More                               bool
	Time                                       *string
	WM                                         *float64
	Span                                       []int
	Dropped                                    int64
}

func (c *client) read() (seen, error) {
	_ = c.ws.SetReadDeadline(time.Now().Add(time.Minute))
	_, data, err := c.ws.ReadMessage()
	if err != nil {
		return seen{}, err
	}
	var m seen
	if err := json.Unmarshal(data, &m); err != nil {
		return seen{}, fmt.Errorf("%w in %s", err, data)
	}
	return m, nil
}

// want reads one message of a type.
func (c *client) want(typ string) seen {
	c.t.Helper()
	m, err := c.read()
	if err != nil {
		c.t.Fatalf("wanted %s: %v", typ, err)
	}
	if m.T != typ {
		c.t.Fatalf("wanted %s, got %+v", typ, m)
	}
	return m
}

// wantClose reads until the connection is closed, and checks the code.
func (c *client) wantClose(code int) {
	c.t.Helper()
	for {
		_, err := c.read()
		var ce *websocket.CloseError
		switch {
		case errors.As(err, &ce):
			if ce.Code != code {
				c.t.Errorf("closed with %d %q, want %d", ce.Code, ce.Text, code)
			}
			return
		case err != nil:
			c.t.Fatalf("wanted close %d, got %v", code, err)
		}
	}
}
