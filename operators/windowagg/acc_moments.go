package windowagg

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/planner/physical"
	"weir/sql/types"
)

// momentsAcc is variances and standard deviations of integers and DECIMAL: exact
// sums of the values and of their squares, so that the result is rounded once,
// however far the values lie from 0 and however many there are.
type momentsAcc struct {
	fixed[momentsState]
	in    types.Type
	fn    physical.AggFn
	scale *big.Int // 10^(2 * scale of the values)
}

// momentsState is n values, their sum and the sum of their squares in two's
// complement, the lowest word first. 2^63 values of 128 bits fit.
type momentsState struct {
	n   int64
	sum [3]uint64
	sq  [5]uint64
}

func newMomentsAcc(a physical.Agg) *momentsAcc {
	in := a.InputTypes()[0]
	scale := 0
	if in.Kind == types.Decimal {
		scale = in.Scale
	}
	m := &momentsAcc{in: in, fn: a.Fn, scale: new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(2*scale)), nil)}
	m.width = 8 * 9
	m.merge = func(to, from *momentsState) {
		to.n += from.n
		addWords(to.sum[:], from.sum[:])
		addWords(to.sq[:], from.sq[:])
	}
	m.put = func(to []byte, s *momentsState) {
		putInt64(to, s.n)
		for i, w := range s.sum {
			putUint64(to[8+8*i:], w)
		}
		for i, w := range s.sq {
			putUint64(to[32+8*i:], w)
		}
	}
	m.get = func(from []byte) (s momentsState) {
		s.n = int64Of(from)
		for i := range s.sum {
			s.sum[i] = uint64Of(from[8+8*i:])
		}
		for i := range s.sq {
			s.sq[i] = uint64Of(from[32+8*i:])
		}
		return s
	}
	return m
}

// addWords adds v to the equally long s.
func addWords(s, v []uint64) {
	var c uint64
	for i := range s {
		s[i], c = bits.Add64(s[i], v[i], c)
	}
}

// subWords subtracts v from the equally long s.
func subWords(s, v []uint64) {
	var c uint64
	for i := range s {
		s[i], c = bits.Sub64(s[i], v[i], c)
	}
}

// wide returns a 128-bit value in three words, and its square in five.
func wide(lo uint64, hi int64) (v [3]uint64, sq [5]uint64) {
	v = [3]uint64{lo, uint64(hi), uint64(hi >> 63)}
	l, h := lo, uint64(hi)
	if hi < 0 {
		var c uint64
		l, c = bits.Add64(^l, 1, 0)
		h = ^h + c
	}
	sq[1], sq[0] = bits.Mul64(l, l)
	midHi, midLo := bits.Mul64(l, h) // comes twice
	topHi, topLo := bits.Mul64(h, h)
	addWords(sq[:], []uint64{0, midLo, midHi, 0, 0})
	addWords(sq[:], []uint64{0, midLo, midHi, 0, 0})
	addWords(sq[:], []uint64{0, 0, topLo, topHi, 0})
	return v, sq
}

func (m *momentsAcc) update(cols []arrow.Array, rows, ids []int32) {
	m.each(cols[0], rows, func(i int, lo uint64, hi int64) {
		s := &m.s[ids[i]]
		v, sq := wide(lo, hi)
		s.n++
		addWords(s.sum[:], v[:])
		addWords(s.sq[:], sq[:])
	})
}

func (m *momentsAcc) retract(cols []arrow.Array, rows, ids []int32) {
	m.each(cols[0], rows, func(i int, lo uint64, hi int64) {
		s := &m.s[ids[i]]
		v, sq := wide(lo, hi)
		s.n--
		subWords(s.sum[:], v[:])
		subWords(s.sq[:], sq[:])
	})
}

// each calls do for the rows with a value: for rows[i] with 128 bits.
func (m *momentsAcc) each(col arrow.Array, rows []int32, do func(i int, lo uint64, hi int64)) {
	valid := validityOf(col)
	if m.in.Kind == types.Decimal {
		vals := decimals(col)
		for i, r := range rows {
			if valid.ok(r) {
				do(i, vals[r].LowBits(), vals[r].HighBits())
			}
		}
		return
	}
	vals := int64s(col)
	sign := int64(-1) // a mask: BIGINT UNSIGNED has none
	if m.in.Kind == types.Ubigint {
		sign = 0
	}
	for i, r := range rows {
		if valid.ok(r) {
			do(i, uint64(vals[r]), vals[r]>>63&sign)
		}
	}
}

