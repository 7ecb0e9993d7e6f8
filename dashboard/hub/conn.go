package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"weir/sql/diag"
)

// conn is one websocket. Its reader runs on the handler's goroutine, its writer
// on another; serve returns when both have ended.
type conn struct {
	hub    *Hub
	ws     *websocket.Conn
	log    *slog.Logger
	out    *outbox
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu       sync.Mutex
	members  map[*member]struct{} // at most limits.subscriptions
	ids      map[string]*member   // by the client's id
	channels map[string]bool      // the classes that the members are in
	code     int                  // what to close with; 0: nothing went wrong
	reason   string

	readerDone chan struct{}
	subs       bucket
	// check looks at the token of a hello that still has to come; nil once it did,
	// or need not. The reader's alone.
	check func(token string) error
}

func newConn(h *Hub, ws *websocket.Conn) *conn {
	ctx, cancel := context.WithCancel(h.base)
	return &conn{
		hub: h, ws: ws, ctx: ctx, cancel: cancel,
		log:        h.log.With("conn", h.lastID.Add(1)),
		out:        newOutbox(h.limits.outMessages, h.limits.outBytes),
		members:    make(map[*member]struct{}),
		ids:        make(map[string]*member),
		channels:   make(map[string]bool),
		readerDone: make(chan struct{}),
		subs:       bucket{burst: float64(h.limits.subBurst), perSecond: h.limits.subsPerSecond, tokens: float64(h.limits.subBurst)},
	}
}

// serve runs the connection to its end.
func (c *conn) serve() {
	c.bound()
	c.tasks.Go(c.write)
	c.read()
	c.cancel()
	close(c.readerDone)
	c.tasks.Wait()
	c.mu.Lock()
	left := slices.Collect(maps.Keys(c.members))
	c.mu.Unlock()
	for _, m := range left {
		m.leave()
	}
}

// bound limits what the kernel holds for the client. It would take megabytes,
// which nobody can fold or take back any more: a client that is a little slow
// would see old news, and one that has stopped would be noticed much later.
func (c *conn) bound() {
	if s, ok := c.ws.NetConn().(interface{ SetWriteBuffer(bytes int) error }); ok {
		// Where it cannot be set the kernel's own limit holds.
		_ = s.SetWriteBuffer(c.hub.limits.socketBytes)
	}
}

// fail closes the connection with a code. The first one wins.
func (c *conn) fail(code int, reason string) {
	c.mu.Lock()
	if c.code != 0 || c.ctx.Err() != nil {
		c.mu.Unlock()
		return
	}
	c.code, c.reason = code, reason
	c.mu.Unlock()
	switch code {
	case CloseSlow:
		c.hub.counters.slow.Add(1)
	case CloseBadMessage:
		c.hub.counters.bad.Add(1)
	}
	c.log.Debug("websocket closes", "code", code, "reason", reason)
	c.out.close()
	c.cancel()
}

// read takes messages until the connection ends.
func (c *conn) read() {
	c.ws.SetReadLimit(c.hub.limits.readBytes)
	if !c.greet() {
		return
	}
	c.alive()
	c.ws.SetPongHandler(func(string) error { c.alive(); return nil })
	for {
		kind, data, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		c.alive()
		if c.ctx.Err() != nil {
			continue // closing: only the peer's close frame is waited for
		}
		if kind != websocket.TextMessage {
			c.fail(CloseBadMessage, "messages are text")
			continue
		}
		req, err := parseRequest(data)
		if err != nil {
			c.fail(CloseBadMessage, err.Error())
			continue
		}
		c.handle(req)
	}
}

// alive says that the peer has shown a sign of life.
func (c *conn) alive() {
	// An error shows in the next read.
	_ = c.ws.SetReadDeadline(time.Now().Add(c.hub.limits.readTimeout))
}

func (c *conn) handle(req request) {
	switch req.T {
	case "hello": // said already, or not needed: whoever sends one may always do so
	case "ping":
		c.out.offer(pongMessage()) // who has no room has seen other signs of life
	case "unsub":
		c.mu.Lock()
		m := c.ids[req.ID]
		c.mu.Unlock()
		if m != nil {
			m.leave()
		}
	case "sub":
		if !c.subs.take(time.Now()) {
			c.fail(CloseTooMany, "too many subscriptions a second")
			return
		}
		c.subscribe(req)
	}
}

