package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/checkpoint"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// Output takes the results of a query.
type Output interface {
	// Step is called once per step, in order, with the step's net change in the
	// promised order. It borrows the batches. commit is the query's position.
	Step(ctx context.Context, c stream.Cut, commit stream.Commit, changes []stream.Batch) error
}

// Config is what a query needs to run.
type Config struct {
	Plan   *physical.Plan
	Source Source
	Shards []stream.Shard // the source's shards at the query's start
	Output Output
	Alloc  memory.Allocator // nil: the Go allocator
	// Partial is set if the source starts behind the first record of the log:
	// windows that may reach before the start are not final and do not leave,
	// unless the plan shows rows that are not final anyway.
	Partial bool
	// From is where the query goes on: its source begins behind From.Commit. Whether
	// the query is partial is then what From says. nil: it begins.
	From *checkpoint.Snapshot
	// SilentTo is up to which commit Output knows the results already: steps up to
	// there are computed and not given to it. 0: none, nor one of a bounded source,
	// whose steps have no commits.
	SilentTo stream.Commit
}

// Query is one running plan. Run drives it; the other methods may be called
// from anywhere at any time.
type Query struct {
	cfg     Config
	layout  layout
	tracker *windows.Tracker
	lanes   map[stream.Shard]*lane
	order   []*lane // by shard
	tail    *chain
	result  gather
	whole   []*completeness // one for each aggregation by windows; none: the query saw every record
	behind  stream.Ledger   // of the operators behind the exchange, in the step under way

	// between is held while a step is under way; what it guards is at a cut when it
	// is free. It guards life, too.
	between sync.Mutex
	life    life

	mu       sync.Mutex
	progress Progress
	lost     lost
}

// Progress is how far a query has come.
type Progress struct {
	Commit stream.Commit // read up to here
	Step   stream.Step
	Clock  stream.Time // arrival time of that commit
	W      stream.Time // merged watermark
	Ledger stream.Ledger
	// Holder is the shard that holds W back, if Held.
	Holder windows.Holder
	Held   bool
}

// New prepares a query.
func New(cfg Config) (*Query, error) {
	if cfg.Plan.Version != physical.Version {
		return nil, fmt.Errorf("plan has version %d; this weir runs version %d", cfg.Plan.Version, physical.Version)
	}
	if cfg.Alloc == nil {
		cfg.Alloc = memory.DefaultAllocator
	}
	l, err := split(cfg.Plan.Root)
	if err != nil {
		return nil, err
	}
	q := &Query{cfg: cfg, layout: l, lanes: make(map[stream.Shard]*lane)}
	if cfg.From != nil {
		q.cfg.Partial = cfg.From.Partial
	}
	if err := q.track(); err != nil {
		return nil, err
	}
	tail, err := q.buildTail()
	if err != nil {
		return nil, err
	}
	q.tail = newChain(tail, &q.result)
	if cfg.From != nil {
		if err := q.restore(context.Background()); err != nil {
			return nil, errors.Join(err, q.close())
		}
	}
	return q, nil
}

// track makes the tracker, as it was at the snapshot or a new one.
func (q *Query) track() (err error) {
	cfg := windows.TrackerConfig{
		IdleTimeout: q.layout.scan.IdleTimeout,
		IdleAdvance: q.layout.scan.IdleAdvance,
		Bounded:     q.cfg.Plan.Bounded,
	}
	if q.cfg.From == nil {
		q.tracker = windows.NewTracker(cfg, q.cfg.Shards)
		q.progress.W = stream.MinTime
		return nil
	}
	q.tracker, err = windows.RestoreTracker(cfg, q.cfg.From.Tracker)
	return err
}

// buildTail makes the operators behind the exchange, and one that takes changes
// out that change nothing. A query that did not see every record gets one more,
// which holds back windows that it saw in part.
func (q *Query) buildTail() ([]operators.Operator, error) {
	var ops []operators.Operator
	var reach time.Duration
	for _, n := range q.layout.tail {
		op, err := buildOne(n)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
		if final, ok := n.(*physical.WindowFinal); ok && q.cfg.Partial && final.Window.Kind != windows.None && !final.Updates {
			whole := newCompleteness(reach)
			q.whole, ops = append(q.whole, whole), append(ops, whole)
			reach += final.Window.Size
		}
	}
	return append(ops, newNet(q.cfg.Plan.Root.Schema())), nil
}

// Progress returns how far the query has come.
func (q *Query) Progress() Progress {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.progress
}

// Ledger returns the accounts at the last cut.
func (q *Query) Ledger() stream.Ledger { return q.Progress().Ledger }

// Run reads the source to its end, or until ctx is cancelled, and closes the
// operators. It leaves the source open. A panic in an operator fails the query,
// not the process.
func (q *Query) Run(ctx context.Context) (err error) {
	defer func() {
		q.between.Lock()
		defer q.between.Unlock()
		if q.life != lifeDone {
			q.life = lifeOver
		}
		cerr := guard(q.close) // it may stumble over what a panic left
		if err == nil {
			err = cerr
		}
	}()
	return guard(func() error { return q.run(ctx) })
}

// guard calls f and turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("query failed by a bug in weir: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

