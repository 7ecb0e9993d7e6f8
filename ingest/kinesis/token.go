package kinesis

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"weir/operators/stream"
)

// What is handed out to be brought back is signed, so nothing is kept for it: a kind,
// the time, the content, and an HMAC over all of it.

const (
	iteratorLife = 5 * time.Minute
	tokenLife    = 5 * time.Minute
	macSize      = 16
)

// seal signs content of a kind and writes it as text.
func (h *Handler) seal(kind byte, content []byte) string {
	b := append([]byte{kind}, content...)
	return base64.StdEncoding.EncodeToString(append(b, h.mac(b)...))
}

// unseal returns what was sealed; ok is false for everything else.
func (h *Handler) unseal(kind byte, text string) (content []byte, ok bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) < 1+macSize || b[0] != kind {
		return nil, false
	}
	at := len(b) - macSize
	return b[1:at], hmac.Equal(b[at:], h.mac(b[:at]))
}

func (h *Handler) mac(b []byte) []byte {
	m := hmac.New(sha256.New, h.cfg.Secret)
	m.Write(b)
	return m.Sum(nil)[:macSize]
}

// The kinds of what is sealed. Each list has one: they go on in different orders.
const (
	kindIterator  = 'i'
	kindStreams   = 't'
	kindShards    = 's'
	kindConsumers = 'c'
)

// listToken is where a list goes on.
type listToken struct {
	At     stream.Time `json:"t"` // when it was handed out
	Stream uint32      `json:"s,omitempty"`
	After  string      `json:"a,omitempty"`
	// Of a list of shards: its filter, when its first page was asked for, and the last
	// reshard that was known then.
	Filter *filter       `json:"f,omitempty"`
	Asked  stream.Time   `json:"n,omitempty"`
	Known  stream.Commit `json:"r,omitempty"`
}

func (c *call) token(kind byte, t listToken) string {
	t.At = c.now()
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // it is plain data
	}
	return c.h.seal(kind, b)
}

func (c *call) openToken(kind byte, text string, t *listToken) error {
	b, ok := c.h.unseal(kind, text)
	if !ok || json.Unmarshal(b, t) != nil {
		return fail(invalidArgument, "NextToken %s is invalid.", clip(text))
	}
	if c.now() > t.At.Add(tokenLife) {
		return fail(expiredNextToken, "NextToken expired. The difference between the current time and the token's is greater than %s.", tokenLife)
	}
	return nil
}

// pageMax is the most items that a client may ask for in a page. Most lists have shorter
// pages: who asks for more gets as many as they have.
const pageMax = 10_000

// pageSize returns how many items a page has at most, by what a member of the request
// says, if it is there.
func pageSize(asked *int, member string, most int) (int, error) {
	switch {
	case asked == nil:
		return most, nil
	case *asked < 1 || *asked > pageMax:
		return 0, invalid(itoa(*asked), member, "have value between 1 and %d", pageMax)
	}
	return min(*asked, most), nil
}
