package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"weir/operators"
	"weir/operators/checkpoint"
	"weir/operators/stream"
)

// life is whether a query can be saved.
type life uint8

const (
	lifeOn   life = iota // it runs, or will
	lifeDone             // it wants no more input
	lifeOver             // it was cancelled, or failed, and may be inside a step
)

// ErrOver is returned by Snapshot for a query that was cancelled or failed: what
// it keeps may be that of half a step.
var ErrOver = errors.New("the query is over")

// Snapshot returns the query as it is between two steps, waiting for the end of
// the one under way; meanwhile no other begins, so it takes as long as copying
// the state. A page that did not change since the Snapshot before has no data.
// After an error from an operator the query must not be saved again.
func (q *Query) Snapshot(ctx context.Context) (*checkpoint.Snapshot, error) {
	q.between.Lock()
	defer q.between.Unlock()
	if q.life == lifeOver {
		return nil, ErrOver
	}
	began := time.Now()
	p := q.Progress()
	s := &checkpoint.Snapshot{Point: checkpoint.Point{
		Commit: p.Commit, Step: p.Step, Clock: p.Clock, Input: q.inputs[0].point(), Done: q.life == lifeDone,
	}}
	for _, in := range q.inputs[1:] {
		s.More = append(s.More, in.point())
	}
	if s.Done {
		return s, nil
	}
	for _, in := range q.inputs {
		for _, ln := range in.order {
			if err := ln.chain.save(ctx, s, func(i int) string { return lanePath(in.layout.number, ln.shard, i) }); err != nil {
				return nil, err
			}
		}
	}
	err := q.root.walk(func(seg *segment) error { return seg.chain.save(ctx, s, seg.path) })
	s.Paused = time.Since(began)
	return s, err
}

// lanePath begins the paths of an operator of a lane.
func lanePath(input int, shard stream.Shard, place int) string {
	if input == 0 {
		return fmt.Sprintf("l%d/%d/", shard, place)
	}
	return fmt.Sprintf("i%d/l%d/%d/", input, shard, place)
}

// save adds the pages of every operator to s.
func (c *chain) save(ctx context.Context, s *checkpoint.Snapshot, path func(place int) string) error {
	for i, op := range c.ops {
		if err := op.Snapshot(ctx, checkpoint.Writer{Prefix: path(i), To: &s.Pages}); err != nil {
			return err
		}
	}
	return nil
}

// restore opens every operator with its pages of the snapshot.
func (q *Query) restore(ctx context.Context) error {
	from := q.cfg.From
	q.progress = Progress{Commit: from.Commit, Step: from.Step, Clock: from.Clock}
	q.account()
	if from.Done {
		q.life = lifeDone
		return nil
	}
	for i, in := range q.inputs {
		lanes := from.InputAt(i).Lanes
		if !slices.IsSorted(lanes) {
			return errors.New("restore query: lanes out of order")
		}
		for _, shard := range lanes {
			ln, err := newLane(ctx, shard, in, q.cfg.Alloc, from)
			if err != nil {
				return fmt.Errorf("shard %d: %w", shard, err)
			}
			in.lanes[shard] = ln
			in.order = append(in.order, ln)
		}
	}
	if err := q.openSegments(ctx); err != nil {
		return err
	}
	q.cfg.From = &checkpoint.Snapshot{} // its pages are loaded and can go
	return nil
}

// openSegments opens the operators behind the lanes.
func (q *Query) openSegments(ctx context.Context) error {
	return q.root.walk(func(s *segment) error {
		return s.chain.open(ctx, func(place int) *operators.Runtime {
			rt := &operators.Runtime{Alloc: q.cfg.Alloc, Ledger: &q.behind}
			if q.cfg.From != nil {
				rt.State = q.cfg.From.Reader(s.path(place))
			}
			return rt
		})
	})
}
