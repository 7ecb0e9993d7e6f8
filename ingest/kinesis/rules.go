package kinesis

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// What the model of the API says of a member holds whatever streams there are. AWS checks
// it first: a request that breaks a rule gets a ValidationException also where its stream
// is not there. A text that is empty is taken for one that is not there.

// ruled is a request with rules.
type ruled interface{ rules() error }

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *Named) rules() error {
	if n.StreamName != "" {
		if err := checkName(n.StreamName, "streamName"); err != nil {
			return err
		}
	}
	return arnRule(n.StreamARN)
}

// arnRule is for the name of a stream in the whole world, if it is there.
func arnRule(arn string) error {
	if arn == "" {
		return nil
	}
	_, err := parseStreamARN(arn)
	return err
}

// mustHave is for a member that has to be there.
func mustHave(there bool, member string) error {
	if there {
		return nil
	}
	return missing(member)
}

// needsARN is for requests that name a stream by its ARN alone.
func needsARN(arn string) error { return first(mustHave(arn != "", "streamARN"), arnRule(arn)) }

// enumRule is for one of a few words.
func enumRule(value, member string, words ...string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return invalid(value, member, "satisfy enum value set: [%s]", strings.Join(words, ", "))
}

// optionalName is for the name of a shard or a stream, if it is there.
func optionalName(name, member string) error {
	if name == "" {
		return nil
	}
	return checkName(name, member)
}

const (
	hashPattern   = `0|([1-9]\d{0,38})`
	numberPattern = `0|([1-9]\d{0,128})`
)

// isDecimal tells whether a text is a number without leading zeros of so many digits at most.
func isDecimal(s string, digits int) bool {
	return s != "" && len(s) <= digits && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) && (len(s) == 1 || s[0] != '0')
}

// isHash tells whether a text has the form of a hash.
func isHash(s string) bool { return isDecimal(s, 39) }

// numberRule is for a sequence number, if it is there.
func numberRule(number, member string) error {
	if number == "" || isDecimal(number, 129) {
		return nil
	}
	return invalid(number, member, "satisfy regular expression pattern: %s", numberPattern)
}

// limitRule is for how many items a page is to have.
func limitRule(asked *int, member string) error {
	_, err := pageSize(asked, member, pageMax)
	return err
}

func (p *position) rules(member, numberMember string) error {
	return first(
		enumRule(p.Type, member, "AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"),
		numberRule(p.SequenceNumber, numberMember))
}

func (in *getShardIterator) rules() error {
	p := in.position()
	return first(in.Named.rules(), checkName(in.ShardId, "shardId"), p.rules("shardIteratorType", "startingSequenceNumber"))
}

func (in *subscribeToShard) rules() error {
	if err := first(mustHave(in.ConsumerARN != "", "consumerARN"), mustHave(in.StartingPosition != nil, "startingPosition")); err != nil {
		return err
	}
	_, _, _, err := parseConsumerARN(in.ConsumerARN)
	return first(err, checkName(in.ShardId, "shardId"), in.StartingPosition.rules("startingPosition.type", "startingPosition.sequenceNumber"))
}

func (in *getRecords) rules() error {
	if n := len(in.ShardIterator); n < 1 || n > 512 {
		return invalid(in.ShardIterator, "shardIterator", "have length between 1 and 512")
	}
	return first(limitRule(in.Limit, "limit"), arnRule(in.StreamARN))
}

func (in *putRecord) rules() error {
	return first(in.Named.rules(), in.entry.rules(-1), numberRule(in.SequenceNumberForOrdering, "sequenceNumberForOrdering"))
}

func (in *putRecords) rules() error {
	if err := in.Named.rules(); err != nil {
		return err
	}
	if n := len(in.Records); n < 1 || n > requestRecords {
		return invalid(itoa(n), "records", "have length between 1 and %d", requestRecords)
	}
	for i := range in.Records {
		if err := in.Records[i].rules(i); err != nil {
			return err
		}
	}
	return nil
}

func (in *splitShard) rules() error {
	err := first(in.Named.rules(), checkName(in.ShardToSplit, "shardToSplit"))
	if err == nil && !isHash(in.NewStartingHashKey) {
		err = invalid(in.NewStartingHashKey, "newStartingHashKey", "satisfy regular expression pattern: %s", hashPattern)
	}
	return err
}

func (in *mergeShards) rules() error {
	return first(in.Named.rules(), checkName(in.ShardToMerge, "shardToMerge"), checkName(in.AdjacentShardToMerge, "adjacentShardToMerge"))
}

func (in *updateShardCount) rules() error {
	if err := first(in.Named.rules(), mustHave(in.TargetShardCount != nil, "targetShardCount")); err != nil {
		return err
	}
	if n := *in.TargetShardCount; n < 1 {
		return invalid(itoa(n), "targetShardCount", "have value greater than or equal to 1")
	}
	return enumRule(in.ScalingType, "scalingType", "UNIFORM_SCALING")
}

func (in *describeStream) rules() error {
	return first(in.Named.rules(), limitRule(in.Limit, "limit"), optionalName(in.ExclusiveStartShardId, "exclusiveStartShardId"))
}

func (in *listStreams) rules() error {
	return first(limitRule(in.Limit, "limit"), optionalName(in.ExclusiveStartStreamName, "exclusiveStartStreamName"))
}

