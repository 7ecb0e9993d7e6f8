package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestLogInInBrowser follows a shared link to a server with a token: the form, a
// wrong token, the right one, and the page with the link's SQL and a live query.
func TestLogInInBrowser(t *testing.T) {
	ctx := browser(t)
	s, _ := serveWith(t, func(c *serverConfig) { c.Guard.Access = withToken(t) })
	until := func(what, script string) {
		t.Helper()
		// A poll of the browser's own ends with the page that it runs in.
		var last error
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			var ok bool
			if ok, last = chromedp.Run(ctx, chromedp.Evaluate[bool](script)); last == nil && ok {
				return
			}
		}
		shot(t, ctx, "login-failed")
		t.Fatalf("never came: %s: %v", what, last)
	}
	enter := func(token string) {
		t.Helper()
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(
			`(document.querySelector('#token').value = %q, document.querySelector('button').click(), true)`, token)))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(s.url()+"/#q=SELECT+41+%2B+1+AS+answer")); err != nil {
		t.Fatal(err)
	}
	until("the form, in its style", `document.querySelector('#token') !== null && getComputedStyle(document.body).display === 'grid'`)
	shot(t, ctx, "login")
	enter("a wrong token, though long")
	until("a wrong token is refused", `document.querySelector('[role=alert]')?.textContent.includes('no such token') ?? false`)
	enter(canary)
	until("the page, with the SQL of the link", `document.querySelector('[data-testid=sql]')?.value?.includes('AS answer') ?? false`)
	until("no script sees the cookie", `document.cookie === ''`)
	typeAndRun(t, ctx, "SELECT 41 + 1 AS answer")
	until("a live query", `[...document.querySelectorAll('[data-testid=panel]')].some(p => p.textContent.includes('42'))`)
	if n := s.page.Sockets().Open; n != 1 {
		t.Errorf("%d websockets", n)
	}
	s.cfg.Guard.Access.Replace(withOther(t))
	until("a token that is taken away ends the log-in, and the page leaves for the form", `document.querySelector('#token') !== null`)
}
