package app

import (
	"context"
	"io"
	"sync"

	"weir/operators/engine"
)

// stdinBytes is how much is read from stdin at once.
const stdinBytes = 256 << 10

// stdin is a reader that can be closed while it waits for more: nothing wakes a
// read of a terminal or a pipe whose other end is silent, so that read stays
// behind on a goroutine of its own until the process ends.
type stdin struct {
	in    io.Reader
	begin sync.Once
	out   *io.PipeReader
	pipe  *io.PipeWriter
}

// newStdin returns a reader of in that is closed when ctx ends. It reads nothing
// before somebody reads from it.
func newStdin(ctx context.Context, in io.Reader) (s *stdin, release func()) {
	s = &stdin{in: in}
	s.out, s.pipe = io.Pipe()
	stop := context.AfterFunc(ctx, func() { s.pipe.CloseWithError(ctx.Err()) })
	return s, func() { stop(); s.close() }
}

// Read waits for more of the input.
func (s *stdin) Read(p []byte) (int, error) {
	s.begin.Do(func() {
		go func() {
			// The struct hides that a file would copy itself, in smaller pieces.
			_, err := io.CopyBuffer(s.pipe, struct{ io.Reader }{s.in}, make([]byte, stdinBytes))
			s.pipe.CloseWithError(err)
		}()
	})
	return s.out.Read(p)
}

// close ends a Read that waits.
func (s *stdin) close() { _ = s.out.CloseWithError(io.ErrClosedPipe) }

// stdinSource is a source over stdin, which it closes before the source that
// waits for it.
type stdinSource struct {
	engine.Source
	in *stdin
}

// Close frees the source.
func (s stdinSource) Close() error {
	s.in.close()
	return s.Source.Close()
}
