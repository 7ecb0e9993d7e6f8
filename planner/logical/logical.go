package logical

import (
	"fmt"
	"strings"
	"time"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// Node is one relational operator.
type Node interface {
	// Schema is the columns that the node produces.
	Schema() stream.Schema
	// Input is the node below, nil for a Scan; of a Union it is the first: see Inputs.
	Input() Node
	// describe is the node on one line.
	describe() string
}

// Scan reads one relation: every declared column, then the hidden ones.
type Scan struct {
	Kind            physical.SourceKind
	Relation        string
	Columns         stream.Schema
	Positions       []int // where Columns stand in the relation; nil: Columns are all of it
	Hidden          []physical.Hidden
	EventTime       physical.Expr // over Schema(), DATETIME; nil: none is known
	Watermark       physical.Expr // over Schema(), DATETIME; nil: none before the end
	Bounded         bool
	IdleTimeout     time.Duration
	IdleAdvance     time.Duration
	FutureTolerance time.Duration
	FromOldest      bool
	// Key is the columns that identify a row, nil if the relation is a bag.
	Key []int
}

// Union is the rows of all its inputs, which have the same columns.
type Union struct{ Ins []Node }

// Filter keeps the rows for which Pred is true.
type Filter struct {
	In   Node
	Pred physical.Expr
}

// Project computes columns.
type Project struct {
	In    Node
	Exprs []physical.Expr
	Names []string
}

// Agg is one aggregate. Args stand for the columns of the physical one: they are
// the arguments, what orders the rows, and the filter.
type Agg struct {
	physical.Agg // its Args and In are empty
	Args         []physical.Expr
	Name         string
}

// Aggregate groups by keys and, unless Window.Kind is None, by windows.
type Aggregate struct {
	In       Node
	Window   windows.Spec
	Time     physical.Expr // the event time, DATETIME; nil without a window
	W        physical.Expr // the hidden column `$w`; nil without a window, or where In's rows are groups
	Hold     time.Duration // where W is nil: that of physical.Stamp
	Inner    bool          // Window is not seen: it closes groups by a key that is the window of In
	Lateness time.Duration
	Updates  bool // rows leave as they change
	Retracts bool // the input takes rows back
	Keys     []physical.Expr
	KeyNames []string
	// Sets are the grouping sets: bit i says that a set has Keys[i]. The last key,
	// which is none of them, is a call of SetKey: the number of the set. nil: none.
	Sets []uint64
	Aggs []Agg
}

// SetKey is the function that stands for the number of a row's grouping set.
const SetKey = "$set"

// WindowRows shows each row once for every window that Time is in; the bounds of
// the window stand behind the columns of the input.
type WindowRows struct {
	In     Node
	Window windows.Spec
	Time   physical.Expr
}

// Fill adds the windows without rows of each group of an aggregation. Values are
// filled in once all aggregates are known.
type Fill struct {
	In     *Aggregate
	Mode   physical.FillMode
	Value  physical.Expr   // of FillValue, a constant
	Values []physical.Expr // of FillValue, one for each aggregate
}

// Sort orders a bounded input and keeps Limit rows after Offset; Limit < 0 keeps all.
type Sort struct {
	In     Node
	Keys   []physical.SortKey
	Limit  int64
	Offset int64
}

// Limit passes Count rows after Offset.
type Limit struct {
	In     Node
	Count  int64
	Offset int64
}

// Schema is the declared columns, then the hidden ones.
func (s *Scan) Schema() stream.Schema {
	out := append(stream.Schema(nil), s.Columns...)
	for _, h := range s.Hidden {
		out = append(out, h.Field())
	}
	return out
}

// Schema is that of the first input.
func (u *Union) Schema() stream.Schema { return u.Ins[0].Schema() }

// Input returns the first node below; see Inputs.
func (u *Union) Input() Node { return u.Ins[0] }

func (u *Union) describe() string { return "Union" }

// Schema is that of the input.
func (f *Filter) Schema() stream.Schema { return f.In.Schema() }

// Schema is that of the input, and the bounds of a window.
func (w *WindowRows) Schema() stream.Schema {
	return append(append(stream.Schema(nil), w.In.Schema()...), physical.WindowFields(w.Window)...)
}

// Schema is one column per expression.
func (p *Project) Schema() stream.Schema {
	out := make(stream.Schema, len(p.Exprs))
	for i, e := range p.Exprs {
		out[i] = stream.Field{Name: p.Names[i], Type: e.Type()}
	}
	return out
}

// Schema is `window_start` and `window_end` where there is a window, the keys, the aggregates.
func (a *Aggregate) Schema() stream.Schema {
	agg := physical.WindowAgg{Window: a.Window, KeyNames: a.KeyNames}
	for _, k := range a.Keys {
		agg.KeyTypes = append(agg.KeyTypes, k.Type())
	}
	for _, g := range a.Aggs {
		shown := g.Agg
		for _, e := range g.Args {
			shown.In = append(shown.In, e.Type())
		}
		agg.Aggs = append(agg.Aggs, shown)
		agg.AggNames = append(agg.AggNames, g.Name)
	}
	return (&physical.WindowFinal{WindowAgg: agg}).Schema()
}

// Position returns where column i stands in the relation.
func (s *Scan) Position(i int) int {
	if s.Positions == nil {
		return i
	}
	return s.Positions[i]
}

// FirstKey is the position of the first group key in Schema().
func (a *Aggregate) FirstKey() int {
	if a.Window.Kind == windows.None {
		return 0
	}
	return 2
}

// Rows returns the aggregate that is the rows themselves, nil if there is none.
func (a *Aggregate) Rows() *Agg {
	if len(a.Aggs) == 1 && a.Aggs[0].Fn == physical.AggRows {
		return &a.Aggs[0]
	}
	return nil
}

// FirstAgg is the position of the first aggregate in Schema().
func (a *Aggregate) FirstAgg() int { return a.FirstKey() + len(a.Keys) }

// Schema is that of the input.
func (f *Fill) Schema() stream.Schema { return f.In.Schema() }

// Input returns the node below.
func (f *Fill) Input() Node { return f.In }

func (f *Fill) describe() string {
	return physical.Describe(&physical.Fill{Mode: f.Mode, Values: f.Values})
}

// Schema is that of the input.
func (s *Sort) Schema() stream.Schema { return s.In.Schema() }

// Schema is that of the input.
func (l *Limit) Schema() stream.Schema { return l.In.Schema() }

// Input returns nil.
func (s *Scan) Input() Node { return nil }

// Input returns the node below.
func (f *Filter) Input() Node { return f.In }

// Input returns the node below.
func (p *Project) Input() Node { return p.In }

// Input returns the node below.
func (w *WindowRows) Input() Node { return w.In }

// Input returns the node below.
func (a *Aggregate) Input() Node { return a.In }

// Input returns the node below.
func (s *Sort) Input() Node { return s.In }

// Input returns the node below.
func (l *Limit) Input() Node { return l.In }

// Print returns the tree, one node a line, inputs below what reads them.
func Print(root Node) string {
	var b strings.Builder
	printTree(&b, root, 0)
	return b.String()
}

func printTree(b *strings.Builder, n Node, depth int) {
	fmt.Fprintf(b, "%s%s\n", strings.Repeat("  ", depth), n.describe())
	for _, in := range Inputs(n) {
		printTree(b, in, depth+1)
	}
}

func (s *Scan) describe() string {
	out := "Scan " + s.Relation + " [" + strings.Join(s.Schema().Names(), ", ") + "]"
	if s.EventTime != nil {
		out += " event time " + physical.Format(s.EventTime)
	}
	return out
}

func (f *Filter) describe() string { return "Filter " + physical.Format(f.Pred) }

func (p *Project) describe() string {
	return physical.Describe(&physical.Project{Exprs: p.Exprs, Names: p.Names})
}

func (w *WindowRows) describe() string {
	return "WindowRows " + physical.FormatWindow(w.Window) + " on " + physical.Format(w.Time)
}

func (a *Aggregate) describe() string {
	out := "Aggregate " + physical.FormatWindow(a.Window)
	if a.Time != nil {
		out += " on " + physical.Format(a.Time)
	}
	for i, k := range a.Keys {
		out += fmt.Sprintf(" key %s AS %s", physical.Format(k), physical.FormatName(a.KeyNames[i]))
	}
	for _, g := range a.Aggs {
		out += " " + g.Name
	}
	return out
}

func (s *Sort) describe() string {
	return fmt.Sprintf("Sort %v limit %d offset %d", s.Keys, s.Limit, s.Offset)
}

func (l *Limit) describe() string { return fmt.Sprintf("Limit %d offset %d", l.Count, l.Offset) }
