package kinesis

import (
	"context"
	"errors"
	"math"
	"time"

	"weir/ingest"
	"weir/operators/stream"
)

// A split and a merge are one commit of the log, so they are done when they are
// answered. What takes more steps (UpdateShardCount) is a setting of the stream, and
// Run takes the steps: also after a restart, since the setting is in the log.

// Scaling is a stream on its way to another number of shards. It is UPDATING so long.
type Scaling struct {
	From int         `json:"from"`
	To   int         `json:"to"`
	At   stream.Time `json:"at"` // when it was asked for
}

// scalingsADay is how often AWS changes the number of shards within a day.
const scalingsADay = 10

type splitShard struct {
	Named
	ShardToSplit       string
	NewStartingHashKey string
}

func (c *call) splitShard(in *splitShard) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	if err := c.provisionedOnly(s); err != nil {
		return nil, err
	}
	id, err := c.shard(s, in.ShardToSplit)
	if err != nil {
		return nil, err
	}
	at, notHash := ingest.ParseHash(in.NewStartingHashKey)
	return c.reshard(s, func(m *ingest.ShardMap, now stream.Time) (*ingest.Reshard, error) {
		if err := c.mustBeOpen(s, m, id); err != nil {
			return nil, err
		}
		if len(m.Open()) == ingest.ShardsMax {
			return nil, fail(limitExceeded, "This request would exceed the shard limit of the stream %s under account %s. Current open shard count: %d. Limit: %d.",
				s.Name, c.account, len(m.Open()), ingest.ShardsMax)
		}
		r, err := m.Split(id, at, now)
		if err != nil || notHash != nil {
			sh := &m.All()[id]
			return nil, fail(invalidArgument,
				"NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s is not both greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s.",
				clip(in.NewStartingHashKey), shardID(id), s.Name, c.account, sh.Start, sh.End)
		}
		return r, nil
	})
}

type mergeShards struct {
	Named
	ShardToMerge         string
	AdjacentShardToMerge string
}

func (c *call) mergeShards(in *mergeShards) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	if err := c.provisionedOnly(s); err != nil {
		return nil, err
	}
	a, err := c.shard(s, in.ShardToMerge)
	if err != nil {
		return nil, err
	}
	b, err := c.shard(s, in.AdjacentShardToMerge)
	if err != nil {
		return nil, err
	}
	return c.reshard(s, func(m *ingest.ShardMap, now stream.Time) (*ingest.Reshard, error) {
		if err := errors.Join(c.mustBeOpen(s, m, a), c.mustBeOpen(s, m, b)); err != nil {
			return nil, err
		}
		r, err := m.Merge(a, b, now)
		if err != nil {
			return nil, fail(invalidArgument, "Shards %s and %s in stream %s under account %s are not an adjacent pair of shards eligible for merging",
				shardID(a), shardID(b), s.Name, c.account)
		}
		return r, nil
	})
}

// mustBeOpen refuses a shard that was split or merged before.
func (c *call) mustBeOpen(s Stream, m *ingest.ShardMap, id stream.Shard) error {
	if m.All()[id].Open() {
		return nil
	}
	return fail(invalidArgument, "Shard %s in stream %s under account %s has already been merged or split, and thus is not eligible for merging or splitting.",
		shardID(id), s.Name, c.account)
}

// reshard takes one step, unless the stream is on its way already.
func (c *call) reshard(s Stream, plan ingest.Plan) (any, error) {
	_, err := c.h.cfg.Streams.Reshard(c.ctx, s.ID, func(m *ingest.ShardMap, now stream.Time) (*ingest.Reshard, error) {
		if s, ok := c.h.cfg.Streams.ByID(s.ID); ok && s.Settings.Scaling != nil {
			return nil, c.notActive(s)
		}
		return plan(m, now)
	})
	return empty{}, err
}

type updateShardCount struct {
	Named
	TargetShardCount *int
	ScalingType      string
}

func (c *call) updateShardCount(in *updateShardCount) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	if err := c.provisionedOnly(s); err != nil {
		return nil, err
	}
	target, current := *in.TargetShardCount, 0
	err = c.amend(s, func(set *Settings) error {
		current = len(s.Shards.Map().Open())
		if err := c.checkTarget(s, current, target); err != nil {
			return err
		}
		now := c.now()
		set.Scaled = inDay(set.Scaled, now, scalingsADay)
		if c.h.cfg.AWSLimits && len(set.Scaled) == scalingsADay {
			return fail(limitExceeded, "Stream %s under account %s can be scaled only %d times within a rolling 24-hour period.", s.Name, c.account, scalingsADay)
		}
		set.Scaled = inDay(append(set.Scaled, now), now, scalingsADay)
		set.Scaling = &Scaling{From: current, To: target, At: now}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.h.wake()
	return struct {
		StreamName, StreamARN               string
		CurrentShardCount, TargetShardCount int
	}{s.Name, c.streamARN(s.Name), current, target}, nil
}

// checkTarget says what is wrong with a number of shards.
func (c *call) checkTarget(s Stream, current, target int) error {
	switch {
	case target > ingest.ShardsMax:
		return fail(limitExceeded, "UpdateShardCount cannot scale stream %s under account %s beyond %d shards. Current open shard count: %d Target shard count: %d",
			s.Name, c.account, ingest.ShardsMax, current, target)
	case target > 2*current:
		return fail(invalidArgument, "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: %d Target shard count: %d", current, target)
	case 2*target < current:
		return fail(invalidArgument, "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: %d Target shard count: %d", current, target)
	}
	return nil
}

// wake tells Run that there is something to do.
func (h *Handler) wake() {
	select {
	case h.work <- struct{}{}:
	default: // it is told already
	}
}

// stepPause is how long Run waits behind a step that failed.
const stepPause = time.Second

// Run takes the steps of streams that are UPDATING, until ctx ends.
func (h *Handler) Run(ctx context.Context) {
	for {
		pause := time.Duration(math.MaxInt64)
		for again := true; again; {
			again = false
			for _, name := range h.cfg.Streams.Names() {
				s, ok := h.cfg.Streams.Stream(name)
				if !ok || s.Settings.Scaling == nil {
					continue
				}
				if err := h.step(ctx, s); err != nil && !errors.Is(err, ErrGone) && ctx.Err() == nil {
					h.cfg.Logger.Error("kinesis: a stream that is UPDATING", "stream", s.Name, "error", err)
					pause = stepPause
					continue
				}
				again = true
			}
			if ctx.Err() != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-h.work:
		case <-time.After(pause):
		}
	}
}

// step takes a stream nearer to the number of shards that it is to have.
func (h *Handler) step(ctx context.Context, s Stream) error {
	want := s.Settings.Scaling
	var cannot error
	done, err := h.cfg.Streams.Reshard(ctx, s.ID, func(m *ingest.ShardMap, now stream.Time) (*ingest.Reshard, error) {
		r, err := m.Scale(want.To, now)
		cannot = err
		return r, err
	})
	if err != nil && cannot == nil || done {
		return err
	}
	if cannot != nil {
		// It would be the same another time: the stream stays as it has become.
		h.cfg.Logger.Error("kinesis: UpdateShardCount ends early", "stream", s.Name, "target", want.To, "error", cannot)
	}
	return changed(h.cfg.Streams.Amend(ctx, s.ID, func(set *Settings) error {
		if set.Scaling == nil || *set.Scaling != *want {
			return errUnchanged
		}
		set.Scaling = nil
		return nil
	}))
}
