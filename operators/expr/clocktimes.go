package expr

import (
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// inType tells whether micros is a value of TIME or DATETIME.
func inType(t types.Type, micros int64) bool {
	if t.Kind == types.Time {
		return -types.TimeMax <= micros && micros <= types.TimeMax
	}
	return types.InRange(micros)
}

// buildTimeSum makes addtime and subtime(DATETIME or TIME, TIME), and
// timediff(a, b) of two of one kind, a TIME.
func buildTimeSum(call *physical.Call, ledger *stream.Ledger) (node, error) {
	a, b := call.Args[0].Type().Kind, call.Args[1].Type().Kind
	clock := func(k types.Kind) bool { return k == types.Time || k == types.Datetime || k == types.Null }
	fits := b == types.Time && a == call.T.Kind
	if call.Fn == "timediff" {
		fits = a == b && call.T.Kind == types.Time
	}
	if !clock(a) || !clock(b) || !clock(call.T.Kind) || call.T.Kind == types.Null || !fits && a != types.Null && b != types.Null {
		return nil, misuse(call)
	}
	sign := int64(1)
	if call.Fn != "addtime" {
		sign = -1
	}
	return newStrict(call, ledger, pairs(func(x, y int64) (int64, bool) {
		sum := x + sign*y
		return sum, inType(call.T, sum)
	}))
}

// buildTimeToSec makes time_to_sec(TIME), whole seconds.
func buildTimeToSec(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Bigint || !takes(call, types.Time) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, mapInts(func(x int64) (int64, bool) { return x / microsPerSecond, true }))
}

// buildSecToTime makes sec_to_time(DECIMAL of microseconds).
func buildSecToTime(call *physical.Call, ledger *stream.Ledger) (node, error) {
	from := call.Args[0].Type()
	if call.T.Kind != types.Time || from.Kind != types.Decimal || from.Scale != 6 {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, convert(decsOf, intsOf, func(x decimal128.Num) (int64, bool) {
		micros := int64(x.LowBits())
		return micros, x.HighBits() == micros>>63 && inType(call.T, micros)
	}))
}

// buildMakeTime makes maketime(hours, minutes, DECIMAL of seconds).
func buildMakeTime(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Time || !takes(call, types.Bigint, types.Bigint, types.Decimal) || call.Args[2].Type().Kind == types.Decimal && call.Args[2].Type().Scale != 6 {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			hour, minute, second := a[0].ints[a[0].at(i)], a[1].ints[a[1].at(i)], a[2].decs[a[2].at(i)]
			micros := int64(second.LowBits())
			if second.HighBits() != 0 || micros < 0 || micros >= microsPerMinute || minute < 0 || minute > 59 || hour > 838 || hour < -838 {
				o.fail(f, i)
				continue
			}
			if micros += minute * microsPerMinute; hour < 0 {
				micros = -micros
			}
			o.ints[i] = hour*microsPerHour + micros
			if !inType(call.T, o.ints[i]) {
				o.fail(f, i)
			}
		}
	})
}

// buildTimeFormat makes time_format(TIME, constant format): date_format without
// days, with as many hours as there are.
func buildTimeFormat(call *physical.Call, ledger *stream.Ledger) (node, error) {
	format, ok := constant[string](call.Args[1])
	one := &physical.Call{Fn: call.Fn, T: call.T, Args: call.Args[:1]}
	if !ok || call.T.Kind != types.Varchar || !takes(one, types.Time) {
		return nil, misuse(call)
	}
	return newStrict(one, ledger, textKernel(func(dst []byte, a []*vec, i int) []byte {
		micros := a[0].ints[a[0].at(i)]
		if micros < 0 {
			dst, micros = append(dst, '-'), -micros
		}
		c := clock{year: 0, month: 1}
		s := micros / microsPerSecond
		c.hour, c.minute, c.second, c.micros = s/3600, s/60%60, s%60, micros%microsPerSecond
		return c.appendFormat(dst, format)
	}))
}
