package windows

import (
	"time"

	"weir/operators/stream"
)

// Width returns the width of a slice, gcd(Size, Slide): the widest stretch that
// every window covers wholly or not at all. It is 0 for Kind None.
func (s Spec) Width() time.Duration {
	a, b := s.Size, s.Slide
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Slice returns the start of the slice that t lies in. It is right for negative
// times and offsets, and stays at MinTime where the start would be before it.
func (s Spec) Slice(t stream.Time) stream.Time {
	return addMicros(t, -s.phase(t, micros(s.Width())))
}

// FirstEnd returns the end of the first window over t that a row with event
// time t still counts for, given its shard's watermark w before the row
// (MinTime: none). A window is missed iff its end + lateness <= w. missed tells
// that at least one window over t was missed. ok is false if there is no window
// left: the row is late for all of them (missed is set), or it lies in the gap
// between two hops (missed is not set).
func (s Spec) FirstEnd(t, w stream.Time, lateness time.Duration) (end stream.Time, missed, ok bool) {
	first, last := s.ends(t)
	switch {
	case last <= t:
		return 0, false, false
	case w == stream.MaxTime:
		return 0, true, false
	case w == stream.MinTime || first.Add(lateness) > w:
		return first, false, true
	}
	end = s.endAfter(w.Add(-lateness))
	if end > last {
		return 0, true, false
	}
	return end, true, true
}

// LastEnd returns the end of the last window over t. It is at most t where no
// window covers t.
func (s Spec) LastEnd(t stream.Time) stream.Time {
	_, last := s.ends(t)
	return last
}

// AppendWindows appends the windows over t to dst, in order of their ends.
func (s Spec) AppendWindows(dst []Window, t stream.Time) []Window {
	size, slide := micros(s.Size), micros(s.Slide)
	end, last := s.ends(t)
	if last <= t {
		return dst
	}
	for {
		dst = append(dst, Window{Start: addMicros(end, -size), End: end})
		if last-end < stream.Time(slide) {
			return dst
		}
		end += stream.Time(slide)
	}
}

// ends returns the first window end after t, and the end of the last window
// that starts at t or before. No window covers t iff last <= t.
func (s Spec) ends(t stream.Time) (first, last stream.Time) {
	return s.endAfter(t), addMicros(t, micros(s.Size)-s.phase(t, micros(s.Slide)))
}

// endAfter returns the smallest window end beyond t. Ends lie at
// Offset + Size + k·Slide.
func (s Spec) endAfter(t stream.Time) stream.Time {
	slide := micros(s.Slide)
	r := floorMod(s.phase(t, slide)-floorMod(micros(s.Size), slide), slide)
	return addMicros(t, slide-r)
}

// phase returns floorMod(t - Offset, period) without overflowing at the ends of time.
func (s Spec) phase(t stream.Time, period int64) int64 {
	return floorMod(floorMod(int64(t), period)-floorMod(micros(s.Offset), period), period)
}

// micros returns d in whole microseconds.
func micros(d time.Duration) int64 { return int64(d / time.Microsecond) }

// floorMod returns the remainder of a/b that has the sign of b; b > 0.
func floorMod(a, b int64) int64 {
	r := a % b
	if r < 0 {
		r += b
	}
	return r
}

// addMicros returns t + us, staying at the ends of time.
func addMicros(t stream.Time, us int64) stream.Time {
	d := stream.Time(us)
	switch {
	case d > 0 && t > stream.MaxTime-d:
		return stream.MaxTime
	case d < 0 && t < stream.MinTime-d:
		return stream.MinTime
	}
	return t + d
}
