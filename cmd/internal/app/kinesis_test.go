package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// kinesisClient is Amazon's own client, with a server's address as its endpoint.
func kinesisClient(url string) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
}

// onceOnly lets a client try each request once. The client closes a request's body as
// soon as it has the answer; when that comes before its own connection has looked for the
// body's end, the connection takes it for an error and closes. A retry hides that. Here a
// body that lies in memory as a whole does.
func onceOnly(o *kinesis.Options) {
	o.RetryMaxAttempts = 1
	o.HTTPClient = wholeRequests{o.HTTPClient}
}

type wholeRequests struct{ kinesis.HTTPClient }

func (w wholeRequests) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return w.HTTPClient.Do(r)
}

// TestKinesisPutAndGet is the shortest way around with Amazon's client.
func TestKinesisPutAndGet(t *testing.T) {
	s := serveHere(t, t.TempDir())
	k, ctx := kinesisClient(s.url()), t.Context()
	name := aws.String("clicks-raw.1")
	if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(3)}); err != nil {
		t.Fatal(err)
	}
	var inUse *types.ResourceInUseException
	if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(3)}); !errors.As(err, &inUse) {
		t.Errorf("made twice: %v", err)
	}
	if err := kinesis.NewStreamExistsWaiter(k).Wait(ctx, &kinesis.DescribeStreamInput{StreamName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	shards, err := k.ListShards(ctx, &kinesis.ListShardsInput{StreamName: name})
	if err != nil || len(shards.Shards) != 3 {
		t.Fatalf("%+v, %v", shards, err)
	}
	want := map[string]string{}
	for i := range 10 {
		data := fmt.Sprintf("single %d", i)
		put, err := k.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String(fmt.Sprint(i)), Data: []byte(data)})
		if err != nil {
			t.Fatal(err)
		}
		want[*put.SequenceNumber] = data
		in := &kinesis.PutRecordsInput{StreamName: name}
		for j := range 20 {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint(i, j)), Data: fmt.Appendf(nil, "many %d %d", i, j)})
		}
		many, err := k.PutRecords(ctx, in)
		if err != nil || *many.FailedRecordCount != 0 || len(many.Records) != 20 {
			t.Fatalf("%+v, %v", many, err)
		}
		for j, r := range many.Records {
			want[*r.SequenceNumber] = fmt.Sprintf("many %d %d", i, j)
		}
	}
	for _, sh := range shards.Shards {
		it, err := k.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: name, ShardId: sh.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			t.Fatal(err)
		}
		next, last := it.ShardIterator, ""
		for {
			got, err := k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next, Limit: aws.Int32(7)})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range got.Records {
				if want[*r.SequenceNumber] != string(r.Data) || *r.SequenceNumber <= last {
					t.Fatalf("%s behind %s is %q, want %q", *r.SequenceNumber, last, r.Data, want[*r.SequenceNumber])
				}
				if age := time.Since(*r.ApproximateArrivalTimestamp); age < 0 || age > time.Minute {
					t.Errorf("a record arrived at %s", r.ApproximateArrivalTimestamp)
				}
				last = *r.SequenceNumber
				delete(want, last)
			}
			if next = got.NextShardIterator; len(got.Records) == 0 && *got.MillisBehindLatest == 0 {
				break
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("%d records are missing", len(want))
	}
	if _, err := k.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: name}); err != nil {
		t.Fatal(err)
	}
	if err := kinesis.NewStreamNotExistsWaiter(k).Wait(ctx, &kinesis.DescribeStreamInput{StreamName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
}
