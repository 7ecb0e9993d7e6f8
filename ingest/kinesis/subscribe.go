package kinesis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"weir/ingest"
	"weir/ingest/wal"
	"weir/operators/stream"
)

const (
	// subscriptionLife is how long an answer goes on; then the client asks again.
	subscriptionLife = 5 * time.Minute
	// takeOverAfter is how old a subscription must be for another one to take its place.
	takeOverAfter = 5 * time.Second
	// heartbeat is how long a shard is silent before an event without records says so.
	heartbeat = 5 * time.Second
	// settle is how long an answer waits before it begins, and again before its first
	// event. Over a network it takes longer anyway, and there are clients that count on it:
	// aws-sdk-go-v2 over HTTP/1.1 loses a connection whose answer begins while the last
	// of the request is on its way out, and lifion-kinesis finds one frame in what a read
	// gives it.
	settle = 20 * time.Millisecond
	// eventBytesMax and eventRecordsMax bound an event.
	eventBytesMax   = 1 << 20
	eventRecordsMax = 2000
)

// subscriptions are those under way: one for each consumer and shard.
type subscriptions struct {
	mu    sync.Mutex
	alive map[subscriptionKey]*subscription
}

type subscriptionKey struct {
	stream   uint32
	consumer string
	shard    stream.Shard
}

type subscription struct {
	began time.Time
	end   context.CancelCauseFunc
}

// begin makes a subscription, in the place of one that is old enough.
func (s *subscriptions) begin(key subscriptionKey, now time.Time, end context.CancelCauseFunc) (*subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.alive[key]; old != nil {
		if now.Sub(old.began) < takeOverAfter {
			return nil, fail(resourceInUse, "Another active subscription exists for this consumer on shard %s; it can be taken over %s after it began.", shardID(key.shard), takeOverAfter)
		}
		old.end(fail(resourceInUse, "Another subscription of this consumer has taken over shard %s.", shardID(key.shard)))
	}
	if s.alive == nil {
		s.alive = map[subscriptionKey]*subscription{}
	}
	sub := &subscription{now, end}
	s.alive[key] = sub
	return sub, nil
}

// over forgets a subscription that has ended.
func (s *subscriptions) over(key subscriptionKey, sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alive[key] == sub {
		delete(s.alive, key)
	}
}

// end ends the subscriptions of a consumer, or, with "", of everybody on a stream.
func (s *subscriptions) end(id uint32, consumer string, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, sub := range s.alive {
		if key.stream == id && (consumer == "" || key.consumer == consumer) {
			sub.end(why)
		}
	}
}

type subscribeToShard struct {
	ConsumerARN      string
	ShardId          string
	StartingPosition *position
	DryRun           bool
}

// subscribeToShard sends the records of a shard as they come.
func (c *call) subscribeToShard(in *subscribeToShard) (any, error) {
	s, who, err := c.consumer(ConsumerRef{ConsumerARN: in.ConsumerARN})
	if err != nil {
		return nil, err
	}
	shard, err := c.shard(s, in.ShardId)
	if err != nil {
		return nil, err
	}
	from, err := c.begin(s, shard, *in.StartingPosition)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, errDryRun
	}
	ctx, end := context.WithCancelCause(c.ctx)
	defer end(nil)
	stop := context.AfterFunc(c.h.ctx, func() { end(errStopping) })
	defer stop()
	key := subscriptionKey{s.ID, who.Name, shard}
	sub, err := c.h.subscriptions.begin(key, time.Now(), end)
	if err != nil {
		return nil, err
	}
	defer c.h.subscriptions.over(key, sub)
	// Who deregisters it from now on ends the subscription.
	if _, _, err := c.consumer(ConsumerRef{ConsumerARN: in.ConsumerARN}); err != nil {
		return nil, err
	}
	pause(ctx, settle)
	out, err := c.events()
	if err != nil {
		return nil, nil //nolint:nilerr // the client went away
	}
	if err := c.follow(ctx, s, shard, from, out); err != nil {
		var told *Error
		if cause := context.Cause(ctx); cause != nil && c.ctx.Err() == nil {
			err = cause
		}
		if !errors.As(err, &told) {
			if c.ctx.Err() != nil || errors.Is(err, context.Canceled) {
				return nil, nil // the client went away
			}
			told = c.errorOf(err)
		}
		_ = out.fail(told) // the client may be gone
	}
	return nil, nil
}

