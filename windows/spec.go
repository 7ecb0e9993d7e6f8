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
	Cumulate
	Session
	Count
)

// Spec is a window clause. Windows are [start, end). Durations are whole
// microseconds.
//
// Of Tumble and Hop start = k·slide + offset for every integer k, and end =
// start + size; a tumbling window has a slide of its size. Of Cumulate start =
// k·size + offset, and the ends lie at every slide behind it, up to the size.
//
// A length is fixed, or it counts calendar months. Where Zone is set, a length
// of whole days counts calendar days of the zone, and what is left of the offset
// moves the clock: days from 06:00 begin when the clock shows six.
//
// A Session holds the rows of a group that lie less than Gap apart, up to Size
// behind its first one where Size is not 0. A Count window holds Rows rows of a
// group, and begins every Every rows.
type Spec struct {
	Kind   Kind
	Size   time.Duration
	Slide  time.Duration
	Offset time.Duration

	// Months take the place of the durations above, where they are not 0;
	// OffsetMonths is added to Offset.
	SizeMonths, SlideMonths, OffsetMonths int64
	Zone                                  string // IANA name; "": UTC

	Gap         time.Duration
	Rows, Every int64
}

// Sliced tells whether windows lie on a Grid: whether they are the same for all
// groups.
func (s Spec) Sliced() bool { return s.Kind == Tumble || s.Kind == Hop || s.Kind == Cumulate }

// Pane returns how many rows the windows of a Count, and the distances between
// them, are multiples of.
func (s Spec) Pane() int64 { return gcd(s.Rows, s.Every) }

// Calendar tells whether windows differ in length: whether they count months, or
// days of a zone.
func (s Spec) Calendar() bool { return s.SizeMonths != 0 || s.SlideMonths != 0 || s.Zone != "" }

// Longest returns what no window of s is longer than; of a session, by how much
// each row may make it longer.
func (s Spec) Longest() time.Duration {
	const day = 24 * time.Hour
	d := s.Size + s.Gap
	if s.Calendar() {
		d += day // a zone may have a day twice
	}
	return d + time.Duration(min(s.SizeMonths, 12*200))*31*day
}

// Ends returns windows side by side, each of which ends where windows of s do.
func (s Spec) Ends() Spec {
	out := Spec{Kind: Tumble, Size: s.Slide, Slide: s.Slide, SizeMonths: s.SlideMonths, SlideMonths: s.SlideMonths, Zone: s.Zone}
	switch {
	case s.Kind == Cumulate && out.SizeMonths == 0 && s.Zone != "" && out.Size%(24*time.Hour) != 0:
		out.Zone = ""
	case s.SlideMonths != 0:
		out.OffsetMonths, out.Offset = (s.OffsetMonths+s.SizeMonths)%s.SlideMonths, s.Offset
	case s.Kind == Cumulate && s.SizeMonths != 0 && s.Zone == "":
		out.Offset = s.Offset
	default:
		out.Offset = (s.Offset + s.Size) % s.Slide
	}
	return out
}

// Millis tells whether all bounds of windows are whole milliseconds.
func (s Spec) Millis() bool {
	if s.Kind == Session || s.Kind == Count {
		return false // they begin with a row
	}
	whole := func(d time.Duration) bool { return d%time.Millisecond == 0 }
	return whole(s.Size) && whole(s.Slide) && whole(s.Offset)
}

// Window is one window [Start, End).
type Window struct{ Start, End stream.Time }
