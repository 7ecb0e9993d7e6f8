package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"weir/ingest"
)

// counted are the rows of a view that counts by n.
func counted(times map[int]int) string {
	out := "n,c\n"
	for _, n := range slices.Sorted(maps.Keys(times)) {
		out += fmt.Sprintf("%d,%d\n", n, times[n])
	}
	return out
}

const countByN = `CREATE MATERIALIZED VIEW v AS SELECT n, COUNT(*) AS c FROM shown GROUP BY n`

// What Amazon's producer library puts while shards are split and merged is for SQL what it
// is for Amazon's consumer library, and so it is where the service deals the records to
// shards without looking at keys: each record that the producer counts as put is there,
// and what it puts again is not counted for it.
func TestProducerLibrary(t *testing.T) {
	const rounds, size = 60, 40
	for _, how := range []string{"resharded", "dealt"} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			want, errors := "", 0
			check := func(s *server) {
				t.Helper()
				if d := cmp.Diff(want, strings.ReplaceAll(s.csvOf(t, `SELECT n, c FROM v ORDER BY n`), "\r", "")); d != "" {
					t.Errorf("SQL reads other rows than Amazon's consumers: %s", d)
				}
				for _, m := range s.db.running() {
					if l := m.progress().Ledger; !l.Closes() || l.Errors != int64(errors) {
						t.Errorf("%+v, want %d errors", l, errors)
					}
				}
			}
			t.Run("live", func(t *testing.T) {
				s := serveHere(t, dir)
				k := kinesisClient(s.url())
				if how == "dealt" {
					if _, err := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{
						StreamName: aws.String("hits"), RecordDistributionStrategy: types.RecordDistributionStrategyAuto,
						StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand},
					}); err != nil {
						t.Fatal(err)
					}
				} else {
					s.must(t, `CREATE STREAM hits WITH (format = 'raw', shards = 2, idle_timeout = '0')`)
				}
				s.must(t, `CREATE STREAM shown (n BIGINT) WITH (raw = 'hits', idle_timeout = '0')`)
				s.must(t, countByN)
				done, reshards := make(chan struct{}), make(chan int, 1)
				go func() {
					n := 0
					if how == "resharded" {
						n = reshardAtRandom(t, s, done)
					}
					reshards <- n
				}()
				p := newProducer(t, k, "hits")
				for i := range rounds {
					if err := p.put(userRecords(i*size, size)); err != nil {
						t.Fatal(err)
					}
				}
				close(done)
				n := <-reshards
				times, dropped := p.seen()
				for n := range rounds * size {
					if times[n] == 0 {
						t.Errorf("Amazon's consumers do not see %d", n)
					}
				}
				want, errors = counted(times), dropped
				if dropped == 0 || p.wrong == 0 {
					t.Errorf("%d inner records were put again, %d are dropped: nothing was tried", p.wrong, dropped)
				}
				t.Logf("%d reshards, %d inner records were put again, %d are dropped", n, p.wrong, dropped)
				s.must(t, `ALTER STREAM hits END`)
				check(s)
			})
			t.Run("from the log", func(t *testing.T) {
				if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
					t.Fatal(err)
				}
				check(serveHere(t, dir))
			})
		})
	}
}

// A producer that puts records together without looking at shards, and puts nothing again,
// loses none: in shards by hash, behind reshards, and where the service deals records.
func TestAggregatesOfAnyShards(t *testing.T) {
	dir := t.TempDir()
	const size = 300
	times := map[int]int{}
	for n := range 4 * size {
		times[n] = 1
	}
	s := serveHere(t, dir)
	k := kinesisClient(s.url())
	s.must(t, `CREATE STREAM hits WITH (format = 'raw', shards = 1, idle_timeout = '0')`)
	s.must(t, `CREATE STREAM shown (n BIGINT) WITH (raw = 'hits', idle_timeout = '0')`)
	s.must(t, countByN)
	put := func(from int) {
		t.Helper()
		var lines bytes.Buffer
		random := rand.New(rand.NewPCG(7, uint64(from)))
		for _, r := range userRecords(from, size) {
			line := map[string]string{"key": r.key, "data": string(r.data)}
			if from == size { // they have explicit hash keys
				line["hash"] = ingest.Hash{Hi: random.Uint64(), Lo: random.Uint64()}.String()
			}
			if err := json.NewEncoder(&lines).Encode(line); err != nil {
				t.Fatal(err)
			}
		}
		cmd := nodeClient(t, "aggregate.mjs", s.url(), "hits", "20")
		cmd.Stdin = &lines
		if got := outputOf(t, cmd); got != "15\n" {
			t.Fatalf("it put %q records", got)
		}
	}
	put(0)
	for _, n := range []int32{2, 4} { // and all that it puts once belonged to one shard
		if _, err := k.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{
			StreamName: aws.String("hits"), TargetShardCount: &n, ScalingType: types.ScalingTypeUniformScaling,
		}); err != nil {
			t.Fatal(err)
		}
		waitActive(t, k, aws.String("hits"))
	}
	put(size)
	put(2 * size)
	d, err := k.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("hits")})
	if err != nil {
		t.Fatal(err)
	}
	arn := d.StreamDescriptionSummary.StreamARN
	if _, err := k.UpdateStreamMode(t.Context(), &kinesis.UpdateStreamModeInput{StreamARN: arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}}); err != nil {
		t.Fatal(err)
	}
	waitActive(t, k, aws.String("hits"))
	if _, err := k.UpdateStreamRecordDistributionStrategy(t.Context(), &kinesis.UpdateStreamRecordDistributionStrategyInput{
		StreamARN: arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto,
	}); err != nil {
		t.Fatal(err)
	}
	put(3 * size)
	s.must(t, `ALTER STREAM hits END`)
	if d := cmp.Diff(counted(times), strings.ReplaceAll(s.csvOf(t, `SELECT n, c FROM v ORDER BY n`), "\r", "")); d != "" {
		t.Error(d)
	}
	for _, m := range s.db.running() {
		if l := m.progress().Ledger; !l.Closes() || l.Errors != 0 {
			t.Errorf("%+v", l)
		}
	}
}

