package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/checkpoint"
	"weir/operators/pace"
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
	Plan *physical.Plan
	// Inputs are what the scans of the plan read, in the order in which
	// physical.Scans returns them; nil: Source, Shards and Partial are the only one.
	Inputs  []Input
	Source  Source
	Shards  []stream.Shard
	Partial bool
	Output  Output
	Alloc   memory.Allocator // nil: the Go allocator
	// From is where the query goes on: its sources begin behind From.Commit. Whether
	// they are partial is then what From says. nil: it begins.
	From *checkpoint.Snapshot
	// Wake is called behind a cut while rows are held back that leave once the log's
	// clock has reached a time; who gets it sees to it that there is a cut then. nil:
	// the source goes on by itself.
	Wake func(at stream.Time)
	// SilentTo is up to which commit Output knows the results already: steps up to
	// there are computed and not given to it. 0: none, nor one of a bounded source,
	// whose steps have no commits.
	SilentTo stream.Commit
	// Meter counts what the operators do; nil: nothing is counted.
	Meter *Meter
	// UntilEnd says that a query over streams is over once all of them have ended: at
	// the cut where everything fires. Else it goes on, and counts what comes behind
	// the end as late.
	UntilEnd bool
}

// Query is one running plan. Run drives it; the other methods may be called
// from anywhere at any time.
type Query struct {
	cfg    Config
	inputs []*input
	root   *segment
	pace   *pace.Pace // nil: changes leave at every cut
	result gather
	behind stream.Ledger // of the operators behind the exchange, in the step under way

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
	Clock  stream.Time   // arrival time of that commit
	W      stream.Time   // merged watermark
	Ledger stream.Ledger // of all inputs
	// Holder is the shard that holds W back, if Held, and HolderInput the number of
	// its input.
	Holder      windows.Holder
	HolderInput int
	Held        bool
	// Inputs are the accounts of each input.
	Inputs []InputProgress
}

// InputProgress is how far one input of a query has come.
type InputProgress struct {
	W      stream.Time // its merged watermark
	Ledger stream.Ledger
}

// New prepares a query.
func New(cfg Config) (*Query, error) {
	if cfg.Plan.Version != physical.Version {
		return nil, fmt.Errorf("plan has version %d; this weir runs version %d", cfg.Plan.Version, physical.Version)
	}
	if cfg.Alloc == nil {
		cfg.Alloc = memory.DefaultAllocator
	}
	root, layouts, err := split(cfg.Plan.Root)
	if err != nil {
		return nil, err
	}
	q := &Query{cfg: cfg, root: root}
	if q.inputs, err = newInputs(&cfg, layouts); err != nil {
		return nil, err
	}
	last := []operators.Operator{newNet(cfg.Plan.Root.Schema())}
	if cfg.Plan.Every > 0 {
		if q.pace, err = pace.New(cfg.Plan); err != nil {
			return nil, err
		}
		last = append(last, q.pace)
	}
	_ = root.walk(func(s *segment) error { s.meter = cfg.Meter; return nil }) // fails never
	if err := root.assemble(q.inputs, &q.result, last); err != nil {
		return nil, err
	}
	q.account()
	if cfg.From != nil {
		if err := q.restore(context.Background()); err != nil {
			return nil, errors.Join(err, q.close())
		}
	}
	return q, nil
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
		if err := q.openSegments(ctx); err != nil {
			return err
		}
	}
	for {
		q.wake()
		step, err := q.next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = q.step(ctx, step)
		if errors.Is(err, operators.ErrDone) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// wake says when rows leave that wait for the clock.
func (q *Query) wake() {
	if q.pace == nil || q.cfg.Wake == nil {
		return
	}
	if at, held := q.pace.Due(); held {
		q.cfg.Wake(at)
	}
}

// step reads all rows of the step under way, which it releases, and makes its cut.
func (q *Query) step(ctx context.Context, step stream.StepData) error {
	defer q.releaseStep()
	q.between.Lock()
	defer q.between.Unlock()
	q.life = lifeOver // unless the step is finished
	err := q.runStep(ctx, step)
	switch {
	case err == nil:
		q.life = lifeOn
	case errors.Is(err, operators.ErrDone):
		q.life = lifeDone
	}
	return err
}

func (q *Query) runStep(ctx context.Context, data stream.StepData) error {
	if err := q.read(ctx); err != nil {
		return err
	}
	cut := stream.Cut{Step: data.Step, Clock: data.Clock, W: stream.MaxTime}
	for _, in := range q.inputs {
		in.cut()
		cut.W = min(cut.W, in.tracker.Merged())
	}
	ended := cut.W == stream.MaxTime
	cut.Final = ended && q.cfg.Plan.Bounded
	if err := q.root.fire(ctx, cut); err != nil {
		return err
	}
	done := q.root.done || q.cfg.UntilEnd && !q.cfg.Plan.Bounded && ended
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

// record publishes the progress of the step.
func (q *Query) record(cut stream.Cut, commit stream.Commit) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, in := range q.inputs {
		for _, ln := range in.order {
			in.ledger.Add(ln.ledger)
			ln.ledger = stream.Ledger{}
		}
		q.lost.take(in.order)
	}
	// Behind the exchange rows are results; but a value that could not be computed
	// there is one that somebody misses.
	q.inputs[0].ledger.Nulled += q.behind.Nulled
	q.behind = stream.Ledger{}
	q.progress.Commit, q.progress.Step, q.progress.Clock = commit, cut.Step, cut.Clock
	q.account()
}

// account says of each input how far it has come, and who holds W back.
func (q *Query) account() {
	p := &q.progress
	p.W, p.Ledger, p.Held = stream.MaxTime, stream.Ledger{}, false
	p.Inputs = make([]InputProgress, len(q.inputs))
	for i, in := range q.inputs {
		w := in.tracker.Merged()
		p.Inputs[i] = InputProgress{W: w, Ledger: in.ledger}
		p.Ledger.Add(in.ledger)
		if i > 0 && w >= p.W {
			continue
		}
		p.W, p.HolderInput = w, i
		p.Holder, p.Held = in.tracker.Why()
	}
}

// close frees every operator; what a failed step left behind goes too.
func (q *Query) close() error {
	errs := []error{q.root.walk(func(s *segment) error {
		s.out.release()
		return s.chain.close()
	})}
	for _, in := range q.inputs {
		for _, ln := range in.order {
			errs = append(errs, ln.chain.close(), ln.witness.close())
			ln.out.release()
		}
	}
	q.result.release()
	return errors.Join(errs...)
}
