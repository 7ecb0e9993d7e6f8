package expr

import (
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

const (
	microsPerMinute = 60 * microsPerSecond
	microsPerHour   = 3600 * microsPerSecond
	// yearZeroDays is MySQL's number of 1970-01-01, counted from the year 0.
	yearZeroDays = 719_528
)

// dayPart returns what the functions of a day compute; nil if fn is none.
func dayPart(fn string) func(day int64) int64 {
	switch fn {
	case "year":
		return func(day int64) int64 { y, _, _ := types.Civil(day); return y }
	case "quarter":
		return func(day int64) int64 { _, m, _ := types.Civil(day); return (m + 2) / 3 }
	case "month":
		return func(day int64) int64 { _, m, _ := types.Civil(day); return m }
	case "day":
		return func(day int64) int64 { _, _, d := types.Civil(day); return d }
	case "dayofyear":
		return func(day int64) int64 { _, d := yearOf(day); return d + 1 }
	case "dayofweek": // 1 is Sunday
		return func(day int64) int64 { return (weekday(day)+1)%7 + 1 }
	case "weekday": // 0 is Monday
		return weekday
	case "weekofyear":
		return func(day int64) int64 { _, w := weekOf(day, weekBits(3)); return w }
	case "to_days":
		return func(day int64) int64 { return day + yearZeroDays }
	}
	return nil
}

// extractDay is dayPart for the units that only EXTRACT knows.
func extractDay(unit string) func(day int64) int64 {
	switch unit {
	case "WEEK":
		return func(day int64) int64 { _, w := weekOf(day, weekBits(0)); return w }
	case "YEAR_MONTH":
		return func(day int64) int64 { y, m, _ := types.Civil(day); return y*100 + m }
	case "DOW": // 0 is Sunday
		return func(day int64) int64 { return (weekday(day) + 1) % 7 }
	case "ISODOW": // 1 is Monday
		return func(day int64) int64 { return weekday(day) + 1 }
	case "DOY":
		return dayPart("dayofyear")
	case "ISOYEAR":
		return func(day int64) int64 { y, _ := weekOf(day, weekBits(3)); return y }
	case "DECADE":
		return func(day int64) int64 { y, _, _ := types.Civil(day); return floorDiv(y, 10) }
	case "CENTURY":
		return func(day int64) int64 { y, _, _ := types.Civil(day); return floorDiv(y-1, 100) + 1 }
	case "MILLENNIUM":
		return func(day int64) int64 { y, _, _ := types.Civil(day); return floorDiv(y-1, 1000) + 1 }
	}
	return nil
}

// clockPart returns what the functions of a time of day compute from the
// microseconds since midnight; nil if fn is none.
func clockPart(fn string) func(rest int64) int64 {
	switch fn {
	case "hour":
		return func(rest int64) int64 { return rest / microsPerHour }
	case "minute":
		return func(rest int64) int64 { return rest / microsPerMinute % 60 }
	case "second":
		return func(rest int64) int64 { return rest / microsPerSecond % 60 }
	case "microsecond":
		return func(rest int64) int64 { return rest % microsPerSecond }
	}
	return nil
}

// partOf returns a function of an instant from one of its day or its time of day.
func partOf(day, clock func(int64) int64) func(micros int64) int64 {
	switch {
	case day != nil:
		return func(micros int64) int64 { return day(floorDiv(micros, microsPerDay)) }
	case clock != nil:
		return func(micros int64) int64 { return clock(micros - floorDiv(micros, microsPerDay)*microsPerDay) }
	}
	return nil
}

// buildTimePart makes the functions that take a DATETIME or DATE apart.
func buildTimePart(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if clock := clockPart(call.Fn); clock != nil && call.Args[0].Type().Kind == types.Time && call.T.Kind == types.Bigint {
		return newStrict(call, ledger, mapInts(func(x int64) (int64, bool) { return clock(max(x, -x)), true }))
	}
	part := partOf(dayPart(call.Fn), clockPart(call.Fn))
	switch call.Fn {
	case "to_seconds":
		part = func(micros int64) int64 { return floorDiv(micros, microsPerSecond) + yearZeroDays*86_400 }
	case "unix_timestamp":
		if call.T.Kind == types.Decimal {
			return buildUnixFraction(call, ledger)
		}
		part = func(micros int64) int64 { return floorDiv(micros, microsPerSecond) }
	}
	return buildPart(call, ledger, part)
}

// buildPart makes a node of a function from an instant to a number.
func buildPart(call *physical.Call, ledger *stream.Ledger, part func(micros int64) int64) (node, error) {
	kind := call.Args[0].Type().Kind
	if part == nil || call.T.Kind != types.Bigint || kind != types.Datetime && kind != types.Date && kind != types.Null {
		return nil, misuse(call)
	}
	unit := int64(1) // microseconds per unit of the argument
	if kind == types.Date {
		unit = microsPerDay
	}
	return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
		from := a[0].ints
		for i := range f.n {
			if !o.isNull(i) {
				o.ints[i] = part(from[a[0].at(i)] * unit)
			}
		}
	})
}

// buildUnixFraction makes unix_timestamp(DATETIME) with the fraction: a DECIMAL of
// as many digits as the plan says.
func buildUnixFraction(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if !takes(call, types.Datetime) || call.T.Scale > 6 {
		return nil, misuse(call)
	}
	unit := int64(math.Pow10(6 - call.T.Scale))
	return newStrict(call, ledger, convert(intsOf, decsOf, func(x int64) (decimal128.Num, bool) {
		return decimal128.FromI64(floorDiv(x, unit)), true
	}))
}

// buildExtract makes extract('UNIT', DATETIME). A compound unit gives its parts
// one behind the other: 10:05 as HOUR_MINUTE is 1005.
func buildExtract(call *physical.Call, ledger *stream.Ledger) (node, error) {
	unit, ok := constant[string](call.Args[0])
	if !ok {
		return nil, misuse(call)
	}
	one := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[1:]}
	part := partOf(extractDay(unit), nil)
	if part == nil {
		part = partOf(extractSimple(unit))
	}
	if part == nil {
		part = extractCompound(unit)
	}
	if part == nil {
		return nil, misuse(call)
	}
	return buildPart(one, ledger, part)
}

// extractSimple returns the part of a day or of its time that has a function of
// its own, too.
func extractSimple(unit string) (day, clock func(int64) int64) {
	switch unit {
	case "YEAR", "QUARTER", "MONTH", "DAY":
		return dayPart(strings.ToLower(unit)), nil
	case "HOUR", "MINUTE", "SECOND", "MICROSECOND":
		return nil, clockPart(strings.ToLower(unit))
	case "MILLISECOND":
		return nil, func(rest int64) int64 { return rest % microsPerSecond / 1000 }
	}
	return nil, nil
}

// extractCompound returns the function of a unit such as DAY_MINUTE, nil if there
// is no such unit.
func extractCompound(unit string) func(micros int64) int64 {
	from, to, _ := strings.Cut(unit, "_")
	names := [...]string{"DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND"}
	first, last := slices.Index(names[:], from), slices.Index(names[:], to)
	if first < 0 || last <= first {
		return nil
	}
	return func(micros int64) int64 {
		c := clockAt(micros)
		parts := [...]int64{c.day, c.hour, c.minute, c.second, c.micros}
		n := int64(0)
		for i := first; i <= last; i++ {
			if n *= 100; i == len(parts)-1 {
				n *= 10_000
			}
			n += parts[i]
		}
		return n
	}
}
