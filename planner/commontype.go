package planner

import (
	"math"
	"math/big"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/planner/physical"
	"weir/sql/types"
)

// castTo converts e, without asking whether that can work for every value.
// Constants of numbers are converted at once.
func castTo(e physical.Expr, to types.Type) physical.Expr {
	from := e.Type()
	if fits(from, to) {
		return e
	}
	if l, ok := e.(*physical.Literal); ok {
		if v, ok := convertLiteral(l, to); ok {
			return &physical.Literal{T: to, Value: v}
		}
	}
	return &physical.Call{Fn: "cast", Args: []physical.Expr{e}, T: to}
}

// fits tells whether a value of one type can stand for the other as it is:
// lengths of VARCHAR and digits of DATETIME do not change how values lie in memory.
func fits(from, to types.Type) bool {
	return from.Kind == to.Kind && (from.IsBytes() || to.Holds(from))
}

func convertLiteral(l *physical.Literal, to types.Type) (any, bool) {
	if l.Value == nil {
		return nil, true
	}
	switch v := l.Value.(type) {
	case bool:
		if to.Kind == types.Bigint {
			if v {
				return int64(1), true
			}
			return int64(0), true
		}
	case int64:
		if l.T.Kind != types.Bigint {
			return nil, false
		}
		switch to.Kind {
		case types.Bigint:
			least, greatest := to.IntRange()
			return v, least <= v && v <= greatest
		case types.Ubigint:
			return uint64(v), v >= 0
		case types.Double:
			return float64(v), to.Width == 0
		case types.Decimal:
			return rescale(big.NewInt(v), 0, to)
		}
	case uint64:
		switch to.Kind {
		case types.Bigint:
			return int64(v), to.Width == 0 && v <= math.MaxInt64
		case types.Double:
			return float64(v), to.Width == 0
		case types.Decimal:
			return rescale(new(big.Int).SetUint64(v), 0, to)
		}
	case decimal128.Num:
		switch to.Kind {
		case types.Double:
			f, err := strconv.ParseFloat(v.ToString(int32(l.T.Scale)), 64)
			return f, err == nil && to.Width == 0
		case types.Decimal:
			return rescale(v.BigInt(), l.T.Scale, to)
		}
	}
	return nil, false
}

// rescale gives unscaled the scale of to; ok is false if digits would be lost.
func rescale(unscaled *big.Int, scale int, to types.Type) (any, bool) {
	if to.Scale < scale {
		return nil, false
	}
	shift := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(to.Scale-scale)), nil)
	n := new(big.Int).Mul(unscaled, shift)
	if len(new(big.Int).Abs(n).String()) > to.Precision {
		return nil, false
	}
	return decimal128.FromBigInt(n), true
}

// asDecimal is the DECIMAL that holds every value of an exact number type.
func asDecimal(t types.Type) types.Type {
	if t.Kind == types.Decimal {
		return t
	}
	return types.DecimalType(t.IntDigits(), 0)
}

// wider returns the DECIMAL that holds both, cut to 38 digits at the cost of whole
// ones, as in arithmetic: a value that is too great then becomes NULL and is
// counted, where a fraction would go unseen.
func wider(a, b types.Type) types.Type {
	scale := max(a.Scale, b.Scale)
	whole := max(a.Precision-a.Scale, b.Precision-b.Scale)
	return types.DecimalType(min(max(whole+scale, 1), types.MaxDecimalPrecision), scale)
}

// commonType returns the type in which values of two types are compared.
func commonType(a, b types.Type) (types.Type, bool) {
	if a.Kind > b.Kind {
		a, b = b, a
	}
	switch {
	case a.Kind == types.Interval || b.Kind == types.Interval:
		return types.Type{}, false
	case a.Kind == types.Null:
		return b, true
	case a.Kind == types.JSON || b.Kind == types.JSON:
		return a, a == b
	case a.Kind == b.Kind:
		return sameKind(a, b), true
	case a.Kind == types.Boolean && b.IsNumeric():
		return commonType(types.BigintType, b)
	case a.IsNumeric() && b.Kind == types.Double:
		return types.DoubleType, true
	case a.Kind == types.Bigint && b.Kind == types.Ubigint:
		if a.Unsigned {
			return b, true
		}
		return types.DecimalType(20, 0), true // holds both
	case a.IsInteger() && b.Kind == types.Decimal:
		return wider(asDecimal(a), b), true
	case a.IsNumeric() && (b.Kind == types.Varchar || b.Kind == types.Varbinary):
		return types.DoubleType, true
	case a.Kind == types.Varchar && b.Kind == types.Varbinary:
		return types.VarbinaryType, true
	case a.Kind == types.Varchar && b.Kind == types.Time:
		return types.TimeType(6), true
	case a.Kind == types.Varchar && b.IsTime():
		return types.DatetimeType(6), true
	case a.Kind == types.Date && b.Kind == types.Datetime:
		return b, true
	}
	return types.Type{}, false
}

// sameKind returns the type that holds values of both.
func sameKind(a, b types.Type) types.Type {
	switch a.Kind {
	case types.Decimal:
		return wider(a, b)
	case types.Time, types.Datetime:
		a.Precision = max(a.Precision, b.Precision)
	case types.Varchar, types.Varbinary:
		if a.Length == 0 || b.Length == 0 {
			a.Length = 0
		} else {
			a.Length = max(a.Length, b.Length)
		}
	case types.Bigint, types.Double:
		switch {
		case a.Holds(b):
		case b.Holds(a):
			return b
		default:
			return a.Wide()
		}
	}
	return a
}

// resultType returns the type of an expression that is one of several values
// (CASE, COALESCE): as commonType, but text and bytes beside something else stay what they are.
func resultType(a, b types.Type) (types.Type, bool) {
	if a.Kind == types.Interval || b.Kind == types.Interval {
		return types.Type{}, false
	}
	if a.Kind != b.Kind && a.Kind != types.Null && b.Kind != types.Null {
		if a.Kind == types.Varbinary || b.Kind == types.Varbinary {
			return types.VarbinaryType, true
		}
		if a.IsBytes() || b.IsBytes() {
			return types.VarcharType, true
		}
	}
	return commonType(a, b)
}