// Where the service deals records they may have no key: readers of Kinesis see none, and
// SQL NULL.
func TestRecordsWithoutKeys(t *testing.T) {
	s := serveHere(t, t.TempDir())
	k, name := kinesisClient(s.url()), aws.String("dealt")
	if _, err := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{
		StreamName: name, RecordDistributionStrategy: types.RecordDistributionStrategyAuto,
		StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: name, Data: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	in := &kinesis.PutRecordsInput{StreamName: name, Records: []types.PutRecordsRequestEntry{
		{Data: []byte("2")}, {Data: []byte("3"), PartitionKey: aws.String("key")}, {Data: []byte("4")},
	}}
	if out, err := k.PutRecords(t.Context(), in); err != nil || *out.FailedRecordCount > 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	keys := map[string]*string{}
	p := newProducer(t, k, "dealt")
	for shard := range p.shards {
		it, err := k.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: name, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			t.Fatal(err)
		}
		out, err := k.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Records {
			keys[string(r.Data)] = r.PartitionKey
		}
		_, answer := cborCall(t, s.url(), "GetRecords", map[string]any{"ShardIterator": *it.ShardIterator})
		for i, r := range answer["Records"].([]any) {
			if key, has := r.(map[any]any)["PartitionKey"]; has != (out.Records[i].PartitionKey != nil) {
				t.Errorf("in CBOR record %d has the key %v", i, key)
			}
		}
	}
	if d := cmp.Diff(map[string]*string{"1": nil, "2": nil, "3": aws.String("key"), "4": nil}, keys); d != "" {
		t.Error(d)
	}
	s.must(t, `CREATE MATERIALIZED VIEW v AS SELECT data, partition_key, _key AS own FROM dealt`)
	s.must(t, `ALTER STREAM dealt END`)
	got := s.csvOf(t, `SELECT CAST(data AS CHAR) AS d, partition_key IS NULL AS none, COALESCE(partition_key, '-') AS k, COALESCE(own, '-') AS o FROM v ORDER BY d`)
	if d := cmp.Diff("d,none,k,o\n1,true,-,-\n2,true,-,-\n3,false,key,key\n4,true,-,-\n", strings.ReplaceAll(got, "\r", "")); d != "" {
		t.Error(d)
	}
}

// What Amazon's library put together, and what is broken in it, are the rows of SQL that
// the cases say, in shards by hash.
func TestVectorsInSQL(t *testing.T) {
	text, err := os.ReadFile(shared(t, "cases/kinesis/kpl_vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name        string
		Aggregated  bool
		Data        []byte `json:"data_base64"`
		UserRecords []struct {
			Key      string  `json:"partition_key"`
			Explicit *string `json:"explicit_hash_key"`
			Data     string
		} `json:"user_records"`
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	s := serveHere(t, t.TempDir())
	k := kinesisClient(s.url())
	s.must(t, `CREATE STREAM hits WITH (format = 'raw', shards = 5, idle_timeout = '0')`)
	s.must(t, `CREATE MATERIALIZED VIEW v AS SELECT shard_id, sequence_number, _sub AS sub, partition_key, HEX(data) AS data FROM hits`)
	want := "sub,k,d\n"
	for _, c := range cases {
		in := &kinesis.PutRecordInput{StreamName: aws.String("hits"), PartitionKey: aws.String("a"), Data: c.Data}
		if c.Aggregated {
			first := c.UserRecords[0]
			if in.ExplicitHashKey = first.Explicit; first.Explicit == nil {
				in.ExplicitHashKey = aws.String(ingest.HashOf([]byte(first.Key)).String())
			}
			for i, r := range c.UserRecords {
				want += fmt.Sprintf("%d,%s,%X\n", i, r.Key, r.Data)
			}
		} else {
			want += fmt.Sprintf("0,a,%X\n", c.Data)
		}
		if _, err := k.PutRecord(t.Context(), in); err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
	}
	s.must(t, `ALTER STREAM hits END`)
	rows := strings.Split(strings.ReplaceAll(s.csvOf(t, `SELECT sub, partition_key AS k, data AS d FROM v`), "\r", ""), "\n")
	lines := strings.Split(want, "\n")
	slices.Sort(rows)
	slices.Sort(lines)
	if d := cmp.Diff(lines, rows); d != "" || len(cases) < 9 {
		t.Errorf("%d cases: %s", len(cases), d)
	}
	for _, m := range s.db.running() {
		if l := m.progress().Ledger; !l.Closes() || l.Errors != 0 {
			t.Errorf("%+v", l)
		}
	}
}
