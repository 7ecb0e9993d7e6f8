package app

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
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

// userRecord is what a program gives to the Kinesis Producer Library.
type userRecord struct {
	n         int
	key       string
	data      []byte
	csv       string
	hash      ingest.Hash
	predicted string // the shard that it is put together for
}

// producer is a model of the Kinesis Producer Library, as its retrier.cc and
// kinesis_record.cc have it: records are put together for the shard that they belong to by
// the shards that it knows. What goes to another one, and is not in that one's range or
// the range is not known, is put again, record by record.
type producer struct {
	t      *testing.T
	k      *kinesis.Client
	stream *string
	random *rand.Rand
	shards map[string]hashes
	sent   map[string][]*userRecord // what it put together, by its bytes
	wrong  int                      // inner records of another shard
}

type hashes struct{ start, end ingest.Hash }

func (h hashes) has(x ingest.Hash) bool { return !x.Less(h.start) && !h.end.Less(x) }

func newProducer(t *testing.T, k *kinesis.Client, stream string) *producer {
	p := &producer{t: t, k: k, stream: &stream, random: rand.New(rand.NewPCG(5, 6)), sent: map[string][]*userRecord{}}
	var err error
	if p.shards, err = p.list(types.ShardFilterTypeAtLatest); err != nil {
		t.Fatal(err)
	}
	return p
}

// list returns the ranges of shards, by their ids.
func (p *producer) list(filter types.ShardFilterType) (map[string]hashes, error) {
	out := map[string]hashes{}
	in := &kinesis.ListShardsInput{StreamName: p.stream, ShardFilter: &types.ShardFilter{Type: filter}}
	for {
		page, err := p.k.ListShards(p.t.Context(), in)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Shards {
			start, err := ingest.ParseHash(*s.HashKeyRange.StartingHashKey)
			if err != nil {
				return nil, err
			}
			end, err := ingest.ParseHash(*s.HashKeyRange.EndingHashKey)
			if err != nil {
				return nil, err
			}
			out[*s.ShardId] = hashes{start, end}
		}
		if in = (&kinesis.ListShardsInput{NextToken: page.NextToken}); page.NextToken == nil {
			return out, nil
		}
	}
}

// put puts records until each is where it belongs.
func (p *producer) put(records []*userRecord) error {
	for tries := 0; len(records) > 0; tries++ {
		if tries > 1000 {
			return fmt.Errorf("%d records are never where they belong", len(records))
		}
		var err error
		if records, err = p.flush(records); err != nil {
			return err
		}
	}
	return nil
}

// flush puts records once and returns those that have to be put again.
func (p *producer) flush(records []*userRecord) (again []*userRecord, err error) {
	groups := map[string][]*userRecord{}
	for _, r := range records {
		for id, h := range p.shards {
			if h.has(r.hash) {
				r.predicted = id
			}
		}
		groups[r.predicted] = append(groups[r.predicted], r)
	}
	in := &kinesis.PutRecordsInput{StreamName: p.stream}
	var parts [][]*userRecord
	for _, group := range groups {
		for part := range slices.Chunk(group, 2+p.random.IntN(6)) {
			e := types.PutRecordsRequestEntry{PartitionKey: aws.String("a"), ExplicitHashKey: aws.String(part[0].hash.String())}
			if len(part) == 1 {
				e.PartitionKey, e.Data = &part[0].key, part[0].data
			} else {
				e.Data = putTogether(part)
				p.sent[string(e.Data)] = part
			}
			in.Records, parts = append(in.Records, e), append(parts, part)
		}
	}
	p.random.Shuffle(len(parts), func(i, j int) {
		parts[i], parts[j], in.Records[i], in.Records[j] = parts[j], parts[i], in.Records[j], in.Records[i]
	})
	out, err := p.k.PutRecords(p.t.Context(), in)
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		went := *out.Records[i].ShardId
		known, ok := p.shards[went]
		for _, r := range part {
			if r.predicted != went && (!ok || !known.has(r.hash)) {
				again = append(again, r)
			}
		}
	}
	if len(again) > 0 {
		p.wrong += len(again)
		if p.shards, err = p.list(types.ShardFilterTypeAtLatest); err != nil {
			return nil, err
		}
	}
	return again, nil
}

// putTogether writes records as the library does, each key once.
func putTogether(records []*userRecord) []byte {
	field := func(m []byte, number byte, data []byte) []byte {
		return append(binary.AppendUvarint(append(m, number<<3|2), uint64(len(data))), data...)
	}
	var m []byte
	at := map[string]uint64{}
	for _, r := range records {
		if _, known := at[r.key]; !known {
			at[r.key] = uint64(len(at))
			m = field(m, 1, []byte(r.key))
		}
	}
	for _, r := range records {
		m = field(m, 3, field(binary.AppendUvarint([]byte{1 << 3}, at[r.key]), 3, r.data))
	}
	sum := md5.Sum(m)
	return append(append([]byte("\xf3\x89\x9a\xc2"), m...), sum[:]...)
}

// seen reads all shards with Amazon's client and returns what its consumer library makes
// of them (AggregatorUtil.java): how often each n is there, and how many inner records it
// drops, since one of those around them does not belong to the shard.
func (p *producer) seen() (times map[int]int, dropped int) {
	times = map[int]int{}
	all, err := p.list(types.ShardFilterTypeFromTrimHorizon)
	if err != nil {
		p.t.Fatal(err)
	}
	for id, h := range all {
		at, err := p.k.GetShardIterator(p.t.Context(), &kinesis.GetShardIteratorInput{StreamName: p.stream, ShardId: &id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			p.t.Fatal(err)
		}
		for it := at.ShardIterator; it != nil; {
			out, err := p.k.GetRecords(p.t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			if err != nil {
				p.t.Fatal(err)
			}
			for _, r := range out.Records {
				together, ok := p.sent[string(r.Data)]
				if !ok {
					var row struct{ N int }
					if err := json.Unmarshal(r.Data, &row); err != nil {
						p.t.Fatal(err)
					}
					times[row.N]++
					continue
				}
				if slices.ContainsFunc(together, func(u *userRecord) bool { return !h.has(u.hash) }) {
					dropped += len(together)
					continue
				}
				for _, u := range together {
					times[u.n]++
				}
			}
			if it = out.NextShardIterator; len(out.Records) == 0 && *out.MillisBehindLatest == 0 {
				break
			}
		}
	}
	return times, dropped
}

// userRecords are records of a few keys, from a number on.
func userRecords(from, n int) (out []*userRecord) {
	for i := range n {
		key := fmt.Sprint("user-", (from+i)%37)
		out = append(out, &userRecord{n: from + i, key: key, data: fmt.Appendf(nil, `{"n":%d}`, from+i), hash: ingest.HashOf([]byte(key))})
	}
	return out
}

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
