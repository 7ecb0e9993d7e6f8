package app

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// startDemo starts `weir demo` in a process of its own and returns the page's
// address and all that it printed until it was ready.
func startDemo(t *testing.T) (url string, banner []string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "demo")
	cmd.Env = append(os.Environ(), asWeir+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("demo ended badly: %v", err)
		}
	})
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		banner = append(banner, lines.Text())
		if url == "" {
			url = address.FindString(lines.Text())
		}
		if strings.Contains(lines.Text(), "Ready in") {
			return url, banner
		}
	}
	t.Fatalf("demo never got ready; it printed %q", banner)
	return "", nil
}

// browser starts headless Chromium, or skips.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED, no chromium: install it to test the page")
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
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1400, 900))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancelAlloc)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, cancelTime := context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(cancelTime)
	return ctx
}

// panelsDraw is true once the page has two panels that have points and were
// drawn more than once.
const panelsDraw = `[...document.querySelectorAll('[data-testid=panel]')].filter(p => {
	const c = p.matches('[data-points]') ? p : p.querySelector('[data-points]');
	return c && +c.dataset.points > 0 && +c.dataset.version > 1 && p.querySelector('canvas');
}).length >= 2`

// demoWithin is 3 s where nothing else runs. Beside other tests a machine of two
// cores may take longer, and what counts there is that it draws.
var demoWithin = flag.Duration("demo.within", 0, "how soon after ready the demo's charts have to draw and change; 0: at some time")

// sixPanels is true once all panels of the demo show something that moves.
const sixPanels = `document.querySelectorAll('[data-testid=panel]').length === 6 &&
	[...document.querySelectorAll('[data-testid=chart]')].filter(c => +c.dataset.points > 0).length === 3 &&
	+(document.querySelector('[data-testid=bars]')?.dataset.bars ?? 0) === 10 &&
	+(document.querySelector('[data-testid=table]')?.dataset.rows ?? 0) > 0 &&
	+(document.querySelector('[data-testid=plan]')?.dataset.nodes ?? 0) > 4 &&
	[...document.querySelectorAll('[data-testid=flow]')].some(f => +f.dataset.rate > 0) &&
	[...document.querySelectorAll('[data-testid=chart]')].some(c => +c.dataset.provisional > 0) &&
	document.querySelectorAll('[data-testid=ledger]').length === 5 &&
	document.querySelectorAll('[data-testid=leaf]').length >= 3 + 5 + 5`

// await waits for something to be true of the page.
func await(t *testing.T, ctx context.Context, what, js string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		shot(t, ctx, "failed")
		text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
		t.Fatalf("%s: %v\n%s", what, err, text)
	}
}

// do evaluates a statement on the page.
func do(t *testing.T, ctx context.Context, js string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("("+js+", true)")); err != nil {
		t.Fatal(err)
	}
}

// ownFile sends a file of somebody's own with `weir put` and draws it.
func ownFile(t *testing.T, ctx context.Context, url string) {
	t.Helper()
	typeAndRun(t, ctx, "CREATE STREAM beans (roaster VARCHAR(12), grams DOUBLE, ts DATETIME, WATERMARK FOR ts AS ts - INTERVAL 1 SECOND) WITH (shards = 1)")
	await(t, ctx, "the new stream is in the tree", `document.querySelector('[data-testid=leaf][data-name=beans]') !== null`)
	var rows strings.Builder
	for i := range 600 {
		fmt.Fprintf(&rows, `{"roaster":%q,"grams":%.1f,"ts":"2026-11-20 10:%02d:%02d"}`+"\n",
			[]string{"Ayla", "Boris", "Chen"}[i%3], 18+4*math.Sin(float64(i)/60+float64(i%3)), i/60, i%60)
	}
	file := filepath.Join(t.TempDir(), "beans.jsonl")
	if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	put := exec.Command(os.Args[0], "put", "beans", file, "--url", url)
	put.Env = append(os.Environ(), asWeir+"=1")
	if out, err := put.CombinedOutput(); err != nil {
		t.Fatalf("weir put: %v\n%s", err, out)
	}
	typeAndRun(t, ctx, "SELECT window_start, roaster, AVG(grams) AS grams FROM beans GROUP BY roaster, TUMBLE(ts, INTERVAL 10 SECOND)")
	await(t, ctx, "the file is drawn", `(() => { const p = document.querySelector('[data-testid=panel]');
		return p.innerText.includes('Boris') && +p.querySelector('[data-points]')?.dataset.points >= 3 * 58; })()`)
	shot(t, ctx, "user-3-own-file")
}

