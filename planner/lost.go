package planner

import (
	"weir/operators/stream"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
	"weir/windows"
)

// lostRows binds `q$late` or `q$errors`: the rows of what the queries read, judged
// again as they judge them. It goes by the plans that run, not by their SQL.
func (b *binder) lostRows(t *ast.Table, rel *Relation) (*scope, error) {
	lists := make([]*logical.Project, len(rel.Lost))
	for i := range rel.Lost {
		var err error
		if lists[i], err = b.lostOf(&rel.Lost[i]); err != nil {
			return nil, elsewhere(err, t, rel.Name)
		}
	}
	out := &scope{node: lists[0], rel: &Relation{Name: rel.Name, Kind: rel.Lost[0].From.Kind, Bounded: rel.Lost[0].From.Bounded}, lost: true}
	if len(lists) > 1 {
		u := &logical.Union{}
		for _, p := range lists {
			for i, e := range p.Exprs { // event times may differ in their digits
				if want := lists[0].Exprs[i].Type(); e.Type() != want {
					p.Exprs[i] = asType(e, want)
				}
			}
			u.Ins = append(u.Ins, p)
		}
		out.node = u
	}
	out.columns = out.node.Schema()
	return out, nil
}

// named returns the column of a name, nil if there is none.
func (s *scope) named(name string) physical.Expr {
	for i, f := range s.columns {
		if f.Name == name {
			return s.field(i)
		}
	}
	return nil
}

// lostOf is the rows that one scan of a query loses.
func (b *binder) lostOf(l *Lost) (*logical.Project, error) {
	s, err := b.scan(l.From)
	if err != nil {
		return nil, err
	}
	scan := s.node.(*logical.Scan)
	scan.FromOldest = !l.Errors && !l.From.Bounded
	j := &judging{lost: l, scan: scan, node: scan, event: scan.EventTime}
	if l.Plan != nil {
		if err := j.follow(); err != nil {
			return nil, err
		}
	}
	if l.Errors {
		scan.EventTime, scan.Watermark, scan.IdleTimeout = nil, nil, 0
		j.failed.Event, j.failed.Arrival = j.event, s.hidden(physical.HiddenArrival)
		if j.failed.Arrival != nil {
			j.failed.Tolerance = scan.FutureTolerance
		}
		scan.FutureTolerance = 0
		if l.From.Kind == physical.SourceStream {
			scan.Hidden = append(scan.Hidden, physical.HiddenWhy)
			j.failed.Why = s.hidden(physical.HiddenWhy)
		}
		j.node = &logical.Failed{In: j.node, Failed: j.failed}
	} else if !j.judged {
		return nil, diag.New(diag.Unsupported, diag.Span{}, "no row is late for the query `%s`, which has no window over rows of `%s`", l.Query, l.From.Name)
	}
	return j.show(s), nil
}

// judging is a plan that is followed from a scan to its window.
type judging struct {
	lost   *Lost
	scan   *logical.Scan
	node   logical.Node
	event  physical.Expr
	row    []physical.Expr // what the node at hand shows, over node's schema
	failed physical.Failed
	shown  *physical.Shown // the rows at hand are shown for windows
	judged bool            // the window is there
}

