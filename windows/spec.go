package windows

import (
	"time"

	"weir/operators/stream"
)

// Kind is a family of windows.
type Kind uint8

// The families.
const (
	// None is the one window over everything: it fires when the input ends.
	None Kind = iota
	Tumble
	Hop
)

// Spec is a window clause. Windows are [start, end) with
// start = k·Slide + Offset for every integer k, and end = start + Size.
// A tumbling window has Slide == Size. Durations are whole microseconds.
type Spec struct {
	Kind   Kind
	Size   time.Duration
	Slide  time.Duration
	Offset time.Duration
}

// Window is one window [Start, End).
type Window struct{ Start, End stream.Time }
