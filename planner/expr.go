package planner

import (
	hexa "encoding/hex"
	"math/big"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// exprs binds the expressions of one clause.
type exprs struct {
	b      *binder
	s      *scope
	g      *grouping // not nil: the clause stands behind an aggregation
	clause string
	// aliases are names of the select list that the clause cannot see; an
	// unknown column of that name gets a hint.
	aliases []string
	// list is the select list where the clause can name its columns; nil where not.
	list *logical.Project
}

// bind returns the typed form of e.
func (x *exprs) bind(e ast.Expr) (physical.Expr, error) {
	if x.g != nil && !x.grouped(e) {
		return x.g.lift(x, e)
	}
	switch e := e.(type) {
	case *ast.Paren:
		return x.bind(e.X)
	case *ast.Column:
		return x.column(e)
	case *ast.Literal:
		return x.literal(e)
	case *ast.Interval:
		return x.interval(e)
	case *ast.Unary:
		return x.unary(e)
	case *ast.Binary:
		return x.binary(e)
	case *ast.Between:
		return x.between(e)
	case *ast.In:
		return x.in(e)
	case *ast.Like:
		return x.like(e)
	case *ast.Is:
		return x.is(e)
	case *ast.Case:
		return x.caseWhen(e)
	case *ast.Cast:
		return x.cast(e)
	case *ast.Call:
		return x.call(e)
	case *ast.WindowBound:
		return x.windowBound(e)
	case *ast.Window:
		return nil, diag.New(diag.BadWindow, e.At, "a window stands in GROUP BY only").
			WithHint("in the select list write window_start or window_end")
	}
	return nil, diag.New(diag.Internal, e.Span(), "no such expression: %T", e)
}

// operand binds e and keeps its place.
func (x *exprs) operand(e ast.Expr) (operand, error) {
	out, err := x.bind(e)
	return operand{out, e.Span()}, err
}

func (x *exprs) operands(list ...ast.Expr) ([]operand, error) {
	out := make([]operand, len(list))
	for i, e := range list {
		var err error
		if out[i], err = x.operand(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// condition binds something that is true or false.
func (x *exprs) condition(e ast.Expr) (physical.Expr, error) {
	o, err := x.operand(e)
	if err != nil {
		return nil, err
	}
	return truth(o)
}

func (x *exprs) column(c *ast.Column) (physical.Expr, error) {
	if x.g != nil {
		return x.g.column(x, c)
	}
	e, err := x.s.lookup(c)
	if e != nil || err != nil {
		return e, err
	}
	if x.list != nil {
		if at := outputNamed(c, x.list.Names); at >= 0 {
			return x.list.Exprs[at], nil
		}
	}
	if x.clause == "GROUP BY" && markOf(c) != "" {
		return nil, diag.New(diag.UnknownColumn, c.At, "`%s` is not known before rows are grouped", c.Name.Text).
			WithHint("a query in FROM shows it, and the one around that groups by it")
	}
	if x.clause == "WHERE" && (isBound(c) || markOf(c) != "") {
		return nil, diag.New(diag.UnknownColumn, c.At, "`%s` is not known before rows are grouped", c.Name.Text).
			WithHint("write the condition in HAVING, or filter by %s", x.s.eventName())
	}
	for _, a := range x.aliases {
		if strings.EqualFold(a, c.Name.Text) {
			return nil, diag.New(diag.UnknownColumn, c.At, "`%s` is made by the select list, %s cannot see it", c.Name.Text, x.clause).
				WithHint("write the expression itself")
		}
	}
	return nil, x.s.unknown(c, nil)
}

func (x *exprs) literal(l *ast.Literal) (physical.Expr, error) {
	switch l.Kind {
	case ast.NullLiteral:
		return &physical.Literal{T: types.NullType}, nil
	case ast.BoolLiteral:
		return &physical.Literal{T: types.BooleanType, Value: strings.EqualFold(l.Text, "true")}, nil
	case ast.IntLiteral, ast.DecimalLiteral:
		return exactLiteral(l, l.Text)
	case ast.FloatLiteral:
		f, err := strconv.ParseFloat(l.Text, 64)
		if err != nil {
			return nil, diag.New(diag.BadLiteral, l.At, "%s does not fit a DOUBLE", shorten(l.Text))
		}
		return &physical.Literal{T: types.DoubleType, Value: f}, nil
	case ast.StringLiteral:
		return x.stringLiteral(l)
	case ast.BytesLiteral:
		raw, err := hexa.DecodeString(l.Text)
		if err != nil {
			return nil, diag.New(diag.BadLiteral, l.At, "X'%s' holds no bytes", shorten(l.Text))
		}
		return &physical.Literal{T: types.VarbinaryType, Value: string(raw)}, nil
	}
	return nil, diag.New(diag.Internal, l.At, "no such literal: %d", l.Kind)
}

// exactLiteral reads digits with an optional point: a BIGINT if there is no
// point and it fits, else a BIGINT UNSIGNED if that does, else a DECIMAL with as many digits as are written.
func exactLiteral(l *ast.Literal, digits string) (physical.Expr, error) {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return bigint(n), nil
	}
	if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
		return &physical.Literal{T: types.UbigintType, Value: n}, nil
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	unscaled, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return nil, diag.New(diag.BadLiteral, l.At, "%s is not a number", shorten(l.Text))
	}
	count := max(len(new(big.Int).Abs(unscaled).String()), len(fraction), 1)
	if count > types.MaxDecimalPrecision {
		return nil, diag.New(diag.BadLiteral, l.At, "an exact number has at most %d digits, this one has %d", types.MaxDecimalPrecision, count).
			WithHint("write it as a DOUBLE: %s…e0", shorten(digits[:8]))
	}
	return &physical.Literal{T: types.DecimalType(count, len(fraction)), Value: decimal128.FromBigInt(unscaled)}, nil
}

func (x *exprs) unary(e *ast.Unary) (physical.Expr, error) {
	if e.Op == "not" {
		p, err := x.condition(e.X)
		if err != nil {
			return nil, err
		}
		return not(p), nil
	}
	if l, ok := unparen(e.X).(*ast.Literal); ok && e.Op == "-" && (l.Kind == ast.IntLiteral || l.Kind == ast.DecimalLiteral) && !strings.HasPrefix(l.Text, "-") {
		return exactLiteral(l, "-"+l.Text)
	}
	o, err := x.operand(e.X)
	if err != nil {
		return nil, err
	}
	if e.Op == "~" {
		return bits(e.Op, o)
	}
	n, err := number(o, "a sign")
	if err != nil || e.Op == "+" {
		return n, err
	}
	if l, ok := n.(*physical.Literal); ok && l.T.Kind == types.Double && l.Value != nil {
		return &physical.Literal{T: l.T, Value: -l.Value.(float64)}, nil
	}
	if n.Type().Kind == types.Ubigint {
		n = castTo(n, types.BigintType) // MySQL, too, gives it a sign
	}
	return &physical.Call{Fn: "neg", Args: []physical.Expr{n}, T: n.Type()}, nil
}

func not(p physical.Expr) physical.Expr {
	return &physical.Call{Fn: "not", Args: []physical.Expr{p}, T: types.BooleanType}
}

func notIf(negated bool, p physical.Expr) physical.Expr {
	if negated {
		return not(p)
	}
	return p
}

func (x *exprs) binary(e *ast.Binary) (physical.Expr, error) {
	switch e.Op {
	case "and", "or", "xor":
		return x.logical(e)
	}
	ops, err := x.operands(e.L, e.R)
	if err != nil {
		return nil, err
	}
	switch e.Op {
	case "=", "<>", "<", "<=", ">", ">=", "<=>":
		return compare(e.Op, ops[0], ops[1])
	case "&", "|", "^", "<<", ">>":
		return bits(e.Op, ops...)
	}
	return arithmetic(e, ops[0], ops[1])
}

func (x *exprs) logical(e *ast.Binary) (physical.Expr, error) {
	l, err := x.condition(e.L)
	if err != nil {
		return nil, err
	}
	r, err := x.condition(e.R)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: e.Op, Args: []physical.Expr{l, r}, T: types.BooleanType}, nil
}

// bits binds an operator of 64 bits. The result has no sign, as in MySQL.
func bits(op string, ops ...operand) (physical.Expr, error) {
	call := &physical.Call{Fn: op, T: types.UbigintType}
	for _, o := range ops {
		e, err := bitsOf(o, "`"+op+"`")
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, e)
	}
	return call, nil
}

