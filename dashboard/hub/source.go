package hub

import (
	"context"
	"errors"

	"weir/operators/stream"
)

// Source knows what statements mean.
type Source interface {
	// Prepare plans a statement. A mistake in it is a *diag.Error with a span into
	// req.SQL.
	Prepare(ctx context.Context, req Request) (Plan, error)
}

// Request is what a client wants to see.
type Request struct {
	SQL   string
	Start string // where a live query begins: "-15m", "earliest", "latest", a time; "" is the default
}

// Plan is a statement that can run.
type Plan interface {
	// ID names what is computed and where it begins: statements with equal IDs
	// share one run, and a token is good for its ID alone, also in another process.
	// "" is never shared nor resumed.
	ID() string
	Schema() stream.Schema
	Key() []int       // columns that identify a row; nil: a bag
	AppendOnly() bool // rows never leave
	TimeColumn() int  // the column to draw along x; -1: none
	// Whole tells that every change is a Snap of the whole result.
	Whole() bool
	// Open runs the plan. ctx is the run's whole life.
	Open(ctx context.Context, at Place) (Subscription, error)
}

// Place is where a run begins. The zero Place is where the statement says.
type Place struct {
	// Start is what Subscription.Start of an earlier run returned; the new one
	// begins exactly where that began.
	Start uint64
	// After is a commit whose reader wants to go on: the updates behind it have to
	// come, those before it may. 0: nobody does. Open returns ErrGone where that
	// cannot be had.
	After uint64
}

// ErrGone is wrapped by Open with the reason why a place cannot be gone back to.
var ErrGone = errors.New("cannot go on from there")

// Subscription is the result of one statement as it changes. One goroutine calls
// Next; it ends when the context of Open does. Where it is no Snapshotter the
// first update is a Snap, if need be an empty one.
type Subscription interface {
	// Start names where the run began.
	Start() uint64
	// Floor is a commit: Next gives every update behind it.
	Floor() uint64
	// Next blocks for the next update, and returns io.EOF behind the last one of
	// a bounded query. The caller releases it. ErrSlow says that the reader has
	// fallen too far behind; its connections are then closed with CloseSlow.
	Next(ctx context.Context) (Update, error)
	// Close is called once nothing else runs any more.
	Close() error
}

// Snapshotter is a Subscription whose updates are changes alone, from Floor on.
type Snapshotter interface {
	// Snapshot returns the content at some commit that is not before Floor. The
	// caller releases it.
	Snapshot(ctx context.Context) (Update, error)
}

// UpdateKind tells what an Update does to what the client has.
type UpdateKind uint8

// The kinds of update.
const (
	Snap  UpdateKind = iota // replaces everything
	Delta                   // a change
	Mark                    // no rows, but the watermark moved
)

// Update is one message of a Subscription. It is all of a step.
type Update struct {
	Kind    UpdateKind
	Batches []stream.Batch // of a Delta, Ops tells what enters and what leaves
	W       stream.Time    // the watermark behind the update; MinTime: none yet
	Commit  stream.Commit  // the commit that the result now reflects; 0 where the ID is ""
}

// Release gives back the rows of the update.
func (u Update) Release() {
	for _, b := range u.Batches {
		b.Release()
	}
}
