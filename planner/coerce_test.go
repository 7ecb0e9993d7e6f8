package planner

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weir/planner/physical"
	"weir/sql/diag"
	"weir/sql/types"
)

// matrixTypes is one type of each kind, and two of those with digits or a width.
func matrixTypes() []types.Type {
	return []types.Type{
		types.NullType, types.BooleanType, types.BigintType, types.DecimalType(10, 2), types.DecimalType(38, 4), types.DoubleType,
		types.VarcharOf(8), types.DateType, types.DatetimeType(0), types.DatetimeType(3), {Kind: types.Interval},
		types.IntType(32, false), types.IntType(32, true), types.UbigintType, types.FloatType, types.TimeType(0), types.TimeType(3), types.VarbinaryOf(4),
	}
}

// TestCoercionMatrix keeps what is compared with what, and what CASE makes of
// two types, as a table in testdata/coercion.txt.
func TestCoercionMatrix(t *testing.T) {
	var b strings.Builder
	for _, x := range matrixTypes() {
		for _, y := range matrixTypes() {
			show := func(t types.Type, ok bool) string {
				if !ok {
					return "refused"
				}
				return t.String()
			}
			fmt.Fprintf(&b, "%-15s %-15s compare %-15s result %s\n", x, y, show(commonType(x, y)), show(resultType(x, y)))
			if c, cok := commonType(x, y); cok {
				if d, dok := commonType(y, x); !dok || c != d {
					t.Errorf("%s with %s is %s, the other way round %s", x, y, c, d)
				}
			}
		}
	}
	name := filepath.Join("testdata", "coercion.txt")
	want, err := os.ReadFile(name)
	if os.IsNotExist(err) || flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the matrix is now (run with -update to keep it)\n%s", b.String())
	}
}

// TestDecimalDigits checks that a DECIMAL that arithmetic makes is always one
// that exists, and that it has room for the exact result where 38 digits have.
func TestDecimalDigits(t *testing.T) {
	decimal := rapid.Custom(func(t *rapid.T) types.Type {
		p := rapid.IntRange(1, 38).Draw(t, "precision")
		return types.DecimalType(p, rapid.IntRange(0, p).Draw(t, "scale"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := decimal.Draw(t, "a"), decimal.Draw(t, "b")
		op := rapid.SampledFrom([]string{"+", "-", "*", "/", "%"}).Draw(t, "op")
		r := numericType(op, a, b)
		if r.Kind != types.Decimal || r.Precision < 1 || r.Precision > 38 || r.Scale < 0 || r.Scale > r.Precision {
			t.Fatalf("%s %s %s is %s", a, op, b, r)
		}
		whole := map[string]int{
			"+": max(a.Precision-a.Scale, b.Precision-b.Scale) + 1, "*": a.Precision - a.Scale + b.Precision - b.Scale,
		}
		scale := map[string]int{"+": max(a.Scale, b.Scale), "*": a.Scale + b.Scale}
		if w, ok := whole[op]; ok && w+scale[op] <= 38 && scale[op] <= scaleMax && (r.Precision-r.Scale < w || r.Scale < scale[op]) {
			t.Fatalf("%s %s %s is %s, which has no room", a, op, b, r)
		}
	})
}

// TestUnifyIsOneKind checks that what is compared is always of one kind, and
// that a DECIMAL is never given fewer digits behind the point for it.
func TestUnifyIsOneKind(t *testing.T) {
	list := matrixTypes()
	for _, x := range list {
		for _, y := range list {
			for _, z := range list {
				ops := []operand{
					{&physical.Column{T: x}, diag.Span{}}, {&physical.Column{T: y}, diag.Span{}}, {&physical.Column{T: z}, diag.Span{}},
				}
				out, _, err := unify("test", ops)
				if err != nil {
					continue
				}
				for i, e := range out {
					if e.Type().Kind != out[0].Type().Kind {
						t.Errorf("%s, %s, %s become %s and %s", x, y, z, out[0].Type(), e.Type())
					}
					have := ops[i].e.Type()
					if have.Kind == types.Decimal && e.Type().Kind == types.Decimal && e.Type().Scale < have.Scale {
						t.Errorf("%s is compared as %s", have, e.Type())
					}
				}
			}
		}
	}
}
