package kinesis

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"weir/ingest"
	"weir/operators/stream"
)

// futureMax is how far a client's clock may be ahead.
const futureMax = time.Minute

// iterator is a place in a shard, with when it was handed out.
type iterator struct {
	stream uint32
	shard  stream.Shard
	place
	at stream.Time
}

func (c *call) seal(it iterator) string {
	b := binary.BigEndian.AppendUint32(nil, it.stream)
	b = binary.BigEndian.AppendUint32(b, uint32(it.shard))
	b = binary.BigEndian.AppendUint64(b, uint64(it.after))
	b = binary.BigEndian.AppendUint64(b, uint64(it.seq))
	return c.h.seal(kindIterator, binary.BigEndian.AppendUint64(b, uint64(it.at)))
}

func (c *call) unseal(text string) (iterator, error) {
	b, ok := c.h.unseal(kindIterator, text)
	if !ok || len(b) != 32 {
		return iterator{}, fail(invalidArgument, "Invalid ShardIterator.")
	}
	it := iterator{
		stream: binary.BigEndian.Uint32(b), shard: stream.Shard(binary.BigEndian.Uint32(b[4:])),
		place: place{stream.Commit(binary.BigEndian.Uint64(b[8:])), stream.Seq(binary.BigEndian.Uint64(b[16:]))},
		at:    stream.Time(binary.BigEndian.Uint64(b[24:])),
	}
	if age := time.Duration(c.now()-it.at) * time.Microsecond; age > iteratorLife {
		return it, fail(expiredIterator, "Iterator expired. The iterator was created at time %s while right now it is %s which is further in the future than the tolerated delay of %d milliseconds.",
			it.at.Go().Format(time.UnixDate), c.now().Go().Format(time.UnixDate), iteratorLife.Milliseconds())
	}
	return it, nil
}

type getShardIterator struct {
	Named
	ShardId                string
	ShardIteratorType      string
	StartingSequenceNumber string
	Timestamp              *Timestamp
	DryRun                 bool
}

func (in *getShardIterator) position() position {
	return position{in.ShardIteratorType, in.StartingSequenceNumber, in.Timestamp}
}

func (c *call) getShardIterator(in *getShardIterator) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	shard, err := c.shard(s, in.ShardId)
	if err != nil {
		return nil, err
	}
	at, err := c.begin(s, shard, in.position())
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, errDryRun
	}
	return struct{ ShardIterator string }{c.seal(iterator{s.ID, shard, at, c.now()})}, nil
}

// ChildShard is a shard that follows one that was closed.
type ChildShard struct {
	ShardId      string
	ParentShards []string
	HashKeyRange Range
}

// childrenOf returns the shards that took over the range of one.
func childrenOf(all []ingest.Shard, shard stream.Shard) []ChildShard {
	var out []ChildShard
	for i := range all {
		mine := false
		parents := make([]string, len(all[i].Parents))
		for j, p := range all[i].Parents {
			parents[j] = shardID(p)
			mine = mine || p == shard
		}
		if mine {
			out = append(out, ChildShard{shardID(stream.Shard(i)), parents, Range{all[i].Start.String(), all[i].End.String()}})
		}
	}
	return out
}

type getRecords struct {
	ShardIterator string
	Limit         *int
	StreamARN     string
	DryRun        bool
}

// recordsMax is how many records GetRecords returns.
const recordsMax = pageMax

type getAnswer struct {
	Records            []Record
	NextShardIterator  string `json:",omitempty"`
	MillisBehindLatest int64
	ChildShards        []ChildShard `json:",omitempty"`
}

func (a getAnswer) appendJSON(b []byte) []byte {
	size := 512
	for i := range a.Records {
		size += 256 + len(a.Records[i].PartitionKey) + base64.StdEncoding.EncodedLen(len(a.Records[i].Data))
	}
	b = append(slices.Grow(b, size), `{"Records":[`...)
	for i := range a.Records {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.Records[i].appendJSON(b)
	}
	b = append(b, ']')
	if a.NextShardIterator != "" {
		b = appendText(append(b, `,"NextShardIterator":`...), a.NextShardIterator)
	}
	b = strconv.AppendInt(append(b, `,"MillisBehindLatest":`...), a.MillisBehindLatest, 10)
	if len(a.ChildShards) > 0 {
		children, err := json.Marshal(a.ChildShards)
		if err != nil {
			panic(err) // it is plain data
		}
		b = append(append(b, `,"ChildShards":`...), children...)
	}
	return append(b, '}')
}

func (r *Record) appendJSON(b []byte) []byte {
	b = appendText(append(b, `{"SequenceNumber":`...), r.SequenceNumber)
	b = r.ApproximateArrivalTimestamp.appendJSON(append(b, `,"ApproximateArrivalTimestamp":`...))
	b = base64.StdEncoding.AppendEncode(append(b, `,"Data":"`...), r.Data)
	b = append(b, '"')
	if r.PartitionKey != "" {
		b = appendText(append(b, `,"PartitionKey":`...), r.PartitionKey)
	}
	if r.EncryptionType != "" {
		b = appendText(append(b, `,"EncryptionType":`...), r.EncryptionType)
	}
	return append(b, '}')
}

func (c *call) getRecords(in *getRecords) (any, error) {
	limit, err := pageSize(in.Limit, "limit", recordsMax)
	if err != nil {
		return nil, err
	}
	it, err := c.unseal(in.ShardIterator)
	if err != nil {
		return nil, err
	}
	s, err := c.byID(it.stream)
	if err != nil {
		return nil, err
	}
	if in.StreamARN != "" {
		switch name, err := parseStreamARN(in.StreamARN); {
		case err != nil:
			return nil, err
		case name != s.Name:
			return nil, fail(invalidArgument, "Invalid ShardIterator. It is of stream %s and not of %s.", s.Name, name)
		}
	}
	if in.DryRun {
		return nil, errDryRun
	}
	m := c.h.meters.of(s.ID, it.shard)
	if c.h.cfg.AWSLimits && !m.admitRead(time.Now()) {
		return nil, exceeded(s, it.shard, c.account)
	}
	got, err := c.read(s, it.shard, it.place, readLimit{limit, readBytesMax})
	if err != nil {
		return nil, err
	}
	m.read(len(got.records), got.bytes, time.Duration(got.behind)*time.Microsecond, time.Now())
	out := getAnswer{Records: got.records, MillisBehindLatest: int64(got.behind) / 1000}
	if got.over {
		out.ChildShards = childrenOf(s.Shards.Map().All(), it.shard)
	} else {
		out.NextShardIterator = c.seal(iterator{s.ID, it.shard, got.next, c.now()})
	}
	return out, nil
}
