package views

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
)

// ErrSlowReader is returned to a reader of a view that fell too far behind.
var ErrSlowReader = errors.New("reader is too slow: it fell too many changes behind the view")

// ErrForgotten is returned to a reader who comes back with a commit so old that
// the view no longer has all changes behind it.
var ErrForgotten = errors.New("the view no longer has the changes behind that commit")

// ErrViewClosed is returned to the readers of a view that was dropped.
var ErrViewClosed = errors.New("the view was dropped")

// feedStepsMax is how many steps with changes a feed holds for a slow reader.
// Steps without changes fold into one another and need no room.
const feedStepsMax = 4096

// Feed is a Source: the content of a view as its first step, then every change.
// Its batches carry Ops.
type Feed struct {
	view    *View
	columns []int
	schema  *arrow.Schema // of those columns

	// Guarded by view.mu.
	queue []feedStep
	err   error
	wake  chan struct{} // one token: something is queued
	w     stream.Time   // of the step that was handed over last
}

// feedStep is a step of a view and its watermark.
type feedStep struct {
	data *stream.StepData
	w    stream.Time
}

// Feed returns a source over some of the view's columns. An endless feed goes
// on with the view's changes; the other ends behind the content.
func (v *View) Feed(columns []int, endless bool, alloc memory.Allocator) (*Feed, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended != nil && (endless || errors.Is(v.ended, ErrViewClosed)) {
		return nil, v.ended
	}
	recs, err := v.snapshot(columns, alloc)
	if err != nil {
		return nil, err
	}
	f := &Feed{
		view: v, columns: columns, schema: pickSchema(v.schema, columns),
		wake: make(chan struct{}, 1), w: stream.MinTime,
	}
	first := &stream.StepData{Step: v.state.Step, Commit: v.state.Commit, Clock: v.state.Clock, End: !endless}
	seq := stream.Seq(0)
	for _, r := range recs {
		first.Rows = append(first.Rows, stream.SourceBatch{
			Batch: stream.Batch{RecordBatch: r}, Arrival: stream.MinTime, First: seq,
		})
		seq += stream.Seq(r.NumRows())
	}
	f.queue = append(f.queue, feedStep{first, v.state.W})
	f.signal()
	if endless {
		v.feeds[f] = struct{}{}
	} else {
		f.err = io.EOF
	}
	return f, nil
}

// offer queues a step. The view's lock is held.
func (f *Feed) offer(c stream.Cut, commit stream.Commit, changes []stream.Batch) {
	if f.err != nil {
		return
	}
	if n := len(f.queue); n > 0 && len(changes) == 0 && len(f.queue[n-1].data.Rows) == 0 {
		last := &f.queue[n-1]
		last.data.Step, last.data.Commit, last.data.Clock = c.Step, commit, c.Clock
		last.w = c.W
		return
	}
	if len(f.queue) >= feedStepsMax {
		f.fail(ErrSlowReader)
		return
	}
	data := &stream.StepData{Step: c.Step, Commit: commit, Clock: c.Clock}
	for _, b := range changes {
		data.Rows = append(data.Rows, stream.SourceBatch{
			Batch:   stream.Batch{RecordBatch: pick(f.schema, b.RecordBatch, f.columns), Ops: b.Ops},
			Commit:  commit,
			Arrival: stream.MinTime,
		})
	}
	f.queue = append(f.queue, feedStep{data, c.W})
	f.signal()
}

func (f *Feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// fail ends the feed with an error and drops what is queued. The view's lock is held.
func (f *Feed) fail(err error) {
	for _, s := range f.queue {
		s.data.Release()
	}
	f.queue, f.err = nil, err
	delete(f.view.feeds, f)
	f.signal()
}

// Next returns the content, then one step after the other.
func (f *Feed) Next(ctx context.Context) (*stream.StepData, error) {
	for {
		f.view.mu.Lock()
		if len(f.queue) > 0 {
			s := f.queue[0]
			f.queue, f.w = f.queue[1:], s.w
			f.view.mu.Unlock()
			return s.data, nil
		}
		err := f.err
		f.view.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// W returns the watermark of the view at the step that Next returned last: a
// feed's rows have no event time of their own that a reader could compute it
// from.
func (f *Feed) W() stream.Time {
	f.view.mu.Lock()
	defer f.view.mu.Unlock()
	return f.w
}

// Close ends the feed.
func (f *Feed) Close() error {
	f.view.mu.Lock()
	defer f.view.mu.Unlock()
	if f.err == nil || errors.Is(f.err, io.EOF) {
		f.fail(io.EOF)
	}
	return nil
}
