package app

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"weir/ingest"
)

// way is how rows come into the log, and what SQL reads of them.
type way struct {
	store, read string // the stream that has the records, and the one with columns
	put         func(rows []*userRecord) error
	// twice says that the producer puts rows again that are there already.
	twice bool
}

// What is computed of the rows of a stream, and what of it stays the same where some are
// there twice.
var (
	onceViews = map[string]string{
		"win": "SELECT window_start, k, COUNT(*) AS c, SUM(price) AS s, FIRST_VALUE(n) AS f, LAST_VALUE(n) AS l FROM %s GROUP BY k, TUMBLE(ts, INTERVAL 10 SECOND)",
		"hop": "SELECT window_start, COUNT(*) AS c, AVG(price) AS a, GROUP_CONCAT(n) AS ns FROM %s GROUP BY HOP(ts, INTERVAL 5 SECOND, INTERVAL 15 SECOND) EMIT CHANGES",
		"ses": "SELECT window_start, k, window_end, COUNT(*) AS c FROM %s GROUP BY k, SESSION(ts, INTERVAL 3 SECOND)",
		"raw": "SELECT n, k, price, ts FROM %s",
	}
	twiceViews = map[string]string{
		"dis": "SELECT window_start, k, COUNT(DISTINCT n) AS c, MIN(price) AS lo, MAX(n) AS hi FROM %s GROUP BY k, TUMBLE(ts, INTERVAL 10 SECOND)",
	}
)

const wayColumns = ` (k VARCHAR(9), n BIGINT, price DECIMAL(9,2), ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 1 HOUR) `

// wayRows are rows from a number on; their keys belong to all parts of the hashes.
func wayRows(r *rand.Rand, from, n int) (out []*userRecord) {
	for i := range n {
		key := fmt.Sprint("k", r.IntN(23))
		price := fmt.Sprintf("%d.%02d", r.IntN(500), r.IntN(100))
		at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).Add(time.Duration(from+i) * 71 * time.Millisecond).Format("2006-01-02 15:04:05.000")
		out = append(out, &userRecord{
			n: from + i, key: key, hash: ingest.HashOf([]byte(key)),
			data: fmt.Appendf(nil, `{"k":"%s","n":%d,"price":%s,"ts":"%s"}`, key, from+i, price, at),
			csv:  fmt.Sprintf("%s,%d,%s,%s\n", key, from+i, price, at),
		})
	}
	return out
}

// ofKeys divides rows by their keys, in their order.
func ofKeys(rows []*userRecord) (out [][]*userRecord) {
	at := map[string]int{}
	for _, r := range rows {
		if _, known := at[r.key]; !known {
			at[r.key] = len(out)
			out = append(out, nil)
		}
		out[at[r.key]] = append(out[at[r.key]], r)
	}
	return out
}

// joined is the data of rows in one record: behind each other, in lines, or an array.
func joined(r *rand.Rand, rows []*userRecord) []byte {
	all := make([]string, len(rows))
	for i, row := range rows {
		all[i] = string(row.data)
	}
	switch r.IntN(3) {
	case 0:
		return []byte(strings.Join(all, ""))
	case 1:
		return []byte(strings.Join(all, "\n") + "\n")
	}
	return []byte("[" + strings.Join(all, ",") + "]")
}

// inLines is the data of rows in one record of CSV.
func inLines(_ *rand.Rand, rows []*userRecord) []byte {
	var all []byte
	for _, row := range rows {
		all = append(all, row.csv...)
	}
	return all
}