// bitsOf makes an integer of an operand: one without a sign stays so.
func bitsOf(o operand, what string) (physical.Expr, error) {
	if o.kind() == types.Ubigint {
		return o.e, nil
	}
	return o.as(types.Bigint, what)
}

func compare(op string, l, r operand) (physical.Expr, error) {
	args, _, err := unify("`"+op+"`", []operand{l, r})
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: op, Args: args, T: types.BooleanType}, nil
}

func (x *exprs) between(e *ast.Between) (physical.Expr, error) {
	ops, err := x.operands(e.X, e.Lo, e.Hi)
	if err != nil {
		return nil, err
	}
	lo, err := compare(">=", ops[0], ops[1])
	if err != nil {
		return nil, err
	}
	hi, err := compare("<=", ops[0], ops[2])
	if err != nil {
		return nil, err
	}
	return notIf(e.Not, &physical.Call{Fn: "and", Args: []physical.Expr{lo, hi}, T: types.BooleanType}), nil
}

func (x *exprs) in(e *ast.In) (physical.Expr, error) {
	ops, err := x.operands(append([]ast.Expr{e.X}, e.List...)...)
	if err != nil {
		return nil, err
	}
	args, _, err := unify("IN", ops)
	if err != nil {
		return nil, err
	}
	return notIf(e.Not, &physical.Call{Fn: "in", Args: args, T: types.BooleanType}), nil
}

