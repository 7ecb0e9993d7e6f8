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
	BytesLiteral // X'4D', 0x4D, B'01': Text is the bytes in hexadecimal
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
// Where the value is no constant, Value and Unit hold it, and Text is empty.
type Interval struct {
	Node
	Text   string // canonical: `INTERVAL 5 SECOND`
	Months int64
	Micros int64
	Value  Expr
	Unit   string // in upper case and singular
}

// Unary is -x, +x, ~x or NOT x. Op is "-", "+", "~" or "not".
type Unary struct {
	Node
	Op string
	X  Expr
}

// Binary is an arithmetic, comparison or logical operator. Op is one of
// + - * / div % & | ^ << >> = <> < <= > >= <=> and or xor.
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

// Cast is CAST(x AS type). Try is set for TRY_CAST, whose failures are expected.
type Cast struct {
	Node
	X    Expr
	Type types.Type
	Try  bool
}

// Call is a function or an aggregate. Name.Text is in upper case. What stands
// behind Distinct is for aggregates only. A unit of time among the arguments is a
// string in upper case and singular, where it was written: EXTRACT(EPOCH FROM ts)
// has the arguments 'EPOCH' and ts, FLOOR(ts TO HOUR) has ts and 'HOUR'. TRIM, LTRIM
// and RTRIM of two arguments are TRIM(BOTH | LEADING | TRAILING part FROM text): the
// text, then the part.
type Call struct {
	Node
	Name        Name
	Args        []Expr
	Star        bool // COUNT(*)
	Distinct    bool
	Filter      Expr     // FILTER (WHERE …)
	OrderBy     []Order  // ORDER BY inside the parentheses, or WITHIN GROUP (ORDER BY …)
	WithinGroup bool     // OrderBy stood in WITHIN GROUP
	Separator   *Literal // of GROUP_CONCAT
	IgnoreNulls bool     // IGNORE NULLS
}

// WindowKind is a family of windows.
type WindowKind uint8

// The families.
const (
	Tumble      WindowKind = iota // side by side
	Hop                           // of Size, begun every Slide
	Session                       // as long as rows of a group come within Gap
	Cumulate                      // growing by Slide up to Size
	Stagger                       // of Size, begun by the first row of a group
	CountWindow                   // of Rows rows of a group, begun every Every rows
)

// Window is a window clause, whichever of its spellings was typed: an entry of
// GROUP BY, or what a Table goes through.
type Window struct {
	Node
	Kind WindowKind
	Time Expr // nil: the event time of the relation
	// Size is the length. Of Session it is the greatest one (nil: none), of
	// Cumulate the one at which it begins anew.
	Size      *Interval
	Slide     *Interval // of Hop and Cumulate
	Gap       *Interval // of Session
	Offset    *Interval // nil: none
	Zone      *Literal  // the name of a time zone; nil: UTC
	Rows      int64     // of CountWindow
	Every     int64     // of CountWindow
	Partition []Expr    // PARTITION BY in a table function or in STAGGER: further group keys
	// Named is set where SLIDE and SIZE were told apart by name, so that a slide
	// may be longer than the size.
	Named bool
}

// WindowBound is a bound of the query's window as a function: TUMBLE_START(…),
// HOP_END(…), WINDOW_TIME(). Bound is "window_start", "window_end" or "window_time".
type WindowBound struct {
	Node
	Bound string
	Of    *Window // the window in the parentheses, which must be the query's; nil: none was written
}

// GroupingSets is ROLLUP(…), CUBE(…) or GROUPING SETS (…) in GROUP BY, written out
// as the sets that it stands for: of ROLLUP(a, b) these are (a, b), (a) and ().
type GroupingSets struct {
	Node
	Sets [][]Expr
}

// Paren is a parenthesised expression, kept so that printing is faithful.
type Paren struct {
	Node
	X Expr
}
