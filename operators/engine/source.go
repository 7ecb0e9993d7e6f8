package engine

import (
	"context"

	"weir/operators/stream"
)

// Source delivers one relation in log order, a step at a time.
type Source interface {
	// Next blocks until the next step is over and returns all of it; the caller
	// releases it. It returns io.EOF once a bounded source has ended; the last
	// step before that has End set.
	Next(ctx context.Context) (*stream.StepData, error)
	// Close frees what the source holds. Next is not running then.
	Close() error
}
