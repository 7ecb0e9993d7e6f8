package ast

import "weir/sql/types"

// Expr is an expression.
type Expr interface{ Statement }

// Column is a reference to a column.
type Column struct {
	Node
	Table *Name
	Name  Name
}

// LiteralKind is the kind of a literal.
type LiteralKind uint8

// The kinds. A number with a point is a decimal, one with an exponent a float.
const (
	NullLiteral LiteralKind = iota
	BoolLiteral
	IntLiteral
	DecimalLiteral
	FloatLiteral
	StringLiteral
)

// Literal is a constant. Text is the digits, the unescaped string, or TRUE or FALSE.
// Quote is the quote around a string: ' or ". The second is a string in MySQL and a
// name in most other dialects, so the planner can say which was meant.
type Literal struct {
	Node
	Kind  LiteralKind
	Text  string
	Quote byte
}

// Interval is INTERVAL value unit. Months and Micros hold it computed, each signed.
type Interval struct {
	Node
	Text   string // canonical: `INTERVAL 5 SECOND`
	Months int64
	Micros int64
}

// Unary is -x, +x or NOT x. Op is "-", "+" or "not".
type Unary struct {
	Node
	Op string
	X  Expr
}

// Binary is an arithmetic, comparison or logical operator. Op is one of
// + - * / div % = <> < <= > >= <=> and or xor.
type Binary struct {
	Node
	Op   string
	L, R Expr
}

// Between is x [NOT] BETWEEN lo AND hi.
type Between struct {
	Node
	Not       bool
	X, Lo, Hi Expr
}

// In is x [NOT] IN (list).
type In struct {
	Node
	Not  bool
	X    Expr
	List []Expr
}

// Like is x [NOT] LIKE pattern [ESCAPE c]. Escape is 0 where there is none.
type Like struct {
	Node
	Not     bool
	X       Expr
	Pattern Expr
	Escape  byte
}

// Is is x IS [NOT] NULL | TRUE | FALSE. What is "null", "true" or "false".
type Is struct {
	Node
	Not  bool
	X    Expr
	What string
}

// When is one WHEN … THEN … of a CASE.
type When struct{ Cond, Then Expr }

// Case is CASE [operand] WHEN … THEN … [ELSE …] END.
type Case struct {
	Node
	Operand Expr
	Whens   []When
	Else    Expr
}

// Cast is CAST(x AS type).
type Cast struct {
	Node
	X    Expr
	Type types.Type
}

// Call is a function, an aggregate or a window function such as TUMBLE.
// Name.Text is in upper case.
type Call struct {
	Node
	Name     Name
	Args     []Expr
	Star     bool // COUNT(*)
	Distinct bool
}

// Paren is a parenthesised expression, kept so that printing is faithful.
type Paren struct {
	Node
	X Expr
}
