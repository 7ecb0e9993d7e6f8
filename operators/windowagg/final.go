package windowagg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// errLateState reports a broken promise of the lanes: states for a window that
// nothing may be added to any more.
var errLateState = errors.New("a row came for a window that is closed")

// final is the query's half of a windowed aggregation.
type final struct {
	n    *physical.WindowFinal
	aggs []physical.Agg // those of the states
	// stateAt is where the columns of each aggregate's states begin, behind the keys,
	// and where the last ones end.
	stateAt []int
	rt      *operators.Runtime
	grid    *windows.Grid // without windows: that of one slice
	dict    dictionary
	comb    *combiner
	out     *finalWriter
	seq     sequence

	marks marks
	turn  turn // the cut under way

	// What came since the last cut.
	batches []stream.Batch
	parts   []part

	firedTo int64       // number of the last window end that W has passed
	w       stream.Time // W of the last cut; MinTime: none
	ended   bool        // Kind None: the one window has fired

	// extras holds, per slice, the states of partly late rows, and of those
	// that came when the slice was combined already, for windows to come.
	extras map[int64]*table
	// kept holds the windows whose rows were shown and may still change, by number
	// of the end: fired ones that may be refined, or, with updates, all.
	kept map[int64]*table
	win  table // scratch for a window that need not be kept

	// groups are the states of a plan with updates and without windows, by group;
	// shown is how many of them have a row that left.
	groups      []acc
	shown       int
	savedGroups []bool // by chunk: the last snapshot has it as it is
}

// part is a run of partial rows of one lane, slice and first end.
type part struct {
	f      *final
	batch  int // -1: one empty state
	lo, hi int
	k, end int64 // numbers of the slice and of the first end
	ids    []int32
}

// states returns the state columns of aggregate i.
func (p *part) states(i int) []arrow.Array {
	at := p.f.keysAt() + len(p.f.n.Keys)
	return p.f.batches[p.batch].Columns()[at+p.f.stateAt[i] : at+p.f.stateAt[i+1]]
}

// NewFinal returns the query's half of a windowed aggregation. It must get the
// lanes' states in the order of shards. It emits at cuts only: refined windows
// first, then those that W has passed, in order of (window end, group key). Of a
// plan with updates it emits, in that order, each row that changed since the cut
// before: the old one is deleted, then the new one inserted.
func NewFinal(n *physical.WindowFinal) (operators.Operator, error) {
	if err := check(&n.WindowAgg); err != nil {
		return nil, fmt.Errorf("final window aggregation: %w", err)
	}
	if n.Window.Kind == windows.Session {
		return newSessions(n)
	}
	if n.Window.Kind == windows.Count {
		return newCounts(n)
	}
	grid, err := gridOf(n.Window)
	if err != nil {
		return nil, fmt.Errorf("final window aggregation: %w", err)
	}
	f := &final{
		n:       n,
		grid:    grid,
		aggs:    statesOf(&n.WindowAgg),
		stateAt: statesAt(&n.WindowAgg),
		dict:    newDictionary(n.KeyTypes),
		w:       stream.MinTime,
		extras:  make(map[int64]*table),
		kept:    make(map[int64]*table),
		marks:   marksOf(n.Aggs),
		turn:    newTurn(n),
	}
	f.win.accs, f.groups = f.fresh(), f.fresh()
	f.comb = newCombiner(f.grid, f.fresh)
	return f, nil
}

// gridOf returns the grid of a window, and without one that of a single slice.
func gridOf(s windows.Spec) (*windows.Grid, error) {
	if s.Kind == windows.None {
		s = windows.Spec{Kind: windows.Tumble, Size: time.Microsecond}
	}
	return s.Grid()
}

// fresh returns empty states.
func (f *final) fresh() []acc { return mustAccs(&f.n.WindowAgg) }

func (f *final) windowed() bool { return f.n.Window.Kind != windows.None }

// keysAt is the column where the keys begin, in input and output.
func (f *final) keysAt() int {
	if f.windowed() {
		return 2
	}
	return 0
}

// Open keeps the runtime and loads the state.
func (f *final) Open(_ context.Context, rt *operators.Runtime) error {
	f.rt = rt
	if rt.State != nil {
		if err := f.restore(rt.State); err != nil {
			return fmt.Errorf("restore a window aggregation: %w", err)
		}
	}
	f.out = newFinalWriter(f)
	return nil
}

