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

// Select is a query. One whose Set is not nil joins two others: then the clauses
// from Distinct to Fill are empty, and those around them belong to the whole.
type Select struct {
	Node
	CTEs     []CTE // WITH name AS (…), …
	Set      *SetOp
	Distinct bool
	Items    []Item
	From     *Table // nil: SELECT of constants
	Where    Expr
	GroupBy  []Expr // a *Window and *GroupingSets may stand among them
	Having   Expr
	Fill     *Fill
	OrderBy  []Order
	Limit    *Limit
	Emit     *Emit
	With     []Option // WITH (start = 'earliest') behind the query
}

// CTE is one `name [(columns)] AS (query)` of WITH. It is seen by the entries
// behind it and by the query.
type CTE struct {
	Node
	Name    Name
	Columns []Name // nil: those of the query
	Query   *Select
}

// SetOp is L UNION [ALL] R.
type SetOp struct {
	Node
	All  bool
	L, R *Select
}

// FillMode tells what a window without rows shows.
type FillMode uint8

// The modes.
const (
	FillNull   FillMode = iota // NULL
	FillPrev                   // what the window before shows
	FillLinear                 // numbers on the line between the neighbours that have rows
	FillValue                  // Fill.Value
)

// Fill is FILL(NULL | PREV | LINEAR | value).
type Fill struct {
	Node
	Mode  FillMode
	Value Expr // of FillValue
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
	Name  Name // empty for a derived table
	File  bool
	Query *Select // (SELECT …) AS alias; nil: Name
	// Window is set for TABLE(TUMBLE(TABLE name, …)): each row once for every window
	// that it is in, with the columns window_start, window_end and window_time
	// behind its own.
	Window *Window
	Alias  *Name
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
	EmitEvery                  // like EmitChanges, but only when the log's clock passes multiples of Emit.Every
)

// Emit is EMIT … [ALLOWED LATENESS …].
type Emit struct {
	Node
	Mode     EmitMode
	Every    *Interval // of EmitEvery
	Lateness *Interval // nil: none
	// Delay holds the query's watermark back, and with it the moment when windows
	// close: ksqlDB's GRACE PERIOD with EMIT FINAL, Proton's WITH DELAY. nil: none
	Delay *Interval
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
	OrReplace   bool // a stream that is the same stays
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

// Insert is INSERT INTO stream: a query that goes on, or rows written out.
type Insert struct {
	Node
	Into    Name
	Columns []Name   // nil: all that are sent, in order
	Query   *Select  // nil: Rows
	Rows    [][]Expr // VALUES (…), …
	Called  *Name    // what the continuous query is called (CREATE PUMP name); nil: weir finds a name
	Replace bool     // CREATE OR REPLACE PUMP
	Text    string   // the whole statement
}

// AlterStream is ALTER STREAM name END: no more records will come; or ALTER STREAM
// name SET (option = value, …).
type AlterStream struct {
	Node
	Name Name
	End  bool
	Set  []Option // where there is no End
}

// Subscribe is SUBSCRIBE TO name [WITH (SNAPSHOT, PROGRESS)] [AS OF position], or
// SUBSCRIBE (SELECT …) and the same behind it.
type Subscribe struct {
	Node
	Name     Name    // of a stream or view, where there is no Query
	Query    *Select // nil: Name
	Snapshot *bool   // nil: not said
	Progress bool
	AsOf     *Name // the text of a position; nil: now
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
	PumpObject       ObjectKind = "PUMP"        // SHOW PUMPS: the queries of INSERT INTO … SELECT
	ProcessList      ObjectKind = "PROCESSLIST" // SHOW PROCESSLIST: the queries of clients
)

// Drop is DROP kind [IF EXISTS] name.
type Drop struct {
	Node
	Kind     ObjectKind
	IfExists bool
	Name     Name
}

// Show is SHOW STREAMS | VIEWS | QUERIES | PUMPS | SINKS [LIKE 'pattern'], or SHOW
// [FULL] PROCESSLIST.
type Show struct {
	Node
	Kind ObjectKind
	Like *string
}

// Kill is KILL [QUERY] id: it ends a query of a client.
type Kill struct {
	Node
	ID uint32
}

// Describe is DESCRIBE name.
type Describe struct {
	Node
	Name Name
	File bool
}

// ShowCreate is SHOW CREATE [kind] name, or, of a file, the stream that it would be.
type ShowCreate struct {
	Node
	Name Name
	File bool
}

// ExplainMode is what EXPLAIN prints.
type ExplainMode uint8

// The modes.
const (
	ExplainPlan      ExplainMode = iota
	ExplainRewrite               // what the pre-pass changed
	ExplainAnalyze               // the plan with what its operators did
	ExplainWatermark             // EXPLAIN WATERMARK FOR QUERY name: what holds its windows back
)

// Explain is EXPLAIN [REWRITE | ANALYZE] statement, or, with Query, EXPLAIN
// WATERMARK FOR QUERY name or EXPLAIN ANALYZE QUERY name. Rewrites is filled by the parser.
type Explain struct {
	Node
	Mode      ExplainMode
	Statement Statement // nil: Query
	Query     *Name
	Rewrites  []Rewrite
}

// Rewrite is one change that the pre-pass made in front of the parser.
type Rewrite struct {
	Node
	From, To string // of equal length
	Why      string
}
