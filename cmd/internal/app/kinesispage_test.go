package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/chromedp/chromedp"
)

// clicksAt are 30 records of a page's visitors at one time.
func clicksAt(ts time.Time) []types.PutRecordsRequestEntry {
	var out []types.PutRecordsRequestEntry
	for i := range 30 {
		out = append(out, types.PutRecordsRequestEntry{
			PartitionKey: aws.String(fmt.Sprint("visitor ", i)),
			Data: fmt.Appendf(nil, `{"page":%q,"ms":%d,"ts":%q}`, []string{"/home", "/cart", "/help"}[i%3], 5+i,
				ts.UTC().Format("2006-01-02 15:04:05.000")),
		})
	}
	return out
}

// The demo's page shows a view over what Amazon's client puts, and the chart goes on
// while it puts.
func TestKinesisOnThePage(t *testing.T) {
	ctx := browser(t)
	url, _ := startDemo(t)
	k, name := kinesisClient(url), aws.String("clicks-raw")
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "the page is there", `document.querySelector('[data-testid=sql]') !== null`)
	if _, err := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "the client's stream is in the tree, to be read as text", leafOf("clicks-raw")+
		` && document.querySelector('[data-name="clicks-raw"]').title.startsWith('SELECT CAST(data AS VARCHAR)')`)
	typeAndRun(t, ctx, "CREATE STREAM clicks (page VARCHAR, ms BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts - INTERVAL 1 SECOND) WITH (raw = 'clicks-raw', format = 'json')")
	await(t, ctx, "the stream over it is in the tree", leafOf("clicks"))
	typeAndRun(t, ctx, "CREATE MATERIALIZED VIEW per_page AS SELECT window_start, page, COUNT(*) AS n FROM clicks GROUP BY page, TUMBLE(ts, INTERVAL 1 SECOND)")
	await(t, ctx, "the view is in the tree", leafOf("per_page"))
	typeAndRun(t, ctx, "SELECT * FROM per_page")

	const batches = 60
	begun, seen := time.Now().Truncate(time.Second), 0
	put := func(ts time.Time) {
		t.Helper()
		out, err := k.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: name, Records: clicksAt(ts)})
		if err != nil || *out.FailedRecordCount != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	for i := range batches {
		put(begun.Add(time.Duration(i) * 200 * time.Millisecond))
		if i%20 != 19 {
			continue
		}
		// The chart has more points than before: windows that have closed since.
		await(t, ctx, "the chart goes on", fmt.Sprintf(`(() => { const p = document.querySelector('[data-testid=panel]');
			window.points = +p.querySelector('[data-points]')?.dataset.points; return p.innerText.includes('/cart') && window.points > %d; })()`, seen))
		points, err := chromedp.Run(ctx, chromedp.Evaluate[int]("window.points"))
		if err != nil {
			t.Fatal(err)
		}
		seen = points
	}
	shot(t, ctx, "kinesis")
	put(begun.Add(20 * time.Second)) // closes the windows before
	typeAndRun(t, ctx, "SELECT SUM(n) AS clicks FROM per_page")
	await(t, ctx, "every record is counted once", fmt.Sprintf(
		`document.querySelector('[data-testid=panel] [data-testid=number]')?.innerText.replace(/\D/g, '') === '%d'`, batches*30))
	shot(t, ctx, "kinesis-total")
}

// leafOf is true once a name is in the page's tree.
func leafOf(name string) string {
	return fmt.Sprintf(`document.querySelector('[data-testid=leaf][data-name=%q]') !== null`, name)
}
