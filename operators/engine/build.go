package engine

import (
	"fmt"

	"weir/operators"
	"weir/operators/filter"
	"weir/operators/project"
	"weir/operators/stamp"
	"weir/operators/topn"
	"weir/operators/windowagg"
	"weir/planner/physical"
)

// layout is a plan cut in two: the nodes that run once per shard and those that
// run once per query, each in the order that rows pass them.
type layout struct {
	blind bool // see witness
	scan  *physical.Scan
	lane  []physical.Node
	tail  []physical.Node
}

// split walks the plan from its scan up. The lane ends at the exchange, or in
// front of the first operator that needs all rows of the query.
func split(root physical.Node) (layout, error) {
	var path []physical.Node
	for n := root; n != nil; n = n.Input() {
		path = append(path, n)
	}
	scan, ok := path[len(path)-1].(*physical.Scan)
	if !ok {
		return layout{}, fmt.Errorf("plan has no scan at its bottom but %T", path[len(path)-1])
	}
	l := layout{scan: scan}
	inTail := false
	for i := len(path) - 2; i >= 0; i-- {
		switch n := path[i].(type) {
		case *physical.Exchange:
			inTail = true
			continue
		case *physical.Sort, *physical.Limit, *physical.WindowFinal:
			inTail = true
		case *physical.Stamp:
			if !inTail {
				return layout{}, fmt.Errorf("plan has %T in front of the exchange", n)
			}
		}
		if inTail {
			l.tail = append(l.tail, path[i])
		} else {
			l.lane = append(l.lane, path[i])
		}
	}
	return l, nil
}

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
	case *physical.WindowPartial:
		return windowagg.NewPartial(n)
	case *physical.WindowFinal:
		return windowagg.NewFinal(n)
	case *physical.Stamp:
		return stamp.New(n)
	case *physical.Sort:
		return topn.NewSort(n)
	case *physical.Limit:
		return topn.NewLimit(n)
	}
	return nil, fmt.Errorf("no operator runs %T", n)
}
