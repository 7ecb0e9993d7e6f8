package expr

import (
	"bytes"
	"math"
	"math/bits"
	"slices"
	"strings"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// unitSpan returns one of a unit of time; ok is false for a compound unit.
func unitSpan(unit string) (span physical.Span, ok bool) {
	switch unit {
	case "MICROSECOND":
		span.Micros = 1
	case "MILLISECOND":
		span.Micros = 1000
	case "SECOND":
		span.Micros = microsPerSecond
	case "MINUTE":
		span.Micros = microsPerMinute
	case "HOUR":
		span.Micros = microsPerHour
	case "DAY":
		span.Micros = microsPerDay
	case "WEEK":
		span.Micros = 7 * microsPerDay
	case "MONTH":
		span.Months = 1
	case "QUARTER":
		span.Months = 3
	case "YEAR":
		span.Months = 12
	default:
		return span, false
	}
	return span, true
}

// times multiplies two numbers.
func times(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(absolute(a), absolute(b))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

func absolute(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

// spanReader reads a row of the second argument as a span.
type spanReader func(v *vec, i int) (physical.Span, bool)

// spansOf returns the reader of amounts of a unit: whole numbers, seconds with a
// fraction of six digits, or the text of a compound unit.
func spansOf(unit string, amount types.Type) spanReader {
	one, simple := unitSpan(unit)
	switch {
	case simple && amount.Kind == types.Bigint:
		return func(v *vec, i int) (physical.Span, bool) {
			n := v.ints[v.at(i)]
			months, ok := times(n, one.Months)
			micros, fits := times(n, one.Micros)
			return physical.Span{Months: months, Micros: micros}, ok && fits
		}
	case unit == "SECOND" && amount.Kind == types.Decimal && amount.Scale == 6:
		return func(v *vec, i int) (physical.Span, bool) {
			n := v.decs[v.at(i)]
			micros := int64(n.LowBits())
			return physical.Span{Micros: micros}, n.HighBits() == micros>>63
		}
	}
	parts := compoundUnit(unit)
	if parts == nil || amount.Kind != types.Varchar {
		return nil
	}
	return func(v *vec, i int) (physical.Span, bool) { return parts.read(v.text(i)) }
}

// compound is a unit such as DAY_MINUTE: one of each of its parts.
type compound []physical.Span

func compoundUnit(unit string) compound {
	from, to, _ := strings.Cut(unit, "_")
	for _, names := range [...][]string{{"YEAR", "MONTH"}, {"DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND"}} {
		first, last := slices.Index(names, from), slices.Index(names, to)
		if first < 0 || last <= first {
			continue
		}
		var parts compound
		for _, name := range names[first : last+1] {
			one, _ := unitSpan(name)
			parts = append(parts, one)
		}
		return parts
	}
	return nil
}

// read reads '1 2:30' as MySQL does: groups of digits with anything between them,
// of which the last is the least part; a sign in front is for all. Behind the
// point of a second the digits are a fraction.
func (c compound) read(s []byte) (physical.Span, bool) {
	s = bytes.TrimLeft(s, " ")
	negative := len(s) > 0 && s[0] == '-'
	var values [5]int64
	n, width := 0, 0
	for i := 0; i < len(s); {
		if s[i]-'0' > 9 {
			i++
			continue
		}
		if n == len(c) {
			return physical.Span{}, false
		}
		start := i
		for ; i < len(s) && s[i]-'0' <= 9; i++ {
			if values[n] > (math.MaxInt64-9)/10 {
				return physical.Span{}, false
			}
			values[n] = values[n]*10 + int64(s[i]-'0')
		}
		n, width = n+1, i-start
	}
	if c[len(c)-1].Micros == 1 && n > 0 {
		if width > 6 {
			return physical.Span{}, false
		}
		for ; width < 6; width++ {
			values[n-1] *= 10
		}
	}
	var sum physical.Span
	for i, v := range values[:n] {
		one := c[len(c)-n+i]
		months, ok := times(v, one.Months)
		micros, fits := times(v, one.Micros)
		if !ok || !fits {
			return sum, false
		}
		if sum.Months, ok = plus(sum.Months, months); !ok {
			return sum, false
		}
		if sum.Micros, ok = plus(sum.Micros, micros); !ok {
			return sum, false
		}
	}
	if negative {
		sum = physical.Span{Months: -sum.Months, Micros: -sum.Micros}
	}
	return sum, true
}

func plus(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (a^sum)&(b^sum) >= 0
}

// buildDateBy makes date_add_by(DATETIME or DATE, amount, 'UNIT') and date_sub_by.
func buildDateBy(call *physical.Call, ledger *stream.Ledger) (node, error) {
	from := call.Args[0].Type()
	unit, ok := constant[string](call.Args[2])
	if isNull(call.Args[0]) || isNull(call.Args[1]) {
		return newLiteral(&physical.Literal{T: call.T})
	}
	read := spansOf(unit, call.Args[1].Type())
	if !ok || read == nil || !from.IsTime() || !call.T.IsTime() {
		return nil, misuse(call)
	}
	in, res := unitOf(from), unitOf(call.T)
	subtract := call.Fn == "date_sub_by"
	two := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:2]}
	return newStrict(two, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			span, ok := read(a[1], i)
			if subtract {
				span = physical.Span{Months: -span.Months, Micros: -span.Micros}
			}
			micros := int64(0)
			if ok {
				micros, ok = addSpan(a[0].ints[a[0].at(i)]*in, span)
			}
			o.ints[i] = floorDiv(micros, res)
			if !ok {
				o.fail(f, i)
			}
		}
	})
}

