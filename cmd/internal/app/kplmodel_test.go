package app

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"weir/ingest"
)

// userRecord is what a program gives to the Kinesis Producer Library.
type userRecord struct {
	n         int
	key       string
	data      []byte
	csv       string
	hash      ingest.Hash
	predicted string // the shard that it is put together for
}

// producer is a model of the Kinesis Producer Library, as its retrier.cc and
// kinesis_record.cc have it: records are put together for the shard that they belong to by
// the shards that it knows. What goes to another one, and is not in that one's range or
// the range is not known, is put again, record by record.
type producer struct {
	t      *testing.T
	k      *kinesis.Client
	stream *string
	random *rand.Rand
	shards map[string]hashes
	sent   map[string][]*userRecord // what it put together, by its bytes
	wrong  int                      // inner records of another shard
}

type hashes struct{ start, end ingest.Hash }

func (h hashes) has(x ingest.Hash) bool { return !x.Less(h.start) && !h.end.Less(x) }

func newProducer(t *testing.T, k *kinesis.Client, stream string) *producer {
	p := &producer{t: t, k: k, stream: &stream, random: rand.New(rand.NewPCG(5, 6)), sent: map[string][]*userRecord{}}
	var err error
	if p.shards, err = p.list(types.ShardFilterTypeAtLatest); err != nil {
		t.Fatal(err)
	}
	return p
}

// list returns the ranges of shards, by their ids.
func (p *producer) list(filter types.ShardFilterType) (map[string]hashes, error) {
	out := map[string]hashes{}
	in := &kinesis.ListShardsInput{StreamName: p.stream, ShardFilter: &types.ShardFilter{Type: filter}}
	for {
		page, err := p.k.ListShards(p.t.Context(), in)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Shards {
			start, err := ingest.ParseHash(*s.HashKeyRange.StartingHashKey)
			if err != nil {
				return nil, err
			}
			end, err := ingest.ParseHash(*s.HashKeyRange.EndingHashKey)
			if err != nil {
				return nil, err
			}
			out[*s.ShardId] = hashes{start, end}
		}
		if in = (&kinesis.ListShardsInput{NextToken: page.NextToken}); page.NextToken == nil {
			return out, nil
		}
	}
}

// put puts records until each is where it belongs.
func (p *producer) put(records []*userRecord) error {
	for tries := 0; len(records) > 0; tries++ {
		if tries > 1000 {
			return fmt.Errorf("%d records are never where they belong", len(records))
		}
		var err error
		if records, err = p.flush(records); err != nil {
			return err
		}
	}
	return nil
}

// flush puts records once and returns those that have to be put again.
func (p *producer) flush(records []*userRecord) (again []*userRecord, err error) {
	groups := map[string][]*userRecord{}
	for _, r := range records {
		for id, h := range p.shards {
			if h.has(r.hash) {
				r.predicted = id
			}
		}
		groups[r.predicted] = append(groups[r.predicted], r)
	}
	in := &kinesis.PutRecordsInput{StreamName: p.stream}
	var parts [][]*userRecord
	for _, group := range groups {
		for part := range slices.Chunk(group, 2+p.random.IntN(6)) {
			e := types.PutRecordsRequestEntry{PartitionKey: aws.String("a"), ExplicitHashKey: aws.String(part[0].hash.String())}
			if len(part) == 1 {
				e.PartitionKey, e.Data = &part[0].key, part[0].data
			} else {
				e.Data = putTogether(part)
				p.sent[string(e.Data)] = part
			}
			in.Records, parts = append(in.Records, e), append(parts, part)
		}
	}
	p.random.Shuffle(len(parts), func(i, j int) {
		parts[i], parts[j], in.Records[i], in.Records[j] = parts[j], parts[i], in.Records[j], in.Records[i]
	})
	out, err := p.k.PutRecords(p.t.Context(), in)
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		went := *out.Records[i].ShardId
		known, ok := p.shards[went]
		for _, r := range part {
			if r.predicted != went && (!ok || !known.has(r.hash)) {
				again = append(again, r)
			}
		}
	}
	if len(again) > 0 {
		p.wrong += len(again)
		if p.shards, err = p.list(types.ShardFilterTypeAtLatest); err != nil {
			return nil, err
		}
	}
	return again, nil
}

// putTogether writes records as the library does, each key once.
func putTogether(records []*userRecord) []byte {
	field := func(m []byte, number byte, data []byte) []byte {
		return append(binary.AppendUvarint(append(m, number<<3|2), uint64(len(data))), data...)
	}
	var m []byte
	at := map[string]uint64{}
	for _, r := range records {
		if _, known := at[r.key]; !known {
			at[r.key] = uint64(len(at))
			m = field(m, 1, []byte(r.key))
		}
	}
	for _, r := range records {
		m = field(m, 3, field(binary.AppendUvarint([]byte{1 << 3}, at[r.key]), 3, r.data))
	}
	sum := md5.Sum(m)
	return append(append([]byte("\xf3\x89\x9a\xc2"), m...), sum[:]...)
}

// seen reads all shards with Amazon's client and returns what its consumer library makes
// of them (AggregatorUtil.java): how often each n is there, and how many inner records it
// drops, since one of those around them does not belong to the shard.
func (p *producer) seen() (times map[int]int, dropped int) {
	times = map[int]int{}
	all, err := p.list(types.ShardFilterTypeFromTrimHorizon)
	if err != nil {
		p.t.Fatal(err)
	}
	for id, h := range all {
		at, err := p.k.GetShardIterator(p.t.Context(), &kinesis.GetShardIteratorInput{StreamName: p.stream, ShardId: &id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			p.t.Fatal(err)
		}
		for it := at.ShardIterator; it != nil; {
			out, err := p.k.GetRecords(p.t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			if err != nil {
				p.t.Fatal(err)
			}
			for _, r := range out.Records {
				together, ok := p.sent[string(r.Data)]
				if !ok {
					var row struct{ N int }
					if err := json.Unmarshal(r.Data, &row); err != nil {
						p.t.Fatal(err)
					}
					times[row.N]++
					continue
				}
				if slices.ContainsFunc(together, func(u *userRecord) bool { return !h.has(u.hash) }) {
					dropped += len(together)
					continue
				}
				for _, u := range together {
					times[u.n]++
				}
			}
			if it = out.NextShardIterator; len(out.Records) == 0 && *out.MillisBehindLatest == 0 {
				break
			}
		}
	}
	return times, dropped
}

// userRecords are records of a few keys, from a number on.
func userRecords(from, n int) (out []*userRecord) {
	for i := range n {
		key := fmt.Sprint("user-", (from+i)%37)
		out = append(out, &userRecord{n: from + i, key: key, data: fmt.Appendf(nil, `{"n":%d}`, from+i), hash: ingest.HashOf([]byte(key))})
	}
	return out
}
