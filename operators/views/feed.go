package views

import (
	"context"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/expr"
	"weir/operators/stream"
)

// contentRows is about how many rows of the content an ending feed hands over at once.
const contentRows = 64 << 10

// Feed is a Source over a view: its content, then every change, or the changes
// behind a commit. Its batches carry Ops. It is a place in the view's changes and
// holds nothing but the pages of a content that was not read yet. One goroutine
// calls Next.
type Feed struct {
	view    *View
	columns []int
	schema  *arrow.Schema // of those columns
	endless bool
	alloc   memory.Allocator

	mu      sync.Mutex // taken outside of the view's
	closed  bool
	content *content // what is left of it; nil: nothing
	first   State    // the moment of the content
	handed  int      // steps of the content that were handed over
	rows    stream.Seq

	seq   uint64        // the step with changes that was handed over last
	after stream.Commit // the reader has seen the changes up to here
	steps uint64        // the step of the view that it knows of
	below stream.Time   // rows older than that were not in the content, and never come
	w     stream.Time   // of the step that was handed over last
}

// Feed returns a source over some of the view's columns. An endless feed goes on
// with the view's changes, and has the content as its first step; the other ends
// behind the content, which comes in several steps where it is large.
func (v *View) Feed(columns []int, endless bool, alloc memory.Allocator) (*Feed, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.ended != nil && (endless || v.closed):
		return nil, v.ended
	case v.broken != nil:
		return nil, v.broken
	}
	f := v.newFeed(columns, endless, alloc)
	f.content, f.first = v.snapshot(columns, f.schema), v.state
	f.below = v.expiry.below
	return f, nil
}

// FeedAfter returns an endless source over some of the view's columns: the
// changes behind a commit that the reader has seen, and then what follows. Its
// first step is the first with changes behind that commit. It returns
// ErrForgotten where the view does not know all of these changes any more, or
// has not come as far as that commit.
//
// Rows that expired are no changes. A reader who comes back may be told that a
// row leaves which expired before it came first; it has nothing to do then.
func (v *View) FeedAfter(after stream.Commit, columns []int, alloc memory.Allocator) (*Feed, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.ended != nil:
		return nil, v.ended
	case v.broken != nil:
		return nil, v.broken
	case after < v.floor || after > v.state.Commit:
		return nil, fmt.Errorf("%w: %d, the view stands at %d and knows back to %d", ErrForgotten, after, v.state.Commit, v.floor)
	}
	f := v.newFeed(columns, true, alloc)
	f.after = after
	if i := sort.Search(len(v.log), func(i int) bool { return v.log[i].lastCommit > after }); i < len(v.log) {
		// Steps of that page that the reader has seen are left out as they come by.
		f.seq = max(v.log[i].firstSeq-1, v.floorSeq)
	}
	return f, nil
}

func (v *View) newFeed(columns []int, endless bool, alloc memory.Allocator) *Feed {
	if alloc == nil {
		alloc = v.cfg.Alloc
	}
	return &Feed{
		view: v, columns: columns, schema: pickSchema(v.cfg.Schema, columns), endless: endless, alloc: alloc,
		seq: v.seq, steps: v.steps, w: stream.MinTime, below: stream.MinTime,
	}
}

// Next returns the content, then one step after the other. Steps without changes
// fold into one.
func (f *Feed) Next(ctx context.Context) (*stream.StepData, error) {
	for {
		data, wait, err := f.step()
		if data != nil || err != nil {
			return data, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// step returns the next step, or what to wait for.
func (f *Feed) step() (*stream.StepData, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, nil, io.EOF
	}
	if err := f.mayRead(); err != nil {
		return nil, nil, err
	}
	if f.content != nil {
		data, err := f.readContent()
		return data, nil, f.unlessClosed(err)
	}
	if !f.endless {
		return nil, nil, io.EOF
	}
	for {
		p, wait, err := f.where()
		switch {
		case err != nil:
			return nil, nil, err
		case p == nil && wait != nil:
			return nil, wait, nil
		case p == nil:
			return f.quiet(), nil, nil
		}
		data, err := f.readStep(p)
		if data != nil || err != nil {
			return data, nil, f.unlessClosed(err)
		}
	}
}

// unlessClosed says that the view was closed where that is why it cannot be read.
func (f *Feed) unlessClosed(err error) error {
	if err == nil {
		return nil
	}
	if closed := f.mayRead(); closed != nil {
		return closed
	}
	return err
}

// mayRead tells why there is nothing more to read.
func (f *Feed) mayRead() error {
	v := f.view
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.closed || v.ended != nil && f.endless:
		return v.ended
	case v.broken != nil && f.endless:
		return v.broken
	}
	return nil
}

// readContent returns the content, or as much of it as a step should have.
func (f *Feed) readContent() (*stream.StepData, error) {
	data := &stream.StepData{Step: f.first.Step + stream.Step(f.handed), Commit: f.first.Commit, Clock: f.first.Clock}
	rows := int64(0)
	for {
		rec, err := f.content.next()
		if err != nil {
			data.Release()
			return nil, err
		}
		if rec == nil {
			f.content.close()
			f.content = nil
			data.End = !f.endless
			break
		}
		data.Rows = append(data.Rows, stream.SourceBatch{
			Batch: stream.Batch{RecordBatch: rec}, Arrival: stream.MinTime, First: f.rows,
		})
		f.rows += stream.Seq(rec.NumRows())
		if rows += rec.NumRows(); !f.endless && rows >= contentRows {
			break
		}
	}
	f.handed++
	f.w = f.first.W
	return data, nil
}

// where returns the page with the next changes, pinned; nil where there are none,
// and then what to wait for unless the view went on without changes.
func (f *Feed) where() (*page, <-chan struct{}, error) {
	v := f.view
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case f.seq == v.seq && f.steps == v.steps:
		return nil, v.changed, nil
	case f.seq == v.seq:
		return nil, nil, nil
	case f.seq < v.floorSeq:
		return nil, nil, ErrSlowReader
	}
	p := v.logPage(f.seq + 1)
	if p == nil {
		return nil, nil, ErrSlowReader
	}
	p.pins++
	return p, nil, nil
}

