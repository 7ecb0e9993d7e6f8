package hub

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// limits bounds everything that a client can fill or hold.
type limits struct {
	connections   int           // open at once
	strangers     int           // of them, those that still have to say hello
	helloWithin   time.Duration // the first message of those
	subscriptions int           // of one connection
	readBytes     int64         // of a message from a client
	outMessages   int           // waiting for a connection's writer
	outBytes      int           // waiting for a connection's writer
	socketBytes   int           // waiting in the kernel for a client to take them
	frameRows     int           // in one message
	frameBytes    int           // in one message, about
	pendingBytes  int           // of changes waiting for the next frame of a class, about
	tableBytes    int           // of the content that a run keeps, about
	tailRows      int           // of the content of a tail
	ringBytes     int           // of the newest changes that a run keeps, about
	grace         time.Duration // for which changes are kept, and a run without members
	lingering     int           // runs without members
	patience      time.Duration // without progress before a client is slow
	writeTimeout  time.Duration // for one message
	readTimeout   time.Duration // without a sign of life
	pingEvery     time.Duration
	farewell      time.Duration // for the closing handshake
	subBurst      int           // subs that may come at once,
	subsPerSecond float64       // and how fast they may go on
}

func defaultLimits() limits {
	return limits{
		connections: 1000, strangers: 100, helloWithin: 5 * time.Second, subscriptions: 32, readBytes: 64 << 10,
		outMessages: 256, outBytes: 1 << 20, socketBytes: 256 << 10,
		frameRows: 2000, frameBytes: 256 << 10, pendingBytes: 8 << 20,
		tableBytes: 64 << 20, tailRows: 1000, ringBytes: 4 << 20, grace: time.Minute, lingering: 64,
		patience:     3 * time.Second,
		writeTimeout: 5 * time.Second, readTimeout: time.Minute, pingEvery: 25 * time.Second,
		farewell: time.Second, subBurst: 64, subsPerSecond: 20,
	}
}

// Config is what a Hub needs.
type Config struct {
	Source Source
	Logger *slog.Logger // nil: nothing is logged
	// Hello returns nil for a handshake whose sender may do everything, and else
	// what checks the token of the first message, which then has to be a hello.
	// nil: nobody needs a token.
	Hello func(r *http.Request) func(token string) error
}

// Hub serves websockets. It is an http.Handler; whoever mounts it has checked
// the request's Host.
type Hub struct {
	source   Source
	log      *slog.Logger
	hello    func(r *http.Request) func(token string) error
	limits   limits
	upgrader websocket.Upgrader
	counters counters

	base   context.Context
	stop   context.CancelFunc
	mu     sync.Mutex     // orders Close and the start of connections
	conns  sync.WaitGroup // and runs
	lastID atomic.Uint64

	runsMu      sync.Mutex
	runs        map[string][]*run // by the plan's ID
	lingering   atomic.Int64      // of them, those without members
	lastChannel atomic.Uint64
}

// New returns a hub over cfg.Source.
func New(cfg Config) (*Hub, error) {
	if cfg.Source == nil {
		return nil, errors.New("hub: no source")
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	base, stop := context.WithCancel(context.Background())
	return &Hub{
		source: cfg.Source, log: log, hello: cfg.Hello, limits: defaultLimits(), base: base, stop: stop,
		runs: make(map[string][]*run),
		// CheckOrigin stays the library's own: Origin is absent or names the Host.
		// Compression stays off: its cost is per client, and the read limit would
		// count compressed bytes.
		upgrader: websocket.Upgrader{
			Subprotocols: []string{Subprotocol}, HandshakeTimeout: 5 * time.Second,
			ReadBufferSize: 4 << 10, WriteBufferSize: 16 << 10,
			Error: func(w http.ResponseWriter, _ *http.Request, status int, why error) {
				refuse(w, status, why.Error())
			},
		},
	}, nil
}

// ServeHTTP takes a websocket and serves it until it ends.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	offered := websocket.Subprotocols(r)
	if len(offered) > 0 && !contains(offered, Subprotocol) {
		refuse(w, http.StatusBadRequest, "the subprotocol is "+Subprotocol)
		return
	}
	if !h.enter() {
		refuse(w, http.StatusServiceUnavailable, "the server is stopping")
		return
	}
	defer h.conns.Done()
	var check func(string) error
	if h.hello != nil {
		check = h.hello(r)
	}
	if check != nil && !h.admitStranger() {
		refuse(w, http.StatusServiceUnavailable, "too many connections that have not said hello")
		return
	}
	ws, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		if check != nil {
			h.counters.strangers.Add(-1)
		}
		return // the upgrader has answered
	}
	open := h.counters.open.Add(1)
	defer h.counters.open.Add(-1)
	h.counters.connections.Add(1)
	c := newConn(h, ws)
	if open > int64(h.limits.connections) {
		h.counters.refused.Add(1)
		c.fail(CloseTooMany, "too many connections")
	}
	c.check = check
	c.serve()
}

// enter counts a connection in, unless the hub is closed.
func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.base.Err() != nil {
		return false
	}
	h.conns.Add(1)
	return true
}

// Close ends all connections with "going away" and waits for their goroutines,
// or for ctx.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	h.stop()
	h.mu.Unlock()
	done := make(chan struct{})
	go func() {
		h.conns.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refuse answers a handshake that cannot become a websocket.
func refuse(w http.ResponseWriter, status int, why string) {
	msg := append([]byte(`{"error":{"code":"NO_WEBSOCKET","message":`), appendString(nil, why)...)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(msg, "}}\n"...))
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// counters is Stats while it counts.
type counters struct {
	open, subscriptions, strangers     atomic.Int64
	connections, refused, slow, bad    atomic.Int64
	messages, bytes, rows, droppedRows atomic.Int64
	runs                               atomic.Int64
	encoded, conflated, resumed        atomic.Int64
	resets                             atomic.Int64
}

// Stats counts what a hub does and did.
type Stats struct {
	Open          int64 // connections now
	Strangers     int64 // of them, those that have not said hello yet
	Subscriptions int64 // subscriptions now
	Connections   int64 // connections ever
	Refused       int64 // connections closed because there were too many
	Slow          int64 // connections closed because the client was slow
	BadMessages   int64 // connections closed because of what the client sent
	Messages      int64 // messages written
	Bytes         int64 // their payload
	Rows          int64 // rows in them
	DroppedRows   int64 // rows that frames say they left out
	Runs          int64 // queries running for subscribers now
	Encoded       int64 // messages made; each goes to all subscribers of a rate
	ConflatedRows int64 // changes that others took back or replaced before a frame left
	Resumed       int64 // subscriptions that went on behind their token
	Resets        int64 // subscriptions told that they begin anew
}

// Stats returns the counters.
func (h *Hub) Stats() Stats {
	c := &h.counters
	return Stats{
		Open: c.open.Load(), Strangers: c.strangers.Load(), Subscriptions: c.subscriptions.Load(),
		Connections: c.connections.Load(), Refused: c.refused.Load(),
		Slow: c.slow.Load(), BadMessages: c.bad.Load(),
		Messages: c.messages.Load(), Bytes: c.bytes.Load(),
		Rows: c.rows.Load(), DroppedRows: c.droppedRows.Load(),
		Runs: c.runs.Load(), Encoded: c.encoded.Load(), ConflatedRows: c.conflated.Load(),
		Resumed: c.resumed.Load(), Resets: c.resets.Load(),
	}
}
