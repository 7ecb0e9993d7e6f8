package app

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"
)

// putAll puts records with Amazon's client in one request: key, data, key, data, …
func putAll(t *testing.T, k *kinesis.Client, to string, records ...string) *kinesis.PutRecordsOutput {
	t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: aws.String(to)}
	for i := 0; i < len(records); i += 2 {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String(records[i]), Data: []byte(records[i+1])})
	}
	out, err := k.PutRecords(t.Context(), in)
	if err != nil || *out.FailedRecordCount > 0 {
		t.Fatalf("put into %s: %+v, %v", to, out, err)
	}
	return out
}

// What a client of Kinesis puts is read by SQL: as it is, by columns over it, and next
// to rows that came over HTTP.
func TestKinesisMeetsSQL(t *testing.T) {
	s := serveHere(t, t.TempDir())
	k := kinesisClient(s.url())
	if _, err := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("clicks-raw"), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	const columns = `(page VARCHAR(20), ms BIGINT, twice BIGINT AS (ms * 2), ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 5 SECOND)`
	s.must(t, `CREATE STREAM clicks `+columns+` WITH (raw = 'clicks-raw', format = 'json')`)
	s.must(t, `CREATE STREAM table_rows `+columns+` WITH (raw = 'clicks-raw', format = 'csv')`)
	s.must(t, `CREATE STREAM typed `+columns+` WITH (shards = 1, partition_key = 'page')`)
	for _, of := range []string{"clicks", "typed", "table_rows"} {
		s.must(t, `CREATE MATERIALIZED VIEW per_page_`+of+` AS SELECT window_start, page, COUNT(*) AS n, SUM(twice) AS total FROM `+of+`
			GROUP BY page, TUMBLE(ts, INTERVAL 10 SECOND)`)
	}
	row := func(page string, ms, second int) string {
		return fmt.Sprintf(`{"page":"%s","ms":%d,"ts":"2026-11-20 10:00:%02d"}`, page, ms, second)
	}
	records := []string{
		"a", row("/a", 10, 1),
		"b", row("/b", 20, 2) + "\n" + row("/b", 21, 3) + "\n", // two rows, as for Firehose
		"c", "[" + row("/a", 30, 4) + "," + row("/c", 31, 4) + "]",
		"d", "no JSON",
		"e", `{"page":"/e","ms":"x"}`,
		"f", `{"page":"/e","ms":1,"twice":3,"ts":"2026-11-20 10:00:05"}`, // nobody sends what is computed
		"g", "/csv,40,2026-11-20 10:00:05\r\n/csv,41,2026-11-20 10:00:06",
		"h", row("/a", 50, 8),
	}
	raw := putAll(t, k, "clicks-raw", records...)
	putAll(t, k, "typed", records[:8]...)
	for content, body := range map[string]string{"": row("/http", 7, 1), "text/csv": "page,ms,ts\n/csv,8,2026-11-20 10:00:02\n"} {
		if status, answer := post(t, s.url()+"/v1/streams/typed/records", content, body, nil); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, answer)
		}
	}
	putAll(t, k, "typed", records[8:]...)

	want := ""
	for i := 0; i < len(records); i += 2 {
		want += fmt.Sprintf("insert,%s,%s,shardId-000000000000,%d\n", records[i], *raw.Records[i/2].SequenceNumber, len(records[i+1]))
	}
	got := s.csvOf(t, `SELECT partition_key, sequence_number, shard_id, LENGTH(data) AS bytes FROM `+"`clicks-raw`"+` WITH (start = 'earliest') LIMIT 8`)
	if d := cmp.Diff("_op,partition_key,sequence_number,shard_id,bytes\n"+want, strings.ReplaceAll(got, "\r", "")); d != "" {
		t.Error(d)
	}
	s.must(t, "ALTER STREAM `clicks-raw` END")
	s.must(t, `ALTER STREAM typed END`)
	for of, want := range map[string]string{
		"clicks":     "/a,3,180\n/b,2,82\n/c,1,62\n",
		"typed":      "/a,3,180\n/b,2,82\n/c,1,62\n/csv,1,16\n/http,1,14\n",
		"table_rows": "/csv,2,162\n",
	} {
		got := s.csvOf(t, `SELECT page, n, total FROM per_page_`+of+` ORDER BY page`)
		if d := cmp.Diff("page,n,total\n"+want, strings.ReplaceAll(got, "\r", "")); d != "" {
			t.Errorf("%s: %s", of, d)
		}
	}
	want = "_op,q,page,_reason\ninsert,3,,BAD_JSON\ninsert,4,,BAD_TYPE\ninsert,5,,GENERATED_COLUMN\ninsert,6,,BAD_JSON\n"
	if got := s.csvOf(t, `SELECT _seq AS q, page, _reason FROM per_page_clicks$errors WITH (start = 'earliest')`); strings.ReplaceAll(got, "\r", "") != want {
		t.Error(got)
	}
	// Each row is counted, and what does not decode as an error.
	accounts := s.csvOf(t, `SHOW QUERIES`)
	for _, want := range []string{"per_page_clicks,clicks,running,10,6,0,0,4,", "per_page_table_rows,table_rows,running,10,2,0,0,8,", "per_page_typed,typed,running,12,8,0,0,4,"} {
		if !strings.Contains(accounts, want) {
			t.Errorf("no %q in %s", want, accounts)
		}
	}
}

