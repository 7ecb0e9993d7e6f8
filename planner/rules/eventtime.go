package rules

import (
	"weir/planner/logical"
	"weir/planner/physical"
)

// TakeEventTime gives a scan without an event time of its own (a file, a view's
// content) the one that the window names, so that the rows whose time is NULL
// are counted as errors where they are read.
func TakeEventTime(root logical.Node) logical.Node { return takeEventTime(root, nil) }

// takeEventTime gives the scan below n an event time, nil: none.
func takeEventTime(n logical.Node, event physical.Expr) logical.Node {
	switch m := n.(type) {
	case *logical.Scan:
		if m.EventTime != nil || event == nil {
			return n
		}
		c := *m
		c.EventTime = event
		return &c
	case *logical.Aggregate:
		event = m.Time
	case *logical.WindowRows:
		event = m.Time
	case *logical.Filter:
	case *logical.Union: // its branches have one each, or the window drops what has none
		return m.Each(func(in logical.Node) logical.Node { return takeEventTime(in, nil) })
	default: // it changes the columns, or keeps some of the rows
		event = nil
	}
	return logical.WithInput(n, takeEventTime(n.Input(), event))
}
