package operators

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/state"
	"weir/operators/stream"
)

// Port numbers the inputs of an operator, from 0.
type Port int

// Runtime is what an operator may use. It is valid from Open to Close.
type Runtime struct {
	Alloc memory.Allocator
	// Ledger counts what becomes of the rows of the lane that the operator runs
	// in. Behind the exchange, where rows are results, nobody reads it.
	Ledger *stream.Ledger
	// State is what the operator's last snapshot put; nil: it begins empty. It may
	// be read in Open only.
	State state.Reader
}

// Collector takes what an operator emits.
type Collector interface {
	// Emit takes ownership of b.
	Emit(ctx context.Context, b stream.Batch) error
}

// Operator transforms batches. It is driven by exactly one goroutine at a time,
// starts none, does no I/O of its own and does not log.
type Operator interface {
	// Open is called once, before anything else. An operator that is given state
	// goes on from it as if it had never stopped, or returns an error.
	Open(ctx context.Context, rt *Runtime) error
	// ProcessBatch borrows b: whoever keeps rows beyond the call must retain them.
	ProcessBatch(ctx context.Context, in Port, b stream.Batch, out Collector) error
	// ProcessCut is called once a step, after all batches of the step. Windows
	// fire here. It returns the W to forward, which must not exceed c.W: an
	// operator that holds rows back must hold W back too.
	ProcessCut(ctx context.Context, c stream.Cut, out Collector) (stream.Time, error)
	// Snapshot writes everything that the operator keeps between steps. It is
	// called after a cut, never within a step nor after an error, and must be about
	// as quick as copying memory, for the query waits. What is in a page that did
	// not change since the snapshot before need not be written again.
	Snapshot(ctx context.Context, w state.Writer) error
	// Close is called once, also after an error.
	Close() error
}

// ErrDone is returned by ProcessBatch and ProcessCut once an operator wants no
// more input (LIMIT is reached). What was emitted before still counts.
var ErrDone = errors.New("no more input wanted")

// Stateless is embedded by operators that keep nothing between batches.
type Stateless struct{}

// Open does nothing.
func (Stateless) Open(context.Context, *Runtime) error { return nil }

// ProcessCut forwards the watermark.
func (Stateless) ProcessCut(_ context.Context, c stream.Cut, _ Collector) (stream.Time, error) {
	return c.W, nil
}

// Snapshot writes nothing.
func (Stateless) Snapshot(context.Context, state.Writer) error { return nil }

// Close does nothing.
func (Stateless) Close() error { return nil }
