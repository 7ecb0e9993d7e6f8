package kinesis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/ingest"
	"weir/ingest/decode"
	"weir/ingest/wal"
	"weir/operators/stream"
)

// Streams is the catalog as this door sees it. Its errors are *Error, or wrap ErrInUse,
// ErrGone or ErrRefused, or are failures of ours.
type Streams interface {
	// Stream returns a stream of the log.
	Stream(name string) (Stream, bool)
	// Instead says, in a sentence, what a name is that is no stream of the log; "" if
	// it is nothing.
	Instead(name string) string
	// ByID returns the stream with a number.
	ByID(id uint32) (Stream, bool)
	// Names returns the names of all streams of the log, sorted.
	Names() []string
	// Create makes a stream of so many shards.
	Create(ctx context.Context, name string, shards int, s Settings) error
	// Delete removes a stream.
	Delete(ctx context.Context, name string) error
	// Amend changes the settings of a stream; what change returns as an error is
	// returned as it is, and nothing changed.
	Amend(ctx context.Context, id uint32, change func(*Settings) error) error
	// Retain changes how long a stream keeps its records to what change returns; an
	// error of change is returned as it is, and nothing changed.
	Retain(ctx context.Context, id uint32, change func(now Stream) (time.Duration, error)) error
	// Account returns the settings of the account, not to be changed, and AmendAccount
	// changes them as Amend does.
	Account() *Account
	AmendAccount(ctx context.Context, change func(*Account) error) error
	// Reshard splits or merges shards as plan says; done is false if plan had nothing to do.
	Reshard(ctx context.Context, id uint32, plan ingest.Plan) (done bool, err error)
}

// Stream is a stream as it is at a moment.
type Stream struct {
	ID        uint32 // its number in the log, never reused
	Name      string
	Created   stream.Time
	Retention time.Duration // 0: for ever
	Since     stream.Time   // what arrived before is gone, whatever Retention says
	Shards    *ingest.Router
	Settings  *Settings // not to be changed

	// What rows that came by another door are read with: the columns, and which of
	// them is the partition key, -1 for none.
	Columns      []decode.Column
	PartitionKey int
	TimeUnit     time.Duration
}

// Log is where records are. *wal.Log is one.
type Log interface {
	Append(ctx context.Context, r wal.Request) (wal.Ack, error)
	NewReader(after stream.Commit) (*wal.Reader, error)
	Newest() (stream.Commit, stream.Time)
	CommitAt(t stream.Time) stream.Commit
	ArrivalOf(commit stream.Commit) (stream.Time, error)
	Horizon(id uint32) wal.Horizon
	NextSeq(id uint32, shard stream.Shard) stream.Seq
	Grown(after stream.Commit) (<-chan struct{}, error)
}

// Config says what a Handler serves.
type Config struct {
	Streams Streams
	Log     Log
	Logger  *slog.Logger // slog.Default() if nil
	// Keys are those of clients. Where there are none, Open lets everybody in.
	Keys Keys
	Open bool
	// Secret signs iterators and tokens. It outlives the process, or they do not.
	Secret []byte
	// Now is the wall clock; time.Now if nil.
	Now func() time.Time
	// MaxInFlight bounds the bytes of all bodies in memory, and by itself those of the
	// records in answers: who does not take an answer keeps nobody from writing. 256 MiB if 0.
	MaxInFlight int64
	// StreamsMax is how many streams there can be, which DescribeLimits tells.
	StreamsMax int
	// AWSLimits turns on the limits that AWS has per day and second, and a server does
	// not need.
	AWSLimits bool
}

const (
	// bodyMax is a request of 10 MiB of records, base64 and all.
	bodyMax            = 16 << 20
	defaultMaxInFlight = 256 << 20
	readTimeout        = time.Minute
)

// Handler serves the operations. It is safe for any number of goroutines.
type Handler struct {
	cfg           Config
	operations    map[string]operation
	bodies        budget
	answers       budget
	ctx           context.Context // of answers that go on; it ends with Close
	close         context.CancelFunc
	subscriptions subscriptions
	meters        meters
	turn          atomic.Uint32 // of records that go to any shard
	saidOpen      sync.Once     // that everybody is let in
	work          chan struct{} // tells Run of a stream that is UPDATING
}

