package engine

import (
	"context"
	"runtime"

	"weir/operators/stream"
)

// laneWork is what one lane has to read in a step.
type laneWork struct {
	lane    *lane
	batches []stream.SourceBatch
}

func (w laneWork) run(ctx context.Context) error {
	for _, b := range w.batches {
		if err := w.lane.take(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// parallelRows is how many rows a step needs before it pays to wake other
// goroutines for its lanes.
const parallelRows = 4096

// runLanes reads a step's rows. Lanes share nothing, so they may run at once:
// what they compute does not depend on the order.
func runLanes(ctx context.Context, work []laneWork) error {
	rows := 0
	for _, w := range work {
		for _, b := range w.batches {
			rows += int(b.NumRows())
		}
	}
	workers := min(runtime.GOMAXPROCS(0), len(work))
	if workers < 2 || rows < parallelRows {
		for _, w := range work {
			if err := w.run(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	next := make(chan laneWork, len(work))
	for _, w := range work {
		next <- w
	}
	close(next)
	errs := make(chan error, workers)
	for range workers {
		// Nobody else could catch a panic on this goroutine.
		go func() { errs <- guard(func() error { return drain(ctx, next) }) }()
	}
	var first error
	for range workers {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

// drain runs lanes until there are none left.
func drain(ctx context.Context, next <-chan laneWork) error {
	for w := range next {
		if err := w.run(ctx); err != nil {
			return err
		}
	}
	return nil
}
