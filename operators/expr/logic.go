package expr

import (
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// rowBools is a column of BOOLEANs taken apart a word at a time.
func (v *vec) rowBools(w int) (value, valid uint64) {
	switch {
	case v.one && v.null:
		return 0, 0
	case v.one:
		return -(v.bools[0] & 1), ^uint64(0)
	case v.valid == nil:
		return v.bools[w], ^uint64(0)
	}
	return v.bools[w], v.valid[w]
}

// nullable tells whether a row may be NULL.
func (v *vec) nullable() bool { return v.one && v.null || !v.one && v.valid != nil }

// andOr is AND or OR of two or more. An argument is computed for the rows that
// those before it have not decided.
type andOr struct {
	o       out
	args    []node
	or      bool
	decided bitmap // rows where an argument was FALSE (AND) or TRUE (OR)
	open    bitmap // rows where every argument was the other value
	active  bitmap
}

func buildAndOr(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if !takes(call, types.Boolean) {
		return nil, misuse(call)
	}
	args := make([]physical.Expr, len(call.Args))
	for i, arg := range call.Args {
		args[i] = retype(arg, types.BooleanType)
	}
	nodes, err := buildAll(args, ledger)
	if err != nil {
		return nil, err
	}
	return &andOr{o: out{vec: vec{class: bools}}, args: nodes, or: call.Fn == "or"}, nil
}

func (a *andOr) eval(f *frame) (*vec, error) {
	n := words(f.n)
	a.decided, a.open, a.active = grow(a.decided, n), grow(a.open, n), grow(a.active, n)
	a.decided.fill(0)
	a.open.fill(^uint64(0))
	flip := ^uint64(0) // turns the deciding value into 1
	if a.or {
		flip = 0
	}
	rest, nulls := *f, false
	for i, arg := range a.args {
		if i > 0 {
			rest.active = without(a.active, f, a.decided)
			if rest.idle() {
				break
			}
		}
		v, err := arg.eval(&rest)
		if err != nil {
			return nil, err
		}
		nulls = nulls || v.nullable()
		for w := range n {
			value, valid := v.rowBools(w)
			value ^= flip
			a.decided[w] |= valid & value
			a.open[w] &= valid &^ value
		}
	}
	a.o.size(f.n)
	a.o.valid = nil
	if nulls {
		a.o.mask = grow(a.o.mask, n)
		a.o.valid = a.o.mask
		for w := range n {
			a.o.mask[w] = a.decided[w] | a.open[w]
		}
	}
	if a.or {
		copy(a.o.bools, a.decided)
	} else {
		for w := range n {
			a.o.bools[w] = ^a.decided[w]
		}
	}
	return &a.o.vec, nil
}

// without writes the rows of f that count and are not in b into dst.
func without(dst bitmap, f *frame, b bitmap) bitmap {
	for w := range dst {
		dst[w] = ^b[w]
		if f.active != nil {
			dst[w] &= f.active[w]
		}
	}
	return dst
}

func buildXor(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if !takes(call, types.Boolean) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, func(_ *frame, o *out, v []*vec) {
		for w := range o.bools {
			a, _ := v[0].rowBools(w)
			b, _ := v[1].rowBools(w)
			o.bools[w] = a ^ b
		}
	})
}

func buildNot(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if !takes(call, types.Boolean) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, func(_ *frame, o *out, v []*vec) {
		for w := range o.bools {
			a, _ := v[0].rowBools(w)
			o.bools[w] = ^a
		}
	})
}

// is answers a question about NULL; the answer is never NULL.
type is struct {
	o    out
	arg  node
	test func(o *out, v *vec)
}

func buildIs(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.Fn != "is_null" && !takes(call, types.Boolean) {
		return nil, misuse(call)
	}
	arg, err := build(retype(call.Args[0], types.BooleanType), ledger)
	if err != nil {
		return nil, err
	}
	return &is{o: out{vec: vec{class: bools}}, arg: arg, test: isTest(call.Fn)}, nil
}

func isTest(fn string) func(o *out, v *vec) {
	if fn == "is_null" {
		return func(o *out, v *vec) {
			for w := range o.bools {
				switch {
				case v.one && v.null:
					o.bools[w] = ^uint64(0)
				case v.one || v.valid == nil:
					o.bools[w] = 0
				default:
					o.bools[w] = ^v.valid[w]
				}
			}
		}
	}
	var flip uint64
	if fn == "is_false" {
		flip = ^flip
	}
	return func(o *out, v *vec) {
		for w := range o.bools {
			value, valid := v.rowBools(w)
			o.bools[w] = (value ^ flip) & valid
		}
	}
}

func (s *is) eval(f *frame) (*vec, error) {
	v, err := s.arg.eval(f)
	if err != nil {
		return nil, err
	}
	s.o.size(f.n)
	s.test(&s.o, v)
	return &s.o.vec, nil
}
