package views

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/operators/stream/keys"
)

// View is what a materialized view holds: the sum of the changes of its query.
// It is a query's output. Readers see it as it was at the end of a step.
//
// Rows stay in the batches that they came in; the view keeps where each row is,
// in the order in which the rows appeared, and finds a row to retract by its
// key. A batch is let go when none of its rows is left.
type View struct {
	schema stream.Schema
	key    []int // nil: a bag, where a row is known by all its columns

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, at every step
	rows    []place       // in order of appearance, with holes where rows left
	live    int
	byKey   map[string][]int // key -> positions in rows; one entry unless a bag
	feeds   map[*Feed]struct{}
	recent  []recentStep  // the newest steps with changes
	floor   stream.Commit // changes behind this commit are in recent
	state   State
	ended   error // why no step will follow; nil: one may
	scratch []byte
}

// State is the moment that a view shows.
type State struct {
	Commit  stream.Commit
	Step    stream.Step
	Clock   stream.Time
	W       stream.Time
	Rows    int   // rows held
	Changes int64 // rows that ever entered or left
}

// place is where a row lies. A hole has no batch.
type place struct {
	batch *held
	row   int32
}

// held is a batch with the number of its rows that the view still shows.
type held struct {
	rec  arrow.RecordBatch
	live int
}

// NewView returns an empty view.
func NewView(schema stream.Schema, key []int) *View {
	v := &View{
		schema: schema, key: key,
		changed: make(chan struct{}),
		byKey:   make(map[string][]int),
		feeds:   make(map[*Feed]struct{}),
	}
	v.state.W = stream.MinTime
	if key == nil {
		v.key = make([]int, len(schema))
		for i := range v.key {
			v.key[i] = i
		}
	}
	return v
}

// Schema returns the view's columns.
func (v *View) Schema() stream.Schema { return v.schema }

// State returns the moment that the view shows.
func (v *View) State() State {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state
}

// Changed returns a channel that is closed at the next step.
func (v *View) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// Step applies the changes of one step and hands them to the feeds.
func (v *View) Step(_ context.Context, c stream.Cut, commit stream.Commit, changes []stream.Batch) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, b := range changes {
		if err := v.apply(b); err != nil {
			return err
		}
	}
	if v.live*2+1024 < len(v.rows) {
		v.compact()
	}
	v.state.Commit, v.state.Step, v.state.Clock, v.state.W = commit, c.Step, c.Clock, c.W
	v.state.Rows = v.live
	v.remember(c, commit, changes)
	for f := range v.feeds {
		f.offer(c, commit, changes)
	}
	close(v.changed)
	v.changed = make(chan struct{})
	return nil
}

// apply adds and removes the rows of one batch. A row that enters in place of
// one that left in the same batch takes its position, so that a refined window
// stays where it was.
func (v *View) apply(b stream.Batch) error {
	// One for the batch itself, so that a row that comes and goes within it does
	// not let go of it.
	h := &held{rec: b.RecordBatch, live: 1}
	h.rec.Retain()
	defer h.drop()
	vacated := make(map[string]int)
	for i := range int(b.NumRows()) {
		v.state.Changes++
		v.scratch = v.scratch[:0]
		for _, c := range v.key {
			v.scratch = keys.Append(v.scratch, b.Column(c), i, v.schema[c].Type)
		}
		if b.Ops != nil && b.Ops[i] == stream.Delete {
			at, ok := v.remove(v.scratch)
			if !ok {
				return fmt.Errorf("view: step retracts a row that the view does not hold")
			}
			vacated[string(v.scratch)] = at
			continue
		}
		h.live++
		v.live++
		p := place{batch: h, row: int32(i)}
		if at, ok := vacated[string(v.scratch)]; ok {
			delete(vacated, string(v.scratch))
			v.rows[at] = p
			v.byKey[string(v.scratch)] = append(v.byKey[string(v.scratch)], at)
			continue
		}
		v.byKey[string(v.scratch)] = append(v.byKey[string(v.scratch)], len(v.rows))
		v.rows = append(v.rows, p)
	}
	return nil
}

// drop says that one row of the batch is shown no more.
func (h *held) drop() {
	if h.live--; h.live == 0 {
		h.rec.Release()
	}
}

// remove takes one row with the key out and returns its position.
func (v *View) remove(key []byte) (at int, ok bool) {
	positions := v.byKey[string(key)]
	if len(positions) == 0 {
		return 0, false
	}
	at = positions[len(positions)-1]
	if len(positions) == 1 {
		delete(v.byKey, string(key))
	} else {
		v.byKey[string(key)] = positions[:len(positions)-1]
	}
	p := v.rows[at]
	v.rows[at] = place{}
	v.live--
	p.batch.drop()
	return at, true
}

// compact closes the holes.
func (v *View) compact() {
	to := make([]int, len(v.rows))
	kept := v.rows[:0]
	for i, p := range v.rows {
		to[i] = len(kept)
		if p.batch != nil {
			kept = append(kept, p)
		}
	}
	v.rows = slices.Clip(kept)
	for _, positions := range v.byKey {
		for i, at := range positions {
			positions[i] = to[at]
		}
	}
}

// snapshot returns the rows in their order. The caller holds the lock and
// releases the batches.
func (v *View) snapshot(columns []int, alloc memory.Allocator) ([]arrow.RecordBatch, error) {
	g := newGatherer(v.schema, columns, alloc)
	for _, p := range v.rows {
		if p.batch == nil {
			continue
		}
		if err := g.add(p); err != nil {
			g.release()
			return nil, err
		}
	}
	return g.finish()
}

// Fail says that the view's query ended with an error. Whoever follows the view
// gets it; what the view shows stays.
func (v *View) Fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.end(err)
}

// end tells everybody who follows the view, now or later, why no step follows.
func (v *View) end(err error) {
	v.ended = err
	for f := range v.feeds {
		f.fail(err)
	}
}

// Close lets go of every row. Feeds end with ErrViewClosed, and so do new ones.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.end(ErrViewClosed)
	for _, s := range v.recent {
		releaseAll(s.changes)
	}
	v.recent = nil
	for _, p := range v.rows {
		if p.batch != nil {
			p.batch.drop()
		}
	}
	v.rows, v.byKey, v.live = nil, nil, 0
}
