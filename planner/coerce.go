package planner

import (
	"math"
	"math/big"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/planner/physical"
	"weir/sql/diag"
	"weir/sql/types"
)

// operand is a bound expression and where it stands.
type operand struct {
	e  physical.Expr
	at diag.Span
}

func (o operand) kind() types.Kind { return o.e.Type().Kind }

// constantText returns the value of a VARCHAR literal.
func constantText(e physical.Expr) (string, bool) {
	l, ok := e.(*physical.Literal)
	if !ok || l.T.Kind != types.Varchar {
		return "", false
	}
	s, ok := l.Value.(string)
	return s, ok
}

// meant returns o with a text constant read as what it stands beside: a time
// beside times, a number beside numbers. It is an error if the text is neither.
func meant(o operand, beside types.Type) (operand, error) {
	text, ok := constantText(o.e)
	if !ok {
		if beside.IsNumeric() {
			return bytesNumber(o), nil
		}
		return o, nil
	}
	switch {
	case beside.Kind == types.Time:
		micros, ok := types.ParseTime(text)
		if !ok {
			return o, diag.New(diag.BadLiteral, o.at, "'%s' is not a %s", shorten(text), beside).
				WithHint("write for example '10:00:00' or '-00:30:00.5'")
		}
		return operand{&physical.Literal{T: types.TimeType(max(beside.Precision, digitsOf(micros))), Value: micros}, o.at}, nil
	case beside.Kind == types.Varbinary:
		return operand{&physical.Literal{T: types.VarbinaryType, Value: text}, o.at}, nil
	case beside.IsTime():
		l, ok := timeLiteral(text, beside)
		if !ok {
			return o, diag.New(diag.BadLiteral, o.at, "'%s' is not a %s", shorten(text), beside).
				WithHint("write for example '2026-11-20 10:00:00' or '2026-11-20'")
		}
		return operand{l, o.at}, nil
	case beside.Kind == types.Bigint:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return operand{bigint(n), o.at}, nil
		}
	case beside.Kind == types.Ubigint:
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return operand{&physical.Literal{T: types.UbigintType, Value: n}, o.at}, nil
		}
	}
	if beside.IsNumeric() {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return o, diag.New(diag.BadLiteral, o.at, "'%s' is not a number", shorten(text)).
				WithHint("a %s is needed here", beside)
		}
		return operand{&physical.Literal{T: types.DoubleType, Value: f}, o.at}, nil
	}
	return o, nil
}

// timeLiteral reads a date or a time. Beside a DATE a bare date stays a DATE.
func timeLiteral(text string, beside types.Type) (physical.Expr, bool) {
	if days, ok := types.ParseDate(text); ok {
		if beside.Kind == types.Date {
			return &physical.Literal{T: types.DateType, Value: int64(days)}, true
		}
		const microsPerDay = 86_400_000_000
		return &physical.Literal{T: types.DatetimeType(beside.Precision), Value: int64(days) * microsPerDay}, true
	}
	micros, ok := types.ParseDatetime(text)
	if !ok {
		return nil, false
	}
	return &physical.Literal{T: types.DatetimeType(max(beside.Precision, digitsOf(micros))), Value: micros}, true
}

// digitsOf returns the fractional digits, 0, 3 or 6, that microseconds need.
func digitsOf(micros int64) int {
	switch {
	case micros%1_000_000 == 0:
		return 0
	case micros%1_000 == 0:
		return 3
	}
	return 6
}

// unify brings operands to the type in which they are compared.
func unify(what string, ops []operand) ([]physical.Expr, types.Type, error) {
	return bring(what, ops, commonType, true)
}

// merge brings operands to the type of an expression that is one of them.
func merge(what string, ops []operand) ([]physical.Expr, types.Type, error) {
	return bring(what, ops, resultType, false)
}

func bring(what string, ops []operand, join func(a, b types.Type) (types.Type, bool), read bool) ([]physical.Expr, types.Type, error) {
	var err error
	ops = append([]operand(nil), ops...)
	if read {
		if ops, err = beside(what, ops); err != nil {
			return nil, types.Type{}, err
		}
		first := anchor(ops)
		for i := range ops {
			if ops[i], err = meant(ops[i], first); err != nil {
				return nil, types.Type{}, err
			}
		}
	}
	tighten(ops, read)
	t := types.NullType
	for i, o := range ops {
		joined, ok := join(t, o.e.Type())
		if !ok {
			return nil, t, mixed(what, ops[:i], o, t)
		}
		t = joined
	}
	if read && t.Kind == types.Null {
		t = types.BigintType // NULL = NULL compares something
	}
	out := make([]physical.Expr, len(ops))
	// Where no DECIMAL has room for all digits of all, they are compared as they are.
	asTheyAre := read && t.Kind == types.Decimal && !holdsAll(ops)
	for i, o := range ops {
		have := o.e.Type()
		switch {
		case asTheyAre && have.IsNumeric():
			out[i] = castTo(o.e, asDecimal(have))
		case read && have.Kind == types.Decimal && t.Kind == types.Decimal && have.Scale == t.Scale:
			out[i] = o.e // the same scale compares without a cast
		default:
			out[i] = castTo(o.e, t)
		}
	}
	return out, t, nil
}

