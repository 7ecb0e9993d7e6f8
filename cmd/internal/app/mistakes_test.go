//go:build unix

package app

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"weir/sql/diag"
)

// TestOneMistakeEverywhere: a mistake in a statement is the same code, message,
// bytes and hint in an HTTP answer and on a websocket, from which the editor
// underlines it, and what a terminal prints is made of no more than these.
func TestOneMistakeEverywhere(t *testing.T) {
	s := startServer(t, t.TempDir(), freePort(t))
	s.sql("CREATE STREAM bids (item VARCHAR, price BIGINT, ts DATETIME(3), WATERMARK FOR ts AS ts)")
	ws, resp, err := (&websocket.Dialer{Subprotocols: []string{"weir.v1"}}).Dial(strings.Replace(s.url, "http", "ws", 1)+"/v1/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	defer ws.Close()
	for _, c := range []struct{ text, at string }{
		{"SELECT 'Zoë', itm FROM bids", "itm"},
		{"SELECT 'ß',\n  price\nFROM bids GROUP BY item", "price"},
		{"SELECT '日本' FORM bids", "FORM"},
		{"SELECT COUNT(*) FROM bids GROUP BY TUMBLE(price, INTERVAL 1 MINUTE)", "price"},
	} {
		status, body := post(t, s.url+"/v1/sql", "text/plain", c.text, nil)
		var answer struct {
			Error struct {
				Code                 diag.Code
				Message, Label, Hint string
				Span                 struct{ Start, End int }
			}
		}
		if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusBadRequest {
			t.Fatalf("%s: %d %s %v", c.text, status, body, err)
		}
		e := answer.Error
		if got := c.text[e.Span.Start:e.Span.End]; got != c.at {
			t.Errorf("%s: the span is %q, want %q", c.text, got, c.at)
		}
		if err := ws.WriteJSON(map[string]string{"t": "sub", "id": "a", "sql": c.text}); err != nil {
			t.Fatal(err)
		}
		var message struct {
			T                    string
			Code                 diag.Code
			Message, Label, Hint string
			Span                 []int
		}
		for message.T != "error" {
			if err := ws.ReadJSON(&message); err != nil {
				t.Fatal(err)
			}
		}
		want := []any{e.Code, e.Message, e.Label, e.Hint, []int{e.Span.Start, e.Span.End}}
		if diff := cmp.Diff(want, []any{message.Code, message.Message, message.Label, message.Hint, message.Span}); diff != "" {
			t.Errorf("%s (-HTTP +websocket)\n%s", c.text, diff)
		}
		_, errs, code := weir(t, "", "sql", "--url", s.url, "-e", c.text)
		drawn := diag.Render(&diag.Error{Code: e.Code, Message: e.Message, Label: e.Label, Hint: e.Hint, Span: diag.Span(e.Span)}, c.text)
		if code != 1 || strings.TrimSpace(errs) != strings.TrimSpace(drawn) {
			t.Errorf("%s: the terminal (code %d) shows\n%swant\n%s", c.text, code, errs, drawn)
		}
	}
}
