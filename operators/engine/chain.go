package engine

import (
	"context"
	"errors"

	"weir/operators"
	"weir/operators/stream"
)

// chain runs operators one behind the other in one goroutine. What the last one
// emits goes to out.
type chain struct {
	ops   []operators.Operator
	links []link
}

// link is the collector in front of operator `next`; behind the last one it is out.
type link struct {
	chain *chain
	next  int
	out   operators.Collector
}

func newChain(ops []operators.Operator, out operators.Collector) *chain {
	c := &chain{ops: ops, links: make([]link, len(ops)+1)}
	for i := range c.links {
		c.links[i] = link{chain: c, next: i, out: out}
	}
	return c
}

// Emit owns b and lends it to the next operator.
func (l *link) Emit(ctx context.Context, b stream.Batch) error {
	if l.next == len(l.chain.ops) {
		return l.out.Emit(ctx, b)
	}
	defer b.Release()
	return l.chain.ops[l.next].ProcessBatch(ctx, 0, b, &l.chain.links[l.next+1])
}

// open opens every operator with the runtime that is made for its place.
func (c *chain) open(ctx context.Context, runtime func(place int) *operators.Runtime) error {
	for i, op := range c.ops {
		if err := op.Open(ctx, runtime(i)); err != nil {
			c.ops = c.ops[:i]
			return err
		}
	}
	return nil
}

// push sends one batch, which it owns, through all operators.
func (c *chain) push(ctx context.Context, b stream.Batch) error {
	return c.links[0].Emit(ctx, b)
}

// cut ends the step for one operator after the other: each sees the watermark
// that the one before forwards, after the rows that it emitted. An operator that
// is done must not keep those behind it from their cut.
// It returns the watermark that the last one forwards.
func (c *chain) cut(ctx context.Context, cut stream.Cut) (stream.Time, error) {
	var done error
	for i, op := range c.ops {
		w, err := op.ProcessCut(ctx, cut, &c.links[i+1])
		if errors.Is(err, operators.ErrDone) {
			done = err
			cut.W, cut.Final = stream.MaxTime, true
			continue
		}
		if err != nil {
			return cut.W, err
		}
		cut.W = w
	}
	return cut.W, done
}

func (c *chain) close() error {
	var errs []error
	for _, op := range c.ops {
		errs = append(errs, op.Close())
	}
	return errors.Join(errs...)
}

// gather is a collector that keeps what it gets.
type gather struct{ batches []stream.Batch }

func (g *gather) Emit(_ context.Context, b stream.Batch) error {
	if b.NumRows() == 0 {
		b.Release()
		return nil
	}
	g.batches = append(g.batches, b)
	return nil
}

// take hands over the batches and forgets them.
func (g *gather) take() []stream.Batch {
	out := g.batches
	g.batches = nil
	return out
}

func (g *gather) release() {
	releaseAll(g.batches)
	g.batches = nil
}

func releaseAll(batches []stream.Batch) {
	for _, b := range batches {
		b.Release()
	}
}
