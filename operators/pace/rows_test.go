package pace

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What is held is counted: rows as often as they are there, and the bytes of
// different ones; beyond the most of either a cut fails and says so.
func TestHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var held rows
		b := newBag()
		net := map[string]int{}
		for range rapid.IntRange(0, 200).Draw(t, "changes") {
			row := strings.Repeat("x", rapid.IntRange(0, 5).Draw(t, "row"))
			sign := rapid.SampledFrom([]int32{1, -1}).Draw(t, "sign")
			b.add(&held, []byte(row), 0, sign)
			net[row] += int(sign)
			live, bytes := 0, 0
			for row, n := range net {
				live += times(int32(n))
				if n != 0 {
					bytes += len(row)
				}
			}
			if held.live != live || held.bytes != bytes {
				t.Fatalf("%d rows and %d bytes are held, want %d and %d", held.live, held.bytes, live, bytes)
			}
		}
	})
	p := &Pace{}
	if p.held.bytes = heldBytesMax; p.full() != nil {
		t.Error("what is allowed is too much")
	}
	if p.held.bytes++; p.full() == nil || !strings.Contains(p.full().Error(), "1024 MiB is the most; take a shorter time") {
		t.Errorf("too many bytes: %v", p.full())
	}
}
