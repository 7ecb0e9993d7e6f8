package app

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// TestKinesisTime: iterators and tokens are good for five minutes; what is older than the
// retention is gone, shards that were closed before it, too, and does not come back.
func TestKinesisTime(t *testing.T) {
	var ahead atomic.Int64
	pass := func(d time.Duration) { ahead.Add(int64(d)) }
	server, _ := serveWith(t, func(cfg *serverConfig) {
		cfg.Kinesis = kinesisConfig{Open: true}
		cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	s := newKinesisShelf(t, server)
	k, ctx := kinesis.New(s.k.Options(), onceOnly), t.Context()
	s.put(0, 3)
	it, err := k.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: s.name, ShardId: s.shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: s.name, ShardToSplit: s.shard, NewStartingHashKey: aws.String("99")}); err != nil {
		t.Fatal(err)
	}
	page, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: s.name, MaxResults: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	for _, late := range []bool{false, true} {
		_, noRecords := k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		_, noShards := k.ListShards(ctx, &kinesis.ListShardsInput{NextToken: page.NextToken})
		if !late && (noRecords != nil || noShards != nil) || late && (codeOf(noRecords) != "ExpiredIteratorException" || codeOf(noShards) != "ExpiredNextTokenException") {
			t.Errorf("late %v: %v, %v", late, noRecords, noShards)
		}
		pass(4*time.Minute + 50*time.Second)
		if late {
			break
		}
		pass(11 * time.Second)
	}
	records := func(shard string, at types.ShardIteratorType, number *string) int {
		t.Helper()
		it, err := k.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: s.name, ShardId: &shard, ShardIteratorType: at, StartingSequenceNumber: number})
		if err != nil {
			t.Fatal(err)
		}
		out, err := k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil {
			t.Fatal(err)
		}
		if over := out.NextShardIterator == nil; over != (len(out.ChildShards) > 0) || over != (shard == *s.shard) {
			t.Errorf("shard %s: next %v, %d children", shard, out.NextShardIterator, len(out.ChildShards))
		}
		return len(out.Records)
	}
	shards := func() int {
		t.Helper()
		out, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: s.name})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Shards)
	}
	upper := "shardId-000000000002"
	if n, listed := records(*s.shard, types.ShardIteratorTypeTrimHorizon, nil), shards(); n != 3 || listed != 3 {
		t.Errorf("%d records, %d shards", n, listed)
	}
	put, err := k.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: s.name, PartitionKey: aws.String("k"), Data: []byte("child")})
	if err != nil || *put.ShardId != upper {
		t.Fatalf("%+v, %v", put, err)
	}
	// The default is a day; more is for what is still there.
	pass(25 * time.Hour)
	s.put(3, 5)
	if _, err := k.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: s.name, RetentionPeriodHours: aws.Int32(100)}); err != nil {
		t.Fatal(err)
	}
	if old, new, listed := records(*s.shard, types.ShardIteratorTypeTrimHorizon, nil), records(upper, types.ShardIteratorTypeTrimHorizon, nil), shards(); old != 0 || new != 2 || listed != 2 {
		t.Errorf("%d old records, %d new ones, %d shards", old, new, listed)
	}
	if n := records(upper, types.ShardIteratorTypeAtSequenceNumber, put.SequenceNumber); n != 2 {
		t.Errorf("from a record on that is gone: %d", n)
	}
	// Less is for everybody, at once.
	pass(50 * time.Hour)
	s.put(5, 6)
	if n := records(upper, types.ShardIteratorTypeTrimHorizon, nil); n != 3 {
		t.Errorf("within 100 hours: %d", n)
	}
	if _, err := k.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: s.name, RetentionPeriodHours: aws.Int32(24)}); err != nil {
		t.Fatal(err)
	}
	if n := records(upper, types.ShardIteratorTypeTrimHorizon, nil); n != 1 {
		t.Errorf("within 24 hours: %d", n)
	}
	if e := s.event(types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}); len(e.Records) != 0 || len(e.ChildShards) != 2 {
		t.Errorf("a subscription to a shard that is gone: %+v", e)
	}
}

// Who asks for the retention that it was told does not shorten one that is longer.
func TestKinesisRetentionForEver(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE STREAM kept WITH (format = 'raw', retention = 'forever')")
	k, ctx, name := kinesisClient(s.url()), t.Context(), aws.String("kept")
	retention := func() string { return s.csvOf(t, "SHOW STREAMS LIKE 'kept'") }
	before := retention()
	d, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
	if err != nil {
		t.Fatal(err)
	}
	told := d.StreamDescriptionSummary.RetentionPeriodHours
	if _, err := k.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: told}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: told}); err != nil {
		t.Fatal(err)
	}
	if got := retention(); *told != 8760 || got != before || !strings.Contains(got, "forever") {
		t.Errorf("told %d hours:\n%s\nand then\n%s", *told, before, got)
	}
	if _, err := k.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: aws.Int32(48)}); err != nil || !strings.Contains(retention(), "48h") {
		t.Errorf("%s, %v", retention(), err)
	}
}
