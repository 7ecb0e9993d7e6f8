package kinesis

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// operation carries out a call and returns the answer; nil: it was written already.
type operation func(c *call) (any, error)

// operations returns all of them, by name.
func operations() map[string]operation {
	return map[string]operation{
		"AddTagsToStream":                        with((*call).addTagsToStream),
		"CreateChannel":                          with((*call).createChannel),
		"CreateStream":                           with((*call).createStream),
		"DecreaseStreamRetentionPeriod":          with((*call).decreaseRetention),
		"DeleteChannel":                          with((*call).noChannel),
		"DeleteResourcePolicy":                   with((*call).deleteResourcePolicy),
		"DeleteStream":                           with((*call).deleteStream),
		"DeregisterStreamConsumer":               with((*call).deregisterStreamConsumer),
		"DescribeAccountSettings":                with((*call).describeAccountSettings),
		"DescribeChannel":                        with((*call).noChannel),
		"DescribeLimits":                         with((*call).describeLimits),
		"DescribeStream":                         with((*call).describeStream),
		"DescribeStreamConsumer":                 with((*call).describeStreamConsumer),
		"DescribeStreamSummary":                  with((*call).describeStreamSummary),
		"DisableEnhancedMonitoring":              with((*call).disableMonitoring),
		"EnableEnhancedMonitoring":               with((*call).enableMonitoring),
		"GetRecords":                             with((*call).getRecords),
		"GetResourcePolicy":                      with((*call).getResourcePolicy),
		"GetShardIterator":                       with((*call).getShardIterator),
		"IncreaseStreamRetentionPeriod":          with((*call).increaseRetention),
		"ListChannels":                           with((*call).listChannels),
		"ListShards":                             with((*call).listShards),
		"ListStreamConsumers":                    with((*call).listStreamConsumers),
		"ListStreams":                            with((*call).listStreams),
		"ListTagsForResource":                    with((*call).listTagsForResource),
		"ListTagsForStream":                      with((*call).listTagsForStream),
		"MergeShards":                            with((*call).mergeShards),
		"PutRecord":                              with((*call).putRecord),
		"PutRecords":                             with((*call).putRecords),
		"PutResourcePolicy":                      with((*call).putResourcePolicy),
		"RegisterStreamConsumer":                 with((*call).registerStreamConsumer),
		"RemoveTagsFromStream":                   with((*call).removeTagsFromStream),
		"SplitShard":                             with((*call).splitShard),
		"StartStreamEncryption":                  with((*call).startEncryption),
		"StopStreamEncryption":                   with((*call).stopEncryption),
		"SubscribeToShard":                       with((*call).subscribeToShard),
		"TagResource":                            with((*call).tagResource),
		"UntagResource":                          with((*call).untagResource),
		"UpdateAccountSettings":                  with((*call).updateAccountSettings),
		"UpdateChannel":                          with((*call).noChannel),
		"UpdateMaxRecordSize":                    with((*call).updateMaxRecordSize),
		"UpdateShardCount":                       with((*call).updateShardCount),
		"UpdateStreamMode":                       with((*call).updateStreamMode),
		"UpdateStreamRecordDistributionStrategy": with((*call).updateDistribution),
		"UpdateStreamWarmThroughput":             with((*call).updateWarmThroughput),
	}
}

// with returns the operation that reads a request of type I, holds it against its rules and
// does something with it.
func with[I any](do func(c *call, in *I) (any, error)) operation {
	return func(c *call) (any, error) {
		var in I
		if len(c.body) > 0 {
			if err := c.codec.decode(c.body, &in); err != nil {
				return nil, unreadable(err)
			}
		}
		if r, ok := any(&in).(ruled); ok {
			if err := r.rules(); err != nil {
				return nil, err
			}
		}
		return do(c, &in)
	}
}

// unreadable says why a request cannot be read, in the words of the API.
func unreadable(err error) *Error {
	var inJSON *json.UnmarshalTypeError
	var inCBOR *cbor.UnmarshalTypeError
	switch {
	case errors.As(err, &inJSON) && inJSON.Field != "":
		return fail(serialization, "the member %s cannot be a JSON %s", member(inJSON.Field), inJSON.Value)
	case errors.As(err, &inJSON):
		return fail(serialization, "a request is an object, and no JSON %s", inJSON.Value)
	case errors.As(err, &inCBOR) && inCBOR.StructFieldName != "":
		return fail(serialization, "the member %s cannot be a CBOR %s", member(inCBOR.StructFieldName), inCBOR.CBORType)
	case errors.As(err, &inCBOR):
		return fail(serialization, "a request is a map, and no CBOR %s", inCBOR.CBORType)
	}
	return fail(serialization, "%s", err)
}

// member returns the name at the end of a path of fields.
func member(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }
