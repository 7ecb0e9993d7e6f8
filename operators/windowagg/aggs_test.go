package windowagg

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// alone is an aggregate on its own, of one group a state.
type alone struct {
	t testing.TB
	a physical.Agg
}

func (l alone) fresh(states int) acc {
	a, err := newAcc(l.a, false)
	if err != nil {
		l.t.Fatal(err)
	}
	a.grow(states)
	return a
}

// result is the result of a state, printed.
func (l alone) result(a acc, id int32) (out string, nulled int64) {
	b := array.NewBuilder(memory.DefaultAllocator, stream.ArrowType(l.a.Out))
	defer b.Release()
	nulled = a.appendResults(b, []int32{id})
	col := b.NewArray()
	defer col.Release()
	return value(col, 0), nulled
}

func ints(vals ...int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(vals, nil)
	return b.NewArray()
}

func strs(vals ...string) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(vals, nil)
	return b.NewArray()
}

func doubles(vals ...float64) arrow.Array {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(vals, nil)
	return b.NewArray()
}

func bigints(vals ...int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(vals, nil)
	return b.NewArray()
}

// TestWideWords compares sums of values and squares in words with those of big
// integers, the least value among them, and takes some out again.
func TestWideWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sum [3]uint64
		var squares [5]uint64
		wantSum, wantSquares := new(big.Int), new(big.Int)
		for range rapid.IntRange(1, 30).Draw(t, "values") {
			hi := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, -1, math.MinInt64, math.MaxInt64})).Draw(t, "hi")
			lo := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, math.MaxUint64})).Draw(t, "lo")
			v, sq := wide(lo, hi)
			x := new(big.Int).Lsh(big.NewInt(hi), 64)
			x.Add(x, new(big.Int).SetUint64(lo))
			square := new(big.Int).Mul(x, x)
			if rapid.IntRange(0, 3).Draw(t, "out") == 0 {
				subWords(sum[:], v[:])
				subWords(squares[:], sq[:])
				wantSum.Sub(wantSum, x)
				wantSquares.Sub(wantSquares, square)
				continue
			}
			addWords(sum[:], v[:])
			addWords(squares[:], sq[:])
			wantSum.Add(wantSum, x)
			wantSquares.Add(wantSquares, square)
		}
		if got := signed(sum[:]); got.Cmp(wantSum) != 0 {
			t.Fatalf("sum %s, want %s", got, wantSum)
		}
		if got := signed(squares[:]); got.Cmp(wantSquares) != 0 {
			t.Fatalf("sum of squares %s, want %s", got, wantSquares)
		}
	})
}

// TestSpreadAccuracy compares variances and what is computed of pairs with
// fractions, for values that lie far from 0, in parts that are merged.
func TestSpreadAccuracy(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n, parts = 3000, 7
	xs, ys := make([]float64, n), make([]float64, n)
	for i := range xs {
		xs[i] = 1e9 + r.NormFloat64()
		ys[i] = -1e6 + 3*(xs[i]-1e9) + r.NormFloat64()/10
	}
	rat := func(f float64) *big.Rat { return new(big.Rat).SetFloat64(f) }
	mean := func(vals []float64) *big.Rat {
		s := new(big.Rat)
		for _, v := range vals {
			s.Add(s, rat(v))
		}
		return s.Quo(s, rat(n))
	}
	product := func(a, b []float64) float64 {
		ma, mb, s := mean(a), mean(b), new(big.Rat)
		for i := range a {
			d := new(big.Rat).Sub(rat(a[i]), ma)
			s.Add(s, d.Mul(d, new(big.Rat).Sub(rat(b[i]), mb)))
		}
		f, _ := s.Float64()
		return f
	}
	sxx, syy, sxy := product(xs, xs), product(ys, ys), product(xs, ys)
	mx, _ := mean(xs).Float64()
	my, _ := mean(ys).Float64()
	for fn, want := range map[physical.AggFn]float64{
		physical.AggVarPop: syy / n, physical.AggVarSamp: syy / (n - 1),
		physical.AggStddevPop: math.Sqrt(syy / n), physical.AggStddevSamp: math.Sqrt(syy / (n - 1)),
		physical.AggCovarPop: sxy / n, physical.AggCovarSamp: sxy / (n - 1),
		physical.AggCorr: sxy / math.Sqrt(sxx*syy), physical.AggRegrSlope: sxy / sxx,
		physical.AggRegrIntercept: my - sxy/sxx*mx,
	} {
		l := alone{t, physical.Agg{Fn: fn, In: []types.Type{types.DoubleType}, Args: []int{0}, Out: types.DoubleType}}
		cols := []arrow.Array{doubles(ys...)}
		if fn != physical.AggVarPop && fn != physical.AggVarSamp && fn != physical.AggStddevPop && fn != physical.AggStddevSamp {
			l.a.In, l.a.Args = append(l.a.In, types.DoubleType), []int{0, 1}
			cols = append(cols, doubles(xs...))
		}
		a := l.fresh(parts + 1)
		var rows, ids []int32
		for i := range n {
			rows, ids = append(rows, int32(i)), append(ids, int32(i*parts/n))
		}
		a.update(cols, rows, ids)
		for p := range parts {
			a.fold([]int32{parts}, a, []int32{int32(p)})
		}
		var got float64
		text, _ := l.result(a, parts)
		if _, err := fmt.Sscan(text, &got); err != nil || math.Abs(got-want) > 1e-7*math.Abs(want) {
			t.Errorf("%s is %s, want %v", fn, text, want)
		}
	}
}

