package expr

import (
	"bytes"
	"cmp"
	mathbits "math/bits"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// chooser takes each row from one of several columns, its arms.
type chooser struct {
	o    out
	pick []int32 // per row the arm, or -1 for NULL
	arms []*vec
	rest bitmap // rows that have no arm yet
	take bitmap // rows of the arm at hand
}

func newChooser(t types.Type, arms int, ledger *stream.Ledger) (chooser, error) {
	c, err := classOf(t)
	return chooser{o: out{vec: vec{class: c}, ledger: ledger}, arms: make([]*vec, arms)}, err
}

// begin starts with no row decided.
func (c *chooser) begin(f *frame) {
	c.pick = grow(c.pick, f.n)
	for i := range c.pick {
		c.pick[i] = -1
	}
	n := words(f.n)
	c.rest, c.take = grow(c.rest, n), grow(c.take, n)
	for w := range n {
		c.rest[w] = tail(w, f.n)
		if f.active != nil {
			c.rest[w] &= f.active[w]
		}
	}
}

// give takes the rows of c.take from an arm.
func (c *chooser) give(arm int, v *vec) {
	c.arms[arm] = v
	for w, word := range c.take {
		c.rest[w] &^= word
		for ; word != 0; word &= word - 1 {
			c.pick[w*64+mathbits.TrailingZeros64(word)] = int32(arm)
		}
	}
}

// finish copies every row from its arm.
func (c *chooser) finish(f *frame) (*vec, error) {
	o := &c.o
	o.err, o.valid = nil, nil
	o.size(f.n)
	if o.class == texts {
		o.beginTexts(f.n)
	} else if o.class == bools {
		o.bools.fill(0)
	}
	for i, arm := range c.pick {
		if arm < 0 || c.arms[arm].isNull(i) {
			o.setNull(f, i)
			if o.class == texts {
				o.endText(f, i)
			}
			continue
		}
		v := c.arms[arm]
		switch o.class {
		case bools:
			if v.bools.get(v.at(i)) {
				o.bools.set(i)
			}
		case ints, uints:
			o.ints[i] = v.ints[v.at(i)]
		case floats:
			o.nums[i] = v.nums[v.at(i)]
		case decs:
			o.decs[i] = v.decs[v.at(i)]
		case texts:
			o.data = append(o.data, v.text(i)...)
			o.endText(f, i)
		}
	}
	return &o.vec, o.err
}

// adapt makes an arm fit the result's type: NULL gets it, and a value of the
// kind that the type does not hold, as a finer DATETIME, is cast.
func adapt(e physical.Expr, t types.Type) physical.Expr {
	e = retype(e, t)
	from := e.Type()
	if from.Kind == t.Kind && !from.IsBytes() && !sameValues(from, t) {
		return &physical.Call{Fn: "cast", Args: []physical.Expr{e}, T: t}
	}
	return e
}

func buildArms(call *physical.Call, args []physical.Expr, ledger *stream.Ledger) ([]node, error) {
	adapted := make([]physical.Expr, len(args))
	for i, arg := range args {
		adapted[i] = adapt(arg, call.T)
		if k := adapted[i].Type().Kind; k != call.T.Kind {
			return nil, misuse(call)
		}
	}
	return buildAll(adapted, ledger)
}

// caseWhen is CASE and IF.
type caseWhen struct {
	chooser
	when, then []node // then has one more if there is an ELSE
}

func buildCase(call *physical.Call, ledger *stream.Ledger) (node, error) {
	var when, then []physical.Expr
	for i := 0; i < len(call.Args); i += 2 {
		if i+1 == len(call.Args) {
			then = append(then, call.Args[i])
			break
		}
		when = append(when, retype(call.Args[i], types.BooleanType))
		then = append(then, call.Args[i+1])
	}
	if !takes(&physical.Call{Args: when}, types.Boolean) {
		return nil, misuse(call)
	}
	c := &caseWhen{}
	var err error
	if c.chooser, err = newChooser(call.T, len(then), ledger); err != nil {
		return nil, err
	}
	if c.when, err = buildAll(when, ledger); err != nil {
		return nil, err
	}
	c.then, err = buildArms(call, then, ledger)
	return c, err
}

func (c *caseWhen) eval(f *frame) (*vec, error) {
	c.begin(f)
	sub := *f
	for i, then := range c.then {
		if !c.rest.any(f.n) {
			break
		}
		if i < len(c.when) {
			sub.active = c.rest
			v, err := c.when[i].eval(&sub)
			if err != nil {
				return nil, err
			}
			for w := range c.take {
				value, valid := v.rowBools(w)
				c.take[w] = c.rest[w] & value & valid
			}
		} else {
			copy(c.take, c.rest)
		}
		sub.active = c.take
		if sub.idle() {
			continue
		}
		v, err := then.eval(&sub)
		if err != nil {
			return nil, err
		}
		c.give(i, v)
	}
	return c.finish(f)
}

type coalesce struct {
	chooser
	args []node
}

func buildCoalesce(call *physical.Call, ledger *stream.Ledger) (node, error) {
	c := &coalesce{}
	var err error
	if c.chooser, err = newChooser(call.T, len(call.Args), ledger); err != nil {
		return nil, err
	}
	c.args, err = buildArms(call, call.Args, ledger)
	return c, err
}

func (c *coalesce) eval(f *frame) (*vec, error) {
	c.begin(f)
	sub := *f
	for i, arg := range c.args {
		sub.active = c.rest
		if sub.idle() {
			break
		}
		v, err := arg.eval(&sub)
		if err != nil {
			return nil, err
		}
		c.take = validity(c.take, v, f.n)
		for w := range c.take {
			c.take[w] &= c.rest[w]
		}
		c.give(i, v)
	}
	return c.finish(f)
}

// nullif is its first argument, or NULL where that equals the second.
type nullif struct {
	chooser
	args [2]node
	cmp  *comparer
	same bitmap
}

func buildNullif(call *physical.Call, ledger *stream.Ledger) (node, error) {
	a := adapt(call.Args[0], call.T)
	b := retype(call.Args[1], a.Type())
	if a.Type().Kind != call.T.Kind {
		return nil, misuse(call)
	}
	both := &physical.Call{Fn: call.Fn, T: call.T, Args: []physical.Expr{a, b}}
	c := &nullif{}
	var err error
	if c.cmp, err = newComparer(both, equal); err != nil {
		return nil, err
	}
	if c.chooser, err = newChooser(call.T, 1, ledger); err != nil {
		return nil, err
	}
	args, err := buildAll(both.Args, ledger)
	if err != nil {
		return nil, err
	}
	c.args = [2]node(args)
	return c, nil
}

func (c *nullif) eval(f *frame) (*vec, error) {
	a, err := c.args[0].eval(f)
	if err != nil {
		return nil, err
	}
	b, err := c.args[1].eval(f)
	if err != nil {
		return nil, err
	}
	c.begin(f)
	c.same = grow(c.same, words(f.n))
	c.cmp.run(c.same, a, b, f.n)
	c.take = validity(c.take, b, f.n)
	for w := range c.take {
		c.take[w] = ^(c.same[w] & c.take[w]) & tail(w, f.n)
	}
	c.give(0, a)
	return c.finish(f)
}

// compareAt orders the values of row i of two columns of one class and scale.
func compareAt(a, b *vec, i int) int {
	x, y := a.at(i), b.at(i)
	switch a.class {
	case bools:
		return cmp.Compare(a.bools[x>>6]>>(uint(x)&63)&1, b.bools[y>>6]>>(uint(y)&63)&1)
	case ints:
		return cmp.Compare(a.ints[x], b.ints[y])
	case uints:
		return cmp.Compare(uint64(a.ints[x]), uint64(b.ints[y]))
	case floats:
		return cmp.Compare(a.nums[x], b.nums[y])
	case decs:
		return a.decs[x].Cmp(b.decs[y])
	}
	return bytes.Compare(a.text(i), b.text(i))
}

// extreme is GREATEST or LEAST; NULL if any argument is. Of equals the first
// is taken.
type extreme struct {
	chooser
	args []node
	sign int
}

func buildExtreme(call *physical.Call, ledger *stream.Ledger) (node, error) {
	e := &extreme{sign: 1}
	if call.Fn == "least" {
		e.sign = -1
	}
	var err error
	if e.chooser, err = newChooser(call.T, len(call.Args), ledger); err != nil {
		return nil, err
	}
	e.args, err = buildArms(call, call.Args, ledger)
	return e, err
}

func (e *extreme) eval(f *frame) (*vec, error) {
	e.begin(f)
	for k, arg := range e.args {
		v, err := arg.eval(f)
		if err != nil {
			return nil, err
		}
		e.arms[k] = v
	}
	for i := range e.pick {
		best := int32(0)
		for k, v := range e.arms {
			if v.isNull(i) {
				best = -1
				break
			}
			if compareAt(v, e.arms[best], i)*e.sign > 0 {
				best = int32(k)
			}
		}
		e.pick[i] = best
	}
	return e.finish(f)
}
