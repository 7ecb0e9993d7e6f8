package types

// Civil returns the calendar day (proleptic Gregorian) of days since 1970-01-01.
func Civil(days int64) (year, month, day int64) { return civilFromDays(days) }

// DaysOf returns the days since 1970-01-01 of a calendar day; month counts from 1.
func DaysOf(year, month, day int64) int32 { return daysFromCivil(year, month, day) }

// DaysIn returns how many days the month has, counted from 1.
func DaysIn(year, month int64) int64 {
	if month == 2 && year < 0 {
		year += 400 * (1 - year/400) // the calendar repeats every 400 years
	}
	return int64(daysIn(uint(year), uint(month)))
}

// InRange tells whether micros lies in the years 0000 to 9999, which is what a
// DATETIME holds.
func InRange(micros int64) bool { return minDatetime <= micros && micros <= maxDatetime }
