package rules

import "weir/planner/logical"

// TakeEventTime gives a scan without an event time of its own (a file, a view's
// content) the one that the window names, so that the rows whose time is NULL
// are counted as errors where they are read.
func TakeEventTime(root logical.Node) logical.Node {
	var agg *logical.Aggregate
	for n := root; n != nil; n = n.Input() {
		switch n := n.(type) {
		case *logical.Aggregate:
			agg = n
		case *logical.Project, *logical.Sort, *logical.Limit:
			// What stands between the window and the scan changes the columns.
			if agg != nil {
				return root
			}
		}
	}
	if agg == nil || agg.Time == nil {
		return root
	}
	return logical.Rewrite(root, func(n logical.Node) logical.Node {
		s, ok := n.(*logical.Scan)
		if !ok || s.EventTime != nil {
			return n
		}
		c := *s
		c.EventTime = agg.Time
		return &c
	})
}
