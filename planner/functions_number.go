package planner

import (
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/types"
)

// numericFunctions registers the functions of numbers.
func numericFunctions(m map[string]function) {
	m["ABS"] = function{fn: "abs", usage: "(x)", doc: "The absolute value of a number.", min: 1, max: 1, bind: sameNumber}
	m["ROUND"] = function{fn: "round", usage: "(x[, digits])", doc: "A number rounded to that many fractional digits, half away from zero.", min: 1, max: 2, bind: round}
	m["FLOOR"] = function{fn: "floor", usage: "(x)", doc: "The greatest whole number that is not greater; FLOOR(t TO HOUR) is DATE_TRUNC.", min: 1, max: 2, bind: wholeNumber}
	m["CEIL"] = function{fn: "ceil", usage: "(x)", doc: "The least whole number that is not less; CEIL(t TO HOUR) is the first hour that begins at t or later.", min: 1, max: 2, bind: wholeNumber}
	m["MOD"] = function{fn: "%", usage: "(a, b)", doc: "The remainder of a / b, with the sign of a.", min: 2, max: 2, bind: modulo}
	m["POWER"] = function{fn: "power", usage: "(x, y)", doc: "x to the power of y, a DOUBLE.", min: 2, max: 2, params: []types.Kind{types.Double}, result: types.DoubleType}
	m["SQRT"] = function{fn: "sqrt", usage: "(x)", doc: "The square root, a DOUBLE; NULL below 0.", min: 1, max: 1, params: []types.Kind{types.Double}, result: types.DoubleType}
	alias(m, "CEILING", "CEIL")
	alias(m, "POW", "POWER")
}

func sameNumber(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	n, err := number(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{n}, T: n.Type()}, nil
}

// wholeNumber binds FLOOR and CEIL: a DECIMAL keeps its kind and loses its fraction.
// With a unit they are functions of times.
func wholeNumber(x *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if len(args) == 2 {
		return toUnit(x, c, map[string]string{"floor": "date_trunc", "ceil": "date_ceil"}[f.fn])
	}
	n, err := number(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{n}, T: roundedType(n.Type(), 0)}, nil
}

// roundedType is the type of a number after rounding to some fractional digits;
// rounding up may add a whole digit.
func roundedType(t types.Type, digits int) types.Type {
	if t.Kind != types.Decimal {
		return t
	}
	scale := min(t.Scale, max(digits, 0))
	whole := t.Precision - t.Scale
	if scale < t.Scale {
		whole++
	}
	return types.DecimalType(min(max(whole+scale, 1), types.MaxDecimalPrecision), scale)
}

func round(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	n, err := number(args[0], c.Name.Text)
	if err != nil || len(args) == 1 {
		if err != nil {
			return nil, err
		}
		return &physical.Call{Fn: f.fn, Args: []physical.Expr{n}, T: roundedType(n.Type(), 0)}, nil
	}
	d, err := args[1].as(types.Bigint, c.Name.Text)
	if err != nil {
		return nil, err
	}
	t := n.Type()
	if l, ok := d.(*physical.Literal); ok && l.Value != nil {
		const digitsMax = 1000 // far more than any number has, and fits an int
		t = roundedType(t, int(max(min(l.Value.(int64), digitsMax), -digitsMax)))
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{n, d}, T: t}, nil
}

func modulo(_ *exprs, c *ast.Call, _ function, args []operand) (physical.Expr, error) {
	return arithmetic(&ast.Binary{Node: c.Node, Op: "%"}, args[0], args[1])
}
