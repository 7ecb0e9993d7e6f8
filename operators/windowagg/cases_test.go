package windowagg

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// lab runs one lane and the final half over batches of any columns: column 0 is
// the event time, column 1 the watermark, the others are the case's.
type lab struct {
	t      *testing.T
	alloc  *memory.CheckedAllocator
	schema stream.Schema
	p, f   operators.Operator
	ledger stream.Ledger
}

func newLab(t *testing.T, wa physical.WindowAgg, cols ...types.Type) *lab {
	at := types.DatetimeType(6)
	l := &lab{t: t, alloc: memory.NewCheckedAllocator(memory.NewGoAllocator())}
	l.schema = stream.Schema{{Name: "ts", Type: at}, {Name: "w", Type: at}}
	for i, c := range cols {
		l.schema = append(l.schema, stream.Field{Name: fmt.Sprint("c", i), Type: c})
	}
	for i, k := range wa.Keys {
		wa.KeyNames, wa.KeyTypes = append(wa.KeyNames, fmt.Sprint("k", i)), append(wa.KeyTypes, l.schema[k].Type)
	}
	for i := range wa.Aggs {
		wa.AggNames = append(wa.AggNames, fmt.Sprint("a", i))
	}
	part := &physical.WindowPartial{TimeCol: 0, WCol: 1, WindowAgg: wa}
	open := func(op operators.Operator, err error) operators.Operator {
		if err == nil {
			err = op.Open(context.Background(), &operators.Runtime{Alloc: l.alloc, Ledger: &l.ledger})
		}
		if err != nil {
			t.Fatal(err)
		}
		return op
	}
	l.p = open(NewPartial(part))
	l.f = open(NewFinal(&physical.WindowFinal{In: part, WindowAgg: wa}))
	t.Cleanup(func() {
		_, _ = l.p.Close(), l.f.Close()
		l.alloc.AssertSize(t, 0)
	})
	return l
}

// add runs rows of (ts, w, values…); w nil is no watermark.
func (l *lab) add(rows ...[]any) {
	l.t.Helper()
	b := array.NewRecordBuilder(l.alloc, l.schema.Arrow())
	defer b.Release()
	for _, row := range rows {
		for i, v := range row {
			if i == 1 && v == nil {
				v = int(stream.MinTime)
			}
			appendAny(b.Field(i), v)
		}
	}
	whole := b.NewRecordBatch()
	defer whole.Release()
	if err := l.p.ProcessBatch(context.Background(), 0, stream.Batch{RecordBatch: whole}, nil); err != nil {
		l.t.Fatal(err)
	}
}

func appendAny(b array.Builder, v any) {
	switch b := b.(type) {
	case *array.TimestampBuilder:
		if v != nil {
			b.Append(arrow.Timestamp(v.(int)))
			return
		}
	case *array.Int64Builder:
		if v != nil {
			b.Append(int64(v.(int)))
			return
		}
	case *array.Uint64Builder:
		if v != nil {
			b.Append(v.(uint64))
			return
		}
	case *array.Date32Builder:
		if v != nil {
			b.Append(arrow.Date32(v.(int)))
			return
		}
	case *array.Float64Builder:
		if v != nil {
			b.Append(v.(float64))
			return
		}
	case *array.BooleanBuilder:
		if v != nil {
			b.Append(v.(bool))
			return
		}
	case *array.StringBuilder:
		if v != nil {
			b.Append(v.(string))
			return
		}
	case *array.Decimal128Builder:
		if v != nil {
			b.Append(v.(decimal128.Num))
			return
		}
	}
	b.AppendNull()
}

// cut ends a step and returns what left the query.
func (l *lab) cut(w stream.Time, final bool) []string {
	l.t.Helper()
	ctx, c := context.Background(), stream.Cut{W: w, Final: final}
	var states, out collect
	if got, err := l.p.ProcessCut(ctx, c, &states); err != nil || got != w {
		l.t.Fatal(got, err)
	}
	for _, b := range states.batches {
		if err := l.f.ProcessBatch(ctx, 0, b, nil); err != nil {
			l.t.Fatal(err)
		}
		b.Release()
	}
	if _, err := l.f.ProcessCut(ctx, c, &out); err != nil {
		l.t.Fatal(err)
	}
	var lines []string
	for _, b := range out.batches {
		lines = append(lines, rendered(b)...)
		b.Release()
	}
	return lines
}

