package expr

import (
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/sql/types"
)

// castUint casts from BIGINT UNSIGNED.
func castUint(to types.Type) kernel {
	switch to.Kind {
	case types.Boolean:
		return truth(intsOf, func(x int64) bool { return x != 0 })
	case types.Bigint:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) { return x, x >= 0 })
	case types.Double:
		return convert(intsOf, numsOf, func(x int64) (float64, bool) { return float64(uint64(x)), true })
	case types.Decimal:
		return convert(intsOf, decsOf, func(x int64) (decimal128.Num, bool) {
			return scaled(to, decimal128.FromU64(uint64(x)), 0)
		})
	case types.Varchar:
		return castToText(types.UbigintType, to)
	}
	return nil
}

// numToUint rounds half away from zero.
func numToUint(x float64) (int64, bool) {
	r := math.Round(x)
	if !(r >= 0 && r < 1<<64) {
		return 0, false
	}
	return int64(uint64(r)), true
}

func decToUint(x decimal128.Num, scale int) (int64, bool) {
	n, ok := rescale(x, scale, 0, types.MaxDecimalPrecision)
	return int64(n.LowBits()), ok && n.HighBits() == 0
}

func parseUint(s []byte) (int64, bool) {
	n, ok := types.ParseDecimal(s, types.MaxDecimalPrecision, 0)
	return int64(n.LowBits()), ok && n.HighBits() == 0
}

// roundClock rounds half away from zero to precision fractional digits.
func roundClock(micros int64, precision int) (int64, bool) {
	unit := int64(1)
	for range 6 - precision {
		unit *= 10
	}
	half := unit / 2
	if micros < 0 {
		half = -half
	}
	r := (micros + half) / unit * unit
	return r, -types.TimeMax <= r && r <= types.TimeMax
}

// castClock casts from TIME; as a number 12:34:56 is 123456.
func castClock(from, to types.Type) kernel {
	digits := func(x int64) int64 {
		s := x / microsPerSecond
		return s/3600*10_000 + s/60%60*100 + s%60
	}
	switch to.Kind {
	case types.Boolean:
		return truth(intsOf, func(x int64) bool { return x != 0 })
	case types.Bigint:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) { return digits(x), true })
	case types.Decimal:
		return convert(intsOf, decsOf, func(x int64) (decimal128.Num, bool) {
			return decimal128.FromI64(digits(x)*microsPerSecond + x%microsPerSecond), true
		})
	case types.Time:
		return convert(intsOf, intsOf, func(x int64) (int64, bool) { return roundClock(x, to.Precision) })
	case types.Varchar:
		return castToText(from, to)
	}
	return nil
}

// castBinary casts from VARBINARY. Bytes that are no UTF-8 are no VARCHAR.
func castBinary(to types.Type) kernel {
	switch to.Kind {
	case types.Varbinary:
		return cutBytes(to)
	case types.Varchar:
		return func(f *frame, o *out, a []*vec) {
			for i := range f.n {
				if !o.isNull(i) {
					s := a[0].text(i)
					if !utf8.Valid(s) {
						o.fail(f, i)
						s = nil
					}
					if to.Length > 0 {
						s = s[:prefix(s, int64(to.Length))]
					}
					o.data = append(o.data, s...)
				}
				o.endText(f, i)
			}
		}
	}
	return nil
}

// cutBytes makes a kernel to VARBINARY; what is longer than the type is cut off.
func cutBytes(to types.Type) kernel {
	return textKernel(func(dst []byte, a []*vec, i int) []byte {
		s := a[0].text(i)
		return append(dst, s[:min(len(s), to.Length)]...)
	})
}
