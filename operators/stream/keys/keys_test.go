package keys

import (
	"bytes"
	"cmp"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/sql/types"
)

// ordered are values of each type in SQL order, each beside what equals it.
func ordered(alloc memory.Allocator) map[types.Type]arrow.Array {
	ints := array.NewInt64Builder(alloc)
	ints.AppendNull()
	ints.AppendValues([]int64{math.MinInt64, -256, -1, 0, 1, 255, 256, math.MaxInt64}, nil)
	floats := array.NewFloat64Builder(alloc)
	floats.AppendNull()
	floats.AppendValues([]float64{math.Inf(-1), -math.MaxFloat64, -1.5, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 1.5, math.Inf(1), math.NaN()}, nil)
	texts := array.NewStringBuilder(alloc)
	texts.AppendNull()
	texts.AppendValues([]string{"", "\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01", "a", "a\x00", "a\x00b", "a\x01", "ab", "b", "é"}, nil)
	bools := array.NewBooleanBuilder(alloc)
	bools.AppendNull()
	bools.AppendValues([]bool{false, true}, nil)
	dates := array.NewDate32Builder(alloc)
	dates.AppendNull()
	dates.AppendValues([]arrow.Date32{math.MinInt32, -1, 0, 1, math.MaxInt32}, nil)
	decs := array.NewDecimal128Builder(alloc, &arrow.Decimal128Type{Precision: 38, Scale: 2})
	decs.AppendNull()
	for _, v := range []decimal128.Num{decimal128.New(math.MinInt64, 0), decimal128.FromI64(-300), decimal128.FromI64(-1), decimal128.FromI64(0), decimal128.FromI64(1), decimal128.New(0, math.MaxUint64), decimal128.New(1, 0), decimal128.MaxDecimal128} {
		decs.Append(v)
	}
	times := array.NewTimestampBuilder(alloc, &arrow.TimestampType{Unit: arrow.Microsecond})
	times.AppendNull()
	times.AppendValues([]arrow.Timestamp{math.MinInt64, -1, 0, 1, math.MaxInt64}, nil)
	uints := array.NewUint64Builder(alloc)
	uints.AppendNull()
	uints.AppendValues([]uint64{0, 1, 255, 256, math.MaxInt64, 1 << 63, math.MaxUint64}, nil)
	small := array.NewInt64Builder(alloc)
	small.AppendNull()
	small.AppendValues([]int64{-128, -1, 0, 1, 127}, nil)
	clocks := array.NewInt64Builder(alloc)
	clocks.AppendNull()
	clocks.AppendValues([]int64{-types.TimeMax, -1, 0, 1, types.TimeMax}, nil)
	reals := array.NewFloat64Builder(alloc)
	reals.AppendNull()
	reals.AppendValues([]float64{-math.MaxFloat32, -1.5, 0, float64(float32(0.1)), math.MaxFloat32}, nil)
	raw := array.NewStringBuilder(alloc)
	raw.AppendNull()
	raw.AppendValues([]string{"", "\x00", "\x00\xff", "\x7f", "\x80", "\xff", "\xff\x00", "\xff\xff"}, nil)
	out := map[types.Type]arrow.Array{}
	for t, b := range map[types.Type]array.Builder{
		types.BigintType: ints, types.DoubleType: floats, types.VarcharType: texts, types.BooleanType: bools,
		types.DateType: dates, types.DecimalType(38, 2): decs, types.DatetimeType(6): times,
		types.UbigintType: uints, types.IntType(8, false): small, types.TimeType(6): clocks, types.FloatType: reals, types.VarbinaryType: raw,
	} {
		out[t] = b.NewArray()
		b.Release()
	}
	return out
}

func TestOrderAndRoundTrip(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer alloc.AssertSize(t, 0)
	for typ, whole := range ordered(alloc) {
		for _, cut := range []int{0, 1, 2} { // sliced arrays have offsets
			a := array.NewSlice(whole, int64(cut), int64(whole.Len()))
			b := array.NewBuilder(alloc, stream.ArrowType(typ))
			var last []byte
			for i := range a.Len() {
				k := Append(nil, a, i, typ)
				if i > 0 && bytes.Compare(last, k) >= 0 {
					t.Errorf("%s: key %d is not beyond the one before: %x %x", typ, i, last, k)
				}
				last = k
				rest, err := Decode(append(k[:len(k):len(k)], 7), typ, b)
				if err != nil || len(rest) != 1 {
					t.Fatalf("%s: decode %x: %v, rest %x", typ, k, err, rest)
				}
			}
			back := b.NewArray()
			if !array.ApproxEqual(a, back, array.WithNaNsEqual(true)) {
				t.Errorf("%s: %v came back as %v", typ, a, back)
			}
			back.Release()
			b.Release()
			a.Release()
		}
		whole.Release()
	}
}

func TestDoublesThatAreEqual(t *testing.T) {
	zero := math.Copysign(0, -1)
	other := math.Float64frombits(math.Float64bits(math.NaN()) ^ 1)
	if OrderedDouble(zero) != OrderedDouble(0) || OrderedDouble(other) != OrderedDouble(math.NaN()) {
		t.Error("-0 = 0 and NaN = NaN")
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
		if cmp.Compare(a, b) != cmp.Compare(OrderedDouble(a), OrderedDouble(b)) {
			t.Fatalf("%g and %g", a, b)
		}
		if a != 0 && DoubleOf(OrderedDouble(a)) != a {
			t.Fatalf("%g does not come back", a)
		}
	})
}

// TestSeveralColumns: keys of several columns order column by column.
func TestSeveralColumns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0xFE, 0xFF}), 0, 3)
		var k [2][]byte
		var parts [2][2][]byte
		for i := range k {
			for j := range 2 {
				parts[i][j] = gen.Draw(t, "part")
				k[i] = appendString(k[i], parts[i][j])
			}
		}
		want := cmp.Or(bytes.Compare(parts[0][0], parts[1][0]), bytes.Compare(parts[0][1], parts[1][1]))
		if got := bytes.Compare(k[0], k[1]); got != want {
			t.Fatalf("%x and %x compare as %d, want %d", parts[0], parts[1], got, want)
		}
	})
}

// FuzzDecode: any bytes give a value or an error.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 'a', 0, 1, 0})
	f.Add([]byte{1, 0, 0xFF, 0, 1})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, typ := range []types.Type{types.VarcharType, types.BigintType, types.DoubleType, types.BooleanType, types.DateType, types.DecimalType(38, 0), types.DatetimeType(3), types.UbigintType, types.TimeType(0), types.VarbinaryType} {
			b := array.NewBuilder(memory.DefaultAllocator, stream.ArrowType(typ))
			rest, err := Decode(src, typ, b)
			if err == nil && (len(rest) >= len(src) || b.Len() != 1) {
				t.Fatalf("%s: %x left %x", typ, src, rest)
			}
			b.Release()
		}
	})
}
