package kinesis

import (
	"fmt"
	"slices"
	"strings"

	"weir/ingest"
)

const (
	// consumersMax is how many consumers a stream may have, and committedConsumersMax
	// an on-demand stream in an account with a commitment.
	consumersMax          = 20
	committedConsumersMax = 50
)

// mostConsumers returns how many consumers a stream may have now.
func (c *call) mostConsumers(set *Settings) int {
	if set.OnDemand && c.h.cfg.Streams.Account().active(c.now()) {
		return committedConsumersMax
	}
	return consumersMax
}

// consumerARN returns the name of a consumer in the whole world.
func (c *call) consumerARN(streamName string, who *Consumer) string {
	return fmt.Sprintf("%s/consumer/%s:%d", c.streamARN(streamName), who.Name, ingest.Seconds(who.Created))
}

// ConsumerInfo is a consumer on the wire.
type ConsumerInfo struct {
	ConsumerName              string
	ConsumerARN               string
	ConsumerStatus            string
	ConsumerCreationTimestamp Timestamp
	StreamARN                 string `json:",omitempty"`
}

func (c *call) consumerInfo(s Stream, who *Consumer) ConsumerInfo {
	return ConsumerInfo{
		ConsumerName: who.Name, ConsumerARN: c.consumerARN(s.Name, who), ConsumerStatus: "ACTIVE",
		ConsumerCreationTimestamp: Timestamp(who.Created),
	}
}

// parseConsumerARN returns the stream and the consumer that an ARN names.
func parseConsumerARN(arn string) (streamName, consumer string, created uint64, err error) {
	streamARN, rest, ok := strings.Cut(arn, "/consumer/")
	name, at, dated := strings.Cut(rest, ":")
	if ok && dated && len(arn) <= arnMax {
		if streamName, err = parseStreamARN(streamARN); err == nil && checkName(name, "consumerName") == nil {
			if _, err := fmt.Sscanf(at, "%d", &created); err == nil && created > 0 && fmt.Sprint(created) == at {
				return streamName, name, created, nil
			}
		}
	}
	return "", "", 0, invalid(arn, "consumerARN", "satisfy regular expression pattern: ^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+")
}

// ConsumerRef names a consumer by its ARN, or by its stream and name.
type ConsumerRef struct {
	StreamARN    string
	ConsumerName string
	ConsumerARN  string
}

// consumer returns the consumer that a request is about.
func (c *call) consumer(ref ConsumerRef) (Stream, *Consumer, error) {
	var streamName, name string
	var created uint64
	var err error
	if ref.ConsumerARN != "" {
		streamName, name, created, err = parseConsumerARN(ref.ConsumerARN)
	} else {
		if ref.StreamARN == "" || ref.ConsumerName == "" {
			return Stream{}, nil, fail(invalidArgument, "Specify either the ConsumerARN, or both the StreamARN and the ConsumerName.")
		}
		streamName, err = parseStreamARN(ref.StreamARN)
		name = ref.ConsumerName
	}
	if err != nil {
		return Stream{}, nil, err
	}
	s, err := c.stream(Named{StreamName: streamName})
	if err != nil {
		return Stream{}, nil, err
	}
	if found := s.Settings.consumer(name, created); found != nil {
		return s, found, nil
	}
	return Stream{}, nil, c.noConsumer(streamName, name)
}

// noConsumer says that a stream has no consumer of a name.
func (c *call) noConsumer(streamName, name string) error {
	return fail(resourceNotFound, "Consumer %s of stream %s under account %s not found.", clip(name), streamName, c.account)
}

type registerConsumer struct {
	StreamARN    string
	ConsumerName string
	Tags         map[string]string
}

func (c *call) registerStreamConsumer(in *registerConsumer) (any, error) {
	s, err := c.streamByARN(in.StreamARN)
	if err != nil {
		return nil, err
	}
	most := c.mostConsumers(s.Settings)
	who := Consumer{Name: in.ConsumerName, Created: c.now(), Tags: in.Tags}
	err = c.h.cfg.Streams.Amend(c.ctx, s.ID, func(set *Settings) error {
		i, there := slices.BinarySearchFunc(set.Consumers, who.Name, func(k Consumer, name string) int { return strings.Compare(k.Name, name) })
		switch {
		case there:
			return fail(resourceInUse, "Consumer %s of stream %s under account %s already exists.", who.Name, s.Name, c.account)
		case len(set.Consumers) >= most:
			return fail(limitExceeded, "Stream %s has %d consumers; the most that it can have is %d.", s.Name, len(set.Consumers), most)
		}
		set.Consumers = slices.Insert(set.Consumers, i, who)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return struct{ Consumer ConsumerInfo }{c.consumerInfo(s, &who)}, nil
}

func (c *call) deregisterStreamConsumer(in *ConsumerRef) (any, error) {
	s, who, err := c.consumer(*in)
	if err != nil {
		return nil, err
	}
	err = c.h.cfg.Streams.Amend(c.ctx, s.ID, func(set *Settings) error {
		set.Consumers = slices.DeleteFunc(set.Consumers, func(k Consumer) bool { return k.Name == who.Name })
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.h.subscriptions.end(s.ID, who.Name, fail(resourceNotFound, "Consumer %s of stream %s was deregistered.", who.Name, s.Name))
	return empty{}, nil
}

func (c *call) describeStreamConsumer(in *ConsumerRef) (any, error) {
	s, who, err := c.consumer(*in)
	if err != nil {
		return nil, err
	}
	info := c.consumerInfo(s, who)
	info.StreamARN = c.streamARN(s.Name)
	return struct{ ConsumerDescription ConsumerInfo }{info}, nil
}

type listConsumers struct {
	StreamARN               string
	NextToken               string
	MaxResults              *int
	StreamCreationTimestamp *Timestamp
}

// consumersListed is how many consumers ListStreamConsumers lists at once.
const consumersListed = 100

func (c *call) listStreamConsumers(in *listConsumers) (any, error) {
	limit, err := pageSize(in.MaxResults, "maxResults", consumersListed)
	if err != nil {
		return nil, err
	}
	s, err := c.streamByARN(in.StreamARN)
	if err == nil {
		err = c.madeAt(s, in.StreamCreationTimestamp)
	}
	if err != nil {
		return nil, err
	}
	after := ""
	if in.NextToken != "" {
		var t listToken
		if err := c.openToken(kindConsumers, in.NextToken, &t); err != nil {
			return nil, err
		}
		if after = t.After; t.Stream != s.ID {
			return nil, fail(invalidArgument, "NextToken is of another stream.")
		}
	}
	out := struct {
		Consumers []ConsumerInfo
		NextToken string `json:",omitempty"`
	}{Consumers: []ConsumerInfo{}}
	for i := range s.Settings.Consumers {
		who := &s.Settings.Consumers[i]
		if who.Name <= after {
			continue
		}
		if len(out.Consumers) == limit {
			out.NextToken = c.token(kindConsumers, listToken{Stream: s.ID, After: out.Consumers[limit-1].ConsumerName})
			break
		}
		out.Consumers = append(out.Consumers, c.consumerInfo(s, who))
	}
	return out, nil
}
