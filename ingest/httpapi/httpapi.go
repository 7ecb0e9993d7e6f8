package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// Target finds streams by name.
type Target interface {
	// Lookup returns the stream of that name, if there is one that takes records.
	Lookup(name string) (Stream, bool)
	// Names returns the names that Lookup knows, for "did you mean".
	Names() []string
}

// Stream is a stream as far as its producers see it.
type Stream struct {
	ID      uint32 // its number in the log, never reused
	Name    string
	Columns []decode.Column
	// PartitionKey is the index of the column whose value chooses a row's shard.
	// -1, like a NULL, means that all such rows of a request go to one shard, and
	// those of the next request to the next shard.
	PartitionKey int
	// EventTime is the index of the column with the event time, where producers
	// send it. Rows without one are refused, and so are those that are further than
	// FutureTolerance ahead of the clock; 0 is no limit.
	HasEventTime    bool
	EventTime       int
	FutureTolerance time.Duration
	Generated       []int         // indexes of the columns that cannot be sent
	TimeUnit        time.Duration // of numbers in DATETIME columns; 0 is a millisecond
	Shards          *ingest.Router
	// NoRows says why the stream takes no rows, and Instead what to do; "": it takes them.
	NoRows, Instead string
	// Shows names the stream whose records it shows, and with which it ends; "": none.
	Shows string
}

// Log keeps records. *wal.Log is one.
type Log interface {
	// Append returns once the blocks are durable.
	Append(ctx context.Context, r wal.Request) (wal.Ack, error)
	// Control returns once the control commit is durable.
	Control(ctx context.Context, c wal.Control) (stream.Commit, error)
}

// The defaults of Config.
const (
	DefaultMaxBody     = 16 << 20
	DefaultMaxInFlight = 256 << 20
	DefaultReadTimeout = time.Minute
)

// Config says what a Handler serves, and its limits.
type Config struct {
	Target Target
	Log    Log
	Logger *slog.Logger // slog.Default() if nil

	MaxBody     int64         // largest body in bytes, DefaultMaxBody if 0
	MaxRow      int           // largest row in bytes, decode.DefaultMaxRow if 0
	MaxInFlight int64         // bytes of all bodies in memory at once, DefaultMaxInFlight if 0
	ReadTimeout time.Duration // how long a body may take to arrive, DefaultReadTimeout if 0
}

func (c Config) withDefaults() (Config, error) {
	if c.Target == nil || c.Log == nil {
		return c, errors.New("records over HTTP need a target and a log")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MaxRow == 0 {
		c.MaxRow = decode.DefaultMaxRow
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	if c.ReadTimeout == 0 {
		c.ReadTimeout = DefaultReadTimeout
	}
	if c.MaxBody < 0 || c.MaxBody > decode.MaxInput || c.MaxRow < 0 || c.ReadTimeout < 0 {
		return c, fmt.Errorf("limits of %d bytes a body, %d bytes a row and %s make no sense", c.MaxBody, c.MaxRow, c.ReadTimeout)
	}
	if c.MaxInFlight < c.MaxBody {
		return c, fmt.Errorf("a body may have %d bytes, and all bodies together only %d", c.MaxBody, c.MaxInFlight)
	}
	return c, nil
}

// Stats are counts since the Handler was made.
type Stats struct {
	Requests int64 // that named a stream
	Bytes    int64 // of bodies read
	Accepted int64 // rows, repeats not counted again
	Rejected int64 // rows
	Repeats  int64 // requests that were answered from an earlier commit
	Busy     int64 // requests that were told to come back
}

// Handler serves the routes. It is safe for any number of goroutines.
type Handler struct {
	cfg      Config
	mux      *http.ServeMux
	inFlight *budget
	workers  chan *worker
	turns    sync.Map // stream's number -> *atomic.Uint32; a stream that takes no record has no entry

	requests, bytes, accepted, rejected, repeats, busy atomic.Int64
}

// New returns a handler for everything below /v1/streams/.
func New(cfg Config) (*Handler, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Handler{
		cfg:      cfg,
		mux:      http.NewServeMux(),
		inFlight: newBudget(cfg.MaxInFlight),
		workers:  newWorkers(runtime.GOMAXPROCS(0)),
	}
	h.mux.Handle("/v1/streams/{name}/records", h.post(h.records))
	h.mux.Handle("/v1/streams/{name}/end", h.post(h.end))
	h.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeFailure(w, &failure{status: http.StatusNotFound, Code: "NOT_FOUND", Message: "there is nothing here",
			Hint: "POST to /v1/streams/{name}/records or /v1/streams/{name}/end; POST SHOW STREAMS to /v1/sql for the names"})
	})
	return h, nil
}

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Stats returns the counts so far.
func (h *Handler) Stats() Stats {
	return Stats{
		Requests: h.requests.Load(),
		Bytes:    h.bytes.Load(),
		Accepted: h.accepted.Load(),
		Rejected: h.rejected.Load(),
		Repeats:  h.repeats.Load(),
		Busy:     h.busy.Load(),
	}
}

// post finds the stream of a POST and has do serve it.
func (h *Handler) post(do func(http.ResponseWriter, *http.Request, Stream) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			writeFailure(w, &failure{status: http.StatusMethodNotAllowed, Code: "METHOD_NOT_ALLOWED",
				Message: "this takes POST, not " + r.Method,
				Hint:    fmt.Sprintf("to read it, POST SELECT * FROM %s to /v1/sql", r.PathValue("name"))})
			return
		}
		s, ok := h.cfg.Target.Lookup(r.PathValue("name"))
		if !ok {
			writeFailure(w, unknownStream(r.PathValue("name"), h.cfg.Target.Names()))
			return
		}
		h.requests.Add(1)
		if err := do(w, r, s); err != nil {
			h.fail(w, r, s, err)
		}
	})
}

// fail answers with what err says.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, s Stream, err error) {
	f := failureOf(err)
	switch f.status {
	case http.StatusTooManyRequests:
		h.busy.Add(1)
	case http.StatusServiceUnavailable:
		if r.Context().Err() == nil && !errors.Is(err, wal.ErrClosed) {
			h.cfg.Logger.Error("append records", "stream", s.Name, "error", err)
		}
	}
	writeFailure(w, f)
}

// end tells the log that no more records will come for the stream.
func (h *Handler) end(w http.ResponseWriter, r *http.Request, s Stream) error {
	if s.Shows != "" {
		return &failure{status: http.StatusConflict, Code: "NO_RECORDS",
			Message: fmt.Sprintf("the stream `%s` ends with `%s`, whose records it shows", s.Name, s.Shows),
			Hint:    fmt.Sprintf("POST /v1/streams/%s/end ends all that read it", s.Shows)}
	}
	commit, err := h.cfg.Log.Control(r.Context(), wal.Control{Kind: wal.End, Stream: s.ID})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct {
		Commit stream.Commit `json:"commit"`
	}{commit})
	return nil
}

// turn returns how many requests of the stream went before this one.
func (h *Handler) turn(id uint32) uint32 {
	n, ok := h.turns.Load(id)
	if !ok {
		n, _ = h.turns.LoadOrStore(id, new(atomic.Uint32))
	}
	return n.(*atomic.Uint32).Add(1) - 1
}
