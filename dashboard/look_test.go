package dashboard

import (
	"context"
	"net/url"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
)

// panel is the nth panel of the page in JavaScript, from 0.
func panel(n int, rest string) string {
	return `document.querySelectorAll('[data-testid=panel]')[` + strconv.Itoa(n) + `]` + rest
}

// key presses a key with nothing in focus.
func key(t *testing.T, ctx context.Context, keys string) {
	t.Helper()
	eval[bool](t, ctx, `document.activeElement?.blur() ?? true`)
	press(t, ctx, keys)
}

func lookPage(c *Config) {
	demoPage(c)
	c.Page.Panels = []Panel{
		{Title: "Temperature by site", SQL: "SELECT window_start, site, n, temp FROM by_site"},
		{Title: "Many sites", SQL: "SELECT window_start, site, n, temp FROM many"},
		{Title: "Ranking", SQL: "SELECT site, n, temp FROM ranking"},
		{Title: "One number", SQL: "SELECT COUNT(*) AS n FROM single"},
		{Title: "Not yet", SQL: "SELECT window_start, COUNT(*) FROM nothing_yet GROUP BY TUMBLE(ts, INTERVAL 10 SECOND)"},
	}
}

// TestPauseAndWindow: a pause holds the picture and counts what comes, following
// shows it; a window leaves out what is older.
func TestPauseAndWindow(t *testing.T) {
	_, at := serve(t, lookPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(at))
	until(t, ctx, points+` >= 180`)
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=pause]")))
	until(t, ctx, panel(0, `.querySelector('[data-testid=pause]').ariaPressed === 'true'`))
	held := eval[int](t, ctx, points)
	until(t, ctx, `Number(document.querySelector('[data-testid=badge]')?.innerText.slice(1)) >= 9`)
	shoot(t, ctx, "paused")
	if now := eval[int](t, ctx, points); now > held+6 {
		t.Errorf("%d points at the pause, %d later", held, now)
	}
	if n := eval[int](t, ctx, `document.querySelectorAll('[data-testid=badge]').length`); n != 1 {
		t.Errorf("%d panels are paused, one was asked for", n)
	}
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=pause]")))
	until(t, ctx, points+` >= `+strconv.Itoa(held+9))

	// Space holds all of them, and lets all go.
	key(t, ctx, " ")
	until(t, ctx, `document.querySelectorAll('[data-testid=badge]').length === 5`)
	key(t, ctx, " ")
	until(t, ctx, `document.querySelectorAll('[data-testid=badge]').length === 0`)
	if y := eval[float64](t, ctx, "scrollY"); y != 0 {
		t.Errorf("the page was scrolled by %v", y)
	}

	// The last minute has six windows of each of the three sites.
	eval[bool](t, ctx, `document.querySelector('[data-testid=span]').click() ?? true`)
	until(t, ctx, `document.querySelector('[data-testid=span]').ariaPressed === 'true'`)
	until(t, ctx, points+` === 18`)
	until(t, ctx, `location.hash === '' || location.hash.includes('w=1m')`)
}

// TestCrosshair: the crosshair of one chart is in all of them, at the same time.
func TestCrosshair(t *testing.T) {
	_, at := serve(t, lookPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(at))
	until(t, ctx, `document.querySelectorAll('canvas').length === 2 && `+points+` >= 180`)
	key(t, ctx, " ")
	eval[bool](t, ctx, `(() => { const over = document.querySelector('.over'), r = over.getBoundingClientRect();
		const at = {bubbles: true, clientX: r.left + r.width / 2, clientY: r.top + r.height / 2};
		over.dispatchEvent(new MouseEvent('mouseenter', at)); return over.dispatchEvent(new MouseEvent('mousemove', at)); })()`)
	heads := `[...document.querySelectorAll('.legend thead')].map(e => e.innerText.trim())`
	until(t, ctx, heads+`.length === 2 && `+heads+`.every(s => s.includes('UTC') && /here/i.test(s))`)
	if !eval[bool](t, ctx, `(() => { const [a, b] = `+heads+`.map(s => Date.parse(s.slice(0, 19) + 'Z')); return Math.abs(a - b) <= 10000; })()`) {
		t.Errorf("the crosshairs stand at %v", eval[[]string](t, ctx, heads))
	}
	shoot(t, ctx, "crosshair")
}

// TestFigures: the result chooses its figure, the reader another one, and a
// column sorts the table and keeps it sorted.
func TestFigures(t *testing.T) {
	_, at := serve(t, lookPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(at))
	until(t, ctx, points+` >= 180`)
	until(t, ctx, `[...document.querySelectorAll('[data-testid=panel]')].map(p => p.dataset.kind).join() === 'line,line,bars,number,line'`)
	until(t, ctx, `document.querySelector('[data-testid=bars]').dataset.bars === '3'`)
	until(t, ctx, `/^[0-9]+/.test(document.querySelector('[data-testid=number] output').innerText)`)
	shoot(t, ctx, "figures")

	choose := func(n int, kind string) {
		eval[bool](t, ctx, `(() => { const s = `+panel(n, `.querySelector('[data-testid=kind]')`)+`; s.value = '`+kind+`';
			return s.dispatchEvent(new Event('change', {bubbles: true})); })()`)
	}
	choose(1, "bars")
	until(t, ctx, panel(1, `.querySelector('[data-testid=bars]')?.dataset.bars === '23'`))
	choose(0, "number")
	until(t, ctx, panel(0, `.querySelector('[data-testid=number] output') !== null`))

	choose(0, "table")
	head := panel(0, `.querySelectorAll('th button')[3]`)
	eval[bool](t, ctx, head+`.click() ?? true`)
	column := `[...` + panel(0, `.querySelectorAll('tbody td:nth-child(4)')`) + `].map(e => Number(e.innerText))`
	falls := column + `.length >= 180 && ` + column + `.every((v, i, all) => i === 0 || all[i - 1] >= v)`
	until(t, ctx, falls)
	choose(0, "line")
	until(t, ctx, panel(0, `.querySelector('canvas') !== null`))
	choose(0, "table")
	until(t, ctx, falls)
	if got := eval[string](t, ctx, panel(0, `.querySelectorAll('th')[3].ariaSort`)); got != "descending" {
		t.Errorf("the column says it is sorted %q", got)
	}
	shoot(t, ctx, "sorted")
}

