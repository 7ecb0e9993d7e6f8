package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"time"

	"weir/dashboard/api"
)

var (
	metricLine = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	metricDoc  = regexp.MustCompile("(?m)^\\| `(weir_[a-z_]+)(?:\\{[^}]*\\})?` \\| (counter|gauge) \\|")
)

// TestMetricsAreDocumented holds /metrics and docs/metrics.md together, both ways.
func TestMetricsAreDocumented(t *testing.T) {
	s, _ := serveWith(t, func(cfg *serverConfig) { cfg.Files, cfg.Kinesis.Open = t.TempDir(), true })
	s.must(t, hits+"; CREATE STREAM few (second DATETIME(3), n TINYINT); CREATE PUMP passer AS INSERT INTO few SELECT ts, ms FROM hits WHERE ms < 0; CREATE SINK parts FROM per_second WITH (connector = 'file', path = 'out')")
	s.send(t, 0, 100)
	s.must(t, "SELECT * FROM per_second")
	useKinesis(t, s.url())
	_, text := get(t, s.url()+"/metrics")
	served := map[string]string{}
	for _, m := range metricLine.FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(m[1], "weir_") {
			served[m[1]] = m[2]
		}
	}
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, m := range metricDoc.FindAllStringSubmatch(string(doc), -1) {
		documented[m[1]] = m[2]
	}
	for name, kind := range served {
		if documented[name] != kind {
			t.Errorf("%s is a %s; docs/metrics.md says %q", name, kind, documented[name])
		}
		if (kind == "counter") != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %s", name, kind)
		}
	}
	for name := range documented {
		if served[name] == "" {
			t.Errorf("docs/metrics.md explains %s, which is not served", name)
		}
	}
	for _, line := range []string{
		`weir_log_records_total 100`, `weir_ingest_requests_total{code="200"} 1`, `weir_ingest_rows_total{outcome="accepted"} 100`,
		`weir_stream_records_total{stream="hits"} 100`, `weir_query_rows_total{fate="used",reads="hits",view="per_second"} 100`,
		`weir_query_commit_lag{view="per_second"} 0`, `weir_query_running{view="per_second"} 1`, `weir_ready 1`, `weir_pump_written_rows_total{pump="passer"} 0`, `weir_streams 2`, `weir_views 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if !strings.Contains(text, "go_goroutines ") || !strings.Contains(text, "weir_query_watermark_lag_seconds{") {
		t.Error("no Go runtime, or no watermark lag")
	}
	if t.Failed() {
		var own []string
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "weir_") {
				own = append(own, line)
			}
		}
		slices.Sort(own)
		t.Log(strings.Join(own, ""))
	}
}

// useKinesis puts a record, with a metric of each shard that is asked for.
func useKinesis(t *testing.T, url string) {
	t.Helper()
	k, name := kinesisClient(url), aws.String("hits")
	_, err := k.EnableEnhancedMonitoring(t.Context(), &kinesis.EnableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.ListStreams(t.Context(), &kinesis.ListStreamsInput{}); err != nil {
		t.Fatal(err)
	}
	arn := aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/hits")
	it, err := k.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamARN: arn, ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeLatest})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator}); err != nil {
		t.Fatal(err)
	}
}

// TestLists reads what there is over HTTP.
func TestLists(t *testing.T) {
	s, _ := serveWith(t, func(*serverConfig) {})
	for _, path := range []string{"streams", "views", "queries"} {
		if status, body := get(t, s.url()+"/v1/"+path); status != 200 || strings.TrimSpace(body) != `{"`+path+`":[]}` {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	s.must(t, hits)
	s.must(t, "CREATE VIEW named AS SELECT path FROM hits")
	s.send(t, 0, 100)
	s.must(t, "SELECT * FROM per_second")
	var all struct {
		Streams []api.StreamInfo
		Views   []api.ViewInfo
		Queries []api.QueryInfo
	}
	for _, path := range []string{"streams", "views", "queries"} {
		_, body := get(t, s.url()+"/v1/"+path)
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
	}
	if len(all.Streams) != 1 || all.Streams[0].Records != 100 || all.Streams[0].Source != "log" {
		t.Errorf("%+v", all.Streams)
	}
	if len(all.Views) != 2 || all.Views[0].Rows != nil || all.Views[1].Rows == nil || !all.Views[1].Materialized || all.Views[1].Watermark == nil {
		t.Errorf("%+v", all.Views)
	}
	q := all.Queries[0]
	l := q.Ledger
	if q.Name != "per_second" || q.State != "running" || q.Reads != "hits" || l.In != 100 || l.In != l.Used+l.Filtered+l.Late+l.Error || q.CommitLag != 0 || q.Watermark == nil {
		t.Errorf("%+v", q)
	}
	var d api.StreamDetail
	_, body := get(t, s.url()+"/v1/streams/hits")
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	if d.Records != 100 || len(d.Columns) != 3 || len(d.RecordsPerShard) != 1 || !slices.Equal(d.Readers, []string{"per_second"}) || !strings.HasPrefix(d.SQL, "CREATE STREAM") {
		t.Errorf("%s", body)
	}
	if status, body := get(t, s.url()+"/v1/streams/none"); status != 404 || !strings.Contains(body, "hint") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get(t, s.url()+"/debug/pprof/"); status != 404 {
		t.Errorf("pprof without --pprof: %d %s", status, body)
	}
}

func TestRates(t *testing.T) {
	var r rates
	k, gone := rateKey{id: 1}, rateKey{id: 2}
	now := time.Unix(0, 0)
	for i := range 30 {
		counts := map[rateKey]int64{k: int64(i * i)}
		if i < 5 {
			counts[gone] = 1
		}
		r.add(now.Add(time.Duration(i)*time.Second), counts)
	}
	if got := r.of(k); got != (29*29-19*19)/10.0 {
		t.Errorf("%v", got)
	}
	if len(r.by) != 1 || len(r.by[k]) != rateWindow+1 || r.of(gone) != 0 {
		t.Errorf("%v", r.by)
	}
}
