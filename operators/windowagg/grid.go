package windowagg

import (
	"math"
	"time"

	"weir/operators/stream"
	"weir/windows"
)

// grid numbers slices and window ends: slice k begins at origin + k·width, and
// a window with end number K covers the slices [K - n, K). Numbers of window
// ends are c plus multiples of m.
type grid struct {
	origin int64 // floorMod(Offset, width)
	width  int64
	n, m   int64 // slices per window and per slide
	c      int64
}

func newGrid(s windows.Spec) grid {
	us := func(d time.Duration) int64 { return int64(d / time.Microsecond) }
	g := grid{width: us(s.Width())}
	g.n, g.m = us(s.Size)/g.width, us(s.Slide)/g.width
	g.origin = floorMod(us(s.Offset), g.width)
	g.c = floorMod((us(s.Offset)-g.origin)/g.width+g.n, g.m)
	return g
}

func floorMod(a, b int64) int64 {
	r := a % b
	if r < 0 {
		r += b
	}
	return r
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// number returns the number of the slice that t lies in, which for a slice's
// start or a window's end is its own number. Numbers stay so far from the ends
// of int64 that a few windows can be added to them.
func (g *grid) number(t stream.Time) int64 {
	k := floorDiv(int64(t), g.width)
	if floorMod(int64(t), g.width) < g.origin {
		k--
	}
	far := math.MaxInt64 - 4*(g.n+g.m)
	return max(-far, min(far, k))
}

// time returns the instant with a number, staying at the ends of time.
func (g *grid) time(k int64) stream.Time {
	switch {
	case k >= (math.MaxInt64-g.origin)/g.width:
		return stream.MaxTime
	case k < math.MinInt64/g.width:
		return stream.MinTime
	}
	return stream.Time(g.origin + k*g.width)
}

// firstEnd returns the number of the first window end beyond the beginning of slice k.
func (g *grid) firstEnd(k int64) int64 { return k + g.m - floorMod(k-g.c, g.m) }

// lastEnd returns the number of the end of the last window over slice k.
func (g *grid) lastEnd(k int64) int64 { return k + g.n - floorMod(k+g.n-g.c, g.m) }

// endUpTo returns the number of the last window end that w has passed.
func (g *grid) endUpTo(w stream.Time) int64 {
	k := g.number(w)
	if w == stream.MaxTime {
		k += g.n + g.m // windows that reach beyond the end of time have passed, too
	}
	return k - floorMod(k-g.c, g.m)
}

// block returns the first slice of the block, a stretch of n slices at absolute
// multiples of n, that slice k lies in.
func (g *grid) block(k int64) int64 { return k - floorMod(k, g.n) }
