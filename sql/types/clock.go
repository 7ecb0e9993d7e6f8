package types

import "strconv"

// TimeMax is the greatest TIME, 838:59:59 in microseconds; the least is -TimeMax.
const TimeMax = ((838*60+59)*60 + 59) * microsPerSecond

// ParseTime reads [+-]H:MM[:SS[.f…]] with one to three digits of hours and
// returns microseconds. Fractional digits beyond the sixth are cut off. What
// lies beyond ±838:59:59 is no TIME, as in MySQL. Nothing may stand before or
// behind it.
func ParseTime[T ~string | ~[]byte](s T) (micros int64, ok bool) {
	i, negative := 0, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		i, negative = 1, s[0] == '-'
	}
	hour, start := int64(0), i
	for ; i < len(s) && i < start+3 && isDigit(s[i]); i++ {
		hour = hour*10 + int64(s[i]-'0')
	}
	if i == start || len(s)-i < 3 || s[i] != ':' {
		return 0, false
	}
	minute, second := twoDigits(s, i+1), uint(0)
	if i += 3; i < len(s) {
		if len(s)-i < 3 || s[i] != ':' {
			return 0, false
		}
		second = twoDigits(s, i+1)
		i += 3
	}
	if minute > 59 || second > 59 {
		return 0, false
	}
	micros = ((hour*60+int64(minute))*60 + int64(second)) * microsPerSecond
	if i < len(s) {
		if s[i] != '.' || i+1 == len(s) {
			return 0, false
		}
		unit := int64(microsPerSecond / 10)
		for i++; i < len(s); i++ {
			if !isDigit(s[i]) {
				return 0, false
			}
			micros += int64(s[i]-'0') * unit
			unit /= 10
		}
	}
	if micros > TimeMax {
		return 0, false
	}
	if negative {
		micros = -micros
	}
	return micros, true
}

// AppendTime appends micros as "-12:34:56.789" with precision fractional
// digits, 0 to 6, and at least two digits of hours. Digits that do not fit are
// cut off, towards zero.
func AppendTime(dst []byte, micros int64, precision int) []byte {
	if micros < 0 {
		dst, micros = append(dst, '-'), -micros
	}
	seconds, fraction := micros/microsPerSecond, micros%microsPerSecond
	if hour := seconds / 3600; hour > 99 {
		dst = strconv.AppendInt(dst, hour, 10)
	} else {
		dst = appendTwo(dst, hour)
	}
	dst = append(dst, ':')
	dst = appendTwo(dst, seconds/60%60)
	dst = append(dst, ':')
	return appendFraction(appendTwo(dst, seconds%60), fraction, precision)
}