// TestListLimit: a list ends at its limit, with whole characters and elements,
// is counted as cut, and keeps no more rows than it can show.
func TestListLimit(t *testing.T) {
	for _, c := range []struct {
		fn         physical.AggFn
		out        types.Type
		head, tail string
	}{
		{physical.AggGroupConcat, types.VarcharType, `"000000ä`, `ä"`},
		{physical.AggJSONArray, types.JSONType, `"[\"000000ä`, `\"]"`},
	} {
		l := alone{t, physical.Agg{Fn: c.fn, Args: []int{0, 1}, In: []types.Type{types.VarcharType, types.BigintType}, Order: []bool{false}, Out: c.out, Separator: "-"}}
		a := l.fresh(2)
		const rows, size = 40_000, 200
		for i := range rows {
			n := (i*7919 + 3) % rows // in no order
			v := fmt.Sprintf("%06d", n)
			cols := []arrow.Array{strs(v + strings.Repeat("ä", (size-len(v))/2)), bigints(int64(n))}
			a.update(cols, []int32{0}, []int32{int32(i % 2)})
			for _, col := range cols {
				col.Release()
			}
		}
		a.fold([]int32{0}, a, []int32{1})
		got, nulled := l.result(a, 0)
		if nulled != 1 || len(got) < listBytesMax-300 || len(got) > listBytesMax+rows || !strings.HasPrefix(got, c.head) || !strings.HasSuffix(got, c.tail) {
			t.Errorf("%s: %d bytes, %s … %s, %d cut", c.fn, len(got), got[:20], got[len(got)-20:], nulled)
		}
		if held := a.(*bagAcc).size; held > 12*listBytesMax {
			t.Errorf("%s keeps %d bytes", c.fn, held)
		}
		small := l.fresh(1)
		small.update([]arrow.Array{strs("a", "b"), bigints(2, 1)}, []int32{0, 1}, []int32{0, 0})
		if got, nulled := l.result(small, 0); nulled != 0 || got != map[bool]string{true: `"b-a"`, false: `"[\"b\",\"a\"]"`}[c.fn == physical.AggGroupConcat] {
			t.Errorf("%s: %s, %d cut", c.fn, got, nulled)
		}
	}
}

// TestApproxCount: counts are exact up to 1,024 and near the truth beyond, and a
// state follows from the values alone, however they were dealt to parts.
func TestApproxCount(t *testing.T) {
	l := alone{t, physical.Agg{Fn: physical.AggApproxCountDistinct, Args: []int{0}, In: []types.Type{types.BigintType}, Out: types.BigintType}}
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 1023, 1024, 1025, 5000, 100_000, 1_000_000} {
		vals := make([]int64, 0, n+n/2)
		for i := range n {
			vals = append(vals, int64(i)*7919)
		}
		for range n / 2 {
			vals = append(vals, vals[r.IntN(n)])
		}
		r.Shuffle(len(vals), func(i, j int) { vals[i], vals[j] = vals[j], vals[i] })
		col := bigints(vals...)
		var want string
		for _, parts := range []int{1, 3} {
			a := l.fresh(parts + 1)
			var rows, ids []int32
			for i := range vals {
				rows, ids = append(rows, int32(i)), append(ids, int32(r.IntN(parts)))
			}
			a.update([]arrow.Array{col}, rows, ids)
			for p := range parts {
				a.fold([]int32{int32(parts)}, a, []int32{int32(p)})
			}
			got, _ := l.result(a, int32(parts))
			state := string(a.(*approxAcc).s[parts].encode(nil))
			if parts == 1 {
				want = state
			}
			var count int
			if _, err := fmt.Sscan(got, &count); err != nil || n <= hashesMax && count != n || math.Abs(float64(count-n)) > 0.03*float64(n) {
				t.Errorf("%d values are %s", n, got)
			}
			if state != want {
				t.Errorf("%d values in %d parts have another state than in one", n, parts)
			}
			back, err := decodeApprox([]byte(state))
			if err != nil || string(back.encode(nil)) != want {
				t.Errorf("%d values: what was written reads as another state: %v", n, err)
			}
		}
	}
	for _, b := range []string{"", "\x02", "\x00\x01", "\x01", "\x01\x02\x0e", "\x01" + strings.Repeat("\xff", 40)} {
		if _, err := decodeApprox([]byte(b)); err == nil {
			t.Errorf("%q is read", b)
		}
	}
}

