package httpapi

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
	"weir/sql/types"
)

// fakeLog remembers what it was given, and keys as the real one does.
type fakeLog struct {
	mu      sync.Mutex
	commits []wal.Request
	ended   []uint32
	keys    map[string]keyed
	err     error // of every call, if set
}

type keyed struct {
	hash   [32]byte
	info   uint64
	commit stream.Commit
}

func (l *fakeLog) Append(_ context.Context, r wal.Request) (wal.Ack, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return wal.Ack{}, l.err
	}
	if k, ok := l.keys[r.Key]; ok && r.Key != "" {
		if k.hash != r.KeyHash {
			return wal.Ack{}, wal.ErrKeyReused
		}
		return wal.Ack{Commit: k.commit, Repeated: true, KeyInfo: k.info}, nil
	}
	l.commits = append(l.commits, r)
	commit := stream.Commit(len(l.commits))
	if r.Key != "" {
		if l.keys == nil {
			l.keys = map[string]keyed{}
		}
		l.keys[r.Key] = keyed{r.KeyHash, r.KeyInfo, commit}
	}
	return wal.Ack{Commit: commit, KeyInfo: r.KeyInfo}, nil
}

func (l *fakeLog) Control(_ context.Context, c wal.Control) (stream.Commit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	l.ended = append(l.ended, c.Stream)
	return 77, nil
}

type fakeTarget map[string]Stream

func (f fakeTarget) Lookup(name string) (Stream, bool) { s, ok := f[name]; return s, ok }

func (f fakeTarget) Names() (names []string) {
	for n := range f {
		names = append(names, n)
	}
	return names
}

// bids is a stream with a text key.
func bids() Stream {
	return Stream{
		ID: 3, Name: "bids", PartitionKey: 0, Shards: ingest.NewRouter(ingest.NewShardMap(4)),
		Columns: []decode.Column{
			{Name: "item", Type: types.VarcharOf(8)},
			{Name: "price", Type: types.DoubleType},
			{Name: "ts", Type: types.DatetimeType(3)},
		},
	}
}

// quiet throws logs away.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open returns a handler with a stream `bids`.
func open(t testing.TB, log Log, change func(*Config)) *Handler {
	t.Helper()
	cfg := Config{Target: fakeTarget{"bids": bids()}, Log: log, Logger: quiet()}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// do sends one request; header is name, value, name, value, …
func do(h http.Handler, method, path string, body []byte, header ...string) *httptest.ResponseRecorder {
	return send(h, method, path, bytes.NewReader(body), header...)
}

func send(h http.Handler, method, path string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const records = "/v1/streams/bids/records"

// discard is a log that keeps nothing.
type discard struct{}

func (discard) Append(context.Context, wal.Request) (wal.Ack, error)        { return wal.Ack{Commit: 1}, nil }
func (discard) Control(context.Context, wal.Control) (stream.Commit, error) { return 1, nil }
