package windows

import (
	"errors"
	"fmt"
	"time"

	"weir/operators/stream"
	"weir/sql/types"
)

// Grid numbers the slices and the window ends of a Spec. Slice k reaches from
// Time(k) to Time(k+1); a window with end number K covers the slices [Begin(K), K)
// and ends at Time(K). It belongs to one goroutine at a time.
//
// This is the one place that knows how long windows are. Whoever adds a family or
// a calendar adds it here; the rest of the program counts slices.
type Grid struct {
	axis
	n, m int64 // slices per window, of Cumulate an upper bound, and per slide
	c    int64 // numbers of window ends are c plus multiples of m
	// outer is set for Cumulate: windows begin where a stretch of it does.
	outer *axis
}

// Grid returns the grid of a tumbling, hopping or cumulating window. The error
// says why such windows do not lie on one.
func (s Spec) Grid() (*Grid, error) {
	if !s.Sliced() {
		return nil, errors.New("the windows of a group are its own")
	}
	size, slide := s.Size, s.Slide
	if s.Kind == Tumble {
		slide = size
	}
	months, days, err := s.units()
	switch {
	case err != nil:
		return nil, err
	case s.Kind == Cumulate:
		return s.cumulate(months, days)
	case months:
		return s.calendarGrid(true, s.SizeMonths, s.slideMonths(), s.OffsetMonths, 0)
	case days:
		return s.calendarGrid(false, micros(size)/dayMicros, micros(slide)/dayMicros, 0, micros(s.Offset))
	}
	g := &Grid{}
	width := gcd(micros(size), micros(slide))
	g.n, g.m = micros(size)/width, micros(slide)/width
	g.axis = fixedAxis(width, micros(s.Offset), 4*(g.n+g.m))
	g.c = floorMod((micros(s.Offset)-g.origin)/width+g.n, g.m)
	return g, nil
}

func (s Spec) slideMonths() int64 {
	if s.Kind == Tumble {
		return s.SizeMonths
	}
	return s.SlideMonths
}

// units tells what the slices of a spec are made of: months, calendar days of a
// zone, or neither.
func (s Spec) units() (months, days bool, err error) {
	slide := s.Slide
	if s.Kind == Tumble {
		slide = s.Size
	}
	day := 24 * time.Hour
	switch {
	case s.SizeMonths < 0 || s.SlideMonths < 0 || s.SizeMonths == 0 && s.Size <= 0 || s.slideMonths() == 0 && slide <= 0:
		return false, false, fmt.Errorf("a window of size %s, slide %s", s.Size, s.Slide)
	case s.Size%time.Microsecond != 0 || slide%time.Microsecond != 0 || s.Offset%time.Microsecond != 0:
		return false, false, fmt.Errorf("a window of size %s, slide %s, offset %s", s.Size, s.Slide, s.Offset)
	case s.SizeMonths > calendarYears || s.SlideMonths > calendarYears || max(s.OffsetMonths, -s.OffsetMonths) > calendarYears:
		return false, false, errors.New("more months than a calendar has")
	case s.SizeMonths > 0 && s.slideMonths() > 0:
		return true, false, nil
	case s.Kind == Cumulate:
		return false, false, nil
	case s.SizeMonths > 0 || s.SlideMonths > 0:
		return false, false, errors.New("months differ in length, so they are no multiple of a number of days")
	case s.Zone == "" || s.Size%day != 0 && slide%day != 0:
		return false, false, nil
	case s.Size%day != 0 || slide%day != 0:
		return false, false, fmt.Errorf("a day of %s has 23 or 25 hours at times, so it is no multiple of a part of a day", s.Zone)
	}
	return false, true, nil
}

// zone returns the zone whose calendar counts.
func (s Spec) zone() (*time.Location, error) {
	if s.Zone == "" {
		return time.UTC, nil
	}
	return types.Zone(s.Zone)
}

