package engine

import (
	"errors"
	"fmt"

	"weir/operators"
	"weir/operators/expand"
	"weir/operators/fill"
	"weir/operators/filter"
	"weir/operators/lostrows"
	"weir/operators/project"
	"weir/operators/stamp"
	"weir/operators/topn"
	"weir/operators/windowagg"
	"weir/operators/windowrows"
	"weir/planner/physical"
)

// layout is what a lane runs: a scan, and the nodes that run once per shard, in
// the order that rows pass them.
type layout struct {
	number int  // of the scan in the plan
	blind  bool // see witness
	scan   *physical.Scan
	lane   []physical.Node
}

// split cuts a plan in pieces: the nodes that run once per shard, and the tree of
// segments behind them, which run once per query. A lane ends at the exchange, or
// in front of the first operator that needs all rows of the query.
func split(root physical.Node) (*segment, []layout, error) {
	p := &splitting{}
	s, lanes, err := p.node(root)
	if err != nil {
		return nil, nil, err
	}
	if s == nil {
		s = p.meet(lanes)
	}
	number := 0
	err = s.walk(func(s *segment) error {
		s.number = number
		number++
		return nil
	})
	return s, p.layouts, err
}

// splitting is a plan that is being split.
type splitting struct{ layouts []layout }

// node splits what n and the nodes below it are: a segment, or lanes alone, by
// number.
func (p *splitting) node(n physical.Node) (*segment, []int, error) {
	switch n := n.(type) {
	case *physical.Scan:
		at := len(p.layouts)
		p.layouts = append(p.layouts, layout{number: at, scan: n})
		return nil, []int{at}, nil
	case *physical.Union:
		return p.union(n)
	}
	if n.Input() == nil {
		return nil, nil, fmt.Errorf("plan has no scan at its bottom but %T", n)
	}
	s, lanes, err := p.node(n.Input())
	if err != nil {
		return nil, nil, err
	}
	switch n.(type) {
	case *physical.Exchange:
		if s == nil {
			s = p.meet(lanes)
		}
		return s, nil, nil
	case *physical.Sort, *physical.Limit, *physical.WindowFinal:
		if s == nil {
			s = p.meet(lanes)
		}
	case *physical.Stamp:
		if s == nil {
			return nil, nil, fmt.Errorf("plan has %T in front of the exchange", n)
		}
	}
	if s != nil {
		s.nodes = append(s.nodes, n)
		return s, nil, nil
	}
	for _, at := range lanes {
		p.layouts[at].lane = append(p.layouts[at].lane, n)
	}
	return nil, lanes, nil
}

// union puts the branches side by side: as lanes where all of them are lanes yet.
func (p *splitting) union(n *physical.Union) (*segment, []int, error) {
	var kids []*segment
	var all []int
	for _, in := range n.Ins {
		s, lanes, err := p.node(in)
		if err != nil {
			return nil, nil, err
		}
		if s != nil {
			kids = append(kids, s)
		}
		all = append(all, lanes...)
	}
	switch {
	case kids == nil:
		return nil, all, nil
	case all != nil:
		return nil, nil, errors.New("plan has a union of lanes and of what is behind an exchange")
	}
	return &segment{kids: kids}, nil, nil
}

// meet begins the segment behind some lanes.
func (p *splitting) meet(lanes []int) *segment { return &segment{reads: lanes} }

// build makes the operators of a run of nodes.
func build(nodes []physical.Node) ([]operators.Operator, error) {
	ops := make([]operators.Operator, 0, len(nodes))
	for _, n := range nodes {
		op, err := buildOne(n)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func buildOne(n physical.Node) (operators.Operator, error) {
	switch n := n.(type) {
	case *physical.Filter:
		return filter.New(n)
	case *physical.Project:
		return project.New(n)
	case *physical.WindowRows:
		return windowrows.New(n)
	case *physical.Late:
		return lostrows.NewLate(n)
	case *physical.Failed:
		return lostrows.NewFailed(n)
	case *physical.WindowPartial:
		return windowagg.NewPartial(n)
	case *physical.WindowFinal:
		return windowagg.NewFinal(n)
	case *physical.Stamp:
		return stamp.New(n)
	case *physical.Expand:
		return expand.New(n)
	case *physical.Fill:
		return fill.New(n)
	case *physical.Sort:
		return topn.NewSort(n)
	case *physical.Limit:
		return topn.NewLimit(n)
	}
	return nil, fmt.Errorf("no operator runs %T", n)
}
