package expr

import (
	"math/rand/v2"
	"slices"

	"pgregory.net/rapid"

	"weir/planner/physical"
	"weir/sql/types"
)

// generator draws expressions. Their shape comes from a seed, for rapid's own
// numbers are mostly small and would leave out most functions.
type generator struct {
	t   *rapid.T
	rng *rand.Rand
}

func (g generator) pick(n int) int { return g.rng.IntN(n) }

func (g generator) leaf(typ types.Type) physical.Expr {
	var fits []physical.Expr
	for i, c := range columnTypes() {
		if c == typ {
			fits = append(fits, &physical.Column{Index: i, T: c})
		}
	}
	if len(fits) > 0 && g.pick(3) > 0 {
		return fits[g.pick(len(fits))]
	}
	if g.pick(8) == 0 {
		return &physical.Literal{T: typ}
	}
	v := g.value(typ)
	return &physical.Literal{T: typ, Value: v}
}

// anyType draws a type of the kind of which there are columns.
func (g generator) anyType(kinds ...types.Kind) types.Type {
	all := columnTypes()
	for {
		// The model knows nothing of JSON.
		if typ := all[g.pick(len(all))]; len(kinds) == 0 && typ.Kind != types.JSON || slices.Contains(kinds, typ.Kind) {
			return typ
		}
	}
}

func (g generator) call(fn string, t types.Type, args ...physical.Expr) physical.Expr {
	return &physical.Call{Fn: fn, T: t, Args: args}
}

// expr draws an expression of exactly that type.
func (g generator) expr(typ types.Type, depth int) physical.Expr {
	if depth == 0 {
		return g.leaf(typ)
	}
	sub := func(t types.Type) physical.Expr { return g.expr(t, depth-1) }
	switch g.pick(8) {
	case 0:
		return g.leaf(typ)
	case 1:
		from := g.anyType()
		for !castExists(from, typ) {
			from = g.anyType()
		}
		return g.call("cast", typ, sub(from))
	case 2:
		var args []physical.Expr
		for range 1 + g.pick(2) {
			args = append(args, sub(types.BooleanType), sub(g.like(typ)))
		}
		if g.pick(2) == 0 {
			args = append(args, sub(g.like(typ)))
		}
		return g.call("case", typ, args...)
	case 3:
		switch g.pick(5) {
		case 0:
			return g.call("coalesce", typ, sub(g.like(typ)), sub(g.like(typ)), sub(typ))
		case 1:
			return g.call("if", typ, sub(types.BooleanType), sub(typ), sub(g.like(typ)))
		case 2:
			return g.call("nullif", typ, sub(typ), sub(g.like(typ)))
		case 3:
			return g.call("greatest", typ, sub(typ), sub(typ), sub(typ))
		}
		return g.call("least", typ, sub(typ), sub(typ))
	}
	if typ.Width > 0 { // computed as BIGINT or DOUBLE
		return g.call("cast", typ, sub(typ.Wide()))
	}
	switch typ.Kind {
	case types.Boolean:
		return g.boolean(sub)
	case types.Ubigint:
		return g.ubigint(sub)
	case types.Time:
		if g.pick(2) == 0 && typ.Precision == 6 {
			s := physical.Span{Micros: rapid.Int64Range(-2*types.TimeMax, 2*types.TimeMax).Draw(g.t, "micros")}
			return g.call("date_add", typ, sub(g.anyType(types.Time)), &physical.Literal{T: types.Type{Kind: types.Interval}, Value: s})
		}
		return g.call("cast", typ, sub(g.anyType(types.Datetime, types.Date, types.Varchar, types.Varbinary)))
	case types.Varbinary:
		return g.call("cast", typ, sub(g.anyType(types.Varchar, types.Varbinary, types.Ubigint)))
	case types.Bigint:
		return g.bigint(sub)
	case types.Double:
		op := []string{"+", "-", "*", "/", "%", "neg", "abs", "round", "floor", "ceil", "sqrt"}[g.pick(11)]
		if len(op) == 1 { // an operator, not a name
			return g.call(op, typ, sub(typ), sub(typ))
		}
		return g.call(op, typ, sub(typ))
	case types.Decimal:
		return g.decimal(typ, sub)
	case types.Datetime:
		if typ.Precision == 6 {
			return g.call("date_add", typ, sub(g.anyType(types.Datetime, types.Date)), g.span())
		}
		return g.call("cast", typ, g.call("from_unixtime", types.DatetimeType(0), sub(types.BigintType)))
	case types.Date:
		if g.pick(2) == 0 {
			return g.call("date_add", typ, sub(typ), g.span())
		}
		return g.call("date", typ, sub(g.anyType(types.Datetime)))
	}
	return g.text(typ, sub)
}

// like returns a type of the same kind; DECIMALs may have another scale.
func (g generator) like(t types.Type) types.Type {
	if t.Kind == types.Decimal || t.Kind == types.Datetime || t.Kind == types.Time {
		return g.anyType(t.Kind)
	}
	return t
}

func (g generator) span() physical.Expr {
	s := physical.Span{
		Months: rapid.Int64Range(-30, 30).Draw(g.t, "months"),
		Micros: rapid.Int64Range(-40*microsPerDay, 40*microsPerDay).Draw(g.t, "micros"),
	}
	return &physical.Literal{T: types.Type{Kind: types.Interval}, Value: s}
}

