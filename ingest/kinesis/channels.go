package kinesis

import "strings"

// A channel of Kinesis writes a stream's records to S3. A server has none of them:
// what leaves it leaves by a sink.

const bySink = "weir does not deliver to Amazon S3; CREATE SINK … FROM view WITH (…) writes what a query makes of a stream to files, InfluxDB or PostgreSQL"

type createChannel struct {
	ChannelName                      string
	ServiceExecutionRoleARN          string
	StreamConfigurationList          []struct{ StreamARN string }
	S3DestinationConfiguration       *struct{}
	S3TablesDestinationConfiguration *struct{}
}

func (c *call) createChannel(in *createChannel) (any, error) {
	if err := checkName(in.ChannelName, "channelName"); err != nil {
		return nil, err
	}
	if in.ServiceExecutionRoleARN == "" {
		return nil, missing("serviceExecutionRoleARN")
	}
	if n := len(in.StreamConfigurationList); n != 1 {
		return nil, invalid(itoa(n), "streamConfigurationList", "have length 1")
	}
	if _, err := c.streamByARN(in.StreamConfigurationList[0].StreamARN); err != nil {
		return nil, err
	}
	if (in.S3DestinationConfiguration == nil) == (in.S3TablesDestinationConfiguration == nil) {
		return nil, fail(invalidArgument, "Either S3DestinationConfiguration or S3TablesDestinationConfiguration must be specified, but not both.")
	}
	return nil, fail(invalidArgument, "Channel %s cannot be created: %s.", in.ChannelName, bySink)
}

type namedChannel struct {
	ChannelARN string
}

// noChannel is what all operations on one channel say.
func (c *call) noChannel(in *namedChannel) (any, error) {
	if in.ChannelARN == "" {
		return nil, missing("channelARN")
	}
	if parts := strings.SplitN(in.ChannelARN, ":", 6); len(parts) != 6 || parts[0] != "arn" || parts[2] != "kinesis" || len(in.ChannelARN) > arnMax {
		return nil, invalid(in.ChannelARN, "channelARN", "satisfy regular expression pattern: arn:aws.*:kinesis:.*:\\d{12}:.*")
	}
	return nil, fail(resourceNotFound, "Channel %s under account %s not found: %s.", clip(in.ChannelARN), c.account, bySink)
}

type listChannels struct {
	MaxResults   *int
	NextToken    string
	StreamFilter []struct{ StreamARN string }
}

func (c *call) listChannels(in *listChannels) (any, error) {
	if _, err := pageSize(in.MaxResults, "maxResults", pageMax); err != nil {
		return nil, err
	}
	if in.NextToken != "" {
		return nil, fail(invalidArgument, "NextToken %s is invalid.", clip(in.NextToken))
	}
	for _, f := range in.StreamFilter {
		if _, err := c.streamByARN(f.StreamARN); err != nil {
			return nil, err
		}
	}
	return struct{ ChannelSummaries []struct{} }{[]struct{}{}}, nil
}
