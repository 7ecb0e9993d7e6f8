package kinesis

import (
	"slices"

	"weir/ingest"
)

// StreamMode is the capacity mode of a stream.
type StreamMode struct {
	StreamMode string
}

type createStream struct {
	StreamName                 string
	ShardCount                 *int
	StreamModeDetails          *StreamMode
	Tags                       map[string]string
	WarmThroughputMiBps        int
	MaxRecordSizeInKiB         int
	RecordDistributionStrategy string
}

// onDemandShards is how many shards AWS gives a stream that says nothing of them.
const onDemandShards = 4

func (c *call) createStream(in *createStream) (any, error) {
	if err := checkName(in.StreamName, "streamName"); err != nil {
		return nil, err
	}
	s := Settings{Tags: in.Tags, WarmMiBps: in.WarmThroughputMiBps, MaxRecordKiB: in.MaxRecordSizeInKiB}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if in.MaxRecordSizeInKiB != 0 {
		if err := checkRecordSize(in.MaxRecordSizeInKiB); err != nil {
			return nil, err
		}
	}
	if m := in.StreamModeDetails; m != nil {
		if err := checkMode(m.StreamMode); err != nil {
			return nil, err
		}
		s.OnDemand = m.StreamMode == onDemand
	}
	if in.WarmThroughputMiBps != 0 {
		if !s.OnDemand {
			return nil, fail(validation, "Warm throughput is only supported for ON_DEMAND streams.")
		}
		if err := c.checkWarm(in.WarmThroughputMiBps); err != nil {
			return nil, err
		}
	}
	shards := onDemandShards
	switch {
	case s.OnDemand && in.ShardCount != nil:
		return nil, fail(validation, "ShardCount must not be provided for ON_DEMAND streams.")
	case in.ShardCount != nil:
		shards = *in.ShardCount
	case !s.OnDemand:
		return nil, fail(validation, "ShardCount must be provided for PROVISIONED streams.")
	}
	if shards < 1 {
		return nil, invalid(itoa(shards), "shardCount", "have value greater than or equal to 1")
	}
	if shards > ingest.ShardsMax {
		return nil, fail(limitExceeded, "a stream has at most %d shards", ingest.ShardsMax)
	}
	auto, err := distribution(in.RecordDistributionStrategy, s.OnDemand)
	if err != nil {
		return nil, err
	}
	s.AutoDistribution = auto
	if _, there := c.h.cfg.Streams.Stream(in.StreamName); there {
		return nil, fail(resourceInUse, "Stream %s under account %s already exists.", in.StreamName, c.account)
	}
	return empty{}, c.h.cfg.Streams.Create(c.ctx, in.StreamName, shards, s)
}

type deleteStream struct {
	Named
	EnforceConsumerDeletion bool
}

func (c *call) deleteStream(in *deleteStream) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	if len(s.Settings.Consumers) > 0 && !in.EnforceConsumerDeletion {
		return nil, fail(resourceInUse, "Stream %s under account %s has registered consumers; deregister them, or set EnforceConsumerDeletion.", s.Name, c.account)
	}
	if err := c.h.cfg.Streams.Delete(c.ctx, s.Name); err != nil {
		return nil, err
	}
	c.h.subscriptions.end(s.ID, "", notFound(s.Name, c.account))
	c.h.meters.forget(s.ID)
	return empty{}, nil
}

// Range is a run of hashes on the wire.
type Range struct {
	StartingHashKey, EndingHashKey string
}

// Numbers is the sequence numbers of a shard on the wire.
type Numbers struct {
	StartingSequenceNumber string
	EndingSequenceNumber   string `json:",omitempty"`
}

// Shard is a shard on the wire.
type Shard struct {
	ShardId               string
	ParentShardId         string `json:",omitempty"`
	AdjacentParentShardId string `json:",omitempty"`
	HashKeyRange          Range
	SequenceNumberRange   Numbers
}

// Monitoring is which shard-level metrics were asked for.
type Monitoring struct {
	ShardLevelMetrics []string
}

type describeStream struct {
	Named
	Limit                 *int
	ExclusiveStartShardId string
}

// Description is a stream on the wire.
type Description struct {
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       StreamMode
	Shards                  []Shard
	HasMoreShards           bool
	RetentionPeriodHours    int
	StreamCreationTimestamp Timestamp
	EnhancedMonitoring      []Monitoring
	EncryptionType          string
	KeyId                   string `json:",omitempty"`
}

// describedMax is how many shards DescribeStream lists at once.
const describedMax = 100

