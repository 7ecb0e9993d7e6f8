package api

import (
	"context"
	"time"

	"weir/operators/stream"
)

// Engine runs statements.
type Engine interface {
	// Execute runs one or more statements in order. For statements without an
	// answer the Result has no columns; otherwise the text's last SELECT decides
	// the columns. Mistakes in the text are *diag.Error with spans into text.
	Execute(ctx context.Context, text string) (Result, error)
	// Ready returns nil once requests can be served, and else why they cannot.
	Ready() error
}

// AfterEngine is an Engine that can wait for a commit.
type AfterEngine interface {
	// ExecuteAfter is Execute, but what the text reads of materialized views holds
	// at least everything up to a commit, for which each statement waits no longer
	// than timeout. The error is CodeAhead if the log has not come to the commit,
	// and CodeAfterTimeout if a view does not in time.
	ExecuteAfter(ctx context.Context, text string, after stream.Commit, timeout time.Duration) (Result, error)
}

// Result is the answer to a text. It is read by one goroutine.
type Result interface {
	// Schema returns the columns; it has none where nothing is answered.
	Schema() stream.Schema
	// Live tells that rows come until the client goes, or until what they are made
	// of ends.
	Live() bool
	// Next blocks for the next rows, and returns io.EOF behind the last. The
	// caller releases the batch.
	Next(ctx context.Context) (stream.Batch, error)
	// Close ends the query and frees what it holds. It may be called before EOF.
	Close() error
}

// Changelog is a live Result whose rows may say themselves what they do.
type Changelog interface {
	// Changes tells that the first column of the result is _op. Else a format adds
	// what it needs.
	Changes() bool
}

// Noted is a Result without columns that has something to say all the same.
type Noted interface {
	// Notes returns sentences for a person; none: there is nothing to say.
	Notes() []string
}

// Positioned is a Result that knows how far in the log its rows reach.
type Positioned interface {
	// Commit returns the commit that the result is complete up to with the rows
	// that Next returned last; 0 where more rows of the same step follow, or where
	// there is no log.
	Commit() stream.Commit
}
