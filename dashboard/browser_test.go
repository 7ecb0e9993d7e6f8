package dashboard

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser starts a headless Chromium, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("SKIPPED: no Chromium on this machine, so nobody looked at the page")
	}
	// Chromium leaves directories behind where temporary files are; the names of its
	// sockets there have to be short.
	tmp, err := os.MkdirTemp("", "weir-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Env("TMPDIR="+tmp),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900))
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	t.Cleanup(cancel)
	ctx, cancelAlloc := chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancelAlloc)
	ctx, cancelTab := chromedp.NewContext(ctx)
	t.Cleanup(cancelTab)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("close the browser: %v", err)
		}
	})
	return ctx
}

// must runs steps on the page.
func must(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// eval evaluates an expression on the page.
func eval[T any](t *testing.T, ctx context.Context, js string, opts ...chromedp.EvaluateOption) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, opts...))
	if err != nil {
		t.Fatalf("%s: %v", js, err)
	}
	return v
}

// press presses keys, each as a keyboard does: what is prevented when it goes down
// is not typed. (chromedp.KeyEvent types it all the same: a space scrolls the page.)
func press(t *testing.T, ctx context.Context, keys string, modifiers ...chromedp.Modifier) {
	t.Helper()
	for _, r := range keys {
		events := kb.Encode(r)
		down, up := *events[0], *events[len(events)-1]
		for _, m := range modifiers {
			down.Modifiers |= int64(m)
			up.Modifiers |= int64(m)
		}
		if len(events) == 3 && down.Modifiers&^int64(chromedp.ModifierShift) == 0 {
			down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
		}
		for _, event := range []input.DispatchKeyEventParams{down, up} {
			must(t, ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
				_, err := cdp.Call(ctx, target, input.DispatchKeyEvent, event)
				return err
			}))
		}
	}
}

// stuck says whether the page is drawn at all, and where its panels are.
const stuck = `new Promise((resolve) => {
	const places = [...document.querySelectorAll('[data-testid=panel]')].map((p) => p.getBoundingClientRect()).map((r) => Math.round(r.top) + '-' + Math.round(r.bottom));
	const say = (frames) => resolve(frames + ', ' + document.visibilityState + ', ' + innerWidth + ' x ' + innerHeight + ', scrolled by ' + scrollY + ', panels at ' + places);
	requestAnimationFrame(() => say('frames come'));
	setTimeout(() => say('no frame came within 5 s'), 5000);
})`

// until waits for an expression to be true.
func until(t *testing.T, ctx context.Context, js string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !eval[bool](t, ctx, js); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(end) {
			shoot(t, ctx, "stuck")
			t.Fatalf("never true: %s\n%s\n%s", js, eval[string](t, ctx, stuck, chromedp.EvalAwaitPromise), eval[string](t, ctx, "document.body.innerText"))
		}
	}
}

// shoot keeps a picture of the page where WEIR_SCREENSHOTS names a folder.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("WEIR_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	points  = `Number(document.querySelector('[data-testid=chart]')?.dataset.points ?? 0)`
	version = `Number(document.querySelector('[data-testid=chart]')?.dataset.version ?? 0)`
)

func demoPage(c *Config) {
	c.Page = Page{
		Panels: []Panel{
			{Title: "Temperature by site", SQL: "SELECT window_start, site, n, temp FROM by_site"},
			{Title: "Many sites", SQL: "SELECT window_start, site, n, temp FROM many"},
			{Title: "Not yet", SQL: "SELECT window_start, site, n, temp FROM nothing_yet"},
			{Title: "The last readings", SQL: "SELECT * FROM tail"},
		},
		Example: "-- temperature by site\nSELECT window_start, site, AVG(temp) AS temp\nFROM sensors\nGROUP BY site, TUMBLE(ts, INTERVAL 10 SECOND)",
	}
	c.Status = func() Status { return Status{Streams: 3, Rows: time.Now().UnixMilli() % 100_000_000} }
}

