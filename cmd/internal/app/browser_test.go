package app

import (
	"bufio"
	"context"
	"fmt"
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
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancelAlloc)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, cancelTime := context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancelTime)
	return ctx
}

// panelsDraw is true once the page has two panels that have points and were
// drawn more than once.
const panelsDraw = `[...document.querySelectorAll('[data-testid=panel]')].filter(p => {
	const c = p.matches('[data-points]') ? p : p.querySelector('[data-points]');
	return c && +c.dataset.points > 0 && +c.dataset.version > 1 && p.querySelector('canvas');
}).length >= 2`

// TestDemoInBrowser does what a new user does: look, type a query, mistype one.
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
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](panelsDraw, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		shot(t, ctx, "demo-failed")
		t.Fatalf("two charts do not draw and change: %v", err)
	}
	took := time.Since(ready)
	t.Logf("two charts drew and changed %.2f s after ready (loading the page included)", took.Seconds())
	if took > 3*time.Second {
		t.Errorf("charts took %v, 3 s are allowed", took)
	}
	shot(t, ctx, "demo")
	typeAndRun(t, ctx, "SELECT window_start, site, MAX(temp) AS hottest FROM sensors GROUP BY site, TUMBLE(ts, INTERVAL 1 SECOND)")
	drawn := `(() => { const ps = [...document.querySelectorAll('[data-testid=panel]')];
		return ps.some(p => p.textContent.includes('hottest') && +(p.querySelector('[data-points]') ?? p).dataset.points > 0); })()`
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](drawn, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		shot(t, ctx, "query-failed")
		t.Fatalf("a typed query does not draw: %v", err)
	}
	shot(t, ctx, "query")
	typeAndRun(t, ctx, "SELECT 'ä', tempp FROM sensors")
	wrong := `(() => { const m = document.querySelector('[data-testid=mark]'); return m !== null && m.textContent === 'tempp'; })()`
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](wrong, chromedp.WithPollingTimeout(10*time.Second))); err != nil {
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
	shot(t, ctx, "error")
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
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(10*time.Second),
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
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		t.Logf("screenshot %s: %v", name, err)
	}
}