// TestSameRowsEveryWay: the same rows come over HTTP, as records of a typed stream, as
// records of a raw one, as JSON, encrypted, and as CSV, put together by the producer library and by producers that do not
// look at shards. Shards are split and merged, and the server is killed while rows are on
// their way. All queries have the same results whichever way the rows came.
func TestSameRowsEveryWay(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	dir, port := t.TempDir(), freePort(t)
	start := func() *child { return startServer(t, dir, port, "--checkpoint", "1s") }
	c := start()
	once := kinesis.New(kinesisClient(c.url).Options(), onceOnly)
	var library *producer
	putRecords := func(store string, rows []*userRecord, data func(r *rand.Rand, rows []*userRecord) []byte) error {
		r := rand.New(rand.NewPCG(seed, uint64(rows[0].n)))
		in := &kinesis.PutRecordsInput{StreamName: &store}
		for _, group := range ofKeys(rows) {
			for part := range slices.Chunk(group, 1+r.IntN(3)) {
				in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: &part[0].key, Data: data(r, part)})
			}
		}
		_, err := once.PutRecords(t.Context(), in)
		return err
	}
	ways := []way{
		{store: "posted", read: "posted", put: func(rows []*userRecord) error {
			body := ""
			for _, row := range rows {
				body += string(row.data) + "\n"
			}
			if status, answer := post(t, c.url+"/v1/streams/posted/records", "application/x-ndjson", body, nil); status != http.StatusOK {
				return fmt.Errorf("%d: %s", status, answer)
			}
			return nil
		}},
		{store: "typed", read: "typed", put: func(rows []*userRecord) error { return putRecords("typed", rows, joined) }},
		{store: "bytes", read: "over_bytes", put: func(rows []*userRecord) error { return putRecords("bytes", rows, joined) }},
		{store: "texts", read: "over_texts", put: func(rows []*userRecord) error { return putRecords("texts", rows, inLines) }},
		{store: "library", read: "over_library", twice: true, put: func(rows []*userRecord) error { return library.put(rows) }},
		{store: "mixed", read: "mixed", put: func(rows []*userRecord) error {
			in := &kinesis.PutRecordsInput{StreamName: aws.String("mixed")}
			for part := range slices.Chunk(rows, 7) {
				in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: &part[0].key, Data: putTogether(part)})
			}
			_, err := once.PutRecords(t.Context(), in)
			return err
		}},
	}
	views := func(w way) map[string]string {
		out := map[string]string{"seen": "SELECT n, COUNT(*) AS c FROM %s GROUP BY n"}
		for name, text := range twiceViews {
			out[name] = text
		}
		for name, text := range onceViews {
			if !w.twice {
				out[name] = text
			}
		}
		return out
	}
	for _, w := range ways {
		if w.store == w.read {
			c.sql("CREATE STREAM " + w.store + wayColumns + "WITH (shards = 2, partition_key = 'k', idle_timeout = '0')")
		} else {
			c.sql("CREATE STREAM " + w.store + " WITH (format = 'raw', shards = 2, idle_timeout = '0')")
			format := map[bool]string{true: "csv", false: "json"}[w.store == "texts"]
			c.sql("CREATE STREAM " + w.read + wayColumns + "WITH (raw = '" + w.store + "', format = '" + format + "', idle_timeout = '0')")
		}
		for name, text := range views(w) {
			c.sql("CREATE MATERIALIZED VIEW " + name + "_" + w.read + " AS " + fmt.Sprintf(text, w.read))
		}
	}
	if _, err := once.StartStreamEncryption(t.Context(), &kinesis.StartStreamEncryptionInput{
		StreamName: aws.String("bytes"), EncryptionType: types.EncryptionTypeKms, KeyId: aws.String("alias/k"),
	}); err != nil {
		t.Fatal(err)
	}
	library = newProducer(t, once, "library")

	const rounds, size, kills = 40, 70, 4
	killed, reshards := 0, 0
	var sent []string
	for round := range rounds {
		time.Sleep(time.Duration(r.IntN(120)) * time.Millisecond) // so that some state is saved
		rows := wayRows(r, round*size, size)
		for _, row := range rows {
			f := strings.Split(strings.TrimSpace(row.csv), ",")
			sent = append(sent, fmt.Sprint([]string{f[1], f[0], f[2], f[3]}))
		}
		kill := killed < kills && r.IntN(rounds-round) < kills-killed
		dead := make(chan struct{})
		go func(after time.Duration) {
			defer close(dead)
			if kill {
				time.Sleep(after)
				c.kill()
			}
		}(time.Duration(r.IntN(12_000)) * time.Microsecond)
		failed := make([]error, len(ways))
		var wg sync.WaitGroup
		for i, w := range ways {
			wg.Go(func() { failed[i] = w.put(rows) })
		}
		for _, w := range ways {
			if r.IntN(3) == 0 && reshard(t, once, r, w.store) == nil {
				reshards++
			}
		}
		wg.Wait()
		<-dead
		if kill {
			killed++
			c = start()
			var err error
			if library.shards, err = library.list(types.ShardFilterTypeAtLatest); err != nil {
				t.Fatal(err)
			}
		}
		for i, w := range ways {
			if failed[i] == nil {
				continue
			}
			if !kill {
				t.Fatalf("seed %d: %s: %v", seed, w.store, failed[i])
			}
			// What was not acknowledged is there or not: what is not is put again.
			there := map[string]bool{}
			for _, row := range c.sql("SELECT n FROM seen_" + w.read) {
				there[fmt.Sprint(row[0])] = true
			}
			missing := slices.DeleteFunc(slices.Clone(rows), func(r *userRecord) bool { return there[fmt.Sprint(r.n)] })
			if len(missing) > 0 {
				if err := w.put(missing); err != nil {
					t.Fatalf("seed %d: %s: %v", seed, w.store, err)
				}
			}
		}
	}
	if killed != kills || reshards < 10 {
		t.Errorf("%d kills, %d reshards", killed, reshards)
	}
	t.Logf("%d kills, %d reshards, the library put %d rows again", killed, reshards, library.wrong)
	for _, w := range ways {
		c.sql("ALTER STREAM " + w.store + " END")
	}
	want := map[string]string{"raw": strings.Join(sent, "\n")}
	for _, how := range []string{"live", "from the store", "from the log"} {
		if how != "live" {
			c.kill()
			if how == "from the log" {
				if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
					t.Fatal(err)
				}
			}
			c = start()
		}
		for _, w := range ways {
			for name := range views(w) {
				var all []string
				for _, row := range c.sql("SELECT * FROM " + name + "_" + w.read + " ORDER BY 1, 2") {
					all = append(all, fmt.Sprint(row))
				}
				got := strings.Join(all, "\n")
				if name == "seen" {
					if len(all) != len(sent) {
						t.Errorf("seed %d, %s: %s has %d of %d rows", seed, how, w.read, len(all), len(sent))
					}
					if w.twice {
						continue
					}
				}
				if _, known := want[name]; !known {
					want[name] = got
				}
				if d := cmp.Diff(want[name], got); d != "" {
					t.Errorf("seed %d, %s: %s of %s is not as over %s: %s", seed, how, name, w.read, ways[0].read, d)
				}
			}
		}
		for _, q := range c.sql("SHOW QUERIES") {
			text := fmt.Sprint(q)
			if strings.Contains(text, "failed") {
				t.Errorf("seed %d, %s: %s", seed, how, text)
			}
		}
	}
}

// reshard splits a shard or merges two.
func reshard(t *testing.T, k *kinesis.Client, r *rand.Rand, store string) error {
	out, err := k.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &store, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}})
	if err != nil {
		return err
	}
	open := out.Shards
	slices.SortFunc(open, func(a, b types.Shard) int {
		return strings.Compare(fmt.Sprintf("%40s", *a.HashKeyRange.StartingHashKey), fmt.Sprintf("%40s", *b.HashKeyRange.StartingHashKey))
	})
	i := r.IntN(len(open))
	if i > 0 && (r.IntN(2) == 0 || len(open) > 5) {
		_, err = k.MergeShards(t.Context(), &kinesis.MergeShardsInput{StreamName: &store, ShardToMerge: open[i-1].ShardId, AdjacentShardToMerge: open[i].ShardId})
		return err
	}
	_, err = k.SplitShard(t.Context(), &kinesis.SplitShardInput{
		StreamName: &store, ShardToSplit: open[i].ShardId, NewStartingHashKey: aws.String(between(*open[i].HashKeyRange.StartingHashKey, *open[i].HashKeyRange.EndingHashKey)),
	})
	return err
}
