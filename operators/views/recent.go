package views

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
)

// recentStepsMax is how many steps with changes a view remembers for readers who
// come back.
const recentStepsMax = 4096

// recentStep is the change of one step.
type recentStep struct {
	cut     stream.Cut
	commit  stream.Commit
	changes []stream.Batch
}

// remember keeps the changes of a step. The view's lock is held.
func (v *View) remember(c stream.Cut, commit stream.Commit, changes []stream.Batch) {
	if len(changes) == 0 {
		return
	}
	kept := make([]stream.Batch, len(changes))
	for i, b := range changes {
		b.Retain()
		kept[i] = b
	}
	v.recent = append(v.recent, recentStep{c, commit, kept})
	if len(v.recent) > recentStepsMax {
		v.floor = v.recent[0].commit
		releaseAll(v.recent[0].changes)
		v.recent = v.recent[1:]
	}
}

func releaseAll(batches []stream.Batch) {
	for _, b := range batches {
		b.Release()
	}
}

// FeedAfter returns an endless source over some of the view's columns: the
// changes behind a commit that the reader has seen, and then what follows. Its
// first step is the first with changes behind that commit. It returns
// ErrForgotten where the view does not know all of these changes any more, or
// has not come as far as that commit.
func (v *View) FeedAfter(after stream.Commit, columns []int, _ memory.Allocator) (*Feed, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended != nil {
		return nil, v.ended
	}
	if after < v.floor || after > v.state.Commit {
		return nil, fmt.Errorf("%w: %d, the view stands at %d and knows back to %d", ErrForgotten, after, v.state.Commit, v.floor)
	}
	f := &Feed{
		view: v, columns: columns, schema: pickSchema(v.schema, columns),
		wake: make(chan struct{}, 1), w: stream.MinTime,
	}
	v.feeds[f] = struct{}{}
	for _, s := range v.recent {
		if s.commit > after {
			f.offer(s.cut, s.commit, s.changes)
		}
	}
	return f, nil
}
