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
	// AWSLimits turns on the limits that AWS has per day and second, and a server does
	// not need.
	AWSLimits bool
}

const (
	// bodyMax is a request of 10 MiB of records, base64 and all.
	bodyMax            = 16 << 20
	defaultMaxInFlight = 256 << 20
	readTimeout        = time.Minute
	writeTimeout       = time.Minute
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

// Refuse answers a request of a client of Kinesis that somebody else does not let in,
// so that the client can say why; it tells whether it was one.
func Refuse(w http.ResponseWriter, r *http.Request, status int, why string) bool {
	return refuse(w, r, &Error{accessDenied, why, status})
}

// Astray answers a request of a client of Kinesis that went to another path than /, as
// it does with an endpoint that has one; it tells whether it was one.
func Astray(w http.ResponseWriter, r *http.Request) bool {
	return refuse(w, r, fail(unknownOperation, "Kinesis is at the path / of this server, not at %q: leave the path out of the endpoint", clip(r.URL.Path)))
}

func refuse(w http.ResponseWriter, r *http.Request, e *Error) bool {
	if !spoken(r) {
		return false
	}
	c := codecOf(r.Header.Get("Content-Type"))
	if c == nil {
		c = jsonCodec
	}
	body, err := c.encode(errorBody{e.Type, e.Message})
	if err != nil {
		return false // it is two strings
	}
	id := requestID()
	w.Header().Set("x-amzn-RequestId", id)
	w.Header().Set("x-amz-id-2", id)
	w.Header().Set("x-amzn-ErrorType", e.Type)
	w.Header().Set("Content-Type", c.contentType)
	w.WriteHeader(e.Status)
	_, _ = w.Write(body) // the client went away
	return true
}

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
	id := requestID()
	w.Header().Set("x-amzn-RequestId", id)
	w.Header().Set("x-amz-id-2", id)
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
	body, err := []byte(nil), error(nil)
	if _, nothing := v.(empty); !nothing {
		body, err = c.codec.encode(v)
	}
	if err != nil {
		c.h.cfg.Logger.Error("answer of kinesis", "operation", c.op, "error", err)
		status, body = http.StatusInternalServerError, nil
	}
	h := c.w.Header()
	h.Set("Content-Type", c.codec.contentType)
	h.Set("Content-Length", fmt.Sprint(len(body)))
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer can
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the client went away
}

// errorBody is an error on the wire.
type errorBody struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

func (c *call) answerError(err error) {
	e := c.errorOf(err)
	c.h.meters.answered(c.op, e.Type)
	c.w.Header().Set("x-amzn-ErrorType", e.Type)
	c.answer(e.Status, errorBody{e.Type, e.Message})
}

// errorOf returns what a client is told. What is not for clients goes to the log.
func (c *call) errorOf(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, ErrInUse):
		return fail(resourceInUse, "%s", err)
	case errors.Is(err, ErrGone):
		return fail(resourceNotFound, "%s", err)
	case errors.Is(err, ErrRefused):
		return fail(invalidArgument, "%s", err)
	case errors.Is(err, wal.ErrTooLarge):
		return fail(invalidArgument, "%s", err)
	case errors.Is(err, wal.ErrBusy), errors.Is(err, wal.ErrDiskReserve):
		return fail(throughputExceeded, "%s; try again", err)
	case errors.Is(err, wal.ErrClosed), errors.Is(err, context.Canceled):
		return fail(serviceUnavailable, "the server is stopping")
	}
	c.h.cfg.Logger.Error("kinesis", "operation", c.op, "error", err)
	if errors.Is(err, wal.ErrSealed) {
		return fail(kmsNotFound, "the server's encryption keys do not open a record that is to be read; its log says which key is missing")
	}
	return fail(internalFailure, "the operation failed on the server's side; its log says why")
}

func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// The scope of a request that names none.
const (
	defaultRegion  = "us-east-1"
	defaultAccount = "000000000000"
)

// scopeOf returns the region that a request was signed for, and the account: the
// access key where that is 12 digits, as other local servers have it.
func scopeOf(r *http.Request) (region, account string) {
	region, account = defaultRegion, defaultAccount
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, after, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(after, ",")
	}
	parts := strings.Split(credential, "/")
	if len(parts) < 5 {
		return region, account
	}
	if isAccount(parts[0]) {
		account = parts[0]
	}
	if len(parts[2]) > 0 && len(parts[2]) <= 32 && !strings.ContainsFunc(parts[2], notName) {
		region = parts[2]
	}
	return region, account
}

func isAccount(s string) bool {
	return len(s) == 12 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// notName tells whether a character cannot stand in the name of a stream.
func notName(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
		return false
	}
	return true
}

// clip cuts a text that a client sent to what a message can bear.
func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

func (c *call) now() stream.Time { return stream.FromGo(c.h.cfg.Now()) }
