package dashboard

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/chromedp/chromedp"

	"weir/dashboard/api"
	"weir/operators/stream"
	"weir/sql/types"
)

// catalog is an engine that has one stream, harbours, with the column berth.
type catalog struct{ oneRow }

func (catalog) Execute(_ context.Context, text string) (api.Result, error) {
	switch text {
	case "SHOW STREAMS":
		return &words{row: []string{"harbours"}}, nil
	case "DESCRIBE `harbours`":
		return &words{row: []string{"berth", "BIGINT"}}, nil
	}
	return &fixed{empty: true}, nil
}

// words is a result of one row of text.
type words struct {
	fixed
	row []string
}

func (w *words) Schema() stream.Schema {
	out := stream.Schema{}
	for i := range w.row {
		out = append(out, stream.Field{Name: "c" + strconv.Itoa(i), Type: types.VarcharType})
	}
	return out
}

func (w *words) Next(context.Context) (stream.Batch, error) {
	if w.done {
		return stream.Batch{}, io.EOF
	}
	w.done = true
	b := array.NewRecordBuilder(memory.DefaultAllocator, w.Schema().Arrow())
	defer b.Release()
	for i, s := range w.row {
		b.Field(i).(*array.StringBuilder).Append(s)
	}
	return stream.Batch{RecordBatch: b.NewRecordBatch()}, nil
}

const editorIn = `document.querySelector('.cm-content[data-testid=sql]') !== null`

// TestEditor: who enters the box gets the full editor, with text, focus and style
// under the page's policy; it completes what the catalog and the dialect know.
func TestEditor(t *testing.T) {
	_, at := serve(t, func(c *Config) { lookPage(c); c.Engine = catalog{} })
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(at))
	until(t, ctx, points+` > 0`)
	if eval[bool](t, ctx, editorIn) {
		t.Error("the editor came before anybody entered the box")
	}
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=sql]")))
	until(t, ctx, editorIn+` && document.activeElement.matches('.cm-content')`)
	// The policy lets its style sheet in, and the text came along.
	until(t, ctx, `getComputedStyle(document.querySelector('.cm-content')).whiteSpace.includes('break-spaces')`)
	until(t, ctx, `document.querySelector('.cm-content').innerText.startsWith('-- temperature by site')`)
	shoot(t, ctx, "editor")

	eval[bool](t, ctx, `document.querySelector('[data-testid=sql]').select() ?? true`)
	press(t, ctx, "SELECT x FROM harb")
	until(t, ctx, `document.querySelector('.cm-tooltip-autocomplete')?.innerText.includes('harbours') ?? false`)
	shoot(t, ctx, "completion")
	press(t, ctx, "\u001b")
	until(t, ctx, `document.querySelector('.cm-tooltip-autocomplete') === null`)
	press(t, ctx, "ours WHERE ber")
	until(t, ctx, `document.querySelector('.cm-tooltip-autocomplete')?.innerText.includes('berth') ?? false`)
	press(t, ctx, "th > devce GRO")
	until(t, ctx, `document.querySelector('.cm-tooltip-autocomplete')?.innerText.includes('GROUP') ?? false`)

	press(t, ctx, "\r", chromedp.ModifierCtrl)
	until(t, ctx, `document.querySelector('.cm-content [data-testid=mark]')?.textContent === 'devce'`)
	shoot(t, ctx, "squiggle")
	// Typing takes the mark away.
	press(t, ctx, "u")
	until(t, ctx, `document.querySelector('[data-testid=mark]') === null`)
	// The panel's own statement comes back into the box.
	eval[bool](t, ctx, `(document.querySelector('.panel .acts button').click(), true)`)
	until(t, ctx, `document.querySelector('.cm-content').innerText.includes('by_site')`)
}

// TestEditorStaysPlain: where the editor cannot be had, the textarea does all.
func TestEditorStaysPlain(t *testing.T) {
	_, at := serve(t, lookPage)
	target, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "codemirror") {
			http.Error(w, "gone", http.StatusBadGateway)
			return
		}
		r.Host = target.Host
		r.Header.Set("Origin", at)
		proxy.ServeHTTP(w, r)
	}))
	defer srv.Close()
	ctx := browser(t)
	must(t, ctx, chromedp.Navigate(srv.URL))
	until(t, ctx, points+` > 0`)
	fill(t, ctx, "SELECT devce FROM sensors")
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-testid=run]")))
	until(t, ctx, `document.querySelector('.editor [data-testid=mark]')?.textContent === 'devce'`)
}
