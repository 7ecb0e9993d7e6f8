package kinesis

import (
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/ingest"
	"weir/operators/stream"
)

const second = stream.Time(1_000_000)

// span is when a shard was open, told by somebody who wrote it down; to 0 is now.
type span struct{ from, to stream.Time }

// history makes a stream whose shards are split and merged at random moments.
func history(t *rapid.T, begin stream.Time) (*ingest.ShardMap, []span, stream.Time) {
	r := ingest.NewRouter(ingest.NewShardMap(rapid.IntRange(1, 4).Draw(t, "shards")))
	var spans []span
	for range r.Map().All() {
		spans = append(spans, span{from: begin})
	}
	now := begin
	for range rapid.IntRange(0, 8).Draw(t, "reshards") {
		now += stream.Time(rapid.IntRange(0, 5).Draw(t, "hours")) * 3600 * second
		change := reshard(t, r, now)
		for _, id := range change.Close {
			spans[id].to = now
		}
		for range change.Open {
			spans = append(spans, span{from: now})
		}
	}
	return r.Map(), spans, now + stream.Time(rapid.IntRange(0, 30).Draw(t, "later"))*3600*second
}

// reshard splits a shard or merges two at a moment.
func reshard(t *rapid.T, router *ingest.Router, now stream.Time) (r *ingest.Reshard) {
	err := router.Change(func(m *ingest.ShardMap) (_ *ingest.ShardMap, err error) {
		open := m.Open()
		i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
		if i > 0 && rapid.Bool().Draw(t, "merge") {
			r, err = m.Merge(open[i-1], open[i], now)
		} else {
			s := m.All()[open[i]]
			r, err = m.Split(open[i], ingest.Hash{Hi: s.Start.Hi/2 + s.End.Hi/2, Lo: 7}, now)
		}
		if err != nil {
			return nil, err
		}
		return m.Apply(r, max(m.Changed(), 1)+1, now)
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The filters of ListShards, and what it and DescribeStream list without one, are
// those of a model that looks at each shard by itself.
func TestShardFilters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := stream.Time(1_700_000_000) * second
		m, spans, now := history(t, begin)
		first := slices.IndexFunc(m.All(), func(sh ingest.Shard) bool { return len(sh.Parents) > 0 })
		if first < 0 {
			first = len(spans)
		}
		retention := time.Duration(rapid.IntRange(0, 30).Draw(t, "retention")) * time.Hour // 0: for ever
		since := stream.Time(0)
		if rapid.IntRange(0, 3).Draw(t, "was shorter") == 0 {
			since = begin.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "since")) * time.Hour)
		}
		s := Stream{Name: "s", Created: begin, Retention: retention, Since: since, Shards: ingest.NewRouter(m), Settings: &Settings{}}
		horizon := max(begin, since)
		if retention > 0 {
			horizon = max(horizon, now.Add(-retention))
		}
		at := Timestamp(now + stream.Time(rapid.IntRange(-60, 1).Draw(t, "at"))*3600*second)
		after := shardID(stream.Shard(rapid.IntRange(0, len(spans)+1).Draw(t, "after")))
		// A moment in front of what is kept is the oldest that is kept.
		asked := max(stream.Time(at), horizon)
		future := stream.Time(at) > now.Add(time.Minute)
		for _, f := range []struct {
			filter *filter
			want   func(id stream.Shard, w span) bool
			fails  bool
		}{
			{nil, func(_ stream.Shard, w span) bool { return w.to == 0 || w.to >= horizon }, false},
			{&filter{Type: "FROM_TRIM_HORIZON"}, func(_ stream.Shard, w span) bool { return w.to == 0 || w.to >= horizon }, false},
			{&filter{Type: "AT_LATEST"}, func(_ stream.Shard, w span) bool { return w.to == 0 }, false},
			{&filter{Type: "AT_TRIM_HORIZON"}, func(id stream.Shard, w span) bool { return openAtModel(w, int(id) < first, horizon) }, false},
			{&filter{Type: "AT_TIMESTAMP", Timestamp: &at}, func(id stream.Shard, w span) bool { return openAtModel(w, int(id) < first, asked) }, future},
			{&filter{Type: "FROM_TIMESTAMP", Timestamp: &at}, func(_ stream.Shard, w span) bool { return w.to == 0 || w.to >= asked }, future},
			{&filter{Type: "AFTER_SHARD_ID", ShardId: after}, func(id stream.Shard, w span) bool {
				return shardID(id) > after && (w.to == 0 || w.to >= horizon)
			}, false},
			{&filter{Type: "AT_TIMESTAMP"}, nil, true},
			{&filter{Type: "AFTER_SHARD_ID", ShardId: "shard"}, nil, true},
			{&filter{Type: "SOMETIMES"}, nil, true},
			{&filter{}, nil, true},
		} {
			list := listToken{Filter: f.filter, Asked: now, Known: m.Changed()}
			ids, err := s.filtered(&list)
			if f.fails {
				var e *Error
				if !errors.As(err, &e) || e.Type != invalidArgument && e.Type != validation {
					t.Fatalf("%+v: %v", f.filter, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%+v: %v", f.filter, err)
			}
			if f.filter != nil && strings.HasPrefix(f.filter.Type, "AT_") && !divide(m.All(), ids) {
				t.Fatalf("%+v at %d of %v: %v do not divide the hashes", f.filter, now, spans, ids)
			}
			var got, want []string
			page, _ := s.shardPage(ids, list.After, len(spans))
			for _, sh := range page {
				got = append(got, sh.ShardId)
			}
			for i, w := range spans {
				if f.want(stream.Shard(i), w) {
					want = append(want, shardID(stream.Shard(i)))
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("%+v at %d of %v: %v, want %v", f.filter, now, spans, got, want)
			}
		}
	})
}

