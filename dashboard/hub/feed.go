package hub

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// feed is one subscription of a connection. One goroutine pulls updates out of
// the source, another makes frames of them: what arrives while a frame waits is
// merged into the next.
type feed struct {
	conn   *conn
	id     string
	req    Request
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	pending []Update
	bytes   int   // of pending, about
	dropped int64 // rows left out since the last frame
	end     error // why pulling ended; io.EOF: the query is done

	filled chan struct{} // holds a token while there may be something pending, or the end
	room   chan struct{} // holds a token when pending was taken
}

func newFeed(c *conn, req request) *feed {
	ctx, cancel := context.WithCancel(c.ctx)
	return &feed{
		conn: c, id: req.ID, req: Request{SQL: req.SQL, Start: req.Start},
		log: c.log.With("sub", req.ID), ctx: ctx, cancel: cancel,
		filled: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
}

// run serves the subscription to its end and tells the client how it ended.
func (f *feed) run() {
	defer f.conn.ended(f)
	defer f.cancel()
	err := f.serve()
	switch {
	case f.ctx.Err() != nil, errors.Is(err, errClosed):
		// Nobody listens any more.
	case errors.Is(err, ErrSlow):
		f.conn.fail(CloseSlow, ErrSlow.Error())
	case errors.Is(err, io.EOF):
		_ = f.conn.send(f.ctx, append(head(nil, "done", f.id), '}'))
	default:
		f.log.Debug("subscription failed", "err", err)
		_ = f.conn.send(f.ctx, errorMessage(f.id, err))
	}
}

// serve subscribes and sends until the query, the client or the server ends.
func (f *feed) serve() (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = f.conn.panicked(cause)
		}
	}()
	sub, err := f.conn.hub.source.Subscribe(f.ctx, f.req)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(f.ctx)
	pulled := make(chan struct{})
	defer func() {
		cancel()
		closeErr := sub.Close()
		<-pulled
		f.drop()
		if errors.Is(err, io.EOF) && closeErr != nil {
			err = closeErr
		}
	}()
	f.conn.tasks.Go(func() {
		defer close(pulled)
		f.pull(ctx, sub)
	})
	msg, err := schemaMessage(f.id, sub)
	if err != nil {
		return err
	}
	if err := f.conn.send(f.ctx, msg); err != nil {
		return err
	}
	return f.frames(newFramer(f.id, sub, f.conn.hub.limits, f.emit))
}

// emit queues one message with so many rows for the client.
func (f *feed) emit(msg []byte, rows int) error {
	f.conn.hub.counters.rows.Add(int64(rows))
	return f.conn.send(f.ctx, msg)
}

// pull moves updates from the source to pending until either ends.
func (f *feed) pull(ctx context.Context, sub Subscription) {
	err := f.pullAll(ctx, sub)
	f.mu.Lock()
	f.end = err
	f.mu.Unlock()
	f.signal(f.filled)
}

func (f *feed) pullAll(ctx context.Context, sub Subscription) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = f.conn.panicked(cause)
		}
	}()
	tail := sub.AppendOnly() && sub.Key() == nil
	for {
		u, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		if err := f.push(ctx, u, tail); err != nil {
			u.Release()
			return err
		}
		f.signal(f.filled)
	}
}

// push adds u to what waits for the next frame, and takes it over unless it
// fails. At the bound a tail, which nobody adds up, forgets its oldest rows and
// counts them; any other feed waits, and its client is slow if that takes long.
func (f *feed) push(ctx context.Context, u Update, tail bool) error {
	size := updateBytes(u)
	deadline := time.NewTimer(f.conn.hub.limits.patience)
	defer deadline.Stop()
	for !f.tryPush(u, size, tail) {
		select {
		case <-f.room:
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			f.conn.fail(CloseSlow, ErrSlow.Error())
			return ErrSlow
		}
	}
	return nil
}

func (f *feed) tryPush(u Update, size int, tail bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if u.Kind == Snap { // what came before is replaced anyway
		f.release()
	}
	if u.Kind == Mark && len(f.pending) > 0 {
		last := &f.pending[len(f.pending)-1]
		last.W, last.Token = u.W, u.Token
		u.Release()
		return true
	}
	if f.bytes+size > f.conn.hub.limits.pendingBytes && len(f.pending) > 0 {
		if !tail || !f.forget(size) {
			return false
		}
	}
	f.pending = append(f.pending, u)
	f.bytes += size
	return true
}

// forget drops the oldest changes until size more bytes have room; false when
// something waits that may not be dropped. The caller holds mu.
func (f *feed) forget(size int) bool {
	for len(f.pending) > 0 && f.bytes+size > f.conn.hub.limits.pendingBytes {
		if f.pending[0].Kind != Delta {
			return false
		}
		f.dropped += int64(f.pending[0].rows())
		f.conn.hub.counters.droppedRows.Add(int64(f.pending[0].rows()))
		f.bytes -= updateBytes(f.pending[0])
		f.pending[0].Release()
		f.pending = f.pending[1:]
	}
	return true
}

// take returns what is pending, how many rows were left out, and the end of the
// source once nothing is pending behind it.
func (f *feed) take() (updates []Update, dropped int64, end error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	updates, dropped, end = f.pending, f.dropped, f.end
	f.pending, f.bytes, f.dropped = nil, 0, 0
	f.signal(f.room)
	return updates, dropped, end
}

// frames sends what is pending, at most one frame per interval, until the
// source or the client ends.
func (f *feed) frames(fr *framer) error {
	pace := time.NewTimer(0)
	defer pace.Stop()
	for {
		select {
		case <-f.filled:
		case <-f.ctx.Done():
			return f.ctx.Err()
		}
		updates, dropped, end := f.take()
		err := fr.send(updates, dropped)
		for _, u := range updates {
			u.Release()
		}
		if err != nil {
			return err
		}
		if errors.Is(end, io.EOF) {
			return errors.Join(fr.finish(), end)
		}
		if end != nil {
			return end
		}
		pace.Reset(f.conn.hub.limits.frameEvery)
		select {
		case <-pace.C:
		case <-f.ctx.Done():
			return f.ctx.Err()
		}
	}
}

// drop releases what nobody will send.
func (f *feed) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.release()
}

// release empties pending. The caller holds mu.
func (f *feed) release() {
	for _, u := range f.pending {
		u.Release()
	}
	f.pending, f.bytes, f.dropped = nil, 0, 0
}

func (f *feed) signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// updateBytes guesses how much an update holds.
func updateBytes(u Update) int {
	n := 64
	for _, b := range u.Batches {
		n += int(b.NumRows()) * int(b.NumCols()) * 12
		for c := range int(b.NumCols()) {
			if s, ok := b.Column(c).(*array.String); ok {
				n += len(s.ValueBytes())
			}
		}
	}
	return n
}
