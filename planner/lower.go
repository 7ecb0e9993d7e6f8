package planner

import (
	"slices"
	"strings"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// lower decides how to run the tree, and derives what is known of its result.
func lower(root logical.Node) (*physical.Plan, error) {
	scan := logical.ScanOf(root)
	p := &physical.Plan{
		Version: physical.Version, AppendOnly: appendOnly(root), Bounded: scan.Bounded,
		Key: keyOf(root),
	}
	p.TimeColumn, p.EventTime = timeColumn(root)
	l := &lowering{}
	p.Root = l.node(root)
	return p, nil
}

type lowering struct {
	met bool // the lanes have met: what follows runs once per query
}

// meet brings the lanes together, once.
func (l *lowering) meet(in physical.Node) physical.Node {
	if l.met {
		return in
	}
	l.met = true
	return &physical.Exchange{In: in}
}

func (l *lowering) node(n logical.Node) physical.Node {
	switch n := n.(type) {
	case *logical.Scan:
		return lowerScan(n)
	case *logical.Filter:
		return &physical.Filter{In: l.node(n.In), Pred: n.Pred}
	case *logical.Project:
		in := l.node(n.In)
		if isIdentity(n, in) {
			return in
		}
		return &physical.Project{In: in, Exprs: n.Exprs, Names: n.Names}
	case *logical.WindowRows:
		return &physical.WindowRows{In: l.node(n.In), Window: n.Window, Time: n.Time}
	case *logical.Late:
		out := n.Late
		out.In = l.node(n.In)
		return &out
	case *logical.Failed:
		out := n.Failed
		out.In = l.node(n.In)
		return &out
	case *logical.Aggregate:
		return l.aggregate(n)
	case *logical.Fill:
		return &physical.Fill{In: l.node(n.In), Window: n.In.Window, Keys: len(n.In.Keys), Mode: n.Mode, Values: n.Values}
	case *logical.Union:
		return l.union(n)
	case *logical.Sort:
		return &physical.Sort{In: l.meet(l.node(n.In)), Keys: n.Keys, Limit: n.Limit, Offset: n.Offset}
	case *logical.Limit:
		return &physical.Limit{In: l.meet(l.node(n.In)), Count: n.Count, Offset: n.Offset}
	}
	panic("unknown logical node")
}

func lowerScan(s *logical.Scan) *physical.Scan {
	out := &physical.Scan{
		Kind: s.Kind, Relation: s.Relation, Fields: s.Columns, Hidden: s.Hidden,
		EventTime: s.EventTime, Watermark: s.Watermark,
		IdleTimeout: s.IdleTimeout, IdleAdvance: s.IdleAdvance, FutureTolerance: s.FutureTolerance, FromOldest: s.FromOldest,
	}
	for i := range s.Columns {
		out.Columns = append(out.Columns, s.Position(i))
	}
	return out
}

// isIdentity tells whether a projection returns its input as it is.
func isIdentity(p *logical.Project, in physical.Node) bool {
	schema := in.Schema()
	if len(schema) != len(p.Exprs) {
		return false
	}
	for i, e := range p.Exprs {
		c, ok := e.(*physical.Column)
		if !ok || c.Index != i || p.Names[i] != schema[i].Name {
			return false
		}
	}
	return true
}

// union puts branches side by side: lanes stay lanes, unless the lanes of some
// branch have met already. Then those of each meet in front of it.
func (l *lowering) union(u *logical.Union) physical.Node {
	out := &physical.Union{Ins: make([]physical.Node, len(u.Ins))}
	branches := make([]lowering, len(u.Ins))
	for i, in := range u.Ins {
		out.Ins[i] = branches[i].node(in)
		l.met = l.met || branches[i].met
	}
	for i := range out.Ins {
		if l.met {
			out.Ins[i] = branches[i].meet(out.Ins[i])
		}
	}
	return out
}

// aggregate computes keys, arguments and times in the lane, aggregates there per
// slice, and combines the lanes' slices behind the exchange. Where the lanes have
// met already both halves run there, one behind the other.
func (l *lowering) aggregate(a *logical.Aggregate) physical.Node {
	in, names := &physical.Project{In: l.node(a.In)}, newNamer()
	w := a.W
	if a.Window.Kind != windows.None && w == nil {
		stamp := &physical.Stamp{In: in.In, Hold: a.Hold}
		f := stamp.Field()
		w = &physical.Column{Index: len(in.In.Schema()), T: f.Type, Name: f.Name}
		in.In = stamp
	}
	var index exprIndex
	column := func(e physical.Expr, name string) int {
		if at := index.find(in.Exprs, e, physical.Hash(e)); at >= 0 {
			return at
		}
		if c, ok := e.(*physical.Column); ok {
			name = c.Name
		}
		in.Exprs = append(in.Exprs, e)
		in.Names = append(in.Names, names.unique(name))
		return len(in.Exprs) - 1
	}
	agg := physical.WindowAgg{Window: a.Window, Lateness: a.Lateness, Updates: a.Updates, Retracts: a.Retracts, KeyNames: a.KeyNames}
	for i, k := range a.Keys {
		if a.Sets == nil {
			agg.Keys = append(agg.Keys, column(k, a.KeyNames[i]))
		}
		agg.KeyTypes = append(agg.KeyTypes, k.Type())
	}
	for _, g := range a.Aggs {
		out := g.Agg
		for _, e := range g.Args {
			out.Args = append(out.Args, column(e, physical.Format(e)))
			out.In = append(out.In, e.Type())
		}
		agg.Aggs = append(agg.Aggs, out)
		agg.AggNames = append(agg.AggNames, g.Name)
	}
	partial := &physical.WindowPartial{TimeCol: -1, WCol: -1}
	if a.Window.Kind != windows.None {
		partial.TimeCol, partial.WCol = column(a.Time, "$time"), column(w, "$w")
	}
	partial.In = in
	if a.Sets != nil {
		partial.In, agg.Keys = expand(a, in, names)
	}
	partial.WindowAgg = agg
	return &physical.WindowFinal{In: l.meet(partial), WindowAgg: agg}
}

// expand appends the keys to what the aggregates read, in columns of their own: a
// set that leaves a key out makes it NULL, and no argument.
func expand(a *logical.Aggregate, in *physical.Project, names *namer) (physical.Node, []int) {
	out := &physical.Expand{In: in, Sets: a.Sets}
	last := len(a.Keys) - 1
	for i, k := range a.Keys[:last] {
		out.Keys = append(out.Keys, len(in.Exprs))
		in.Exprs, in.Names = append(in.Exprs, k), append(in.Names, names.unique(a.KeyNames[i]))
	}
	return out, append(slices.Clone(out.Keys), len(in.Exprs))
}

// keyOf returns the columns of n's output that identify a row: the window's start
// or end and the group keys, or what a view says of its own. It is nil if there
// are none or not all of them are in the output, and empty for the one row of an
// aggregate without keys.
func keyOf(n logical.Node) []int {
	switch n := n.(type) {
	case *logical.Scan:
		return n.Key
	case *logical.Filter:
		return keyOf(n.In)
	case *logical.Sort:
		return keyOf(n.In)
	case *logical.Limit:
		return keyOf(n.In)
	case *logical.Fill:
		return keyOf(n.In)
	case *logical.Aggregate:
		if n.Rows() != nil || n.Window.Kind == windows.Count { // two windows of a group may begin at one time
			return nil
		}
		key := []int{}
		if n.Window.Kind != windows.None && !n.Inner {
			key = append(key, identifying(n.Window))
		}
		for i := range n.Keys {
			key = append(key, n.FirstKey()+i)
		}
		return key
	case *logical.Project:
		return projectKey(n)
	}
	return nil
}

// identifying returns the column, of the window's start and end, that tells the
// windows of a group apart: those that cumulate begin together.
func identifying(s windows.Spec) int {
	if s.Kind == windows.Cumulate {
		return 1
	}
	return 0
}

func projectKey(p *logical.Project) []int {
	in := keyOf(p.In)
	if in == nil {
		return nil
	}
	agg := aggregateBelow(p.In)
	key := []int{}
	for _, k := range in {
		at := columnAt(p, k)
		if at < 0 && agg != nil && agg.Window.Kind != windows.None && k == 0 {
			at = columnAt(p, 1) // start and end determine each other
		}
		if at < 0 {
			return nil
		}
		key = append(key, at)
	}
	return key
}

// aggregateBelow returns the aggregate whose columns n passes on as they are.
func aggregateBelow(n logical.Node) *logical.Aggregate {
	for n != nil {
		switch m := n.(type) {
		case *logical.Aggregate:
			return m
		case *logical.Project:
			return nil
		}
		n = n.Input()
	}
	return nil
}

// columnAt returns where a projection shows column i of its input, -1 if nowhere.
func columnAt(p *logical.Project, i int) int {
	for at, e := range p.Exprs {
		if c, ok := e.(*physical.Column); ok && c.Index == i {
			return at
		}
	}
	return -1
}

// timeColumn returns the output column to draw along the x axis: window_start,
// else window_end, else the event time, else the first DATETIME, else the first
// DATE, else -1; and again if it is one of the first three, which move with the
// watermark, else -1.
func timeColumn(root logical.Node) (column, event int) {
	const eventRank = 3
	best := 0
	column, event = -1, -1
	for i, f := range root.Schema() {
		if !f.Type.IsTime() {
			continue
		}
		if r := timeRank(root, &physical.Column{Index: i, T: f.Type, Name: f.Name}); r > best {
			best, column = r, i
		}
	}
	if best >= eventRank {
		event = column
	}
	return column, event
}

// timeRank says how well a time tells when a row was: e is over n's output.
func timeRank(n logical.Node, e physical.Expr) int {
	named, rank := "", 1
	if e.Type().Kind == types.Datetime {
		rank = 2
	}
	c, isColumn := e.(*physical.Column)
	switch n := n.(type) {
	case *logical.Project:
		if isColumn {
			return timeRank(n.In, n.Exprs[c.Index])
		}
		return rank
	case *logical.Union:
		if isColumn {
			rank = timeRank(n.Ins[0], e)
			for _, in := range n.Ins[1:] {
				rank = min(rank, timeRank(in, e))
			}
		}
		return rank
	case *logical.Scan:
		if n.EventTime != nil && physical.Equal(e, n.EventTime) {
			rank = 3
		}
		if isColumn {
			named = n.Schema()[c.Index].Name
		}
	case *logical.WindowRows:
		if !isColumn || c.Index < len(n.In.Schema()) {
			return timeRank(n.In, e)
		}
		named = n.Schema()[c.Index].Name
	case *logical.Late, *logical.Failed:
		if !isColumn || c.Index < len(n.Input().Schema()) {
			return timeRank(n.Input(), e)
		}
	case *logical.Aggregate:
		if isColumn {
			named = n.Schema()[c.Index].Name
		}
	default:
		return timeRank(n.Input(), e)
	}
	switch {
	case strings.EqualFold(named, "window_start"):
		return 5
	case strings.EqualFold(named, "window_end"):
		return 4
	}
	return rank
}