func (m *momentsAcc) appendResults(b array.Builder, ids []int32) int64 {
	out := b.(*array.Float64Builder)
	for _, id := range ids {
		s := &m.s[id]
		least, divisor := spread(m.fn, s.n)
		if s.n < least {
			out.AppendNull()
			continue
		}
		// (n·Σx² − (Σx)²) / (n · divisor)
		n, sum := big.NewInt(s.n), signed(s.sum[:])
		num := new(big.Int).Mul(n, signed(s.sq[:]))
		num.Sub(num, sum.Mul(sum, sum))
		den := n.Mul(n, big.NewInt(divisor))
		v, _ := new(big.Rat).SetFrac(num, den.Mul(den, m.scale)).Float64()
		if deviates(m.fn) {
			v = math.Sqrt(v)
		}
		out.Append(v)
	}
	return 0
}

// spread returns how many of n values a variance needs, and what it divides by.
func spread(fn physical.AggFn, n int64) (least, divisor int64) {
	if fn == physical.AggVarSamp || fn == physical.AggStddevSamp {
		return 2, n - 1
	}
	return 1, n
}

// deviates tells whether fn is the root of a variance.
func deviates(fn physical.AggFn) bool {
	return fn == physical.AggStddevPop || fn == physical.AggStddevSamp
}

// signed returns words in two's complement as a number.
func signed(words []uint64) *big.Int {
	neg := int64(words[len(words)-1]) < 0
	w := slices.Clone(words)
	if neg {
		clear(w)
		subWords(w, words)
	}
	b := make([]byte, 0, 8*len(w))
	for _, word := range slices.Backward(w) {
		b = binary.BigEndian.AppendUint64(b, word)
	}
	v := new(big.Int).SetBytes(b)
	if neg {
		v.Neg(v)
	}
	return v
}

// spreadAcc is variances and standard deviations of DOUBLE by Welford's method:
// the mean and the sum of squared differences from it. States are merged as in
// Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for
// Computing Sample Variances" (1979). Rows come in the order of the log and
// states in that of the folds, so the bits follow from the log. Products are
// rounded by a conversion before they are added: some processors would not.
type spreadAcc struct {
	fixed[spreadState]
	fn physical.AggFn
}

type spreadState struct {
	n        int64
	mean, m2 float64
}

func newSpreadAcc(fn physical.AggFn) *spreadAcc {
	a := &spreadAcc{fn: fn}
	a.width = 24
	a.merge = func(to, from *spreadState) {
		switch {
		case from.n == 0:
		case to.n == 0:
			*to = *from
		default:
			n := float64(to.n + from.n)
			d := from.mean - to.mean
			to.m2 += from.m2 + float64(d*d*(float64(to.n)*float64(from.n)/n))
			to.mean += float64(d * (float64(from.n) / n))
			to.n += from.n
		}
	}
	a.put = func(to []byte, s *spreadState) {
		putInt64(to, s.n)
		putFloat64(to[8:], s.mean)
		putFloat64(to[16:], s.m2)
	}
	a.get = func(from []byte) spreadState {
		return spreadState{n: int64Of(from), mean: float64Of(from[8:]), m2: float64Of(from[16:])}
	}
	return a
}

func putFloat64(to []byte, v float64) { putUint64(to, math.Float64bits(v)) }
func float64Of(from []byte) float64   { return math.Float64frombits(uint64Of(from)) }

func (a *spreadAcc) update(cols []arrow.Array, rows, ids []int32) {
	valid, vals := validityOf(cols[0]), float64s(cols[0])
	for i, r := range rows {
		if !valid.ok(r) {
			continue
		}
		s, v := &a.s[ids[i]], vals[r]
		s.n++
		d := v - s.mean
		s.mean += d / float64(s.n)
		s.m2 += float64(d * (v - s.mean))
	}
}

func (a *spreadAcc) appendResults(b array.Builder, ids []int32) int64 {
	out := b.(*array.Float64Builder)
	for _, id := range ids {
		s := &a.s[id]
		least, divisor := spread(a.fn, s.n)
		if s.n < least {
			out.AppendNull()
			continue
		}
		v := s.m2 / float64(divisor)
		if deviates(a.fn) {
			v = math.Sqrt(v)
		}
		out.Append(oneNaN(v))
	}
	return 0
}

// oneNaN returns v, and for each of the NaNs the same one.
func oneNaN(v float64) float64 {
	if v != v {
		return math.NaN()
	}
	return v + 0 // -0 is 0
}
