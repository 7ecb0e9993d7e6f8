package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/checkpoint"
	"weir/operators/stream"
	"weir/windows"
)

// Input is what one scan of a plan reads.
type Input struct {
	Source Source
	Shards []stream.Shard // at the query's start
	// Partial is set if the source starts behind the first record of the log:
	// windows that may reach before the start are not final and do not leave,
	// unless the plan shows rows that are not final anyway.
	Partial bool
	// After is the commit behind which the rows count, where the source begins
	// earlier: with the steps of other inputs. 0: all of them do.
	After stream.Commit
	// Quiet is the commit up to which rows move the watermark of their shard and are
	// read by no operator, nor counted. 0: none are.
	Quiet stream.Commit
}

// input is a scan while its query runs: its lanes, and what its shards know of
// event time.
type input struct {
	Input
	layout  layout
	meter   *Meter
	tracker *windows.Tracker
	lanes   map[stream.Shard]*lane
	order   []*lane       // by shard
	ledger  stream.Ledger // at the last cut

	data *stream.StepData // of the step under way; nil: it takes no part in it
	work []laneWork       // of the step under way
	over bool             // the source has nothing more
}

// newInputs returns the inputs of a plan, as they were at a snapshot, or, without
// one, as they begin.
func newInputs(cfg *Config, layouts []layout) ([]*input, error) {
	given := cfg.Inputs
	if given == nil {
		given = []Input{{Source: cfg.Source, Shards: cfg.Shards, Partial: cfg.Partial}}
	}
	if len(given) != len(layouts) {
		return nil, fmt.Errorf("the plan has %d scans, and there are %d inputs", len(layouts), len(given))
	}
	if cfg.From != nil && len(cfg.From.More) != len(given)-1 {
		return nil, fmt.Errorf("the plan has %d scans, and the snapshot %d inputs", len(layouts), 1+len(cfg.From.More))
	}
	ins := make([]*input, len(given))
	for i, g := range given {
		in := &input{Input: g, layout: layouts[i], meter: cfg.Meter, lanes: make(map[stream.Shard]*lane)}
		if cfg.From != nil {
			from := cfg.From.InputAt(i)
			in.Partial, in.After, in.ledger = from.Partial, from.After, from.Ledger
		}
		if err := in.track(cfg); err != nil {
			return nil, err
		}
		cfg.Meter.source(in)
		ins[i] = in
	}
	return ins, nil
}

// track makes the tracker, as it was at the snapshot or a new one.
func (in *input) track(cfg *Config) (err error) {
	scan := in.layout.scan
	tc := windows.TrackerConfig{IdleTimeout: scan.IdleTimeout, IdleAdvance: scan.IdleAdvance, Bounded: cfg.Plan.Bounded}
	if cfg.From == nil {
		in.tracker = windows.NewTracker(tc, in.Shards)
		return nil
	}
	in.tracker, err = windows.RestoreTracker(tc, cfg.From.InputAt(in.layout.number).Tracker)
	return err
}

// next takes the next step of each input. The inputs of a live query read one
// log, so their steps are the same ones. Bounded inputs have no clock in common:
// their steps go side by side, and one that has ended is +∞. It returns io.EOF
// once none has more.
func (q *Query) next(ctx context.Context) (step stream.StepData, err error) {
	found := false
	for _, in := range q.inputs {
		if in.over {
			continue
		}
		in.data, err = in.Source.Next(ctx)
		if errors.Is(err, io.EOF) {
			in.over, in.data = true, nil
			continue
		}
		if err != nil {
			q.releaseStep()
			return step, err
		}
		d := in.data
		switch {
		case !found || q.cfg.Plan.Bounded && d.Step > step.Step:
			step = stream.StepData{Step: d.Step, Commit: d.Commit, Clock: d.Clock}
		case !q.cfg.Plan.Bounded && (d.Step != step.Step || d.Commit != step.Commit):
			q.releaseStep()
			return step, fmt.Errorf("the inputs are not at one step: %d (commit %d) and %d (commit %d)", step.Step, step.Commit, d.Step, d.Commit)
		}
		found = true
	}
	if !found {
		return step, io.EOF
	}
	return step, nil
}

// releaseStep gives back the rows of the step under way.
func (q *Query) releaseStep() {
	for _, in := range q.inputs {
		if in.data != nil {
			in.data.Release()
			in.data = nil
		}
		in.work = nil
	}
}

// read runs the rows of the step through the lanes and tells the trackers what
// each shard now says about event time.
func (q *Query) read(ctx context.Context) error {
	var all []laneWork
	for _, in := range q.inputs {
		if in.data == nil {
			continue
		}
		if err := in.deal(ctx, q.cfg.Alloc); err != nil {
			return err
		}
		if len(in.work) > 0 { // the stream's first record may not be the step's last
			first := in.work[0].batches[0]
			in.tracker.Observe(first.Shard, in.tracker.W(first.Shard), stream.MinTime, first.Arrival)
		}
		if all == nil {
			all = in.work
		} else {
			all = append(slices.Clip(all), in.work...)
		}
	}
	if err := runLanes(ctx, all); err != nil {
		return err
	}
	for _, w := range all {
		ln := w.lane
		ln.input.tracker.Observe(ln.shard, ln.w, ln.maxEvent, ln.arrival)
		if ln.raised.Is {
			ln.input.tracker.Raised(ln.shard, ln.raised)
		}
	}
	q.root.observe()
	return nil
}

// deal sorts the rows of a step by lane, keeping the log's order within each.
func (in *input) deal(ctx context.Context, alloc memory.Allocator) error {
	in.work = in.work[:0]
	at := make(map[stream.Shard]int, len(in.order))
	for _, b := range in.data.Rows {
		if b.Commit <= in.After && in.After > 0 {
			continue
		}
		i, ok := at[b.Shard]
		if !ok {
			ln, err := in.lane(ctx, b.Shard, alloc)
			if err != nil {
				return err
			}
			ln.begin(in.tracker.W(b.Shard))
			i = len(in.work)
			at[b.Shard] = i
			in.work = append(in.work, laneWork{lane: ln})
		}
		in.work[i].batches = append(in.work[i].batches, b)
	}
	return nil
}

// lane returns the lane of a shard, made when the shard has its first rows.
func (in *input) lane(ctx context.Context, shard stream.Shard, alloc memory.Allocator) (*lane, error) {
	if ln, ok := in.lanes[shard]; ok {
		return ln, nil
	}
	ln, err := newLane(ctx, shard, in, alloc, nil)
	if err != nil {
		return nil, err
	}
	in.meter.lane(ln)
	i, _ := slices.BinarySearchFunc(in.order, shard, func(l *lane, s stream.Shard) int { return int(l.shard) - int(s) })
	in.lanes[shard], in.order = ln, slices.Insert(in.order, i, ln)
	return ln, nil
}

// cut ends the step for the shards of the input, if it takes part in it.
func (in *input) cut() {
	d := in.data
	if d == nil {
		return
	}
	if r := d.Reshard; r != nil {
		if len(r.Closed) == 1 {
			in.tracker.Split(r.Closed[0], r.Opened, d.Clock)
		} else {
			in.tracker.Merge(r.Closed, r.Opened[0], d.Clock)
		}
	}
	in.tracker.Cut(d.Clock, d.Start, d.End)
}

// point is what a snapshot holds of the input.
func (in *input) point() checkpoint.Input {
	p := checkpoint.Input{Ledger: in.ledger, Tracker: in.tracker.Snapshot(), Partial: in.Partial, After: in.After}
	for _, ln := range in.order {
		p.Lanes = append(p.Lanes, ln.shard)
	}
	return p
}
