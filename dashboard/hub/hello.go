package hub

import (
	"errors"
	"time"

	"github.com/gorilla/websocket"
)

// helloBytesMax is the largest first message of a connection that has to say hello.
const helloBytesMax = 4 << 10

// admitStranger counts in a connection that has to say hello, if there is room:
// who has no token cannot take the place of those who have one.
func (h *Hub) admitStranger() bool {
	if h.counters.strangers.Add(1) > int64(h.limits.strangers) {
		h.counters.strangers.Add(-1)
		return false
	}
	return true
}

// greet waits for the hello of a connection that has to say it, and answers
// welcome. Any other first message, or none in time, closes the connection; so
// does a wrong token. It tells whether the connection may go on.
func (c *conn) greet() bool {
	if c.check == nil {
		return true
	}
	defer c.hub.counters.strangers.Add(-1)
	check := c.check
	c.check = nil
	c.ws.SetReadLimit(helloBytesMax)
	defer c.ws.SetReadLimit(c.hub.limits.readBytes)
	// An error shows in the read.
	_ = c.ws.SetReadDeadline(time.Now().Add(c.hub.limits.helloWithin))
	if err := c.hello(check); err != nil {
		c.fail(CloseNoToken, err.Error())
		c.farewell()
		return false
	}
	c.out.put(welcomeMessage())
	return true
}

func (c *conn) hello(check func(string) error) error {
	kind, data, err := c.ws.ReadMessage()
	if err != nil {
		return errors.New("no hello came")
	}
	if kind == websocket.TextMessage {
		// What is wrong with the message is not told: it may hold a token.
		if req, err := parseRequest(data); err == nil && req.T == "hello" {
			return check(req.Token)
		}
	}
	return errors.New(`the first message has to be {"t":"hello","token":"…"}`)
}

// farewell reads until the peer has answered the close frame or a moment is over.
func (c *conn) farewell() {
	_ = c.ws.SetReadDeadline(time.Now().Add(c.hub.limits.farewell)) // an error shows in the read
	for {
		if _, _, err := c.ws.ReadMessage(); err != nil {
			return
		}
	}
}

func welcomeMessage() *message { return &message{data: []byte(`{"t":"welcome"}`)} }
