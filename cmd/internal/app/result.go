package app

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/engine"
	"weir/operators/stream"
	"weir/operators/views"
	"weir/planner/physical"
)

// result is the rows of a statement, batch by batch. It implements api.Result.
type result struct {
	schema  stream.Schema
	live    bool
	changes bool // rows that leave are shown, too

	batches chan stepRows // from the query to the reader; bounded
	commit  stream.Commit // of the rows that the reader got last
	done    chan struct{} // closed when the query has ended
	err     error         // valid once done is closed
	cancel  context.CancelFunc
	closed  sync.Once
	query   *engine.Query
	report  func(stream.Ledger) []string
	follows *follower // of SUBSCRIBE; else nil
	notes   []string  // what a statement without rows says

	// Of a query: its plan, and the statement as it was written.
	plan *physical.Plan
	sql  string
}

// stepRows are rows, and the commit that they complete; 0 if more of its step follow.
type stepRows struct {
	stream.Batch
	commit stream.Commit
}

// resultBatches is how many batches wait for a slow reader before the query does.
const resultBatches = 8

// emptyResult is that of a statement without rows.
func emptyResult() *result { return fixedResult(nil, nil) }

// fixedResult is a result that is there already; it owns the batches.
func fixedResult(schema stream.Schema, batches []stream.Batch) *result {
	r := &result{
		schema: schema, batches: make(chan stepRows, len(batches)),
		done: make(chan struct{}), cancel: func() {},
	}
	for _, b := range batches {
		r.batches <- stepRows{Batch: b}
	}
	close(r.batches)
	close(r.done)
	return r
}

// startResult runs a plan over an opened input, which it owns, until it ends or
// the result is closed. wake is that of engine.Config.
func startResult(ctx context.Context, p *physical.Plan, in *input, alloc memory.Allocator, wake func(stream.Time)) (*result, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &result{
		plan: p, schema: p.Root.Schema(), live: !p.Bounded, changes: p.Emit == physical.EmitChanges,
		batches: make(chan stepRows, resultBatches),
		done:    make(chan struct{}), cancel: cancel, report: in.report,
	}
	var out engine.Output = r
	var final *views.View
	if p.Bounded && !p.AppendOnly {
		// Rows may be taken back until the input ends: only the last state is shown.
		final = views.NewView(r.schema, p.Key)
		out = final
	}
	q, err := engine.New(engine.Config{
		Plan: p, Inputs: in.inputs, Output: out, Alloc: alloc, Wake: wake, UntilEnd: true,
	})
	if err != nil {
		cancel()
		return nil, errors.Join(err, in.close())
	}
	r.query = q
	go func() {
		defer close(r.done)
		defer close(r.batches)
		defer cancel()
		r.err = causeOf(ctx, q.Run(ctx))
		if final != nil {
			if r.err == nil {
				r.err = r.drain(ctx, final, alloc)
			}
			final.Close()
		}
		if err := in.close(); r.err == nil {
			r.err = err
		}
	}()
	return r, nil
}

// drain sends what a view holds.
func (r *result) drain(ctx context.Context, v *views.View, alloc memory.Allocator) (err error) {
	all := make([]int, len(r.schema))
	for i := range all {
		all[i] = i
	}
	feed, err := v.Feed(all, false, alloc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, feed.Close()) }()
	for {
		data, err := feed.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, b := range data.Rows {
			if err = r.send(ctx, stepRows{Batch: b.Batch}); err != nil {
				break
			}
		}
		data.Release()
		if err != nil {
			return err
		}
	}
}

// Step hands the rows that enter to the reader, and those that leave if the
// statement wants to see changes. Else the new row of a key says enough.
func (r *result) Step(ctx context.Context, _ stream.Cut, commit stream.Commit, changes []stream.Batch) error {
	var held stepRows // the last so far: only what is behind it tells whether it ends the step
	defer func() {
		if held.RecordBatch != nil {
			held.Release()
		}
	}()
	pass := func(b stream.Batch) error {
		if held.RecordBatch != nil {
			if err := r.send(ctx, held); err != nil {
				return err
			}
			held.Release()
		}
		b.Retain()
		held.Batch = b
		return nil
	}
	for _, b := range changes {
		if b.Ops == nil || r.changes {
			if err := pass(b); err != nil {
				return err
			}
			continue
		}
		for _, run := range insertRuns(b.Ops) {
			part := b.NewSlice(int64(run[0]), int64(run[1]))
			err := pass(stream.Batch{RecordBatch: part})
			part.Release()
			if err != nil {
				return err
			}
		}
	}
	if held.RecordBatch == nil {
		return nil
	}
	held.commit = commit
	return r.send(ctx, held)
}

// insertRuns returns the [from, to) of rows that enter.
func insertRuns(ops []stream.Op) [][2]int {
	var runs [][2]int
	for i, op := range ops {
		if op != stream.Insert {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1][1] == i {
			runs[n-1][1]++
			continue
		}
		runs = append(runs, [2]int{i, i + 1})
	}
	return runs
}

func (r *result) send(ctx context.Context, b stepRows) error {
	b.Retain()
	select {
	case r.batches <- b:
		return nil
	case <-ctx.Done():
		b.Release()
		return ctx.Err()
	}
}

// Schema returns the columns.
func (r *result) Schema() stream.Schema { return r.schema }

// Live tells that the rows never end by themselves.
func (r *result) Live() bool { return r.live }

// Notes returns what a statement without rows says.
func (r *result) Notes() []string { return r.notes }

// Changes tells that the first column says what a row does.
func (r *result) Changes() bool { return r.follows != nil }

// Next returns the next rows, which the caller releases; io.EOF at the end.
func (r *result) Next(ctx context.Context) (stream.Batch, error) {
	var quiet <-chan time.Time
	if r.follows != nil && r.follows.progress {
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		quiet = t.C
	}
	for {
		select {
		case b, ok := <-r.batches:
			return r.took(b, ok)
		case <-quiet:
			// What was sent in front of that commit is there by now.
			commit, w := r.follows.reached()
			select {
			case b, ok := <-r.batches:
				return r.took(b, ok)
			default:
			}
			if commit > 0 {
				return r.took(r.follows.line(commit, w), true)
			}
		case <-ctx.Done():
			return stream.Batch{}, ctx.Err()
		}
	}
}

func (r *result) took(b stepRows, ok bool) (stream.Batch, error) {
	if ok {
		r.commit = b.commit
		return b.Batch, nil
	}
	<-r.done
	if r.err != nil {
		return stream.Batch{}, r.err
	}
	return stream.Batch{}, io.EOF
}

// Commit returns the commit that the rows of the last Next complete.
func (r *result) Commit() stream.Commit { return r.commit }

// Close ends the query and waits for it.
func (r *result) Close() error {
	r.closed.Do(func() {
		r.cancel()
		for b := range r.batches {
			b.Release()
		}
		<-r.done
	})
	return nil
}
