package windowagg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

const (
	// batchRowsMax is how many rows an emitted batch has at most.
	batchRowsMax = 4096
	// spareEntriesMax is how many empty entries are kept for reuse.
	spareEntriesMax = 16
	// spareRowsMax is how many lists of rows are kept for reuse.
	spareRowsMax = 64
)

// partial is the lane's half of a windowed aggregation.
type partial struct {
	n       *physical.WindowPartial
	rt      *operators.Runtime
	feed    *feed
	judge   judge
	entries map[entryKey]*entry
	spare   []*entry
	minEnd  stream.Time // no entry leaves before W reaches this
	touched []*entry    // by the batch at hand
	rows    [][]int32   // empty lists of rows
	ids     []int32     // scratch: groups of rows
	all     sequence
	keys    []arrow.Array // scratch: key columns of the batch
	schema  *arrow.Schema
	ended   bool // Kind None: the rows have left and none may come
	// chunkBits is the logarithm of how many groups a page holds.
	chunkBits int
}

// entryKey names an entry. There is one per slice for all rows that missed no
// window; others exist only for partly late rows.
type entryKey struct{ slice, firstEnd stream.Time }

// entry is the table of one (slice, first end).
type entry struct {
	entryKey
	groups groups
	accs   []acc
	rows   []int32 // of the batch at hand; nil between batches
	saved  bool    // the last snapshot has it as it is

	// of an entry that is saved in chunks
	savedKeys   int    // groups whose keys the last snapshot has
	savedStates []bool // by chunk: the last snapshot has it as it is; empty if none has any
}

// NewPartial returns the lane's half of a windowed aggregation. It emits the
// states of an entry at the first cut with first end <= W, entries in order of
// (slice, first end), groups in order of first sight. Without a window it emits
// once, at the cut where the input ends. Of a plan with updates every cut takes
// everything that came since the one before.
func NewPartial(n *physical.WindowPartial) (operators.Operator, error) {
	if err := check(&n.WindowAgg); err != nil {
		return nil, fmt.Errorf("partial window aggregation: %w", err)
	}
	if n.Window.Kind == windows.Session {
		return newSessionLane(n)
	}
	if n.Window.Kind == windows.Count {
		return newCountLane(n)
	}
	grid, err := gridOf(n.Window)
	if err != nil {
		return nil, fmt.Errorf("partial window aggregation: %w", err)
	}
	return &partial{
		n:       n,
		feed:    newFeed(&n.WindowAgg),
		judge:   newJudge(grid, n.Lateness),
		entries: make(map[entryKey]*entry),
		minEnd:  stream.MaxTime,
		keys:    make([]arrow.Array, len(n.Keys)),
		schema:  n.Schema().Arrow(),

		chunkBits: chunkBits,
	}, nil
}

// check tells whether the two halves can run a.
func check(a *physical.WindowAgg) error {
	if a.Lateness < 0 {
		return fmt.Errorf("allowed lateness %s", a.Lateness)
	}
	for _, g := range a.Aggs {
		if g.Fn == physical.AggRows && (a.Window.Kind != windows.Session || len(a.Aggs) > 1 || a.Updates || a.Lateness > 0) {
			return errors.New("rows are those of sessions that close once")
		}
	}
	_, err := newAccs(a)
	return err
}

// Open keeps the runtime and loads the state.
func (p *partial) Open(_ context.Context, rt *operators.Runtime) error {
	p.rt = rt
	if rt.State == nil {
		return nil
	}
	if err := p.restore(rt.State); err != nil {
		return fmt.Errorf("restore a lane's window aggregation: %w", err)
	}
	return nil
}

// ProcessBatch adds the rows to their entries.
func (p *partial) ProcessBatch(_ context.Context, _ operators.Port, b stream.Batch, _ operators.Collector) error {
	n := int(b.NumRows())
	if n == 0 {
		return nil
	}
	if p.n.Window.Kind == windows.None {
		if p.ended {
			p.rt.Ledger.Late += int64(n)
			b.Mark(0, n, stream.Late)
			return nil
		}
		p.rt.Ledger.Used += int64(n)
		b.Mark(0, n, stream.Used)
		e := p.entry(entryKey{})
		return p.add(b, e, p.all.span(0, n))
	}
	p.sortIn(b, n)
	for _, e := range p.touched {
		if err := p.add(b, e, e.rows); err != nil {
			return err
		}
		if len(p.rows) < spareRowsMax {
			p.rows = append(p.rows, e.rows[:0])
		}
		e.rows = nil
	}
	p.touched = p.touched[:0]
	return nil
}

