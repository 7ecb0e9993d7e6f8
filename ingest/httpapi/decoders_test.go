package httpapi

import (
	"fmt"
	"testing"
)

// TestDecodersAreKept posts to more streams than a worker keeps decoders for,
// and changes a stream under it.
func TestDecodersAreKept(t *testing.T) {
	log, target := &fakeLog{}, fakeTarget{}
	for i := range 3 * decodersMax {
		s := bids()
		s.ID = uint32(i)
		target[fmt.Sprintf("s%d", i)] = s
	}
	h := open(t, log, func(c *Config) { c.Target = target })
	for range 2 {
		for name := range target {
			if w := do(h, "POST", "/v1/streams/"+name+"/records", []byte(good+"\n"+wrong)); w.Code != 200 {
				t.Fatalf("%s: %s", name, w.Body)
			}
		}
	}
	n := cap(h.workers)
	for range n {
		if w := <-h.workers; len(w.compiled) > decodersMax {
			t.Errorf("a worker keeps %d decoders", len(w.compiled))
		}
	}
}

func TestADecoderFollowsTheDeclaration(t *testing.T) {
	target := fakeTarget{"bids": bids()}
	h := open(t, &fakeLog{}, func(c *Config) { c.Target = target })
	for i, change := range []struct {
		of     func(*Stream)
		status int
	}{
		{func(*Stream) {}, 400},
		{func(s *Stream) { s.Columns = s.Columns[:1] }, 200}, // price, which is wrong, is unknown now
		{func(s *Stream) { s.Columns = bids().Columns }, 400},
		{func(s *Stream) { s.PartitionKey = -1 }, 400},
	} {
		s := target["bids"]
		change.of(&s)
		target["bids"] = s
		if w := do(h, "POST", records, []byte(wrong)); w.Code != change.status {
			t.Errorf("after change %d: %d %s", i, w.Code, w.Body)
		}
	}
}
