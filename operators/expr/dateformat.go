package expr

import (
	"errors"
	"strconv"
	"time"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// clock is an instant taken apart for DATE_FORMAT.
type clock struct {
	year, month, day     int64
	hour, minute, second int64
	micros, days         int64
}

func clockAt(micros int64) clock {
	c := clock{days: floorDiv(micros, microsPerDay)}
	c.year, c.month, c.day = types.Civil(c.days)
	rest := micros - c.days*microsPerDay
	s := rest / microsPerSecond
	c.hour, c.minute, c.second, c.micros = s/3600, s/60%60, s%60, rest%microsPerSecond
	return c
}

func (c clock) weekday() time.Weekday { return time.Weekday(((c.days+4)%7 + 7) % 7) }

func (c clock) hour12() int64 { return (c.hour+11)%12 + 1 }

func (c clock) half() string {
	if c.hour%24 < 12 { // a TIME has more hours
		return "AM"
	}
	return "PM"
}

// padded appends n with at least width digits.
func padded(dst []byte, n int64, width int) []byte {
	for limit := int64(10); width > 1; width-- {
		if n < limit {
			for range width - 1 {
				dst = append(dst, '0')
			}
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, n, 10)
}

// appendCode appends what %code stands for. A code without a meaning stands for
// itself, as in MySQL.
func (c clock) appendCode(dst []byte, code byte) []byte {
	switch code {
	case 'Y':
		return padded(dst, c.year, 4)
	case 'y':
		return padded(dst, c.year%100, 2)
	case 'm':
		return padded(dst, c.month, 2)
	case 'c':
		return padded(dst, c.month, 1)
	case 'M':
		return append(dst, time.Month(c.month).String()...)
	case 'b':
		return append(dst, time.Month(c.month).String()[:3]...)
	case 'd':
		return padded(dst, c.day, 2)
	case 'e':
		return padded(dst, c.day, 1)
	case 'D':
		return append(padded(dst, c.day, 1), ordinal(c.day)...)
	case 'j':
		return padded(dst, c.days-int64(types.DaysOf(c.year, 1, 1))+1, 3)
	case 'a':
		return append(dst, c.weekday().String()[:3]...)
	case 'W':
		return append(dst, c.weekday().String()...)
	case 'w':
		return padded(dst, int64(c.weekday()), 1)
	}
	if mode, year := weekCode(code); mode >= 0 {
		y, w := weekOf(c.days, weekBits(mode))
		if year {
			return padded(dst, y, 4)
		}
		return padded(dst, w, 2)
	}
	return c.appendTime(dst, code)
}

// weekCode returns the mode of WEEK that a code stands for, and whether it gives
// the year of the week; -1 if it is no code of weeks.
func weekCode(code byte) (mode int64, year bool) {
	switch code {
	case 'U':
		return 0, false
	case 'u':
		return 1, false
	case 'V', 'X':
		return 2, code == 'X'
	case 'v', 'x':
		return 3, code == 'x'
	}
	return -1, false
}

func (c clock) appendTime(dst []byte, code byte) []byte {
	switch code {
	case 'H':
		return padded(dst, c.hour, 2)
	case 'k':
		return padded(dst, c.hour, 1)
	case 'h', 'I':
		return padded(dst, c.hour12(), 2)
	case 'l':
		return padded(dst, c.hour12(), 1)
	case 'i':
		return padded(dst, c.minute, 2)
	case 's', 'S':
		return padded(dst, c.second, 2)
	case 'f':
		return padded(dst, c.micros, 6)
	case 'p':
		return append(dst, c.half()...)
	case 'T', 'r':
		hour := c.hour
		if code == 'r' {
			hour = c.hour12()
		}
		dst = append(padded(dst, hour, 2), ':')
		dst = append(padded(dst, c.minute, 2), ':')
		dst = padded(dst, c.second, 2)
		if code == 'r' {
			dst = append(append(dst, ' '), c.half()...)
		}
		return dst
	}
	return append(dst, code)
}

func ordinal(n int64) string {
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			return "st"
		case 2:
			return "nd"
		case 3:
			return "rd"
		}
	}
	return "th"
}

// appendFormat appends the instant in a format of % codes.
func (c clock) appendFormat(dst []byte, format string) []byte {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			dst = append(dst, format[i])
			continue
		}
		i++
		dst = c.appendCode(dst, format[i])
	}
	return dst
}

// buildDateFormat makes date_format(DATETIME or DATE, constant format).
func buildDateFormat(call *physical.Call, ledger *stream.Ledger) (node, error) {
	kind := call.Args[0].Type().Kind
	if isNull(call.Args[0]) || isNull(call.Args[1]) {
		return newLiteral(&physical.Literal{T: call.T})
	}
	if !call.Args[0].Type().IsTime() || call.T.Kind != types.Varchar {
		return nil, misuse(call)
	}
	format, ok := constant[string](call.Args[1])
	if !ok {
		return nil, errors.New("date_format wants a constant format")
	}
	unit := int64(1)
	if kind == types.Date {
		unit = microsPerDay
	}
	call = &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}
	return newStrict(call, ledger, textKernel(func(dst []byte, a []*vec, i int) []byte {
		return clockAt(a[0].ints[a[0].at(i)]*unit).appendFormat(dst, format)
	}))
}
