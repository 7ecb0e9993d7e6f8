package expr

import (
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// yearOf returns the year of a day, and how many days it is into the year.
func yearOf(day int64) (year, dayOfYear int64) {
	year, _, _ = types.Civil(day)
	return year, day - int64(types.DaysOf(year, 1, 1))
}

func daysInYear(year int64) int64 {
	return int64(types.DaysOf(year+1, 1, 1)) - int64(types.DaysOf(year, 1, 1))
}

// weekday counts from Monday, 0. Day 0, 1970-01-01, was a Thursday.
func weekday(day int64) int64 {
	day += 3
	return day - floorDiv(day, 7)*7
}

// The bits of a mode of WEEK().
const (
	weekMonday   = 1 // weeks begin on Monday, not on Sunday
	weekYear     = 2 // weeks count from 1: days before the first are in the year before
	weekFirstDay = 4 // week 1 is the first that begins in the year, not the one with 4 of its days
)

// weekBits turns the number that WEEK() takes into bits. With weeks from Sunday
// the third bit has its meaning turned over, as in MySQL's week_mode.
func weekBits(mode int64) int64 {
	mode &= 7
	if mode&weekMonday == 0 {
		mode ^= weekFirstDay
	}
	return mode
}

// weekOf returns the week of a day and the year that the week belongs to. It is
// MySQL's calc_week.
func weekOf(day, bits int64) (year, week int64) {
	year, dayOfYear := yearOf(day)
	first := day - dayOfYear // 1 January
	counted, whole := bits&weekYear != 0, bits&weekFirstDay != 0
	begin := weekday(first)
	if bits&weekMonday == 0 {
		begin = (begin + 1) % 7
	}
	// before tells whether the week in which a year begins belongs to the year before.
	before := func() bool { return whole && begin != 0 || !whole && begin >= 4 }
	if dayOfYear < 7-begin {
		if !counted && before() {
			return year, 0
		}
		counted = true
		year--
		days := daysInYear(year)
		first -= days
		begin = (begin + 53*7 - days) % 7
	}
	days := day - first + begin
	if before() {
		days -= 7
	}
	if counted && days >= 52*7 {
		if begin = (begin + daysInYear(year)) % 7; !before() {
			return year + 1, 1
		}
	}
	return year, days/7 + 1
}

// buildWeek makes week(DATETIME, mode) and yearweek(DATETIME, mode).
func buildWeek(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Bigint || !takes(call, types.Datetime, types.Bigint) {
		return nil, misuse(call)
	}
	yearToo := call.Fn == "yearweek"
	return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			bits := weekBits(a[1].ints[a[1].at(i)])
			if yearToo {
				bits |= weekYear
			}
			year, week := weekOf(floorDiv(a[0].ints[a[0].at(i)], microsPerDay), bits)
			o.ints[i] = week
			if yearToo {
				o.ints[i] = year*100 + week
			}
		}
	})
}
