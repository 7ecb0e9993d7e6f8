package kinesis

import (
	"time"

	"weir/ingest"
	"weir/operators/stream"
)

// onWire returns a shard as clients see it.
func onWire(s Stream, all []ingest.Shard, id stream.Shard) Shard {
	sh := &all[id]
	created := createdOf(s, sh)
	out := Shard{
		ShardId:      shardID(id),
		HashKeyRange: Range{sh.Start.String(), sh.End.String()},
		SequenceNumberRange: Numbers{
			// Without an arrival, so it is not that of the first record.
			StartingSequenceNumber: ingest.SequenceNumber{Created: created, Shard: id}.String(),
		},
	}
	if len(sh.Parents) > 0 {
		out.ParentShardId = shardID(sh.Parents[0])
	}
	if len(sh.Parents) > 1 {
		out.AdjacentParentShardId = shardID(sh.Parents[1])
	}
	if !sh.Open() {
		out.SequenceNumberRange.EndingSequenceNumber = ingest.SequenceNumber{Created: created, Shard: id, Seq: ingest.EndOfShard, Arrived: sh.ClosedAt}.String()
	}
	return out
}

// createdOf returns when a shard came to be.
func createdOf(s Stream, sh *ingest.Shard) stream.Time {
	if sh.Created == 0 {
		return s.Created
	}
	return sh.Created
}

// horizon returns before when all records of a stream are gone; MinTime: never.
func (c *call) horizon(s Stream) stream.Time {
	since := stream.MinTime
	if s.Since > 0 {
		since = s.Since
	}
	if s.Retention == 0 {
		return since
	}
	return max(since, c.now().Add(-s.Retention))
}

// listed returns the shards that may still hold records, by number: open ones, and
// those that were closed within the retention.
func (c *call) listed(s Stream) []stream.Shard { return c.openSince(s, c.horizon(s)) }

// openSince returns the shards that were open at a moment or later.
func (c *call) openSince(s Stream, at stream.Time) []stream.Shard {
	var out []stream.Shard
	all := s.Shards.Map().All()
	for i := range all {
		if all[i].Open() || all[i].ClosedAt >= at {
			out = append(out, stream.Shard(i))
		}
	}
	return out
}

// openAt returns the shards that were open at a moment, before what came in it: they
// divide all hashes, and what came in it is in them or in their children.
func (c *call) openAt(s Stream, at stream.Time) []stream.Shard {
	var out []stream.Shard
	all := s.Shards.Map().All()
	for _, id := range c.openSince(s, at) {
		// A shard is born with the commit that closed its parents.
		if p := all[id].Parents; len(p) == 0 || all[p[0]].ClosedAt < at {
			out = append(out, id)
		}
	}
	return out
}

// shardsAfter returns the shards behind one, on the wire.
func (c *call) shardsAfter(s Stream, ids []stream.Shard, after string) []Shard {
	all := s.Shards.Map().All()
	out := []Shard{}
	for _, id := range ids {
		if shardID(id) > after {
			out = append(out, onWire(s, all, id))
		}
	}
	return out
}

type filter struct {
	Type      string
	ShardId   string     `json:",omitempty"`
	Timestamp *Timestamp `json:",omitempty"`
}

type listShards struct {
	Named
	NextToken               string
	ExclusiveStartShardId   string
	MaxResults              *int
	StreamCreationTimestamp *Timestamp
	ShardFilter             *filter
}

const shardsMax = 1000

func (c *call) listShards(in *listShards) (any, error) {
	limit := shardsMax
	if in.MaxResults != nil {
		if limit = *in.MaxResults; limit < 1 || limit > 10_000 {
			return nil, invalid(itoa(limit), "maxResults", "have value between 1 and 10000")
		}
		limit = min(limit, shardsMax)
	}
	after, f := in.ExclusiveStartShardId, in.ShardFilter
	var s Stream
	var err error
	if in.NextToken != "" {
		if in.StreamName != "" || in.StreamARN != "" || after != "" || f != nil || in.StreamCreationTimestamp != nil {
			return nil, fail(invalidArgument, "NextToken and StreamName cannot be provided together.")
		}
		var t listToken
		if err := c.openToken(in.NextToken, &t); err != nil {
			return nil, err
		}
		if s, err = c.byID(t.Stream); err != nil {
			return nil, err
		}
		after, f = t.After, t.Filter
	} else if s, err = c.stream(in.Named); err != nil {
		return nil, err
	}
	if t := in.StreamCreationTimestamp; t != nil && ingest.Seconds(stream.Time(*t)) != ingest.Seconds(s.Created) {
		return nil, notFound(s.Name, c.account)
	}
	ids, err := c.filtered(s, f, &after)
	if err != nil {
		return nil, err
	}
	all := c.shardsAfter(s, ids, after)
	out := struct {
		Shards    []Shard
		NextToken string `json:",omitempty"`
	}{Shards: all}
	if len(all) > limit {
		out.Shards = all[:limit]
		out.NextToken = c.token(listToken{Stream: s.ID, After: all[limit-1].ShardId, Filter: f})
	}
	return out, nil
}

// filtered returns the shards that a filter lets through. AFTER_SHARD_ID moves after.
func (c *call) filtered(s Stream, f *filter, after *string) ([]stream.Shard, error) {
	if f == nil {
		return c.listed(s), nil
	}
	at := func() (stream.Time, error) {
		if f.Timestamp == nil {
			return 0, fail(invalidArgument, "A timestamp is required for the shard filter type %s.", f.Type)
		}
		if t := stream.Time(*f.Timestamp); t <= stream.FromGo(c.h.cfg.Now().Add(time.Minute)) {
			return max(t, c.horizon(s), s.Created), nil
		}
		return 0, fail(invalidArgument, "The timestamp of the shard filter lies in the future.")
	}
	switch f.Type {
	case "AT_LATEST":
		m := s.Shards.Map()
		return m.OpenAt(^stream.Commit(0)), nil
	case "AT_TRIM_HORIZON":
		return c.openAt(s, max(c.horizon(s), s.Created)), nil
	case "FROM_TRIM_HORIZON":
		return c.listed(s), nil
	case "AT_TIMESTAMP", "FROM_TIMESTAMP":
		t, err := at()
		if err != nil {
			return nil, err
		}
		if f.Type == "AT_TIMESTAMP" {
			return c.openAt(s, t), nil
		}
		return c.openSince(s, t), nil
	case "AFTER_SHARD_ID":
		if _, ok := parseShardID(f.ShardId); !ok {
			return nil, fail(invalidArgument, "A shard id is required for the shard filter type AFTER_SHARD_ID.")
		}
		*after = max(*after, f.ShardId)
		return c.listed(s), nil
	}
	return nil, invalid(f.Type, "shardFilter.type", "satisfy enum value set: [AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP]")
}

// byID returns a stream by the number that a token has.
func (c *call) byID(id uint32) (Stream, error) {
	if s, ok := c.h.cfg.Streams.ByID(id); ok {
		return s, nil
	}
	return Stream{}, fail(resourceNotFound, "The stream under account %s was deleted.", c.account)
}
