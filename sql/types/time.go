package types

import "strconv"

const (
	microsPerSecond = 1_000_000
	microsPerDay    = 86_400 * microsPerSecond
	// The first and the last microsecond that ParseDatetime returns:
	// 0000-01-01 00:00:00 and 9999-12-31 23:59:59.999999.
	minDatetime = -719_528 * microsPerDay
	maxDatetime = 2_932_897*microsPerDay - 1
)

// ParseDatetime reads YYYY-MM-DD[ T]HH:MM:SS[.f…][Z|±hh:mm] and returns
// microseconds since the Unix epoch, UTC. Without a zone the text is UTC.
// Fractional digits beyond the sixth are cut off, not rounded. The date must
// exist in the (proleptic Gregorian) calendar, the year is 0000 to 9999 both
// as written and in UTC, and there are no leap seconds. Nothing may stand
// before or behind it.
func ParseDatetime[T ~string | ~[]byte](s T) (micros int64, ok bool) {
	if len(s) < 19 || (s[10] != ' ' && s[10] != 'T') || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	days, ok := parseDay(s)
	hour, minute, second := twoDigits(s, 11), twoDigits(s, 14), twoDigits(s, 17)
	if !ok || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	micros = int64(days)*microsPerDay + int64((hour*60+minute)*60+second)*microsPerSecond
	i := 19
	if i < len(s) && s[i] == '.' {
		unit, start := int64(microsPerSecond/10), i+1
		for i = start; i < len(s) && isDigit(s[i]); i++ {
			micros += int64(s[i]-'0') * unit
			unit /= 10
		}
		if i == start {
			return 0, false
		}
	}
	if i == len(s) {
		return micros, true
	}
	return parseZone(s, i, micros)
}

// parseZone reads Z or ±hh:mm from i to the end and takes it off micros.
func parseZone[T ~string | ~[]byte](s T, i int, micros int64) (int64, bool) {
	if s[i] == 'Z' {
		return micros, i+1 == len(s)
	}
	if len(s)-i != 6 || (s[i] != '+' && s[i] != '-') || s[i+3] != ':' {
		return 0, false
	}
	hour, minute := twoDigits(s, i+1), twoDigits(s, i+4)
	if hour > 23 || minute > 59 {
		return 0, false
	}
	offset := int64(hour*60+minute) * 60 * microsPerSecond
	if s[i] == '+' {
		offset = -offset
	}
	micros += offset
	return micros, minDatetime <= micros && micros <= maxDatetime
}

// ParseDate reads YYYY-MM-DD, a date that exists in the calendar, and returns
// days since 1970-01-01.
func ParseDate[T ~string | ~[]byte](s T) (days int32, ok bool) {
	if len(s) != 10 {
		return 0, false
	}
	return parseDay(s)
}

// parseDay reads the YYYY-MM-DD that s begins with; s is long enough.
func parseDay[T ~string | ~[]byte](s T) (int32, bool) {
	high, low, month, day := twoDigits(s, 0), twoDigits(s, 2), twoDigits(s, 5), twoDigits(s, 8)
	if high > 99 || low > 99 || month-1 > 11 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	year := high*100 + low
	if day == 0 || (day > 28 && day > daysIn(year, month)) {
		return 0, false
	}
	return daysFromCivil(int64(year), int64(month), int64(day)), true
}

// twoDigits returns the number at s[i:i+2], or more than 99 if it is none.
func twoDigits[T ~string | ~[]byte](s T, i int) uint {
	a, b := uint(s[i])-'0', uint(s[i+1])-'0'
	if a > 9 || b > 9 {
		return 100
	}
	return a*10 + b
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func daysIn(year, month uint) uint {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysFromCivil and civilFromDays are Howard Hinnant's algorithms
// ("chrono-Compatible Low-Level Date Algorithms"): years begin in March, so a
// leap day is a year's last, and 400 years are always 146,097 days.
func daysFromCivil(y, m, d int64) int32 {
	if m <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yearOfEra := y - era*400
	dayOfYear := (153*((m+9)%12)+2)/5 + d - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return int32(era*146_097 + dayOfEra - 719_468)
}

func civilFromDays(days int64) (y, m, d int64) {
	days += 719_468
	era := floorDiv(days, 146_097)
	dayOfEra := days - era*146_097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36_524 - dayOfEra/146_096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	march := (5*dayOfYear + 2) / 153
	d = dayOfYear - (153*march+2)/5 + 1
	m = march + 3
	if m > 12 {
		m -= 12
	}
	y = yearOfEra + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// AppendDatetime appends micros, microseconds since the Unix epoch, as
// "2026-11-20 10:00:00.000" with precision fractional digits, 0 to 6. Digits
// that do not fit are cut off, towards the past. Years outside 0000-9999 are
// written with a sign or with more digits; ParseDatetime does not read those.
func AppendDatetime(dst []byte, micros int64, precision int) []byte {
	days := floorDiv(micros, microsPerDay)
	rest := micros - days*microsPerDay
	dst = appendDay(dst, days)
	seconds, fraction := rest/microsPerSecond, rest%microsPerSecond
	dst = append(dst, ' ')
	dst = appendTwo(dst, seconds/3600)
	dst = append(dst, ':')
	dst = appendTwo(dst, seconds/60%60)
	dst = append(dst, ':')
	return appendFraction(appendTwo(dst, seconds%60), fraction, precision)
}

// appendFraction appends the first precision digits of a fraction in microseconds.
func appendFraction(dst []byte, fraction int64, precision int) []byte {
	if precision <= 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(microsPerSecond / 10); precision > 0 && unit > 0; precision-- {
		dst = append(dst, byte('0'+fraction/unit%10))
		unit /= 10
	}
	return dst
}

// AppendDate appends days, days since 1970-01-01, as "2026-11-20".
func AppendDate(dst []byte, days int32) []byte { return appendDay(dst, int64(days)) }

func appendDay(dst []byte, days int64) []byte {
	y, m, d := civilFromDays(days)
	if y < 0 {
		dst, y = append(dst, '-'), -y
	}
	if y > 9999 {
		dst = strconv.AppendInt(dst, y, 10)
	} else {
		dst = appendTwo(dst, y/100)
		dst = appendTwo(dst, y%100)
	}
	dst = append(dst, '-')
	dst = appendTwo(dst, m)
	dst = append(dst, '-')
	return appendTwo(dst, d)
}

func appendTwo(dst []byte, n int64) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }
