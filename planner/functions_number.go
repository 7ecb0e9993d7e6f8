package planner

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
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
	m["TRUNCATE"] = function{fn: "truncate", usage: "(x, digits)", doc: "A number cut off behind that many fractional digits.", min: 2, max: 2, bind: truncate}
	m["SIGN"] = function{fn: "sign", usage: "(x)", doc: "-1, 0 or 1, as x is below 0, 0 or above.", min: 1, max: 1, bind: sign}
	curves(m)
	m["CONV"] = function{fn: "conv", usage: "(n, from, to)", doc: "A whole number of base from, as text in base to; bases go from 2 to 36, a negative one reads and writes a sign. NULL for other bases.", min: 3, max: 3, bind: conv}
	m["BIN"] = inBase("2", "BIN(12) is '1100'")
	m["OCT"] = inBase("8", "OCT(12) is '14'")
	m["BIT_COUNT"] = function{fn: "bit_count", usage: "(n)", doc: "How many of the 64 bits of n are set.", min: 1, max: 1, bind: bitCount}
	m["FORMAT"] = function{fn: "format", usage: "(x, digits[, 'en_US'])", doc: "A number for people: commas between thousands, and that many digits behind the point, at most 30.", min: 2, max: 3, bind: format}
	m["WIDTH_BUCKET"] = function{fn: "width_bucket", usage: "(x, low, high, n)", doc: "Which of n equal parts from low to high x lies in, counted from 1; 0 below low, n + 1 from high on.", min: 4, max: 4, params: []types.Kind{types.Double, types.Double, types.Double, types.Bigint}, result: types.BigintType}
	m["RAND"] = function{fn: "rand", usage: "([seed])", doc: "A DOUBLE from 0 to below 1 that looks random. It follows from the stream, the shard and the sequence of the row, so a replay gets the same.", min: 0, max: 1, bind: random}
	m["UUID"] = function{fn: "uuid", usage: "()", doc: "A UUID of version 4, made as RAND is.", min: 0, max: 0, bind: random}
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

// curves registers the functions from DOUBLE to DOUBLE.
func curves(m map[string]function) {
	for _, c := range []struct{ name, doc string }{
		{"EXP", "e to the power of x."}, {"LN", "The natural logarithm; NULL for 0 and below."},
		{"LOG2", "The logarithm to base 2; NULL for 0 and below."}, {"LOG10", "The logarithm to base 10; NULL for 0 and below."},
		{"SIN", "The sine of x radians."}, {"COS", "The cosine of x radians."}, {"TAN", "The tangent of x radians."}, {"COT", "The cotangent of x radians; NULL for 0."},
		{"ASIN", "The arc sine, in radians; NULL beyond -1 to 1."}, {"ACOS", "The arc cosine, in radians; NULL beyond -1 to 1."},
		{"DEGREES", "Radians as degrees."}, {"RADIANS", "Degrees as radians."},
	} {
		m[c.name] = double(strings.ToLower(c.name), "(x)", c.doc, 1, 1)
	}
	m["LOG"] = double("log", "([base, ]x)", "The logarithm, the natural one without a base; NULL for 0 and below.", 1, 2)
	m["ATAN"] = double("atan2", "(y[, x])", "The arc tangent, in radians; of two arguments the angle of the point (x, y).", 1, 2)
	m["ATAN2"] = double("atan2", "(y, x)", "The angle of the point (x, y), in radians.", 2, 2)
	m["PI"] = function{usage: "()", doc: "3.141592653589793.", min: 0, max: 0, bind: pi}
	for name, one := range map[string]string{"LOG": "ln", "ATAN": "atan"} {
		f := m[name]
		f.bind = func(_ *exprs, _ *ast.Call, f function, args []operand) (physical.Expr, error) {
			if len(args) == 1 {
				f.fn = one
			}
			return f.apply(name, args)
		}
		m[name] = f
	}
}

func double(fn, usage, doc string, low, high int) function {
	return function{fn: fn, usage: usage, doc: doc, min: low, max: high, params: []types.Kind{types.Double}, result: types.DoubleType}
}

func pi(*exprs, *ast.Call, function, []operand) (physical.Expr, error) {
	return &physical.Literal{T: types.DoubleType, Value: math.Pi}, nil
}

