package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"weir/ingest"
	"weir/operators/stream"
)

// fanOut reads a stream by enhanced fan-out as a consumer library does: every shard
// from its oldest record on, children when their parents are over, and each
// subscription again where it ends.
type fanOut struct {
	t        *testing.T
	k        *kinesis.Client
	stream   string
	consumer string
	again    time.Duration // how soon a subscription is dropped and begun again; 0: when it ends

	mu      sync.Mutex
	records []string // of a key in their order: "key number"
	drained map[string]bool
	begun   map[string]bool
	beats   int
	wg      sync.WaitGroup
}

func (f *fanOut) shard(ctx context.Context, id string) {
	f.mu.Lock()
	if f.begun[id] {
		f.mu.Unlock()
		return
	}
	f.begun[id] = true
	f.mu.Unlock()
	f.wg.Go(func() {
		at := &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
		// A client has one buffer for the events of all its subscriptions.
		k := kinesis.New(f.k.Options())
		for ctx.Err() == nil {
			out, err := k.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{ConsumerARN: aws.String(f.consumer), ShardId: aws.String(id), StartingPosition: at})
			if err != nil {
				if codeOf(err) == "ResourceInUseException" {
					time.Sleep(200 * time.Millisecond) // the one before is too young to be taken over
					continue
				}
				if ctx.Err() == nil {
					f.t.Errorf("subscribe to %s at %+v: %v", id, at, err)
				}
				return
			}
			if f.events(ctx, id, out.GetStream(), &at) {
				return
			}
		}
	})
}

// events takes what a subscription brings; over says that the shard is.
func (f *fanOut) events(ctx context.Context, id string, s *kinesis.SubscribeToShardEventStream, at **types.StartingPosition) (over bool) {
	defer s.Close()
	began := time.Now()
	for ev := range s.Events() {
		e := ev.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		f.mu.Lock()
		for _, r := range e.Records {
			f.records = append(f.records, *r.PartitionKey+" "+string(r.Data))
		}
		if len(e.Records) == 0 {
			f.beats++
		}
		f.mu.Unlock()
		if (e.ContinuationSequenceNumber == nil) != (len(e.ChildShards) > 0) {
			f.t.Errorf("shard %s: continuation %v and %d children", id, e.ContinuationSequenceNumber, len(e.ChildShards))
		}
		if e.ContinuationSequenceNumber == nil {
			f.mu.Lock()
			f.drained[id] = true
			f.mu.Unlock()
			for _, c := range e.ChildShards {
				f.mu.Lock()
				ready := !slices.ContainsFunc(c.ParentShards, func(p string) bool { return !f.drained[p] })
				f.mu.Unlock()
				if ready {
					f.shard(ctx, *c.ShardId)
				}
			}
			return true
		}
		*at = &types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: e.ContinuationSequenceNumber}
		if f.again > 0 && time.Since(began) > f.again {
			return false
		}
	}
	if err := s.Err(); err != nil && ctx.Err() == nil && codeOf(err) != "ResourceInUseException" {
		f.t.Errorf("shard %s: %v", id, err)
	}
	return false
}

// TestKinesisFanOut reads by enhanced fan-out while records come and shards are split
// and merged, over HTTP/1.1 and over HTTP/2 without TLS.
func TestKinesisFanOut(t *testing.T) {
	s := serveHere(t, t.TempDir())
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: h2c}
	t.Cleanup(transport.CloseIdleConnections)
	k, ctx := kinesisClient(s.url()), t.Context()
	name := aws.String("hits")
	if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	d, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
	if err != nil {
		t.Fatal(err)
	}
	var readers []*fanOut
	reading, stop := context.WithCancel(ctx)
	for i, h := range []*http.Client{nil, {Transport: transport}} {
		client := signedClient(s.url(), "a", "b", h)
		c, err := client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: d.StreamDescriptionSummary.StreamARN, ConsumerName: aws.String(fmt.Sprint("app", i))})
		if err != nil {
			t.Fatal(err)
		}
		f := &fanOut{t: t, k: client, stream: *name, consumer: *c.Consumer.ConsumerARN, drained: map[string]bool{}, begun: map[string]bool{}}
		f.shard(reading, "shardId-000000000000")
		f.shard(reading, "shardId-000000000001")
		readers = append(readers, f)
	}
	const writers, each = 3, 120
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				key := fmt.Sprintf("w%d.%d", w, i%4)
				if _, err := k.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String(key), Data: fmt.Appendf(nil, "%04d", i)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	def, _ := s.db.catalog.Stream("hits")
	for i := range 4 {
		time.Sleep(30 * time.Millisecond)
		if _, err := s.db.reshard(ctx, def, func(m *ingest.ShardMap, now stream.Time) (*ingest.Reshard, error) {
			if i == 2 {
				return m.Merge(m.Open()[0], m.Open()[1], now)
			}
			id := m.Open()[i%len(m.Open())]
			sh := m.All()[id]
			return m.Split(id, ingest.Hash{Hi: sh.Start.Hi + (sh.End.Hi-sh.Start.Hi)/2}, now)
		}); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	for i, f := range readers {
		eventually(t, fmt.Sprintf("reader %d has everything", i), func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.records) >= writers*each
		})
	}
	stop()
	for i, f := range readers {
		f.wg.Wait()
		last := map[string]string{}
		for _, r := range f.records {
			key, n, _ := strings.Cut(r, " ")
			if n <= last[key] {
				t.Fatalf("reader %d: of %s %s comes behind %s", i, key, n, last[key])
			}
			last[key] = n
		}
		if len(f.records) != writers*each {
			t.Errorf("reader %d has %d records", i, len(f.records))
		}
	}
}

