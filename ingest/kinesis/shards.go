package kinesis

import (
	"weir/ingest"
	"weir/operators/stream"
)

// onWire returns a shard as clients see it.
func onWire(s Stream, all []ingest.Shard, id stream.Shard) Shard {
	sh := &all[id]
	created := sh.Birth(s.Created)
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

// horizon returns before when all records of a stream are gone at a moment; MinTime: never.
func (s Stream) horizon(now stream.Time) stream.Time {
	since := stream.MinTime
	if s.Since > 0 {
		since = s.Since
	}
	if s.Retention == 0 {
		return since
	}
	return max(since, now.Add(-s.Retention))
}

// listed returns the shards that may still hold records at a moment, by number: open
// ones, and those that were closed within the retention.
func (s Stream) listed(now stream.Time) []stream.Shard { return s.openSince(s.horizon(now)) }

// openSince returns the shards that were open at a moment or later.
func (s Stream) openSince(at stream.Time) []stream.Shard {
	var out []stream.Shard
	all := s.Shards.Map().All()
	for i := range all {
		if all[i].Open() || all[i].ClosedAt >= at {
			out = append(out, stream.Shard(i))
		}
	}
	return out
}

// openAt returns the shards that were open at a moment, before what came in it, as far as
// reshards up to a commit tell: they divide all hashes, and what came in it is in them or
// in their children.
func (s Stream) openAt(at stream.Time, known stream.Commit) []stream.Shard {
	var out []stream.Shard
	all := s.Shards.Map().All()
	closed := func(sh *ingest.Shard) bool { return !sh.Open() && sh.Closed <= known && sh.ClosedAt < at }
	for i := range all {
		// A shard is born with the commit that closed its parents.
		if p := all[i].Parents; !closed(&all[i]) && (len(p) == 0 || closed(&all[p[0]])) {
			out = append(out, stream.Shard(i))
		}
	}
	return out
}

// shardPage returns the first of the shards behind one, on the wire; more: there are others.
func (s Stream) shardPage(ids []stream.Shard, after string, limit int) (page []Shard, more bool) {
	all := s.Shards.Map().All()
	page = []Shard{}
	for _, id := range ids {
		if shardID(id) <= after {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, onWire(s, all, id))
	}
	return page, false
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

type shardList struct {
	Shards    []Shard
	NextToken string `json:",omitempty"`
}

// shardsMax is how many shards ListShards lists at once.
const shardsMax = 1000

func (c *call) listShards(in *listShards) (any, error) {
	limit, err := pageSize(in.MaxResults, "maxResults", shardsMax)
	if err != nil {
		return nil, err
	}
	s, t, err := c.place(in)
	if err != nil {
		return nil, err
	}
	ids, err := s.filtered(&t)
	if err != nil {
		return nil, err
	}
	page, more := s.shardPage(ids, t.After, limit)
	out := shardList{Shards: page}
	if more {
		t.After = page[limit-1].ShardId
		out.NextToken = c.token(kindShards, t)
	}
	return out, nil
}

// place returns the stream whose shards are listed, and where the list goes on or, in
// the first request, begins. All pages judge by the moment of the first, else those of a
// reshard in between would not divide the hashes.
func (c *call) place(in *listShards) (s Stream, t listToken, err error) {
	if in.NextToken != "" {
		if in.StreamName != "" || in.StreamARN != "" || in.ExclusiveStartShardId != "" || in.ShardFilter != nil || in.StreamCreationTimestamp != nil {
			return s, t, fail(invalidArgument, "NextToken and StreamName cannot be provided together.")
		}
		if err = c.openToken(kindShards, in.NextToken, &t); err == nil {
			s, err = c.byID(t.Stream)
		}
		return s, t, err
	}
	if s, err = c.stream(in.Named); err == nil {
		err = c.madeAt(s, in.StreamCreationTimestamp)
	}
	if err != nil {
		return s, t, err
	}
	return s, listToken{
		Stream: s.ID, After: in.ExclusiveStartShardId, Filter: in.ShardFilter,
		Asked: c.now(), Known: s.Shards.Map().Changed(),
	}, nil
}

// filtered returns the shards that a list's filter lets through. AFTER_SHARD_ID moves
// where the list begins.
func (s Stream) filtered(t *listToken) ([]stream.Shard, error) {
	f, oldest := t.Filter, max(s.horizon(t.Asked), s.Created)
	if f == nil {
		return s.listed(t.Asked), nil
	}
	switch f.Type {
	case "AT_LATEST":
		return s.openAt(stream.MaxTime, t.Known), nil
	case "AT_TRIM_HORIZON":
		return s.openAt(oldest, t.Known), nil
	case "FROM_TRIM_HORIZON":
		return s.listed(t.Asked), nil
	case "AT_TIMESTAMP", "FROM_TIMESTAMP":
		switch at := f.Timestamp; {
		case at == nil:
			return nil, fail(invalidArgument, "A timestamp is required for the shard filter type %s.", f.Type)
		case stream.Time(*at) > t.Asked.Add(futureMax):
			return nil, fail(invalidArgument, "The timestamp of the shard filter lies in the future.")
		case f.Type == "AT_TIMESTAMP":
			return s.openAt(max(stream.Time(*at), oldest), t.Known), nil
		default:
			return s.openSince(max(stream.Time(*at), oldest)), nil
		}
	default: // AFTER_SHARD_ID
		if _, ok := parseShardID(f.ShardId); !ok {
			return nil, fail(invalidArgument, "A shard id is required for the shard filter type AFTER_SHARD_ID.")
		}
		t.After = max(t.After, f.ShardId)
		return s.listed(t.Asked), nil
	}
}

// byID returns a stream by the number that a token has.
func (c *call) byID(id uint32) (Stream, error) {
	if s, ok := c.h.cfg.Streams.ByID(id); ok {
		return s, nil
	}
	return Stream{}, fail(resourceNotFound, "The stream under account %s was deleted.", c.account)
}