// TestPage looks at the page as a person would: it draws, it changes, a query
// typed in runs, a mistake is marked where it is.
func TestPage(t *testing.T) {
	_, url := serve(t, demoPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(url))

	until(t, ctx, points+` >= 180`)
	before := eval[int](t, ctx, version)
	until(t, ctx, version+` > `+strconv.Itoa(before+3))
	until(t, ctx, `document.querySelectorAll('[data-testid=panel]').length === 4`)
	until(t, ctx, `document.querySelector('[data-testid=chart] canvas').width > 100`)
	until(t, ctx, `document.body.innerText.includes('No window has closed yet: the watermark is at')`)
	until(t, ctx, `document.body.innerText.includes('12 of 23 lines are drawn')`)
	if n := eval[int](t, ctx, `document.querySelectorAll('.legend b').length`); n != 0 {
		t.Errorf("%d names became markup", n)
	}
	shoot(t, ctx, "demo")

	// A query typed and run by the keyboard takes the first place.
	fill(t, ctx, "SELECT window_start, site, temp FROM typed")
	press(t, ctx, "\r", chromedp.ModifierCtrl)
	until(t, ctx, `document.querySelectorAll('[data-testid=panel]').length === 5`)
	until(t, ctx, `document.querySelector('[data-testid=panel] h2').innerText.includes('typed')`)
	until(t, ctx, points+` >= 180`)
	until(t, ctx, `location.hash.includes('typed')`)

	// The same rows as a table, and its numbers move too.
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=toggle]")))
	until(t, ctx, `Number(document.querySelector('[data-testid=panel] [data-testid=table]').dataset.rows) >= 180`)
	rows := eval[int](t, ctx, `Number(document.querySelector('[data-testid=table]').dataset.rows)`)
	until(t, ctx, `Number(document.querySelector('[data-testid=table]').dataset.rows) > `+strconv.Itoa(rows))
}

// TestMistake: an error is marked under its bytes, also behind letters that are
// one unit of UTF-16 and several bytes, or two units and four bytes.
func TestMistake(t *testing.T) {
	_, url := serve(t, demoPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(url))
	until(t, ctx, points+` > 0`)
	for _, sql := range []string{
		"SELECT devce FROM sensors",
		"-- Größe \U0001F30A\nSELECT 'Cádiz', devce FROM sensors",
		"CREATE STREAM ok (x BIGINT);\nSELECT 'é', devce FROM sensors",
		"SHOW devce",
	} {
		fill(t, ctx, sql)
		must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=run]")))
		until(t, ctx, `document.querySelector('[data-testid=error]').innerText.includes('unknown column')`)
		if got := eval[string](t, ctx, `[...document.querySelectorAll('[data-testid=mark]')].map(e => e.textContent).join('')`); got != "devce" {
			t.Errorf("%q: %q is marked", sql, got)
		}
		if n := eval[int](t, ctx, `document.querySelectorAll('[data-testid=panel]').length`); n != 4 {
			t.Errorf("%q: %d panels", sql, n)
		}
	}
	shoot(t, ctx, "mistake")
}

// TestFirstSteps: a server that shows nothing says what to do, with its own address.
func TestFirstSteps(t *testing.T) {
	_, url := serve(t, nil)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(url))
	until(t, ctx, `document.body.innerText.includes(location.host + '/v1/streams/readings/records')`)
	shoot(t, ctx, "first")
	fill(t, ctx, "SHOW STREAMS")
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=run]")))
	until(t, ctx, `document.body.innerText.includes('Aarhus')`)
}

// TestReconnect: a page whose server went away says so, and comes back by itself.
func TestReconnect(t *testing.T) {
	h, url := serve(t, demoPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(url))
	until(t, ctx, points+` > 0`)
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `document.querySelector('[data-testid=link]').dataset.state === 'waiting'`)
	until(t, ctx, `document.body.innerText.includes('disconnected, trying again in')`)
	until(t, ctx, `document.querySelector('[data-testid=panel]').dataset.state === 'lost'`)
	if eval[int](t, ctx, points) == 0 {
		t.Error("the chart forgot its points")
	}
}

// fill puts a text into the box, as typing would.
func fill(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	// By script: the node may be replaced by the editor at any moment.
	eval[bool](t, ctx, `(() => { const box = document.querySelector('[data-testid=sql]'); box.focus(); box.select(); return true; })()`)
	eval[bool](t, ctx, `document.execCommand('insertText', false, `+strconv.Quote(text)+`)`)
}
