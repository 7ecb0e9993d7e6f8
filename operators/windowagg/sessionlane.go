package windowagg

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"weir/operators"
	"weir/operators/state"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// sessionLane is the lane's half of an aggregation over sessions. Within a step it
// puts together the rows of a group that lie less than the gap apart, or, where
// sessions have a greatest length, those of the same event time; each cut takes these fragments of sessions, so between steps it keeps nothing.
type sessionLane struct {
	n      *physical.WindowPartial
	rt     *operators.Runtime
	gap    stream.Time
	feed   *feed
	groups groups
	accs   []acc
	schema *arrow.Schema

	fragments []fragment
	byGroup   [][]int32 // fragments of a group that are not merged, in order
	merges    [][2]int32

	rows, ids []int32 // scratch
	keys      []arrow.Array
}

// fragment is the rows of a group from first to last.
type fragment struct{ first, last stream.Time }

func newSessionLane(n *physical.WindowPartial) (operators.Operator, error) {
	if n.Window.Gap <= 0 || n.Window.Size < 0 || n.Retracts {
		return nil, fmt.Errorf("partial window aggregation: %s", physical.FormatWindow(n.Window))
	}
	gap := stream.Time(n.Window.Gap.Microseconds())
	if n.Window.Size > 0 { // only all rows together tell where sessions are cut: see limited
		gap = 1
	}
	return &sessionLane{
		n: n, gap: gap, feed: newFeed(&n.WindowAgg), groups: newGroups(n.KeyTypes),
		accs: mustAccs(&n.WindowAgg), schema: n.Schema().Arrow(), keys: make([]arrow.Array, len(n.Keys)),
	}, nil
}

// Open keeps the runtime.
func (p *sessionLane) Open(_ context.Context, rt *operators.Runtime) error {
	p.rt = rt
	return nil
}

// ProcessBatch adds the rows that are not late to their fragments. A row is late
// iff no session that has not closed can hold it: iff its time, with the lateness
// that is allowed, lies before its shard's watermark.
func (p *sessionLane) ProcessBatch(_ context.Context, _ operators.Port, b stream.Batch, _ operators.Collector) error {
	if b.NumRows() == 0 {
		return nil
	}
	times, ws := int64s(b.Column(p.n.TimeCol)), int64s(b.Column(p.n.WCol))
	p.rows = p.rows[:0]
	for i, t := range times {
		if w := stream.Time(ws[i]); w != stream.MinTime && (w == stream.MaxTime || stream.Time(t).Add(p.n.Lateness) < w) {
			b.Mark(i, i+1, stream.Late)
			continue
		}
		b.Mark(i, i+1, stream.Used)
		p.rows = append(p.rows, int32(i))
	}
	p.rt.Ledger.Used += int64(len(p.rows))
	p.rt.Ledger.Late += int64(len(times) - len(p.rows))
	if len(p.rows) == 0 {
		return nil
	}
	for i, k := range p.n.Keys {
		p.keys[i] = b.Column(k)
	}
	p.ids = slices.Grow(p.ids[:0], len(p.rows))[:len(p.rows)]
	if err := p.groups.find(p.keys, p.rows, p.ids); err != nil {
		return err
	}
	p.byGroup = growTo(p.byGroup, p.groups.size())
	for i, row := range p.rows {
		p.ids[i] = p.place(p.ids[i], stream.Time(times[row]))
	}
	for _, a := range p.accs {
		a.grow(len(p.fragments))
	}
	return p.feed.add(b, p.accs, p.rows, p.ids)
}

// place returns the fragment of a row at t. The row may join two of them.
func (p *sessionLane) place(group int32, t stream.Time) int32 {
	list := p.byGroup[group]
	i := len(list) - 1
	if i < 0 || p.apart(p.fragments[list[i]].last, t) || t < p.fragments[list[i]].first {
		i = sort.Search(len(list), func(i int) bool { return !p.apart(p.fragments[list[i]].last, t) })
	}
	if i == len(list) || p.apart(t, p.fragments[list[i]].first) {
		p.fragments = append(p.fragments, fragment{t, t})
		id := int32(len(p.fragments) - 1)
		p.byGroup[group] = slices.Insert(list, i, id)
		return id
	}
	f := &p.fragments[list[i]]
	f.first, f.last = min(f.first, t), max(f.last, t)
	if i+1 < len(list) && !p.apart(f.last, p.fragments[list[i+1]].first) {
		f.last = max(f.last, p.fragments[list[i+1]].last)
		p.merges = append(p.merges, [2]int32{list[i], list[i+1]})
		p.byGroup[group] = slices.Delete(list, i+1, i+2)
	}
	return list[i]
}

// apart tells whether b lies the gap or more behind a.
func (p *sessionLane) apart(a, b stream.Time) bool { return apart(a, b, p.gap) }

func apart(a, b, gap stream.Time) bool { return b > a && uint64(b)-uint64(a) >= uint64(gap) }

// ProcessCut emits the fragments, group by group in order of first sight.
func (p *sessionLane) ProcessCut(ctx context.Context, c stream.Cut, out operators.Collector) (stream.Time, error) {
	for _, m := range p.merges {
		for _, a := range p.accs {
			a.fold([]int32{m[0]}, a, []int32{m[1]})
		}
	}
	var groups, ids []int32
	for g, list := range p.byGroup {
		for _, id := range list {
			groups, ids = append(groups, int32(g)), append(ids, id)
		}
	}
	for len(ids) > 0 {
		n := min(len(ids), batchRowsMax)
		if err := p.emit(ctx, groups[:n], ids[:n], out); err != nil {
			return c.W, err
		}
		groups, ids = groups[n:], ids[n:]
	}
	for _, a := range p.accs {
		a.reset()
	}
	p.groups.reset()
	clear(p.byGroup)
	p.byGroup, p.fragments, p.merges = p.byGroup[:0], p.fragments[:0], p.merges[:0]
	return c.W, nil
}

func (p *sessionLane) emit(ctx context.Context, groups, ids []int32, out operators.Collector) error {
	b := array.NewRecordBuilder(p.rt.Alloc, p.schema)
	defer b.Release()
	fields := b.Fields()
	for _, id := range ids {
		fields[0].(*array.TimestampBuilder).Append(arrow.Timestamp(p.fragments[id].first))
		fields[1].(*array.TimestampBuilder).Append(arrow.Timestamp(p.fragments[id].last))
	}
	fields = fields[2:]
	if err := p.groups.appendKeys(fields, groups); err != nil {
		return err
	}
	fields = fields[len(p.n.Keys):]
	for i, a := range p.accs {
		a.appendStates(fields, ids)
		fields = fields[len(p.feed.aggs[i].State(p.n.Retracts)):]
	}
	return out.Emit(ctx, stream.Batch{RecordBatch: b.NewRecordBatch()})
}

// Snapshot writes nothing: a cut took everything.
func (p *sessionLane) Snapshot(context.Context, state.Writer) error { return nil }

// Close forgets everything.
func (p *sessionLane) Close() error { return nil }

// sessionBounds returns the window of a session.
func sessionBounds(f fragment, gap stream.Time) windows.Window {
	end := stream.MaxTime
	if f.last < stream.MaxTime-gap {
		end = f.last + gap
	}
	return windows.Window{Start: f.first, End: end}
}
