package decode

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestSimpleFloatRoundsCorrectly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Many numbers a draw, for few of them are hard to round.
		state := rapid.Uint64().Draw(t, "seed")
		for range 500 {
			state = state*6364136223846793005 + 1442695040888963407
			text := strconv.FormatUint(state>>(4+state%40), 10)
			if cut := int(state >> 60); cut > 0 && cut < len(text) {
				text = text[:cut] + "." + text[cut:]
			}
			want, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			if got, next := simpleFloat([]byte(text), 0); next >= 0 && (next != len(text) || got != want) {
				t.Fatalf("%s: %v to %d, want %v", text, got, next, want)
			}
		}
	})
}