// sortIn judges the rows and deals them to their entries.
func (p *partial) sortIn(b stream.Batch, n int) {
	times, ws := int64s(b.Column(p.n.TimeCol)), int64s(b.Column(p.n.WCol))
	l := p.rt.Ledger
	for lo := 0; lo < n; {
		r := p.judge.next(times, ws, lo)
		rows := int64(r.hi - lo)
		switch {
		case r.ok:
			l.Used += rows
			b.Mark(lo, r.hi, stream.Used)
			if r.missed {
				l.PartlyLate += rows
				b.Mark(lo, r.hi, stream.Missed)
			}
			e := p.entry(r.entryKey)
			if e.rows == nil {
				p.touch(e)
			}
			e.rows = append(e.rows, p.all.span(lo, r.hi)...)
		case r.missed:
			l.Late += rows
			b.Mark(lo, r.hi, stream.Late)
		default: // between two hops: no window wants it
			l.Filtered += rows
		}
		lo = r.hi
	}
}

// touch gives an entry a list for its rows of the batch.
func (p *partial) touch(e *entry) {
	p.touched = append(p.touched, e)
	if last := len(p.rows) - 1; last >= 0 {
		e.rows, p.rows = p.rows[last], p.rows[:last]
		return
	}
	e.rows = make([]int32, 0, 16)
}

// entry returns the entry of a key, a new one if there is none.
func (p *partial) entry(k entryKey) *entry {
	if e := p.entries[k]; e != nil {
		return e
	}
	var e *entry
	if last := len(p.spare) - 1; last >= 0 {
		e, p.spare = p.spare[last], p.spare[:last]
	} else {
		e = &entry{groups: newGroups(p.n.KeyTypes), accs: mustAccs(&p.n.WindowAgg)}
	}
	e.entryKey, e.saved = k, false
	e.savedKeys, e.savedStates = 0, e.savedStates[:0]
	p.entries[k] = e
	p.minEnd = min(p.minEnd, k.firstEnd)
	return e
}

// add adds rows of b to an entry, column by column.
func (p *partial) add(b stream.Batch, e *entry, rows []int32) error {
	e.saved = false
	for i, k := range p.n.Keys {
		p.keys[i] = b.Column(k)
	}
	p.ids = slices.Grow(p.ids[:0], len(rows))[:len(rows)]
	if err := e.groups.find(p.keys, rows, p.ids); err != nil {
		return err
	}
	p.changeStates(e)
	for _, a := range e.accs {
		a.grow(e.groups.size())
	}
	if err := p.feed.add(b, e.accs, rows, p.ids); err != nil {
		return err
	}
	return overfull(e.accs)
}

// ProcessCut emits and drops the entries whose first end W has passed.
func (p *partial) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	due := p.due(c)
	if p.n.Window.Kind == windows.None && !p.n.Updates && atEnd(c) {
		p.ended = true
	}
	if len(due) == 0 {
		return c.W, nil
	}
	w := &partialWriter{p: p, out: out, b: array.NewRecordBuilder(p.rt.Alloc, p.schema)}
	defer w.b.Release()
	for _, e := range due {
		if err := w.entry(ctx, e); err != nil {
			return c.W, err
		}
		p.drop(e)
	}
	return c.W, w.flush(ctx)
}

// due returns the entries that leave at a cut, in order.
func (p *partial) due(c stream.Cut) []*entry {
	leaves := func(k entryKey) bool { return k.firstEnd <= c.W }
	switch {
	case p.n.Updates:
		leaves = func(entryKey) bool { return true }
	case p.n.Window.Kind == windows.None:
		leaves = func(entryKey) bool { return atEnd(c) }
	case c.W == stream.MinTime || c.W < p.minEnd:
		return nil
	}
	var due []*entry
	p.minEnd = stream.MaxTime
	for k, e := range p.entries {
		if leaves(k) {
			due = append(due, e)
		} else {
			p.minEnd = min(p.minEnd, k.firstEnd)
		}
	}
	slices.SortFunc(due, func(a, b *entry) int { return a.compare(b.entryKey) })
	return due
}

// compare orders entries by slice, then by first end.
func (k entryKey) compare(o entryKey) int {
	return cmp.Or(cmp.Compare(k.slice, o.slice), cmp.Compare(k.firstEnd, o.firstEnd))
}

// atEnd tells that no row will come any more.
func atEnd(c stream.Cut) bool { return c.W == stream.MaxTime || c.Final }

// drop forgets an entry. Its tables are kept for another one unless they are
// far larger than what this entry needed, or big anyway.
func (p *partial) drop(e *entry) {
	delete(p.entries, e.entryKey)
	if len(p.spare) >= spareEntriesMax || e.groups.bytes() > 64<<10+128*e.groups.size() {
		return
	}
	e.groups.reset()
	for _, a := range e.accs {
		a.reset()
	}
	p.spare = append(p.spare, e)
}

// Close forgets everything.
func (p *partial) Close() error {
	p.entries, p.spare = nil, nil
	return nil
}
