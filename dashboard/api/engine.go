package api

import (
	"context"

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

// Result is the answer to a text. It is read by one goroutine.
type Result interface {
	// Schema returns the columns; it has none where nothing is answered.
	Schema() stream.Schema
	// Live tells that rows come until the client goes.
	Live() bool
	// Next blocks for the next rows, and returns io.EOF behind the last. The
	// caller releases the batch.
	Next(ctx context.Context) (stream.Batch, error)
	// Close ends the query and frees what it holds. It may be called before EOF.
	Close() error
}

// Positioned is a Result that knows how far in the log its rows reach.
type Positioned interface {
	// Commit returns the commit that the result is complete up to with the rows
	// that Next returned last; 0 where more rows of the same step follow, or where
	// there is no log.
	Commit() stream.Commit
}
