package sinks

import (
	"context"
	"errors"

	"weir/operators/stream"
)

// Mode tells what a sink is about to get.
type Mode uint8

// The modes.
const (
	// Changes: what happened behind the sink's cursor.
	Changes Mode = iota
	// Content: the content of the view, then changes; the destination has nothing yet.
	Content
	// Resync: the content of the view, then changes. The content takes the place
	// of what the destination holds from before.
	Resync
)

// Sink is a destination. One goroutine calls it.
type Sink interface {
	// Open makes the destination ready. It returns the commit up to which the
	// destination holds the changes; ok is false where it holds none. It is called
	// again after every error, behind Close.
	Open(ctx context.Context) (cursor stream.Commit, ok bool, err error)
	// Begin says what is to come up to the next Commit.
	Begin(ctx context.Context, mode Mode) error
	// Write takes changes of one step, whose last commit is given. It borrows b.
	// What it needs beyond the call it copies or retains. It may send rows before
	// Commit only where a repetition does no harm or an error takes them back.
	Write(ctx context.Context, commit stream.Commit, b stream.Batch) error
	// Bytes returns the size of what was written since the last Commit, 0 where
	// that plays no part.
	Bytes() int64
	// Commit makes what was written since Begin durable, with a new cursor. After
	// an error it may have happened or not: Open tells.
	Commit(ctx context.Context, to stream.Commit) (Outcome, error)
	// Close lets go of the connection and of what was not committed.
	Close() error
}

// Outcome is what became of the rows between Begin and Commit.
type Outcome struct {
	// Refused is the number of rows that the destination did not take and never
	// will; Why is what it said about one of them.
	Refused int64
	Why     string
	// Stayed is the number of rows that left the view and cannot be removed from
	// the destination.
	Stayed int64
}

// Cursors keeps the cursors of sinks whose destination has no place for them.
type Cursors interface {
	// Load returns the cursor of a sink; ok is false where there is none.
	Load(sink string) (cursor stream.Commit, ok bool, err error)
	// Save keeps it.
	Save(ctx context.Context, sink string, cursor stream.Commit) error
}

// Source is a view.
type Source interface {
	// Content returns a feed whose first step is the content of the view.
	Content() (Feed, error)
	// After returns a feed of the changes behind a commit. Where there are none, its
	// first step has no rows and tells how far the view has come. The error is
	// ErrForgotten where these cannot be had, or not yet.
	After(commit stream.Commit) (Feed, error)
}

// Feed reads steps of a view.
type Feed interface {
	// Next returns the next step, which the caller releases. The error is ErrSlow
	// if the reader fell too far behind.
	Next(ctx context.Context) (*stream.StepData, error)
	Close() error
}

// ErrForgotten is returned by a Source that does not know all changes behind a
// commit.
var ErrForgotten = errors.New("the view does not know the changes behind that commit")

// ErrSlow is returned by a Feed that was not read for too long.
var ErrSlow = errors.New("the sink fell too far behind its view")

// permanent is an error that no repetition cures.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error that only somebody can repair: the runner stops.
func Permanent(err error) error { return permanent{err} }

// IsPermanent tells whether an error was marked.
func IsPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}
