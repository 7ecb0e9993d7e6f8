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
	case *WindowRows:
		c := *n
		c.In = in
		return &c
	case *Late:
		c := *n
		c.In = in
		return &c
	case *Failed:
		c := *n
		c.In = in
		return &c
	case *Aggregate:
		c := *n
		c.In = in
		return &c
	case *Fill:
		c := *n
		c.In = in.(*Aggregate)
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

// Inputs returns the nodes below n.
func Inputs(n Node) []Node {
	if u, ok := n.(*Union); ok {
		return u.Ins
	}
	if in := n.Input(); in != nil {
		return []Node{in}
	}
	return nil
}

// Walk calls f for n and every node below it, what is read before what reads it.
func Walk(n Node, f func(Node)) {
	for _, in := range Inputs(n) {
		Walk(in, f)
	}
	f(n)
}

// Each returns a union of what f makes of each input.
func (u *Union) Each(f func(Node) Node) *Union {
	out := &Union{Ins: make([]Node, len(u.Ins))}
	for i, in := range u.Ins {
		out.Ins[i] = f(in)
	}
	return out
}

// Rewrite rebuilds the tree from the scans up: f gets each node after its inputs
// were rewritten and returns what takes its place.
func Rewrite(n Node, f func(Node) Node) Node {
	if u, ok := n.(*Union); ok {
		return f(u.Each(func(in Node) Node { return Rewrite(in, f) }))
	}
	if in := n.Input(); in != nil {
		n = WithInput(n, Rewrite(in, f))
	}
	return f(n)
}

// ScanOf returns the scan at the bottom of the tree, the first one of a Union.
func ScanOf(n Node) *Scan {
	for n.Input() != nil {
		n = n.Input()
	}
	return n.(*Scan)
}