// calendarGrid is the grid of windows of size units that begin every slide units.
func (s Spec) calendarGrid(months bool, size, slide, offset, wall int64) (*Grid, error) {
	zone, err := s.zone()
	if err != nil {
		return nil, err
	}
	if months {
		wall = micros(s.Offset)
	} else {
		offset, wall = floorDiv(wall, dayMicros), floorMod(wall, dayMicros)
	}
	every := gcd(size, slide)
	g := &Grid{n: size / every, m: slide / every}
	g.calendar = newCalendar(zone, months, every, offset, wall)
	g.c = floorMod((offset-g.calendar.origin)/every+g.n, g.m)
	return g, nil
}

// cumulate is the grid of windows that grow: its slices are as long as the step.
func (s Spec) cumulate(months, _ bool) (*Grid, error) {
	day := 24 * time.Hour
	step := Spec{Kind: Tumble, Size: s.Slide, Offset: s.Offset, SizeMonths: s.SlideMonths, OffsetMonths: s.OffsetMonths, Zone: s.Zone}
	whole := Spec{Kind: Tumble, Size: s.Size, Offset: s.Offset, SizeMonths: s.SizeMonths, OffsetMonths: s.OffsetMonths, Zone: s.Zone}
	most := int64(0)
	switch {
	case months:
		if s.SizeMonths%s.SlideMonths != 0 {
			return nil, fmt.Errorf("%d months are no multiple of %d", s.SizeMonths, s.SlideMonths)
		}
		most = s.SizeMonths / s.SlideMonths
	case s.SlideMonths > 0:
		return nil, errors.New("the step is longer than the size")
	case s.SizeMonths > 0 && s.Slide == day:
		if step.Zone == "" { // the days of the calendar, whose months are to be filled
			step.Zone = "UTC"
		}
		most = 31 * s.SizeMonths
	case s.SizeMonths > 0:
		return nil, errors.New("months differ in length: the step must be a day, or months")
	case s.Size%s.Slide != 0:
		return nil, errors.New("the size is no multiple of the step")
	case s.Zone != "" && s.Size%day == 0 && s.Slide%day != 0:
		// Parts of a day lie as in UTC, so midnights must fall between them.
		if err := fits(s.Zone, s.Slide); err != nil {
			return nil, err
		}
		if s.Offset%s.Slide != 0 {
			return nil, errors.New("the offset is no multiple of the step")
		}
		step.Zone, step.Offset = "", 0
		most = int64(s.Size/s.Slide) + int64(3*time.Hour/s.Slide) + 1
	default:
		most = int64(s.Size / s.Slide)
	}
	g, err := step.Grid()
	if err != nil {
		return nil, err
	}
	outer, err := whole.Grid()
	if err != nil {
		return nil, err
	}
	g.n, g.m, g.c, g.outer = most, 1, 0, &outer.axis
	if g.calendar == nil {
		g.axis.far -= 4 * most
	}
	return g, nil
}

// fits tells whether all clocks of a zone since 1970 are a multiple of d away
// from UTC, so that stretches of d are the same there.
func fits(zone string, d time.Duration) error {
	loc, err := types.Zone(zone)
	if err != nil {
		return err
	}
	const until = 2037 // from then on the rules are those of the year before
	for t := time.Unix(0, 0).In(loc); t.Year() <= until; t = t.Add(7 * 24 * time.Hour) {
		if _, seconds := t.Zone(); time.Duration(seconds)*time.Second%d != 0 {
			return fmt.Errorf("the clock of %s is %s away from UTC at times, which is no multiple of %s", zone, time.Duration(seconds)*time.Second, d)
		}
	}
	return nil
}

// Fits tells whether windows of a part of a day are the same in the zone as in
// UTC: whether all its clocks since 1970 are a multiple of d away.
func Fits(zone string, d time.Duration) error { return fits(zone, d) }

// Number returns the number of the slice that t lies in, which for the beginning
// of a slice or the end of a window is its own. Numbers stay so far from the ends
// of int64 that a few windows can be added to them.
func (g *Grid) Number(t stream.Time) int64 { return g.number(t) }