func (l *lab) expect(got []string, want ...string) {
	l.t.Helper()
	if !slices.Equal(got, want) {
		l.t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var (
	tumble10  = windows.Spec{Kind: windows.Tumble, Size: 10 * time.Microsecond, Slide: 10 * time.Microsecond}
	countStar = physical.Agg{Fn: physical.AggCountStar, Out: types.BigintType}
)

func TestWithoutWindow(t *testing.T) {
	sum := physical.Agg{Fn: physical.AggSum, Args: []int{2}, In: []types.Type{types.BigintType}, Out: types.DecimalType(38, 0)}
	l := newLab(t, physical.WindowAgg{Aggs: []physical.Agg{countStar, sum}}, types.BigintType)
	l.expect(l.cut(stream.MinTime, false))
	l.expect(l.cut(stream.MaxTime, true), "+ 0 NULL")

	l = newLab(t, physical.WindowAgg{Aggs: []physical.Agg{countStar, sum}}, types.BigintType)
	l.add([]any{0, nil, 5}, []any{0, nil, nil})
	l.expect(l.cut(stream.MinTime, false))
	l.add([]any{0, nil, math.MaxInt64}, []any{0, nil, math.MaxInt64})
	l.expect(l.cut(stream.MaxTime, true), "+ 4 18446744073709551619")
	l.expect(l.cut(stream.MaxTime, true)) // once only

	l = newLab(t, physical.WindowAgg{Keys: []int{2}, Aggs: []physical.Agg{countStar}}, types.BigintType)
	l.expect(l.cut(stream.MaxTime, true))
}

// TestKeys: every type can be a key; NULL groups and comes first; -0 is 0.
func TestKeys(t *testing.T) {
	for _, c := range []struct {
		typ  types.Type
		vals []any
		want []string
	}{
		{types.BigintType, []any{3, nil, -1, 3, nil, 0}, []string{"NULL 2", "-1 1", "0 1", "3 2"}},
		{types.DatetimeType(3), []any{3, nil, -1, 3}, []string{"NULL 1", "-1 1", "3 2"}},
		{types.DateType, []any{3, nil, -1, 3}, []string{"NULL 1", "-1 1", "3 2"}},
		{types.VarcharType, []any{"b", nil, "", "a\x00", "a", "b", nil}, []string{`NULL 2`, `"" 1`, `"a" 1`, `"a\x00" 1`, `"b" 2`}},
		{types.TimeType(3), []any{3, nil, -1, 3}, []string{"NULL 1", "-1 1", "3 2"}},
		{types.IntType(8, true), []any{3, nil, 255, 3}, []string{"NULL 1", "3 2", "255 1"}},
		{types.UbigintType, []any{uint64(math.MaxUint64), nil, uint64(1), uint64(1 << 63), uint64(1)}, []string{"NULL 1", "1 2", "9223372036854775808 1", "18446744073709551615 1"}},
		{types.VarbinaryType, []any{"\xff", nil, "", "\x7f", "\xff"}, []string{`NULL 1`, `"" 1`, `"\x7f" 1`, `"\xff" 2`}},
		{types.FloatType, []any{float64(float32(0.1)), nil, -2.0, float64(float32(0.1))}, []string{"NULL 1", "-2 1", "0.10000000149011612 2"}},
		{types.BooleanType, []any{true, nil, false, true}, []string{"NULL 1", "false 1", "true 2"}},
		{types.DoubleType, []any{math.Copysign(0, -1), 0.0, nil, math.NaN(), -1.5, math.Inf(1), -math.NaN()}, []string{"NULL 1", "-1.5 1", "0 2", "+Inf 1", "NaN 2"}},
		{types.DecimalType(38, 2), []any{decimal128.FromI64(5), nil, decimal128.FromI64(-5), decimal128.FromI64(5)}, []string{"NULL 1", "-5 1", "5 2"}},
	} {
		for _, batch := range []int{1, len(c.vals)} {
			l := newLab(t, physical.WindowAgg{Window: tumble10, Keys: []int{2}, Aggs: []physical.Agg{countStar}}, c.typ)
			for chunk := range slices.Chunk(c.vals, batch) {
				var rows [][]any
				for _, v := range chunk {
					rows = append(rows, []any{1, nil, v})
				}
				l.add(rows...)
			}
			var want []string
			for _, w := range c.want {
				want = append(want, "+ [0,10) "+w)
			}
			l.expect(l.cut(10, false), want...)
		}
	}
}

// TestDoubles: NaN is the greatest, -0 leaves as 0.
func TestDoubles(t *testing.T) {
	var aggs []physical.Agg
	for _, fn := range []physical.AggFn{physical.AggMin, physical.AggMax, physical.AggSum, physical.AggAvg} {
		aggs = append(aggs, physical.Agg{Fn: fn, Args: []int{2}, In: []types.Type{types.DoubleType}, Out: types.DoubleType})
	}
	l := newLab(t, physical.WindowAgg{Window: tumble10, Aggs: aggs}, types.DoubleType)
	zero := math.Copysign(0, -1)
	l.add([]any{1, nil, zero}, []any{11, nil, math.NaN()}, []any{12, nil, 3.0}, []any{21, nil, nil}, []any{31, nil, math.Inf(1)}, []any{32, nil, math.Inf(-1)})
	l.expect(l.cut(40, false), "+ [0,10) 0 0 0 0", "+ [10,20) 3 NaN NaN NaN", "+ [20,30) NULL NULL NULL NULL", "+ [30,40) -Inf +Inf NaN NaN")
}

// TestDecimals: half away from zero, and what does not fit becomes NULL and is counted.
func TestDecimals(t *testing.T) {
	dec := types.DecimalType(38, 0)
	aggs := []physical.Agg{
		{Fn: physical.AggSum, Args: []int{2}, In: []types.Type{dec}, Out: dec},
		{Fn: physical.AggAvg, Args: []int{2}, In: []types.Type{dec}, Out: types.DecimalType(38, 4)},
	}
	l := newLab(t, physical.WindowAgg{Window: tumble10, Aggs: aggs}, dec)
	d := decimal128.FromI64
	most, err := decimal128.FromString(strings.Repeat("9", 38), 38, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, vals := range [][]decimal128.Num{
		{d(1), d(1), d(0)}, // 2/3
		{d(-1), d(-1), d(0)},
		{d(1), d(1), d(1), d(1), d(1), d(1), d(1), d(0)},           // 0.875
		append(slices.Repeat([]decimal128.Num{d(0)}, 19999), d(1)), // 0.00005: half
		append(slices.Repeat([]decimal128.Num{d(0)}, 19999), d(-1)),
		{most},
		{most, d(1)},
		{most, most},
		{most, most, most.Negate()},
	} {
		for _, v := range vals {
			l.add([]any{10*i + 1, nil, v})
		}
	}
	nines := strings.Repeat("9", 38)
	l.expect(l.cut(1000, false),
		"+ [0,10) 2 6667", "+ [10,20) -2 -6667", "+ [20,30) 7 8750", "+ [30,40) 1 1", "+ [40,50) -1 -1",
		"+ [50,60) "+nines+" NULL", "+ [60,70) NULL NULL", "+ [70,80) NULL NULL", "+ [80,90) NULL NULL")
	if l.ledger.Nulled != 7 {
		t.Errorf("%d values became NULL", l.ledger.Nulled)
	}
}

// TestAvgRoundsOnce: the mean of integers beyond 2^53 is the nearest DOUBLE.
func TestAvgRoundsOnce(t *testing.T) {
	avg := physical.Agg{Fn: physical.AggAvg, Args: []int{2}, In: []types.Type{types.BigintType}, Out: types.DoubleType}
	l := newLab(t, physical.WindowAgg{Window: tumble10, Aggs: []physical.Agg{avg}}, types.BigintType)
	l.add([]any{1, nil, 1<<53 + 1}, []any{1, nil, 1<<53 + 3}, []any{11, nil, math.MinInt64}, []any{11, nil, math.MinInt64})
	l.expect(l.cut(20, false), "+ [0,10) 9.007199254740994e+15", "+ [10,20) -9.223372036854776e+18")
}

// TestJump: W may jump by centuries over windows that nobody has rows for. Who looked at
// each would never come to an end.
func TestJump(t *testing.T) {
	hop := windows.Spec{Kind: windows.Hop, Size: 10 * time.Microsecond, Slide: 5 * time.Microsecond}
	for _, late := range []time.Duration{0, time.Hour} {
		l := newLab(t, physical.WindowAgg{Window: hop, Lateness: late, Aggs: []physical.Agg{countStar}})
		const far = int(1e16)
		l.add([]any{1, nil}, []any{far + 1, 1}, []any{-far + 1, far})
		l.expect(l.cut(stream.Time(2*far), false), "+ [-5,5) 1", "+ [0,10) 1", "+ [9999999999999995,10000000000000005) 1", "+ [10000000000000000,10000000000000010) 1")
		l.expect(l.cut(stream.MaxTime, true))
		if l.ledger.Late != 1 || l.ledger.Used != 2 {
			t.Errorf("ledger %+v", l.ledger)
		}
	}
}

// TestRefine: within the allowed lateness a row refines fired windows, and
// groups that did not change say nothing.
func TestRefine(t *testing.T) {
	hop := windows.Spec{Kind: windows.Hop, Size: 10 * time.Microsecond, Slide: 5 * time.Microsecond}
	smallest := physical.Agg{Fn: physical.AggMin, Args: []int{2}, In: []types.Type{types.BigintType}, Out: types.BigintType}
	l := newLab(t, physical.WindowAgg{Window: hop, Lateness: 20 * time.Microsecond, Keys: []int{3}, Aggs: []physical.Agg{smallest}}, types.BigintType, types.VarcharType)
	l.add([]any{1, nil, 7, "a"}, []any{2, 1, 8, "b"})
	l.expect(l.cut(5, false), `+ [-5,5) "a" 7`, `+ [-5,5) "b" 8`)
	l.add([]any{1, 5, 9, "a"}, []any{3, 5, 6, "b"}, []any{3, 5, 5, "c"})
	l.expect(l.cut(6, false), `- [-5,5) "b" 8`, `+ [-5,5) "b" 6`, `+ [-5,5) "c" 5`)
	l.expect(l.cut(10, false), `+ [0,10) "a" 7`, `+ [0,10) "b" 6`, `+ [0,10) "c" 5`)
	l.add([]any{4, 24, 1, "a"}) // all windows still take it
	l.add([]any{4, 25, 2, "b"}) // [-5,5) is closed for it
	l.add([]any{4, 30, 3, "c"}) // late
	l.expect(l.cut(30, false), `- [-5,5) "a" 7`, `+ [-5,5) "a" 1`, `- [0,10) "a" 7`, `+ [0,10) "a" 1`, `- [0,10) "b" 6`, `+ [0,10) "b" 2`)
	if l.ledger.Late != 1 || l.ledger.PartlyLate != 1 {
		t.Errorf("ledger %+v", l.ledger)
	}
	if f := l.f.(*final); len(f.kept) != 0 || len(f.extras) != 0 {
		t.Errorf("%d windows and %d slices are kept though all are closed", len(f.kept), len(f.extras))
	}
}

// TestManyGroups: batches hold at most 4096 rows, in order over all of them.
func TestManyGroups(t *testing.T) {
	for _, key := range []types.Type{types.BigintType, types.VarcharType, types.DoubleType} {
		l := newLab(t, physical.WindowAgg{Window: tumble10, Keys: []int{2}, Aggs: []physical.Agg{countStar}}, key)
		const n = 10_000
		for lo := 0; lo < n; lo += 1000 {
			var rows [][]any
			for i := lo; i < lo+1000; i++ {
				k := (i*7919 + 13) % n
				rows = append(rows, []any{1, nil, map[types.Type]any{
					types.BigintType: k, types.VarcharType: fmt.Sprintf("%05d", k), types.DoubleType: float64(k),
				}[key]})
			}
			l.add(rows...)
		}
		out := l.cut(10, false)
		if len(out) != n {
			t.Fatalf("%d rows", len(out))
		}
		for i, line := range out {
			want := fmt.Sprintf("+ [0,10) %d 1", i)
			if key.Kind == types.Varchar {
				want = fmt.Sprintf("+ [0,10) %q 1", fmt.Sprintf("%05d", i))
			}
			if line != want {
				t.Fatalf("row %d is %s, want %s", i, line, want)
			}
		}
	}
}

// TestLongTexts: MAX(VARCHAR) gives back the memory of values that it replaced.
func TestLongTexts(t *testing.T) {
	a := &textExtremeAcc{isMax: true}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	a.grow(2)
	for i := range 2000 {
		b.Append(strings.Repeat("x", i+1))
		col := b.NewArray()
		a.update([]arrow.Array{col}, []int32{0}, []int32{int32(i % 2)})
		col.Release()
	}
	b.Release()
	if got := len(a.value(a.s[1])); got != 2000 {
		t.Errorf("the greatest has %d bytes", got)
	}
	if len(a.arena) > 200<<10 {
		t.Errorf("arena of %d bytes for two values of 2000", len(a.arena))
	}
}

// TestRefused: what no plan should hold is an error, not a crash.
func TestRefused(t *testing.T) {
	for _, wa := range []physical.WindowAgg{
		{Window: windows.Spec{Kind: windows.Tumble}},
		{Window: windows.Spec{Kind: windows.Hop, Size: time.Second, Slide: -time.Second}},
		{Window: windows.Spec{Kind: windows.Hop, Size: time.Nanosecond, Slide: time.Second}},
		{Window: tumble10, Lateness: -1},
		{Window: tumble10, Aggs: []physical.Agg{{Fn: "median"}}},
		{Window: tumble10, Aggs: []physical.Agg{{Fn: physical.AggSum, Args: []int{2}, In: []types.Type{types.VarcharType}, Out: types.DoubleType}}},
		{Window: tumble10, Aggs: []physical.Agg{{Fn: physical.AggSum, Args: []int{2}, In: []types.Type{types.BigintType}, Out: types.BigintType}}},
	} {
		if _, err := NewPartial(&physical.WindowPartial{WindowAgg: wa}); err == nil {
			t.Errorf("%+v was accepted", wa)
		}
		if _, err := NewFinal(&physical.WindowFinal{WindowAgg: wa}); err == nil {
			t.Errorf("%+v was accepted", wa)
		}
	}
}
