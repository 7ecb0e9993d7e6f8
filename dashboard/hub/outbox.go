package hub

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrSlow says that a client did not make room in time; a Subscription returns
// it, too, when it cannot hold back more for its reader. The connection is then
// closed with CloseSlow. errClosed says that the connection ends.
var (
	ErrSlow   = errors.New("the client does not take its messages")
	errClosed = errors.New("the connection is closed")
)

// outbox is the queue between the feeds of a connection and its writer. It is
// bounded by messages and by bytes; whoever puts into a full one waits, up to a
// limit of time. A message larger than the bound passes when the box is empty.
type outbox struct {
	messagesMax, bytesMax int

	mu     sync.Mutex
	queue  [][]byte
	bytes  int
	closed bool
	room   chan struct{} // closed and replaced when messages leave
	filled chan struct{} // holds a token while there may be messages
}

func newOutbox(messagesMax, bytesMax int) *outbox {
	return &outbox{
		messagesMax: messagesMax, bytesMax: bytesMax,
		room: make(chan struct{}), filled: make(chan struct{}, 1),
	}
}

// put queues msg. It waits for room at most for patience, counted from the last
// message that left: ErrSlow means that none left for so long.
func (o *outbox) put(ctx context.Context, msg []byte, patience time.Duration) error {
	for {
		room, err := o.try(msg)
		if err != nil || room == nil {
			return err
		}
		timer := time.NewTimer(patience)
		select {
		case <-room:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
			return ErrSlow
		}
	}
}

// try queues msg, or returns a channel that is closed when there may be room.
func (o *outbox) try(msg []byte) (<-chan struct{}, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, errClosed
	}
	full := len(o.queue) >= o.messagesMax || o.bytes+len(msg) > o.bytesMax
	if full && len(o.queue) > 0 {
		return o.room, nil
	}
	o.queue = append(o.queue, msg)
	o.bytes += len(msg)
	select {
	case o.filled <- struct{}{}:
	default:
	}
	return nil, nil
}

// take returns the oldest message, or nil when there is none.
func (o *outbox) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return nil
	}
	msg := o.queue[0]
	o.queue[0] = nil
	o.queue = o.queue[1:]
	o.bytes -= len(msg)
	o.wake()
	return msg
}

// close empties the box and refuses what comes after.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed = true
	o.queue, o.bytes = nil, 0
	o.wake()
}

func (o *outbox) wake() {
	close(o.room)
	o.room = make(chan struct{})
}