// TestKeys: the page can be used without a mouse.
func TestKeys(t *testing.T) {
	_, at := serve(t, lookPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(at))
	until(t, ctx, points+` >= 180`)
	key(t, ctx, "?")
	until(t, ctx, `document.querySelector('[data-testid=sheet]').open`)
	shoot(t, ctx, "keys")
	press(t, ctx, "\u001b")
	until(t, ctx, `!document.querySelector('[data-testid=sheet]').open`)
	key(t, ctx, "/")
	until(t, ctx, `document.activeElement.matches('[data-testid=sql]')`)
	press(t, ctx, "\u001b")
	until(t, ctx, `document.activeElement === document.body`)
	for _, step := range []struct {
		key  string
		want int
	}{{"\u0303", 0}, {"\u0303", 1}, {"\u0301", 3}, {"\u0302", 2}, {"\u0304", 0}} { // right, right, down, left, up
		press(t, ctx, step.key)
		until(t, ctx, `document.activeElement === `+panel(step.want, ``))
	}
	press(t, ctx, " ")
	until(t, ctx, panel(0, `.querySelector('[data-testid=badge]') !== null`))
	press(t, ctx, "\u001b")
	until(t, ctx, `document.activeElement === document.body`)
}

// TestWhyNothingYet: a window that waits says for what and how far it is.
func TestWhyNothingYet(t *testing.T) {
	_, at := serve(t, lookPage)
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(at))
	why := `(document.querySelector('[data-testid=why]')?.innerText ?? '')`
	until(t, ctx, `/^The next window ends at [-0-9]+ [0-9]+:[0-9]+:[0-9]0: [0-9.]+ s of event time to go\.$/.test(`+why+`)`)
	before := eval[string](t, ctx, why)
	until(t, ctx, why+` !== `+strconv.Quote(before))
	shoot(t, ctx, "why")
}

// TestLink: a link fills the box and says how to look at it, and runs only when
// somebody presses the button.
func TestLink(t *testing.T) {
	_, at := serve(t, lookPage)
	ctx := browser(t)
	sql := "SELECT window_start, site, temp FROM linked"
	must(t, ctx, chromedp.Navigate(at+"/#"+url.Values{"q": {sql}, "view": {"bars"}, "w": {"5m"}, "from": {"-1h"}}.Encode()))
	until(t, ctx, points+` > 0 && document.querySelector('[data-testid=banner]') !== null`)
	if n := eval[int](t, ctx, `document.querySelectorAll('[data-testid=panel]').length`); n != 5 {
		t.Errorf("%d panels before the button", n)
	}
	shoot(t, ctx, "link")
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=banner-run]")))
	until(t, ctx, `document.querySelectorAll('[data-testid=panel]').length === 6`)
	until(t, ctx, panel(0, `.dataset.kind === 'bars'`)+` && document.querySelector('[data-testid=banner]') === null`)
	until(t, ctx, `document.querySelector('.ask select').value === '-1h' && document.querySelectorAll('[data-testid=span]')[1].ariaPressed === 'true'`)

	// The button copies the same link.
	eval[bool](t, ctx, `(Object.defineProperty(navigator, 'clipboard', {value: {writeText: async s => { window.copied = s; }}}), true)`)
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=link-copy]")))
	until(t, ctx, `typeof window.copied === 'string'`)
	link, err := url.Parse(eval[string](t, ctx, `window.copied`))
	if err != nil {
		t.Fatal(err)
	}
	said, _ := url.ParseQuery(link.EscapedFragment())
	if said.Get("q") != sql || said.Get("view") != "bars" || said.Get("w") != "5m" || said.Get("from") != "-1h" {
		t.Errorf("the link says %v", said)
	}

	// One that would change something says so.
	must(t, ctx, chromedp.Navigate(at+"/?2#"+url.Values{"q": {"DROP STREAM x"}}.Encode()))
	until(t, ctx, `document.querySelector('[data-testid=banner]')?.innerText.includes('does not only read')`)
}

// TestTheme: the look can be chosen and is remembered; else it is the system's.
func TestTheme(t *testing.T) {
	_, at := serve(t, lookPage)
	ctx := browser(t)
	dark := `document.documentElement.dataset.theme === 'dark'`
	must(t, ctx, chromedp.Navigate(at))
	until(t, ctx, points+` > 0 && !(`+dark+`)`)
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=theme]")))
	until(t, ctx, dark+` && getComputedStyle(document.body).backgroundColor === 'rgb(14, 18, 23)'`)
	must(t, ctx, chromedp.Reload())
	until(t, ctx, dark+` && `+points+` >= 180`)
	shoot(t, ctx, "dark")
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=theme]")))
	until(t, ctx, `!(`+dark+`) && localStorage.length === 0`)
	must(t, ctx, chromedp.EmulateViewport(390, 844))
	until(t, ctx, `innerWidth === 390 && document.documentElement.scrollWidth <= 390`)
	shoot(t, ctx, "narrow")
}
