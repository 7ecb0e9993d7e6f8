package expr

import (
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// zoneArg compiles a constant that names a time zone.
func zoneArg(e physical.Expr) (types.ZoneClock, bool) {
	name, ok := constant[string](e)
	if !ok {
		return types.ZoneClock{}, false
	}
	zone, err := types.Zone(name)
	if err != nil {
		return types.ZoneClock{}, false
	}
	return types.NewZoneClock(zone), true
}

// buildConvertTZ makes convert_tz(DATETIME, 'from', 'to'): what the clock of one
// zone shows when that of the other shows the argument.
func buildConvertTZ(call *physical.Call, ledger *stream.Ledger) (node, error) {
	from, okFrom := zoneArg(call.Args[1])
	to, okTo := zoneArg(call.Args[2])
	one := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}
	if !okFrom || !okTo || call.T.Kind != types.Datetime || !takes(one, types.Datetime) {
		return nil, misuse(call)
	}
	return newStrict(one, ledger, mapInts(func(x int64) (int64, bool) {
		y := to.Local(from.UTC(x))
		return y, types.InRange(y)
	}))
}

// truncator returns the function that takes local times to the beginning of their
// unit; ok is false if there is no such unit.
func truncator(unit string) (trunc func(local int64) int64, ok bool) {
	if one, simple := unitSpan(unit); simple && one.Months == 0 && unit != "WEEK" {
		return func(x int64) int64 { return floorDiv(x, one.Micros) * one.Micros }, true
	}
	if unit == "WEEK" { // from Monday on
		return func(x int64) int64 {
			day := floorDiv(x, microsPerDay)
			return (day - weekday(day)) * microsPerDay
		}, true
	}
	months, first := int64(0), int64(0) // how many, and a year that begins some
	switch unit {
	case "MONTH":
		months = 1
	case "QUARTER":
		months = 3
	case "YEAR":
		months = 12
	case "DECADE":
		months = 120
	case "CENTURY": // 2001 to 2100
		months, first = 1200, 1
	case "MILLENNIUM":
		months, first = 12_000, 1
	default:
		return nil, false
	}
	return func(x int64) int64 {
		y, m, _ := types.Civil(floorDiv(x, microsPerDay))
		n := floorDiv((y-first)*12+m-1, months)*months + first*12
		y = floorDiv(n, 12)
		return int64(types.DaysOf(y, n-y*12+1, 1)) * microsPerDay
	}, true
}

// buildDateTrunc makes date_trunc('UNIT', DATETIME[, 'zone']), the beginning of
// the unit, and date_ceil, the first beginning that is not before. In a zone, days
// and longer units begin by its clock; an hour and less keep the shift of the
// moment, so that the hour that a clock shows twice stays two.
func buildDateTrunc(call *physical.Call, ledger *stream.Ledger) (node, error) {
	unit, ok := constant[string](call.Args[0])
	trunc, known := truncator(unit)
	one := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[1:2]}
	if !ok || !known || call.T.Kind != types.Datetime || !takes(one, types.Datetime) {
		return nil, misuse(call)
	}
	begin := trunc
	if len(call.Args) == 3 {
		clock, ok := zoneArg(call.Args[2])
		if !ok {
			return nil, misuse(call)
		}
		span, simple := unitSpan(unit)
		short := simple && span.Months == 0 && span.Micros <= microsPerHour
		begin = func(x int64) int64 {
			local := clock.Local(x)
			if short {
				return x - (local - trunc(local))
			}
			return clock.UTC(trunc(local))
		}
	}
	if call.Fn == "date_trunc" {
		return newStrict(one, ledger, mapInts(func(x int64) (int64, bool) {
			y := begin(x)
			return y, types.InRange(y)
		}))
	}
	if len(call.Args) == 3 {
		return nil, misuse(call)
	}
	return newStrict(one, ledger, mapInts(func(x int64) (int64, bool) {
		y := begin(x)
		if y < x {
			y = next(unit, y, trunc)
		}
		return y, types.InRange(y)
	}))
}

// next returns the beginning of the unit behind the one that begins at x.
func next(unit string, x int64, trunc func(int64) int64) int64 {
	if one, simple := unitSpan(unit); simple && one.Months == 0 {
		return x + one.Micros
	}
	// Every longer unit is less than twice as long as any other of its kind.
	days := map[string]int64{"MONTH": 31, "QUARTER": 92, "YEAR": 366, "DECADE": 3653, "CENTURY": 36_525, "MILLENNIUM": 365_243}[unit]
	return trunc(x + days*microsPerDay)
}

// buildDateBin makes date_bin(INTERVAL, DATETIME, DATETIME): the beginning of the
// stretch that the second argument is in, of those that lie side by side from the
// third on.
func buildDateBin(call *physical.Call, ledger *stream.Ledger) (node, error) {
	span, ok := constant[physical.Span](call.Args[0])
	two := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[1:]}
	if !ok || call.T.Kind != types.Datetime || !takes(two, types.Datetime) {
		return nil, misuse(call)
	}
	switch {
	case span.Months == 0 && span.Micros > 0:
		return newStrict(two, ledger, pairs(func(x, origin int64) (int64, bool) {
			y := origin + floorDiv(x-origin, span.Micros)*span.Micros
			return y, types.InRange(y)
		}))
	case span.Micros == 0 && 0 < span.Months && span.Months <= monthsMax:
		return newStrict(two, ledger, pairs(func(x, origin int64) (int64, bool) { return monthBin(x, origin, span.Months) }))
	}
	return nil, misuse(call)
}

// monthBin is date_bin of months, which keep to the origin's day where the month
// has it.
func monthBin(x, origin, months int64) (int64, bool) {
	y, m, _ := types.Civil(floorDiv(x, microsPerDay))
	yo, mo, _ := types.Civil(floorDiv(origin, microsPerDay))
	n := floorDiv((y-yo)*12+m-mo, months) * months
	begin, ok := addSpan(origin, physical.Span{Months: n})
	if ok && begin > x {
		begin, ok = addSpan(origin, physical.Span{Months: n - months})
	}
	return begin, ok
}
