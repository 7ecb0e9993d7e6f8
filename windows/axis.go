package windows

import (
	"math"
	"time"

	"weir/operators/stream"
	"weir/sql/types"
)

// axis numbers stretches of time that lie side by side: all of one length, or
// those of a calendar.
type axis struct {
	origin, width int64     // stretch k begins at origin + k·width
	calendar      *calendar // nil: they are all of one length
	far           int64     // numbers stay within ±far
}

// fixedAxis returns the axis of stretches of width that begin at offset and its
// like. room is what may be added to a number.
func fixedAxis(width, offset, room int64) axis {
	return axis{width: width, origin: floorMod(offset, width), far: math.MaxInt64 - room}
}

// number returns the number of the stretch that t lies in.
func (a *axis) number(t stream.Time) int64 {
	if a.calendar != nil {
		return a.calendar.number(t)
	}
	k := floorDiv(int64(t), a.width)
	if int64(t)-k*a.width < a.origin {
		k--
	}
	return max(-a.far, min(a.far, k))
}

// time returns the instant at which stretch k begins, staying at the ends of time.
func (a *axis) time(k int64) stream.Time {
	if a.calendar != nil {
		return a.calendar.begin(k)
	}
	switch {
	case k >= (math.MaxInt64-a.origin)/a.width:
		return stream.MaxTime
	case k < math.MinInt64/a.width:
		return stream.MinTime
	}
	return stream.Time(a.origin + k*a.width)
}

// calendar is the stretches of `every` days or months of a zone. Number k begins
// when the zone's clock comes to unit origin + k·every, and wall behind it.
type calendar struct {
	clock  types.ZoneClock
	months bool
	every  int64
	origin int64
	wall   int64 // microseconds
}

const (
	dayMicros = int64(24 * time.Hour / time.Microsecond)
	// calendarYears is how far from 1970 a calendar goes; beyond lies one stretch.
	calendarYears = 200_000
	calendarEnd   = calendarYears * 365 * dayMicros
)

// newCalendar returns stretches of every days or months that begin at offset,
// counted in the same, from 1970.
func newCalendar(zone *time.Location, months bool, every, offset, wall int64) *calendar {
	return &calendar{clock: types.NewZoneClock(zone), months: months, every: every, origin: floorMod(offset, every), wall: wall}
}

// begin returns the instant at which stretch k begins.
func (c *calendar) begin(k int64) stream.Time {
	most := calendarYears * 366 / c.every
	if c.months {
		most = calendarYears * 12 / c.every
	}
	switch {
	case k > most:
		return stream.MaxTime
	case k < -most:
		return stream.MinTime
	}
	days := c.origin + k*c.every
	if c.months {
		year := floorDiv(days, 12)
		days = int64(types.DaysOf(1970+year, days-12*year+1, 1))
	}
	return stream.Time(c.clock.UTC(days*dayMicros + c.wall))
}

// number returns the number of the stretch that t lies in: the last one that
// began at t or before. A day that a zone left out is never it.
func (c *calendar) number(t stream.Time) int64 {
	us := max(-calendarEnd, min(calendarEnd, int64(t)))
	unit := floorDiv(c.clock.Local(us)-c.wall, dayMicros)
	if c.months {
		year, month, _ := types.Civil(unit)
		unit = 12*(year-1970) + month - 1
	}
	k := floorDiv(unit-c.origin, c.every)
	// The clock may have been put back: then it shows a time that it showed before.
	for c.begin(k) > stream.Time(us) {
		k--
	}
	for c.begin(k+1) <= stream.Time(us) {
		k++
	}
	return k
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

// floorDiv returns the greatest whole number that is at most a/b; b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// gcd returns the greatest common divisor of two positive numbers.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
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