// New returns a handler for POST /.
func New(cfg Config) (*Handler, error) {
	if cfg.Streams == nil || cfg.Log == nil || len(cfg.Secret) < 16 {
		return nil, errors.New("kinesis needs streams, a log and a secret")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = defaultMaxInFlight
	}
	h := &Handler{cfg: cfg, operations: operations(), work: make(chan struct{}, 1)}
	h.bodies.most, h.answers.most = cfg.MaxInFlight, cfg.MaxInFlight
	h.ctx, h.close = context.WithCancel(context.Background())
	return h, nil
}

// Close ends the answers that go on.
func (h *Handler) Close() { h.close() }

// call is one request under way.
type call struct {
	h       *Handler
	ctx     context.Context
	w       http.ResponseWriter
	codec   *codec
	op      string
	body    []byte
	in, out share // of bodies, and of answers
	region  string
	account string
}

// targetPrefix stands before the name of each operation.
const targetPrefix = "Kinesis_20131202."

// Is tells whether a request is for a Handler.
func Is(r *http.Request) bool { return r.URL.Path == "/" && spoken(r) }

// spoken tells whether a request is one of a client of Kinesis, wherever it is sent.
func spoken(r *http.Request) bool { return r.Method == http.MethodPost && target(r) != "" }

// target returns what a request is for. Who signs in the query may say it there, too.
func target(r *http.Request) string {
	if header := r.Header.Get("X-Amz-Target"); header != "" {
		return header
	}
	if !strings.Contains(r.URL.RawQuery, "X-Amz-Target") {
		return ""
	}
	return r.URL.Query().Get("X-Amz-Target")
}

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	identify(w)
	c := &call{h: h, ctx: r.Context(), w: w, codec: codecOf(r.Header.Get("Content-Type")), in: share{of: &h.bodies}, out: share{of: &h.answers}}
	if c.codec == nil {
		c.codec = jsonCodec
		c.answerError(fail(serialization, "the Content-Type %q is none of %s and %s", clip(r.Header.Get("Content-Type")), jsonCodec.contentType, cborCodec.contentType))
		return
	}
	var ok bool
	if c.op, ok = strings.CutPrefix(target(r), targetPrefix); !ok || c.h.operations[c.op] == nil {
		c.op = "unknown"
		c.answerError(fail(unknownOperation, "there is no operation %q of Kinesis Data Streams", clip(target(r))))
		return
	}
	c.region, c.account = scopeOf(r)
	// Who is nobody takes no memory.
	admit, err := h.admission(r)
	if err != nil {
		c.skipBody(r)
		c.answerError(err)
		return
	}
	defer c.out.free()
	defer c.in.free()
	if c.body, err = c.readBody(r); err == nil {
		err = admit(c.body)
	}
	if err != nil {
		c.answerError(err)
		return
	}
	out, err := c.run()
	switch {
	case err != nil:
		c.answerError(err)
	case out != nil:
		c.answer(http.StatusOK, out)
		fallthrough
	default:
		h.meters.answered(c.op, "")
	}
}

// run carries the operation out. A panic is a failure of ours, and not the end of
// the process.
func (c *call) run() (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.h.operations[c.op](c)
}

// empty is the answer of operations that have nothing to say.
type empty struct{}

func (c *call) answer(status int, v any) {
	if err := c.codec.answer(c.w, status, v); err != nil {
		c.h.cfg.Logger.Error("answer of kinesis", "operation", c.op, "error", err)
		c.w.WriteHeader(http.StatusInternalServerError)
	}
}

// answer writes an answer. After an error, which is of v, nothing is written.
func (c *codec) answer(w http.ResponseWriter, status int, v any) error {
	var body []byte
	if _, nothing := v.(empty); !nothing {
		var err error
		if body, err = c.encode(v); err != nil {
			return err
		}
	}
	h := w.Header()
	h.Set("Content-Type", c.contentType)
	h.Set("Content-Length", itoa(len(body)))
	w.WriteHeader(status)
	_ = write(w, body) // the client went away
	return nil
}

// identify gives an answer a number: a random UUID, which clients log.
func identify(w http.ResponseWriter) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	id := fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	w.Header().Set("x-amzn-RequestId", id)
	w.Header().Set("x-amz-id-2", id)
}

func (c *call) now() stream.Time { return stream.FromGo(c.h.cfg.Now()) }