func (g generator) boolean(sub func(types.Type) physical.Expr) physical.Expr {
	b := types.BooleanType
	switch g.pick(7) {
	case 0, 1:
		t := g.anyType()
		op := []string{"=", "<>", "<", "<=", ">", ">=", "<=>"}[g.pick(7)]
		return g.call(op, b, sub(t), sub(g.like(t)))
	case 2:
		return g.call([]string{"and", "or"}[g.pick(2)], b, sub(b), sub(b), sub(b))
	case 3:
		return g.call([]string{"xor", "and", "or"}[g.pick(3)], b, sub(b), sub(b))
	case 4:
		if g.pick(2) == 0 {
			return g.call([]string{"not", "is_true", "is_false"}[g.pick(3)], b, sub(b))
		}
		return g.call("is_null", b, sub(g.anyType()))
	case 5:
		args := []physical.Expr{sub(types.VarcharType), sub(types.VarcharType)}
		if g.pick(2) == 0 {
			escape := &physical.Literal{T: types.VarcharType, Value: []string{"", "|", "a", "é"}[g.pick(4)]}
			args = append(args, escape)
		}
		return g.call("like", b, args...)
	}
	t := g.anyType()
	args := []physical.Expr{sub(t)}
	for range 1 + g.pick(13) {
		if g.pick(10) == 0 {
			args = append(args, sub(g.like(t)))
			continue
		}
		typ := g.like(t)
		v := &physical.Literal{T: typ, Value: g.value(typ)}
		if g.pick(15) == 0 {
			v.Value = nil
		}
		args = append(args, v)
	}
	return g.call("in", b, args...)
}

func (g generator) bigint(sub func(types.Type) physical.Expr) physical.Expr {
	t := types.BigintType
	switch g.pick(6) {
	case 0:
		return g.call([]string{"neg", "abs", "floor", "ceil", "round"}[g.pick(5)], t, sub(t))
	case 1:
		return g.call("round", t, sub(t), &physical.Literal{T: t, Value: rapid.Int64Range(-20, 3).Draw(g.t, "digits")})
	case 2:
		return g.call([]string{"length", "char_length"}[g.pick(2)], t, sub(types.VarcharType))
	case 3:
		part := []string{"year", "month", "day", "hour", "minute", "second", "unix_timestamp"}[g.pick(7)]
		return g.call(part, t, sub(g.anyType(types.Datetime, types.Date)))
	case 4:
		return g.call([]string{"floor", "ceil"}[g.pick(2)], t, sub(g.anyType(types.Decimal)))
	}
	if g.pick(6) == 0 {
		return g.call("%", t, sub(t), sub(types.UbigintType))
	}
	return g.call([]string{"+", "-", "*", "div", "%"}[g.pick(5)], t, sub(t), sub(t))
}

// castExists tells whether there is a cast between two types: the planner
// refuses numbers as TIME, and TIME as a day.
func castExists(from, to types.Type) bool {
	return (to.Kind != types.Time || !from.IsNumeric() && from.Kind != types.Boolean) && (from.Kind != types.Time || !to.IsTime())
}

// ubigint draws what is unsigned: one argument at least is.
func (g generator) ubigint(sub func(types.Type) physical.Expr) physical.Expr {
	u := types.UbigintType
	integer := func() types.Type { return []types.Type{u, types.BigintType}[g.pick(2)] }
	switch g.pick(7) {
	case 0:
		return g.call([]string{"abs", "floor", "ceil", "round"}[g.pick(4)], u, sub(u))
	case 1:
		return g.call("round", u, sub(u), &physical.Literal{T: types.BigintType, Value: rapid.Int64Range(-20, 3).Draw(g.t, "digits")})
	case 2:
		return g.call("%", u, sub(u), sub(integer()))
	}
	op := []string{"+", "-", "*", "div"}[g.pick(4)]
	if g.pick(2) == 0 {
		return g.call(op, u, sub(integer()), sub(u))
	}
	return g.call(op, u, sub(u), sub(integer()))
}

func (g generator) decimal(typ types.Type, sub func(types.Type) physical.Expr) physical.Expr {
	like := func() physical.Expr { return sub(g.like(typ)) }
	switch g.pick(5) {
	case 0:
		return g.call([]string{"neg", "abs", "floor", "ceil", "round"}[g.pick(5)], typ, like())
	case 1:
		integer := func() types.Type { return []types.Type{types.UbigintType, types.BigintType}[g.pick(2)] }
		return g.call("/", typ, sub(integer()), sub(integer()))
	case 2:
		return g.call("round", typ, like(), &physical.Literal{T: types.BigintType, Value: rapid.Int64Range(-40, 12).Draw(g.t, "digits")})
	}
	return g.call([]string{"+", "-", "*", "/", "%"}[g.pick(5)], typ, like(), like())
}

func (g generator) text(typ types.Type, sub func(types.Type) physical.Expr) physical.Expr {
	t, n := types.VarcharType, types.BigintType
	var e physical.Expr
	switch g.pick(8) {
	case 0:
		e = g.call([]string{"upper", "lower", "trim"}[g.pick(3)], t, sub(t))
	case 1:
		e = g.call("substring", t, sub(t), sub(n), sub(n))
	case 2:
		e = g.call("substring", t, sub(t), sub(n))
	case 3:
		e = g.call("replace", t, sub(t), sub(t), sub(t))
	case 4:
		if g.pick(2) == 0 {
			e = g.call("substring_index", t, sub(t), sub(t), sub(n))
			break
		}
		e = g.call([]string{"left", "right"}[g.pick(2)], t, sub(t), sub(n))
	case 5:
		format := &physical.Literal{T: t, Value: "%Y-%m-%d %T.%f %a %W %b %M %h %p %j"}
		e = g.call("date_format", t, sub(g.anyType(types.Datetime, types.Date)), format)
	default:
		e = g.call("concat", t, sub(t), sub(t))
	}
	if typ != t {
		return g.call("cast", typ, e)
	}
	return e
}
