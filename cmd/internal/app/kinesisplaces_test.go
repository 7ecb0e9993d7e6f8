package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"weir/ingest"
)

// kinesisShelf is a stream of one shard with records in it.
type kinesisShelf struct {
	t      *testing.T
	k      *kinesis.Client
	name   *string
	shard  *string
	arn    *string
	reader *string // a consumer
}

func newKinesisShelf(t *testing.T, s *server) *kinesisShelf {
	t.Helper()
	k := kinesisClient(s.url())
	shelf := &kinesisShelf{t: t, k: k, name: aws.String("shelf"), shard: aws.String("shardId-000000000000")}
	if _, err := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: shelf.name, ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	d, err := k.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: shelf.name})
	if err != nil {
		t.Fatal(err)
	}
	shelf.arn = d.StreamDescriptionSummary.StreamARN
	c, err := k.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: shelf.arn, ConsumerName: aws.String("reader")})
	if err != nil {
		t.Fatal(err)
	}
	shelf.reader = c.Consumer.ConsumerARN
	return shelf
}

// put adds records from a number up to another one.
func (s *kinesisShelf) put(from, to int) {
	s.t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: s.name}
	for i := from; i < to; i++ {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: fmt.Append(nil, i)})
	}
	if out, err := s.k.PutRecords(s.t.Context(), in); err != nil || *out.FailedRecordCount > 0 {
		s.t.Fatalf("%+v, %v", out, err)
	}
}

// get reads from a place on.
func (s *kinesisShelf) get(at types.ShardIteratorType, number *string, limit int32) *kinesis.GetRecordsOutput {
	s.t.Helper()
	it, err := s.k.GetShardIterator(s.t.Context(), &kinesis.GetShardIteratorInput{StreamName: s.name, ShardId: s.shard, ShardIteratorType: at, StartingSequenceNumber: number})
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := s.k.GetRecords(s.t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator, Limit: &limit})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// event returns the first event of a subscription.
func (s *kinesisShelf) event(at types.StartingPosition) types.SubscribeToShardEvent {
	s.t.Helper()
	out, err := kinesis.New(s.k.Options()).SubscribeToShard(s.t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: s.reader, ShardId: s.shard, StartingPosition: &at})
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.GetStream().Close()
	for e := range out.GetStream().Events() {
		return e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
	}
	s.t.Fatal(out.GetStream().Err())
	panic("unreachable")
}

// TestKinesisContinuation: who drops a subscription and goes on behind an event misses
// nothing, also where more records were there long ago than the event had.
func TestKinesisContinuation(t *testing.T) {
	s := newKinesisShelf(t, serveHere(t, t.TempDir()))
	for i := range 5 {
		s.put(500*i, 500*i+500)
	}
	time.Sleep(1100 * time.Millisecond) // sequence numbers have seconds
	e := s.event(types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon})
	if len(e.Records) >= 2500 || *e.MillisBehindLatest == 0 {
		t.Fatalf("an event of %d records, %d ms behind", len(e.Records), *e.MillisBehindLatest)
	}
	for _, at := range []types.ShardIteratorType{types.ShardIteratorTypeAfterSequenceNumber, types.ShardIteratorTypeAtSequenceNumber} {
		got := s.get(at, e.ContinuationSequenceNumber, 1)
		if len(got.Records) != 1 || string(got.Records[0].Data) != fmt.Sprint(len(e.Records)) {
			t.Errorf("%s behind an event of %d records: %+v", at, len(e.Records), got.Records)
		}
	}
}

