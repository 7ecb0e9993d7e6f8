package logical

import (
	"weir/operators/stream"
	"weir/planner/physical"
)

// Late keeps the rows that a window counts as late; see physical.Late, whose In is nil.
type Late struct {
	In Node
	physical.Late
}

// Failed keeps the rows that a query counts as errors; see physical.Failed, whose In
// is nil.
type Failed struct {
	In Node
	physical.Failed
}

// Schema is that of the input, and what the node appends.
func (l *Late) Schema() stream.Schema { return appended(l.In, l.Late.Fields()) }

// Schema is that of the input, and what the node appends.
func (f *Failed) Schema() stream.Schema { return appended(f.In, f.Failed.Fields()) }

func appended(in Node, fields stream.Schema) stream.Schema {
	return append(append(stream.Schema(nil), in.Schema()...), fields...)
}

// Input returns the node below.
func (l *Late) Input() Node { return l.In }

// Input returns the node below.
func (f *Failed) Input() Node { return f.In }

func (l *Late) describe() string { return l.Late.Describe() }

func (f *Failed) describe() string { return f.Failed.Describe() }

// EachExpr returns a copy of which each expression is what f makes of it, nil of nil.
func (l *Late) EachExpr(f func(physical.Expr) physical.Expr) *Late {
	c := *l
	c.Time, c.W = f(l.Time), f(l.W)
	if l.Shown != nil {
		shown := *l.Shown
		shown.Time, shown.Where = f(shown.Time), nil
		for _, e := range l.Shown.Where {
			shown.Where = append(shown.Where, f(e))
		}
		c.Shown = &shown
	}
	return &c
}

// EachExpr returns a copy of which each expression is what f makes of it, nil of nil.
func (f *Failed) EachExpr(change func(physical.Expr) physical.Expr) *Failed {
	c := *f
	c.Event, c.Arrival, c.Why = change(f.Event), change(f.Arrival), change(f.Why)
	c.Steps = make([]physical.FailedStep, len(f.Steps))
	for i, s := range f.Steps {
		c.Steps[i].Filters = s.Filters
		for _, e := range s.Exprs {
			c.Steps[i].Exprs = append(c.Steps[i].Exprs, change(e))
		}
	}
	return &c
}
