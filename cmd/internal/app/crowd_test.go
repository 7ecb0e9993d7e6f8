package app

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// crowd is subscribers of one statement. Most only take bytes, so that the
// machine's time is the server's; probes look at what they get.
type crowd struct {
	ctx    context.Context
	t      *testing.T
	server *child
	sql    string
	wg     sync.WaitGroup

	mu     sync.Mutex
	on     bool // a phase is measured
	ages   []time.Duration
	acks   []time.Duration
	lates  []time.Duration
	stalls bool
	turn   chan struct{} // closed when stalls changes
}

func newCrowd(ctx context.Context, t *testing.T, s *child, sql string) *crowd {
	c := &crowd{ctx: ctx, t: t, server: s, sql: sql, turn: make(chan struct{})}
	c.wg.Go(c.watch)
	return c
}

// start begins to measure, stop returns what was measured.
func (c *crowd) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on, c.ages, c.acks, c.lates = true, nil, nil, nil
}

func (c *crowd) stop() (ages, acks, lates []time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = false
	return c.ages, c.acks, c.lates
}

func (c *crowd) note(to *[]time.Duration, d ...time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on {
		*to = append(*to, d...)
	}
}

// watch notes how late this process wakes up, which nothing measured here can beat.
func (c *crowd) watch() {
	for c.ctx.Err() == nil {
		const nap = 5 * time.Millisecond
		begin := time.Now()
		time.Sleep(nap) // what is measured
		c.note(&c.lates, time.Since(begin)-nap)
	}
}

// dial subscribes over a connection of its own, which ends with the crowd.
func (c *crowd) dial(readBuffer int) (*websocket.Conn, error) {
	d := websocket.Dialer{Subprotocols: []string{"weir.v1"}, HandshakeTimeout: time.Minute}
	d.NetDialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil && readBuffer > 0 {
			err = conn.(*net.TCPConn).SetReadBuffer(readBuffer)
		}
		return conn, err
	}
	ws, resp, err := d.DialContext(c.ctx, strings.Replace(c.server.url, "http", "ws", 1)+"/v1/ws", nil)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	context.AfterFunc(c.ctx, func() { ws.UnderlyingConn().Close() })
	err = ws.WriteJSON(map[string]any{"t": "sub", "id": "1", "sql": c.sql, "max_hz": 10})
	return ws, err
}

// must reports an error unless it is the end.
func (c *crowd) must(err error) bool {
	if err != nil && c.ctx.Err() == nil {
		c.t.Errorf("a subscriber that reads is cut off: %v", err)
	}
	return err == nil
}

// reader takes bytes without looking at them. It says pong unasked.
func (c *crowd) reader() {
	ws, err := c.dial(0)
	if c.must(err) {
		c.must(drain(ws, nil))
	}
}

// drain reads until an error, or until it is told to.
func drain(ws *websocket.Conn, until <-chan struct{}) error {
	buf, alive := make([]byte, 32<<10), time.Now()
	for {
		select {
		case <-until:
			return nil
		default:
		}
		if _, err := ws.UnderlyingConn().Read(buf); err != nil {
			return err
		}
		if time.Since(alive) > 10*time.Second {
			alive = time.Now()
			if err := ws.WriteControl(websocket.PongMessage, nil, alive.Add(time.Second)); err != nil {
				return err
			}
		}
	}
}

// moody reads and stalls by turns, and comes back when it was cut off for that.
func (c *crowd) moody() {
	var ws *websocket.Conn
	for c.ctx.Err() == nil {
		c.mu.Lock()
		stalls, turn := c.stalls, c.turn
		c.mu.Unlock()
		if stalls {
			select {
			case <-turn:
			case <-c.ctx.Done():
			}
			continue
		}
		if ws == nil {
			var err error
			if ws, err = c.dial(32 << 10); !c.must(err) {
				return
			}
		}
		if drain(ws, turn) != nil {
			ws.Close()
			ws = nil
		}
	}
}

// stall tells the moody ones.
func (c *crowd) stall(stalls bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalls = stalls
	close(c.turn)
	c.turn = make(chan struct{})
}

// probe notes how old each POST is when it arrives: the last column of a row is
// when its POST was sent, in microseconds.
func (c *crowd) probe() {
	ws, err := c.dial(0)
	for c.must(err) {
		var data []byte
		if _, data, err = ws.ReadMessage(); err == nil && bytes.HasPrefix(data, []byte(`{"t":"delta"`)) {
			c.measure(data)
		}
	}
}

func (c *crowd) measure(data []byte) {
	now := time.Now()
	_, column, ok := bytes.Cut(data, []byte(`"cols":[[`))
	column, _, more := bytes.Cut(column, []byte(`]]`))
	if !ok || !more {
		c.t.Errorf("no columns in %.80s", data)
		return
	}
	posts := make(map[string]bool)
	for v := range bytes.SplitSeq(column[bytes.LastIndexByte(column, '[')+1:], []byte(",")) {
		posts[string(v)] = true
	}
	for v := range posts {
		sent, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			c.t.Errorf("%q is no time: %v", v, err)
			continue
		}
		c.note(&c.ages, now.Sub(time.UnixMicro(sent)))
	}
}
