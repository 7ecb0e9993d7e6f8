package windowagg

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/operators/state/page"
	"weir/operators/stream"
	shown "weir/operators/stream/render"
	"weir/planner/physical"
	"weir/sql/types"
)

// kindsUnderTest are the types that share a layout in memory with another one.
func kindsUnderTest() []types.Type {
	return []types.Type{types.UbigintType, types.IntType(8, true), types.TimeType(6), types.FloatType, types.VarbinaryType}
}

func drawKind(t *rapid.T, typ types.Type) any {
	switch {
	case rapid.IntRange(0, 4).Draw(t, "null") == 0:
		return nil
	case typ.Kind == types.Ubigint:
		return rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 1<<63 - 1, 1 << 63, math.MaxUint64})).Draw(t, "uint")
	case typ.Kind == types.Time:
		return rapid.Int64Range(-types.TimeMax, types.TimeMax).Draw(t, "time")
	case typ.Kind == types.Bigint:
		return rapid.Int64Range(0, 255).Draw(t, "int")
	case typ.Kind == types.Double:
		return float64(rapid.Int64Range(-1000, 1000).Draw(t, "float")) / 4 // adds up exactly in any order
	}
	return string(rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "bytes"))
}

func kindsColumn(typ types.Type, vals []any) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, stream.ArrowType(typ))
	defer b.Release()
	for _, v := range vals {
		switch v := v.(type) {
		case nil:
			b.AppendNull()
		case uint64:
			b.(*array.Uint64Builder).Append(v)
		case int64:
			b.(*array.Int64Builder).Append(v)
		case float64:
			b.(*array.Float64Builder).Append(v)
		case string:
			b.(*array.StringBuilder).Append(v)
		}
	}
	return b.NewArray()
}

func compareKinds(a, b any) int {
	switch a := a.(type) {
	case uint64:
		return cmp.Compare(a, b.(uint64))
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	}
	return cmp.Compare(a.(string), b.(string))
}

// kindsResult is the aggregate the slow way, as text.
func kindsResult(a physical.Agg, vals []any) string {
	vals = slices.DeleteFunc(slices.Clone(vals), func(v any) bool { return v == nil })
	if a.Fn == physical.AggCount {
		return fmt.Sprint(len(vals))
	}
	if len(vals) == 0 {
		return "NULL"
	}
	switch a.Fn {
	case physical.AggMin, physical.AggMax:
		best := slices.MinFunc(vals, compareKinds)
		if a.Fn == physical.AggMax {
			best = slices.MaxFunc(vals, compareKinds)
		}
		col := kindsColumn(a.Out, []any{best})
		return string(shown.AppendText(nil, col, 0, a.Out))
	}
	if a.In[0].Kind == types.Double {
		sum := 0.0
		for _, v := range vals {
			sum += v.(float64)
		}
		if a.Fn == physical.AggAvg {
			sum /= float64(len(vals))
		}
		return string(types.AppendDouble(nil, sum))
	}
	sum := new(big.Int)
	for _, v := range vals {
		n, _ := new(big.Int).SetString(fmt.Sprint(v), 10)
		sum.Add(sum, n)
	}
	if a.Fn == physical.AggSum {
		return sum.String()
	}
	f, _ := new(big.Rat).SetFrac(sum, big.NewInt(int64(len(vals)))).Float64()
	return string(types.AppendDouble(nil, f))
}

func kindsAggs(typ types.Type) []physical.Agg {
	in := []types.Type{typ}
	aggs := []physical.Agg{
		{Fn: physical.AggCount, Args: []int{0}, In: in, Out: types.BigintType},
		{Fn: physical.AggMin, Args: []int{0}, In: in, Out: typ}, {Fn: physical.AggMax, Args: []int{0}, In: in, Out: typ},
	}
	if typ.IsNumeric() {
		sum := types.DoubleType
		if typ.IsInteger() {
			sum = types.DecimalType(38, 0)
		}
		aggs = append(aggs, physical.Agg{Fn: physical.AggSum, Args: []int{0}, In: in, Out: sum}, physical.Agg{Fn: physical.AggAvg, Args: []int{0}, In: in, Out: types.DoubleType})
	}
	return aggs
}

// TestKindsInAccs aggregates values of every such type, saves the states and
// restores them on the way, sends them over as partial states, and finds what the
// slow model finds. An acc that takes rows back takes some back.
func TestKindsInAccs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(kindsUnderTest()).Draw(t, "type")
		agg := rapid.SampledFrom(kindsAggs(typ)).Draw(t, "aggregate")
		retracts := rapid.Bool().Draw(t, "retracts") && agg.Fn != physical.AggCountStar
		const groups = 3
		vals := make([]any, rapid.IntRange(1, 20).Draw(t, "rows"))
		var rows, ids []int32
		for i := range vals {
			vals[i] = drawKind(t, typ)
			rows = append(rows, int32(i))
			ids = append(ids, int32(rapid.IntRange(0, groups-1).Draw(t, "id")))
		}
		col := kindsColumn(typ, vals)
		fresh := func() acc {
			a, err := newAcc(agg, retracts)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		a := fresh()
		a.grow(groups)
		cut := rapid.IntRange(0, len(vals)).Draw(t, "cut")
		a.update([]arrow.Array{col}, rows[:cut], ids[:cut])

		w := page.NewWriter(1, 0)
		a.save(w, 0, groups)
		restored := fresh()
		r := page.NewReader(w.Bytes(), 1)
		restored.restore(r, groups)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		restored.update([]arrow.Array{col}, rows[cut:], ids[cut:])
		kept := slices.Clone(ids)
		if taken, ok := restored.(subtracter); ok && retracts {
			n := rapid.IntRange(0, len(vals)).Draw(t, "taken")
			taken.retract([]arrow.Array{col}, rows[:n], ids[:n])
			for i := range n {
				kept[i] = -1
			}
		}

		state := agg.State(retracts)
		builders := make([]array.Builder, len(state))
		for i, f := range state {
			builders[i] = array.NewBuilder(memory.DefaultAllocator, stream.ArrowType(f.Type))
		}
		all := []int32{0, 1, 2}
		restored.appendStates(builders, all)
		var cols []arrow.Array
		for _, b := range builders {
			cols = append(cols, b.NewArray())
		}
		final := fresh()
		final.grow(groups)
		final.load(cols, 0, all)

		out := array.NewBuilder(memory.DefaultAllocator, stream.ArrowType(agg.Out))
		final.appendResults(out, all)
		results := out.NewArray()
		for id := range groups {
			var own []any
			for i, v := range vals {
				if kept[i] == int32(id) {
					own = append(own, v)
				}
			}
			got := "NULL"
			if results.IsValid(id) {
				got = string(shown.AppendText(nil, results, id, agg.Out))
			}
			if want := kindsResult(agg, own); got != want {
				t.Fatalf("%s of %v as %s is %s, want %s", agg.Fn, own, typ, got, want)
			}
		}
	})
}
