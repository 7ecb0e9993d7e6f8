package kinesis

// operation carries out a call and returns the answer; nil: it was written already.
type operation func(c *call) (any, error)

// operations returns all of them, by name.
func operations() map[string]operation {
	return map[string]operation{
		"CreateStream":             with((*call).createStream),
		"DeleteStream":             with((*call).deleteStream),
		"DeregisterStreamConsumer": with((*call).deregisterStreamConsumer),
		"DescribeStreamConsumer":   with((*call).describeStreamConsumer),
		"ListStreamConsumers":      with((*call).listStreamConsumers),
		"RegisterStreamConsumer":   with((*call).registerStreamConsumer),
		"SubscribeToShard":         with((*call).subscribeToShard),
		"DescribeStream":           with((*call).describeStream),
		"DescribeStreamSummary":    with((*call).describeStreamSummary),
		"GetRecords":               with((*call).getRecords),
		"GetShardIterator":         with((*call).getShardIterator),
		"ListShards":               with((*call).listShards),
		"ListStreams":              with((*call).listStreams),
		"PutRecord":                with((*call).putRecord),
		"PutRecords":               with((*call).putRecords),
	}
}

// with returns the operation that reads a request of type I and does something with it.
func with[I any](do func(c *call, in *I) (any, error)) operation {
	return func(c *call) (any, error) {
		var in I
		if len(c.body) > 0 {
			if err := c.codec.decode(c.body, &in); err != nil {
				return nil, fail(serialization, "%s", err)
			}
		}
		return do(c, &in)
	}
}
