package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"weir/dashboard/hub"
)

// load is producers and readers of a server.
type load struct {
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	accepted atomic.Int64
	client   http.Client
}

// startLoad posts rows of the stream hits, and reads live results over HTTP and
// websockets; half of the websockets never read.
func startLoad(t testing.TB, c *child) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel, client: http.Client{Transport: &http.Transport{}}}
	for p := range 3 {
		l.wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				var b strings.Builder
				for j := range 50 {
					fmt.Fprintf(&b, `{"path":"/%d","ms":%d,"ts":"2026-11-20 10:%02d:%02d"}`+"\n", p, j, i/60%60, i%60)
				}
				if status, _ := l.post(ctx, c.url+"/v1/streams/hits/records", b.String()); status == http.StatusOK {
					l.accepted.Add(50)
				} else if status == 0 {
					return
				}
			}
		})
		l.wg.Go(func() { l.post(ctx, c.url+"/v1/sql", "SELECT path, ms FROM hits") }) // endless
	}
	for i := range 8 {
		d := websocket.Dialer{Subprotocols: []string{hub.Subprotocol}}
		ws, resp, err := d.DialContext(ctx, "ws"+strings.TrimPrefix(c.url, "http")+"/v1/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if err := ws.WriteJSON(map[string]string{"t": "sub", "id": "a", "sql": "SELECT * FROM hits"}); err != nil {
			t.Fatal(err)
		}
		l.wg.Go(func() {
			defer ws.Close()
			for i%2 == 0 {
				if _, _, err := ws.ReadMessage(); err != nil {
					return
				}
			}
			<-ctx.Done()
		})
	}
	return l
}

func (l *load) post(ctx context.Context, url, body string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// stop ends the load and returns how many rows were acknowledged.
func (l *load) stop() int64 {
	l.cancel()
	l.wg.Wait()
	l.client.CloseIdleConnections()
	return l.accepted.Load()
}
