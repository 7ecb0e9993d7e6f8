package expr

import (
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// buildCast makes cast. Pairs without a kernel of their own go over a third
// type: BOOLEAN over BIGINT, times to numbers over YYYYMMDDhhmmss as MySQL does.
func buildCast(call *physical.Call, ledger *stream.Ledger) (node, error) {
	return castCall(call, ledger, ledger)
}

// buildTryCast makes try_cast, whose own failures are expected and not counted;
// those of its argument are.
func buildTryCast(call *physical.Call, ledger *stream.Ledger) (node, error) {
	return castCall(call, ledger, nil)
}

// castCall makes a cast that counts in ledger, over an argument that counts in of.
func castCall(call *physical.Call, of, ledger *stream.Ledger) (node, error) {
	from := call.Args[0].Type()
	if from.Kind == types.Null {
		return newLiteral(&physical.Literal{T: call.T})
	}
	arg, err := build(call.Args[0], of)
	if err != nil {
		return nil, err
	}
	return castNode(arg, from, call.T, ledger)
}

// castNode makes the cast of a node.
func castNode(arg node, from, to types.Type, ledger *stream.Ledger) (node, error) {
	if sameValues(from, to) {
		return arg, nil
	}
	if mid, ok := castOver(from, to); ok {
		half, err := castNode(arg, from, mid, ledger)
		if err != nil {
			return nil, err
		}
		return castNode(half, mid, to, ledger)
	}
	run := castKernel(from, to)
	c, err := classOf(to)
	if run == nil || err != nil {
		return nil, fmt.Errorf("no cast from %s to %s", from, to)
	}
	s := &strict{args: []node{arg}, vals: make([]*vec, 1), run: run}
	s.o.class, s.o.ledger = c, ledger
	return s, nil
}

// sameValues tells whether every value of from lies in memory as the value of
// to that it becomes.
func sameValues(from, to types.Type) bool {
	switch {
	case from.Kind == types.Double && to == types.DoubleType, from.Kind == types.Varchar && to == types.VarbinaryType:
		return true
	}
	return to.Holds(from)
}

// clockNumber is the type of YYYYMMDDhhmmss with microseconds.
func clockNumber() types.Type { return types.DecimalType(20, 6) }

// castOver returns the type that a cast takes as a step in between.
func castOver(from, to types.Type) (mid types.Type, ok bool) {
	switch {
	case to.Width > 0 && from.Kind != to.Kind:
		return to.Wide(), true // then it is cut to size
	case from.Kind == types.JSON && (to.Kind == types.Varchar && to.Length > 0 || to.Kind == types.Varbinary),
		from.Kind == types.Varbinary && !to.IsBytes(),
		to.Kind == types.Varbinary && !from.IsBytes():
		return types.VarcharType, true
	case to.Kind == types.Ubigint && (from.IsTime() || from.Kind == types.Time),
		from.Kind == types.Ubigint && (to.IsTime() || to.Kind == types.Time):
		return types.BigintType, true
	case from.Kind == types.Time && to.Kind == types.Bigint && from.Precision > 0:
		return types.TimeType(0), true
	case from.Kind == types.Time && to.IsNumeric() && to.Kind != types.Bigint && to != clockNumber():
		return clockNumber(), true
	case from.Kind == types.Date && to.Kind == types.Time:
		return types.DatetimeType(0), true
	case from.Kind == types.Boolean && to.Kind != types.Bigint && to.Kind != types.Varchar,
		from.Kind == types.Date && (to.IsNumeric() || to.Kind == types.Boolean) && to.Kind != types.Bigint:
		return types.BigintType, true
	case from.Kind == types.Datetime && (to.Kind == types.Double || to.Kind == types.Boolean),
		from.Kind == types.Datetime && to.Kind == types.Decimal && to != clockNumber(),
		from.Kind == types.Double && to.IsTime(),
		from.Kind == types.Decimal && to.IsTime() && from != clockNumber():
		return clockNumber(), true
	case from.Kind == types.Datetime && to.Kind == types.Bigint && from.Precision > 0:
		return types.DatetimeType(0), true
	case (from.Kind == types.Decimal || from.Kind == types.Varchar) && to.Kind == types.Date:
		return types.DatetimeType(6), true
	}
	return mid, false
}

func castKernel(from, to types.Type) kernel {
	if from.Kind == types.JSON && to == types.VarcharType || from.Kind == types.Varchar && to.Kind == types.JSON {
		return castJSON(from)
	}
	switch from.Kind {
	case types.Boolean:
		if to.Kind == types.Bigint {
			return boolToInt
		}
	case types.Bigint:
		return castInt(to)
	case types.Ubigint:
		return castUint(to)
	case types.Double:
		return castNum(from, to)
	case types.Time:
		return castClock(from, to)
	case types.Varbinary:
		return castBinary(to)
	case types.Decimal:
		return castDec(from, to)
	case types.Date, types.Datetime:
		return castTime(from, to)
	case types.Varchar:
		return castText(to)
	}
	if to.Kind == types.Varchar {
		return castToText(from, to)
	}
	return nil
}

func boolToInt(f *frame, o *out, a []*vec) {
	for i := range f.n {
		o.ints[i] = 0
		if a[0].bools.get(a[0].at(i)) {
			o.ints[i] = 1
		}
	}
}

// convert makes a kernel from one flat class to another.
func convert[S, D any](src func(*vec) []S, dst func(*vec) []D, row func(S) (D, bool)) kernel {
	return func(f *frame, o *out, a []*vec) {
		from, to := src(a[0]), dst(&o.vec)
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			y, ok := row(from[a[0].at(i)])
			to[i] = y
			if !ok {
				o.fail(f, i)
			}
		}
	}
}