// pauses holds the panels and lets them go again.
func pauses(t *testing.T, ctx context.Context) {
	t.Helper()
	do(t, ctx, `document.querySelector('[data-testid=pause-all]').click()`)
	await(t, ctx, "what comes is counted", `[...document.querySelectorAll('[data-testid=badge]')].filter(b => +b.innerText.slice(1) > 0).length >= 3`)
	shot(t, ctx, "user-4-pause")
	do(t, ctx, `document.querySelector('[data-testid=pause-all]').click()`)
	await(t, ctx, "the panels follow", `document.querySelector('[data-testid=badge]') === null`)
}

// shares copies the link of the first panel and opens it as somebody else would.
func shares(t *testing.T, ctx context.Context) {
	t.Helper()
	do(t, ctx, `Object.defineProperty(navigator, 'clipboard', {value: {writeText: async s => { window.copied = s; }}})`)
	do(t, ctx, `document.querySelector('[data-testid=panel] [data-testid=link-copy]').click()`)
	await(t, ctx, "a link is copied", `typeof window.copied === 'string'`)
	link, err := chromedp.Run(ctx, chromedp.Evaluate[string]("window.copied"))
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(link)); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "the link asks first", `document.querySelector('[data-testid=banner-run]') !== null && document.querySelectorAll('[data-testid=panel]').length === 6`)
	shot(t, ctx, "user-5-link")
	do(t, ctx, `document.querySelector('[data-testid=banner-run]').click()`)
	await(t, ctx, "what was shared is drawn", `(() => { const p = document.querySelector('[data-testid=panel]');
		return p.innerText.includes('Boris') && +p.querySelector('[data-points]')?.dataset.points >= 3 * 58; })()`)
}

// TestDemoInBrowser does the five things that a new user does: look, mistype a
// query, draw a file of their own, pause, and share a link.
func TestDemoInBrowser(t *testing.T) {
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // a user's browser runs already
		t.Fatal(err)
	}
	url, banner := startDemo(t)
	ready := time.Now()
	t.Logf("demo printed:\n%s", strings.Join(banner, "\n"))
	if len(banner) > 8 {
		t.Errorf("demo prints %d lines, at most 8 are wanted", len(banner))
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](panelsDraw, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		shot(t, ctx, "demo-failed")
		t.Fatalf("two charts do not draw and change: %v", err)
	}
	took := time.Since(ready)
	t.Logf("two charts drew and changed %.2f s after ready (loading the page included)", took.Seconds())
	if *demoWithin > 0 && took > *demoWithin {
		t.Errorf("charts took %v, %v are allowed", took, *demoWithin)
	}
	await(t, ctx, "the six panels", sixPanels)
	shot(t, ctx, "user-1-demo")
	typeAndRun(t, ctx, "SELECT window_start, site, MAX(temp) AS hottest FROM sensors GROUP BY site, TUMBLE(ts, INTERVAL 1 SECOND)")
	drawn := `(() => { const ps = [...document.querySelectorAll('[data-testid=panel]')];
		return ps.some(p => p.textContent.includes('hottest') && +(p.querySelector('[data-points]') ?? p).dataset.points > 0); })()`
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](drawn, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		shot(t, ctx, "query-failed")
		t.Fatalf("a typed query does not draw: %v", err)
	}
	shot(t, ctx, "query")
	typeAndRun(t, ctx, "SELECT 'ä', tempp FROM sensors")
	wrong := `(() => { const m = document.querySelector('[data-testid=mark]'); return m !== null && m.textContent === 'tempp'; })()`
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](wrong, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		shot(t, ctx, "error-failed")
		t.Fatalf("the wrong word is not marked: %v", err)
	}
	text, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("[data-testid=error]")))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "tempp") || !strings.Contains(text, "temp") {
		t.Errorf("error says %q", text)
	}
	shot(t, ctx, "user-2-mistake")
	ownFile(t, ctx, url)
	pauses(t, ctx)
	shares(t, ctx)
}

// typeAndRun puts a statement into the box and runs it. The box may be replaced
// by the editor, whose code arrives late, between any two steps: then it is
// typed again.
func typeAndRun(t *testing.T, ctx context.Context, sql string) {
	t.Helper()
	js := fmt.Sprintf(`(() => {
		const box = () => document.querySelector('[data-testid=sql]');
		const text = () => (box().value ?? [...box().querySelectorAll('.cm-line')].map(l => l.textContent).join('\n')).trim();
		if (text() === %[1]q) { document.querySelector('[data-testid=run]').click(); return true; }
		box().focus(); box().select(); document.execCommand('insertText', false, %[1]q);
		return false;
	})()`, sql)
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(time.Minute),
		chromedp.WithPollingInterval(100*time.Millisecond))); err != nil {
		shot(t, ctx, "type-failed")
		t.Fatalf("type %q: %v", sql, err)
	}
}

// shot keeps a picture of the page where WEIR_SHOTS names a folder.
func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("WEIR_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		png, err = smallPNG(png)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		t.Logf("screenshot %s: %v", name, err)
	}
}
