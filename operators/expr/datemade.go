package expr

import (
	"time"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// The days that a DATE holds: 0000-01-01 to 9999-12-31.
const (
	daysMin = -yearZeroDays
	daysMax = 2_932_896
)

// buildDayMade makes what has a DATE as its result: last_day(DATETIME),
// from_days(BIGINT), makedate(year, day of the year).
func buildDayMade(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Date {
		return nil, misuse(call)
	}
	switch call.Fn {
	case "last_day":
		if !takes(call, types.Datetime) {
			return nil, misuse(call)
		}
		return newStrict(call, ledger, mapInts(func(x int64) (int64, bool) {
			day := floorDiv(x, microsPerDay)
			y, m, d := types.Civil(day)
			return day - d + types.DaysIn(y, m), true
		}))
	case "from_days":
		if !takes(call, types.Bigint) {
			return nil, misuse(call)
		}
		return newStrict(call, ledger, mapInts(func(x int64) (int64, bool) {
			return x - yearZeroDays, 0 <= x && x <= daysMax+yearZeroDays
		}))
	}
	if !takes(call, types.Bigint) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, pairs(makeDate))
}

// makeDate returns the n-th day of a year. A year of two digits lies from 1970 to
// 2069.
func makeDate(year, n int64) (int64, bool) {
	if year < 0 || year > 9999 || n < 1 || n > daysMax-daysMin {
		return 0, false
	}
	day := int64(types.DaysOf(fullYear(year), 1, 1)) + n - 1
	return day, day <= daysMax
}

func fullYear(year int64) int64 {
	switch {
	case year < 70:
		return year + 2000
	case year < 100:
		return year + 1900
	}
	return year
}

// buildPeriod makes period_add(YYYYMM, months) and period_diff(YYYYMM, YYYYMM).
func buildPeriod(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Bigint || !takes(call, types.Bigint) {
		return nil, misuse(call)
	}
	if call.Fn == "period_diff" {
		return newStrict(call, ledger, pairs(func(a, b int64) (int64, bool) {
			x, okA := periodMonths(a)
			y, okB := periodMonths(b)
			return x - y, okA && okB
		}))
	}
	return newStrict(call, ledger, pairs(func(p, n int64) (int64, bool) {
		months, ok := periodMonths(p)
		if !ok || n < -periodsMax || n > periodsMax || months+n < 0 || months+n > periodsMax {
			return 0, false
		}
		months += n
		return fullYear(months/12)*100 + months%12 + 1, true
	}))
}

// periodsMax is the last month of the year 9999, counted from the year 0.
const periodsMax = 9999*12 + 11

// periodMonths reads YYYYMM or YYMM as months since the year 0.
func periodMonths(p int64) (int64, bool) {
	month := p % 100
	if p <= 0 || p > 9999_12 || month < 1 || month > 12 {
		return 0, false
	}
	return fullYear(p/100)*12 + month - 1, true
}

// buildDateName makes dayname and monthname.
func buildDateName(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Varchar || !takes(call, types.Datetime) {
		return nil, misuse(call)
	}
	months := call.Fn == "monthname"
	return newStrict(call, ledger, textKernel(func(dst []byte, a []*vec, i int) []byte {
		day := floorDiv(a[0].ints[a[0].at(i)], microsPerDay)
		if months {
			_, m, _ := types.Civil(day)
			return append(dst, time.Month(m).String()...)
		}
		return append(dst, time.Weekday((weekday(day)+1)%7).String()...)
	}))
}
