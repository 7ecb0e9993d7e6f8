package expr

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// builder makes the node of a call whose number of arguments is right.
type builder func(call *physical.Call, ledger *stream.Ledger) (node, error)

type function struct {
	name     string
	min, max int // number of arguments; max < 0: any
	build    builder
}

// functions is the one list of what can be called.
func functions() []function {
	return slices.Concat(operatorFunctions(), numberFunctions(), choiceFunctions(), textFunctions(), timeFunctions(), jsonFunctions())
}

// Functions returns the canonical name of every function that Compile knows.
func Functions() []string {
	list := functions()
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.name
	}
	return names
}

// registry is what has the functions. The map below asks for them through it,
// because the functions build arguments, and so look up functions themselves.
type registry interface{ functions() []function }

type allFunctions struct{}

func (allFunctions) functions() []function { return functions() }

// named is functions by their names, which the first call makes: a long expression
// looks up thousands.
var named = sync.OnceValue(func() map[string]function {
	list := registry(allFunctions{}).functions()
	by := make(map[string]function, len(list))
	for _, f := range list {
		by[f.name] = f
	}
	return by
})

func lookup(name string) (function, bool) {
	f, ok := named()[name]
	return f, ok
}

func build(e physical.Expr, ledger *stream.Ledger) (node, error) {
	switch e := e.(type) {
	case *physical.Literal:
		return newLiteral(e)
	case *physical.Column:
		return newColumn(e)
	case *physical.Call:
		fn, ok := lookup(e.Fn)
		if !ok {
			return nil, fmt.Errorf("no function %q", e.Fn)
		}
		if n := len(e.Args); n < fn.min || fn.max >= 0 && n > fn.max {
			return nil, fmt.Errorf("%d arguments to %q", n, e.Fn)
		}
		return fn.build(e, ledger)
	}
	return nil, fmt.Errorf("unknown expression %T", e)
}

func buildAll(args []physical.Expr, ledger *stream.Ledger) ([]node, error) {
	nodes := make([]node, len(args))
	for i, arg := range args {
		var err error
		if nodes[i], err = build(arg, ledger); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// misuse is the error for arguments of kinds that the function does not take.
func misuse(call *physical.Call) error {
	kinds := make([]string, len(call.Args))
	for i, arg := range call.Args {
		kinds[i] = arg.Type().String()
	}
	return fmt.Errorf("no %s(%s) with result %s", call.Fn, strings.Join(kinds, ", "), call.T)
}

// takes tells whether the arguments have exactly these kinds; one kind stands
// for all, and VARBINARY for VARCHAR, too. A NULL without a type fits everywhere.
func takes(call *physical.Call, kinds ...types.Kind) bool {
	for i, arg := range call.Args {
		want := kinds[min(i, len(kinds)-1)]
		k := arg.Type().Kind
		bytes := want == types.Varbinary && k == types.Varchar // text is bytes, too
		if k != want && k != types.Null && !bytes {
			return false
		}
	}
	return true
}

// kernel computes the rows of o that are not NULL from the arguments. It may
// also compute the others, whatever they are.
type kernel func(f *frame, o *out, a []*vec)

// strict is a function that is NULL where one of its arguments is.
type strict struct {
	o    out
	args []node
	vals []*vec
	run  kernel
}

// newStrict returns a node that runs the kernel over the call's arguments. An
// argument that is the bare NULL makes every row NULL.
func newStrict(call *physical.Call, ledger *stream.Ledger, run kernel) (node, error) {
	c, err := classOf(call.T)
	if err != nil {
		return nil, err
	}
	for _, arg := range call.Args {
		if arg.Type().Kind == types.Null {
			return newLiteral(&physical.Literal{T: call.T})
		}
	}
	args, err := buildAll(call.Args, ledger)
	if err != nil {
		return nil, err
	}
	s := &strict{args: args, vals: make([]*vec, len(args)), run: run}
	s.o.class, s.o.ledger = c, ledger
	return s, nil
}

func (s *strict) eval(f *frame) (*vec, error) {
	for i, arg := range s.args {
		v, err := arg.eval(f)
		if err != nil {
			return nil, err
		}
		s.vals[i] = v
	}
	o := &s.o
	o.begin(f, s.vals...)
	o.size(f.n)
	if o.class == texts {
		o.beginTexts(f.n)
	}
	s.run(f, o, s.vals)
	return &o.vec, o.err
}

// constant returns the value of a literal argument that is not NULL.
func constant[T any](e physical.Expr) (T, bool) {
	if l, ok := e.(*physical.Literal); ok {
		v, ok := l.Value.(T)
		return v, ok
	}
	var zero T
	return zero, false
}

// isNull tells whether e is the literal NULL, with or without a type.
func isNull(e physical.Expr) bool {
	l, ok := e.(*physical.Literal)
	return ok && l.Value == nil
}
