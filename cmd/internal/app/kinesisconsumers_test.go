package app

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// TestKinesisConsumersMost: a stream has at most 20 consumers, and an on-demand one 50 where
// the account has a commitment.
func TestKinesisConsumersMost(t *testing.T) {
	k, ctx := kinesis.New(kinesisClient(serveHere(t, t.TempDir()).url()).Options(), onceOnly), t.Context()
	arn := map[types.StreamMode]*string{}
	for _, mode := range []types.StreamMode{types.StreamModeProvisioned, types.StreamModeOnDemand} {
		in := &kinesis.CreateStreamInput{StreamName: aws.String(string(mode)), StreamModeDetails: &types.StreamModeDetails{StreamMode: mode}}
		if mode == types.StreamModeProvisioned {
			in.ShardCount = aws.Int32(1)
		}
		if _, err := k.CreateStream(ctx, in); err != nil {
			t.Fatal(err)
		}
		about, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: in.StreamName})
		if err != nil || *about.StreamDescriptionSummary.ChannelCount != 0 {
			t.Fatalf("%+v, %v", about, err)
		}
		arn[mode] = about.StreamDescriptionSummary.StreamARN
	}
	// register adds consumers until it is refused, and returns how many there are.
	register := func(mode types.StreamMode, had int) int {
		for n := had; n < 100; n++ {
			_, err := k.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn[mode], ConsumerName: aws.String(fmt.Sprintf("c%02d", n))})
			if codeOf(err) == "LimitExceededException" {
				return n
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return 100
	}
	if a, b := register(types.StreamModeProvisioned, 0), register(types.StreamModeOnDemand, 0); a != 20 || b != 20 {
		t.Errorf("%d and %d consumers", a, b)
	}
	if _, err := k.UpdateAccountSettings(ctx, &kinesis.UpdateAccountSettingsInput{MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{
		Status: types.MinimumThroughputBillingCommitmentInputStatusEnabled,
	}}); err != nil {
		t.Fatal(err)
	}
	if a, b := register(types.StreamModeProvisioned, 20), register(types.StreamModeOnDemand, 20); a != 20 || b != 50 {
		t.Errorf("with a commitment %d and %d consumers", a, b)
	}
	all, err := k.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{StreamARN: arn[types.StreamModeOnDemand]})
	if err != nil || len(all.Consumers) != 50 || all.NextToken != nil {
		t.Errorf("%d are listed, %v", len(all.Consumers), err)
	}
}
