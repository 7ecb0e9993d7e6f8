package app

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// TestKinesisPages: the client's paginators find everything once and in order, and its
// waiters come to an end.
func TestKinesisPages(t *testing.T) {
	k := kinesisClient(serveHere(t, t.TempDir()).url())
	ctx := t.Context()
	var want []string
	for i := range 23 {
		name := fmt.Sprintf("s%02d", i)
		want = append(want, name)
		if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
	}
	wide := aws.String("wide")
	if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: wide, ShardCount: aws.Int32(230)}); err != nil {
		t.Fatal(err)
	}
	want = append(want, *wide)
	var streams, shards, listed, consumers []string
	for p := kinesis.NewListStreamsPaginator(k, &kinesis.ListStreamsInput{Limit: aws.Int32(5)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, page.StreamNames...)
	}
	if !slices.Equal(streams, want) {
		t.Errorf("streams: %q", streams)
	}
	// A page has at most 100, whatever is asked for.
	for p := kinesis.NewDescribeStreamPaginator(k, &kinesis.DescribeStreamInput{StreamName: wide, Limit: aws.Int32(1000)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, sh := range page.StreamDescription.Shards {
			shards = append(shards, *sh.ShardId)
		}
	}
	for in := (&kinesis.ListShardsInput{StreamName: wide, MaxResults: aws.Int32(50)}); ; {
		page, err := k.ListShards(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, sh := range page.Shards {
			listed = append(listed, *sh.ShardId)
		}
		if page.NextToken == nil {
			break
		}
		in = &kinesis.ListShardsInput{NextToken: page.NextToken, MaxResults: aws.Int32(60)}
	}
	if len(shards) != 230 || !slices.Equal(shards, listed) || !slices.IsSorted(shards) {
		t.Errorf("%d shards described, %d listed", len(shards), len(listed))
	}
	d, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: wide})
	if err != nil {
		t.Fatal(err)
	}
	arn := d.StreamDescriptionSummary.StreamARN
	for i := range 7 {
		if _, err := k.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String(fmt.Sprint("c", i))}); err != nil {
			t.Fatal(err)
		}
	}
	for p := kinesis.NewListStreamConsumersPaginator(k, &kinesis.ListStreamConsumersInput{StreamARN: arn, MaxResults: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Consumers {
			consumers = append(consumers, *c.ConsumerName)
		}
	}
	if len(consumers) != 7 || !slices.IsSorted(consumers) {
		t.Errorf("consumers: %q", consumers)
	}
	for p := kinesis.NewListChannelsPaginator(k, &kinesis.ListChannelsInput{}); p.HasMorePages(); {
		if page, err := p.NextPage(ctx); err != nil || len(page.ChannelSummaries) > 0 {
			t.Errorf("%+v, %v", page, err)
		}
	}
	checkTagPages(t, k, arn)
	waitActive(t, k, wide)
	if _, err := k.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: wide}); codeOf(err) != "ResourceInUseException" {
		t.Errorf("a stream with consumers is deleted: %v", err)
	}
	if _, err := k.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: wide, EnforceConsumerDeletion: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	if err := kinesis.NewStreamNotExistsWaiter(k).Wait(ctx, &kinesis.DescribeStreamInput{StreamName: wide}, time.Minute); err != nil {
		t.Error(err)
	}
}

// checkTagPages reads tags in pages as ListTagsForStream wants it.
func checkTagPages(t *testing.T, k *kinesis.Client, arn *string) {
	t.Helper()
	tags := map[string]string{}
	for i := range 50 {
		tags[fmt.Sprintf("k%02d", i)] = fmt.Sprint(i)
	}
	if _, err := k.AddTagsToStream(t.Context(), &kinesis.AddTagsToStreamInput{StreamARN: arn, Tags: tags}); err != nil {
		t.Fatal(err)
	}
	var got []types.Tag
	in := &kinesis.ListTagsForStreamInput{StreamARN: arn, Limit: aws.Int32(7)}
	for pages := 0; pages < 20; pages++ {
		page, err := k.ListTagsForStream(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.Tags...)
		if !*page.HasMoreTags {
			break
		}
		in.ExclusiveStartTagKey = page.Tags[len(page.Tags)-1].Key
	}
	if len(got) != 50 {
		t.Errorf("%d tags", len(got))
	}
	for i, tag := range got {
		if *tag.Key != fmt.Sprintf("k%02d", i) || *tag.Value != fmt.Sprint(i) {
			t.Errorf("tag %d is %s=%s", i, *tag.Key, *tag.Value)
		}
	}
}

// TestKinesisTokensOfOthers: a token goes on with the list that handed it out, and with
// no other one.
func TestKinesisTokensOfOthers(t *testing.T) {
	k := kinesisClient(serveHere(t, t.TempDir()).url())
	ctx, one := t.Context(), aws.Int32(1)
	arn := make([]*string, 2)
	for i, name := range []string{"a", "b"} {
		if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(2)}); err != nil {
			t.Fatal(err)
		}
		d, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
		if err != nil {
			t.Fatal(err)
		}
		arn[i] = d.StreamDescriptionSummary.StreamARN
		for _, c := range []string{"c", "d"} {
			if _, err := k.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn[i], ConsumerName: &c}); err != nil {
				t.Fatal(err)
			}
		}
	}
	streams, err := k.ListStreams(ctx, &kinesis.ListStreamsInput{Limit: one})
	if err != nil {
		t.Fatal(err)
	}
	shards, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamARN: arn[0], MaxResults: one})
	if err != nil {
		t.Fatal(err)
	}
	consumers, err := k.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{StreamARN: arn[0], MaxResults: one})
	if err != nil {
		t.Fatal(err)
	}
	it, err := k.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamARN: arn[0], ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeLatest})
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]*string{"streams": streams.NextToken, "shards": shards.NextToken, "consumers": consumers.NextToken, "records": it.ShardIterator}
	lists := map[string]func(token *string) error{
		"streams": func(token *string) error {
			_, err := k.ListStreams(ctx, &kinesis.ListStreamsInput{NextToken: token})
			return err
		},
		"shards": func(token *string) error {
			_, err := k.ListShards(ctx, &kinesis.ListShardsInput{NextToken: token})
			return err
		},
		"consumers": func(token *string) error {
			_, err := k.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{StreamARN: arn[0], NextToken: token})
			return err
		},
		"records": func(token *string) error {
			_, err := k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: token, StreamARN: arn[0]})
			return err
		},
	}
	for list, next := range lists {
		for of, token := range tokens {
			want := "InvalidArgumentException"
			if of == list {
				want = "<nil>"
			}
			if got := codeOf(next(token)); got != want {
				t.Errorf("a token of %s with the list of %s: %s", of, list, got)
			}
		}
	}
	if _, err := k.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{StreamARN: arn[1], NextToken: consumers.NextToken}); codeOf(err) != "InvalidArgumentException" {
		t.Errorf("consumers of another stream: %v", err)
	}
	if _, err := k.GetRecords(ctx, &kinesis.GetRecordsInput{StreamARN: arn[1], ShardIterator: it.ShardIterator}); codeOf(err) != "InvalidArgumentException" {
		t.Errorf("records of another stream: %v", err)
	}
}
