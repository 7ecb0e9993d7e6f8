package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"
)

// TestKinesisControl has good and bad requests for each operation that changes or
// tells something of a stream or the account, in an order in which they follow on
// each other.
func TestKinesisControl(t *testing.T) {
	w := newKinesisWorld(t, serveHere(t, t.TempDir()))
	ok := "<nil>"
	long := func(n int) string { return strings.Repeat("ä", n) }
	many := func(n int) map[string]string {
		out := map[string]string{}
		for i := range n {
			out[fmt.Sprint("k", i)] = "v"
		}
		return out
	}
	registered, err := w.k.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: w.arn, ConsumerName: aws.String("reader")})
	if err != nil {
		t.Fatal(err)
	}
	consumer := registered.Consumer.ConsumerARN
	gone, none := aws.String("nothing"), aws.String(strings.Replace(*w.arn, "plain", "nothing", 1))
	half := aws.String("42535295865117307932921825928971026432") // of the first of 4 shards
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kinesis:GetRecords"}]}`
	shard := func(n int) *string { return aws.String(fmt.Sprintf("shardId-%012d", n)) }
	mode := func(m types.StreamMode) *types.StreamModeDetails { return &types.StreamModeDetails{StreamMode: m} }
	metrics := func(m ...types.MetricsName) []types.MetricsName { return m }
	commitment := func(s types.MinimumThroughputBillingCommitmentInputStatus) *kinesis.UpdateAccountSettingsInput {
		return &kinesis.UpdateAccountSettingsInput{MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: s}}
	}
	s3 := &types.S3DestinationConfiguration{DataFreshnessInSeconds: aws.Int32(300), StorageConfiguration: &types.S3StorageConfiguration{
		BucketARN: aws.String("arn:aws:s3:::b"), ExpectedBucketOwner: aws.String("000000000000"), CompressionType: types.S3CompressionTypeGzip,
	}}
	channel := func(arn *string, to *types.S3DestinationConfiguration) *kinesis.CreateChannelInput {
		return &kinesis.CreateChannelInput{
			ChannelName: aws.String("c"), ServiceExecutionRoleARN: aws.String("arn:aws:iam::000000000000:role/r"), S3DestinationConfiguration: to,
			StreamConfigurationList: []types.ChannelStreamConfiguration{{StreamARN: arn, RecordConfiguration: &types.RecordConfiguration{RecordFormatType: types.RecordFormatTypeJson}}},
		}
	}
	aChannel := aws.String("arn:aws:kinesis:us-east-1:000000000000:channel/c")
	for i, c := range []struct {
		in   any
		want string // the type of the error, and a part of its text behind a space
	}{
		{&kinesis.SplitShardInput{StreamName: w.stream, ShardToSplit: shard(0), NewStartingHashKey: half}, ok},
		{&kinesis.SplitShardInput{StreamARN: w.arn, ShardToSplit: shard(0), NewStartingHashKey: half}, "InvalidArgumentException already been merged or split"},
		{&kinesis.SplitShardInput{StreamName: w.stream, ShardToSplit: shard(4), NewStartingHashKey: aws.String("1")}, "InvalidArgumentException is not both greater than one plus"},
		{&kinesis.SplitShardInput{StreamName: w.stream, ShardToSplit: shard(4), NewStartingHashKey: aws.String("999999999999999999999999999999999999999")}, "InvalidArgumentException is not both greater than one plus"},
		{&kinesis.SplitShardInput{StreamName: w.stream, ShardToSplit: shard(4), NewStartingHashKey: aws.String("007")}, "ValidationException newStartingHashKey"},
		{&kinesis.SplitShardInput{StreamName: w.stream, ShardToSplit: shard(40), NewStartingHashKey: half}, "ResourceNotFoundException Could not find shard shardId-000000000040"},
		{&kinesis.SplitShardInput{StreamName: gone, ShardToSplit: shard(0), NewStartingHashKey: half}, "ResourceNotFoundException Stream nothing under account"},
		{&kinesis.SplitShardInput{StreamARN: w.demand, ShardToSplit: shard(0), NewStartingHashKey: half}, "ValidationException ON_DEMAND"},
		{&kinesis.MergeShardsInput{StreamName: w.stream, ShardToMerge: shard(1), AdjacentShardToMerge: shard(3)}, "InvalidArgumentException are not an adjacent pair"},
		{&kinesis.MergeShardsInput{StreamName: w.stream, ShardToMerge: shard(1), AdjacentShardToMerge: shard(1)}, "InvalidArgumentException are not an adjacent pair"},
		{&kinesis.MergeShardsInput{StreamName: w.stream, ShardToMerge: shard(0), AdjacentShardToMerge: shard(1)}, "InvalidArgumentException already been merged or split"},
		{&kinesis.MergeShardsInput{StreamName: w.stream, ShardToMerge: shard(4), AdjacentShardToMerge: shard(5)}, ok},
		{&kinesis.MergeShardsInput{StreamARN: w.demand, ShardToMerge: shard(0), AdjacentShardToMerge: shard(1)}, "ValidationException ON_DEMAND"},
		{&kinesis.UpdateShardCountInput{StreamName: w.stream, TargetShardCount: aws.Int32(9), ScalingType: types.ScalingTypeUniformScaling}, "InvalidArgumentException scale up over double"},
		{&kinesis.UpdateShardCountInput{StreamName: w.stream, TargetShardCount: aws.Int32(1), ScalingType: types.ScalingTypeUniformScaling}, "InvalidArgumentException scale down below half"},
		{&kinesis.UpdateShardCountInput{StreamName: w.stream, TargetShardCount: aws.Int32(10_001), ScalingType: types.ScalingTypeUniformScaling}, "LimitExceededException beyond 10000 shards"},
		{&kinesis.UpdateShardCountInput{StreamName: w.stream, TargetShardCount: aws.Int32(0), ScalingType: types.ScalingTypeUniformScaling}, "ValidationException targetShardCount"},
		{&kinesis.UpdateShardCountInput{StreamName: w.stream, TargetShardCount: aws.Int32(4), ScalingType: "OTHER"}, "ValidationException scalingType"},
		{&kinesis.UpdateShardCountInput{StreamARN: w.demand, TargetShardCount: aws.Int32(4), ScalingType: types.ScalingTypeUniformScaling}, "ValidationException ON_DEMAND"},

		{&kinesis.IncreaseStreamRetentionPeriodInput{StreamName: w.stream, RetentionPeriodHours: aws.Int32(8761)}, "InvalidArgumentException Maximum allowed retention period is 8760 hours"},
		{&kinesis.IncreaseStreamRetentionPeriodInput{StreamName: w.stream, RetentionPeriodHours: aws.Int32(8760)}, ok},
		{&kinesis.IncreaseStreamRetentionPeriodInput{StreamName: w.stream, RetentionPeriodHours: aws.Int32(48)}, "InvalidArgumentException can not be shorter than existing retention period (8760 hours)"},
		{&kinesis.DecreaseStreamRetentionPeriodInput{StreamName: w.stream, RetentionPeriodHours: aws.Int32(23)}, "InvalidArgumentException Minimum allowed retention period is 24 hours"},
		{&kinesis.DecreaseStreamRetentionPeriodInput{StreamName: w.stream, RetentionPeriodHours: aws.Int32(48)}, ok},
		{&kinesis.DecreaseStreamRetentionPeriodInput{StreamARN: w.arn, RetentionPeriodHours: aws.Int32(49)}, "InvalidArgumentException can not be longer than existing retention period (48 hours)"},
		{&kinesis.DecreaseStreamRetentionPeriodInput{StreamName: gone, RetentionPeriodHours: aws.Int32(24)}, "ResourceNotFoundException"},

		{&kinesis.AddTagsToStreamInput{StreamName: w.stream, Tags: map[string]string{"team": "ä/b c", "empty": ""}}, ok},
		{&kinesis.AddTagsToStreamInput{StreamName: w.stream, Tags: many(49)}, "InvalidArgumentException cannot have more than 50 tags"},
		{&kinesis.AddTagsToStreamInput{StreamName: w.stream, Tags: many(51)}, "ValidationException tags"},
		{&kinesis.AddTagsToStreamInput{StreamName: w.stream, Tags: map[string]string{}}, "ValidationException tags"},
		{&kinesis.AddTagsToStreamInput{StreamName: w.stream, Tags: map[string]string{long(129): ""}}, "ValidationException keys of 1 to 128"},
		{&kinesis.AddTagsToStreamInput{StreamName: w.stream, Tags: map[string]string{"k": long(257)}}, "ValidationException values of at most 256"},
		{&kinesis.AddTagsToStreamInput{StreamName: w.stream, Tags: map[string]string{"k": "a%b"}}, "InvalidArgumentException invalid characters"},
		{&kinesis.AddTagsToStreamInput{StreamName: w.stream, Tags: map[string]string{"AWS:k": ""}}, "InvalidArgumentException reserved"},
		{&kinesis.RemoveTagsFromStreamInput{StreamName: w.stream, TagKeys: []string{"empty", "never"}}, ok},
		{&kinesis.RemoveTagsFromStreamInput{StreamName: w.stream, TagKeys: []string{}}, "ValidationException tagKeys"},
		{&kinesis.ListTagsForStreamInput{StreamName: w.stream, Limit: aws.Int32(51)}, "ValidationException limit"},
		{&kinesis.TagResourceInput{ResourceARN: consumer, Tags: map[string]string{long(128): long(256), "b": "2"}}, ok},
		{&kinesis.TagResourceInput{ResourceARN: w.consumer, Tags: map[string]string{"a": "1"}}, "ResourceNotFoundException Consumer nobody"},
		{&kinesis.TagResourceInput{ResourceARN: none, Tags: map[string]string{"a": "1"}}, "ResourceNotFoundException Stream nothing"},
		{&kinesis.TagResourceInput{ResourceARN: gone, Tags: map[string]string{"a": "1"}}, "ValidationException resourceARN"},
		{&kinesis.UntagResourceInput{ResourceARN: consumer, TagKeys: []string{long(128)}}, ok},
		{&kinesis.ListTagsForResourceInput{ResourceARN: consumer}, ok},
		{&kinesis.ListTagsForResourceInput{ResourceARN: w.consumer}, "ResourceNotFoundException"},

		{&kinesis.UpdateMaxRecordSizeInput{StreamARN: w.arn, MaxRecordSizeInKiB: aws.Int32(10240)}, ok},
		{&kinesis.UpdateMaxRecordSizeInput{StreamARN: w.arn, MaxRecordSizeInKiB: aws.Int32(10241)}, "ValidationException maxRecordSizeInKiB"},
		{&kinesis.UpdateMaxRecordSizeInput{StreamARN: w.arn, MaxRecordSizeInKiB: aws.Int32(1023)}, "ValidationException maxRecordSizeInKiB"},
		{&kinesis.UpdateStreamRecordDistributionStrategyInput{StreamARN: w.arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto}, "InvalidArgumentException ON_DEMAND"},
		{&kinesis.UpdateStreamRecordDistributionStrategyInput{StreamARN: w.demand, RecordDistributionStrategy: types.RecordDistributionStrategyAuto}, ok},
		{&kinesis.UpdateStreamRecordDistributionStrategyInput{StreamARN: w.demand, RecordDistributionStrategy: "X"}, "ValidationException recordDistributionStrategy"},
		{&kinesis.UpdateStreamModeInput{StreamARN: w.demand, StreamModeDetails: mode(types.StreamModeProvisioned)}, "InvalidArgumentException USER_PARTITION_KEY"},
		{&kinesis.UpdateStreamModeInput{StreamARN: w.demand, StreamModeDetails: mode("X")}, "ValidationException streamMode"},
		{&kinesis.UpdateStreamModeInput{StreamARN: w.arn, StreamModeDetails: mode(types.StreamModeProvisioned), WarmThroughputMiBps: aws.Int32(1)}, "ValidationException WarmThroughputMiBps"},
		{&kinesis.UpdateStreamWarmThroughputInput{StreamARN: w.demand, WarmThroughputMiBps: aws.Int32(100)}, "InvalidArgumentException MinimumThroughputBillingCommitment"},
		{commitment("SOMETIMES"), "ValidationException minimumThroughputBillingCommitment"},
		{commitment(types.MinimumThroughputBillingCommitmentInputStatusEnabled), ok},
		{&kinesis.DescribeAccountSettingsInput{}, ok},
		{&kinesis.UpdateStreamWarmThroughputInput{StreamARN: w.demand, WarmThroughputMiBps: aws.Int32(100)}, ok},
		{&kinesis.UpdateStreamWarmThroughputInput{StreamARN: w.demand, WarmThroughputMiBps: aws.Int32(0)}, "ValidationException warmThroughputMiBps"},
		{&kinesis.UpdateStreamWarmThroughputInput{StreamARN: w.demand, WarmThroughputMiBps: aws.Int32(10241)}, "LimitExceededException 10240"},
		{&kinesis.UpdateStreamWarmThroughputInput{StreamARN: w.arn, WarmThroughputMiBps: aws.Int32(100)}, "ValidationException PROVISIONED"},
		{&kinesis.DescribeLimitsInput{}, ok},

		{&kinesis.EnableEnhancedMonitoringInput{StreamName: w.stream, ShardLevelMetrics: metrics("Nothing")}, "ValidationException shardLevelMetrics"},
		{&kinesis.EnableEnhancedMonitoringInput{StreamName: w.stream, ShardLevelMetrics: []types.MetricsName{}}, "ValidationException shardLevelMetrics"},
		{&kinesis.EnableEnhancedMonitoringInput{StreamName: w.stream, ShardLevelMetrics: metrics(types.MetricsNameAll)}, ok},
		{&kinesis.DisableEnhancedMonitoringInput{StreamName: w.stream, ShardLevelMetrics: metrics(types.MetricsNameOutgoingBytes)}, ok},
		{&kinesis.StartStreamEncryptionInput{StreamName: w.stream, EncryptionType: types.EncryptionTypeNone, KeyId: aws.String("k")}, "ValidationException encryptionType"},
		{&kinesis.StartStreamEncryptionInput{StreamName: w.stream, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String(long(1025))}, "ValidationException keyId"},
		{&kinesis.StartStreamEncryptionInput{StreamName: w.stream, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String("alias/aws/kinesis")}, ok},
		{&kinesis.StopStreamEncryptionInput{StreamARN: w.demand, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String("alias/aws/kinesis")}, ok},

		{&kinesis.GetResourcePolicyInput{ResourceARN: w.arn}, "ResourceNotFoundException No resource policy found"},
		{&kinesis.DeleteResourcePolicyInput{ResourceARN: w.arn}, "ResourceNotFoundException No resource policy found"},
		{&kinesis.PutResourcePolicyInput{ResourceARN: w.arn, Policy: aws.String(policy)}, ok},
		{&kinesis.PutResourcePolicyInput{ResourceARN: consumer, Policy: aws.String(policy)}, ok},
		{&kinesis.PutResourcePolicyInput{ResourceARN: w.arn, Policy: aws.String(`{"Statement":`)}, "InvalidArgumentException no JSON"},
		{&kinesis.PutResourcePolicyInput{ResourceARN: w.arn, Policy: aws.String(`{"Statement":7}`)}, "InvalidArgumentException no Statement"},
		{&kinesis.PutResourcePolicyInput{ResourceARN: w.arn, Policy: aws.String(`[1]`)}, "InvalidArgumentException no JSON object"},
		{&kinesis.PutResourcePolicyInput{ResourceARN: w.arn, Policy: aws.String(strings.Repeat(" ", 20<<10) + policy)}, "LimitExceededException 20480 bytes"},
		{&kinesis.GetResourcePolicyInput{ResourceARN: w.arn}, ok},
		{&kinesis.DeleteResourcePolicyInput{ResourceARN: consumer}, ok},
		{&kinesis.GetResourcePolicyInput{ResourceARN: consumer}, "ResourceNotFoundException No resource policy found"},
		{&kinesis.PutResourcePolicyInput{ResourceARN: none, Policy: aws.String(policy)}, "ResourceNotFoundException Stream nothing"},

		{channel(w.demand, s3), "InvalidArgumentException CREATE SINK"},
		{channel(none, s3), "ResourceNotFoundException Stream nothing"},
		{channel(w.demand, nil), "InvalidArgumentException Either S3DestinationConfiguration"},
		{&kinesis.DescribeChannelInput{ChannelARN: aChannel}, "ResourceNotFoundException CREATE SINK"},
		{&kinesis.UpdateChannelInput{ChannelARN: aChannel}, "ResourceNotFoundException CREATE SINK"},
		{&kinesis.DeleteChannelInput{ChannelARN: gone}, "ValidationException channelARN"},
		{&kinesis.ListChannelsInput{}, ok},
		{&kinesis.ListChannelsInput{NextToken: aws.String("x")}, "InvalidArgumentException NextToken"},
	} {
		name := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", c.in), "*kinesis."), "Input")
		_, err := callKinesis(t.Context(), w.k, name, c.in)
		code, text, _ := strings.Cut(c.want, " ")
		if codeOf(err) != code || !strings.Contains(fmt.Sprint(err), text) {
			t.Errorf("%d: %s: %v, want %s", i, name, err, c.want)
		}
	}
}

