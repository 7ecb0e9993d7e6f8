package app

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// killedWriters put records into a server that dies under them, and remember what was
// acknowledged.
type killedWriters struct {
	t    *testing.T
	k    *kinesis.Client
	once *kinesis.Client // tries nothing again
	name *string

	mu    sync.Mutex
	acked map[string]map[string]string // data by shard and sequence number
	last  map[string]*big.Int          // the greatest number of a shard
}

// write puts batches until stop is closed; what is not acknowledged is forgotten.
func (w *killedWriters) write(writer int, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		in := &kinesis.PutRecordsInput{StreamName: w.name}
		for i := range 1 + n%40 {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint(writer, i)), Data: fmt.Appendf(nil, "%d.%d.%d", writer, n, i)})
		}
		out, err := w.once.PutRecords(w.t.Context(), in)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		w.mu.Lock()
		for i, r := range out.Records {
			shard := w.acked[*r.ShardId]
			if before, ok := shard[*r.SequenceNumber]; ok {
				w.t.Errorf("%s was given to %s and to %s", *r.SequenceNumber, before, in.Records[i].Data)
			}
			shard[*r.SequenceNumber] = string(in.Records[i].Data)
		}
		w.mu.Unlock()
	}
}

// count is how many records were acknowledged.
func (w *killedWriters) count() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, records := range w.acked {
		n += len(records)
	}
	return n
}

// rise finds the greatest number that was acknowledged of each shard.
func (w *killedWriters) rise() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for shard, records := range w.acked {
		top := w.last[shard]
		for text := range records {
			if n := number(text); top == nil || n.Cmp(top) > 0 {
				top = n
			}
		}
		w.last[shard] = top
	}
}

func number(text string) *big.Int {
	n, _ := new(big.Int).SetString(text, 10)
	return n
}

// TestKinesisKill: under writers the server is killed again and again. What was
// acknowledged is there, each record once at its number; numbers rise across restarts;
// an iterator from before a kill goes on behind it.
func TestKinesisKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	dir, port := t.TempDir(), freePort(t)
	c := startServer(t, dir, port)
	k := kinesisClient(c.url)
	once := kinesis.New(k.Options(), onceOnly)
	w := &killedWriters{t: t, k: k, once: once, name: aws.String("kept"), acked: map[string]map[string]string{}, last: map[string]*big.Int{}}
	if _, err := w.k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: w.name, ShardCount: aws.Int32(3)}); err != nil {
		t.Fatal(err)
	}
	next := map[string]*string{}    // iterators that outlive the server
	got := map[string][][2]string{} // what they bring: number and data
	for i := range 3 {
		shard := fmt.Sprintf("shardId-%012d", i)
		w.acked[shard] = map[string]string{}
		next[shard] = w.iterator(shard)
	}
	const kills = 3
	for round := range kills + 1 {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for writer := range 4 {
			wg.Go(func() { w.write(round*10+writer, stop) })
		}
		for shard := range next {
			w.follow(shard, next, got)
		}
		time.Sleep(time.Duration(100+r.IntN(400)) * time.Millisecond)
		eventually(t, "something is acknowledged", func() bool { return w.count() > 30*(round+1) })
		if round < kills {
			c.kill()
		}
		close(stop)
		wg.Wait()
		if round < kills {
			c = startServer(t, dir, port)
			w.rise()
			// Whoever comes next has a greater number than all that were acknowledged.
			for range 6 {
				out, err := w.k.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: w.name, PartitionKey: aws.String(fmt.Sprint(r.Uint64())), Data: []byte("behind")})
				if err != nil {
					t.Fatal(err)
				}
				if n, top := number(*out.SequenceNumber), w.last[*out.ShardId]; top != nil && n.Cmp(top) <= 0 {
					t.Errorf("%s of %s is not behind %s", n, *out.ShardId, top)
				}
				w.acked[*out.ShardId][*out.SequenceNumber] = "behind"
			}
		}
	}
	acked := 0
	for shard, records := range w.acked {
		w.follow(shard, next, got)
		anew, all := map[string]*string{shard: w.iterator(shard)}, map[string][][2]string{}
		w.follow(shard, anew, all)
		if !slices.Equal(got[shard], all[shard]) {
			t.Errorf("seed %d: %s brings %d records to who has an old iterator, and %d to others", seed, shard, len(got[shard]), len(all[shard]))
		}
		there := map[string]string{}
		top := new(big.Int)
		for _, r := range all[shard] {
			if n := number(r[0]); n.Cmp(top) <= 0 {
				t.Errorf("%s comes behind %s", n, top)
			} else {
				top = n
			}
			there[r[0]] = r[1]
		}
		for n, data := range records {
			if there[n] != data {
				t.Errorf("seed %d: %s of %s is %q, and %q was acknowledged", seed, n, shard, there[n], data)
			}
		}
		acked += len(records)
	}
	if acked < 100 {
		t.Errorf("only %d records were acknowledged", acked)
	}
	t.Logf("%d records were acknowledged", acked)
}

func (w *killedWriters) iterator(shard string) *string {
	w.t.Helper()
	out, err := w.k.GetShardIterator(w.t.Context(), &kinesis.GetShardIteratorInput{StreamName: w.name, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.ShardIterator
}

// follow reads what is there behind an iterator.
func (w *killedWriters) follow(shard string, next map[string]*string, got map[string][][2]string) {
	w.t.Helper()
	for {
		out, err := w.k.GetRecords(w.t.Context(), &kinesis.GetRecordsInput{ShardIterator: next[shard], Limit: aws.Int32(1000)})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range out.Records {
			got[shard] = append(got[shard], [2]string{*r.SequenceNumber, string(r.Data)})
		}
		next[shard] = out.NextShardIterator
		if len(out.Records) == 0 && *out.MillisBehindLatest == 0 {
			return
		}
	}
}
