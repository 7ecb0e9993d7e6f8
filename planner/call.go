package planner

import (
	"fmt"
	"strconv"
	"strings"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// call binds a function or an aggregate.
func (x *exprs) call(c *ast.Call) (physical.Expr, error) {
	if err := missingCall(c); err != nil {
		return nil, err
	}
	name := strings.ToUpper(c.Name.Text)
	if isGrouping(c) {
		return x.groupingOf(c)
	}
	if isAggregate(c) {
		if x.g != nil {
			return x.g.aggregate(x, c)
		}
		return nil, x.noAggregate(c)
	}
	f, ok := x.b.functions[name]
	if !ok {
		return nil, x.unknownFunction(c, name)
	}
	if c.Star || c.Distinct {
		return nil, diag.New(diag.WrongArguments, c.At, "%s is no aggregate", name)
	}
	if len(c.Args) < f.min || f.max >= 0 && len(c.Args) > f.max {
		return nil, diag.New(diag.WrongArguments, c.At, "%s takes %s, not %d", name, f.arity(), len(c.Args)).
			WithHint("write %s%s", name, f.usage)
	}
	if f.raw != nil {
		return f.raw(x, c, f)
	}
	args, err := x.operands(c.Args...)
	if err != nil {
		return nil, err
	}
	if f.bind != nil {
		return f.bind(x, c, f, args)
	}
	return f.apply(name, args)
}

// arity says how many arguments a function takes.
func (f function) arity() string {
	plural := func(n int) string {
		if n == 1 {
			return "1 argument"
		}
		return fmt.Sprintf("%d arguments", n)
	}
	switch {
	case f.max < 0:
		return "at least " + plural(f.min)
	case f.min == f.max:
		return plural(f.min)
	case f.max > f.min+1:
		return fmt.Sprintf("%d to %s", f.min, plural(f.max))
	}
	return fmt.Sprintf("%d or %s", f.min, plural(f.max))
}

// noAggregate refuses an aggregate where rows are not grouped yet.
func (x *exprs) noAggregate(c *ast.Call) error {
	err := diag.New(diag.GroupMisuse, c.At, "an aggregate cannot stand in %s", x.clause)
	if x.clause == generatedClause {
		return err.WithHint("it is computed from one record; aggregate in the query")
	}
	if x.clause == "WHERE" {
		return err.WithHint("WHERE runs before rows are grouped; write the condition in HAVING")
	}
	return err
}

// apply converts the arguments to the kinds that the signature names.
func (f function) apply(name string, args []operand) (physical.Expr, error) {
	out := make([]physical.Expr, 0, len(args)+len(f.rest))
	for i, a := range args {
		want := f.params[min(i, len(f.params)-1)]
		e, err := a.as(want, name)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	if missing := f.max - len(args); missing > 0 && missing <= len(f.rest) {
		out = append(out, f.rest[len(f.rest)-missing:]...)
	}
	return &physical.Call{Fn: f.fn, Args: out, T: f.result}, nil
}

// as converts an argument to a kind, if that makes sense.
func (o operand) as(want types.Kind, name string) (physical.Expr, error) {
	have := o.e.Type()
	if have.Kind == types.Interval {
		return nil, diag.New(diag.WrongType, o.at, "%s does not take an INTERVAL", name)
	}
	switch want {
	case types.Varchar, types.Varbinary:
		if have.Kind == types.JSON {
			return unquoted(o.e), nil
		}
		if want == types.Varbinary && have.Kind == types.Varbinary {
			return o.e, nil
		}
		return castTo(o.e, types.VarcharType), nil
	case types.Bigint, types.Double:
		m, err := meant(o, types.Type{Kind: want})
		if err != nil {
			return nil, err
		}
		n, err := number(m, name)
		if err != nil {
			return nil, err
		}
		return castTo(n, types.Type{Kind: want}), nil
	case types.Datetime:
		switch {
		case have.Kind == types.Datetime:
			return o.e, nil
		case have.Kind == types.Date:
			return castTo(o.e, types.DatetimeType(0)), nil
		case have.Kind == types.JSON:
			return castTo(unquoted(o.e), types.DatetimeType(6)), nil
		case have.Kind == types.Varchar || have.Kind == types.Null:
			m, err := meant(o, types.DatetimeType(0))
			if err != nil {
				return nil, err
			}
			return castTo(m.e, types.DatetimeType(6)), nil
		}
		return nil, diag.New(diag.WrongType, o.at, "%s takes a time, this is a %s", name, have).
			WithHint("FROM_UNIXTIME(…) makes a time of epoch seconds")
	}
	return nil, diag.New(diag.Internal, o.at, "no conversion to kind %d", want)
}

// cast binds CAST(x AS type), and TRY_CAST, whose failures are not counted.
func (x *exprs) cast(e *ast.Cast) (physical.Expr, error) {
	o, err := x.operand(e.X)
	if err != nil {
		return nil, err
	}
	if to := e.Type.Kind; o.kind() == types.JSON && to != types.JSON && to != types.Varchar {
		o.e = unquoted(o.e) // a number in a JSON string is one, too
	}
	from, to := o.e.Type(), e.Type
	if err := castable(from, to, e.At); err != nil {
		return nil, err
	}
	if from == to {
		return o.e, nil
	}
	fn := "cast"
	if e.Try {
		fn = "try_cast"
	}
	return &physical.Call{Fn: fn, Args: []physical.Expr{o.e}, T: to}, nil
}

// castable tells whether values of a type can be cast to another.
func castable(from, to types.Type, at diag.Span) error {
	bad := from.Kind == types.Interval || to.Kind == types.Interval || to.Kind == types.Null || to.Kind == types.Invalid
	if from.Kind == types.Varbinary && to.Kind == types.JSON {
		return diag.New(diag.WrongType, at, "a %s cannot be cast to JSON", from).WithHint("write CAST(CAST(… AS VARCHAR) AS JSON) for bytes that are text")
	}
	if to.Kind == types.JSON && from.Kind != types.Varchar && from.Kind != types.Null && from.Kind != types.JSON {
		return diag.New(diag.WrongType, at, "a %s cannot be cast to JSON", from).WithHint("text that holds JSON can")
	}
	number := func(t types.Type) bool { return t.IsNumeric() || t.Kind == types.Boolean }
	clock := func(t types.Type) bool { return t.IsTime() || t.Kind == types.Time }
	if bad || number(from) && clock(to) || clock(from) && number(to) || from.Kind == types.Time && to.IsTime() {
		err := diag.New(diag.WrongType, at, "a %s cannot be cast to %s", from, to)
		switch {
		case from.Kind == types.Time && to.IsTime():
			return err.WithHint("a TIME has no day")
		case from.Kind == types.Time:
			return err.WithHint("CAST(… AS VARCHAR) gives its text")
		case to.Kind == types.Time:
			return err.WithHint("text that reads HH:MM:SS can")
		case from.IsNumeric() && to.IsTime():
			return err.WithHint("FROM_UNIXTIME(…) makes a time of epoch seconds")
		case from.IsTime() && to.IsNumeric():
			return err.WithHint("UNIX_TIMESTAMP(…) gives the seconds since 1970")
		}
		return err
	}
	return nil
}

// stringLiteral binds text. In double quotes it is text too, as in MySQL, unless
// it reads like a column: then somebody means the column.
func (x *exprs) stringLiteral(l *ast.Literal) (physical.Expr, error) {
	if l.Quote == '"' && x.s != nil {
		c := &ast.Column{Node: l.Node, Name: ast.Name{Node: l.Node, Text: l.Text}}
		if found, err := x.s.lookup(c); found != nil || err != nil {
			return nil, diag.New(diag.UnknownColumn, l.At, "%s in double quotes is a text, and there is a column of that name", strconv.Quote(l.Text)).
				WithLabel("text or column?").
				WithHint("write `%s` for the column, '%s' for the text", l.Text, strings.ReplaceAll(l.Text, "'", "''"))
		}
	}
	return text(l.Text), nil
}
