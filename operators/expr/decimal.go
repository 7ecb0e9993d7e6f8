package expr

import (
	"cmp"
	"math/big"
	mathbits "math/bits"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/planner/physical"
	"weir/sql/types"
)

// magnitude is an unsigned 128-bit number.
type magnitude struct{ hi, lo uint64 }

func magnitudeOf(n decimal128.Num) (m magnitude, negative bool) {
	if n.Sign() < 0 {
		n, negative = n.Negate(), true
	}
	return magnitude{uint64(n.HighBits()), n.LowBits()}, negative
}

// num returns m with a sign; ok is false if m has more than 127 bits.
func (m magnitude) num(negative bool) (n decimal128.Num, ok bool) {
	n = decimal128.New(int64(m.hi), m.lo)
	if negative {
		n = n.Negate()
	}
	return n, m.hi>>63 == 0
}

func (m magnitude) small() bool { return m.hi == 0 }

func (m magnitude) less(o magnitude) bool {
	return m.hi < o.hi || m.hi == o.hi && m.lo < o.lo
}

// times10 returns m * 10^k; ok is false if that has more than 128 bits.
func (m magnitude) times10(k int) (magnitude, bool) {
	for k > 0 && (m.hi|m.lo) != 0 {
		step := min(k, 19)
		p := pow10(step).lo
		over, hi := mathbits.Mul64(m.hi, p)
		carry, lo := mathbits.Mul64(m.lo, p)
		hi, c := mathbits.Add64(hi, carry, 0)
		if over != 0 || c != 0 {
			return m, false
		}
		m = magnitude{hi, lo}
		k -= step
	}
	return m, true
}

// pow10 is 10^k for k up to 38.
func pow10(k int) magnitude {
	p := decimal128.GetScaleMultiplier(k)
	return magnitude{uint64(p.HighBits()), p.LowBits()}
}

// div64 divides by d, which is not 0.
func (m magnitude) div64(d uint64) (q magnitude, rest uint64) {
	q.hi, rest = m.hi/d, m.hi%d
	q.lo, rest = mathbits.Div64(rest, m.lo, d)
	return q, rest
}

// over10 returns m / 10^k cut off, and how twice the rest compares with 10^k:
// -1 below one half, 0 at it, 1 above.
func (m magnitude) over10(k int) (q magnitude, half int) {
	switch {
	case k == 0:
		return m, -1
	case k > 38:
		return magnitude{}, -1 // m < 2^127 is below one half of 10^39
	case k <= 19:
		p := pow10(k).lo
		q, rest := m.div64(p)
		return q, cmp.Compare(rest, p-rest)
	}
	q, low := m.div64(pow10(19).lo)
	p := pow10(k - 19).lo
	q, high := q.div64(p)
	if half = cmp.Compare(high, p/2); half == 0 && low > 0 {
		half = 1
	}
	return q, half
}

// rescale turns n of scale from into scale to, rounding half away from zero; ok
// is false if the result has more than precision digits.
func rescale(n decimal128.Num, from, to, precision int) (decimal128.Num, bool) {
	m, negative := magnitudeOf(n)
	if to >= from {
		up, ok := m.times10(to - from)
		if !ok {
			return n, false
		}
		m = up
	} else {
		q, half := m.over10(from - to)
		if half >= 0 {
			var carry uint64
			q.lo, carry = mathbits.Add64(q.lo, 1, 0)
			q.hi += carry
		}
		m = q
	}
	n, ok := m.num(negative)
	return n, ok && m.less(pow10(precision))
}

// compareDecs orders two numbers of maybe different scales by value.
func compareDecs(a decimal128.Num, as int, b decimal128.Num, bs int) int {
	if as == bs {
		return a.Cmp(b)
	}
	if as > bs {
		return -compareDecs(b, bs, a, as)
	}
	x, xn := magnitudeOf(a)
	y, yn := magnitudeOf(b)
	if xn != yn {
		if xn {
			return -1
		}
		return 1
	}
	order := 0
	if up, ok := x.times10(bs - as); ok {
		switch {
		case up.less(y):
			order = -1
		case y.less(up):
			order = 1
		}
	} else {
		order = 1 // x scaled is beyond what y can hold
	}
	if xn {
		return -order
	}
	return order
}

// decimalOp is one operation on two DECIMALs with a DECIMAL result.
type decimalOp struct {
	op     byte // + - * / %
	as, bs int  // scales of the arguments
	t      types.Type
}

