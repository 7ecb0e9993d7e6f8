package expr

import (
	"bytes"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// order is a set of outcomes of a comparison: bit 0 less, bit 1 equal, bit 2
// greater.
type order uint8

const (
	less    order = 1
	equal   order = 2
	greater order = 4
)

func orderOf(fn string) order {
	switch fn {
	case "<":
		return less
	case "<=":
		return less | equal
	case ">":
		return greater
	case ">=":
		return greater | equal
	case "<>":
		return less | greater
	}
	return equal // = and <=>
}

// flip is the set for the arguments in the other order.
func (o order) flip() order { return o&equal | o&less<<2 | o&greater>>2 }

// has is 1 if the outcome c, which is -1, 0 or 1, is in the set.
func (o order) has(c int) uint64 { return uint64(o>>uint(c+1)) & 1 }

// comparer compares two columns of the same class.
type comparer struct {
	want   order
	as, bs int // scales of DECIMALs
	ints   dense[int64]
	uints  dense[uint64]
	nums   dense[float64]
	cells  [2]bitmap
}

// newComparer checks that both types are of one kind.
func newComparer(call *physical.Call, want order) (*comparer, error) {
	a, b := call.Args[0].Type(), call.Args[1].Type()
	if a.Kind != b.Kind {
		return nil, misuse(call)
	}
	return &comparer{want: want, as: a.Scale, bs: b.Scale}, nil
}

// run sets a bit of dst for each of n rows whose outcome is wanted.
func (c *comparer) run(dst bitmap, a, b *vec, n int) {
	want, as, bs := c.want, c.as, c.bs
	if a.one && !b.one {
		a, b, want, as, bs = b, a, want.flip(), bs, as
	}
	switch a.class {
	case ints:
		compareRows(dst, c.ints.of(a.ints, a.one, n), b.ints, b.one, want)
	case uints:
		compareRows(dst, c.uints.of(uintsOf(a), a.one, n), uintsOf(b), b.one, want)
	case floats:
		compareRows(dst, c.nums.of(a.nums, a.one, n), b.nums, b.one, want)
	case bools:
		compareBools(dst, c.wide(0, a, n), c.wide(1, b, n), want)
	case texts:
		compareTexts(dst, a, b, n, want)
	case decs:
		for w := range dst[:words(n)] {
			var word uint64
			for i := w * 64; i < min(n, w*64+64); i++ {
				word |= want.has(compareDecs(a.decs[a.at(i)], as, b.decs[b.at(i)], bs)) << (uint(i) & 63)
			}
			dst[w] = word
		}
	}
}

// wide is a column of BOOLEANs with a bit for each row.
func (c *comparer) wide(side int, v *vec, n int) bitmap {
	if !v.one {
		return v.bools
	}
	c.cells[side] = grow(c.cells[side], words(n))
	c.cells[side].fill(-(v.bools[0] & 1))
	return c.cells[side]
}

func compareBools(dst, a, b bitmap, want order) {
	for w := range dst {
		dst[w] = ^a[w]&b[w]&-want.has(-1) | ^(a[w]^b[w])&-want.has(0) | a[w]&^b[w]&-want.has(1)
	}
}

func compareTexts(dst bitmap, a, b *vec, n int, want order) {
	for w := range dst {
		var word uint64
		for i := w * 64; i < min(n, w*64+64); i++ {
			word |= want.has(bytes.Compare(a.text(i), b.text(i))) << (uint(i) & 63)
		}
		dst[w] = word
	}
}

// compareRows compares a column with a column or with a constant. -0 equals 0,
// and a NaN, which only a broken source brings, equals nothing.
func compareRows[T int64 | uint64 | float64](dst bitmap, a, b []T, one bool, want order) {
	if one {
		compareConst(dst, a, b[0], want)
		return
	}
	switch want {
	case equal:
		equalRows(dst, a, b)
	case less | greater:
		equalRows(dst, a, b)
		invert(dst)
	case less:
		lessRows(dst, a, b)
	case greater:
		lessRows(dst, b[:len(a)], a)
	case less | equal:
		lessEqualRows(dst, a, b)
	case greater | equal:
		lessEqualRows(dst, b[:len(a)], a)
	}
}

func invert(b bitmap) {
	for w := range b {
		b[w] = ^b[w]
	}
}

// block returns the at most 64 rows that word w stands for.
func block[T any](rows []T, w int) []T { return rows[w*64 : min(len(rows), w*64+64)] }

func equalRows[T int64 | uint64 | float64](dst bitmap, a, b []T) {
	for w := range dst {
		x := block(a, w)
		y := b[w*64:][:len(x)]
		var word uint64
		for i := range x {
			var bit uint64
			if x[i] == y[i] {
				bit = 1
			}
			word |= bit << (uint(i) & 63)
		}
		dst[w] = word
	}
}

func lessRows[T int64 | uint64 | float64](dst bitmap, a, b []T) {
	for w := range dst {
		x := block(a, w)
		y := b[w*64:][:len(x)]
		var word uint64
		for i := range x {
			var bit uint64
			if x[i] < y[i] {
				bit = 1
			}
			word |= bit << (uint(i) & 63)
		}
		dst[w] = word
	}
}

func lessEqualRows[T int64 | uint64 | float64](dst bitmap, a, b []T) {
	for w := range dst {
		x := block(a, w)
		y := b[w*64:][:len(x)]
		var word uint64
		for i := range x {
			var bit uint64
			if x[i] <= y[i] {
				bit = 1
			}
			word |= bit << (uint(i) & 63)
		}
		dst[w] = word
	}
}

func compareConst[T int64 | uint64 | float64](dst bitmap, a []T, c T, want order) {
	for w := range dst {
		x := block(a, w)
		var word uint64
		switch want {
		case equal, less | greater:
			for i := range x {
				var bit uint64
				if x[i] == c {
					bit = 1
				}
				word |= bit << (uint(i) & 63)
			}
		case less:
			for i := range x {
				var bit uint64
				if x[i] < c {
					bit = 1
				}
				word |= bit << (uint(i) & 63)
			}
		case less | equal:
			for i := range x {
				var bit uint64
				if x[i] <= c {
					bit = 1
				}
				word |= bit << (uint(i) & 63)
			}
		case greater:
			for i := range x {
				var bit uint64
				if x[i] > c {
					bit = 1
				}
				word |= bit << (uint(i) & 63)
			}
		case greater | equal:
			for i := range x {
				var bit uint64
				if x[i] >= c {
					bit = 1
				}
				word |= bit << (uint(i) & 63)
			}
		}
		dst[w] = word
	}
	if want == less|greater {
		invert(dst)
	}
}

// buildCompare makes = <> < <= > >= and <=> of two arguments of one kind.
func buildCompare(call *physical.Call, ledger *stream.Ledger) (node, error) {
	want := orderOf(call.Fn)
	if call.Fn == "<=>" {
		return buildNullSafe(call, ledger)
	}
	for _, arg := range call.Args {
		if arg.Type().Kind == types.Null {
			return newStrict(call, ledger, nil) // is NULL
		}
	}
	c, err := newComparer(call, want)
	if err != nil {
		return nil, err
	}
	return newStrict(call, ledger, func(f *frame, o *out, v []*vec) { c.run(o.bools, v[0], v[1], f.n) })
}

// nullSafe is <=>: never NULL, and NULL equals NULL.
type nullSafe struct {
	o     out
	args  []node
	cmp   *comparer
	valid [2]bitmap
}

func buildNullSafe(call *physical.Call, ledger *stream.Ledger) (node, error) {
	a, b := call.Args[0], call.Args[1]
	a, b = retype(a, b.Type()), retype(b, a.Type())
	call = &physical.Call{Fn: call.Fn, T: call.T, Args: []physical.Expr{a, b}}
	c, err := newComparer(call, equal)
	if err != nil {
		return nil, err
	}
	args, err := buildAll(call.Args, ledger)
	if err != nil {
		return nil, err
	}
	return &nullSafe{o: out{vec: vec{class: bools}}, args: args, cmp: c}, nil
}

func (s *nullSafe) eval(f *frame) (*vec, error) {
	var v [2]*vec
	var err error
	for i, arg := range s.args {
		if v[i], err = arg.eval(f); err != nil {
			return nil, err
		}
		s.valid[i] = validity(s.valid[i], v[i], f.n)
	}
	s.o.size(f.n)
	s.cmp.run(s.o.bools, v[0], v[1], f.n)
	for w := range s.o.bools {
		a, b := s.valid[0][w], s.valid[1][w]
		s.o.bools[w] = s.o.bools[w]&a&b | ^a&^b
	}
	return &s.o.vec, nil
}

// validity copies which of n rows are not NULL into dst.
func validity(dst bitmap, v *vec, n int) bitmap {
	dst = grow(dst, words(n))
	switch {
	case v.one && v.null:
		dst.fill(0)
	case v.one || v.valid == nil:
		dst.fill(^uint64(0))
	default:
		copy(dst, v.valid)
	}
	return dst
}
