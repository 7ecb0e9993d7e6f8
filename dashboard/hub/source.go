package hub

import (
	"context"

	"weir/operators/stream"
)

// Source opens subscriptions.
type Source interface {
	// Subscribe starts sending the result of a statement. A mistake in it is a
	// *diag.Error with a span into req.SQL. ctx is the subscription's whole life.
	Subscribe(ctx context.Context, req Request) (Subscription, error)
}

// Request is what a client wants to see.
type Request struct {
	SQL   string
	Start string // where a live query begins: "-15m", "earliest", "latest", a time; "" is the default
}

// Subscription is the result of one statement as it changes. One goroutine reads
// it; Close may come from another and ends a Next that blocks.
type Subscription interface {
	Schema() stream.Schema
	Key() []int       // columns that identify a row; nil: a bag
	AppendOnly() bool // rows never leave
	TimeColumn() int  // the column to draw along x; -1: none
	// Next blocks for the next update, and returns io.EOF behind the last one of
	// a bounded query. The first update is a snapshot, if need be an empty one.
	// The caller releases it. ErrSlow says that the reader has fallen too far
	// behind; its connection is then closed with CloseSlow.
	Next(ctx context.Context) (Update, error)
	Close() error
}

// UpdateKind tells what an Update does to what the client has.
type UpdateKind uint8

// The kinds of update.
const (
	Snap     UpdateKind = iota // replaces everything
	SnapMore                   // goes on with the snapshot before
	Delta                      // a change
	Mark                       // no rows, but the watermark moved
)

// Update is one message of a Subscription.
type Update struct {
	Kind    UpdateKind
	Batches []stream.Batch // of a Delta, Ops tells what enters and what leaves
	W       stream.Time    // the watermark behind the update; MinTime: none yet
	Token   string         // names the place in the changelog
	More    bool           // the snapshot is not complete yet
}

// Release gives back the rows of the update.
func (u Update) Release() {
	for _, b := range u.Batches {
		b.Release()
	}
}

// rows returns the number of rows.
func (u Update) rows() int {
	n := 0
	for _, b := range u.Batches {
		n += int(b.NumRows())
	}
	return n
}
