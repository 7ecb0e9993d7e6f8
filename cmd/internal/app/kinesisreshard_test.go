package app

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// TestKinesisReshardUnderLoad: shards are split, merged and counted anew by Amazon's
// client while others put and one reads: the parents first, and the children that
// come with the end of an iterator. Each record is read once, and each key in order.
func TestKinesisReshardUnderLoad(t *testing.T) {
	k := kinesisClient(serveHere(t, t.TempDir()).url())
	name := aws.String("moving")
	if _, err := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	const writers, requests, records = 4, 60, 15
	var wg sync.WaitGroup
	var reshards atomic.Int64
	for w := range writers {
		wg.Go(func() { putInOrder(t, k, name, w, requests, records, &reshards) })
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	resharded := make(chan struct{})
	go func() { defer close(resharded); reshardByClient(t, k, name, done, &reshards) }()
	r := drainer{t: t, k: k, name: name, next: map[string]*string{}, drained: map[string]bool{}, last: map[string]int{}}
	r.begin()
	for r.found < writers*requests*records && !t.Failed() {
		r.turn()
	}
	<-resharded
	r.turn()
	r.turn()
	if reshards.Load() < 8 || len(r.drained) < 8 {
		t.Errorf("%d reshards, %d shards were read to their end", reshards.Load(), len(r.drained))
	}
	// What is left to read are the open shards.
	var left []string
	for r.closed() {
		r.turn()
	}
	open, err := k.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: name, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}})
	if err != nil {
		t.Fatal(err)
	}
	for _, sh := range open.Shards {
		left = append(left, *sh.ShardId)
		if r.next[*sh.ShardId] == nil {
			t.Errorf("shard %s was never reached", *sh.ShardId)
		}
	}
	if len(left) != len(r.next) || r.found != writers*requests*records {
		t.Errorf("%d shards are open, %d are read; %d records", len(left), len(r.next), r.found)
	}
	t.Logf("%d reshards, %d shards read to their end, %d open, %d records", reshards.Load(), len(r.drained), len(left), r.found)
}

// putInOrder puts records of a few keys, each with numbers that rise. Now and then it
// waits for a reshard, so that they are side by side.
func putInOrder(t *testing.T, k *kinesis.Client, name *string, writer, requests, records int, reshards *atomic.Int64) {
	for i := range requests {
		for i%5 == 4 && reshards.Load() < int64(i/5) && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		in := &kinesis.PutRecordsInput{StreamName: name}
		for j := range records {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{
				PartitionKey: aws.String(fmt.Sprint("w", writer, ".", j%5)), Data: fmt.Append(nil, i*records+j),
			})
		}
		out, err := k.PutRecords(t.Context(), in)
		if err != nil || *out.FailedRecordCount != 0 {
			t.Errorf("put: %v", err)
			return
		}
	}
}

// reshardByClient splits, merges and counts anew until done is closed, and a few times more.
func reshardByClient(t *testing.T, k *kinesis.Client, name *string, done <-chan struct{}, reshards *atomic.Int64) {
	random := rand.New(rand.NewPCG(3, 4))
	for more := 3; more > 0 && !t.Failed(); {
		select {
		case <-done:
			more--
		default:
		}
		out, err := k.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: name, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}})
		if err != nil {
			t.Error(err)
			return
		}
		open := out.Shards
		slices.SortFunc(open, func(a, b types.Shard) int {
			return strings.Compare(fmt.Sprintf("%40s", *a.HashKeyRange.StartingHashKey), fmt.Sprintf("%40s", *b.HashKeyRange.StartingHashKey))
		})
		i := random.IntN(len(open))
		switch what := random.IntN(5); {
		case what == 0:
			n := int32(len(open)/2+1) + random.Int32N(int32(len(open)))
			_, err = k.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: name, TargetShardCount: &n, ScalingType: types.ScalingTypeUniformScaling})
			waitActive(t, k, name)
		case i > 0 && (what < 3 || len(open) > 12):
			_, err = k.MergeShards(t.Context(), &kinesis.MergeShardsInput{StreamName: name, ShardToMerge: open[i-1].ShardId, AdjacentShardToMerge: open[i].ShardId})
		default:

			_, err = k.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: name, ShardToSplit: open[i].ShardId, NewStartingHashKey: aws.String(between(*open[i].HashKeyRange.StartingHashKey, *open[i].HashKeyRange.EndingHashKey))})
		}
		if err != nil && codeOf(err) != "InvalidArgumentException" {
			t.Errorf("reshard: %v", err)
			return
		}
		reshards.Add(1)
	}
}

// drainer reads a stream as consumers do that keep the order of keys.
type drainer struct {
	t       *testing.T
	k       *kinesis.Client
	name    *string
	next    map[string]*string // the iterators of shards that are read
	drained map[string]bool
	last    map[string]int // of each key
	found   int
}

func (r *drainer) begin() {
	out, err := r.k.ListShards(r.t.Context(), &kinesis.ListShardsInput{StreamName: r.name, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtTrimHorizon}})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, sh := range out.Shards {
		r.start(*sh.ShardId)
	}
}

func (r *drainer) start(shard string) {
	out, err := r.k.GetShardIterator(r.t.Context(), &kinesis.GetShardIteratorInput{StreamName: r.name, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		r.t.Fatal(err)
	}
	r.next[shard] = out.ShardIterator
}

// closed tells whether a shard is read that is not open any more.
func (r *drainer) closed() bool {
	out, err := r.k.ListShards(r.t.Context(), &kinesis.ListShardsInput{StreamName: r.name})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, sh := range out.Shards {
		if r.next[*sh.ShardId] != nil && sh.SequenceNumberRange.EndingSequenceNumber != nil {
			return true
		}
	}
	return false
}

// turn reads once from each shard.
func (r *drainer) turn() {
	for shard, it := range r.next {
		out, err := r.k.GetRecords(r.t.Context(), &kinesis.GetRecordsInput{ShardIterator: it, Limit: aws.Int32(50)})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, rec := range out.Records {
			n, key := 0, *rec.PartitionKey
			if _, err := fmt.Sscan(string(rec.Data), &n); err != nil {
				r.t.Fatal(err)
			}
			if last, seen := r.last[key]; seen && n != last+5 || !seen && n > 4 {
				r.t.Fatalf("shard %s: key %s has %d behind %d", shard, key, n, last)
			}
			r.last[key] = n
			r.found++
		}
		if (out.NextShardIterator == nil) != (len(out.ChildShards) > 0) {
			r.t.Fatalf("shard %s: iterator %v, children %+v", shard, out.NextShardIterator, out.ChildShards)
		}
		if r.next[shard] = out.NextShardIterator; out.NextShardIterator != nil {
			continue
		}
		delete(r.next, shard)
		r.drained[shard] = true
		for _, child := range out.ChildShards {
			if !slices.Contains(child.ParentShards, shard) {
				r.t.Fatalf("%s has the child %+v", shard, child)
			}
			if !slices.ContainsFunc(child.ParentShards, func(p string) bool { return !r.drained[p] }) {
				r.start(*child.ShardId)
			}
		}
	}
}

// between returns the hash in the middle of a range.
func between(start, end string) string {
	a, _ := new(big.Int).SetString(start, 10)
	b, _ := new(big.Int).SetString(end, 10)
	return a.Add(a, b).Rsh(a, 1).String()
}