// decArith makes the kernel of an operation on DECIMALs. The result is exact,
// then rounded half away from zero at the scale of the call's type; what has
// more digits than the type, and division by zero, fails.
func decArith(op byte, call *physical.Call) kernel {
	d := decimalOp{op: op, as: call.Args[0].Type().Scale, bs: call.Args[1].Type().Scale, t: call.T}
	return func(f *frame, o *out, v []*vec) {
		a, b := v[0], v[1]
		for i := range f.n {
			if o.isNull(i) {
				continue
			}
			x, y := a.decs[a.at(i)], b.decs[b.at(i)]
			r, ok := d.fast(x, y)
			if !ok {
				r, ok = d.slow(x, y)
			}
			o.decs[i] = r
			if !ok {
				o.fail(f, i)
			}
		}
	}
}

// fast computes within 128 bits; ok is false if that is not enough, or if there
// is no result.
func (d decimalOp) fast(x, y decimal128.Num) (r decimal128.Num, ok bool) {
	a, an := magnitudeOf(x)
	b, bn := magnitudeOf(y)
	switch d.op {
	case '+', '-', '%':
		scale := max(d.as, d.bs)
		a, aok := a.times10(scale - d.as)
		b, bok := b.times10(scale - d.bs)
		if !aok || !bok || a.hi>>62 != 0 || b.hi>>62 != 0 {
			return r, false
		}
		if d.op == '%' {
			if !a.small() || !b.small() || b.lo == 0 {
				return r, false
			}
			r, _ = magnitude{0, a.lo % b.lo}.num(an)
		} else {
			x, _ := a.num(an)
			y, _ := b.num(bn != (d.op == '-'))
			r = x.Add(y)
		}
		return rescale(r, scale, d.t.Scale, d.t.Precision)
	case '*':
		if !a.small() || !b.small() {
			return r, false
		}
		var m magnitude
		m.hi, m.lo = mathbits.Mul64(a.lo, b.lo)
		if r, ok = m.num(an != bn); !ok {
			return r, false
		}
		return rescale(r, d.as+d.bs, d.t.Scale, d.t.Precision)
	}
	up := d.t.Scale + d.bs - d.as
	if up < 0 || !b.small() || b.lo == 0 {
		return r, false
	}
	a, ok = a.times10(up)
	if !ok {
		return r, false
	}
	q, rest := a.div64(b.lo)
	if rest >= b.lo-rest {
		var carry uint64
		q.lo, carry = mathbits.Add64(q.lo, 1, 0)
		q.hi += carry
	}
	r, ok = q.num(an != bn)
	return r, ok && q.less(pow10(d.t.Precision))
}

// slow computes with numbers of any length.
func (d decimalOp) slow(x, y decimal128.Num) (decimal128.Num, bool) {
	a, b := x.BigInt(), y.BigInt()
	scale := max(d.as, d.bs)
	switch d.op {
	case '*':
		scale = d.as + d.bs
		a.Mul(a, b)
		return fromBig(a, scale, d.t)
	case '/', '%':
		if b.Sign() == 0 {
			return x, false
		}
	}
	if d.op == '/' {
		if up := d.t.Scale + d.bs - d.as; up >= 0 {
			a.Mul(a, bigPow10(up))
		} else {
			b.Mul(b, bigPow10(-up))
		}
		return fromBig(divideAway(a, b), d.t.Scale, d.t)
	}
	a.Mul(a, bigPow10(scale-d.as))
	b.Mul(b, bigPow10(scale-d.bs))
	switch d.op {
	case '+':
		a.Add(a, b)
	case '-':
		a.Sub(a, b)
	case '%':
		a.Rem(a, b)
	}
	return fromBig(a, scale, d.t)
}

func bigPow10(k int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(k)), nil)
}

// divideAway returns a/b rounded half away from zero.
func divideAway(a, b *big.Int) *big.Int {
	q, rest := new(big.Int).QuoRem(a, b, new(big.Int))
	if rest.Lsh(rest.Abs(rest), 1).CmpAbs(b) >= 0 {
		step := int64(1)
		if a.Sign()*b.Sign() < 0 {
			step = -1
		}
		q.Add(q, big.NewInt(step))
	}
	return q
}

// fromBig rounds n of that scale to t; ok is false if t is too short.
func fromBig(n *big.Int, scale int, t types.Type) (decimal128.Num, bool) {
	if scale < t.Scale {
		n = new(big.Int).Mul(n, bigPow10(t.Scale-scale))
	} else if scale > t.Scale {
		n = divideAway(n, bigPow10(scale-t.Scale))
	}
	if n.CmpAbs(bigPow10(t.Precision)) >= 0 {
		return decimal128.Num{}, false
	}
	return decimal128.FromBigInt(n), true
}
