package hub

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"sync"

	"weir/operators/stream"
)

// member is one subscription of a connection to a run.
type member struct {
	conn *conn
	id   string
	req  request
	log  *slog.Logger

	plan    Plan
	key     classKey
	channel string // the class's name in the connection; "": none yet
	token   *token // what the client has; nil: nothing
	refused string // why its token was none of this plan

	mu   sync.Mutex
	gone bool // the client or its connection left
	run  *run

	// The run's loop alone.
	class *class
	at    stream.Commit // the client has, or will have got, everything up to here
	total int64         // rows of the run so far, of a tail
	lost  bool          // it had no room for the content
}

func newMember(c *conn, req request) *member {
	return &member{conn: c, id: req.ID, req: req, log: c.log.With("sub", req.ID)}
}

// begin plans the statement and joins a run.
func (m *member) begin() {
	plan, err := m.prepare()
	if err != nil {
		m.ended(err)
		return
	}
	m.plan = plan
	if m.req.Tok != "" {
		t, err := parseToken(m.req.Tok)
		switch {
		case err != nil:
			m.refused = err.Error()
		case plan.ID() == "":
			m.refused = "a query that ends by itself cannot be resumed"
		case t.plan != planHash(plan.ID()):
			m.refused = "the token is of another query, or what it reads was replaced"
		default:
			m.token = &t
		}
	}
	m.key = m.conn.channel(m, plan.ID(), rateOf(m.req.MaxHz))
	m.join()
}

func (m *member) prepare() (plan Plan, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = m.conn.panicked(cause)
		}
	}()
	return m.conn.hub.source.Prepare(m.conn.ctx, Request{SQL: m.req.SQL, Start: m.req.Start})
}

// join finds a run, or starts one.
func (m *member) join() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.gone {
		m.run = m.conn.hub.joinRun(m)
	}
}

// again joins another run than the one that let it go.
func (m *member) again() {
	m.token, m.refused = nil, ""
	if h := m.conn.hub; h.enter() {
		go func() {
			defer h.conns.Done()
			m.join()
		}()
	}
}

// leave takes the member out of its run.
func (m *member) leave() {
	m.mu.Lock()
	m.gone = true
	r := m.run
	m.mu.Unlock()
	if r != nil {
		r.post(event{m: m, leaves: true})
	}
	m.conn.finished(m)
}

// put queues messages for the client whatever waits already, unless it has left:
// its id may by then be that of another subscription.
func (m *member) put(msgs ...*message) {
	c := m.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.members[m]; ok {
		c.out.put(msgs...)
	}
}

// ended tells the client how its subscription ended.
func (m *member) ended(err error) {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		m.conn.finished(m) // nobody listens any more, or the server stops
	case errors.Is(err, ErrSlow):
		m.conn.fail(CloseSlow, ErrSlow.Error())
		m.conn.finished(m)
	case errors.Is(err, io.EOF):
		m.conn.finished(m, doneMessage(m.id))
	default:
		m.log.Debug("subscription failed", "err", err)
		m.conn.finished(m, errorMessage(m.id, err))
	}
}

// channel picks a class that this connection is not in yet.
func (c *conn) channel(m *member, plan string, rate int) classKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := classKey{rate: rate}
	if _, ok := c.members[m]; !ok || plan == "" {
		return k
	}
	for c.channels[channelName(plan, k)] {
		k.copy++
	}
	m.channel = channelName(plan, k)
	c.channels[m.channel] = true
	return k
}

func channelName(plan string, k classKey) string {
	return strconv.Itoa(k.rate) + "/" + strconv.Itoa(k.copy) + "/" + plan
}

// finished takes a member off the connection's list, once, with its last words:
// who has read them may use the id again.
func (c *conn) finished(m *member, last ...*message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.members[m]; !ok {
		return
	}
	c.out.put(last...)
	delete(c.members, m)
	if c.ids[m.id] == m {
		delete(c.ids, m.id)
	}
	delete(c.channels, m.channel)
	c.hub.counters.subscriptions.Add(-1)
}
