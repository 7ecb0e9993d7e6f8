package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// halfRequest sends text to a server as it is, behind the first lines of a request.
func halfRequest(t *testing.T, s *server, operation, headers, body string) net.Conn {
	t.Helper()
	addr := strings.TrimPrefix(s.url(), "http://")
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: %s\r\nX-Amz-Target: Kinesis_20131202.%s\r\nContent-Type: application/x-amz-json-1.1\r\n%s\r\n\r\n%s", addr, operation, headers, body); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestKinesisAnnouncedBodies: bodies that are announced and do not come keep nobody
// else out.
func TestKinesisAnnouncedBodies(t *testing.T) {
	s := serveHere(t, t.TempDir())
	for range 40 {
		halfRequest(t, s, "PutRecord", "Content-Length: 16777216", "{")
		halfRequest(t, s, "PutRecord", "Transfer-Encoding: chunked", "1\r\n{\r\n")
	}
	time.Sleep(200 * time.Millisecond) // until they are all being read
	if _, err := signedClient(s.url(), "a", "b", nil).ListStreams(t.Context(), &kinesis.ListStreamsInput{}); err != nil {
		t.Error(err)
	}
}

// TestKinesisChunkedSubscriptions: a subscription whose request had no length takes
// nothing from others as long as it lives.
func TestKinesisChunkedSubscriptions(t *testing.T) {
	s := serveHere(t, t.TempDir())
	shelf := newKinesisShelf(t, s)
	for i := range 19 {
		c, err := shelf.k.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: shelf.arn, ConsumerName: aws.String(fmt.Sprint("more", i))})
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`{"ConsumerARN":%q,"ShardId":%q,"StartingPosition":{"Type":"LATEST"}}`, *c.Consumer.ConsumerARN, *shelf.shard)
		conn := halfRequest(t, s, "SubscribeToShard", "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body))
		if _, err := conn.Read(make([]byte, 16)); err != nil { // it has begun
			t.Fatal(err)
		}
	}
	shelf.put(0, 10)
}

// TestKinesisElements: a body of very many small things is refused before memory is
// taken for each of them.
func TestKinesisElements(t *testing.T) {
	s := serveHere(t, t.TempDir())
	for operation, body := range map[string]string{
		"PutRecords":    `{"StreamName":"a","Records":[` + strings.Repeat("{},", 1e6) + `{}]}`,
		"UntagResource": `{"ResourceARN":"a","TagKeys":[` + strings.Repeat(`"\",",`, 1e6) + `""]}`,
	} {
		status, got := post(t, s.url(), "application/x-amz-json-1.1", body, map[string]string{"X-Amz-Target": "Kinesis_20131202." + operation})
		if status != http.StatusBadRequest || !strings.Contains(string(got), `{"__type":"SerializationException","Message":"`) {
			t.Errorf("%s: %d %s", operation, status, got)
		}
	}
	// What is within a string does not count.
	body := `{"StreamName":"a","More":"` + strings.Repeat(`,\",\\`, 1e5) + `","Records":[{"Data":"","PartitionKey":"k"}]}`
	if status, got := post(t, s.url(), "application/x-amz-json-1.1", body, map[string]string{"X-Amz-Target": "Kinesis_20131202.PutRecords"}); !strings.Contains(string(got), "ResourceNotFoundException") {
		t.Errorf("commas in a string: %d %s", status, got)
	}
}

// TestKinesisStrangers: who has no key is told so, also with a large body, and does not
// take memory from those who have one.
func TestKinesisStrangers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, keyFileName)
	if err := writeKeys(path, []accessKey{{id: "AKIATEST", secret: "secret-of-ann", name: "ann"}}); err != nil {
		t.Fatal(err)
	}
	s, _ := serveWith(t, func(cfg *serverConfig) {
		keys, err := openKeyFile(path, cfg.Logger)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Kinesis = kinesisConfig{Keys: keys}
	})
	half := strings.Repeat("x", 1<<20)
	for range 20 {
		halfRequest(t, s, "PutRecord", "Content-Length: 16777216", half)
	}
	k := signedClient(s.url(), "AKIATEST", "secret-of-ann", nil)
	for range 5 {
		if _, err := k.ListStreams(t.Context(), &kinesis.ListStreamsInput{}); err != nil {
			t.Error(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if held := s.kinesis.Stats().InFlight; held > 0 {
		t.Errorf("strangers hold %d bytes", held)
	}
	_, err := signedClient(s.url(), "AKIANOBODY", "secret", nil).PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: []byte(strings.Repeat("x", 10<<20))})
	if codeOf(err) != "UnrecognizedClientException" {
		t.Errorf("10 MiB with an unknown key: %v", err)
	}
}

// TestKinesisStalledReaders: clients that do not take their answers keep others neither
// from writing nor from reading.
func TestKinesisStalledReaders(t *testing.T) {
	s := serveHere(t, t.TempDir())
	shelf := newKinesisShelf(t, s)
	for range 12 {
		if _, err := shelf.k.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: shelf.name, PartitionKey: aws.String("k"), Data: make([]byte, 1_000_000)}); err != nil {
			t.Fatal(err)
		}
	}
	it, err := shelf.k.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: shelf.name, ShardId: shelf.shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"ShardIterator":%q}`, *it.ShardIterator)
	for range 40 {
		halfRequest(t, s, "GetRecords", fmt.Sprintf("Content-Length: %d", len(body)), body)
	}
	eventually(t, "the answers are in memory", func() bool { return s.kinesis.Stats().InFlight > 200<<20 })
	shelf.put(0, 10)
	if got := shelf.get(types.ShardIteratorTypeTrimHorizon, nil, 10); len(got.Records) == 0 {
		t.Error("no records")
	}
}

// TestKinesisDeletedWhileUpdating: a stream that is deleted on its way to another number
// of shards is no failure.
func TestKinesisDeletedWhileUpdating(t *testing.T) {
	s, log := serveWith(t, func(cfg *serverConfig) { cfg.Kinesis = kinesisConfig{Open: true} })
	k := kinesisClient(s.url())
	var wg sync.WaitGroup
	for i := range 8 {
		name := aws.String(fmt.Sprint("short", i))
		wg.Go(func() {
			for range 15 {
				_, made := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(100)})
				_, scaled := k.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: name, TargetShardCount: aws.Int32(200), ScalingType: types.ScalingTypeUniformScaling})
				_, deleted := k.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: name})
				if err := errors.Join(made, scaled, deleted); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if text := log.String(); strings.Contains(text, "level=ERROR") {
		t.Error(text)
	}
}

// TestKinesisTooLong: who sends more than a request can have, and reads nothing before all of
// it is sent, is told so.
func TestKinesisTooLong(t *testing.T) {
	s := serveHere(t, t.TempDir())
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const size = 40 << 20
	if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: %s\r\nX-Amz-Target: Kinesis_20131202.PutRecords\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n", c.RemoteAddr(), size); err != nil {
		t.Fatal(err)
	}
	piece := []byte(strings.Repeat(" ", 1<<20))
	for range size / len(piece) {
		if _, err := c.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(got), "RequestEntityTooLargeException") {
		t.Errorf("%d %s, %v", resp.StatusCode, got, err)
	}
}