var errStopping = fail(internalFailure, "the server is stopping")

// Event is an event of a subscription on the wire.
type Event struct {
	Records                    []Record
	ContinuationSequenceNumber string `json:",omitempty"`
	MillisBehindLatest         int64
	ChildShards                []ChildShard `json:",omitempty"`
}

// follow sends what comes of a shard until its life is over or the shard's is.
func (c *call) follow(ctx context.Context, s Stream, shard stream.Shard, from place, out *eventStream) error {
	life, cancel := context.WithTimeout(ctx, subscriptionLife)
	defer cancel()
	c.body = nil
	c.in.free() // it may be long until it ends
	pause(life, settle)
	for life.Err() == nil {
		got, err := c.read(s, shard, from, readLimit{eventRecordsMax, eventBytesMax})
		if err != nil {
			return err
		}
		c.h.meters.of(s.ID, shard).sent(len(got.records), got.bytes, time.Duration(got.behind)*time.Microsecond)
		moved := got.next.after > from.after || len(got.records) > 0
		from = got.next
		if len(got.records) > 0 {
			if err := c.sendEvent(s, shard, from, got, out); err != nil {
				return err
			}
			c.out.free()
			if c.h.cfg.AWSLimits {
				pause(life, time.Duration(got.bytes)*time.Second/readBytesPerSecond)
			}
		}
		if got.over { // in an event of its own: there are clients that look for no records there
			return out.send("SubscribeToShardEvent", Event{Records: []Record{}, ChildShards: childrenOf(s.Shards.Map().All(), shard)})
		}
		if moved && got.behind > 0 {
			continue
		}
		beat, err := c.await(life, s, shard, &from)
		switch {
		case err != nil && life.Err() == nil, ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case beat:
			if _, ok := c.h.cfg.Streams.ByID(s.ID); !ok {
				return notFound(s.Name, c.account)
			}
			if err := c.sendEvent(s, shard, from, newRun(from), out); err != nil {
				return err
			}
		}
	}
	return ctx.Err() // nil where only its life is over
}

// pause waits, but not longer than ctx lives.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// sendEvent sends records, or that there are none.
func (c *call) sendEvent(s Stream, shard stream.Shard, at place, got *run, out *eventStream) error {
	return out.send("SubscribeToShardEvent", Event{
		Records: got.records, ContinuationSequenceNumber: c.continuation(s, shard, at), MillisBehindLatest: int64(got.behind) / 1000,
	})
}

// continuation returns the sequence number behind which a reader goes on from a place.
func (c *call) continuation(s Stream, shard stream.Shard, at place) string {
	sh := s.Shards.Map().All()[shard]
	n := ingest.SequenceNumber{Created: sh.Birth(s.Created), Shard: shard}
	// By the clock a record could follow that arrived earlier and was not in the log yet.
	// Of a commit that is gone nothing is known; the oldest that is there follows it.
	if t, err := c.h.cfg.Log.ArrivalOf(at.after); at.after > 0 && err == nil {
		n.Arrived = max(t, 0)
	}
	switch {
	case at.seq > 0:
		n.Seq, n.Mark = at.seq-1, ingest.BehindRecord
	case n.Arrived > 0: // nobody knows yet which sequence comes next
		n.Mark = ingest.BeforeRecord
	}
	return n.String()
}

// glance is how long a subscription that waits leaves the log alone after a look at it:
// there may be thousands of them, for all of which each commit may be of others.
const glance = 20 * time.Millisecond

// await waits until something of the shard may be in the log behind a place where all
// before it was read, and moves the place over what is of others. beat says that
// nothing came for a while.
func (c *call) await(ctx context.Context, s Stream, shard stream.Shard, at *place) (beat bool, err error) {
	wait, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	for first := true; ; first = false {
		head, _ := c.h.cfg.Log.Newest()
		if !s.Shards.Map().All()[shard].Open() || c.h.cfg.Log.NextSeq(s.ID, shard) > at.seq {
			return false, nil
		}
		at.after = max(at.after, head)
		if !first {
			pause(wait, glance)
		}
		grown, err := c.h.cfg.Log.Grown(head)
		switch {
		case errors.Is(err, wal.ErrClosed):
			return false, errStopping
		case err != nil:
			return false, fmt.Errorf("wait for records: %w", err)
		}
		select {
		case <-grown:
		case <-wait.Done():
			return ctx.Err() == nil, nil
		}
	}
}
