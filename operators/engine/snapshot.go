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
		Commit: p.Commit, Step: p.Step, Clock: p.Clock, Ledger: p.Ledger,
		Tracker: q.tracker.Snapshot(), Partial: q.cfg.Partial, Done: q.life == lifeDone,
	}}
	if s.Done {
		return s, nil
	}
	for _, ln := range q.order {
		s.Lanes = append(s.Lanes, ln.shard)
		if err := ln.chain.save(ctx, s, func(i int) string { return lanePath(ln.shard, i) }); err != nil {
			return nil, err
		}
	}
	err := q.tail.save(ctx, s, tailPath)
	s.Paused = time.Since(began)
	return s, err
}

// lanePath begins the paths of an operator of a lane, tailPath those of one
// behind the exchange.
func lanePath(shard stream.Shard, place int) string { return fmt.Sprintf("l%d/%d/", shard, place) }
func tailPath(place int) string                     { return fmt.Sprintf("t/%d/", place) }

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
	if !slices.IsSorted(from.Lanes) {
		return errors.New("restore query: lanes out of order")
	}
	q.progress = Progress{Commit: from.Commit, Step: from.Step, Clock: from.Clock, W: from.Tracker.Merged, Ledger: from.Ledger}
	if from.Done {
		q.life = lifeDone
		return nil
	}
	for _, shard := range from.Lanes {
		ln, err := newLane(ctx, shard, q.layout, q.cfg.Alloc, from)
		if err != nil {
			return fmt.Errorf("shard %d: %w", shard, err)
		}
		q.lanes[shard] = ln
		q.order = append(q.order, ln)
	}
	if err := q.tail.open(ctx, q.tailRuntime); err != nil {
		return err
	}
	q.cfg.From = &checkpoint.Snapshot{} // its pages are loaded and can go
	return nil
}

// tailRuntime is for the operator at a place behind the exchange.
func (q *Query) tailRuntime(place int) *operators.Runtime {
	rt := &operators.Runtime{Alloc: q.cfg.Alloc, Ledger: &q.behind}
	if q.cfg.From != nil {
		rt.State = q.cfg.From.Reader(tailPath(place))
	}
	return rt
}
