package dashboard

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

var costFor = flag.Duration("cost.for", 3*time.Second, "how long the cost of the page is measured")

// costMost is 0.2 where nothing else runs. Beside other tests the same work takes
// more time on the processor, which two threads of a core share; twice as much
// means that charts are drawn anew at each change.
var costMost = flag.Float64("cost.most", 0.35, "how much of a core twelve charts may take at ten changes a second")

// TestCost measures what the page's thread spends on twelve panels of four lines
// with six hundred points each, all of them in sight and changed ten times a
// second. It is time on the processor.
func TestCost(t *testing.T) {
	_, at := serve(t, func(c *Config) {
		for i := range 12 {
			c.Page.Panels = append(c.Page.Panels, Panel{Title: fmt.Sprintf("Panel %d", i+1), SQL: fmt.Sprintf("SELECT %d FROM bench", i)})
		}
	})
	ctx := browser(t)
	must(t, ctx, chromedp.EmulateViewport(1600, 2600), chromedp.Navigate(at))
	drawn := `Math.min(...[...document.querySelectorAll('[data-testid=chart]')].map(c => Number(c.dataset.version ?? 0)))`
	until(t, ctx, `document.querySelectorAll('[data-testid=chart]').length === 12 && `+drawn+` > 10`)
	if n := eval[int](t, ctx, points); n < 2400 {
		t.Fatalf("%d points", n)
	}
	must(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
		return chromedp.Void{}, err
	})
	before, frames := metrics(t, ctx), eval[int](t, ctx, drawn)
	time.Sleep(*costFor) // the time that is measured
	after := metrics(t, ctx)
	frames = eval[int](t, ctx, drawn) - frames
	took := after["Timestamp"] - before["Timestamp"]
	share := func(name string) float64 { return (after[name] - before[name]) / took }
	t.Logf("12 panels x 4 lines x 600 points, %.1f pictures a second each: %.1f %% of a core (script %.1f, layout %.1f, style %.1f), heap %.1f MB",
		float64(frames)/took, 100*share("TaskDuration"), 100*share("ScriptDuration"), 100*share("LayoutDuration"),
		100*share("RecalcStyleDuration"), after["JSHeapUsedSize"]/1e6)
	if share("TaskDuration") > *costMost {
		t.Errorf("%.0f %% are allowed", 100**costMost)
	}
	shoot(t, ctx, "cost")

	// What nobody can see is not drawn.
	must(t, ctx, chromedp.EmulateViewport(1280, 900))
	last := `Number([...document.querySelectorAll('[data-testid=chart]')].at(-1).dataset.version)`
	first := eval[int](t, ctx, version)
	hidden := eval[int](t, ctx, last)
	until(t, ctx, fmt.Sprintf(`%s > %d`, version, first+10))
	if now := eval[int](t, ctx, last); now > hidden+3 { // those that were under way
		t.Errorf("a panel out of sight was drawn %d times", now-hidden)
	}
	eval[bool](t, ctx, `(scrollTo(0, document.body.scrollHeight), true)`)
	until(t, ctx, fmt.Sprintf(`%s > %d`, last, hidden+10))
}

// metrics asks the browser what the page has cost so far.
func metrics(t *testing.T, ctx context.Context) map[string]float64 {
	t.Helper()
	all, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (performance.GetMetricsResult, error) {
		return cdp.Call(ctx, target, performance.GetMetrics, cdp.Empty{})
	})
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]float64)
	for _, m := range all.Metrics {
		out[m.Name] = m.Value
	}
	return out
}
