package expr

import (
	"strings"
	"time"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// dateReader reads a text in a format of % codes. It is a value: each row starts
// with a new one.
type dateReader struct {
	s                    []byte
	year, month, day     int64
	hour, minute, second int64
	micros, dayOfYear    int64
	afternoon, half      bool // half: %p or %r said which half of the day
	clock12              bool
	week, weekYear       int64 // week is counted by weekCode, -1: none was read
	weekCode             byte
	yearCode             byte  // X or x
	weekday              int64 // 1 is Sunday; 0: none was read
}

// readDate returns the time that s holds, as STR_TO_DATE reads it. Blanks in the
// format stand for any number of blanks. ok is false if s does not fit, or says
// more than the format.
func readDate(s []byte, format string) (micros int64, ok bool) {
	r := dateReader{s: s, month: 1, day: 1, week: -1, weekYear: -1}
	for i := 0; i < len(format); i++ {
		c := format[i]
		switch {
		case c == ' ':
			r.blanks()
			continue
		case c == '%' && i+1 < len(format):
			i++
			ok = r.code(format[i])
		default:
			ok = r.literal(c)
		}
		if !ok {
			return 0, false
		}
	}
	r.blanks()
	if len(r.s) > 0 {
		return 0, false
	}
	return r.value()
}

func (r *dateReader) blanks() {
	for len(r.s) > 0 && r.s[0] == ' ' {
		r.s = r.s[1:]
	}
}

func (r *dateReader) literal(c byte) bool {
	if len(r.s) == 0 || r.s[0] != c {
		return false
	}
	r.s = r.s[1:]
	return true
}

// number reads up to width digits.
func (r *dateReader) number(width int, to *int64, least, most int64) bool {
	n, k := int64(0), 0
	for k < len(r.s) && k < width && r.s[k]-'0' <= 9 {
		n = n*10 + int64(r.s[k]-'0')
		k++
	}
	r.s = r.s[k:]
	*to = n
	return k > 0 && least <= n && n <= most
}

func (r *dateReader) code(code byte) bool {
	switch code {
	case 'Y':
		return r.number(4, &r.year, 0, 9999)
	case 'y':
		ok := r.number(2, &r.year, 0, 99)
		if r.year += 2000; r.year >= 2070 {
			r.year -= 100
		}
		return ok
	case 'm', 'c':
		return r.number(2, &r.month, 1, 12)
	case 'd', 'e':
		return r.number(2, &r.day, 1, 31)
	case 'j':
		return r.number(3, &r.dayOfYear, 1, 366)
	case 'H', 'k':
		return r.number(2, &r.hour, 0, 23)
	case 'h', 'I', 'l':
		r.clock12 = true
		return r.number(2, &r.hour, 1, 12)
	case 'i':
		return r.number(2, &r.minute, 0, 59)
	case 's', 'S':
		return r.number(2, &r.second, 0, 59)
	case 'f':
		return r.fraction()
	case 'p':
		return r.ampm()
	case 'T':
		return r.code('H') && r.literal(':') && r.code('i') && r.literal(':') && r.code('s')
	case 'r':
		return r.code('I') && r.literal(':') && r.code('i') && r.literal(':') && r.code('s') && r.literal(' ') && r.ampm()
	case 'b', 'M':
		return r.name(12, code == 'b', func(i int) string { return time.Month(i + 1).String() }, &r.month)
	case 'a', 'W':
		return r.name(7, code == 'a', func(i int) string { return time.Weekday(i).String() }, &r.weekday)
	case '%':
		return r.literal('%')
	}
	return r.weekOrSkip(code)
}

// weekOrSkip reads the codes of weeks, and those that go over what says nothing:
// %. over punctuation, %@ over letters, %# over digits.
func (r *dateReader) weekOrSkip(code byte) bool {
	switch code {
	case 'D': // 1st
		return r.number(2, &r.day, 1, 31) && r.skip(2, isLetter)
	case 'w':
		ok := r.number(1, &r.weekday, 0, 6)
		r.weekday++
		return ok
	case 'U', 'u', 'V', 'v':
		r.weekCode = code
		least := int64(0)
		if code == 'V' || code == 'v' {
			least = 1
		}
		return r.number(2, &r.week, least, 53)
	case 'X', 'x':
		r.yearCode = code
		return r.number(4, &r.weekYear, 0, 9999)
	case '.':
		return r.skip(-1, func(c byte) bool { return c > ' ' && c < 0x7f && !isLetter(c) && c-'0' > 9 })
	case '@':
		return r.skip(-1, isLetter)
	case '#':
		return r.skip(-1, func(c byte) bool { return c-'0' <= 9 })
	}
	return false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// skip goes over n characters, which must be of a class; over as many as there
// are if n is negative.
func (r *dateReader) skip(n int, class func(byte) bool) bool {
	k := 0
	for k < len(r.s) && k != n && class(r.s[k]) {
		k++
	}
	r.s = r.s[k:]
	return n < 0 || k == n
}

func (r *dateReader) fraction() bool {
	before := len(r.s)
	ok := r.number(6, &r.micros, 0, 999_999)
	for k := before - len(r.s); k < 6; k++ {
		r.micros *= 10
	}
	return ok
}

func (r *dateReader) ampm() bool {
	if len(r.s) < 2 || r.s[1]|0x20 != 'm' || r.s[0]|0x20 != 'a' && r.s[0]|0x20 != 'p' {
		return false
	}
	r.half, r.afternoon = true, r.s[0]|0x20 == 'p'
	r.s = r.s[2:]
	return true
}

// name reads one of n names, or their first three letters, in any case.
func (r *dateReader) name(n int, short bool, of func(int) string, to *int64) bool {
	for i := range n {
		name := of(i)
		if short {
			name = name[:3]
		}
		if len(r.s) >= len(name) && strings.EqualFold(string(r.s[:len(name)]), name) {
			*to = int64(i + 1)
			r.s = r.s[len(name):]
			return true
		}
	}
	return false
}

func (r *dateReader) value() (micros int64, ok bool) {
	switch {
	case r.half && !r.clock12: // 14 PM
		return 0, false
	case r.clock12:
		r.hour %= 12
		if r.afternoon {
			r.hour += 12
		}
	}
	day := int64(0)
	switch {
	case r.dayOfYear > 0:
		day = int64(types.DaysOf(r.year, 1, 1)) + r.dayOfYear - 1
		if y, _, _ := types.Civil(day); y != r.year {
			return 0, false
		}
	case r.week >= 0 && r.weekday > 0:
		if day, ok = r.dayOfWeek(); !ok {
			return 0, false
		}
	case r.day > types.DaysIn(r.year, r.month):
		return 0, false
	default:
		day = int64(types.DaysOf(r.year, r.month, r.day))
	}
	micros = day*microsPerDay + (r.hour*3600+r.minute*60+r.second)*microsPerSecond + r.micros
	return micros, types.InRange(micros)
}

// dayOfWeek returns the day that a week, its year and a day of the week name. %V
// and %v want the year by %X and %x, %U and %u by %Y.
func (r *dateReader) dayOfWeek() (int64, bool) {
	year, strict := r.year, r.weekCode == 'V' || r.weekCode == 'v'
	if strict != (r.weekYear >= 0) || strict && (r.weekCode == 'V') != (r.yearCode == 'X') {
		return 0, false
	}
	if strict {
		year = r.weekYear
	}
	first := int64(types.DaysOf(year, 1, 1))
	begin, passed := weekday(first), (r.weekday+5)%7 // both from Monday
	if sunday := r.weekCode == 'U' || r.weekCode == 'V'; sunday {
		begin, passed = (begin+1)%7, r.weekday-1
		first += -begin + passed
		if begin > 0 {
			first += 7
		}
	} else {
		first += -begin + passed
		if begin > 3 {
			first += 7
		}
	}
	return first + (r.week-1)*7, true
}

// buildStrToDate makes str_to_date(text, constant format). What does not fit is
// NULL and counted, as an impossible cast is.
func buildStrToDate(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if isNull(call.Args[0]) || isNull(call.Args[1]) {
		return newLiteral(&physical.Literal{T: call.T})
	}
	format, ok := constant[string](call.Args[1])
	if !ok || call.T.Kind != types.Datetime || !takes(call, types.Varchar) {
		return nil, misuse(call)
	}
	one := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}
	return newStrict(one, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			micros, ok := readDate(a[0].text(i), format)
			o.ints[i] = micros
			if !ok {
				o.fail(f, i)
			}
		}
	})
}
