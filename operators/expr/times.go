package expr

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

const (
	microsPerSecond = int64(1_000_000)
	microsPerDay    = 86_400 * microsPerSecond
)

// monthsMax is more than all years have.
const monthsMax = 20_000 * 12

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// mapInts makes a kernel of a function from one number to another; ok false
// means that there is no result.
func mapInts(row func(x int64) (y int64, ok bool)) kernel {
	return func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			y, ok := row(a[0].ints[a[0].at(i)])
			o.ints[i] = y
			if !ok {
				o.fail(f, i)
			}
		}
	}
}

// buildFromUnixtime makes from_unixtime: seconds to DATETIME.
func buildFromUnixtime(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if from := call.Args[0].Type(); call.T.Kind == types.Datetime && from.Kind == types.Decimal {
		return newStrict(call, ledger, convert(decsOf, intsOf, func(x decimal128.Num) (int64, bool) {
			n, ok := rescale(x, from.Scale, 6, types.MaxDecimalPrecision)
			micros := int64(n.LowBits())
			if !ok || n.HighBits() != micros>>63 || !types.InRange(micros) {
				return 0, false
			}
			return roundMicros(micros, call.T.Precision)
		}))
	}
	if call.T.Kind != types.Datetime || !takes(call, types.Bigint) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, mapInts(func(x int64) (int64, bool) {
		if x > math.MaxInt64/microsPerSecond || x < math.MinInt64/microsPerSecond {
			return 0, false
		}
		return x * microsPerSecond, types.InRange(x * microsPerSecond)
	}))
}

// buildDate makes date: the day of a DATETIME.
func buildDate(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Date || !call.Args[0].Type().IsTime() && call.Args[0].Type().Kind != types.Null {
		return nil, misuse(call)
	}
	return build(&physical.Call{Fn: "cast", Args: call.Args, T: call.T}, ledger)
}

// buildDateAdd makes date_add(DATETIME or DATE, INTERVAL). Months come first and
// stay in the month: 31 January and a month is the last of February.
func buildDateAdd(call *physical.Call, ledger *stream.Ledger) (node, error) {
	span, ok := constant[physical.Span](call.Args[1])
	from := call.Args[0].Type()
	if isNull(call.Args[0]) || isNull(call.Args[1]) {
		return newLiteral(&physical.Literal{T: call.T})
	}
	if ok && span.Months == 0 && from.Kind == types.Time && call.T.Kind == types.Time {
		return newStrict(&physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}, ledger, mapInts(func(x int64) (int64, bool) {
			sum := x + span.Micros
			return sum, (x^sum)&(span.Micros^sum) >= 0 && -types.TimeMax <= sum && sum <= types.TimeMax
		}))
	}
	if !ok || !from.IsTime() || !call.T.IsTime() {
		return nil, misuse(call)
	}
	in, res := int64(1), int64(1)
	if from.Kind == types.Date {
		in = microsPerDay
	}
	if call.T.Kind == types.Date {
		res = microsPerDay
	}
	call = &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}
	return newStrict(call, ledger, mapInts(func(x int64) (int64, bool) {
		micros, ok := addSpan(x*in, span)
		return floorDiv(micros, res), ok
	}))
}

// addSpan returns micros + span; ok is false if that leaves the years that a
// DATETIME holds.
func addSpan(micros int64, span physical.Span) (sum int64, ok bool) {
	if span.Months != 0 {
		if span.Months > monthsMax || span.Months < -monthsMax {
			return 0, false
		}
		day := floorDiv(micros, microsPerDay)
		y, m, d := types.Civil(day)
		months := y*12 + m - 1 + span.Months
		y = floorDiv(months, 12)
		m = months - y*12 + 1
		if y < 0 || y > 9999 {
			return 0, false
		}
		d = min(d, types.DaysIn(y, m))
		micros += (int64(types.DaysOf(y, m, d)) - day) * microsPerDay
	}
	sum = micros + span.Micros
	if (micros^sum)&(span.Micros^sum) < 0 {
		return 0, false
	}
	return sum, types.InRange(sum)
}