// TestKinesisContinuationOfNothing: a subscription that began at a moment and has had
// no record yet goes on from there, and not with what is older.
func TestKinesisContinuationOfNothing(t *testing.T) {
	s := newKinesisShelf(t, serveHere(t, t.TempDir()))
	s.put(0, 10)
	time.Sleep(1100 * time.Millisecond)
	// Something of another stream, so the place is not in the second of the records.
	other := aws.String("other")
	if _, err := s.k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: other, ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	e := s.event(types.StartingPosition{Type: types.ShardIteratorTypeAtTimestamp, Timestamp: aws.Time(time.Now())})
	if len(e.Records) > 0 {
		t.Fatalf("%d records of the past", len(e.Records))
	}
	s.put(10, 12)
	got := s.get(types.ShardIteratorTypeAfterSequenceNumber, e.ContinuationSequenceNumber, 100)
	if len(got.Records) != 2 || string(got.Records[0].Data) != "10" {
		t.Errorf("%d records", len(got.Records))
	}
}

// TestKinesisBehind: 0 ms behind is said where nothing is left, and only there.
func TestKinesisBehind(t *testing.T) {
	s := newKinesisShelf(t, serveHere(t, t.TempDir()))
	s.put(0, 10) // in one commit
	if got := s.get(types.ShardIteratorTypeTrimHorizon, nil, 9); len(got.Records) != 9 || *got.MillisBehindLatest == 0 {
		t.Errorf("with one of ten records left, %d ms behind", *got.MillisBehindLatest)
	}
	if got := s.get(types.ShardIteratorTypeTrimHorizon, nil, 10); len(got.Records) != 10 || *got.MillisBehindLatest != 0 {
		t.Errorf("with ten of ten records, %d ms behind", *got.MillisBehindLatest)
	}
}

// TestKinesisStartingNumber: the number with which a shard starts is in front of its
// first record, and is not that record's.
func TestKinesisStartingNumber(t *testing.T) {
	s := newKinesisShelf(t, serveHere(t, t.TempDir()))
	s.put(0, 3)
	shards, err := s.k.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: s.name})
	if err != nil {
		t.Fatal(err)
	}
	start := shards.Shards[0].SequenceNumberRange.StartingSequenceNumber
	for _, at := range []types.ShardIteratorType{types.ShardIteratorTypeAfterSequenceNumber, types.ShardIteratorTypeAtSequenceNumber} {
		got := s.get(at, start, 10)
		if len(got.Records) != 3 || string(got.Records[0].Data) != "0" {
			t.Errorf("%s the start: %d records", at, len(got.Records))
		}
		if *got.Records[0].SequenceNumber <= *start {
			t.Errorf("the first record has %s, its shard starts with %s", *got.Records[0].SequenceNumber, *start)
		}
		_, err := s.k.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: s.name, ShardId: s.shard, ShardIteratorType: at})
		if err == nil || !strings.Contains(err.Error(), "Must specify a sequence number") {
			t.Errorf("%s nothing: %v", at, err)
		}
	}
}

// TestKinesisChildIsYounger: a shard that is split in the second in which its stream
// was made has children of a later one, so that their numbers follow its own.
func TestKinesisChildIsYounger(t *testing.T) {
	server := serveHere(t, t.TempDir())
	s := newKinesisShelf(t, server)
	if _, err := s.k.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: s.name, ShardToSplit: s.shard, NewStartingHashKey: aws.String("7")}); err != nil {
		t.Fatal(err)
	}
	shards, err := s.k.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: s.name})
	if err != nil {
		t.Fatal(err)
	}
	parent := shards.Shards[0].SequenceNumberRange
	for _, child := range shards.Shards[1:] {
		a, errA := ingest.ParseSequenceNumber(*parent.EndingSequenceNumber)
		b, errB := ingest.ParseSequenceNumber(*child.SequenceNumberRange.StartingSequenceNumber)
		if errA != nil || errB != nil || b.Created < a.Created.Add(time.Second) {
			t.Errorf("%s came to be at %s, its parent at %s (%v, %v)", *child.ShardId, b.Created.Go(), a.Created.Go(), errA, errB)
		}
	}
	// An open shard has no end, whatever its number would be.
	end := ingest.SequenceNumber{Created: mustParse(t, shards.Shards[1].SequenceNumberRange.StartingSequenceNumber).Created, Shard: 1, Seq: ingest.EndOfShard}
	_, err = s.k.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: s.name, ShardId: shards.Shards[1].ShardId, ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber, StartingSequenceNumber: aws.String(end.String()),
	})
	if codeOf(err) != "InvalidArgumentException" {
		t.Errorf("behind the end of an open shard: %v", err)
	}
}

