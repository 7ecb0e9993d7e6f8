package hub

import (
	"testing"
	"time"

	"weir/operators/stream"
)

// TestLeftWhileItBegins: a client that has left a subscription hears nothing of
// it under the same id, which is another one's by then.
func TestLeftWhileItBegins(t *testing.T) {
	slow, next := newFakeSub([]int{0, 1}, false), newFakeSub([]int{0, 1}, false)
	slow.gate = make(chan struct{})
	h, url := serve(t, map[string]*fakeSub{"slow": slow, "next": next}, nil)
	c := dial(t, url)
	c.sub("a", "slow")
	for h.Stats().Runs == 0 { // else it leaves before it has asked
		time.Sleep(time.Millisecond)
	}
	c.say(map[string]string{"t": "unsub", "id": "a"})
	c.sub("a", "next")
	schema := c.want("schema")
	close(slow.gate)
	for h.Stats().Runs > 1 {
		time.Sleep(time.Millisecond)
	}
	next.updates <- Update{Kind: Snap, W: stream.MinTime}
	if m := c.want("snap"); m.Ch != schema.Ch {
		t.Errorf("channel %d, want %d", m.Ch, schema.Ch)
	}
}

// TestIDsAgain: who has read how a subscription ended may use its id at once.
func TestIDsAgain(t *testing.T) {
	_, url := serve(t, nil, func(l *limits) { l.subBurst = 1000 })
	c := dial(t, url)
	for range 300 {
		c.sub("a", "SELECT devce FROM x")
		c.want("error")
	}
}
