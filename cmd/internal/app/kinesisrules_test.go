package app

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

// TestKinesisRules: what breaks a rule of the API's model is told as that also where the
// stream is not there; what keeps them, up to the bound, gets as far as the stream.
func TestKinesisRules(t *testing.T) {
	s := serveHere(t, t.TempDir())
	call := func(t *testing.T, operation string, members map[string]any) (kind, message string) {
		t.Helper()
		body, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		_, got := post(t, s.url(), "application/x-amz-json-1.1", string(body), map[string]string{"X-Amz-Target": "Kinesis_20131202." + operation})
		var told struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(got, &told); err != nil {
			t.Fatalf("%s: %s", err, got)
		}
		return told.Type, told.Message
	}
	const (
		arn      = `"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/ghost"`
		resource = `"ResourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/ghost"`
		consumer = `"ConsumerARN":"arn:aws:kinesis:us-east-1:123456789012:stream/ghost/consumer/c:1700000000"`
		name     = `"StreamName":"ghost"`
	)
	x := func(n int) string { return strings.Repeat("x", n) }
	badName := `streamName:{"StreamName":"a b"}`
	badARN := `streamARN:{"StreamARN":"arn:aws:kinesis:us-east-1:12345:stream/ghost"}`
	// Of each operation a request that is good, and members that make it bad, with the
	// member that the answer names.
	for operation, c := range map[string]struct {
		good   []string
		broken []string
	}{
		"AddTagsToStream":       {[]string{name + `,"Tags":{"` + x(128) + `":"` + x(256) + `"}`}, []string{badName, badARN, `tags:{"Tags":{}}`, `tags:{"Tags":null}`, `tags:{"Tags":{"` + x(129) + `":""}}`}},
		"RemoveTagsFromStream":  {[]string{name + `,"TagKeys":["` + x(128) + `"]`}, []string{badName, `tagKeys:{"TagKeys":[]}`, `tagKeys:{"TagKeys":null}`, `tags:{"TagKeys":[""]}`}},
		"ListTagsForStream":     {[]string{name + `,"Limit":1`, name + `,"Limit":50`}, []string{badName, `limit:{"Limit":0}`, `limit:{"Limit":51}`}},
		"TagResource":           {[]string{resource + `,"Tags":{"a":""}`}, []string{`resourceARN:{"ResourceARN":"x"}`, `tags:{"Tags":{}}`}},
		"UntagResource":         {[]string{resource + `,"TagKeys":["a"]`}, []string{`resourceARN:{"ResourceARN":null}`, `tagKeys:{"TagKeys":[]}`}},
		"PutResourcePolicy":     {[]string{resource + `,"Policy":"{}"`}, []string{`resourceARN:{"ResourceARN":"x"}`, `policy:{"Policy":null}`}},
		"DeleteStream":          {[]string{name, arn}, []string{badName, badARN}},
		"DescribeStream":        {[]string{name + `,"Limit":1,"ExclusiveStartShardId":"shardId-000000000000"`, arn + `,"Limit":10000`}, []string{badName, `limit:{"Limit":0}`, `limit:{"Limit":10001}`, `exclusiveStartShardId:{"ExclusiveStartShardId":"a b"}`}},
		"DescribeStreamSummary": {[]string{name, arn}, []string{badName, badARN, `streamName:{"StreamName":"` + x(129) + `"}`}},
		"ListShards": {
			[]string{name + `,"MaxResults":10000,"ShardFilter":{"Type":"AFTER_SHARD_ID","ShardId":"shardId-000000000000"}`},
			[]string{badName, `maxResults:{"MaxResults":0}`, `maxResults:{"MaxResults":10001}`, `exclusiveStartShardId:{"ExclusiveStartShardId":"!"}`, `shardFilter.type:{"ShardFilter":{}}`, `shardFilter.type:{"ShardFilter":{"Type":"AT"}}`, `shardFilter.shardId:{"ShardFilter":{"Type":"AFTER_SHARD_ID","ShardId":"!"}}`},
		},
		"GetShardIterator": {
			[]string{name + `,"ShardId":"shardId-000000000000","ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"1` + strings.Repeat("0", 128) + `"`},
			[]string{badName, `shardId:{"ShardId":null}`, `shardId:{"ShardId":"` + x(129) + `"}`, `shardId:{"ShardId":"a b"}`, `shardIteratorType:{"ShardIteratorType":null}`, `shardIteratorType:{"ShardIteratorType":"NEWEST"}`, `startingSequenceNumber:{"StartingSequenceNumber":"01"}`, `startingSequenceNumber:{"StartingSequenceNumber":"1` + strings.Repeat("0", 129) + `"}`},
		},
		"PutRecord": {
			[]string{name + `,"Data":"","PartitionKey":"` + strings.Repeat("☃", 256) + `","ExplicitHashKey":"0"`},
			[]string{badName, `data:{"Data":null}`, `partitionKey:{"PartitionKey":"` + strings.Repeat("☃", 257) + `"}`, `explicitHashKey:{"ExplicitHashKey":"00"}`, `explicitHashKey:{"ExplicitHashKey":"` + strings.Repeat("1", 40) + `"}`, `sequenceNumberForOrdering:{"SequenceNumberForOrdering":"x"}`},
		},
		"PutRecords": {
			[]string{name + `,"Records":[` + strings.Repeat(`{"Data":"","PartitionKey":"k"},`, 499) + `{"Data":"","PartitionKey":"k"}]`},
			[]string{badName, `records:{"Records":[]}`, `records:{"Records":[` + strings.Repeat(`{"Data":"","PartitionKey":"k"},`, 500) + `{"Data":"","PartitionKey":"k"}]}`, `records.2.member.data:{"Records":[{"Data":"","PartitionKey":"k"},{"PartitionKey":"k"}]}`, `records.1.member.partitionKey:{"Records":[{"Data":"","PartitionKey":"` + x(257) + `"}]}`, `records.1.member.explicitHashKey:{"Records":[{"Data":"","PartitionKey":"k","ExplicitHashKey":"-1"}]}`},
		},
		"SplitShard":                             {[]string{name + `,"ShardToSplit":"shardId-000000000000","NewStartingHashKey":"0"`}, []string{badName, `shardToSplit:{"ShardToSplit":null}`, `newStartingHashKey:{"NewStartingHashKey":null}`, `newStartingHashKey:{"NewStartingHashKey":"x"}`}},
		"MergeShards":                            {[]string{name + `,"ShardToMerge":"a","AdjacentShardToMerge":"b"`}, []string{badName, `shardToMerge:{"ShardToMerge":""}`, `adjacentShardToMerge:{"AdjacentShardToMerge":"?"}`}},
		"UpdateShardCount":                       {[]string{name + `,"TargetShardCount":1,"ScalingType":"UNIFORM_SCALING"`}, []string{badName, `targetShardCount:{"TargetShardCount":0}`, `targetShardCount:{"TargetShardCount":null}`, `scalingType:{"ScalingType":null}`}},
		"IncreaseStreamRetentionPeriod":          {[]string{name + `,"RetentionPeriodHours":24`}, []string{badName, `retentionPeriodHours:{"RetentionPeriodHours":null}`}},
		"EnableEnhancedMonitoring":               {[]string{name + `,"ShardLevelMetrics":["ALL"]`}, []string{badName, `shardLevelMetrics:{"ShardLevelMetrics":[]}`, `shardLevelMetrics:{"ShardLevelMetrics":["all"]}`}},
		"StartStreamEncryption":                  {[]string{name + `,"EncryptionType":"KMS","KeyId":"` + x(2048) + `"`}, []string{badName, `encryptionType:{"EncryptionType":"AES"}`, `keyId:{"KeyId":null}`, `keyId:{"KeyId":"` + x(2049) + `"}`}},
		"UpdateStreamMode":                       {[]string{arn + `,"StreamModeDetails":{"StreamMode":"ON_DEMAND"}`}, []string{badARN, `streamARN:{"StreamARN":null}`, `streamModeDetails:{"StreamModeDetails":null}`, `streamMode:{"StreamModeDetails":{"StreamMode":"X"}}`}},
		"UpdateMaxRecordSize":                    {[]string{arn + `,"MaxRecordSizeInKiB":1024`, arn + `,"MaxRecordSizeInKiB":10240`}, []string{badARN, `maxRecordSizeInKiB:{"MaxRecordSizeInKiB":1023}`, `maxRecordSizeInKiB:{"MaxRecordSizeInKiB":10241}`, `maxRecordSizeInKiB:{"MaxRecordSizeInKiB":null}`}},
		"UpdateStreamWarmThroughput":             {[]string{name + `,"WarmThroughputMiBps":1`}, []string{badName, `warmThroughputMiBps:{"WarmThroughputMiBps":0}`}},
		"UpdateStreamRecordDistributionStrategy": {[]string{arn + `,"RecordDistributionStrategy":"AUTO"`}, []string{badARN, `recordDistributionStrategy:{"RecordDistributionStrategy":"X"}`, `recordDistributionStrategy:{"RecordDistributionStrategy":null}`}},
		"RegisterStreamConsumer":                 {[]string{arn + `,"ConsumerName":"` + x(128) + `"`}, []string{badARN, `consumerName:{"ConsumerName":"` + x(129) + `"}`, `consumerName:{"ConsumerName":null}`}},
		"DescribeStreamConsumer":                 {[]string{consumer, arn + `,"ConsumerName":"c"`}, []string{badARN, `consumerARN:{"ConsumerARN":"x"}`, `consumerName:{"ConsumerName":"a b"}`}},
		"ListStreamConsumers":                    {[]string{arn + `,"MaxResults":10000`}, []string{badARN, `streamARN:{"StreamARN":null}`, `maxResults:{"MaxResults":10001}`}},
		"SubscribeToShard": {
			[]string{consumer + `,"ShardId":"shardId-000000000000","StartingPosition":{"Type":"LATEST"}`},
			[]string{`consumerARN:{"ConsumerARN":null}`, `consumerARN:{"ConsumerARN":"x"}`, `shardId:{"ShardId":null}`, `startingPosition:{"StartingPosition":null}`, `startingPosition.type:{"StartingPosition":{}}`, `startingPosition.sequenceNumber:{"StartingPosition":{"Type":"AT_SEQUENCE_NUMBER","SequenceNumber":"x"}}`},
		},
	} {
		t.Run(operation, func(t *testing.T) {
			for i, text := range c.good {
				good := map[string]any{}
				if err := json.Unmarshal([]byte("{"+text+"}"), &good); err != nil {
					t.Fatal(err)
				}
				if kind, message := call(t, operation, good); kind != "ResourceNotFoundException" {
					t.Errorf("%.80s: %s: %s", text, kind, message)
				}
				if i > 0 {
					continue
				}
				for _, b := range c.broken {
					member, change, _ := strings.Cut(b, ":")
					bad := maps.Clone(good)
					if err := json.Unmarshal([]byte(change), &bad); err != nil {
						t.Fatal(err)
					}
					if kind, message := call(t, operation, bad); kind != "ValidationException" || !strings.Contains(message, member+"'") {
						t.Errorf("%.80s: %s: %s", b, kind, message)
					}
				}
			}
		})
	}
}