// follow takes over what the plan computes of a row up to its window.
func (j *judging) follow() error {
	at := j.lost.Scan
	path, ok := pathTo(j.lost.Plan.Root, &at)
	if !ok {
		return diag.New(diag.Internal, diag.Span{}, "the query `%s` has no scan %d", j.lost.Query, j.lost.Scan)
	}
	for _, n := range path {
		switch n := n.(type) {
		case *physical.Scan:
			if err := j.begin(n); err != nil {
				return err
			}
		case *physical.Filter:
			pred := j.of(n.Pred)
			j.failed.Steps = append(j.failed.Steps, physical.FailedStep{Filters: true, Exprs: []physical.Expr{pred}})
			switch {
			case j.shown != nil:
				j.shown.Where = append(j.shown.Where, pred)
			case !j.lost.Errors:
				j.node = &logical.Filter{In: j.node, Pred: pred}
			}
		case *physical.Project:
			var calls []physical.Expr
			row := make([]physical.Expr, len(n.Exprs))
			for i, e := range n.Exprs {
				row[i] = j.of(e)
				if _, call := e.(*physical.Call); call {
					calls = append(calls, row[i])
				}
			}
			if j.row = row; calls != nil {
				j.failed.Steps = append(j.failed.Steps, physical.FailedStep{Exprs: calls})
			}
		case *physical.WindowRows:
			if j.lost.Errors || !n.Window.Sliced() {
				return nil // what stands behind is of its windows
			}
			if j.shown != nil {
				return diag.New(diag.Unsupported, diag.Span{}, "the rows of `%s` are shown for windows twice before they are grouped, so which of them are late is not known one by one", j.lost.Query).
					WithHint("SHOW QUERIES has their number")
			}
			j.shown = &physical.Shown{Window: n.Window, Time: j.of(n.Time)}
			for i, f := range physical.WindowFields(n.Window) {
				j.row = append(j.row, &physical.Column{Index: len(j.node.Schema()) + i, T: f.Type, Name: f.Name})
			}
		case *physical.Expand:
			j.row = append(j.row, &physical.Literal{T: types.BigintType})
		case *physical.Union:
		case *physical.WindowPartial:
			if (n.Window.Sliced() || n.Window.Kind == windows.Session) && !j.lost.Errors {
				j.judged = true
				j.node = &logical.Late{In: j.node, Late: physical.Late{
					Window: n.Window, Lateness: n.Lateness, Time: j.row[n.TimeCol], W: j.row[n.WCol], Shown: j.shown,
				}}
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}

// pathTo returns the nodes from the scan of a number up to the root.
func pathTo(n physical.Node, number *int) ([]physical.Node, bool) {
	if _, is := n.(*physical.Scan); is {
		*number--
		return []physical.Node{n}, *number < 0
	}
	for _, in := range physical.Inputs(n) {
		if path, ok := pathTo(in, number); ok {
			return append(path, n), true
		}
	}
	return nil, false
}

// begin says what the columns of the plan's scan are, and when its rows count.
func (j *judging) begin(from *physical.Scan) error {
	for i, f := range from.Schema() {
		at := -1
		for k := range j.scan.Columns {
			if i < len(from.Columns) && j.scan.Position(k) == from.Columns[i] && j.scan.Columns[k].Type == f.Type {
				at = k
			}
		}
		for k, h := range j.scan.Hidden {
			if i >= len(from.Columns) && h == from.Hidden[i-len(from.Columns)] {
				at = len(j.scan.Columns) + k
			}
		}
		if at < 0 {
			return diag.New(diag.Unsupported, diag.Span{}, "the query `%s` reads a column `%s` that `%s` does not have", j.lost.Query, f.Name, j.lost.From.Name)
		}
		j.row = append(j.row, &physical.Column{Index: at, T: f.Type, Name: f.Name})
	}
	j.scan.EventTime, j.scan.Watermark = j.of(from.EventTime), j.of(from.Watermark)
	j.scan.IdleTimeout, j.scan.IdleAdvance, j.scan.FutureTolerance = from.IdleTimeout, from.IdleAdvance, from.FutureTolerance
	j.event = j.scan.EventTime
	return nil
}

// of returns an expression over the node at hand as one over what is read here.
func (j *judging) of(e physical.Expr) physical.Expr {
	if e == nil {
		return nil
	}
	return physical.Replace(e, func(c *physical.Column) physical.Expr { return j.row[c.Index] })
}

// show is the columns of the relation: those of the stream, then what is known of
// the row. s is the scope of the scan, below everything.
func (j *judging) show(s *scope) *logical.Project {
	out := &logical.Project{In: j.node}
	add := func(name string, e physical.Expr) {
		if e != nil {
			out.Exprs, out.Names = append(out.Exprs, e), append(out.Names, name)
		}
	}
	for i, f := range s.columns {
		add(f.Name, s.field(i))
	}
	add("_event_time", j.event)
	var own stream.Schema
	switch n := j.node.(type) {
	case *logical.Late:
		own = n.Fields()
	case *logical.Failed:
		own = n.Fields()
	}
	for i, f := range own {
		add(f.Name, &physical.Column{Index: len(j.node.Input().Schema()) + i, T: f.Type, Name: f.Name})
	}
	var query any
	if j.lost.Query != "" {
		query = j.lost.Query
	}
	add("_query", &physical.Literal{T: types.VarcharType, Value: query})
	for _, h := range []physical.Hidden{physical.HiddenShard, physical.HiddenSeq, physical.HiddenSub, physical.HiddenArrival} {
		add(h.Field().Name, s.hidden(h))
	}
	return out
}

// ofLost tells whether the rows are, or come from, those that queries lose.
func (s *scope) ofLost() bool {
	for ; s != nil; s = s.inner {
		for _, br := range s.branches {
			if br.scope.ofLost() {
				return true
			}
		}
		if s.lost {
			return true
		}
	}
	return false
}

// HasLate tells whether rows of a scan can be late for the query.
func HasLate(p *physical.Plan, scan int) bool {
	path, _ := pathTo(p.Root, &scan)
	for _, n := range path {
		switch n := n.(type) {
		case *physical.WindowRows:
			if !n.Window.Sliced() {
				return false
			}
		case *physical.WindowPartial:
			return n.Window.Sliced() || n.Window.Kind == windows.Session
		case *physical.Exchange, *physical.WindowFinal, *physical.Late, *physical.Failed:
			return false
		}
	}
	return false
}
