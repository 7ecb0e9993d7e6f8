package app

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstandard(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return string(w.EncodeAll([]byte(text), nil))
}

// TestFormatsIn sends the same sale in every format and encoding, with times as
// numbers of seconds and an exact price that is also the partition key. The
// view's sums, and what a restart makes of the log, are exact.
func TestFormatsIn(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	s := startServer(t, dir, port)
	s.sql(`CREATE STREAM sales (price DECIMAL(20,4), item VARCHAR, at DATETIME(3), WATERMARK FOR at AS at)
			WITH (shards = 3, partition_key = 'price', time_unit = 's', idle_timeout = '0', future_tolerance = '0');
		CREATE MATERIALIZED VIEW takings AS SELECT window_start, item, COUNT(*) AS n, SUM(price) AS total, AVG(price) AS mean, MAX(price) AS dearest
			FROM sales GROUP BY item, TUMBLE(at, INTERVAL 1 HOUR)`)
	lines := `{"price":0.1,"item":"a","at":1763632800}` + "\n" + `{"price":"9007199254740993.0001","item":"b","at":"2025-11-20 10:00:00"}` + "\n"
	array := "[" + strings.ReplaceAll(strings.TrimSpace(lines), "\n", ",\n") + "]"
	table := "at,note,item,price\r\n1763632800,x,a, 0.1\r\n2025-11-20T10:00:00Z,\"\",b,9007199254740993.0001\r\n"
	records := s.url + "/v1/streams/sales/records"
	for _, c := range []struct{ url, kind, coding, body string }{
		{records, "application/x-ndjson", "", lines},
		{records, "application/json", "gzip", gzipped(t, array)},
		{records, "text/csv", "", table},
		{records, "text/csv; charset=utf-8", "gzip", gzipped(t, table)},
		{records + "?partition_key=one", "text/csv", "zstd", zstandard(t, table)},
	} {
		status, body := post(t, c.url, c.kind, c.body, map[string]string{"Content-Encoding": c.coding})
		if status != http.StatusOK || !strings.Contains(string(body), `"accepted":2,"rejected":0`) {
			t.Fatalf("%s %s: %d %s", c.kind, c.coding, status, body)
		}
	}
	if status, body := post(t, records, "", `{"price":12345678901234567,"item":"a","at":0}`, nil); status != http.StatusBadRequest || !strings.Contains(string(body), "OUT_OF_RANGE") {
		t.Errorf("too many digits: %d %s", status, body)
	}
	if status, body := post(t, s.url+"/v1/streams/sales/end", "", "", nil); status != http.StatusOK {
		t.Fatalf("end: %d %s", status, body)
	}
	const want = `window_start,item,n,total,mean,dearest
2025-11-20 10:00:00.000,a,5,0.5000,0.10000000,0.1000
2025-11-20 10:00:00.000,b,5,45035996273704965.0005,9007199254740993.00010000,9007199254740993.0001
`
	check := func() {
		t.Helper()
		status, body := post(t, s.url+"/v1/sql", "", "SELECT * FROM takings ORDER BY item", map[string]string{"Accept": "text/csv"})
		if d := cmp.Diff(want, string(body)); status != http.StatusOK || d != "" {
			t.Errorf("%d (-want +got):\n%s", status, d)
		}
	}
	check()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	s = startServer(t, dir, port)
	check()
}

// TestLiveEvents follows a stream as server-sent events: the id behind a row is
// the commit that its producer was told.
func TestLiveEvents(t *testing.T) {
	s := serveHere(t, t.TempDir())
	s.must(t, hits)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url()+"/v1/sql", strings.NewReader("SELECT path FROM hits WITH (start = 'earliest')"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, ack := post(t, s.url()+"/v1/streams/hits/records", "text/csv", "path,ts\n/a,2026-11-20 10:00:00\n/b,2026-11-20 10:00:01\n", nil)
	_, commit, _ := strings.Cut(string(ack), `"commit":`)
	commit, _, _ = strings.Cut(commit, ",")
	want := "event: schema\ndata: {\"columns\":[{\"name\":\"path\",\"type\":\"VARCHAR\"}]}\n\ndata: {\"path\":\"/a\"}\n\nid: " + commit + "\ndata: {\"path\":\"/b\"}\n\n"
	got := make([]byte, len(want))
	for n := 0; n < len(got); {
		k, err := resp.Body.Read(got[n:])
		if err != nil {
			t.Fatalf("%v behind %q", err, got[:n])
		}
		n += k
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}
