package hub

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

// pipes is a listener without a network: what waits for it, waits in a bubble's time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestPing: who answers pings stays as long as it likes, and who does not is gone
// after the time without a sign of life.
func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := New(Config{Source: &fakeSource{}})
		if err != nil {
			t.Fatal(err)
		}
		l := pipes{make(chan net.Conn), make(chan struct{})}
		srv := &http.Server{Handler: h}
		go func() { _ = srv.Serve(l) }()
		d := websocket.Dialer{Subprotocols: []string{Subprotocol}, NetDialContext: l.dial}
		ws, resp, err := d.Dial("ws://weir/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		pings, answered := 0, time.Now()
		answer := ws.PingHandler()
		ws.SetPingHandler(func(s string) error {
			if pings++; pings > 20 {
				return nil // play dead
			}
			answered = time.Now()
			return answer(s)
		})
		if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("closed with %v", err)
		}
		if silent := time.Since(answered); pings <= 20 || silent != h.limits.readTimeout {
			t.Errorf("closed after %d pings, and %s of silence", pings, silent)
		}
		ws.Close()
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
}