// Time returns the instant with a number, staying at the ends of time.
func (g *Grid) Time(k int64) stream.Time { return g.time(k) }

// Next returns the number of the window end behind the window end k.
func (g *Grid) Next(k int64) int64 { return k + g.m }

// FirstEnd returns the number of the first window end beyond the beginning of slice k.
func (g *Grid) FirstEnd(k int64) int64 {
	if g.m == 1 {
		return k + 1
	}
	return k + g.m - floorMod(k-g.c, g.m)
}

// LastEnd returns the number of the end of the last window over slice k. It is at
// most k where no window covers it.
func (g *Grid) LastEnd(k int64) int64 {
	switch {
	case g.outer != nil:
		return g.number(g.outer.time(g.outer.number(g.time(k)) + 1))
	case g.m == 1:
		return k + g.n
	}
	return k + g.n - floorMod(k+g.n-g.c, g.m)
}

// Begin returns the number of the first slice of the window with end number end.
func (g *Grid) Begin(end int64) int64 {
	if g.outer != nil {
		return g.number(g.outer.time(g.outer.number(g.time(end - 1))))
	}
	return end - g.n
}

// Window returns the window with end number end.
func (g *Grid) Window(end int64) Window {
	return Window{Start: g.time(g.Begin(end)), End: g.time(end)}
}

// Passed returns the number of the last window end that w has passed.
func (g *Grid) Passed(w stream.Time) int64 {
	k := g.number(w)
	if w == stream.MaxTime {
		k += g.n + g.m // windows that reach beyond the end of time have passed, too
	}
	if g.m == 1 {
		return k
	}
	return k - floorMod(k-g.c, g.m)
}

// Block returns the first slice of the block that slice k lies in: every window
// is a part of at most two blocks, and of Cumulate the front of one.
func (g *Grid) Block(k int64) int64 {
	if g.outer != nil {
		return g.Begin(k + 1)
	}
	return k - floorMod(k, g.n)
}

// Reaches tells whether windows begin in block a and end in block b, another one.
func (g *Grid) Reaches(a, b int64) bool { return g.outer == nil && g.n > 1 && b == a+g.n }

// Slices returns how many slices a window has at most.
func (g *Grid) Slices() int64 { return g.n }

// Near returns how far from the newest window end what belongs to open windows
// can be.
func (g *Grid) Near() int64 { return 4 * (g.n + g.m) }

// Overlap returns in how many windows a row counts at most.
func (g *Grid) Overlap() int64 { return (g.n-1)/g.m + 1 }

// Judge returns the end of the first window over t that a row with event time t
// still counts for, given its shard's watermark w before the row (MinTime:
// none). A window is missed iff its end + lateness <= w. missed tells that at
// least one window over t was missed. ok is false if there is no window left:
// the row is late for all of them (missed is set), or it lies in the gap between
// two hops (missed is not set).
func (g *Grid) Judge(t, w stream.Time, lateness time.Duration) (end stream.Time, missed, ok bool) {
	k := g.number(t)
	first, last := g.FirstEnd(k), g.LastEnd(k)
	switch {
	case last <= k:
		return 0, false, false
	case w == stream.MaxTime:
		return 0, true, false
	case w == stream.MinTime || g.time(first).Add(lateness) > w:
		return g.time(first), false, true
	}
	next := max(first, g.Next(g.Passed(w.Add(-lateness))))
	if next > last {
		return 0, true, false
	}
	return g.time(next), true, true
}

// Closed returns when a row at t is late for every window: the end of the last one.
func (g *Grid) Closed(t stream.Time) stream.Time { return g.time(g.LastEnd(g.number(t))) }

// AppendWindows appends the windows over t to dst, in order of their ends.
func (g *Grid) AppendWindows(dst []Window, t stream.Time) []Window {
	k := g.number(t)
	for end, last := g.FirstEnd(k), g.LastEnd(k); end <= last; end += g.m {
		if end > k {
			dst = append(dst, g.Window(end))
		}
	}
	return dst
}