// what tells all that Kinesis keeps of two streams and the account.
func (w *kinesisWorld) what(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	add := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%T: %v", v, err)
		}
		text, err := json.MarshalIndent(v, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%T %s\n", v, text)
	}
	add(w.k.DescribeAccountSettings(t.Context(), &kinesis.DescribeAccountSettingsInput{}))
	add(w.k.DescribeLimits(t.Context(), &kinesis.DescribeLimitsInput{}))
	add(w.k.GetResourcePolicy(t.Context(), &kinesis.GetResourcePolicyInput{ResourceARN: w.consumer}))
	add(w.k.ListTagsForResource(t.Context(), &kinesis.ListTagsForResourceInput{ResourceARN: w.consumer}))
	for _, arn := range []*string{w.arn, w.demand} {
		add(w.k.DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamARN: arn}))
		add(w.k.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamARN: arn}))
		add(w.k.ListShards(t.Context(), &kinesis.ListShardsInput{StreamARN: arn}))
		add(w.k.ListTagsForStream(t.Context(), &kinesis.ListTagsForStreamInput{StreamARN: arn}))
	}
	return out.String()
}

// TestKinesisSettingsStay changes everything that can be changed, and finds it after a
// restart, and from the log alone.
func TestKinesisSettingsStay(t *testing.T) {
	dir := t.TempDir()
	var want string
	var arns [3]*string
	t.Run("changed", func(t *testing.T) {
		w := newKinesisWorld(t, serveHere(t, dir))
		registered, err := w.k.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: w.arn, ConsumerName: aws.String("reader")})
		if err != nil {
			t.Fatal(err)
		}
		w.consumer = registered.Consumer.ConsumerARN
		for _, in := range []any{
			&kinesis.UpdateAccountSettingsInput{MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: "ENABLED"}},
			&kinesis.UpdateAccountSettingsInput{MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: "DISABLED"}},
			&kinesis.AddTagsToStreamInput{StreamARN: w.arn, Tags: map[string]string{"a": "1", "b": "2"}},
			&kinesis.RemoveTagsFromStreamInput{StreamARN: w.arn, TagKeys: []string{"a"}},
			&kinesis.TagResourceInput{ResourceARN: w.consumer, Tags: map[string]string{"c": "3"}},
			&kinesis.PutResourcePolicyInput{ResourceARN: w.consumer, Policy: aws.String(`{"Statement":[]}`)},
			&kinesis.UpdateMaxRecordSizeInput{StreamARN: w.arn, MaxRecordSizeInKiB: aws.Int32(2048)},
			&kinesis.UpdateStreamRecordDistributionStrategyInput{StreamARN: w.demand, RecordDistributionStrategy: "AUTO"},
			&kinesis.UpdateStreamWarmThroughputInput{StreamARN: w.demand, WarmThroughputMiBps: aws.Int32(7)},
			&kinesis.EnableEnhancedMonitoringInput{StreamARN: w.arn, ShardLevelMetrics: []types.MetricsName{"IncomingBytes"}},
			&kinesis.StartStreamEncryptionInput{StreamARN: w.arn, EncryptionType: "KMS", KeyId: aws.String("alias/k")},
			&kinesis.IncreaseStreamRetentionPeriodInput{StreamARN: w.arn, RetentionPeriodHours: aws.Int32(72)},
			&kinesis.DecreaseStreamRetentionPeriodInput{StreamARN: w.arn, RetentionPeriodHours: aws.Int32(36)},
			&kinesis.SplitShardInput{StreamARN: w.arn, ShardToSplit: aws.String("shardId-000000000001"), NewStartingHashKey: aws.String("127605887595351923798765477786913079296")},
			&kinesis.MergeShardsInput{StreamARN: w.arn, ShardToMerge: aws.String("shardId-000000000003"), AdjacentShardToMerge: aws.String("shardId-000000000002")},
		} {
			if _, err := callKinesis(t.Context(), w.k, strings.TrimSuffix(fmt.Sprintf("%T", in)[len("*kinesis."):], "Input"), in); err != nil {
				t.Fatalf("%T: %v", in, err)
			}
		}
		want, arns = w.what(t), [3]*string{w.arn, w.demand, w.consumer}
	})
	for _, part := range []string{`"RetentionPeriodHours": 36`, `"ENABLED_UNTIL_EARLIEST_ALLOWED_END"`, `"shardId-000000000006"`, `"AUTO"`, `"alias/k"`, `"IncomingBytes"`, `2048`, `"TargetMiBps": 7`, `"Key": "c"`} {
		if !strings.Contains(want, part) {
			t.Errorf("%s is missing in %s", part, want)
		}
	}
	for _, start := range []string{"from the store", "from the log"} {
		t.Run(start, func(t *testing.T) {
			if start == "from the log" {
				if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
					t.Fatal(err)
				}
			}
			s := serveHere(t, dir)
			w := &kinesisWorld{s: s, k: kinesisClient(s.url()), arn: arns[0], demand: arns[1], consumer: arns[2]}
			if d := cmp.Diff(want, w.what(t)); d != "" {
				t.Error(d)
			}
			if got := s.csvOf(t, "SHOW CREATE STREAM plain"); !strings.Contains(got, "retention = '36h'") {
				t.Error(got)
			}
		})
	}
}

