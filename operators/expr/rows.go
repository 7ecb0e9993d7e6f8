package expr

import (
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// answer says what came of a row.
type answer uint8

const (
	value   answer = iota
	nothing        // NULL is what the function returns here
	failed         // there is no value: NULL, and counted
)

// These compute row i of a function from its arguments. They are called for rows
// in which no argument is NULL that must not be. textRow appends to dst.
type (
	textRow func(dst []byte, a []*vec, i int) ([]byte, answer)
	intRow  func(a []*vec, i int) (int64, answer)
	boolRow func(a []*vec, i int) (bool, answer)
)

func (o *out) settle(f *frame, i int, got answer) {
	switch got {
	case nothing:
		o.setNull(f, i)
	case failed:
		o.fail(f, i)
	}
}

func (row textRow) kernel() kernel {
	return func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if !o.isNull(i) {
				start := len(o.data)
				data, got := row(o.data, a, i)
				o.data = data
				if got != value {
					o.data = data[:start]
					o.settle(f, i, got)
				}
			}
			if o.endText(f, i); o.err != nil {
				return
			}
		}
	}
}

func (row intRow) kernel() kernel {
	return func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if !o.isNull(i) {
				n, got := row(a, i)
				o.ints[i] = n
				o.settle(f, i, got)
			}
		}
	}
}

func (row boolRow) kernel() kernel {
	return func(f *frame, o *out, a []*vec) {
		o.bools.fill(0)
		for i := range f.n {
			if !o.isNull(i) {
				yes, got := row(a, i)
				if yes {
					o.bools.set(i)
				}
				o.settle(f, i, got)
			}
		}
	}
}

// rowMaker makes the kernel of a node, with memory that only that node uses.
type rowMaker func() interface{ kernel() kernel }

// plain makes a rowMaker of a row without memory.
func plain(row interface{ kernel() kernel }) rowMaker {
	return func() interface{ kernel() kernel } { return row }
}

// strictly returns the builder of a function that is NULL where an argument is.
// The kinds are those of the arguments; the last one repeats.
func strictly(result types.Kind, make rowMaker, kinds ...types.Kind) builder {
	return func(call *physical.Call, ledger *stream.Ledger) (node, error) {
		if call.T.Kind != result || !takes(call, kinds...) {
			return nil, misuse(call)
		}
		return newStrict(call, ledger, make().kernel())
	}
}

// loosely returns the builder of a function that is NULL only where one of its
// first arguments is; it looks for NULL in the others itself.
func loosely(result types.Kind, needed int, make rowMaker, kinds ...types.Kind) builder {
	return func(call *physical.Call, ledger *stream.Ledger) (node, error) {
		if call.T.Kind != result || !takes(call, kinds...) {
			return nil, misuse(call)
		}
		return newLoose(call, ledger, needed, make().kernel(), kinds...)
	}
}

// loose is a node whose kernel sees arguments that are NULL.
type loose struct {
	strict
	needed int
}

func newLoose(call *physical.Call, ledger *stream.Ledger, needed int, run kernel, kinds ...types.Kind) (node, error) {
	c, err := classOf(call.T)
	if err != nil {
		return nil, err
	}
	l := &loose{needed: needed}
	for i, arg := range call.Args {
		if arg.Type().Kind == types.Null && len(kinds) > 0 {
			arg = &physical.Literal{T: types.Type{Kind: kinds[min(i, len(kinds)-1)]}}
		}
		n, err := build(arg, ledger)
		if err != nil {
			return nil, err
		}
		l.args = append(l.args, n)
	}
	l.vals, l.run = make([]*vec, len(l.args)), run
	l.o.class, l.o.ledger = c, ledger
	return l, nil
}

func (l *loose) eval(f *frame) (*vec, error) {
	for i, arg := range l.args {
		v, err := arg.eval(f)
		if err != nil {
			return nil, err
		}
		l.vals[i] = v
	}
	o := &l.o
	o.begin(f, l.vals[:l.needed]...)
	o.size(f.n)
	if o.class == texts {
		o.beginTexts(f.n)
	}
	l.run(f, o, l.vals)
	return &o.vec, o.err
}

func (v *vec) int(i int) int64 { return v.ints[v.at(i)] }

func (v *vec) num(i int) float64 { return v.nums[v.at(i)] }
