package ast

import (
	"weir/sql/diag"
	"weir/sql/types"
)

// Statement is one statement.
type Statement interface{ Span() diag.Span }

// Node is embedded by everything that stands somewhere in the text.
type Node struct{ At diag.Span }

// Span returns where the node stands.
func (n Node) Span() diag.Span { return n.At }

// Name is an identifier as the user spelled it, without quotes.
type Name struct {
	Node
	Text string
}

// Select is a query.
type Select struct {
	Node
	Distinct bool
	Items    []Item
	From     *Table // nil: SELECT of constants
	Where    Expr
	GroupBy  []Expr
	Having   Expr
	OrderBy  []Order
	Limit    *Limit
	Emit     *Emit
	With     []Option // WITH (start = 'earliest') behind the query
}

// Item is one entry of the select list: `*`, `t.*`, or an expression.
type Item struct {
	Node
	Star  bool
	Table *Name // of `t.*`
	Expr  Expr
	Alias *Name
	// Text is the expression as written, which names the column when there is no alias.
	Text string
}

// Table is a relation in FROM. File is set for FROM 'path' and for FROM stdin.
type Table struct {
	Node
	Name  Name
	File  bool
	Alias *Name
}

// Order is one entry of ORDER BY.
type Order struct {
	Node
	Expr Expr
	Desc bool
}

// Limit is LIMIT count [OFFSET offset].
type Limit struct {
	Node
	Count, Offset int64
}

// EmitMode tells when results leave.
type EmitMode uint8

// The modes. EmitDefault is ON WINDOW CLOSE where there is a window, else CHANGES.
const (
	EmitDefault       EmitMode = iota
	EmitOnWindowClose          // once, when the watermark has passed the window
	EmitChanges                // at every step: the row that leaves, then the one that enters
	EmitOnUpdate               // at every step: the last row of each key
)

// Emit is EMIT … [ALLOWED LATENESS …].
type Emit struct {
	Node
	Mode     EmitMode
	Lateness *Interval // nil: none
}

// Option is one `name = value` of WITH (…). Value is the text of a string,
// number or word.
type Option struct {
	Node
	Name  Name
	Value Name
}

// CreateStream is CREATE STREAM.
type CreateStream struct {
	Node
	IfNotExists bool
	Name        Name
	Columns     []ColumnDef // empty: infer from the file
	Watermark   *Watermark
	With        []Option
	Text        string // the whole statement
}

// ColumnDef is a column of CREATE STREAM.
type ColumnDef struct {
	Node
	Name Name
	Type types.Type
	// Generated computes the column from those that are sent; nil: it is sent itself.
	Generated Expr
}

// Watermark is WATERMARK FOR column AS expr.
type Watermark struct {
	Node
	Column Name
	Expr   Expr
}

// CreateView is CREATE [MATERIALIZED] VIEW.
type CreateView struct {
	Node
	Materialized bool
	OrReplace    bool
	IfNotExists  bool
	Name         Name
	With         []Option
	Query        *Select
	Text         string // the whole statement
}

// CreateSink is CREATE SINK: what it delivers is a view, or the query behind AS.
type CreateSink struct {
	Node
	IfNotExists bool
	Name        Name
	From        *Name   // the view; nil: Query
	Query       *Select // nil: From. Its own options are in With.
	With        []Option
	Text        string // the whole statement
}

// ObjectKind is what SHOW, DROP and DESCRIBE speak of.
type ObjectKind string

// The kinds. AnyObject is for DESCRIBE x and SHOW CREATE x.
const (
	AnyObject        ObjectKind = ""
	StreamObject     ObjectKind = "STREAM"
	ViewObject       ObjectKind = "VIEW"
	MaterializedView ObjectKind = "MATERIALIZED VIEW"
	QueryObject      ObjectKind = "QUERY"
	SinkObject       ObjectKind = "SINK"
)

// Drop is DROP kind [IF EXISTS] name.
type Drop struct {
	Node
	Kind     ObjectKind
	IfExists bool
	Name     Name
}

// Show is SHOW STREAMS | VIEWS | QUERIES | SINKS [LIKE 'pattern'].
type Show struct {
	Node
	Kind ObjectKind
	Like *string
}

// Describe is DESCRIBE name.
type Describe struct {
	Node
	Name Name
	File bool
}

// ShowCreate is SHOW CREATE [kind] name.
type ShowCreate struct {
	Node
	Name Name
}

// ExplainMode is what EXPLAIN prints.
type ExplainMode uint8

// The modes.
const (
	ExplainPlan    ExplainMode = iota
	ExplainRewrite             // what the pre-pass changed
)

// Explain is EXPLAIN [REWRITE] statement. Rewrites is filled by the parser.
type Explain struct {
	Node
	Mode      ExplainMode
	Statement Statement
	Rewrites  []Rewrite
}

// Rewrite is one change that the pre-pass made in front of the parser.
type Rewrite struct {
	Node
	From, To string // of equal length
	Why      string
}
