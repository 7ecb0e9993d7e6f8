package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// cpuSeconds returns what the server has used of the processors.
func (c *child) cpuSeconds() float64 {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		c.t.Skipf("SKIPPED: %v", err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	sum := 0.0
	for _, f := range fields[11:13] { // in user mode, and in the system's
		ticks, err := strconv.ParseFloat(f, 64)
		if err != nil {
			c.t.Fatal(err)
		}
		sum += ticks / 100
	}
	return sum
}

const (
	benchBatch   = 500
	benchRecord  = 200
	benchClients = 16
)

// benchPut is a PutRecords of 500 records of 200 bytes.
func benchPut() *kinesis.PutRecordsInput {
	in := &kinesis.PutRecordsInput{StreamName: aws.String("bench")}
	for i := range benchBatch {
		data := bytes.Repeat([]byte(fmt.Sprintf("%07d ", i)), benchRecord/8)
		in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: data, PartitionKey: aws.String(fmt.Sprint("key-", i))})
	}
	return in
}

// BenchmarkKinesis measures a server in a process of its own: PutRecords of 500 records
// of 200 bytes from 16 clients, once by Amazon's client, which takes more of the machine
// than the server does, and once as bodies that are made beforehand; then GetRecords of
// all of it. One shard of AWS takes 1,000 records and 1 MB a second. records/cpu-s is by
// what the server itself used of the processors.
func BenchmarkKinesis(b *testing.B) {
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = benchClients
	for _, shards := range []int32{1, 4} {
		c := startServer(b, b.TempDir(), freePort(b))
		k := kinesisClient(c.url)
		if _, err := k.CreateStream(b.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("bench"), ShardCount: &shards}); err != nil {
			b.Fatal(err)
		}
		measure := func(name string, call func() (records int, err error)) {
			b.Run(fmt.Sprintf("%s/shards=%d", name, shards), func(b *testing.B) { measureClients(b, c, call) })
		}
		measure("put/sdk", func() (int, error) {
			out, err := k.PutRecords(b.Context(), benchPut())
			if err != nil || *out.FailedRecordCount > 0 {
				return 0, fmt.Errorf("%+v, %w", out, err)
			}
			return benchBatch, nil
		})
		type record struct{ Data, PartitionKey string }
		var records []record
		for _, r := range benchPut().Records {
			records = append(records, record{base64.StdEncoding.EncodeToString(r.Data), *r.PartitionKey})
		}
		body, err := json.Marshal(map[string]any{"StreamName": "bench", "Records": records})
		if err != nil {
			b.Fatal(err)
		}
		measure("put/raw", func() (int, error) {
			_, err := benchPost(b, c.url, "PutRecords", body)
			return benchBatch, err
		})
		out, err := k.GetShardIterator(b.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("bench"), ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			b.Fatal(err)
		}
		first, err := json.Marshal(map[string]any{"ShardIterator": *out.ShardIterator})
		if err != nil {
			b.Fatal(err)
		}
		measure("get/raw", func() (int, error) { // the first 10,000 again and again
			got, err := benchPost(b, c.url, "GetRecords", first)
			return bytes.Count(got, []byte(`"PartitionKey"`)), err
		})
		c.kill()
	}
}

// measureClients calls from 16 clients, b.N times in all.
func measureClients(b *testing.B, c *child, call func() (int, error)) {
	var left, records atomic.Int64
	left.Store(int64(b.N))
	before := c.cpuSeconds()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range benchClients {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				n, err := call()
				if err != nil {
					b.Error(err)
					return
				}
				records.Add(int64(n))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	n := float64(records.Load())
	b.ReportMetric(n/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(n*benchRecord/1e6/b.Elapsed().Seconds(), "MB/s")
	if used := c.cpuSeconds() - before; used > 0 {
		b.ReportMetric(n/used, "records/cpu-s")
	}
}

func benchPost(b *testing.B, url, operation string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return answer, err
}
