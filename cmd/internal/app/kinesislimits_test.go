package app

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// With the limits of AWS a shard takes so many records and bytes a second, and the
// rest of a request is refused record by record; without them everything is taken.
// What was asked for by EnableEnhancedMonitoring is in /metrics.
func TestKinesisLimits(t *testing.T) {
	for _, limits := range []bool{false, true} {
		t.Run(fmt.Sprint(limits), func(t *testing.T) {
			s, _ := serveWith(t, func(cfg *serverConfig) { cfg.Kinesis = kinesisConfig{Open: true, AWSLimits: limits} })
			k, ctx, name := signedClient(s.url(), "a", "b", nil), t.Context(), aws.String("hits")
			if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)}); err != nil {
				t.Fatal(err)
			}
			if _, err := k.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameIncomingRecords, types.MetricsNameWriteProvisionedThroughputExceeded}}); err != nil {
				t.Fatal(err)
			}
			taken, refused, began := 0, 0, time.Now()
			for range 4 {
				in := &kinesis.PutRecordsInput{StreamName: name}
				for i := range 500 {
					in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint(i)), Data: []byte("x")})
				}
				out, err := k.PutRecords(ctx, in)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range out.Records {
					switch {
					case r.ErrorCode == nil && r.SequenceNumber != nil:
						taken++
					case *r.ErrorCode == "ProvisionedThroughputExceededException" && strings.Contains(*r.ErrorMessage, "Rate exceeded for shard shardId-000000000000"):
						refused++
					default:
						t.Fatalf("%+v", r)
					}
				}
				if int(*out.FailedRecordCount) != 500-taken%500 && limits && refused == 0 && *out.FailedRecordCount != 0 {
					t.Errorf("%d failed", *out.FailedRecordCount)
				}
			}
			most := 1000 + int(time.Since(began).Seconds()*1000) + 1
			if !limits && refused > 0 || limits && (taken < 1000 || taken > most) {
				t.Errorf("taken %d, refused %d, %d could be", taken, refused, most)
			}
			it, err := k.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: name, ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
			if err != nil {
				t.Fatal(err)
			}
			reads, begun := 0, time.Now()
			for range 8 {
				_, err := k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator, Limit: aws.Int32(1)})
				if err == nil {
					reads++
				} else if codeOf(err) != "ProvisionedThroughputExceededException" {
					t.Fatal(err)
				}
			}
			most = 5 + int(time.Since(begun).Seconds()*5) + 1
			if !limits && reads != 8 || limits && (reads < 5 || reads > most) {
				t.Errorf("%d reads, %d could be", reads, most)
			}
			resp, err := http.Get(s.url() + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{
				fmt.Sprintf("weir_kinesis_incoming_records_total{stream=\"hits\"} %d\n", taken),
				fmt.Sprintf("weir_kinesis_shard{metric=\"IncomingRecords\",shard=\"shardId-000000000000\",stream=\"hits\"} %d\n", taken),
				fmt.Sprintf("weir_kinesis_shard{metric=\"WriteProvisionedThroughputExceeded\",shard=\"shardId-000000000000\",stream=\"hits\"} %d\n", refused),
				"weir_kinesis_requests_total{error=\"\",operation=\"PutRecords\"} 4\n",
			} {
				if !strings.Contains(string(text), want) {
					t.Errorf("/metrics has no %s", want)
				}
			}
			if strings.Contains(string(text), "OutgoingBytes") {
				t.Error("/metrics has a shard-level metric that nobody asked for")
			}
		})
	}
}