// truth makes a kernel to BOOLEAN.
func truth[S any](src func(*vec) []S, row func(S) bool) kernel {
	return func(f *frame, o *out, a []*vec) {
		from := src(a[0])
		o.bools.fill(0)
		for i := range f.n {
			if !o.isNull(i) && row(from[a[0].at(i)]) {
				o.bools.set(i)
			}
		}
	}
}

func intsOf(v *vec) []int64          { return v.ints }
func numsOf(v *vec) []float64        { return v.nums }
func decsOf(v *vec) []decimal128.Num { return v.decs }
func scaled(to types.Type, n decimal128.Num, scale int) (decimal128.Num, bool) {
	return rescale(n, scale, to.Scale, to.Precision)
}

func castInt(to types.Type) kernel {
	switch to.Kind {
	case types.Bigint:
		least, greatest := to.IntRange()
		return convert(intsOf, intsOf, func(x int64) (int64, bool) { return x, least <= x && x <= greatest })
	case types.Ubigint:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) { return x, x >= 0 })
	case types.Boolean:
		return truth(intsOf, func(x int64) bool { return x != 0 })
	case types.Double:
		return convert(intsOf, numsOf, func(x int64) (float64, bool) { return float64(x), true })
	case types.Decimal:
		return convert(intsOf, decsOf, func(x int64) (decimal128.Num, bool) {
			return scaled(to, decimal128.FromI64(x), 0)
		})
	case types.Varchar:
		return castToText(types.BigintType, to)
	case types.Datetime:
		return convert(intsOf, intsOf, clockMicros)
	case types.Date:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) {
			micros, ok := clockMicros(x)
			return floorDiv(micros, microsPerDay), ok
		})
	}
	return nil
}

func castNum(from, to types.Type) kernel {
	switch to.Kind {
	case types.Double:
		return convert(numsOf, numsOf, types.ToFloat)
	case types.Ubigint:
		return convert(numsOf, intsOf, numToUint)
	case types.Boolean:
		return truth(numsOf, func(x float64) bool { return x != 0 })
	case types.Bigint:
		return convert(numsOf, intsOf, numToInt)
	case types.Decimal:
		return convert(numsOf, decsOf, func(x float64) (decimal128.Num, bool) {
			// By its shortest text, as MySQL does: 0.1 is 0.1.
			var text [32]byte
			return types.ParseDecimal(strconv.AppendFloat(text[:0], x, 'e', -1, 64), to.Precision, to.Scale)
		})
	case types.Varchar:
		return castToText(from, to)
	}
	return nil
}

// numToInt rounds half away from zero.
func numToInt(x float64) (int64, bool) {
	r := math.Round(x)
	if !(r >= math.MinInt64 && r < -math.MinInt64) {
		return 0, false
	}
	return int64(r), true
}

func castDec(from, to types.Type) kernel {
	switch to.Kind {
	case types.Boolean:
		return truth(decsOf, func(x decimal128.Num) bool { return x.Sign() != 0 })
	case types.Bigint:
		return convert(decsOf, intsOf, func(x decimal128.Num) (int64, bool) { return decToInt(x, from.Scale) })
	case types.Ubigint:
		return convert(decsOf, intsOf, func(x decimal128.Num) (int64, bool) { return decToUint(x, from.Scale) })
	case types.Double:
		return convert(decsOf, numsOf, func(x decimal128.Num) (float64, bool) { return decToNum(x, from.Scale), true })
	case types.Decimal:
		return convert(decsOf, decsOf, func(x decimal128.Num) (decimal128.Num, bool) { return scaled(to, x, from.Scale) })
	case types.Varchar:
		return castToText(from, to)
	case types.Datetime:
		return convert(decsOf, intsOf, func(x decimal128.Num) (int64, bool) {
			m, negative := magnitudeOf(x)
			whole, fraction := m.div64(1_000_000)
			if negative || !whole.small() || whole.lo > math.MaxInt64 {
				return 0, false
			}
			micros, ok := clockMicros(int64(whole.lo))
			if !ok {
				return 0, false
			}
			return roundMicros(micros+int64(fraction), to.Precision)
		})
	}
	return nil
}

