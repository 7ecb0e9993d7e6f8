package types

import (
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"
)

func TestAppendDouble(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 1: "1", -2.5: "-2.5", 1e20: "100000000000000000000", 1e21: "1e+21",
		1e-6: "0.000001", 1e-7: "1e-7", 0.1: "0.1",
	} {
		if got := string(AppendDouble(nil, f)); got != want {
			t.Errorf("AppendDouble(%v) = %s, want %s", f, got, want)
		}
	}
}

// TestParseDecimal compares with apd, which rounds by itself.
func TestParseDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[+-]?([0-9]{1,25}(\.[0-9]{0,25})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,2})?`).Draw(t, "s")
		precision := rapid.IntRange(1, 38).Draw(t, "precision")
		scale := rapid.IntRange(0, precision).Draw(t, "scale")
		exact, _, err := apd.NewFromString(s)
		if err != nil {
			t.Fatalf("oracle: %v", err)
		}
		ctx := apd.BaseContext.WithPrecision(400)
		ctx.Rounding = apd.RoundHalfUp
		var q apd.Decimal
		if _, err := ctx.Quantize(&q, exact, int32(-scale)); err != nil {
			t.Fatalf("oracle: %v", err)
		}
		fits := q.Coeff.Sign() == 0 || q.NumDigits() <= int64(precision)
		n, ok := ParseDecimal(s, precision, scale)
		if ok != fits {
			t.Fatalf("ParseDecimal(%q, %d, %d): ok = %v, want %v", s, precision, scale, ok, fits)
		}
		if !ok {
			return
		}
		want := q.Text('f')
		if q.Coeff.Sign() == 0 {
			q.Negative = false
			want = q.Text('f')
		}
		if got := string(AppendDecimal(nil, n, scale)); got != want {
			t.Fatalf("ParseDecimal(%q, %d, %d) = %s, want %s", s, precision, scale, got, want)
		}
	})
}

func TestParseDecimalRefuses(t *testing.T) {
	for _, s := range []string{"", "+", ".", "e5", "1e", "1e+", "1.2.3", " 1", "1 ", "0x1", "nan", "inf", "1_0", "--1"} {
		if n, ok := ParseDecimal(s, 38, 4); ok {
			t.Errorf("ParseDecimal(%q) = %v", s, n)
		}
	}
	if _, ok := ParseDecimal("1e38", 38, 0); ok {
		t.Error("39 digits fit")
	}
}

func FuzzParseDecimal(f *testing.F) {
	f.Add("1.5e3", uint8(10), uint8(2))
	f.Add("-0.00000000000000000000000000000000000005", uint8(38), uint8(37))
	f.Fuzz(func(t *testing.T, s string, precision, scale uint8) {
		p := int(precision%38) + 1
		n, ok := ParseDecimal(s, p, int(scale)%(p+1))
		if !ok {
			return
		}
		text := string(AppendDecimal(nil, n, int(scale)%(p+1)))
		again, ok := ParseDecimal(text, p, int(scale)%(p+1))
		if !ok || again != n {
			t.Fatalf("%q reads back as %v, want %v", text, again, n)
		}
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			t.Fatalf("%q is no number: %v", text, err)
		}
	})
}

func TestAppendDecimalExtremes(t *testing.T) {
	for want, n := range map[string]decimal128.Num{
		"99999999999999999999999999999999999999":  decimal128.GetMaxValue(38),
		"-99999999999999999999999999999999999999": decimal128.GetMaxValue(38).Negate(),
	} {
		if got := string(AppendDecimal(nil, n, 0)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := string(AppendDecimal(nil, decimal128.FromI64(-5), 3)); got != "-0.005" {
		t.Errorf("got %s", got)
	}
}