// A subscription that is begun again goes on where the last event said, also where
// nothing had come; one that is old is taken over, a young one is not; a silent shard
// says that it lives.
func TestKinesisSubscriptionAgain(t *testing.T) {
	s := serveHere(t, t.TempDir())
	k, ctx := kinesisClient(s.url()), t.Context()
	name := aws.String("hits")
	if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	arn := aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/hits")
	c, err := k.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	subscribe := func(at *types.StartingPosition) (*kinesis.SubscribeToShardEventStream, error) {
		out, err := kinesis.New(k.Options()).SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{ConsumerARN: c.Consumer.ConsumerARN, ShardId: aws.String("shardId-000000000000"), StartingPosition: at})
		if err != nil {
			return nil, err
		}
		return out.GetStream(), nil
	}
	put := func(n int) {
		if _, err := k.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), Data: fmt.Appendf(nil, "%d", n)}); err != nil {
			t.Fatal(err)
		}
	}
	next := func(e *kinesis.SubscribeToShardEventStream) types.SubscribeToShardEvent {
		t.Helper()
		select {
		case ev, ok := <-e.Events():
			if !ok {
				t.Fatalf("it ended: %v", e.Err())
			}
			return ev.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		case <-time.After(time.Minute):
			t.Fatal("no event")
		}
		panic("not reached")
	}
	first, err := subscribe(&types.StartingPosition{Type: types.ShardIteratorTypeLatest})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := kinesisClient(s.url()).SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{ConsumerARN: c.Consumer.ConsumerARN, ShardId: aws.String("shardId-000000000000"), StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest}}); codeOf(err) != "ResourceInUseException" {
		t.Errorf("a second one at once: %v", err)
	}
	beat := next(first)
	if len(beat.Records) != 0 || beat.ContinuationSequenceNumber == nil {
		t.Fatalf("a silent shard says %+v", beat)
	}
	// More than five seconds have passed: it is taken over.
	again, err := subscribe(&types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: beat.ContinuationSequenceNumber})
	if err != nil {
		t.Fatal(err)
	}
	for range first.Events() { // it ends; TestKinesisFrames looks at why
	}
	put(1)
	put(2)
	var got []string
	var last *string
	for len(got) < 2 {
		e := next(again)
		for _, r := range e.Records {
			got = append(got, string(r.Data))
		}
		last = e.ContinuationSequenceNumber
	}
	put(3)
	e := next(again)
	if len(e.Records) != 1 || string(e.Records[0].Data) != "3" || strings.Join(got, " ") != "1 2" {
		t.Errorf("got %q and %+v", got, e)
	}
	again.Close()
	// Behind the second record: by an iterator, which takes the same numbers.
	it, err := k.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: name, ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber, StartingSequenceNumber: last})
	if err != nil {
		t.Fatal(err)
	}
	records, err := k.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	if err != nil || len(records.Records) != 1 || string(records.Records[0].Data) != "3" {
		t.Errorf("%+v, %v", records, err)
	}
	if _, err := k.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: c.Consumer.ConsumerARN}); err != nil {
		t.Fatal(err)
	}
	if _, err := subscribe(&types.StartingPosition{Type: types.ShardIteratorTypeLatest}); codeOf(err) != "ResourceNotFoundException" {
		t.Errorf("after it is gone: %v", err)
	}
}

// The frames of a subscription as they are on the wire, read by Amazon's decoder: the
// last one says why it has ended.
func TestKinesisFrames(t *testing.T) {
	s := serveHere(t, t.TempDir())
	k, ctx := kinesisClient(s.url()), t.Context()
	if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("hits"), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	c, err := k.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/hits"), ConsumerName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"ConsumerARN":%q,"ShardId":"shardId-000000000000","StartingPosition":{"Type":"TRIM_HORIZON"}}`, *c.Consumer.ConsumerARN)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "application/vnd.amazon.eventstream" {
		t.Fatalf("%s %s", resp.Status, got)
	}
	if _, err := k.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("hits"), PartitionKey: aws.String("k"), Data: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: c.Consumer.ConsumerARN}); err != nil {
		t.Fatal(err)
	}
	var got []string
	d := eventstream.NewDecoder()
	for {
		m, err := d.Decode(resp.Body, nil)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, h := range m.Headers {
			line = append(line, h.Name+"="+h.Value.String())
		}
		slices.Sort(line)
		got = append(got, strings.Join(line, " "))
	}
	want := ":content-type=application/json :event-type=initial-response :message-type=event"
	if got[0] != want {
		t.Errorf("the first frame is %s", got[0])
	}
	if last := got[len(got)-1]; last != ":content-type=application/json :exception-type=ResourceNotFoundException :message-type=exception" {
		t.Errorf("the last frame is %s", last)
	}
}