// TestKinesisScaling: a stream is UPDATING until it has as many shards as it is to
// have, also over a restart.
func TestKinesisScaling(t *testing.T) {
	dir := t.TempDir()
	name := aws.String("wide")
	in := &kinesis.UpdateShardCountInput{StreamName: name, TargetShardCount: aws.Int32(150), ScalingType: types.ScalingTypeUniformScaling}
	before := 0
	t.Run("begun", func(t *testing.T) {
		w := kinesisClient(serveHere(t, dir).url())
		if _, err := w.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(100)}); err != nil {
			t.Fatal(err)
		}
		out, err := w.UpdateShardCount(t.Context(), in)
		if err != nil || *out.CurrentShardCount != 100 || *out.TargetShardCount != 150 {
			t.Fatalf("%+v, %v", out, err)
		}
		for _, op := range []any{
			in, &kinesis.SplitShardInput{StreamName: name, ShardToSplit: aws.String("shardId-000000000000"), NewStartingHashKey: aws.String("7")},
			&kinesis.AddTagsToStreamInput{StreamName: name, Tags: map[string]string{"a": ""}},
			&kinesis.IncreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: aws.Int32(48)},
		} {
			if _, err := callKinesis(t.Context(), w, strings.TrimSuffix(fmt.Sprintf("%T", op)[len("*kinesis."):], "Input"), op); codeOf(err) != "ResourceInUseException" {
				t.Errorf("%T while it is UPDATING: %v", op, err)
			}
		}
		d, err := w.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: name})
		if err != nil || d.StreamDescriptionSummary.StreamStatus != types.StreamStatusUpdating {
			t.Errorf("%+v, %v", d, err)
		}
		before = int(*d.StreamDescriptionSummary.OpenShardCount)
	})
	w := kinesisClient(serveHere(t, dir).url())
	waitActive(t, w, name)
	d, err := w.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: name})
	if err != nil || *d.StreamDescriptionSummary.OpenShardCount != 150 {
		t.Fatalf("%+v, %v", d, err)
	}
	t.Logf("%d shards were open when it was last looked at before the restart", before)
	open, err := w.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: name, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}})
	if err != nil || len(open.Shards) != 150 {
		t.Fatalf("%d shards, %v", len(open.Shards), err)
	}
}

