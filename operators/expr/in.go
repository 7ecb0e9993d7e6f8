package expr

import (
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// scanMax is the longest list of constants that is compared one by one.
const scanMax = 8

// in is `value IN (list)`: NULL where the value is NULL, or where it is not in
// the list but a NULL is. Elements that are no constants are computed only for
// the rows that no element before them matched.
type in struct {
	o       out
	value   node
	list    []node
	cmps    []*comparer
	set     *valueSet // the constants, if there are many
	setNull bool      // one of them is NULL
	found   bitmap
	unknown bitmap // rows that met a NULL
	active  bitmap
	same    bitmap
	valid   bitmap
}

func buildIn(call *physical.Call, ledger *stream.Ledger) (node, error) {
	t := call.Args[0].Type()
	if t.Kind == types.Null {
		return newLiteral(&physical.Literal{T: call.T})
	}
	value, err := build(call.Args[0], ledger)
	if err != nil {
		return nil, err
	}
	s := &in{o: out{vec: vec{class: bools}}, value: value}
	var constants, others []physical.Expr
	for _, e := range call.Args[1:] {
		e = retype(e, t)
		if e.Type().Kind != t.Kind {
			return nil, misuse(call)
		}
		if _, ok := e.(*physical.Literal); ok {
			constants = append(constants, e)
		} else {
			others = append(others, e)
		}
	}
	if len(constants) > scanMax && t.Kind != types.Boolean {
		s.set = &valueSet{scale: t.Scale}
		for _, e := range constants {
			s.setNull = s.set.add(e.(*physical.Literal)) || s.setNull
		}
		constants = nil
	}
	for _, e := range append(constants, others...) {
		c, err := newComparer(&physical.Call{Fn: "=", Args: []physical.Expr{call.Args[0], e}}, equal)
		if err != nil {
			return nil, err
		}
		elem, err := build(e, ledger)
		if err != nil {
			return nil, err
		}
		s.cmps, s.list = append(s.cmps, c), append(s.list, elem)
	}
	return s, nil
}

func (s *in) eval(f *frame) (*vec, error) {
	value, err := s.value.eval(f)
	if err != nil {
		return nil, err
	}
	n := words(f.n)
	s.found, s.unknown = grow(s.found, n), grow(s.unknown, n)
	s.active, s.same = grow(s.active, n), grow(s.same, n)
	s.found.fill(0)
	s.unknown.fill(0)
	s.valid = validity(s.valid, value, f.n)
	nulls := value.nullable()
	if s.set != nil {
		s.set.find(s.found, value, f.n)
		if s.setNull {
			s.unknown.fill(^uint64(0))
			nulls = true
		}
		for w := range n {
			s.found[w] &= s.valid[w]
		}
	}
	sub := *f
	for k, elem := range s.list {
		// Where the value is NULL the answer is, whatever the element.
		sub.active = without(s.active, f, s.found)
		for w := range n {
			sub.active[w] &= s.valid[w]
		}
		if sub.idle() {
			break
		}
		v, err := elem.eval(&sub)
		if err != nil {
			return nil, err
		}
		nulls = nulls || v.nullable()
		s.cmps[k].run(s.same, value, v, f.n)
		for w := range n {
			valid := uint64(0)
			switch {
			case v.one && v.null:
			case v.one || v.valid == nil:
				valid = ^uint64(0)
			default:
				valid = v.valid[w]
			}
			s.found[w] |= s.same[w] & valid & s.valid[w]
			s.unknown[w] |= ^valid
		}
	}
	return s.finish(f, nulls), nil
}

func (s *in) finish(f *frame, nulls bool) *vec {
	o := &s.o
	o.size(f.n)
	copy(o.bools, s.found)
	o.valid = nil
	if nulls {
		o.mask = grow(o.mask, words(f.n))
		for w := range o.mask {
			o.mask[w] = s.found[w] | s.valid[w]&^s.unknown[w]
		}
		o.valid = o.mask
	}
	return &o.vec
}

// valueSet is a hashed set of constants of one class.
type valueSet struct {
	ints  map[int64]struct{}
	nums  map[float64]struct{}
	texts map[string]struct{}
	decs  map[decimal128.Num]struct{}
	scale int // of decs
}

// add puts a constant into the set, and tells whether it is NULL.
func (s *valueSet) add(l *physical.Literal) (null bool) {
	switch v := l.Value.(type) {
	case nil:
		return true
	case int64:
		put(&s.ints, v)
	case uint64:
		put(&s.ints, int64(v))
	case float64:
		put(&s.nums, v)
	case string:
		put(&s.texts, v)
	case decimal128.Num:
		// A constant with more digits than the value can have equals nothing.
		n, ok := rescale(v, l.T.Scale, s.scale, types.MaxDecimalPrecision)
		if ok && compareDecs(n, s.scale, v, l.T.Scale) == 0 {
			put(&s.decs, n)
		}
	}
	return false
}

func put[K comparable](m *map[K]struct{}, key K) {
	if *m == nil {
		*m = make(map[K]struct{})
	}
	(*m)[key] = struct{}{}
}

// find sets a bit of dst for each row whose value is in the set.
func (s *valueSet) find(dst bitmap, v *vec, n int) {
	for i := range n {
		ok, j := false, v.at(i)
		switch v.class {
		case ints, uints:
			_, ok = s.ints[v.ints[j]]
		case floats:
			_, ok = s.nums[v.nums[j]]
		case texts:
			_, ok = s.texts[string(v.text(i))]
		case decs:
			_, ok = s.decs[v.decs[j]]
		}
		if ok {
			dst.set(i)
		}
	}
}
