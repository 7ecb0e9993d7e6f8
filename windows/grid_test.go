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
		{Spec{Kind: Cumulate, Size: 10 * time.Second, Slide: 2 * time.Second}, 3, "[0,4),[0,6),[0,8),[0,10)"},
		{Spec{Kind: Cumulate, Size: 10 * time.Second, Slide: 2 * time.Second}, -0.001, "[-10,0)"},
		{Spec{Kind: Cumulate, Size: 10 * time.Second, Slide: 2 * time.Second, Offset: 3 * time.Second}, 10, "[3,11),[3,13)"},
		{Spec{Kind: Cumulate, Size: 10 * time.Second, Slide: 2 * time.Second, Offset: -3 * time.Second}, 6.999, "[-3,7)"},
		{Spec{Kind: Hop, Size: 4 * time.Second, Slide: 10 * time.Second}, 3, "[0,4)"},
		{Spec{Kind: Hop, Size: 4 * time.Second, Slide: 10 * time.Second}, 4, ""},
	} {
		if got := show(gridOf(t, c.spec).AppendWindows(nil, at(c.at))); got != c.want {
			t.Errorf("%+v at %g: %s, want %s", c.spec, c.at, got, c.want)
		}
	}
}

func gridOf(t rapid.TB, s Spec) *Grid {
	g, err := s.Grid()
	if err != nil {
		t.Fatal(err)
	}
	return g
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
	switch {
	case size == slide:
		s.Kind = Tumble
	case rapid.IntRange(0, 2).Draw(t, "cumulate") == 0:
		s.Kind, s.Size = Cumulate, us(slide*rapid.IntRange(1, 6).Draw(t, "steps"))
		s.Offset %= s.Size
	}
	return s
}

// bruteWindows tries every start that could be.
func bruteWindows(s Spec, t int64) []Window {
	size, slide, offset := micros(s.Size), micros(s.Slide), micros(s.Offset)
	var out []Window
	for start := t - size + 1; start <= t; start++ {
		switch {
		case s.Kind == Cumulate:
			for end := start + slide; (start-offset)%size == 0 && end <= start+size; end += slide {
				if end > t {
					out = append(out, Window{stream.Time(start), stream.Time(end)})
				}
			}
		case (start-offset)%slide == 0:
			out = append(out, Window{stream.Time(start), stream.Time(start + size)})
		}
	}
	return out
}

func TestGridAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := specGen(t)
		x := rapid.Int64Range(-300, 300).Draw(t, "t")
		late := time.Duration(rapid.IntRange(0, 20).Draw(t, "lateness")) * time.Microsecond
		w := stream.Time(rapid.Int64Range(-320, 320).Draw(t, "w"))
		if rapid.IntRange(0, 5).Draw(t, "none") == 0 {
			w = stream.MinTime
		}
		want := bruteWindows(s, x)
		g := gridOf(t, s)
		if got := g.AppendWindows(nil, stream.Time(x)); show(got) != show(want) {
			t.Fatalf("windows %s, want %s", show(got), show(want))
		}
		k := g.Number(stream.Time(x))
		lo, hi := g.Time(k), g.Time(k+1)
		if stream.Time(x) < lo || stream.Time(x) >= hi || g.Number(lo) != k || g.Number(hi) != k+1 {
			t.Fatalf("slice [%d,%d) without %d", lo, hi, x)
		}
		for y := lo; y < hi; y++ {
			if show(bruteWindows(s, int64(y))) != show(want) {
				t.Fatalf("%d and %d are in one slice but in different windows", x, y)
			}
		}
		for _, win := range want {
			end := g.Number(win.End)
			if g.Window(end) != win || g.Begin(end) != g.Number(win.Start) || g.Passed(win.End) != end || g.Passed(win.End-1) >= end {
				t.Fatalf("end %d is not that of %v", end, win)
			}
			a, b := g.Block(g.Begin(end)), g.Block(end-1)
			if a != b && !g.Reaches(a, b) {
				t.Fatalf("%v reaches from block %d to %d", win, a, b)
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
		end, gotMissed, gotOK := g.Judge(stream.Time(x), w, late)
		if end != first || gotMissed != missed || gotOK != ok {
			t.Fatalf("first end (%d %v %v), want (%d %v %v)", end, gotMissed, gotOK, first, missed, ok)
		}
		if n := len(want); n > 0 && g.Closed(stream.Time(x)) != want[n-1].End {
			t.Fatalf("last end %d, want %d", g.Closed(stream.Time(x)), want[n-1].End)
		}
	})
}

// FuzzJudge looks for overflows far from the epoch.
func FuzzJudge(f *testing.F) {
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
		g := gridOf(t, s)
		if x > g.far || x < -g.far {
			t.Skip() // windows of microseconds do not reach the ends of time
		}
		lo := g.Time(g.Number(at))
		if lo > at || at != stream.MinTime && lo != stream.MinTime && at-lo >= stream.Time(g.width) {
			t.Fatalf("slice of %d begins at %d", x, lo)
		}
		end, missed, ok := g.Judge(at, stream.Time(w), 0)
		if ok && (end <= at && end != stream.MaxTime || stream.Time(w) != stream.MinTime && end <= stream.Time(w)) {
			t.Fatalf("first end %d of %d at W %d", end, x, w)
		}
		if stream.Time(w) == stream.MinTime && missed {
			t.Fatal("late without a watermark")
		}
	})
}
