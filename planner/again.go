package planner

import (
	"time"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/windows"
)

// again completes a window over rows that are groups themselves. They have no
// shard whose watermark they could be judged by, so lower puts a Stamp in front
// of them, which judges a row by the watermark of the cut before it.
//
// Then no row is late. A window [s, e) fires at the first cut with e <= W, so the
// W of the cut before lies below e. A row that changes before its window closes,
// or within the allowed lateness L, was on time for its window by a watermark that
// is not below the merged one of the cut before: below e + L, and the inner
// aggregation forwards W - L. In each case the row's $w lies below e. The outer
// windows over the row's time t end behind t, and
//
//   - t = e (window_end): they end behind e;
//   - t = e - 1 ms (window_time, ROWTIME): they end at e or behind it, where the
//     bounds of both are whole milliseconds, else 1 ms before that at most;
//   - t = s (window_start): at most e - s before that; and where the outer windows
//     end at starts of inner ones, at the start behind s or later.
//
// What they may end before e is Hold: $w and the watermark that is forwarded are
// held back by it. So the window is as right as one over rows that are in order.
//
// Groups without a window are final when the input ends, and so is every other
// time of a bounded input: the watermark waits for the end.
func (b *binder) again(a *logical.Aggregate, s *scope, w *ast.Window) error {
	inner, at := s.origin(a.Time)
	if inner != nil && inner.waits() {
		return diag.New(diag.Unsupported, w.At, "the windows of FILL(LINEAR) in %s come late: with the next one that has rows", s.called()).
			WithHint("write FILL(PREV) or FILL(0) there")
	}
	if inner != nil && inner.agg.Window.Kind == windows.Count && b.live {
		return diag.New(diag.NoEventTime, w.At, "the windows in %s count rows, so they do not end in the order of time", s.called()).
			WithHint("take a window over time there")
	}
	if inner != nil && inner.agg.Window.Kind != windows.None && inner.agg.Window.Kind != windows.Count {
		whole := inner.agg.Window.Millis() && a.Window.Millis()
		switch {
		case inner.isBound(at, "window_end"):
			return nil
		case inner.isBound(at, "window_start"):
			hold, ok := inner.holdOfStart(a.Window)
			if !ok {
				return diag.New(diag.NoEventTime, w.Time.Span(), "how long before its end a window starts is not the same for all in %s", s.called()).
					WithHint("take the window over window_end or window_time")
			}
			a.Hold = hold
			return nil
		case inner.isBound(at, "window_time"), physical.Equal(at, inner.timeBehind()):
			if !whole {
				a.Hold = time.Millisecond
			}
			return nil
		}
	}
	switch {
	case !b.live:
		a.Hold = physical.HoldToEnd
		a.In = hasTime(a.In, a.Time)
		return nil
	case s.windowed && inner != nil:
		return diag.New(diag.NoEventTime, w.Time.Span(), "%s is not the event time of the windows in %s", nameOf(w.Time), s.called()).
			WithHint("take the window over window_time, window_start or window_end of the inner query")
	}
	if s.windowed {
		return diag.New(diag.NoEventTime, w.At, "the rows in %s are those of a UNION, and have no event time in common", s.called()).
			WithLabel("a window over a UNION of groups").
			WithHint("put the window into each of its queries")
	}
	return diag.New(diag.NoEventTime, w.At, "the groups in %s have no event time", s.called()).
		WithLabel("a window over groups without one").
		WithHint("put a window into the inner GROUP BY, and take this one over its window_time")
}

// holdOfStart returns how much earlier than an inner window an outer one may end
// that holds its start.
func (g *grouping) holdOfStart(outer windows.Spec) (hold time.Duration, ok bool) {
	if g.inner != nil {
		return g.inner.holdOfStart(outer)
	}
	in := g.agg.Window
	if in.Kind != windows.Tumble && in.Kind != windows.Hop || in.Calendar() || outer.Calendar() {
		return 0, false
	}
	aligned := (outer.Kind == windows.Tumble || outer.Kind == windows.Hop) &&
		outer.Slide%in.Slide == 0 && (outer.Offset+outer.Size-in.Offset)%in.Slide == 0
	if aligned {
		return max(0, in.Size-in.Slide), true
	}
	return in.Size, true
}

// timeBehind is the window_time of a window whose end is a key.
func (g *grouping) timeBehind() physical.Expr {
	if g.end < 0 {
		return nil
	}
	at := g.agg.FirstKey() + g.end
	return dateAdd(&physical.Column{Index: at, T: g.agg.Schema()[at].Type}, physical.Span{Micros: -1000})
}

// called is how an error speaks of what a scope reads.
func (s *scope) called() string {
	if s.table == "" {
		return "the query in FROM"
	}
	return "`" + s.table + "`"
}

// origin follows an expression down to the aggregation whose output it is computed
// from: nil where there is none, or where it is not known.
func (s *scope) origin(e physical.Expr) (*grouping, physical.Expr) {
	for ; s.inner != nil; s = s.inner {
		list := s.list.Exprs
		e = physical.Replace(e, func(c *physical.Column) physical.Expr { return list[c.Index] })
		if s.sealed {
			if !s.windowed {
				return nil, nil
			}
			return s.group, e
		}
	}
	return nil, nil
}
