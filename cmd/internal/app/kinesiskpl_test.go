package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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

// Records that the Kinesis Producer Library has put together are rows of their own, in
// a raw stream, over it, and in one with columns; those of another shard count as
// errors; readers of Kinesis get them as they were put.
func TestAggregatedRecords(t *testing.T) {
	s := serveHere(t, t.TempDir())
	k := kinesisClient(s.url())
	s.must(t, "CREATE STREAM raw WITH (format = 'raw', shards = 2, idle_timeout = '0')")
	s.must(t, "CREATE STREAM shown (n BIGINT) WITH (raw = 'raw', idle_timeout = '0')")
	s.must(t, "CREATE STREAM typed (n BIGINT) WITH (shards = 2, idle_timeout = '0')")
	blob := func(hash ingest.Hash) []byte { return aggregated(hash, `{"n":1}`, `{"n":2}{"n":3}`, `{"n":4}`) }
	inner := blob(ingest.Hash{})
	broken := blob(ingest.Hash{})
	broken[len(broken)-1]++
	sequences := map[string]string{}
	for _, to := range []string{"raw", "typed"} {
		in := &kinesis.PutRecordsInput{StreamName: aws.String(to)}
		for _, data := range [][]byte{[]byte(`{"n":0}`), inner, broken, blob(ingest.HashMax), []byte(`{"n":5}`)} {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: data, PartitionKey: aws.String("a"), ExplicitHashKey: aws.String("0")})
		}
		out, err := k.PutRecords(t.Context(), in)
		if err != nil || *out.FailedRecordCount > 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		sequences[to] = *out.Records[1].SequenceNumber
		it, err := k.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: aws.String(to), ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil || len(got.Records) != 5 || string(got.Records[1].Data) != string(inner) {
			t.Errorf("%s: GetRecords has not what was put: %d records, %v", to, len(got.Records), err)
		}
	}
	read := func(text string) string { return strings.ReplaceAll(s.csvOf(t, text), "\r", "") }
	want := "_op,partition_key,sub,n\ninsert,a,0,7\ninsert,k0,0,7\ninsert,k1,1,14\ninsert,k2,2,7\n"
	if d := cmp.Diff(want, read(`SELECT partition_key, _sub AS sub, LENGTH(data) AS n FROM raw WITH (start = 'earliest') LIMIT 4`)); d != "" {
		t.Error(d)
	}
	if got := read(`SELECT sequence_number, _sub AS sub FROM raw WHERE _seq = 1 WITH (start = 'earliest') LIMIT 2`); got != fmt.Sprintf("_op,sequence_number,sub\ninsert,%[1]s,0\ninsert,%[1]s,1\n", sequences["raw"]) {
		t.Error(got)
	}
	for _, from := range []string{"shown", "typed"} {
		want := "_op,n,q,sub\ninsert,0,0,0\ninsert,1,1,0\ninsert,2,1,1\ninsert,3,1,2\ninsert,4,1,3\ninsert,5,4,0\n"
		if d := cmp.Diff(want, read(`SELECT n, _seq AS q, _sub AS sub FROM `+from+` WITH (start = 'earliest') LIMIT 6`)); d != "" {
			t.Errorf("%s: %s", from, d)
		}
		s.must(t, `CREATE MATERIALIZED VIEW v_`+from+` AS SELECT COUNT(*) AS c, COUNT(DISTINCT UUID()) AS ids, SUM(n) AS total FROM `+from)
	}
	s.must(t, `CREATE MATERIALIZED VIEW v_raw AS SELECT COUNT(*) AS c FROM raw`)
	for _, stream := range []string{"raw", "typed"} {
		s.must(t, `ALTER STREAM `+stream+` END`)
	}
	for view, want := range map[string]string{"v_raw": "c\n6\n", "v_shown": "c,ids,total\n6,6,15\n", "v_typed": "c,ids,total\n6,6,15\n"} {
		if got := read(`SELECT * FROM ` + view); got != want {
			t.Errorf("%s: %q, want %q", view, got, want)
		}
	}
	for _, of := range []string{"typed", "shown"} {
		want := "_op,q,sub,_reason\ninsert,2,0,BAD_UTF8\ninsert,3,0,WRONG_SHARD\ninsert,3,1,WRONG_SHARD\ninsert,3,2,WRONG_SHARD\n"
		if d := cmp.Diff(want, read(`SELECT _seq AS q, _sub AS sub, _reason FROM v_`+of+`$errors WITH (start = 'earliest')`)); d != "" {
			t.Errorf("%s: %s", of, d)
		}
	}
	want = "_op,partition_key,n,_reason\ninsert,k0,7,WRONG_SHARD\ninsert,k1,14,WRONG_SHARD\ninsert,k2,7,WRONG_SHARD\n"
	if d := cmp.Diff(want, read(`SELECT partition_key, LENGTH(data) AS n, _reason FROM v_raw$errors WITH (start = 'earliest')`)); d != "" {
		t.Error(d)
	}
	// What went astray counts once for each inner record, and the broken blob is a record.
	accounts := read(`SHOW QUERIES`)
	for _, want := range []string{"v_raw,raw,running,9,6,0,0,3,", "v_shown,shown,running,10,6,0,0,4,", "v_typed,typed,running,10,6,0,0,4,"} {
		if !strings.Contains(accounts, want) {
			t.Errorf("no %q in %s", want, accounts)
		}
	}
}