func (x *exprs) like(e *ast.Like) (physical.Expr, error) {
	ops, err := x.operands(e.X, e.Pattern)
	if err != nil {
		return nil, err
	}
	for i, o := range ops {
		if o.kind() == types.JSON {
			ops[i].e = unquoted(o.e)
		}
	}
	escape := e.Escape
	if escape == 0 {
		escape = '\\'
	}
	args := []physical.Expr{castTo(ops[0].e, types.VarcharType), castTo(ops[1].e, types.VarcharType), text(string(rune(escape)))}
	for _, o := range ops {
		if o.kind() == types.Interval {
			return nil, diag.New(diag.WrongType, o.at, "LIKE takes text, not an INTERVAL")
		}
	}
	return notIf(e.Not, &physical.Call{Fn: "like", Args: args, T: types.BooleanType}), nil
}

func (x *exprs) is(e *ast.Is) (physical.Expr, error) {
	o, err := x.operand(e.X)
	if err != nil {
		return nil, err
	}
	arg := o.e
	if e.What != "null" {
		if arg, err = truth(o); err != nil {
			return nil, err
		}
	}
	if o.kind() == types.Interval {
		return nil, diag.New(diag.WrongType, o.at, "an INTERVAL is never NULL")
	}
	return notIf(e.Not, &physical.Call{Fn: "is_" + e.What, Args: []physical.Expr{arg}, T: types.BooleanType}), nil
}

func (x *exprs) caseWhen(e *ast.Case) (physical.Expr, error) {
	var conds []physical.Expr
	var values []operand
	for _, w := range e.Whens {
		cond, err := x.when(e.Operand, w.Cond)
		if err != nil {
			return nil, err
		}
		then, err := x.operand(w.Then)
		if err != nil {
			return nil, err
		}
		conds, values = append(conds, cond), append(values, then)
	}
	last := operand{&physical.Literal{T: types.NullType}, e.At}
	if e.Else != nil {
		var err error
		if last, err = x.operand(e.Else); err != nil {
			return nil, err
		}
	}
	merged, t, err := merge("CASE", append(values, last))
	if err != nil {
		return nil, err
	}
	if t.Kind == types.Null {
		return &physical.Literal{T: t}, nil
	}
	call := &physical.Call{Fn: "case", T: t}
	for i, c := range conds {
		call.Args = append(call.Args, c, merged[i])
	}
	call.Args = append(call.Args, merged[len(conds)])
	return call, nil
}

// when binds one WHEN: a condition, or a value that the operand is compared with.
func (x *exprs) when(subject, cond ast.Expr) (physical.Expr, error) {
	if subject == nil {
		return x.condition(cond)
	}
	ops, err := x.operands(subject, cond)
	if err != nil {
		return nil, err
	}
	return compare("=", ops[0], ops[1])
}

// unparen takes the parentheses off.
func unparen(e ast.Expr) ast.Expr {
	for {
		p, ok := e.(*ast.Paren)
		if !ok {
			return e
		}
		e = p.X
	}
}
