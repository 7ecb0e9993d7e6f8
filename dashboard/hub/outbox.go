package hub

import (
	"errors"
	"sync"
	"time"
)

// ErrSlow says that a client did not make room in time; a Subscription returns
// it, too, when it cannot hold back more for its reader. The connection is then
// closed with CloseSlow.
var ErrSlow = errors.New("the client does not take its messages")

// outbox is the queue in front of a connection's writer. It is bounded by
// messages and by bytes: offer refuses what has no room, and nobody ever waits.
// What a client has asked for itself, such as a snapshot, passes the bound.
type outbox struct {
	messagesMax, bytesMax int

	mu     sync.Mutex
	queue  []*message
	bytes  int
	closed bool
	moved  time.Time     // when a message last left, or came into the empty box
	filled chan struct{} // holds a token while there may be messages
}

func newOutbox(messagesMax, bytesMax int) *outbox {
	return &outbox{messagesMax: messagesMax, bytesMax: bytesMax, filled: make(chan struct{}, 1)}
}

// offer queues all of msgs, or none: false. An empty box takes anything.
func (o *outbox) offer(msgs ...*message) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	full := len(o.queue)+len(msgs) > o.messagesMax || o.bytes+bytesOf(msgs) > o.bytesMax
	if full && len(o.queue) > 0 {
		return false
	}
	o.add(msgs)
	return true
}

// put queues msgs whatever waits already.
func (o *outbox) put(msgs ...*message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(msgs)
}

// add queues msgs. The caller holds mu.
func (o *outbox) add(msgs []*message) {
	if o.closed || len(msgs) == 0 {
		return
	}
	if len(o.queue) == 0 {
		o.moved = time.Now()
	}
	o.queue = append(o.queue, msgs...)
	o.bytes += bytesOf(msgs)
	select {
	case o.filled <- struct{}{}:
	default:
	}
}

// take returns the oldest message, or nil when there is none.
func (o *outbox) take() *message {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return nil
	}
	msg := o.queue[0]
	o.queue[0] = nil
	o.queue = o.queue[1:]
	o.bytes -= len(msg.data)
	o.moved = time.Now()
	return msg
}

// roomy tells whether at most half of the box is full, and else for how long no
// message has left it.
func (o *outbox) roomy() (ok bool, stuck time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bytes <= o.bytesMax/2 && len(o.queue) <= o.messagesMax/2 {
		return true, 0
	}
	return false, time.Since(o.moved)
}

// close empties the box and refuses what comes after.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.queue, o.bytes = true, nil, 0
}
