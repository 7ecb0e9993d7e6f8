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

// signature is a function with the kinds of its arguments.
type signature struct {
	fn     string
	result types.Type
	args   []types.Type
}

// signatures lists the functions that the model does not know: what holds them is
// that every way to compute them gives the same.
func signatures() []signature {
	s, n, f, b := types.VarcharType, types.BigintType, types.DoubleType, types.BooleanType
	d, u, raw := types.DecimalType(12, 3), types.UbigintType, types.VarbinaryType
	list := []signature{
		{"truncate", d, []types.Type{d, n}}, {"truncate", f, []types.Type{f, n}}, {"truncate", n, []types.Type{n, n}},
		{"sign", n, []types.Type{d}}, {"sign", n, []types.Type{f}}, {"sign", n, []types.Type{n}}, {"power", f, []types.Type{f, f}},
		{"atan2", f, []types.Type{f, f}}, {"log", f, []types.Type{f, f}}, {"width_bucket", n, []types.Type{f, f, f, n}},
		{"conv", s, []types.Type{s, n, n}}, {"format", s, []types.Type{d, n}}, {"format", s, []types.Type{f, n}}, {"format", s, []types.Type{n, n}},
		{"rand", f, []types.Type{n, n, n}}, {"uuid", s, []types.Type{n, n, n}}, {"bit_count", n, []types.Type{n}}, {"~", u, []types.Type{n}},
		{"concat_ws", s, []types.Type{s, s, s, s}}, {"trim_both", s, []types.Type{s, s}}, {"trim_leading", s, []types.Type{s, s}}, {"trim_trailing", s, []types.Type{s, s}},
		{"lpad", s, []types.Type{s, n, s}}, {"rpad", s, []types.Type{s, n, s}}, {"repeat", s, []types.Type{s, n}}, {"reverse", s, []types.Type{s}},
		{"insert", s, []types.Type{s, n, n, s}}, {"initcap", s, []types.Type{s}}, {"translate", s, []types.Type{s, s, s}}, {"split_part", s, []types.Type{s, s, n}},
		{"quote", s, []types.Type{s}}, {"soundex", s, []types.Type{s}}, {"make_set", s, []types.Type{n, s, s}}, {"export_set", s, []types.Type{n, s, s, s, n}},
		{"elt", s, []types.Type{n, s, s}}, {"format_bytes", s, []types.Type{f}}, {"locate", n, []types.Type{s, s}}, {"locate", n, []types.Type{s, s, n}},
		{"find_in_set", n, []types.Type{s, s}}, {"strcmp", n, []types.Type{s, s}}, {"ascii", n, []types.Type{s}}, {"ord", n, []types.Type{s}},
		{"starts_with", b, []types.Type{s, s}}, {"ends_with", b, []types.Type{s, s}},
		{"field", n, []types.Type{s, s, s}}, {"field", n, []types.Type{d, d, d}}, {"interval", n, []types.Type{n, n, n}}, {"interval", n, []types.Type{f, f, f}},
		{"md5", s, []types.Type{s}}, {"sha1", s, []types.Type{s}}, {"sha2", s, []types.Type{s, n}}, {"crc32", n, []types.Type{s}}, {"hex", s, []types.Type{s}},
		{"unhex", raw, []types.Type{s}}, {"to_base64", s, []types.Type{s}}, {"from_base64", raw, []types.Type{s}}, {"char", s, []types.Type{n, n}},
		{"inet_aton", n, []types.Type{s}}, {"inet_ntoa", s, []types.Type{n}}, {"is_ipv4", b, []types.Type{s}}, {"is_ipv6", b, []types.Type{s}}, {"is_uuid", b, []types.Type{s}},
		{"regexp_like", b, []types.Type{s, s, s}}, {"regexp_substr", s, []types.Type{s, s, n, n, s}},
		{"regexp_instr", n, []types.Type{s, s, n, n, n, s}}, {"regexp_replace", s, []types.Type{s, s, s, n, n, s}},
	}
	for _, op := range []string{"&", "|", "^", "<<", ">>"} {
		list = append(list, signature{op, u, []types.Type{n, n}})
	}
	for _, c := range curves() {
		list = append(list, signature{c.name, f, []types.Type{f}})
	}
	return list
}

// argument draws a column, a constant or, now and then, a call.
func (g generator) argument(t types.Type) physical.Expr {
	if t == types.BigintType && g.pick(2) == 0 {
		return &physical.Literal{T: t, Value: rapid.Int64Range(-3, 40).Draw(g.t, "small")}
	}
	if t == types.VarcharType && g.pick(4) == 0 {
		words := []string{"c", "i", ".", "a|b", "(a)(b)?", "$1", "ff", "127.0.0.1", "a,b", "-12.5", "YWI=", "["}
		return &physical.Literal{T: t, Value: words[g.pick(len(words))]}
	}
	return g.leaf(t)
}

// TestCalls computes random calls of every function over a batch, its rows one by
// one, and as constants: values and the count of what had none are the same.
func TestCalls(t *testing.T) { rapid.Check(t, checkCalls) }

// FuzzCalls is TestCalls over what the fuzzer finds.
func FuzzCalls(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkCalls)) }

func checkCalls(t *rapid.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	g := generator{t, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "shape"), 0))}
	batch, _ := g.batch(alloc)
	defer batch.Release()
	list := signatures()
	for range 20 {
		sig := list[g.pick(len(list))]
		call := &physical.Call{Fn: sig.fn, T: sig.result}
		for _, typ := range sig.args {
			call.Args = append(call.Args, g.argument(typ))
		}
		checkCall(t, call, alloc, batch)
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
	fixed := &physical.Call{Fn: call.Fn, T: call.T}
	for _, arg := range call.Args {
		if c, ok := arg.(*physical.Column); ok {
			v := valueAt(batch.Column(c.Index), 0)
			if _, scaled := batch.Column(c.Index).(*array.Decimal128); scaled && v != nil {
				v = batch.Column(c.Index).(*array.Decimal128).Value(0)
			}
			arg = &physical.Literal{T: c.T, Value: v}
		}
		fixed.Args = append(fixed.Args, arg)
	}
	e, err := Fold(fixed)
	if err != nil {
		t.Fatalf("%s: %v", format(fixed), err)
	}
	l, isLiteral := e.(*physical.Literal)
	if isLiteral == (nulled > 0) {
		t.Errorf("%s folds to %s, of the row %d values were nulled", format(fixed), format(e), nulled)
	}
	if isLiteral && !sameValue(literalValue(l), want) {
		t.Errorf("%s folds to %s, the row is %v", format(fixed), format(e), want)
	}
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