func mustParse(t *testing.T, number *string) ingest.SequenceNumber {
	t.Helper()
	n, err := ingest.ParseSequenceNumber(*number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKinesisSubscriptionOfDeleted: when its stream is deleted a subscription ends with
// the reason, and does not wait for its next event.
func TestKinesisSubscriptionOfDeleted(t *testing.T) {
	s := newKinesisShelf(t, serveHere(t, t.TempDir()))
	out, err := s.k.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: s.reader, ShardId: s.shard, StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest}})
	if err != nil {
		t.Fatal(err)
	}
	defer out.GetStream().Close()
	began := time.Now()
	if _, err := s.k.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: s.name, EnforceConsumerDeletion: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	for e := range out.GetStream().Events() {
		t.Errorf("event %+v", e)
	}
	if err, took := out.GetStream().Err(), time.Since(began); codeOf(err) != "ResourceNotFoundException" || took > 3*time.Second {
		t.Errorf("ended after %s with %v", took, err)
	}
}

// TestKinesisFanOutHasItsOwnThroughput: with the limits of AWS, what a subscription is
// sent takes nothing of what the callers of GetRecords have.
func TestKinesisFanOutHasItsOwnThroughput(t *testing.T) {
	server, _ := serveWith(t, func(cfg *serverConfig) { cfg.Kinesis = kinesisConfig{Open: true, AWSLimits: true} })
	s := newKinesisShelf(t, server)
	large := make([]byte, 500_000)
	for i := range 2 {
		if _, err := s.k.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: s.name, PartitionKey: aws.String(fmt.Sprint(i)), Data: large}); err != nil {
			t.Fatal(err)
		}
	}
	s.get(types.ShardIteratorTypeLatest, nil, 1) // from here on it is measured
	for i := range 12 {                          // each has 1 MB in its first event
		c, err := s.k.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: s.arn, ConsumerName: aws.String(fmt.Sprint("reader", i))})
		if err != nil {
			t.Fatal(err)
		}
		s.reader = c.Consumer.ConsumerARN
		if e := s.event(types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}); len(e.Records) == 0 {
			t.Fatal("no records")
		}
	}
	k := kinesis.New(s.k.Options(), onceOnly)
	it, err := k.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: s.name, ShardId: s.shard, ShardIteratorType: types.ShardIteratorTypeLatest})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator}); err != nil {
		t.Errorf("a GetRecords beside subscriptions that had 12 MB: %v", err)
	}
}

// TestKinesisSilentShard: who reads a shard in which nothing is new is at the head at
// once, however much others have written.
func TestKinesisSilentShard(t *testing.T) {
	s := newKinesisShelf(t, serveHere(t, t.TempDir()))
	busy := aws.String("busy")
	if _, err := s.k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: busy, ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	write := func() {
		for range 70 {
			if _, err := s.k.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: busy, PartitionKey: aws.String("k"), Data: make([]byte, 1_000_000)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	write()
	if got := s.get(types.ShardIteratorTypeTrimHorizon, nil, 10); *got.MillisBehindLatest != 0 {
		t.Errorf("without a record: %d ms behind", *got.MillisBehindLatest)
	}
	it, err := s.k.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: s.name, ShardId: s.shard, ShardIteratorType: types.ShardIteratorTypeLatest})
	if err != nil {
		t.Fatal(err)
	}
	s.put(0, 2)
	first, err := s.k.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	if err != nil || len(first.Records) != 2 {
		t.Fatalf("%+v, %v", first, err)
	}
	write()
	next, err := s.k.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: first.NextShardIterator})
	if err != nil || *next.MillisBehindLatest != 0 || len(next.Records) != 0 {
		t.Errorf("behind its last record: %+v, %v", next, err)
	}
}