// A stream over a raw one has no log of its own, and says so.
func TestStreamOverRaw(t *testing.T) {
	dir := t.TempDir()
	t.Run("made", func(t *testing.T) {
		s := serveHere(t, dir)
		s.must(t, "CREATE STREAM `clicks-raw` WITH (format = 'raw', shards = 3, retention = '7h')")
		s.must(t, "CREATE STREAM clicks (page VARCHAR(20)) WITH (raw = 'clicks-raw')")
		putAll(t, kinesisClient(s.url()), "clicks-raw", "a", `{"page":"/a"}`, "b", `{"page":"/b"}`)
	})
	s := serveHere(t, dir)
	for _, c := range []struct{ statement, want string }{
		{"CREATE STREAM x (a BIGINT) WITH (raw = 'none')", "there is no raw stream `none`"},
		{"CREATE STREAM x (a BIGINT) WITH (raw = 'clicks-row')", "did you mean `clicks-raw`?"},
		{"CREATE STREAM x (a BIGINT) WITH (raw = 'clicks')", "`clicks` is no raw stream"},
		{"CREATE STREAM x (a BIGINT) WITH (raw = 'x')", "there is no raw stream `x`"},
		{"CREATE STREAM x WITH (raw = 'clicks-raw')", "has no columns"},
		{"CREATE STREAM x (a BIGINT) WITH (raw = 'clicks-raw', shards = 2)", "and `shards` with them"},
		{"CREATE STREAM x (a BIGINT) WITH (raw = 'clicks-raw', retention = '1h')", "and `retention` with them"},
		{"CREATE STREAM x (a BIGINT) WITH (raw = 'clicks-raw', partition_key = 'a')", "and `partition_key` with them"},
		{"CREATE STREAM x (a BIGINT) WITH (raw = 'clicks-raw', path = 'x')", "not both"},
		{"CREATE STREAM x (a BIGINT) WITH (raw = 'clicks-raw', format = 'raw')", "says how the records of `clicks-raw` are read"},
		{"CREATE STREAM x (a BIGINT) WITH (format = 'csv')", "with raw = '…'"},
		{"DROP STREAM `clicks-raw`", "the stream `clicks` reads `clicks-raw`"},
		{"ALTER STREAM clicks END", "ALTER STREAM `clicks-raw` END"},
		{"INSERT INTO clicks VALUES ('a')", "put them into `clicks-raw`"},
		{"INSERT INTO `clicks-raw` (data) VALUES (x'01')", "put it with a client of Kinesis"},
	} {
		status, body := post(t, s.url()+"/v1/sql", "text/plain", c.statement, nil)
		if status == http.StatusOK || !strings.Contains(string(body), c.want) {
			t.Errorf("%s: status %d: %s", c.statement, status, body)
		}
	}
	for path, want := range map[string]string{
		"clicks/records": "put them into `clicks-raw`", "clicks-raw/records": "put it with a client of Kinesis", "clicks/end": "/v1/streams/clicks-raw/end",
	} {
		status, body := post(t, s.url()+"/v1/streams/"+path, "", `{"page":"/c"}`, nil)
		if status != http.StatusConflict || !strings.Contains(string(body), want) {
			t.Errorf("POST to %s: status %d: %s", path, status, body)
		}
	}
	k := kinesisClient(s.url())
	streams, err := k.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
	if err != nil || len(streams.StreamNames) != 1 || streams.StreamNames[0] != "clicks-raw" {
		t.Errorf("%+v, %v", streams, err)
	}
	var inUse *types.ResourceInUseException
	if _, err := k.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("clicks-raw")}); !errors.As(err, &inUse) {
		t.Errorf("deleted although it is read: %v", err)
	}
	if got := s.csvOf(t, "SHOW STREAMS LIKE 'clicks'"); !strings.Contains(got, "clicks,3,\"\",_arrival,30s,clicks-raw,7h0m0s,2") {
		t.Error(got)
	}
	if got := s.csvOf(t, "SHOW CREATE STREAM clicks"); !strings.Contains(got, "raw = 'clicks-raw'") {
		t.Error(got)
	}
	got := s.csvOf(t, "SELECT page FROM clicks WITH (start = 'earliest') LIMIT 2")
	if !strings.Contains(got, "/a") || !strings.Contains(got, "/b") {
		t.Error(got)
	}
	if _, err := k.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("clicks"), PartitionKey: aws.String("a"), Data: []byte("x")}); err == nil || !strings.Contains(err.Error(), "records of clicks-raw by that name") {
		t.Error(err)
	}
	if _, body := get(t, s.url()+"/v1/streams"); !strings.Contains(body, `"name":"clicks-raw","source":"log","format":"raw"`) {
		t.Errorf("%s", body)
	}
	s.must(t, "DROP STREAM clicks")
	s.must(t, "DROP STREAM `clicks-raw`")
}

