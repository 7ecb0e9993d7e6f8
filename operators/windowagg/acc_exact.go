package windowagg

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/planner/physical"
	"weir/sql/types"
)

// overflowed in the place of the count says that the sum left 128 bits.
const overflowed = math.MinInt64

// exactState is a 128-bit sum in two's complement and the number of values in it.
type exactState struct {
	lo uint64
	hi int64
	n  int64
}

// add adds a 128-bit value and n values. A sum that leaves 128 bits stays
// overflowed: which one does follows from the order of the log.
func (s *exactState) add(lo uint64, hi, n int64) {
	if s.n == overflowed || n == overflowed {
		s.n = overflowed
		return
	}
	l, c := bits.Add64(s.lo, lo, 0)
	h := s.hi + hi + int64(c)
	if (s.hi^h)&(hi^h) < 0 {
		s.n = overflowed
		return
	}
	s.lo, s.hi, s.n = l, h, s.n+n
}

// exactAcc is SUM and AVG of integers and DECIMAL.
type exactAcc struct {
	s       []exactState
	in, out types.Type
	avg     bool
	limit   decimal128.Num // the least magnitude that the result's precision cannot hold
	shift   *big.Int       // 10^(out.Scale - in.Scale), for AVG of DECIMAL
	shift64 int64          // the same, if it fits
}

func newExactAcc(a physical.Agg) (acc, error) {
	in := a.InputTypes()[0]
	e := &exactAcc{in: in, out: a.Out, avg: a.Fn == physical.AggAvg}
	switch {
	case e.avg && a.Out.Kind == types.Double:
		return e, nil
	case a.Out.Kind != types.Decimal || a.Out.Precision < 1 || a.Out.Precision > types.MaxDecimalPrecision:
		return nil, fmt.Errorf("%s of %s cannot be %s", a.Fn, in, a.Out)
	}
	places := a.Out.Scale - in.Scale
	if places < 0 || places > types.MaxDecimalPrecision || !e.avg && places != 0 {
		return nil, fmt.Errorf("%s of %s cannot be %s", a.Fn, in, a.Out)
	}
	ten := big.NewInt(10)
	e.limit = decimal128.FromBigInt(new(big.Int).Exp(ten, big.NewInt(int64(a.Out.Precision)), nil))
	e.shift = new(big.Int).Exp(ten, big.NewInt(int64(places)), nil)
	if e.shift.IsInt64() {
		e.shift64 = e.shift.Int64()
	}
	return e, nil
}

func (e *exactAcc) grow(n int) { e.s = growTo(e.s, n) }
func (e *exactAcc) reset()     { e.s = e.s[:0] }
func (e *exactAcc) bytes() int { return 24 * cap(e.s) }

func (e *exactAcc) empty(ids []int32) {
	for _, id := range ids {
		e.s[id] = exactState{}
	}
}

func (e *exactAcc) update(cols []arrow.Array, rows, ids []int32) {
	col := cols[0]
	valid := validityOf(col)
	if e.in.Kind == types.Decimal {
		vals := decimals(col)
		for i, r := range rows {
			if valid.ok(r) {
				e.s[ids[i]].add(vals[r].LowBits(), vals[r].HighBits(), 1)
			}
		}
		return
	}
	vals := int64s(col)
	sign := e.sign()
	for i, r := range rows {
		if !valid.ok(r) {
			continue
		}
		// 2^63 values of 63 bits fit: no test for overflow.
		s, v := &e.s[ids[i]], vals[r]
		var c uint64
		s.lo, c = bits.Add64(s.lo, uint64(v), 0)
		s.hi += v>>63&sign + int64(c)
		s.n++
	}
}

// sign is the mask of an integer's sign: BIGINT UNSIGNED has none.
func (e *exactAcc) sign() int64 {
	if e.in.Kind == types.Ubigint {
		return 0
	}
	return -1
}

func (e *exactAcc) retract(cols []arrow.Array, rows, ids []int32) {
	valid := validityOf(cols[0])
	if e.in.Kind == types.Decimal {
		vals := decimals(cols[0])
		for i, r := range rows {
			if valid.ok(r) {
				v := vals[r].Negate()
				e.s[ids[i]].add(v.LowBits(), v.HighBits(), -1)
			}
		}
		return
	}
	vals, sign := int64s(cols[0]), e.sign()
	for i, r := range rows {
		if valid.ok(r) {
			v := decimal128.New(vals[r]>>63&sign, uint64(vals[r])).Negate()
			e.s[ids[i]].add(v.LowBits(), v.HighBits(), -1)
		}
	}
}

