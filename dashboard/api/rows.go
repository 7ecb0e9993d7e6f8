package api

import (
	"context"
	"errors"
	"io"
	"net/http"

	"weir/operators/stream"
)

// encoder writes a result in one format. It gathers in an out; its caller
// flushes. Errors are those of the connection.
type encoder interface {
	contentType() string
	// begin writes what stands before the rows.
	begin() error
	// rows writes the rows of b.
	rows(b stream.Batch) error
	// end writes what stands behind the rows; cause is nil if the result is
	// complete. It returns errNoPlace if the format cannot tell of cause.
	end(cause error) error
}

// errNoPlace says that a format has no place for an error.
var errNoPlace = errors.New("the format has no place for errors")

// newEncoder returns the encoder of a format.
func newEncoder(f format, o *out, res Result) encoder {
	live := res.Live()
	if f == formatAuto {
		if f = formatJSON; live {
			f = formatNDJSON
		}
	}
	if c, ok := res.(Changelog); ok && c.Changes() {
		live = false
	}
	schema := res.Schema()
	switch f {
	case formatNDJSON:
		return &ndjsonEncoder{out: o, objects: newObjects(schema)}
	case formatSSE:
		return &sseEncoder{out: o, objects: newObjects(schema), res: res}
	case formatCSV:
		return newCSVEncoder(o, schema, live)
	case formatArrow:
		return newArrowEncoder(o, schema, live)
	}
	e := &jsonEncoder{out: o, schema: schema, live: live}
	if n, ok := res.(Noted); ok {
		e.notes = n.Notes()
	}
	return e
}

// answer writes the whole of a result. It returns only what is weir's fault.
//
// An answer that ends gets its status with its first rows, so that what fails
// before them is an error with a status. A live one begins at once.
func answer(ctx context.Context, w http.ResponseWriter, f format, res Result) error {
	o := newOut(w)
	enc := newEncoder(f, o, res)
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		o.begin(enc.contentType())
		return enc.begin()
	}
	if res.Live() {
		if begin() != nil || o.flush() != nil {
			return nil // the client is gone
		}
	}
	for {
		b, err := next(ctx, res)
		if err == nil {
			if err = begin(); err == nil {
				err = enc.rows(b)
			}
			b.Release()
			if err != nil || o.flush() != nil {
				return nil // the client is gone, or too slow
			}
			continue
		}
		if errors.Is(err, io.EOF) || res.Live() && ctx.Err() != nil {
			// Complete; or live, and the client or the server goes.
			if begin() == nil && enc.end(nil) == nil {
				_ = o.flush() // nobody is left to be told
			}
			return nil
		}
		if !begun {
			WriteError(w, err)
			return internalOnly(err)
		}
		if errors.Is(enc.end(err), errNoPlace) {
			// A connection that breaks off is what says that rows are missing.
			_ = o.flush()
			return &brokenOff{internalOnly(err)}
		}
		_ = o.flush()
		return internalOnly(err)
	}
}

// brokenOff says that the connection must be cut, because the answer is not
// complete and cannot say so.
type brokenOff struct{ cause error } // of weir's fault, or nil

// Error returns the cause's message.
func (b *brokenOff) Error() string {
	if b.cause == nil {
		return "the answer is not complete"
	}
	return b.cause.Error()
}

func next(ctx context.Context, res Result) (stream.Batch, error) {
	if len(res.Schema()) == 0 {
		return stream.Batch{}, io.EOF
	}
	return res.Next(ctx)
}

// opOf names what a row of a changelog does.
func opOf(b stream.Batch, row int) string {
	if b.Ops != nil && b.Ops[row] == stream.Delete {
		return "delete"
	}
	return "insert"
}
