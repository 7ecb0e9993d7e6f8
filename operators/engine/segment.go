package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// segment is a run of operators that every row of what it reads goes through: the
// lanes of some inputs, which meet in front of it, or other segments, whose rows
// it takes one behind the other. The segments of a plan are a tree; what leaves
// its root leaves the query.
type segment struct {
	number int   // in the order of the plan
	reads  []int // numbers of inputs
	inputs []*input
	kids   []*segment
	nodes  []physical.Node
	meter  *Meter

	chain *chain
	out   gather // of a segment that another one reads
	w     stream.Time
	done  bool // it wants no more input
	whole []*completeness
}

// assemble makes the operators: those of the plan, and behind each that fires windows
// one that holds back those that were seen in part, or tells which these are. Rows that
// are counted are counted from the first one that is read. What leaves the root passes
// those that come last: net, and what holds rows back for the clock.
func (s *segment) assemble(all []*input, out operators.Collector, last []operators.Operator) error {
	for _, at := range s.reads {
		s.inputs = append(s.inputs, all[at])
	}
	for _, k := range s.kids {
		if err := k.assemble(all, &k.out, nil); err != nil {
			return err
		}
	}
	var ops []operators.Operator
	var reach time.Duration
	partial := s.partial()
	for _, n := range s.nodes {
		op, err := buildOne(n)
		if err != nil {
			return err
		}
		ops = append(ops, s.meter.meter(n, op))
		final, ok := n.(*physical.WindowFinal)
		if !ok || !partial || final.Window.Kind == windows.None || final.Window.Kind == windows.Count {
			continue
		}
		marked, tells := op.(interface{ WholeFrom(t stream.Time) })
		switch {
		case !final.Updates:
			whole := newCompleteness(reach + final.Window.Gap) // an unseen row may have begun a session
			if final.Window.Kind == windows.Session && final.Window.Size > 0 {
				whole.cuts = newCuts(final)
			}
			s.whole, ops = append(s.whole, whole), append(ops, whole)
		case tells && shows(final, physical.AggIsComplete):
			whole := newCompleteness(reach)
			whole.tell = marked.WholeFrom
			marked.WholeFrom(stream.MaxTime)
			s.whole, ops = append(s.whole, whole), append(ops, whole)
		}
		reach += final.Window.Longest()
	}
	ops = append(ops, last...)
	s.chain, s.w = newChain(ops, out), stream.MaxTime
	for _, in := range s.inputs {
		s.w = min(s.w, in.tracker.Merged())
	}
	for _, k := range s.kids {
		s.w = min(s.w, k.w)
	}
	return nil
}

// shows tells whether n has a mark among its columns.
func shows(n *physical.WindowFinal, mark physical.AggFn) bool {
	return slices.ContainsFunc(n.Aggs, func(a physical.Agg) bool { return a.Fn == mark })
}

// partial tells whether something below starts behind the first record of the log.
func (s *segment) partial() bool {
	for _, in := range s.inputs {
		if in.Partial {
			return true
		}
	}
	for _, k := range s.kids {
		if k.partial() {
			return true
		}
	}
	return false
}

// observe shows what was read to those who judge what is whole.
func (s *segment) observe() {
	for _, k := range s.kids {
		k.observe()
	}
	for _, whole := range s.whole {
		whole.observe(s, s.w)
	}
}

// each calls f for each input below.
func (s *segment) each(f func(*input)) {
	for _, in := range s.inputs {
		f(in)
	}
	for _, k := range s.kids {
		k.each(f)
	}
}

// walk calls f for the segment and those below, in the order of their numbers.
func (s *segment) walk(f func(*segment) error) error {
	if err := f(s); err != nil {
		return err
	}
	for _, k := range s.kids {
		if err := k.walk(f); err != nil {
			return err
		}
	}
	return nil
}

// fire makes the cut below, then hands over what leaves there, input by input and
// lane by lane in shard order, and makes its own cut: at the least watermark of
// what it reads, so that nothing fires that a row of one of them may belong to.
func (s *segment) fire(ctx context.Context, cut stream.Cut) error {
	cut.W = stream.MaxTime
	for _, k := range s.kids {
		if err := k.fire(ctx, cut); err != nil {
			return err
		}
		cut.W = min(cut.W, k.w)
	}
	for _, in := range s.inputs {
		cut.W = min(cut.W, in.tracker.Merged())
	}
	before := s.done
	for _, in := range s.inputs {
		for _, ln := range in.order {
			if _, err := ln.chain.cut(ctx, cut); err != nil {
				return err
			}
			if err := s.take(ctx, &ln.out, ln.shard); err != nil {
				return err
			}
		}
	}
	for _, k := range s.kids {
		if err := s.take(ctx, &k.out, 0); err != nil {
			return err
		}
	}
	if before {
		s.w = stream.MaxTime
		return nil
	}
	if s.done { // for what stands behind the LIMIT the input has ended
		cut.W, cut.Final = stream.MaxTime, true
	}
	w, err := s.chain.cut(ctx, cut)
	s.done = s.done || errors.Is(err, operators.ErrDone)
	if s.w = w; s.done {
		s.w = stream.MaxTime
	}
	if errors.Is(err, operators.ErrDone) {
		err = nil
	}
	return err
}

// take pushes what g has gathered through the operators.
func (s *segment) take(ctx context.Context, g *gather, shard stream.Shard) error {
	batches := g.take()
	for i, b := range batches {
		if s.done {
			releaseAll(batches[i:])
			return nil
		}
		b.Shard = shard
		err := s.chain.push(ctx, b)
		if s.done = errors.Is(err, operators.ErrDone); err != nil && !s.done {
			releaseAll(batches[i+1:])
			return err
		}
	}
	return nil
}

// path begins the paths of the pages of an operator of the segment.
func (s *segment) path(place int) string {
	if s.number == 0 {
		return fmt.Sprintf("t/%d/", place)
	}
	return fmt.Sprintf("t%d/%d/", s.number, place)
}