// oneStream is a catalog with a stream, as far as lists of its shards need one.
type oneStream struct {
	Streams
	s Stream
}

func (o oneStream) Stream(string) (Stream, bool) { return o.s, true }
func (o oneStream) ByID(uint32) (Stream, bool)   { return o.s, true }

// Pages of a list with AT_… are those of one moment, whatever is split and merged between
// them, and however much time passes.
func TestShardPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := stream.Time(1_700_000_000) * second
		m, _, now := history(t, begin)
		router := ingest.NewRouter(m)
		retention := time.Duration(rapid.IntRange(0, 30).Draw(t, "retention")) * time.Hour // 0: for ever
		s := Stream{ID: 1, Name: "s", Created: begin, Retention: retention, Shards: router, Settings: &Settings{}}
		c := &call{h: &Handler{cfg: Config{
			Now: func() time.Time { return now.Go() }, Streams: oneStream{s: s}, Secret: []byte("nobody knows it"),
		}}}
		at := Timestamp(now + stream.Time(rapid.IntRange(-40*3600, 60).Draw(t, "at"))*second)
		in := &listShards{
			Named:       Named{StreamName: "s"},
			ShardFilter: rapid.SampledFrom([]*filter{{Type: "AT_LATEST"}, {Type: "AT_TRIM_HORIZON"}, {Type: "AT_TIMESTAMP", Timestamp: &at}}).Draw(t, "filter"),
		}
		list := func(limit int) (ids []string, token string) {
			in.MaxResults = &limit
			out, err := c.listShards(in)
			if err != nil {
				t.Fatal(err)
			}
			page := out.(shardList)
			for _, sh := range page.Shards {
				ids = append(ids, sh.ShardId)
			}
			return ids, page.NextToken
		}
		want, _ := list(pageMax)
		var got []string
		for limit := rapid.IntRange(1, 3).Draw(t, "limit"); ; {
			page, token := list(limit)
			if got = append(got, page...); token == "" {
				break
			}
			in = &listShards{NextToken: token}
			now += stream.Time(rapid.IntRange(0, 299).Draw(t, "pause")) * second
			back := stream.Time(rapid.IntRange(0, 1).Draw(t, "the clock went back")) * 400 * second
			reshard(t, router, now-back)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

// openAtModel tells whether a shard was open when a moment began; first: it is as old
// as its stream.
func openAtModel(w span, first bool, at stream.Time) bool {
	return (first || w.from < at) && (w.to == 0 || w.to >= at)
}

// divide tells whether shards divide all hashes among them.
func divide(all []ingest.Shard, ids []stream.Shard) bool {
	ids = slices.SortedFunc(slices.Values(ids), func(a, b stream.Shard) int {
		if all[a].Start.Less(all[b].Start) {
			return -1
		}
		return 1
	})
	for i, id := range ids {
		last := i == len(ids)-1
		if i == 0 && all[id].Start != (ingest.Hash{}) || last != (all[id].End == ingest.HashMax) {
			return false
		}
		if next := all[id].End.String(); !last {
			a, _ := new(big.Int).SetString(next, 10)
			if a.Add(a, big.NewInt(1)).String() != all[ids[i+1]].Start.String() {
				return false
			}
		}
	}
	return len(ids) > 0
}
