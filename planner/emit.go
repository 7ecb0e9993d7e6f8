package planner

import (
	"slices"
	"time"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/windows"
)

// emit reads EMIT … [ALLOWED LATENESS …] of a query that is bound up to its groups.
func (b *binder) emit(q *ast.Select, r *bound) error {
	if q.Emit == nil {
		return nil
	}
	own := r.group != nil && r.group.agg.Window.Kind != windows.None
	if iv, what := q.Emit.Lateness, "ALLOWED LATENESS"; !own && r.scope.windowed {
		if q.Emit.Delay != nil {
			iv, what = q.Emit.Delay, "WITH DELAY"
		}
		if iv != nil {
			return inner(r.scope, iv, what)
		}
	}
	if q.Emit.Delay != nil {
		if err := delay(q.Emit.Delay, own, r.scope.node); err != nil {
			return err
		}
	}
	late, at := q.Emit.Lateness, q.Emit.At
	switch {
	case !own && late != nil:
		return diag.New(diag.BadWindow, at, "ALLOWED LATENESS keeps a window open, and the query has no window").
			WithHint("leave it out; without a window no row is late")
	case b.live && !own && (r.group != nil || !r.scope.windowed) && q.Emit.Mode == ast.EmitOnWindowClose:
		return diag.New(diag.BadWindow, at, "the query has no window that could close").
			WithHint("write EMIT CHANGES, or add a window to GROUP BY, for example TUMBLE(%s, INTERVAL 1 MINUTE)", r.scope.eventName())
	case late == nil:
		return nil
	}
	if r.group.agg.Window.Kind == windows.Count {
		return diag.New(diag.BadWindow, at, "ALLOWED LATENESS keeps a window open, and no row is late for a window over a number of rows").
			WithHint("leave it out")
	}
	d, err := fixed(late)
	if err != nil {
		return err
	}
	if d < 0 {
		return diag.New(diag.BadWindow, late.At, "ALLOWED LATENESS cannot be negative, this is %s", physical.FormatDuration(d))
	}
	r.group.agg.Lateness = d
	return nil
}

// inner is the error of a time that belongs to a window of another query than the
// one that it is written in.
func inner(s *scope, iv *ast.Interval, what string) error {
	where := s.called()
	if s.branches != nil {
		where = "the queries of the UNION"
	}
	return diag.New(diag.Unsupported, iv.At, "the window that %s holds open stands in %s", what, where).
		WithHint("write it in a view of that query, CREATE VIEW v AS SELECT … EMIT ON WINDOW CLOSE %s …, and read FROM v", what)
}

// shortestEvery is the shortest time between two results. A step of the log is up to
// 5 ms long, and nothing leaves within one.
const shortestEvery = 10 * time.Millisecond

// setEvery reads the time of EMIT EVERY.
func (b *binder) setEvery(e *ast.Emit) error {
	if e.Mode != ast.EmitEvery {
		return nil
	}
	d, err := fixed(e.Every)
	switch {
	case err != nil:
		return err
	case d < shortestEvery:
		return diag.New(diag.BadWindow, e.Every.At, "EMIT EVERY takes at least %s, this is %s", physical.FormatDuration(shortestEvery), physical.FormatDuration(d)).
			WithHint("write EMIT CHANGES: a change leaves within about 5 ms")
	}
	b.every = d
	return nil
}

// delay holds the watermark of a query back, and so that of all that it reads: its
// windows close that much later, and rows that come until then are on time.
func delay(iv *ast.Interval, windowed bool, below logical.Node) error {
	d, err := fixed(iv)
	switch {
	case err != nil:
		return err
	case d < 0:
		return diag.New(diag.BadWindow, iv.At, "a delay cannot be negative, this is %s", physical.FormatDuration(d))
	case !windowed:
		return diag.New(diag.BadWindow, iv.At, "a delay holds windows open, and the query has no window").
			WithHint("leave it out; without a window nothing waits for rows")
	}
	logical.Walk(below, func(n logical.Node) {
		if s, ok := n.(*logical.Scan); ok && s.Watermark != nil {
			s.Watermark = dateAdd(s.Watermark, physical.Span{Micros: -d.Microseconds()})
		}
	})
	return nil
}

// setEmit decides when the rows of the query leave, once it is bound: the mode of
// the outermost query that names one holds for the views in it, too. A bounded
// query has one answer, whatever the mode.
func (b *binder) setEmit(q *ast.Select, root logical.Node) error {
	logical.Walk(root, func(n logical.Node) { // what is read before what reads it
		if f, ok := n.(*logical.Fill); ok {
			f.Values = filled(f)
		}
		if a, ok := n.(*logical.Aggregate); ok && b.live {
			a.Updates = a.Updates || a.Window.Kind == windows.None
			a.Retracts = !appendOnly(a.In)
		}
	})
	if err := b.takesNothingBack(); err != nil {
		return err
	}
	if q.Limit != nil && b.live && !appendOnly(root) {
		return diag.New(diag.Unsupported, q.Limit.At, "LIMIT counts rows that stay, and the rows of this query are replaced as it goes on").
			WithLabel("on a live changelog").
			WithHint("CREATE MATERIALIZED VIEW v AS this query without LIMIT, then SELECT * FROM v LIMIT …")
	}
	if b.mode == ast.EmitOnUpdate && keyOf(root) == nil {
		at := q.At
		if q.Emit != nil {
			at = q.Emit.At
		}
		return diag.New(diag.Unsupported, at, "EMIT ON UPDATE shows the last row of each key, and the rows of this query have no key").
			WithHint("put every group key, and window_start if there is a window, into the select list, or write EMIT CHANGES")
	}
	return nil
}

// appendOnly tells whether no row of n is ever taken back. What closes windows for
// good says nothing of them twice, whatever it reads.
func appendOnly(n logical.Node) bool {
	for ; n != nil; n = n.Input() {
		if u, ok := n.(*logical.Union); ok {
			return !slices.ContainsFunc(u.Ins, func(in logical.Node) bool { return !appendOnly(in) })
		}
		a, ok := n.(*logical.Aggregate)
		switch {
		case !ok:
		case a.Updates && a.Window.Kind == windows.None && len(a.Aggs) == 0 && len(a.Keys) > 0:
			// A group without aggregates only appears.
		default:
			return a.Lateness == 0 && !a.Updates
		}
	}
	return true
}

// showsChanges tells whether rows are shown before they are final.
func (b *binder) showsChanges() bool {
	return b.mode == ast.EmitChanges || b.mode == ast.EmitOnUpdate || b.mode == ast.EmitEvery
}

// emitMode returns how the changes of a plan are shown: where nothing was said, those
// of groups without a window all of them.
func (b *binder) emitMode(p *physical.Plan) physical.EmitMode {
	switch b.mode {
	case ast.EmitChanges, ast.EmitEvery:
		return physical.EmitChanges
	case ast.EmitOnUpdate:
		return physical.EmitUpdates
	case ast.EmitDefault:
		mode := physical.EmitRows
		physical.Walk(p.Root, func(n physical.Node) {
			if f, ok := n.(*physical.WindowFinal); ok && f.Updates {
				mode = physical.EmitChanges
			}
		})
		return mode
	}
	return physical.EmitRows
}