func (e *exactAcc) load(cols []arrow.Array, lo int, ids []int32) {
	if len(ids) == 0 {
		return
	}
	valid, sums, ns := validityOf(cols[0]), decimals(cols[0]), int64s(cols[1])
	for i, id := range ids {
		r := lo + i
		n := ns[r]
		if !valid.ok(int32(r)) {
			n = overflowed
		}
		e.s[id].add(sums[r].LowBits(), sums[r].HighBits(), n)
	}
}

func (e *exactAcc) fold(ids []int32, src acc, from []int32) {
	s := src.(*exactAcc)
	for i, id := range ids {
		if f := from[i]; f >= 0 {
			e.s[id].add(s.s[f].lo, s.s[f].hi, s.s[f].n)
		}
	}
}

func (e *exactAcc) appendStates(b []array.Builder, ids []int32) {
	sum, n := b[0].(*array.Decimal128Builder), b[1].(*array.Int64Builder)
	sum.Reserve(len(ids))
	n.Reserve(len(ids))
	for _, id := range ids {
		s := &e.s[id]
		if s.n == overflowed {
			sum.AppendNull()
			n.UnsafeAppend(1)
			continue
		}
		sum.UnsafeAppend(decimal128.New(s.hi, s.lo))
		n.UnsafeAppend(s.n)
	}
}

func (e *exactAcc) appendResults(b array.Builder, ids []int32) (nulled int64) {
	if out, ok := b.(*array.Float64Builder); ok {
		out.Reserve(len(ids))
		for _, id := range ids {
			if s := &e.s[id]; s.n == 0 {
				out.UnsafeAppendBoolToBitmap(false)
			} else if f, ok := s.mean(); ok {
				out.UnsafeAppend(f)
			} else {
				out.UnsafeAppendBoolToBitmap(false)
				nulled++
			}
		}
		return nulled
	}
	out := b.(*array.Decimal128Builder)
	out.Reserve(len(ids))
	for _, id := range ids {
		s := &e.s[id]
		if s.n == 0 {
			out.AppendNull()
			continue
		}
		v, ok := decimal128.New(s.hi, s.lo), s.n > 0
		if ok && e.avg {
			v, ok = e.decimalMean(s)
		}
		if !ok || !v.Abs().Less(e.limit) {
			out.AppendNull()
			nulled++
			continue
		}
		out.UnsafeAppend(v)
	}
	return nulled
}

// mean returns sum / n, rounded once to the nearest DOUBLE. ok is false if the
// sum overflowed.
func (s *exactState) mean() (f float64, ok bool) {
	const exact = 1 << 53 // integers up to here are DOUBLEs, so one division rounds once
	if s.n < 0 {
		return 0, false
	}
	if v := int64(s.lo); s.hi == v>>63 && -exact <= v && v <= exact && s.n <= exact {
		return float64(v) / float64(s.n), true
	}
	f, _ = new(big.Rat).SetFrac(decimal128.New(s.hi, s.lo).BigInt(), big.NewInt(s.n)).Float64()
	return f, true
}

// decimalMean returns sum / n with the result's scale, rounded half away from
// zero. ok is false if it does not fit 128 bits.
func (e *exactAcc) decimalMean(s *exactState) (v decimal128.Num, ok bool) {
	if sum := int64(s.lo); s.hi == sum>>63 && sum != math.MinInt64 && e.shift64 > 0 {
		neg := sum < 0
		if neg {
			sum = -sum
		}
		hi, lo := bits.Mul64(uint64(sum), uint64(e.shift64))
		if hi == 0 {
			q, r := lo/uint64(s.n), lo%uint64(s.n)
			if r >= uint64(s.n)-r {
				q++
			}
			v = decimal128.FromU64(q)
			if neg {
				v = v.Negate()
			}
			return v, true
		}
	}
	num := decimal128.New(s.hi, s.lo).BigInt()
	num.Mul(num, e.shift)
	n := big.NewInt(s.n)
	q, r := new(big.Int).QuoRem(num, n, new(big.Int))
	if r.Abs(r).Lsh(r, 1).Cmp(n) >= 0 {
		q.Add(q, big.NewInt(int64(num.Sign())))
	}
	if q.BitLen() > 127 {
		return v, false
	}
	return decimal128.FromBigInt(q), true
}
