package dashboard

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"weir/dashboard/api"
)

// shelf is a catalog whose rates grow with each look at it.
type shelf struct{ looks atomic.Int64 }

const bySite = "SELECT window_start, site, n, temp FROM by_site"

func (s *shelf) Streams() []api.StreamInfo {
	return []api.StreamInfo{{Name: "readings", Rate: float64(100 + s.looks.Add(1))}, {Name: "odd name", Rate: 2}}
}
func (s *shelf) Stream(string) (api.StreamDetail, bool) { return api.StreamDetail{}, false }
func (s *shelf) Views() []api.ViewInfo {
	return []api.ViewInfo{{Name: "by_site", Materialized: true, SQL: "CREATE MATERIALIZED VIEW by_site AS SELECT 1"}}
}
func (s *shelf) Sinks() []api.SinkInfo {
	return []api.SinkInfo{{Name: "to_files", Connector: "file", View: "by_site", State: "running"}}
}
func (s *shelf) Queries() []api.QueryInfo {
	n := s.looks.Load()
	return []api.QueryInfo{
		{Name: "by_site", Kind: "view", Reads: "readings", SQL: "… WHERE temp > 3 GROUP BY site", Rate: 100, RateOut: 3,
			Ledger: &api.LedgerInfo{In: 1000 + n, Used: 900 + n, Filtered: 88, Late: 12, Error: 2}},
		{Name: "live-1", Kind: "live", Reads: "by_site", SQL: bySite, RateOut: 3, Ledger: &api.LedgerInfo{In: 5, Used: 5}},
	}
}

func (s *shelf) LostRows(_ context.Context, query string, late bool) ([]api.LostRow, bool, error) {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	behind := at.Add(19 * time.Second)
	if !late {
		return []api.LostRow{
			{Why: "not valid JSON: no", Reason: "BAD_JSON", Shard: 1, Seq: 8, Sub: 2, Row: json.RawMessage(`"no"`)},
			{Why: "not valid JSON: {", Reason: "BAD_JSON", Shard: 1, Seq: 8, Sub: 3, Row: json.RawMessage(`"{…"`), RowBytes: 20000},
		}, true, nil
	}
	return []api.LostRow{{Why: "too late", Shard: 1, Seq: 7, Event: &at, Watermark: &behind, BehindMS: 9000, Row: json.RawMessage(`{"site":"<b>Aarhus</b>"}`)}},
		query == "by_site", nil
}

func shelfPage(c *Config) {
	c.Catalog = &shelf{}
	c.Page = Page{Panels: []Panel{
		{Title: "Temperature", SQL: bySite},
		{Title: "It grows", SQL: "SELECT window_start, site, temp FROM grows GROUP BY site, TUMBLE(ts, INTERVAL 10 SECOND) EMIT CHANGES"},
	}}
}

// leaf is the row of the tree with a name, in JavaScript.
func leaf(name, rest string) string {
	return `document.querySelector('[data-testid=leaf][data-name="` + name + `"]')` + rest
}

