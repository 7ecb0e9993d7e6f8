package planner

import (
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
	p.TimeColumn, p.EventTime = timeColumn(root, scan)
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
	case *logical.Aggregate:
		return l.aggregate(n)
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
		IdleTimeout: s.IdleTimeout, IdleAdvance: s.IdleAdvance, FutureTolerance: s.FutureTolerance,
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
	column := func(e physical.Expr, name string) int {
		if at := indexOf(in.Exprs, e); at >= 0 {
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
		agg.Keys = append(agg.Keys, column(k, a.KeyNames[i]))
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
	partial.In, partial.WindowAgg = in, agg
	return &physical.WindowFinal{In: l.meet(partial), WindowAgg: agg}
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
	case *logical.Aggregate:
		key := []int{}
		if n.Window.Kind != windows.None && !n.Inner {
			key = append(key, 0)
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
func timeColumn(root logical.Node, scan *logical.Scan) (column, event int) {
	origin := origins(root)
	const eventRank = 3
	rank := func(i int, t types.Type) int {
		switch {
		case !t.IsTime():
			return 0
		case origin[i] != nil && strings.EqualFold(origin[i].Name, "window_start"):
			return 5
		case origin[i] != nil && strings.EqualFold(origin[i].Name, "window_end"):
			return 4
		case origin[i] != nil && scan.EventTime != nil && fromScan(root) && physical.Equal(origin[i], scan.EventTime),
			scan.EventTime != nil && showsEventTime(root, i, scan.EventTime):
			return eventRank
		case t.Kind == types.Datetime:
			return 2
		}
		return 1
	}
	best := 0
	column, event = -1, -1
	for i, f := range root.Schema() {
		if r := rank(i, f.Type); r > best {
			best, column = r, i
		}
	}
	if best >= eventRank {
		event = column
	}
	return column, event
}

// showsEventTime tells whether output column i is the scan's event time where
// that is computed: a generated column.
func showsEventTime(n logical.Node, i int, event physical.Expr) bool {
	for n != nil {
		if p, ok := n.(*logical.Project); ok {
			c, isColumn := p.Exprs[i].(*physical.Column)
			if !isColumn {
				return fromScanAsIs(p.In) && physical.Equal(p.Exprs[i], event)
			}
			i = c.Index
		}
		if _, ok := n.(*logical.Aggregate); ok {
			return false
		}
		n = n.Input()
	}
	return false
}

// fromScanAsIs tells whether n has the columns of its scan.
func fromScanAsIs(n logical.Node) bool {
	for ; n != nil; n = n.Input() {
		switch n.(type) {
		case *logical.Aggregate, *logical.Project:
			return false
		}
	}
	return true
}

// origins returns, for each output column, the column of the aggregate or the
// scan that it shows; nil where it is computed.
func origins(n logical.Node) []*physical.Column {
	switch n := n.(type) {
	case *logical.Scan, *logical.Aggregate:
		schema := n.Schema()
		out := make([]*physical.Column, len(schema))
		for i, f := range schema {
			out[i] = &physical.Column{Index: i, T: f.Type, Name: f.Name}
		}
		return out
	case *logical.Project:
		in := origins(n.In)
		out := make([]*physical.Column, len(n.Exprs))
		for i, e := range n.Exprs {
			if c, ok := e.(*physical.Column); ok {
				out[i] = in[c.Index]
			}
		}
		return out
	}
	return origins(n.Input())
}

// fromScan tells whether rows reach the root without being aggregated.
func fromScan(n logical.Node) bool {
	for ; n != nil; n = n.Input() {
		if _, ok := n.(*logical.Aggregate); ok {
			return false
		}
	}
	return true
}