// waitActive waits as clients do, but in shorter steps.
func waitActive(t *testing.T, k *kinesis.Client, name *string) {
	t.Helper()
	waiter := kinesis.NewStreamExistsWaiter(k, func(o *kinesis.StreamExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 100*time.Millisecond
	})
	if err := waiter.Wait(t.Context(), &kinesis.DescribeStreamInput{StreamName: name}, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
}

// With --kinesis-limits=aws a stream is scaled ten times a day, and changes its mode twice.
func TestKinesisDailyLimits(t *testing.T) {
	var ahead atomic.Int64
	s, _ := serveWith(t, func(cfg *serverConfig) {
		cfg.Kinesis.Open, cfg.Kinesis.AWSLimits = true, true
		cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	w := newKinesisWorld(t, s)
	scale := func(n int32) string {
		_, err := w.k.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: w.stream, TargetShardCount: &n, ScalingType: types.ScalingTypeUniformScaling})
		if err == nil {
			waitActive(t, w.k, w.stream)
		}
		return codeOf(err)
	}
	mode := func(m types.StreamMode) string {
		_, err := w.k.UpdateStreamMode(t.Context(), &kinesis.UpdateStreamModeInput{StreamARN: w.demand, StreamModeDetails: &types.StreamModeDetails{StreamMode: m}})
		return codeOf(err)
	}
	for i := range int32(10) {
		if got := scale(4 + i%2); got != "<nil>" {
			t.Fatalf("%d: %s", i, got)
		}
	}
	if a, b := scale(4), scale(5); a != "LimitExceededException" || b != a {
		t.Errorf("the eleventh time: %s, %s", a, b)
	}
	if a, b, c := mode("PROVISIONED"), mode("ON_DEMAND"), mode("PROVISIONED"); a != "<nil>" || b != "<nil>" || c != "LimitExceededException" {
		t.Errorf("modes: %s, %s, %s", a, b, c)
	}
	ahead.Store(int64(25 * time.Hour))
	if a, b := scale(6), mode("PROVISIONED"); a != "<nil>" || b != "<nil>" {
		t.Errorf("the next day: %s, %s", a, b)
	}
}
