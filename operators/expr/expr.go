package expr

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// Env is what an evaluator uses of its operator's surroundings.
type Env struct {
	Alloc memory.Allocator // memory of results
	// Ledger counts the values that could not be computed, in Nulled. It may be
	// nil.
	Ledger *stream.Ledger
}

// Evaluator computes an expression. It keeps memory between calls, so it
// belongs to one goroutine at a time.
type Evaluator interface {
	// Eval returns one value per row of b, as an array of the Arrow type of the
	// expression's type. It borrows b; the caller owns one reference of the
	// result. A plain column is returned without a copy. An error means that b
	// does not have the columns that the plan says, or that a column of text
	// became larger than Arrow can carry.
	Eval(b arrow.RecordBatch) (arrow.Array, error)
	// part is Eval for rows whose texts must fit into a part.
	part(b arrow.RecordBatch) (arrow.Array, error)
}

// Predicate selects rows. Like an Evaluator it belongs to one goroutine at a
// time.
type Predicate struct {
	root   node
	ledger *stream.Ledger
}

// Compile returns an evaluator of e. It fails if e calls a function that is not
// among Functions, or one with arguments of kinds that it does not take.
func Compile(e physical.Expr, env Env) (Evaluator, error) {
	e, err := Fold(e)
	if err != nil {
		return nil, err
	}
	root, err := build(e, env.Ledger)
	if err != nil {
		return nil, err
	}
	if c, ok := root.(*column); ok {
		return c, nil
	}
	return &evaluator{root: root, typ: e.Type(), arrow: stream.ArrowType(e.Type()), env: env}, nil
}

// Eval returns the column itself.
func (c *column) Eval(b arrow.RecordBatch) (arrow.Array, error) {
	a, err := c.source(b)
	if err != nil {
		return nil, err
	}
	a.Retain()
	return a, nil
}

func (c *column) part(b arrow.RecordBatch) (arrow.Array, error) { return c.Eval(b) }

type evaluator struct {
	root  node
	typ   types.Type
	arrow arrow.DataType
	env   Env
}

func (e *evaluator) Eval(b arrow.RecordBatch) (arrow.Array, error) {
	var done []arrow.Array
	defer func() {
		for _, a := range done {
			a.Release()
		}
	}()
	err := inParts(b, e.env.Ledger, func(part arrow.RecordBatch, _ int) error {
		a, err := e.part(part)
		if err == nil {
			done = append(done, a)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(done) == 1 {
		done[0].Retain()
		return done[0], nil
	}
	whole, err := array.Concatenate(done, e.env.Alloc)
	if err != nil {
		return nil, fmt.Errorf("a batch of %d rows makes too much text: %w", b.NumRows(), err)
	}
	return whole, nil
}

func (e *evaluator) part(b arrow.RecordBatch) (arrow.Array, error) {
	n := int(b.NumRows())
	v, err := e.root.eval(&frame{rec: b, n: n})
	if err != nil {
		return nil, err
	}
	if v.one && n > 1 && n*len(v.data) > partBytesMax {
		return nil, &longError{rows: partBytesMax / len(v.data)}
	}
	return export(e.env.Alloc, v, e.typ, e.arrow, n), nil
}

// CompilePredicate returns a predicate that selects the rows for which e, a
// BOOLEAN, is TRUE: not FALSE and not NULL. It fails as Compile does.
func CompilePredicate(e physical.Expr, env Env) (Predicate, error) {
	if k := e.Type().Kind; k != types.Boolean && k != types.Null {
		return Predicate{}, fmt.Errorf("a predicate must be BOOLEAN, not %s", e.Type())
	}
	e, err := Fold(retype(e, types.BooleanType))
	if err != nil {
		return Predicate{}, err
	}
	root, err := build(e, env.Ledger)
	return Predicate{root, env.Ledger}, err
}

// Select returns the numbers of the rows of b that the predicate keeps, rising,
// appended to buf[:0].
func (p Predicate) Select(b arrow.RecordBatch, buf []int32) ([]int32, error) {
	buf = buf[:0]
	err := inParts(b, p.ledger, func(part arrow.RecordBatch, first int) error {
		kept, err := p.part(part, buf[len(buf):])
		if err != nil {
			return err
		}
		if first == 0 {
			buf = kept
			return nil
		}
		for _, row := range kept {
			buf = append(buf, row+int32(first))
		}
		return nil
	})
	return buf, err
}

// part is Select for rows whose texts must fit into a part.
func (p Predicate) part(b arrow.RecordBatch, buf []int32) ([]int32, error) {
	n := int(b.NumRows())
	v, err := p.root.eval(&frame{rec: b, n: n})
	switch {
	case err != nil:
		return buf, err
	case v.one && (v.null || !v.bools.get(0)):
		return buf, nil
	case v.one:
		for i := range n {
			buf = append(buf, int32(i))
		}
		return buf, nil
	}
	if cap(buf) < n {
		buf = make([]int32, 0, n)
	}
	if v.valid == nil {
		return v.bools.appendSet(buf, n), nil
	}
	return selectValid(buf, v.bools, v.valid, n), nil
}

// selectValid appends the rows that are set in both, a word at a time.
func selectValid(buf []int32, a, b bitmap, n int) []int32 {
	for w := range words(n) {
		word := bitmap{a[w] & b[w]}
		from := len(buf)
		buf = word.appendSet(buf, min(64, n-w*64))
		for i := from; i < len(buf); i++ {
			buf[i] += int32(w * 64)
		}
	}
	return buf
}

// Fold replaces every constant sub-expression by its value. An Expr that is not
// constant keeps its shape, and so does one that has no value (1/0), so that
// each row that meets it is counted; so does a function that is not among
// Functions. e itself is not changed.
func Fold(e physical.Expr) (physical.Expr, error) {
	folded, _, err := fold(e)
	return folded, err
}

// fold also tells whether e is constant: that it has no column and calls only
// functions that are known.
func fold(e physical.Expr) (_ physical.Expr, constant bool, err error) {
	call, ok := e.(*physical.Call)
	if !ok {
		_, constant = e.(*physical.Literal)
		return e, constant, nil
	}
	_, constant = lookup(call.Fn)
	folded := &physical.Call{Fn: call.Fn, T: call.T, Args: make([]physical.Expr, len(call.Args))}
	for i, arg := range call.Args {
		var fixed bool
		if folded.Args[i], fixed, err = fold(arg); err != nil {
			return nil, false, err
		}
		constant = constant && fixed
	}
	if !constant {
		return folded, false, nil
	}
	var ledger stream.Ledger
	root, err := build(folded, &ledger)
	if err != nil {
		return nil, false, err
	}
	v, err := root.eval(&frame{n: 1})
	if err != nil {
		return nil, false, err
	}
	if ledger.Nulled > 0 {
		return folded, true, nil
	}
	return &physical.Literal{T: call.T, Value: v.value(0)}, true, nil
}

// retype gives a NULL literal the type that its place wants.
func retype(e physical.Expr, t types.Type) physical.Expr {
	if l, ok := e.(*physical.Literal); ok && l.Value == nil {
		return &physical.Literal{T: t}
	}
	return e
}