// TestHistogramBuckets: parts are equally wide, infinite values are in none.
func TestHistogramBuckets(t *testing.T) {
	l := alone{t, physical.Agg{Fn: physical.AggHistogram, Args: []int{0}, In: []types.Type{types.DoubleType}, Out: types.JSONType, K: 4}}
	for _, c := range []struct {
		vals []float64
		want string
	}{
		{[]float64{0, 1, 1, 2, 3.5, 4}, `"[{\"from\":0,\"to\":1,\"count\":1},{\"from\":1,\"to\":2,\"count\":2},{\"from\":2,\"to\":3,\"count\":1},{\"from\":3,\"to\":4,\"count\":2}]"`},
		{[]float64{7, 7}, `"[{\"from\":7,\"to\":7,\"count\":2}]"`},
		{[]float64{math.Inf(1), math.NaN(), math.Inf(-1)}, `"[]"`},
		{nil, "NULL"},
	} {
		a := l.fresh(1)
		if len(c.vals) > 0 {
			var rows []int32
			for i := range c.vals {
				rows = append(rows, int32(i))
			}
			a.update([]arrow.Array{doubles(c.vals...)}, rows, make([]int32, len(rows)))
		}
		if got, _ := l.result(a, 0); got != c.want {
			t.Errorf("%v: %s", c.vals, got)
		}
	}
	a := l.fresh(1)
	a.update([]arrow.Array{doubles(-math.MaxFloat64, math.MaxFloat64)}, []int32{0, 1}, []int32{0, 0})
	if got, _ := l.result(a, 0); strings.Count(got, `\"count\":1`) != 2 || strings.Contains(got, "Inf") {
		t.Errorf("all doubles: %s", got)
	}
}

// TestObjectTakesTheLast: of the rows of one name the last by the order counts, of
// those that are the same there the greatest; one that is taken back makes room for the
// one before it.
func TestObjectTakesTheLast(t *testing.T) {
	object := orderedBy(agg(physical.AggJSONObject, types.JSONType, colS, colV, colTime), false)
	object.In = []types.Type{types.VarcharType, types.BigintType, types.BigintType}
	a, err := newAcc(object, true)
	if err != nil {
		t.Fatal(err)
	}
	a.grow(1)
	cols := []arrow.Array{strs("x", "x", "x", "y"), ints(5, 7, 6, 1), ints(20, 10, 20, 5)}
	show := func(want string) {
		t.Helper()
		b := array.NewStringBuilder(memory.DefaultAllocator)
		a.appendResults(b, []int32{0})
		if got := b.NewStringArray().Value(0); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for _, row := range []int32{2, 3, 1, 0} {
		a.update(cols, []int32{row}, []int32{0})
	}
	show(`{"x":6,"y":1}`)
	for i, want := range []string{`{"x":5,"y":1}`, `{"x":7,"y":1}`, `{"y":1}`} {
		a.(subtracter).retract(cols, []int32{[]int32{2, 0, 1}[i]}, []int32{0})
		show(want)
	}
}

// TestBagDecodeRefuses: bytes that nobody wrote are an error, not a panic.
func TestBagDecodeRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := alone{nil, physical.Agg{Fn: physical.AggCount, Distinct: true, Args: []int{0}, In: []types.Type{types.VarcharType}, Out: types.BigintType}}
		a := l.fresh(2).(*bagAcc)
		a.update([]arrow.Array{strs("a", "b", "")}, []int32{0, 1, 2}, []int32{0, 0, 0})
		b := a.s[0].encode(nil)
		if cut := rapid.IntRange(0, len(b)).Draw(t, "cut"); rapid.Bool().Draw(t, "shorter") {
			b = b[:cut]
		} else {
			b = rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		}
		if err := a.decode(1, b, true); err == nil && a.s[1] != nil {
			_ = a.s[1].encode(nil)
		}
	})
}