// The page shows the records behind the errors of a query, and DESCRIBE the columns of
// a raw stream.
func TestRawIsDescribed(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE STREAM raw WITH (format = 'raw', shards = 1)")
	s.must(t, "CREATE STREAM shown (n BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (raw = 'raw')")
	s.must(t, "CREATE MATERIALIZED VIEW v AS SELECT window_start, COUNT(*) AS c FROM shown GROUP BY TUMBLE(ts, INTERVAL 1 SECOND)")
	got := strings.ReplaceAll(s.csvOf(t, "DESCRIBE raw"), "\r", "")
	want := "column,type,role\ndata,VARBINARY,\"\"\npartition_key,VARCHAR,partition key\nsequence_number,VARCHAR,\"\"\n" +
		"shard_id,VARCHAR,\"\"\napproximate_arrival_time,DATETIME(3),\"\"\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := s.csvOf(t, "DESCRIBE shown"); !strings.Contains(got, "ts,DATETIME(3),event time") {
		t.Error(got)
	}
	putAll(t, kinesisClient(s.url()), "raw", "a", `{"n":1}`, "b", `{"n":2,"ts":"2026-11-20 10:00:00"}`)
	s.must(t, "ALTER STREAM raw END")
	s.csvOf(t, "SELECT * FROM v") // it has read all
	rows, found, err := lists{db: s.db}.LostRows(t.Context(), "v", false)
	if err != nil || !found || len(rows) != 1 || string(rows[0].Row) != `{"n":1}` {
		t.Errorf("%+v, %t, %v", rows, found, err)
	}
	if got := s.csvOf(t, "SELECT _key AS k FROM raw WITH (start = 'earliest') LIMIT 2"); !strings.Contains(got, "insert,a") {
		t.Error(got)
	}
}

// Rows out of one record are told apart by `_sub` wherever rows have a place: among
// those that are late or errors, in what depends on the place, and in orders.
func TestRowsOfOneRecord(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, "CREATE STREAM hits (n BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts) WITH (shards = 1, idle_timeout = '0')")
	s.must(t, "CREATE MATERIALIZED VIEW v AS SELECT window_start, COUNT(*) AS c FROM hits WHERE n <> 4 GROUP BY TUMBLE(ts, INTERVAL 1 SECOND)")
	row := func(n, second int) string { return fmt.Sprintf(`{"n":%d,"ts":"2026-11-20 10:00:%02d"}`, n, second) }
	k := kinesisClient(s.url())
	putAll(t, k, "hits", "a", row(1, 30), "b", row(5, 1)+row(4, 1)+row(3, 1)+`{"n":9}{"n":8}`+row(2, 1)+row(7, 40)+row(6, 40))
	s.must(t, "ALTER STREAM hits END")
	s.csvOf(t, "SELECT * FROM v") // it has read all
	for text, want := range map[string]string{
		`SELECT n, _seq AS q, _sub AS sub FROM v$late WITH (start = 'earliest') LIMIT 3`:               "_op,n,q,sub\ninsert,5,1,0\ninsert,3,1,2\ninsert,2,1,5\n",
		`SELECT n, _seq AS q, _sub AS sub, _reason FROM hits$errors WITH (start = 'earliest') LIMIT 2`: "_op,n,q,sub,_reason\ninsert,9,1,3,NULL_TS\ninsert,8,1,4,NULL_TS\n",
		`SELECT LENGTH(UUID()) AS l, _sub AS sub FROM v$errors WITH (start = 'earliest') LIMIT 2`:      "_op,l,sub\ninsert,36,3\ninsert,36,4\n",
		// Of one event time the first is the first of the record, not the least.
		`SELECT FIRST_VALUE(n) AS f, LAST_VALUE(n) AS l, GROUP_CONCAT(n) AS c FROM hits GROUP BY TUMBLE(ts, INTERVAL 1 SECOND) WITH (start = 'earliest') LIMIT 2`: "_op,f,l,c\ninsert,1,1,1\ninsert,7,6,\"7,6\"\n",
		`SELECT n FROM TABLE(SESSION(TABLE hits, DESCRIPTOR(ts), INTERVAL '5' SECOND)) WITH (start = 'earliest') LIMIT 3`:                                         "_op,n\ninsert,1\ninsert,7\ninsert,6\n",
	} {
		if d := cmp.Diff(want, strings.ReplaceAll(s.csvOf(t, text), "\r", "")); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
	s.must(t, `CREATE MATERIALIZED VIEW told AS SELECT COUNT(*) AS n, COUNT(DISTINCT UUID()) AS ids FROM v$late`)
	if got := s.csvOf(t, `SELECT * FROM told`); got != "n,ids\n3,3\n" {
		t.Error(got)
	}
	for _, of := range []string{"v$late", "v$errors", "hits$late", "hits$errors"} {
		if got := s.csvOf(t, "DESCRIBE "+of); !strings.Contains(strings.ReplaceAll(got, "\r", ""), "_seq,BIGINT,\"\"\n_sub,BIGINT,") {
			t.Errorf("%s: %s", of, got)
		}
	}
}
