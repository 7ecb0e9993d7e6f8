package physical

import "weir/sql/types"

// Expr is a typed expression over the columns of a node's input.
type Expr interface {
	Type() types.Type
	isExpr()
}

// Column reads an input column.
type Column struct {
	Index int
	T     types.Type
	Name  string // for printing only
}

// Literal is a constant. Value is nil for NULL, else by kind: bool, int64
// (integers; DATE in days; TIME and DATETIME in microseconds), uint64 (BIGINT
// UNSIGNED), float64, string (VARBINARY too), decimal128.Num (scaled by T.Scale), Span (INTERVAL).
type Literal struct {
	T     types.Type
	Value any
}

// Span is the value of an INTERVAL: calendar months and microseconds, each signed.
type Span struct {
	Months int64
	Micros int64
}

// Call applies a function or an operator. The planner has inserted casts, so
// that the arguments have exactly the kinds that the function's signature
// names; Fn is its canonical lower-case name ("+", "=", "and", "concat", …).
// Special forms: "case" has (when, then)…, else; "in" has the value, then the
// list; "cast" has one argument and T is the target; "date_add" has a time and
// an INTERVAL literal.
type Call struct {
	Fn   string
	Args []Expr
	T    types.Type
}

// Type returns the column's type.
func (c *Column) Type() types.Type { return c.T }

// Type returns the literal's type.
func (l *Literal) Type() types.Type { return l.T }

// Type returns the result's type.
func (c *Call) Type() types.Type { return c.T }

func (*Column) isExpr()  {}
func (*Literal) isExpr() {}
func (*Call) isExpr()    {}