// Amazon's client puts rows while shards are split and merged: queries over the raw
// stream and over its rows lose none, keep each key in its order, and have the same
// after a restart, and from the log alone.
func TestKinesisRowsUnderReshard(t *testing.T) {
	dir := t.TempDir()
	const writers, requests, rows = 3, 25, 12
	views := map[string]string{
		"live":  strings.Replace(countHits, "hits", "typed", 1),
		"exact": `SELECT partition_key, COUNT(*) AS c, COUNT(DISTINCT sequence_number) AS places FROM hits GROUP BY partition_key`,
	}
	want := map[string]string{}
	check := func(t *testing.T, s *server) {
		for view, text := range want {
			if d := cmp.Diff(text, s.csvOf(t, `SELECT * FROM `+view+` ORDER BY 1, 2`)); d != "" {
				t.Errorf("view %s: %s", view, d)
			}
		}
	}
	t.Run("live", func(t *testing.T) {
		s := serveHere(t, dir)
		s.must(t, `CREATE STREAM hits WITH (format = 'raw', shards = 2, idle_timeout = '0')`)
		s.must(t, `CREATE STREAM typed (k VARCHAR(9), n BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 1 HOUR) WITH (raw = 'hits', idle_timeout = '0')`)
		for name, text := range views {
			s.must(t, `CREATE MATERIALIZED VIEW `+name+` AS `+text)
		}
		done := make(chan struct{})
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() { putHits(t, s, w, requests, rows) })
		}
		go func() { defer close(done); wg.Wait() }()
		if n := reshardAtRandom(t, s, done); n < 10 {
			t.Errorf("only %d reshards", n)
		}
		s.must(t, `ALTER STREAM hits END`)
		total := int64(0)
		for _, m := range s.db.running() {
			s.csvOf(t, `SELECT * FROM `+m.def.Name) // it has caught up
			l := m.progress().Ledger
			if total += l.Used; !l.Closes() || l.Used != writers*requests*rows {
				t.Errorf("%s: %+v", m.def.Name, l)
			}
		}
		for name := range views {
			want[name] = s.csvOf(t, `SELECT * FROM `+name+` ORDER BY 1, 2`)
		}
		for w := range writers {
			for i := range 5 {
				if line := fmt.Sprintf("w%d.%d,%d,%d", w, i, requests*rows/5, requests*rows/5); !strings.Contains(want["exact"], line) {
					t.Errorf("no %q in %s", line, want["exact"])
				}
			}
		}
		inOrder(t, s, writers*requests*rows)
	})
	for _, start := range []string{"from the store", "from the log"} {
		t.Run(start, func(t *testing.T) {
			if start == "from the log" {
				if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
					t.Fatal(err)
				}
			}
			s := serveHere(t, dir)
			check(t, s)
			inOrder(t, s, writers*requests*rows)
		})
	}
}

// inOrder reads all rows of the stream `typed`, and holds each key to its order.
func inOrder(t *testing.T, s *server, rows int) {
	t.Helper()
	text := s.csvOf(t, fmt.Sprintf(`SELECT k, LPAD(n, 9, '0') AS n FROM typed WITH (start = 'earliest') LIMIT %d`, rows))
	last := map[string]string{}
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r", "")), "\n")[1:]
	if len(lines) != rows {
		t.Fatalf("%d rows, want %d", len(lines), rows)
	}
	for _, line := range lines {
		f := strings.Split(line, ",")
		if f[2] <= last[f[1]] {
			t.Fatalf("key %s: %s comes behind %s", f[1], f[2], last[f[1]])
		}
		last[f[1]] = f[2]
	}
}

// putHits puts rows of a few keys, each with numbers that rise.
func putHits(t *testing.T, s *server, writer, requests, rows int) {
	k, n, shards := kinesisClient(s.url()), 1, 0
	for i := range requests {
		if i%2 == 1 {
			shards = awaitReshard(t, s, shards)
		}
		in := &kinesis.PutRecordsInput{StreamName: aws.String("hits")}
		for range rows {
			key := fmt.Sprintf("w%d.%d", writer, n%5)
			at := time.Date(2026, 11, 20, 10, 0, n/5, 0, time.UTC)
			in.Records = append(in.Records, types.PutRecordsRequestEntry{
				PartitionKey: aws.String(key), Data: fmt.Appendf(nil, `{"k":"%s","n":%d,"ts":"%s"}`, key, n, at.Format("2006-01-02 15:04:05.000")),
			})
			n++
		}
		out, err := k.PutRecords(t.Context(), in)
		if err != nil || *out.FailedRecordCount > 0 {
			t.Errorf("put: %+v, %v", out, err)
			return
		}
	}
}

// Rows that were sent over HTTP, as JSON and as CSV, are records for readers of
// Kinesis, and the text of the partition key column is their key.
func TestRowsAreRecords(t *testing.T) {
	s := serveHere(t, t.TempDir())
	k := kinesisClient(s.url())
	s.must(t, "CREATE STREAM typed (page VARCHAR(20), at DATETIME(3)) WITH (shards = 1, partition_key = 'at')")
	for _, body := range [][2]string{
		{"", `{"page":"/a","at":"2026-11-20T10:00:00Z"}` + "\n" + `{"at":1763632801000}`}, {"text/csv", "at,page\n2026-11-20 10:00:02,/c\n,/d\n"},
	} {
		if status, answer := post(t, s.url()+"/v1/streams/typed/records", body[0], body[1], nil); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, answer)
		}
	}
	putAll(t, k, "typed", "mine", `{"page":"/e"}`)
	it, err := k.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: aws.String("typed"), ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := k.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range out.Records {
		got = append(got, *r.PartitionKey+" "+string(r.Data))
	}
	want := []string{
		`2026-11-20 10:00:00.000 {"page":"/a","at":"2026-11-20T10:00:00Z"}`, `2025-11-20 10:00:01.000 {"at":1763632801000}`,
		`2026-11-20 10:00:02.000 2026-11-20 10:00:02,/c`, `shardId-000000000000 ,/d`, `mine {"page":"/e"}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
