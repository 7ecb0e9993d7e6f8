package logical

// WithInput returns a copy of n that reads in. A Scan is returned as it is.
func WithInput(n Node, in Node) Node {
	switch n := n.(type) {
	case *Filter:
		c := *n
		c.In = in
		return &c
	case *Project:
		c := *n
		c.In = in
		return &c
	case *Aggregate:
		c := *n
		c.In = in
		return &c
	case *Sort:
		c := *n
		c.In = in
		return &c
	case *Limit:
		c := *n
		c.In = in
		return &c
	}
	return n
}

// Rewrite rebuilds the tree from the scan up: f gets each node after its input
// was rewritten and returns what takes its place.
func Rewrite(n Node, f func(Node) Node) Node {
	if in := n.Input(); in != nil {
		n = WithInput(n, Rewrite(in, f))
	}
	return f(n)
}

// ScanOf returns the scan at the bottom of the tree.
func ScanOf(n Node) *Scan {
	for n.Input() != nil {
		n = n.Input()
	}
	return n.(*Scan)
}