// subscribe starts a subscription.
func (c *conn) subscribe(req request) {
	c.mu.Lock()
	_, taken := c.ids[req.ID]
	full := len(c.members) >= c.hub.limits.subscriptions
	m := newMember(c, req)
	if !taken && !full {
		c.members[m], c.ids[req.ID] = struct{}{}, m
	}
	c.mu.Unlock()
	switch {
	case taken:
		c.fail(CloseBadMessage, fmt.Sprintf("the id %.20q is in use", req.ID))
	case full:
		c.out.put(errorMessage(req.ID, diag.New(CodeTooManySubscriptions, diag.Span{},
			"a connection holds at most %d subscriptions", c.hub.limits.subscriptions).
			WithHint("close one, or open another connection")))
	default:
		c.hub.counters.subscriptions.Add(1)
		c.tasks.Go(m.begin)
	}
}

// write sends what is queued, pings, and says goodbye.
func (c *conn) write() {
	defer c.ws.Close()
	ping := time.NewTicker(c.hub.limits.pingEvery)
	defer ping.Stop()
	for c.ctx.Err() == nil {
		if msg := c.out.take(); msg != nil {
			if !c.writeMessage(msg) {
				c.cancel()
				return
			}
			select {
			case <-ping.C:
				c.ping()
			default:
			}
			continue
		}
		select {
		case <-c.out.filled:
		case <-ping.C:
			c.ping()
		case <-c.ctx.Done():
		}
	}
	c.goodbye()
}

// writeMessage writes one message; false: the connection is beyond use.
func (c *conn) writeMessage(msg *message) bool {
	_ = c.ws.SetWriteDeadline(time.Now().Add(c.hub.limits.writeTimeout))
	var err error
	if msg.prepared != nil {
		err = c.ws.WritePreparedMessage(msg.prepared)
	} else {
		err = c.ws.WriteMessage(websocket.TextMessage, msg.data)
	}
	if err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			c.fail(CloseSlow, ErrSlow.Error()) // counts it; nothing more can be written
		}
		return false
	}
	c.hub.counters.messages.Add(1)
	c.hub.counters.bytes.Add(int64(len(msg.data)))
	c.hub.counters.rows.Add(int64(msg.rows))
	return true
}

func (c *conn) ping() {
	// A peer that is gone shows in the read deadline.
	_ = c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.hub.limits.writeTimeout))
}

// goodbye sends the close frame and gives the peer a moment to answer: closing
// the socket at once could discard what is still on its way.
func (c *conn) goodbye() {
	c.out.close()
	c.mu.Lock()
	code, reason := c.code, c.reason
	c.mu.Unlock()
	switch {
	case code != 0:
	case c.hub.base.Err() != nil:
		code, reason = websocket.CloseGoingAway, "the server stops"
	default:
		code = websocket.CloseNormalClosure
	}
	if len(reason) > 120 { // a control frame holds 125 bytes
		reason = reason[:120]
	}
	frame := websocket.FormatCloseMessage(code, reason)
	if c.ws.WriteControl(websocket.CloseMessage, frame, time.Now().Add(c.hub.limits.farewell)) != nil {
		return
	}
	timer := time.NewTimer(c.hub.limits.farewell)
	defer timer.Stop()
	select {
	case <-c.readerDone:
	case <-timer.C:
	}
}

// panicked turns a panic of planning into an error with the stack in the log.
func (c *conn) panicked(cause any) error {
	c.log.Error("subscription panicked", "cause", cause, "stack", string(debug.Stack()))
	return diag.New(diag.Internal, diag.Span{}, "the subscription ended by a bug in weir: %v", cause)
}

// bucket limits how fast something may happen.
type bucket struct {
	burst, perSecond, tokens float64
	last                     time.Time
}

// take tells whether it may happen now.
func (b *bucket) take(now time.Time) bool {
	if !b.last.IsZero() {
		b.tokens = min(b.burst, b.tokens+b.perSecond*now.Sub(b.last).Seconds())
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