// unitOf returns how many microseconds a unit of a DATE or DATETIME has.
func unitOf(t types.Type) int64 {
	if t.Kind == types.Date {
		return microsPerDay
	}
	return 1
}

// buildTimestampDiff makes timestampdiff('UNIT', a, b): how many whole units there
// are from a to b, cut towards 0.
func buildTimestampDiff(call *physical.Call, ledger *stream.Ledger) (node, error) {
	unit, ok := constant[string](call.Args[0])
	one, simple := unitSpan(unit)
	two := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[1:]}
	if !ok || !simple || call.T.Kind != types.Bigint || !takes(two, types.Datetime) {
		return nil, misuse(call)
	}
	return newStrict(two, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			from, to := a[0].ints[a[0].at(i)], a[1].ints[a[1].at(i)]
			if one.Months == 0 {
				o.ints[i] = (to - from) / one.Micros
			} else {
				o.ints[i] = monthsBetween(from, to) / one.Months
			}
		}
	})
}

// monthsBetween returns the whole months from a to b, negative if b comes first.
// A month is whole when its day and time are reached, as in MySQL.
func monthsBetween(a, b int64) int64 {
	sign := int64(1)
	if b < a {
		a, b, sign = b, a, -1
	}
	dayA, dayB := floorDiv(a, microsPerDay), floorDiv(b, microsPerDay)
	ya, ma, da := types.Civil(dayA)
	yb, mb, db := types.Civil(dayB)
	n := (yb-ya)*12 + mb - ma
	if restA, restB := a-dayA*microsPerDay, b-dayB*microsPerDay; db < da || db == da && restB < restA {
		n--
	}
	return sign * n
}

// buildDateDiff makes datediff(a, b): the days from the day of b to that of a.
func buildDateDiff(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Bigint || !takes(call, types.Datetime) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, pairs(func(a, b int64) (int64, bool) {
		return floorDiv(a, microsPerDay) - floorDiv(b, microsPerDay), true
	}))
}

// pairs makes a kernel of a function of two numbers; ok false means that there is
// no result.
func pairs(row func(a, b int64) (int64, bool)) kernel {
	return func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			y, ok := row(a[0].ints[a[0].at(i)], a[1].ints[a[1].at(i)])
			o.ints[i] = y
			if !ok {
				o.fail(f, i)
			}
		}
	}
}
