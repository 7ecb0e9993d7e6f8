package windows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/operators/stream"
)

// at returns an instant of whole and fractional seconds.
func at(seconds float64) stream.Time { return stream.Time(seconds * 1e6) }

func show(ws []Window) string {
	var out []string
	for _, w := range ws {
		out = append(out, fmt.Sprintf("[%g,%g)", float64(w.Start)/1e6, float64(w.End)/1e6))
	}
	return strings.Join(out, ",")
}

// TestVectors holds the vectors of the SQL reference, section Windows.
func TestVectors(t *testing.T) {
	ten := Spec{Kind: Tumble, Size: 10 * time.Second, Slide: 10 * time.Second}
	shifted := ten
	shifted.Offset = 3 * time.Second
	hop := Spec{Kind: Hop, Size: 10 * time.Second, Slide: 5 * time.Second}
	for _, c := range []struct {
		spec Spec
		at   float64
		want string
	}{
		{ten, 0, "[0,10)"},
		{ten, 9.999, "[0,10)"},
		{ten, 10, "[10,20)"},
		{ten, -0.001, "[-10,0)"},
		{shifted, 2.999, "[-7,3)"},
		{shifted, 3, "[3,13)"},
		{hop, 7, "[0,10),[5,15)"},
		{hop, -0.001, "[-10,0),[-5,5)"},
		{Spec{Kind: Hop, Size: 4 * time.Second, Slide: 10 * time.Second}, 3, "[0,4)"},
		{Spec{Kind: Hop, Size: 4 * time.Second, Slide: 10 * time.Second}, 4, ""},
	} {
		if got := show(c.spec.AppendWindows(nil, at(c.at))); got != c.want {
			t.Errorf("%+v at %g: %s, want %s", c.spec, c.at, got, c.want)
		}
	}
}

// specGen draws a spec of small numbers of microseconds.
func specGen(t *rapid.T) Spec {
	size := rapid.IntRange(1, 40).Draw(t, "size")
	slide := rapid.IntRange(1, 40).Draw(t, "slide")
	if rapid.Bool().Draw(t, "tumble") {
		slide = size
	}
	offset := rapid.IntRange(-size+1, size-1).Draw(t, "offset")
	us := func(n int) time.Duration { return time.Duration(n) * time.Microsecond }
	s := Spec{Kind: Hop, Size: us(size), Slide: us(slide), Offset: us(offset)}
	if size == slide {
		s.Kind = Tumble
	}
	return s
}

// bruteWindows tries every start that could be.
func bruteWindows(s Spec, t int64) []Window {
	size, slide, offset := micros(s.Size), micros(s.Slide), micros(s.Offset)
	var out []Window
	for start := t - size + 1; start <= t; start++ {
		if (start-offset)%slide == 0 {
			out = append(out, Window{stream.Time(start), stream.Time(start + size)})
		}
	}
	return out
}

func TestSlicesAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := specGen(t)
		x := rapid.Int64Range(-300, 300).Draw(t, "t")
		late := time.Duration(rapid.IntRange(0, 20).Draw(t, "lateness")) * time.Microsecond
		w := stream.Time(rapid.Int64Range(-320, 320).Draw(t, "w"))
		if rapid.IntRange(0, 5).Draw(t, "none") == 0 {
			w = stream.MinTime
		}
		want := bruteWindows(s, x)
		if got := s.AppendWindows(nil, stream.Time(x)); show(got) != show(want) {
			t.Fatalf("windows %s, want %s", show(got), show(want))
		}
		// The slice is the widest stretch around t with the same windows that
		// begins at a multiple of the width.
		lo := s.Slice(stream.Time(x))
		if hi := lo.Add(s.Width()); stream.Time(x) < lo || stream.Time(x) >= hi {
			t.Fatalf("slice [%d,%d) without %d", lo, hi, x)
		}
		for y := lo; y < lo.Add(s.Width()); y++ {
			if show(bruteWindows(s, int64(y))) != show(want) {
				t.Fatalf("%d and %d are in one slice but in different windows", x, y)
			}
		}
		var first stream.Time
		missed, ok := false, false
		for _, win := range want {
			switch {
			case w != stream.MinTime && win.End.Add(late) <= w:
				missed = true
			case !ok:
				first, ok = win.End, true
			}
		}
		end, gotMissed, gotOK := s.FirstEnd(stream.Time(x), w, late)
		if end != first || gotMissed != missed || gotOK != ok {
			t.Fatalf("first end (%d %v %v), want (%d %v %v)", end, gotMissed, gotOK, first, missed, ok)
		}
		if n := len(want); n > 0 && s.LastEnd(stream.Time(x)) != want[n-1].End {
			t.Fatalf("last end %d, want %d", s.LastEnd(stream.Time(x)), want[n-1].End)
		}
	})
}

// FuzzFirstEnd looks for overflows far from the epoch.
func FuzzFirstEnd(f *testing.F) {
	f.Add(int64(0), int64(0), int64(1e7), int64(5e6), int64(0))
	f.Add(int64(stream.MaxTime), int64(stream.MaxTime), int64(1e7), int64(5e6), int64(3))
	f.Add(int64(stream.MinTime), int64(stream.MinTime), int64(1e7), int64(3e6), int64(-3))
	f.Fuzz(func(t *testing.T, x, w, size, slide, offset int64) {
		const most = int64(200 * 366 * 24 * 3600 * 1e6) // microseconds; as nanoseconds it still fits
		if size <= 0 || slide <= 0 || size > most || slide > most || offset >= size || offset <= -size {
			t.Skip()
		}
		us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
		s := Spec{Kind: Hop, Size: us(size), Slide: us(slide), Offset: us(offset)}
		at := stream.Time(x)
		lo := s.Slice(at)
		if lo > at || at != stream.MinTime && lo != stream.MinTime && at-lo >= stream.Time(micros(s.Width())) {
			t.Fatalf("slice of %d begins at %d", x, lo)
		}
		end, missed, ok := s.FirstEnd(at, stream.Time(w), 0)
		if ok && (end <= at && end != stream.MaxTime || stream.Time(w) != stream.MinTime && end <= stream.Time(w)) {
			t.Fatalf("first end %d of %d at W %d", end, x, w)
		}
		if stream.Time(w) == stream.MinTime && missed {
			t.Fatal("late without a watermark")
		}
	})
}