func (c *call) describeStream(in *describeStream) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.Limit, "limit", describedMax)
	if err != nil {
		return nil, err
	}
	if id := in.ExclusiveStartShardId; id != "" {
		if _, ok := parseShardID(id); !ok {
			return nil, invalid(id, "exclusiveStartShardId", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
		}
	}
	page, more := s.shardPage(s.listed(c.now()), in.ExclusiveStartShardId, limit)
	d := Description{
		StreamName: s.Name, StreamARN: c.streamARN(s.Name), StreamStatus: s.Settings.status(), StreamModeDetails: StreamMode{s.Settings.mode()},
		Shards: page, HasMoreShards: more,
		RetentionPeriodHours: hours(s.Retention), StreamCreationTimestamp: Timestamp(s.Created),
		EnhancedMonitoring: []Monitoring{{monitoring(s)}}, EncryptionType: s.Settings.encryption(), KeyId: s.Settings.KeyID,
	}
	return struct{ StreamDescription Description }{d}, nil
}

func monitoring(s Stream) []string {
	return append([]string{}, s.Settings.Monitoring...)
}

// Summary is a stream without its shards on the wire.
type Summary struct {
	StreamName                 string
	StreamARN                  string
	StreamStatus               string
	StreamModeDetails          StreamMode
	RetentionPeriodHours       int
	StreamCreationTimestamp    Timestamp
	EnhancedMonitoring         []Monitoring
	EncryptionType             string
	KeyId                      string `json:",omitempty"`
	OpenShardCount             int
	ConsumerCount              int
	ChannelCount               int
	MaxRecordSizeInKiB         int
	RecordDistributionStrategy string
	WarmThroughput             *warmThroughput `json:",omitempty"`
}

type warmThroughput struct {
	TargetMiBps, CurrentMiBps int
}

func (c *call) describeStreamSummary(in *Named) (any, error) {
	s, err := c.stream(*in)
	if err != nil {
		return nil, err
	}
	set := s.Settings
	d := Summary{
		StreamName: s.Name, StreamARN: c.streamARN(s.Name), StreamStatus: set.status(), StreamModeDetails: StreamMode{set.mode()},
		RetentionPeriodHours: hours(s.Retention), StreamCreationTimestamp: Timestamp(s.Created),
		EnhancedMonitoring: []Monitoring{{monitoring(s)}}, EncryptionType: set.encryption(), KeyId: set.KeyID,
		OpenShardCount: len(s.Shards.Map().Open()), ConsumerCount: len(set.Consumers),
		MaxRecordSizeInKiB: set.maxRecord() >> 10, RecordDistributionStrategy: set.strategy(),
	}
	if set.WarmMiBps > 0 {
		d.WarmThroughput = &warmThroughput{set.WarmMiBps, set.WarmMiBps}
	}
	return struct{ StreamDescriptionSummary Summary }{d}, nil
}

type listStreams struct {
	Limit                    *int
	ExclusiveStartStreamName string
	NextToken                string
}

// StreamSummary is a stream in a list on the wire.
type StreamSummary struct {
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       StreamMode
	StreamCreationTimestamp Timestamp
}

// streamsMax is how many streams ListStreams lists at once.
const streamsMax = 100

func (c *call) listStreams(in *listStreams) (any, error) {
	limit, err := pageSize(in.Limit, "limit", streamsMax)
	if err != nil {
		return nil, err
	}
	after := in.ExclusiveStartStreamName
	if in.NextToken != "" {
		var t listToken
		if err := c.openToken(kindStreams, in.NextToken, &t); err != nil {
			return nil, err
		}
		after = t.After
	}
	names := c.h.cfg.Streams.Names()
	from, found := slices.BinarySearch(names, after)
	if found {
		from++
	}
	names = names[from:]
	out := struct {
		StreamNames     []string
		HasMoreStreams  bool
		NextToken       string `json:",omitempty"`
		StreamSummaries []StreamSummary
	}{StreamNames: []string{}, StreamSummaries: []StreamSummary{}}
	for i, name := range names {
		if len(out.StreamNames) == limit {
			out.HasMoreStreams = true
			out.NextToken = c.token(kindStreams, listToken{After: names[i-1]})
			break
		}
		s, ok := c.h.cfg.Streams.Stream(name)
		if !ok {
			continue // it was dropped in this moment
		}
		out.StreamNames = append(out.StreamNames, name)
		out.StreamSummaries = append(out.StreamSummaries, StreamSummary{
			StreamName: name, StreamARN: c.streamARN(name), StreamStatus: s.Settings.status(),
			StreamModeDetails: StreamMode{s.Settings.mode()}, StreamCreationTimestamp: Timestamp(s.Created),
		})
	}
	return out, nil
}
