package physical

import (
	"time"

	"weir/operators/stream"
	"weir/sql/types"
	"weir/windows"
)

// Version is the version of the plan format and of what plans mean.
const Version = 1

// Plan is a whole query.
type Plan struct {
	Version int
	Root    Node
	// Key is the columns of the output that identify a row, or nil if the
	// output is a bag.
	Key []int
	// AppendOnly is set if no row is ever retracted.
	AppendOnly bool
	// Emit is how the changes are shown where they leave the engine.
	Emit EmitMode
	// Every is how far apart the times are at which changes leave, by the log's clock;
	// 0: they leave at each cut.
	Every time.Duration
	// Bounded is set if the input ends by itself: a file, stdin, a view's content.
	Bounded bool
	// TimeColumn is the output column to draw along the x axis (window_start,
	// else the event time), or -1.
	TimeColumn int
	// EventTime is the output column by which rows grow old: window_start,
	// window_end or the event time of the input; -1 where none of them is shown.
	EventTime int
}

// EmitMode tells which rows of a changelog a reader sees who gets rows one after
// the other. Who keeps a table (a view, a subscriber) gets all changes anyway.
type EmitMode uint8

// The modes.
const (
	EmitRows    EmitMode = iota // rows that enter; those that leave are not shown
	EmitChanges                 // rows that leave are shown, too, marked as such
	EmitUpdates                 // the last row of each key; rows that leave are not shown
)

// Node is one operator of a plan.
type Node interface {
	// Schema is the columns that the node emits.
	Schema() stream.Schema
	// Input is the node that feeds this one, nil for a Scan; of a Union it is the
	// first one: see Inputs.
	Input() Node
}

// Hidden is a column that every stream has beside the declared ones, or that
// the engine computes in front of the first operator.
type Hidden uint8

// The hidden columns.
const (
	HiddenArrival Hidden = iota // `_arrival` DATETIME(6): when the row's commit was made
	HiddenShard                 // `_shard` BIGINT
	HiddenSeq                   // `_seq` BIGINT: the row's sequence in its shard
	HiddenW                     // `$w` DATETIME(6): the shard's watermark before the row (stream.MinTime: none yet)
	HiddenSub                   // `_sub` BIGINT: the row's place among the rows of its record, from 0
	HiddenWhy                   // `$why` VARCHAR: why the record did not decode; NULL: it did. Without it there is no row for it
)

// SourceKind tells where a Scan reads.
type SourceKind uint8

// The kinds of sources.
const (
	SourceStream SourceKind = iota // shards of the log
	SourceFile                     // a file or stdin
	SourceView                     // what a materialized view holds at this moment
	SourceOne                      // one row without columns: a SELECT without FROM
)

// Scan reads declared columns of one relation, then hidden ones.
type Scan struct {
	Kind     SourceKind
	Relation string        // name in the catalog, or the file's path
	Columns  []int         // which declared columns, by position in the relation
	Fields   stream.Schema // their names and types, in the order of Columns
	Hidden   []Hidden      // appended behind Columns
	// EventTime computes a row's event time over Schema(), nil if the scan needs
	// none. Rows where it is NULL or lies beyond FutureTolerance are errors.
	EventTime Expr
	// Watermark computes what a row says about event time, over Schema(); nil if
	// there is no watermark before the end of the input.
	Watermark       Expr
	IdleTimeout     time.Duration // 0: a shard is never idle
	IdleAdvance     time.Duration
	FutureTolerance time.Duration
	// FromOldest is set if the stream is read from its oldest record on, whatever
	// the query's start: rows in front of that move the watermark, and nobody sees
	// them.
	FromOldest bool
}

// Filter keeps the rows for which Pred is true.
type Filter struct {
	In   Node
	Pred Expr
}

// Project computes columns.
type Project struct {
	In    Node
	Exprs []Expr
	Names []string
}

// WindowRows shows each row once for every window that Time is in: the columns of
// the input, then window_start, window_end and window_time.
type WindowRows struct {
	In     Node
	Window windows.Spec
	Time   Expr // DATETIME, over the input
}

// WindowTimeBefore is how long before its end the window_time of a window is.
const WindowTimeBefore = time.Millisecond

// WindowAgg is what both halves of a windowed aggregation share.
type WindowAgg struct {
	Window   windows.Spec
	Lateness time.Duration // how long a fired window is still refined
	// Updates is set if the current rows leave at every cut, as they change. Else
	// they leave once it is known what they are: when the window fires, or, without
	// one, at the end of the input.
	Updates bool
	// Retracts is set if the input takes rows back: batches have Ops. A group whose
	// last row was taken back leaves.
	Retracts bool
	Keys     []int // columns of the partial's input
	Aggs     []Agg
	KeyNames []string
	AggNames []string
	KeyTypes []types.Type
}

// WindowPartial is the lane's half: it judges lateness row by row, and
// aggregates per (slice, first window end that the row still counts for).
// Without a window nothing is late.
type WindowPartial struct {
	In      Node
	TimeCol int // the event time, DATETIME; -1 if Window.Kind is None
	WCol    int // HiddenW; -1 if Window.Kind is None
	WindowAgg
}

// Exchange brings the lanes together, in shard order, at each cut.
type Exchange struct{ In Node }

// Union passes the rows of all its inputs, whose columns have the same types. In
// front of the exchange it costs nothing: the lanes of all run side by side.
type Union struct{ Ins []Node }

// Expand repeats each row for each grouping set, with the keys that the set leaves
// out as NULL, and appends the number of the set: `$set` BIGINT. Bit i of a set says
// that it has Keys[i]. It stands right in front of a WindowPartial; what the ledger
// counts are the rows before.
type Expand struct {
	In   Node
	Keys []int
	Sets []uint64
}

// HoldToEnd is the Hold of a Stamp whose watermark waits for the end of the input.
const HoldToEnd time.Duration = -1

// Stamp appends `$w` to rows that are results themselves: the watermark of the cut
// before the one that they leave at, less Hold. It holds the watermark back by
// Hold. planner's `again` says why no row is late by it.
type Stamp struct {
	In   Node
	Hold time.Duration
}

// WindowFinal is the query's half: it combines slices to windows and fires them,
// or keeps the current row of every group and emits how it changes. It emits
// `window_start`, `window_end` (unless Window.Kind is None), the keys, the
// aggregates.
type WindowFinal struct {
	In Node
	WindowAgg
}

// FillMode tells what a window without rows shows.
type FillMode uint8

// The modes.
const (
	FillNull   FillMode = iota
	FillPrev            // what the group's window before shows
	FillLinear          // numbers on the line to the group's next window with rows, else NULL
	FillValue           // Fill.Values
)

// Fill adds, for each group, the windows without rows behind its first one. It
// stands right behind a WindowFinal, over windows of a grid that never change.
type Fill struct {
	In     Node
	Window windows.Spec
	Keys   int // how many columns behind the bounds are the group
	Mode   FillMode
	Values []Expr // of FillValue: constants, one for each column behind the keys
}

// SortKey orders by one output column. NULLs come first ascending, last descending.
type SortKey struct {
	Column int
	Desc   bool
}

// Sort orders a bounded input and keeps Limit rows after Offset. Limit < 0 keeps all.
type Sort struct {
	In     Node
	Keys   []SortKey
	Limit  int64
	Offset int64
}

// Limit passes Count rows after Offset and then wants no more.
type Limit struct {
	In     Node
	Count  int64
	Offset int64
}