func (q *Query) run(ctx context.Context) error {
	if q.life == lifeDone {
		return nil
	}
	if q.cfg.From == nil {
		if err := q.tail.open(ctx, q.tailRuntime); err != nil {
			return err
		}
	}
	for {
		data, err := q.cfg.Source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = q.step(ctx, data)
		if errors.Is(err, operators.ErrDone) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// step reads all rows of one step, which it releases, and makes its cut.
func (q *Query) step(ctx context.Context, data *stream.StepData) error {
	defer data.Release()
	q.between.Lock()
	defer q.between.Unlock()
	q.life = lifeOver // unless the step is finished
	err := q.runStep(ctx, data)
	switch {
	case err == nil:
		q.life = lifeOn
	case errors.Is(err, operators.ErrDone):
		q.life = lifeDone
	}
	return err
}

func (q *Query) runStep(ctx context.Context, data *stream.StepData) error {
	if err := q.read(ctx, data.Rows); err != nil {
		return err
	}
	cut := stream.Cut{
		Step:  data.Step,
		Clock: data.Clock,
		W:     q.tracker.Cut(data.Clock, data.Start, data.End),
		Final: data.End && q.cfg.Plan.Bounded,
	}
	done, err := q.fire(ctx, cut)
	if err != nil {
		return err
	}
	cut.Final = cut.Final || done
	q.record(cut, data.Commit)
	changes := q.result.take()
	defer releaseAll(changes)
	if q.cfg.SilentTo == 0 || data.Commit > q.cfg.SilentTo {
		if err := q.cfg.Output.Step(ctx, cut, data.Commit, changes); err != nil {
			return err
		}
	}
	if done {
		return operators.ErrDone
	}
	return nil
}

// read runs the rows of a step through the lanes and tells the tracker what
// each shard now says about event time.
func (q *Query) read(ctx context.Context, rows []stream.SourceBatch) error {
	work, err := q.deal(ctx, rows)
	if err != nil {
		return err
	}
	if len(rows) > 0 { // the stream's first record may not be the step's last
		first := rows[0]
		q.tracker.Observe(first.Shard, q.tracker.W(first.Shard), stream.MinTime, first.Arrival)
	}
	if err := runLanes(ctx, work); err != nil {
		return err
	}
	for _, w := range work {
		ln := w.lane
		q.tracker.Observe(ln.shard, ln.w, ln.maxEvent, ln.arrival)
	}
	for _, whole := range q.whole {
		whole.observe(work, q.tracker.Merged())
	}
	return nil
}

// deal sorts the rows of a step by lane, keeping the log's order within each.
func (q *Query) deal(ctx context.Context, rows []stream.SourceBatch) ([]laneWork, error) {
	var work []laneWork
	at := make(map[stream.Shard]int, len(q.order))
	for _, b := range rows {
		i, ok := at[b.Shard]
		if !ok {
			ln, err := q.lane(ctx, b.Shard)
			if err != nil {
				return nil, err
			}
			ln.begin(q.tracker.W(b.Shard))
			i = len(work)
			at[b.Shard] = i
			work = append(work, laneWork{lane: ln})
		}
		work[i].batches = append(work[i].batches, b)
	}
	return work, nil
}

// lane returns the lane of a shard, made when the shard has its first rows.
func (q *Query) lane(ctx context.Context, shard stream.Shard) (*lane, error) {
	if ln, ok := q.lanes[shard]; ok {
		return ln, nil
	}
	ln, err := newLane(ctx, shard, q.layout, q.cfg.Alloc, nil)
	if err != nil {
		return nil, err
	}
	q.lanes[shard] = ln
	i, _ := slices.BinarySearchFunc(q.order, shard, func(l *lane, s stream.Shard) int { return int(l.shard) - int(s) })
	q.order = slices.Insert(q.order, i, ln)
	return ln, nil
}

// fire makes the cut: in the lanes, then, lane by lane in shard order, behind
// the exchange. done tells that the query wants no more input.
func (q *Query) fire(ctx context.Context, cut stream.Cut) (done bool, err error) {
	for _, ln := range q.order {
		if err := ln.chain.cut(ctx, cut); err != nil {
			return false, err
		}
		for _, b := range ln.out.take() {
			if done {
				b.Release()
				continue
			}
			b.Shard = ln.shard
			err := q.tail.push(ctx, b)
			if done = errors.Is(err, operators.ErrDone); err != nil && !done {
				return false, err
			}
		}
	}
	if done { // for what stands behind the LIMIT the input has ended
		cut.W, cut.Final = stream.MaxTime, true
	}
	err = q.tail.cut(ctx, cut)
	if errors.Is(err, operators.ErrDone) {
		return true, nil
	}
	return done, err
}

// record publishes the progress of the step.
func (q *Query) record(cut stream.Cut, commit stream.Commit) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, ln := range q.order {
		q.progress.Ledger.Add(ln.ledger)
		ln.ledger = stream.Ledger{}
	}
	q.lost.take(q.order)
	// Behind the exchange rows are results; but a value that could not be computed
	// there is one that somebody misses.
	q.progress.Ledger.Nulled += q.behind.Nulled
	q.behind = stream.Ledger{}
	q.progress.Commit, q.progress.Step = commit, cut.Step
	q.progress.Clock, q.progress.W = cut.Clock, cut.W
	q.progress.Holder, q.progress.Held = q.tracker.Why()
}

// close frees every operator; what a failed step left behind goes too.
func (q *Query) close() error {
	errs := []error{q.tail.close()}
	for _, ln := range q.order {
		errs = append(errs, ln.chain.close(), ln.witness.close())
		ln.out.release()
	}
	q.result.release()
	return errors.Join(errs...)
}