// truncate is round without a digit more in front of the point.
func truncate(x *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	e, err := round(x, c, f, args)
	if err != nil {
		return nil, err
	}
	call := e.(*physical.Call)
	if t := call.Args[0].Type(); t.Kind == types.Decimal && call.T.Scale < t.Scale {
		call.T = types.DecimalType(max(t.Precision-t.Scale+call.T.Scale, 1), call.T.Scale)
	}
	return call, nil
}

func sign(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	n, err := number(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{n}, T: types.BigintType}, nil
}

// conv takes the digits of its first argument as they are written, also of a number.
func conv(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	n, err := digits(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	from, err := args[1].as(types.Bigint, c.Name.Text)
	if err != nil {
		return nil, err
	}
	to, err := args[2].as(types.Bigint, c.Name.Text)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{n, from, to}, T: types.VarcharType}, nil
}

// digits is a number as text; a truth value is 0 or 1.
func digits(o operand, name string) (physical.Expr, error) {
	if o.kind() == types.Boolean {
		o.e = castTo(o.e, types.BigintType)
	}
	return o.as(types.Varchar, name)
}

// inBase is CONV of a decimal number to one base.
func inBase(base, doc string) function {
	to, _ := strconv.ParseInt(base, 10, 64)
	bind := func(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
		n, err := digits(args[0], c.Name.Text)
		if err != nil {
			return nil, err
		}
		return &physical.Call{Fn: f.fn, Args: []physical.Expr{n, bigint(10), bigint(to)}, T: types.VarcharType}, nil
	}
	return function{fn: "conv", usage: "(n)", doc: "A whole number in base " + base + ", as text: " + doc + ".", min: 1, max: 1, bind: bind}
}

func format(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	n, err := number(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	d, err := args[1].as(types.Bigint, c.Name.Text)
	if err != nil {
		return nil, err
	}
	if len(args) == 3 {
		if locale, ok := constantText(args[2].e); !ok || !strings.EqualFold(locale, "en_US") {
			return nil, diag.New(diag.Unsupported, args[2].at, "FORMAT writes numbers in the way of en_US only").
				WithHint("REPLACE and TRANSLATE exchange the commas and the point")
		}
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{n, d}, T: types.VarcharType}, nil
}

// random binds RAND and UUID. They are functions of the place of a row, and of a
// seed: what is written, or one of its own for each call of a query.
func random(x *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if x.clause == generatedClause || x.clause == "WATERMARK" {
		return nil, diag.New(diag.Unsupported, c.At, "%s cannot stand in %s", c.Name.Text, x.clause).
			WithHint("its value follows from where a record stands in the log; write it in the query")
	}
	var seed physical.Expr
	if len(args) == 1 {
		var err error
		if seed, err = args[0].as(types.Bigint, c.Name.Text); err != nil {
			return nil, err
		}
	} else {
		seed = bigint(x.ownSeed())
	}
	shard, seq := x.s.hidden(physical.HiddenShard), x.s.hidden(physical.HiddenSeq)
	if shard == nil || seq == nil {
		if x.s.rel == nil || x.s.rel.Kind != physical.SourceOne {
			return nil, diag.New(diag.Unsupported, c.At, "%s follows from the place of a record in its stream, and the rows of `%s` are results", c.Name.Text, x.s.table).
				WithHint("CRC32(CONCAT_WS(',', …)) of the columns of the key is spread as evenly")
		}
		shard, seq = bigint(0), bigint(0)
	}
	t := types.DoubleType
	if f.fn == "uuid" {
		t = types.VarcharType
	}
	place := []physical.Expr{seed, shard, seq}
	if sub := x.s.hidden(physical.HiddenSub); sub != nil && x.s.rel != nil && !x.s.rel.Bounded {
		place = append(place, sub) // rows of one record differ, too
	}
	return &physical.Call{Fn: f.fn, Args: place, T: t}, nil
}

// ownSeed is another one for each call, made of the relation's name, so that two
// streams differ, and without a relation of the start of the statement.
func (x *exprs) ownSeed() int64 {
	h := fnv.New64a()
	name := ""
	if x.s.rel != nil {
		name = x.s.rel.Name
	}
	if name == "" {
		name = strconv.FormatInt(int64(x.b.cfg.Now), 10)
	}
	x.b.seeds++
	_, _ = fmt.Fprintf(h, "%s/%d", name, x.b.seeds) // a hash takes everything
	return int64(h.Sum64())
}

func bitCount(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	n, err := bitsOf(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{n}, T: types.BigintType}, nil
}