func (in *listShards) rules() error {
	err := first(in.Named.rules(), limitRule(in.MaxResults, "maxResults"), optionalName(in.ExclusiveStartShardId, "exclusiveStartShardId"))
	if f := in.ShardFilter; err == nil && f != nil {
		err = first(
			enumRule(f.Type, "shardFilter.type", "AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST", "AT_TIMESTAMP", "FROM_TIMESTAMP"),
			optionalName(f.ShardId, "shardFilter.shardId"))
	}
	return err
}

func (in *listConsumers) rules() error {
	return first(needsARN(in.StreamARN), limitRule(in.MaxResults, "maxResults"))
}

func (in *registerConsumer) rules() error {
	return first(needsARN(in.StreamARN), checkName(in.ConsumerName, "consumerName"), checkTags(in.Tags))
}

func (in *ConsumerRef) rules() error {
	err := first(arnRule(in.StreamARN), optionalName(in.ConsumerName, "consumerName"))
	if err == nil && in.ConsumerARN != "" {
		_, _, _, err = parseConsumerARN(in.ConsumerARN)
	}
	return err
}

func (in *retentionPeriod) rules() error {
	return first(in.Named.rules(), mustHave(in.RetentionPeriodHours != nil, "retentionPeriodHours"))
}

func (in *addTags) rules() error { return first(in.Named.rules(), someTags(in.Tags)) }

func (in *removeTags) rules() error { return first(in.Named.rules(), tagKeys(in.TagKeys)) }

func (in *tagResource) rules() error { return first(resourceRule(in.ResourceARN), someTags(in.Tags)) }

func (in *untagResource) rules() error {
	return first(resourceRule(in.ResourceARN), tagKeys(in.TagKeys))
}

func (in *resourcePolicy) rules() error {
	return first(resourceRule(in.ResourceARN), mustHave(in.Policy != nil, "policy"))
}

func resourceRule(arn string) error {
	_, _, _, err := parseResource(arn)
	return err
}

// someTags is for tags that are added.
func someTags(tags map[string]string) error {
	if len(tags) == 0 {
		return invalid("{}", "tags", "have length greater than or equal to 1")
	}
	return checkTags(tags)
}

// tagKeys is for tags that are removed.
func tagKeys(keys []string) error {
	if n := len(keys); n < 1 || n > tagsMax {
		return invalid(itoa(n), "tagKeys", "have length between 1 and %d", tagsMax)
	}
	for _, k := range keys {
		if err := checkTag(k, ""); err != nil {
			return err
		}
	}
	return nil
}

func (in *listTags) rules() error {
	if err := in.Named.rules(); err != nil {
		return err
	}
	if n := in.Limit; n != nil && (*n < 1 || *n > tagsMax) {
		return invalid(itoa(*n), "limit", "have value between 1 and %d", tagsMax)
	}
	if utf8.RuneCountInString(in.ExclusiveStartTagKey) > tagKeyMax {
		return invalid(in.ExclusiveStartTagKey, "exclusiveStartTagKey", "have length less than or equal to %d", tagKeyMax)
	}
	return nil
}

func (in *updateStreamMode) rules() error {
	if err := first(needsARN(in.StreamARN), mustHave(in.StreamModeDetails != nil, "streamModeDetails")); err != nil {
		return err
	}
	return checkMode(in.StreamModeDetails.StreamMode)
}

func (in *updateMaxRecordSize) rules() error {
	if err := first(needsARN(in.StreamARN), mustHave(in.MaxRecordSizeInKiB != nil, "maxRecordSizeInKiB")); err != nil {
		return err
	}
	return checkRecordSize(*in.MaxRecordSizeInKiB)
}

func (in *updateWarmThroughput) rules() error {
	if err := first(in.Named.rules(), mustHave(in.WarmThroughputMiBps != nil, "warmThroughputMiBps")); err != nil {
		return err
	}
	return warmRule(*in.WarmThroughputMiBps)
}

func warmRule(mibps int) error {
	if mibps < 1 {
		return invalid(itoa(mibps), "warmThroughputMiBps", "have value greater than or equal to 1")
	}
	return nil
}

func (in *updateDistribution) rules() error {
	return first(needsARN(in.StreamARN), mustHave(in.RecordDistributionStrategy != "", "recordDistributionStrategy"),
		enumRule(in.RecordDistributionStrategy, "recordDistributionStrategy", byUserKey, byService))
}

func (in *enhancedMonitoring) rules() error {
	if err := in.Named.rules(); err != nil {
		return err
	}
	all := append(metrics(), allMetrics)
	if n := len(in.ShardLevelMetrics); n < 1 || n >= len(all) {
		return invalid(itoa(n), "shardLevelMetrics", "have length between 1 and %d", len(all)-1)
	}
	for _, m := range in.ShardLevelMetrics {
		if err := enumRule(m, "shardLevelMetrics", all...); err != nil {
			return err
		}
	}
	return nil
}

func (in *streamEncryption) rules() error {
	err := first(in.Named.rules(), enumRule(in.EncryptionType, "encryptionType", byKMS))
	if n := len(in.KeyId); err == nil && (n < 1 || n > 2048) {
		err = invalid(in.KeyId, "keyId", "have length greater than or equal to 1 and less than or equal to 2048")
	}
	return err
}