// TestTree: what the server has is beside the panels with rates that move; a
// click or Enter puts a query into the box, d describes, arrows move and fold.
func TestTree(t *testing.T) {
	_, at := serve(t, shelfPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(at))
	rate := leaf("readings", `?.querySelector('[data-testid=rate]').innerText`)
	until(t, ctx, `/^\d+\/s$/.test(`+rate+` ?? '')`)
	first := eval[string](t, ctx, rate)
	until(t, ctx, rate+` !== '`+first+`' && `+leaf("readings", `.querySelector('svg polyline') !== null`))
	until(t, ctx, leaf("live-1", ` !== null`)+` && `+leaf("by_site", ` !== null`))
	text := `(document.querySelector('[data-testid=sql]').value ?? document.querySelector('[data-testid=sql]').innerText).trim()`
	eval[bool](t, ctx, `(`+leaf("readings", `.click()`)+`, true)`)
	until(t, ctx, text+` === 'SELECT * FROM readings'`)
	eval[bool](t, ctx, `(`+leaf("odd name", `.click()`)+`, true)`)
	until(t, ctx, text+" === 'SELECT * FROM `odd name`'")
	shoot(t, ctx, "tree")

	focus := func(js string) { eval[bool](t, ctx, `(`+js+`.focus(), true)`) }
	focus(`document.querySelector('[data-testid=tree] [role=treeitem]')`)
	press(t, ctx, "\u0301") // down
	until(t, ctx, `document.activeElement.dataset.name === 'readings'`)
	press(t, ctx, "d")
	until(t, ctx, `document.querySelector('[aria-label=Answer]')?.innerText.includes('Aarhus') ?? false`)
	for range 2 { // left: to the group, and shut
		press(t, ctx, "\u0302")
	}
	until(t, ctx, leaf("readings", ` === null`)+` && document.activeElement.ariaExpanded === 'false'`)
	press(t, ctx, "\u0303") // right
	until(t, ctx, leaf("readings", ` !== null`))
	key(t, ctx, "b")
	until(t, ctx, `document.querySelector('[data-testid=tree]') === null`)
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=tree-toggle]")))
	until(t, ctx, `document.querySelector('[data-testid=tree]') !== null`)
}

// TestLedger: a panel says what became of the rows that its query read, and a
// number opens them.
func TestLedger(t *testing.T) {
	_, at := serve(t, shelfPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(at))
	ledger := panel(0, `?.querySelector('[data-testid=ledger]')`)
	until(t, ctx, `/^read 1,0\d\d: used 9\d\d · filtered 88 · late 12 · error 2$/.test(`+ledger+`?.innerText ?? '')`)
	if got := eval[string](t, ctx, ledger+`.querySelector('span').title`); got != "WHERE temp > 3" {
		t.Errorf("filtered says %q", got)
	}
	if n := eval[int](t, ctx, `document.querySelectorAll('[data-testid=ledger]').length`); n != 1 {
		t.Errorf("%d panels have a ledger, the server knows the query of one", n)
	}
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=ledger-late]")))
	lost := `document.querySelector('[data-testid=lost]')`
	until(t, ctx, lost+`?.open && /2026-11-20 10:00:00\.000\s+2026-11-20 10:00:19\.000\s+9 s\s+1, 7\s+{"site":"<b>Aarhus<\/b>"}/.test(`+lost+`.innerText)`)
	shoot(t, ctx, "late")
	press(t, ctx, "\u001b")
	until(t, ctx, lost+` === null`)
	// Rows of one record are told apart, and what is wrong with them is said.
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=ledger-error]")))
	until(t, ctx, lost+`?.open && /BAD_JSON: not valid JSON: \{\s+1, 8\.3\s+"\{…"\s+BAD_JSON: not valid JSON: no\s+1, 8\.2\s+"no"/.test(`+lost+`.innerText)`)
	until(t, ctx, "/The newest 2 of 2\\..* FROM `by_site\\$errors` WITH/.test("+lost+`.innerText)`)
	shoot(t, ctx, "errors")
}

// TestProvisional: rows of windows that are still open look so, in the chart and
// in its table, and the watermark stands where they begin.
func TestProvisional(t *testing.T) {
	_, at := serve(t, shelfPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(at))
	open := func(n int) string {
		return `(` + panel(n, `?.querySelector('[data-testid=chart]')?.dataset.provisional`) + `)`
	}
	until(t, ctx, open(1)+` === '3' && `+open(0)+` === '0'`)
	until(t, ctx, `Number(`+panel(0, `?.querySelector('.plot')?.dataset.watermark`)+`) > 0 && !`+panel(0, `.querySelector('.standing').hidden`))
	shoot(t, ctx, "provisional")
	eval[bool](t, ctx, `(`+panel(1, `.querySelector('[data-testid=toggle]').click()`)+`, true)`)
	until(t, ctx, panel(1, `.querySelectorAll('tr.open').length === 3`)+` && `+panel(1, `.querySelectorAll('tbody tr').length > 180`))
}