// quiet returns a step without changes: the view's moment.
func (f *Feed) quiet() *stream.StepData {
	v := f.view
	v.mu.Lock()
	defer v.mu.Unlock()
	f.steps, f.w = v.steps, v.state.W
	return &stream.StepData{Step: v.state.Step, Commit: v.state.Commit, Clock: v.state.Clock}
}

// readStep returns the step behind f.seq, which begins in p. It returns nil for
// one that the reader has seen.
func (f *Feed) readStep(p *page) (*stream.StepData, error) {
	want := f.seq + 1
	data := new(stream.StepData)
	for {
		m, err := f.readPart(p, want, data)
		if err != nil {
			data.Release()
			return nil, err
		}
		if !m.more {
			f.done(want, m)
			if m.commit <= f.after && f.after > 0 {
				data.Release()
				return nil, nil
			}
			data.Step, data.Commit, data.Clock = m.step, m.commit, m.clock
			f.w = m.w
			return data, nil
		}
		if p = f.pageBehind(p); p == nil {
			data.Release()
			return nil, ErrSlowReader
		}
	}
}

// done moves on behind a step.
func (f *Feed) done(seq uint64, _ mark) {
	v := f.view
	v.mu.Lock()
	defer v.mu.Unlock()
	f.seq = seq
	if seq == v.seq {
		f.steps = v.changedAt
	}
}

// pageBehind returns the next page of the log, pinned; nil where it is forgotten.
func (f *Feed) pageBehind(p *page) *page {
	v := f.view
	v.mu.Lock()
	defer v.mu.Unlock()
	i := sort.Search(len(v.log), func(i int) bool { return v.log[i].id > p.id })
	if i == len(v.log) || i == 0 && v.floorSeq > p.lastSeq {
		return nil
	}
	v.log[i].pins++
	return v.log[i]
}

// readPart appends a page's rows of a step, and unpins the page.
func (f *Feed) readPart(p *page, seq uint64, data *stream.StepData) (mark, error) {
	v := f.view
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return mark{}, ErrViewClosed
	}
	if !p.sealed {
		defer v.mu.Unlock()
		defer v.unpin(p)
		return f.cut(p, p.body, seq, data)
	}
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		v.unpin(p)
		v.mu.Unlock()
	}()
	b, err := v.fetch(p)
	if err != nil {
		return mark{}, err
	}
	defer b.release()
	return f.cut(p, b, seq, data)
}

func (f *Feed) cut(p *page, b *body, seq uint64, data *stream.StepData) (mark, error) {
	i := int(seq - p.firstSeq)
	if i >= len(b.marks) {
		return mark{}, fmt.Errorf("%w: page %d has %d steps", ErrDamaged, p.id, len(b.marks))
	}
	from, m := 0, b.marks[i]
	if i > 0 {
		from = b.marks[i-1].end
	}
	if m.commit <= f.after && f.after > 0 {
		return m, nil
	}
	all := f.columns
	if f.below != stream.MinTime { // the rows' age is needed
		return m, f.cutYoung(b, from, m, data)
	}
	for _, part := range b.cut(nil, f.schema, all, from, m.end) {
		data.Rows = append(data.Rows, stream.SourceBatch{Batch: part, Commit: m.commit, Arrival: stream.MinTime})
	}
	return m, nil
}

// cutYoung leaves out rows that were too old when the feed began.
func (f *Feed) cutYoung(b *body, from int, m mark, data *stream.StepData) error {
	v := f.view
	all := make([]int, len(v.cfg.Schema))
	for i := range all {
		all[i] = i
	}
	for _, part := range b.cut(nil, v.schema, all, from, m.end) {
		times := v.expiry.times(part.RecordBatch, v.cfg.TimeColumn)
		rows := make([]int32, 0, part.NumRows())
		for i := range int(part.NumRows()) {
			if times.at(i) >= f.below {
				rows = append(rows, int32(i))
			}
		}
		some := stream.Batch{RecordBatch: pick(f.schema, part.RecordBatch, f.columns), Ops: part.Ops}
		part.Release()
		if int64(len(rows)) < some.NumRows() {
			rec, err := expr.Take(f.alloc, some.RecordBatch, rows)
			some.Release()
			if err != nil {
				return err
			}
			some = stream.Batch{RecordBatch: rec, Ops: some.TakeOps(rows)}
		}
		if len(rows) == 0 {
			some.Release()
			continue
		}
		data.Rows = append(data.Rows, stream.SourceBatch{Batch: some, Commit: m.commit, Arrival: stream.MinTime})
	}
	return nil
}

// W returns the watermark of the view at the step that Next returned last: a
// feed's rows have no event time of their own that a reader could compute it
// from.
func (f *Feed) W() stream.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.w
}

// First returns the moment whose content the feed begins with.
func (f *Feed) First() State { return f.first }

// Close ends the feed.
func (f *Feed) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.content != nil {
		f.content.close()
		f.content = nil
	}
	return nil
}