// beside makes text of JSON that is compared with something else, as MySQL
// compares the string in it: doc->'$.name' = 'Ann'. Two of JSON are refused.
func beside(what string, ops []operand) ([]operand, error) {
	scalars := 0
	for _, o := range ops {
		if o.kind() != types.JSON {
			scalars++
		}
	}
	for i, o := range ops {
		if o.kind() != types.JSON {
			continue
		}
		if scalars == 0 {
			return nil, noJSON(o.e, o.at, what+" with")
		}
		ops[i].e = unquoted(o.e)
	}
	return ops, nil
}

// tighten fits whole constants to what they stand beside, so that the column need
// not be cast: beside a BIGINT UNSIGNED those that are not negative are one, too.
// Where values are compared, those beside a DECIMAL get as few digits as they have.
func tighten(ops []operand, compared bool) {
	exact, unsigned := false, false
	for _, o := range ops {
		exact = exact || o.kind() == types.Decimal
		unsigned = unsigned || o.kind() == types.Ubigint
	}
	for i, o := range ops {
		l, ok := o.e.(*physical.Literal)
		if !ok || !l.T.IsInteger() || l.Value == nil {
			continue
		}
		n := new(big.Int)
		switch v := l.Value.(type) {
		case int64:
			n.SetInt64(v)
		case uint64:
			n.SetUint64(v)
		}
		switch {
		case exact && compared:
			t := types.DecimalType(len(new(big.Int).Abs(n).String()), 0)
			ops[i].e = &physical.Literal{T: t, Value: decimal128.FromBigInt(n)}
		case unsigned && n.Sign() >= 0:
			ops[i].e = &physical.Literal{T: types.UbigintType, Value: n.Uint64()}
		}
	}
}

// holdsAll tells whether one DECIMAL holds every digit of the exact operands.
func holdsAll(ops []operand) bool {
	whole, scale := 0, 0
	for _, o := range ops {
		if t := asDecimal(o.e.Type()); o.kind() != types.Null {
			whole, scale = max(whole, t.Precision-t.Scale), max(scale, t.Scale)
		}
	}
	return whole+scale <= types.MaxDecimalPrecision
}

// anchor returns the type that text constants are read beside: that of the
// first operand that is not text, NULL if there is none.
func anchor(ops []operand) types.Type {
	bytes := false
	for _, o := range ops {
		k := o.kind()
		if _, constant := o.e.(*physical.Literal); constant && k == types.Varbinary {
			bytes = true
		} else if k != types.Varchar && k != types.Null {
			return o.e.Type()
		}
	}
	if bytes {
		return types.VarbinaryType
	}
	return types.NullType
}

// mixed returns the error for values that have no type in common.
func mixed(what string, before []operand, o operand, t types.Type) *diag.Error {
	at := o.at
	for _, b := range before {
		at = at.Join(b.at)
	}
	err := diag.New(diag.WrongType, at, "%s does not take a %s and a %s", what, t, o.e.Type())
	if u := o.e.Type(); t.Kind == types.Time && u.IsTime() || t.IsTime() && u.Kind == types.Time {
		return err.WithHint("CAST(… AS TIME) takes the time of the day")
	}
	if t.IsTime() && o.e.Type().IsNumeric() || t.IsNumeric() && o.e.Type().IsTime() {
		return err.WithHint("write a time as '2026-11-20 10:00:00', or turn epoch seconds into one with FROM_UNIXTIME(…)")
	}
	return err
}

// truth makes a condition of e: numbers are true if they are not 0.
func truth(o operand) (physical.Expr, error) {
	t := o.e.Type()
	switch {
	case t.Kind == types.Boolean:
		return o.e, nil
	case t.Kind == types.Null:
		return castTo(o.e, types.BooleanType), nil
	case t.IsNumeric():
		zero := castTo(bigint(0), t)
		return &physical.Call{Fn: "<>", Args: []physical.Expr{o.e, zero}, T: types.BooleanType}, nil
	}
	return nil, diag.New(diag.WrongType, o.at, "a condition is needed, this is a %s", t).
		WithHint("compare it with something, for example … IS NOT NULL")
}

func bigint(n int64) *physical.Literal { return &physical.Literal{T: types.BigintType, Value: n} }

func text(s string) *physical.Literal { return &physical.Literal{T: types.VarcharType, Value: s} }

// shorten cuts what an error quotes.
func shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// bytesNumber returns a constant of at most eight bytes, as in 0x4D, as the number that
// they spell, which is what it is in MySQL where a number is needed.
func bytesNumber(o operand) operand {
	l, ok := o.e.(*physical.Literal)
	if !ok || l.T.Kind != types.Varbinary || l.Value == nil {
		return o
	}
	var n uint64
	raw, ok := l.Value.(string)
	if !ok || len(raw) > 8 {
		return o
	}
	for i := range len(raw) {
		n = n<<8 | uint64(raw[i])
	}
	if n > math.MaxInt64 {
		return operand{&physical.Literal{T: types.UbigintType, Value: n}, o.at}
	}
	return operand{bigint(int64(n)), o.at}
}
