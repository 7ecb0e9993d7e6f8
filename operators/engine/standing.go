package engine

import (
	"weir/operators/stream"
	"weir/windows"
)

// Standing is what a query knows of time between two steps.
type Standing struct {
	Progress Progress
	Inputs   [][]windows.Standing // the shards of each input
	// Waits is the least watermark at which rows leave that were read already, if
	// Waiting.
	Waits   stream.Time
	Waiting bool
}

// waiter is an operator that holds rows back until a watermark passes them.
type waiter interface{ WaitsFor() (stream.Time, bool) }

// Standing returns what the query knows of time, waiting for the end of a step
// under way. Of a query that is over it is what its trackers say.
func (q *Query) Standing() Standing {
	q.between.Lock()
	defer q.between.Unlock()
	s := Standing{Progress: q.Progress()}
	for _, in := range q.inputs {
		s.Inputs = append(s.Inputs, in.tracker.Standings())
	}
	if q.life != lifeOn {
		return s
	}
	look := func(c *chain) {
		for _, op := range c.ops {
			w, ok := op.(waiter)
			if !ok {
				continue
			}
			if at, waits := w.WaitsFor(); waits && (!s.Waiting || at < s.Waits) {
				s.Waits, s.Waiting = at, true
			}
		}
	}
	for _, in := range q.inputs {
		for _, ln := range in.order {
			look(ln.chain)
		}
	}
	_ = q.root.walk(func(seg *segment) error { look(seg.chain); return nil }) // look fails never
	return s
}
