package expr

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// argument draws a column, a constant or, where depth allows it, a call.
func (g generator) argument(t types.Type, depth int) physical.Expr {
	if depth > 0 && g.pick(2) == 0 {
		if fits := returning(t); len(fits) > 0 && g.pick(3) > 0 {
			return g.callOf(fits[g.pick(len(fits))], depth-1)
		}
		if t.Kind != types.JSON { // of the model's functions
			return g.expr(t, min(depth, 2))
		}
	}
	if t == types.BigintType && g.pick(2) == 0 {
		return &physical.Literal{T: t, Value: rapid.Int64Range(-3, 40).Draw(g.t, "small")}
	}
	if t == types.VarcharType && g.pick(4) == 0 {
		words := []string{"c", "i", ".", "a|b", "(a)(b)?", "$1", "ff", "127.0.0.1", "a,b", "-12.5", "YWI=", "["}
		return &physical.Literal{T: t, Value: words[g.pick(len(words))]}
	}
	return g.leaf(t)
}

// returning lists the functions with a result of that type.
func returning(t types.Type) []signature {
	var fits []signature
	for _, sig := range signatures() {
		if sig.result == t {
			fits = append(fits, sig)
		}
	}
	return fits
}

// callOf draws a call, whose arguments are calls up to so many deep.
func (g generator) callOf(sig signature, depth int) *physical.Call {
	call := &physical.Call{Fn: sig.fn, T: sig.result}
	for i, typ := range sig.args {
		if values := sig.written[i]; values != nil {
			call.Args = append(call.Args, &physical.Literal{T: typ, Value: values[g.pick(len(values))]})
			continue
		}
		call.Args = append(call.Args, g.argument(typ, depth))
	}
	return call
}

// TestCalls computes random calls of every function over a batch, its rows one by
// one, and as constants: values and the count of what had none are the same.
func TestCalls(t *testing.T) { rapid.Check(t, checkCalls) }

// FuzzCalls is TestCalls over what the fuzzer finds.
func FuzzCalls(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkCalls)) }

// callsDeep is how deep the calls nest.
const callsDeep = 4

func checkCalls(t *rapid.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	g := generator{t, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "shape"), 0))}
	batch, _ := g.batch(alloc)
	defer batch.Release()
	list := signatures()
	for range 8 {
		checkCall(t, g.callOf(list[g.pick(len(list))], g.pick(callsDeep)), alloc, batch)
	}
}

func checkCall(t *rapid.T, call *physical.Call, alloc memory.Allocator, batch arrow.RecordBatch) {
	var all, alone stream.Ledger
	whole := evaluated(t, compiled(t, call, Env{Alloc: alloc, Ledger: &all}), batch)
	defer whole.Release()
	rows := compiled(t, call, Env{Alloc: alloc, Ledger: &alone})
	for i := range batch.NumRows() {
		row := batch.NewSlice(i, i+1)
		one := evaluated(t, rows, row)
		row.Release()
		if a, b := valueAt(whole, int(i)), valueAt(one, 0); !sameValue(a, b) {
			t.Errorf("%s: row %d is %v in the batch and %v alone", format(call), i, a, b)
		}
		if i == 0 {
			checkFolded(t, call, batch, valueAt(one, 0), alone.Nulled)
		}
		one.Release()
	}
	if alone.Nulled != all.Nulled {
		t.Errorf("%s: %d values were nulled in the batch, %d row by row", format(call), all.Nulled, alone.Nulled)
	}
}

// checkFolded holds the first row against the call of constants.
func checkFolded(t *rapid.T, call *physical.Call, batch arrow.RecordBatch, want any, nulled int64) {
	fixed := constantOf(call, batch)
	e, err := Fold(fixed)
	if err != nil {
		t.Fatalf("%s: %v", format(fixed), err)
	}
	l, isLiteral := e.(*physical.Literal)
	// Of a constant NULL some functions know the result without their other
	// arguments, of which a column would count what has no value.
	if settled := isLiteral && l.Value == nil; isLiteral == (nulled > 0) && !settled {
		t.Errorf("%s folds to %s, of the row %d values were nulled", format(fixed), format(e), nulled)
	}
	if isLiteral && !sameValue(literalValue(l), want) {
		t.Errorf("%s folds to %s, the row is %v", format(fixed), format(e), want)
	}
}

// constantOf puts the values of the first row into the places of the columns.
func constantOf(e physical.Expr, batch arrow.RecordBatch) physical.Expr {
	switch e := e.(type) {
	case *physical.Column:
		v := valueAt(batch.Column(e.Index), 0)
		if scaled, ok := batch.Column(e.Index).(*array.Decimal128); ok && v != nil {
			v = scaled.Value(0)
		}
		return &physical.Literal{T: e.T, Value: v}
	case *physical.Call:
		fixed := &physical.Call{Fn: e.Fn, T: e.T}
		for _, arg := range e.Args {
			fixed.Args = append(fixed.Args, constantOf(arg, batch))
		}
		return fixed
	}
	return e
}

func compiled(t *rapid.T, e physical.Expr, env Env) Evaluator {
	eval, err := Compile(e, env)
	if err != nil {
		t.Fatalf("%s: %v", format(e), err)
	}
	return eval
}

func evaluated(t *rapid.T, eval Evaluator, b arrow.RecordBatch) arrow.Array {
	out, err := eval.Eval(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