// ProcessBatch notes which slices the rows belong to. They are merged at the cut.
func (f *final) ProcessBatch(_ context.Context, _ operators.Port, b stream.Batch, _ operators.Collector) error {
	n := int(b.NumRows())
	if n == 0 {
		return nil
	}
	b.Retain()
	f.batches = append(f.batches, b)
	at := len(f.batches) - 1
	if !f.windowed() {
		f.parts = append(f.parts, part{f: f, batch: at, hi: n})
		return nil
	}
	starts, ends := int64s(b.Column(0)), int64s(b.Column(1))
	for lo := 0; lo < n; {
		hi := lo + 1
		for hi < n && starts[hi] == starts[lo] && ends[hi] == ends[lo] {
			hi++
		}
		k := f.grid.Number(stream.Time(starts[lo]))
		end := f.grid.FirstEnd(k)
		if stream.Time(ends[lo]) != f.grid.Time(end) {
			end = f.grid.Number(stream.Time(ends[lo]))
		}
		f.parts = append(f.parts, part{f: f, batch: at, lo: lo, hi: hi, k: k, end: end})
		lo = hi
	}
	return nil
}

// ProcessCut fires and refines windows. It forwards W less the allowed
// lateness: rows of a window come for as long as that.
func (f *final) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	forward := c.W.Add(-f.n.Lateness)
	defer f.release()
	f.out.to = out
	f.turn.w0, f.turn.w = f.w, c.W
	defer f.turn.end()
	if err := f.identify(); err != nil {
		return forward, err
	}
	var err error
	switch {
	case f.n.Updates && f.windowed():
		err = f.updateWindows(ctx, c.W)
	case f.n.Updates:
		err = f.updateGroups(ctx, c)
	case !f.windowed():
		err = f.fireAll(ctx, c)
	case c.W == stream.MinTime && len(f.parts) > 0:
		err = errors.New("states came before there is a watermark")
	case c.W != stream.MinTime:
		err = f.fire(ctx, c.W)
	}
	if err == nil {
		err = cmp.Or(overfull(f.groups), overfull(f.comb.prefix), overfull(f.comb.now.accs), overfull(f.comb.old.accs))
	}
	if err != nil {
		return forward, err
	}
	if f.windowed() || !f.n.Updates {
		f.sweep()
	}
	return forward, f.out.flush(ctx)
}

// identify finds the groups of what came.
func (f *final) identify() error {
	if len(f.parts) == 0 {
		return nil
	}
	at, n := f.keysAt(), len(f.n.Keys)
	for i := range f.parts {
		p := &f.parts[i]
		p.ids = make([]int32, p.hi-p.lo)
		keys := f.batches[p.batch].Columns()[at : at+n]
		if err := f.dict.find(keys, f.seq.span(p.lo, p.hi), p.ids); err != nil {
			return err
		}
	}
	if f.n.Updates && !f.windowed() {
		return nil // groups stay for ever, so ranking all of them at each cut is too much
	}
	f.dict.rankAll()
	f.comb.ready(f.dict.size())
	return nil
}

// noRows is the end of an input of which nothing came: an aggregate without keys has
// its one row even then, a group that nothing was added to.
func (f *final) noRows(c stream.Cut) error {
	if !atEnd(c) || len(f.n.Keys) > 0 || len(f.parts) > 0 || f.dict.size() > 0 {
		return nil
	}
	if err := f.dict.find(nil, []int32{0}, []int32{0}); err != nil {
		return err
	}
	f.dict.rankAll()
	f.parts = append(f.parts, part{f: f, batch: -1, ids: []int32{0}})
	return nil
}

// release gives back what came.
func (f *final) release() {
	for _, b := range f.batches {
		b.Release()
	}
	clear(f.batches)
	clear(f.parts)
	f.batches, f.parts = f.batches[:0], f.parts[:0]
}

// Close forgets everything.
func (f *final) Close() error {
	f.release()
	if f.out != nil {
		f.out.close()
	}
	f.extras, f.kept, f.comb = nil, nil, nil
	return nil
}