func decToInt(x decimal128.Num, scale int) (int64, bool) {
	n, ok := rescale(x, scale, 0, types.MaxDecimalPrecision)
	y := int64(n.LowBits())
	return y, ok && n.HighBits() == y>>63
}

// decToNum returns the DOUBLE that is nearest to x / 10^scale.
func decToNum(x decimal128.Num, scale int) float64 {
	if m, negative := magnitudeOf(x); scale <= 22 && m.small() && m.lo < 1<<53 {
		// Both numbers are exact (10^22 is), so one division rounds once.
		y := float64(m.lo) / math.Pow10(scale)
		if negative {
			y = -y
		}
		return y
	}
	var text [48]byte
	y, _ := strconv.ParseFloat(string(types.AppendDecimal(text[:0], x, scale)), 64) // 38 digits are a DOUBLE
	return y
}

// clockMicros reads YYYYMMDD, YYMMDD, YYYYMMDDhhmmss or YYMMDDhhmmss; two-digit
// years lie from 1970 to 2069. This is MySQL's number_to_datetime.
func clockMicros(x int64) (micros int64, ok bool) {
	const clock = 1_000_000
	switch {
	case x < 101, 69_12_31 < x && x < 70_01_01, 99_12_31 < x && x < 1000_01_01,
		9999_12_31 < x && x < 101*clock, 69_12_31*clock+23_59_59 < x && x < 70_01_01*clock:
		return 0, false
	case x <= 69_12_31:
		x += 2000_00_00
	case x <= 99_12_31:
		x += 1900_00_00
	case 9999_12_31 < x && x <= 69_12_31*clock+23_59_59:
		x += 2000_00_00 * clock
	case 9999_12_31 < x && x <= 99_12_31*clock+23_59_59:
		x += 1900_00_00 * clock
	}
	day, rest := x, int64(0)
	if x > 9999_12_31 {
		day, rest = x/clock, x%clock
	}
	y, m, d := day/10_000, day/100%100, day%100
	hour, minute, second := rest/10_000, rest/100%100, rest%100
	if y > 9999 || m < 1 || m > 12 || d < 1 || d > types.DaysIn(y, m) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return int64(types.DaysOf(y, m, d))*microsPerDay + (hour*3600+minute*60+second)*microsPerSecond, true
}

// clockOf is the reverse of clockMicros, for a time without a fraction.
func clockOf(micros int64) int64 {
	day := floorDiv(micros, microsPerDay)
	y, m, d := types.Civil(day)
	s := (micros - day*microsPerDay) / microsPerSecond
	return (y*10_000+m*100+d)*1_000_000 + s/3600*10_000 + s/60%60*100 + s%60
}

// roundMicros rounds half up to precision fractional digits.
func roundMicros(micros int64, precision int) (int64, bool) {
	if !types.InRange(micros) {
		return 0, false
	}
	unit := int64(1)
	for range 6 - precision {
		unit *= 10
	}
	r := floorDiv(micros+unit/2, unit) * unit
	return r, types.InRange(r)
}

func castTime(from, to types.Type) kernel {
	switch {
	case to.Kind == types.Varchar:
		return castToText(from, to)
	case from.Kind == types.Date && to.Kind == types.Datetime:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) { return x * microsPerDay, true })
	case from.Kind == types.Date && to.Kind == types.Bigint:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) { return clockOf(x*microsPerDay) / 1_000_000, true })
	case from.Kind == types.Datetime && to.Kind == types.Time:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) {
			return roundClock(x-floorDiv(x, microsPerDay)*microsPerDay, to.Precision)
		})
	case from.Kind == types.Datetime && to.Kind == types.Date:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) { return floorDiv(x, microsPerDay), true })
	case from.Kind == types.Datetime && to.Kind == types.Datetime:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) { return roundMicros(x, to.Precision) })
	case from.Kind == types.Datetime && to.Kind == types.Bigint:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) { return clockOf(x), types.InRange(x) })
	case from.Kind == types.Datetime && to.Kind == types.Decimal:
		return convert(intsOf, decsOf, func(x int64) (decimal128.Num, bool) {
			second := floorDiv(x, microsPerSecond)
			n, ok := rescale(decimal128.FromI64(clockOf(second*microsPerSecond)), 0, 6, to.Precision)
			return n.Add(decimal128.FromI64(x - second*microsPerSecond)), ok && types.InRange(x)
		})
	}
	return nil
}
