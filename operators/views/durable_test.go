package views

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"weir/operators/state"
	"weir/operators/stream"
	"weir/sql/types"
)

// timedSchema is that of pair with a time, whose seconds are the pair's value.
func timedSchema() stream.Schema {
	return stream.Schema{
		{Name: "k", Type: types.BigintType}, {Name: "v", Type: types.BigintType},
		{Name: "ts", Type: types.Type{Kind: types.Datetime, Precision: 6}},
		{Name: "t", Type: types.Type{Kind: types.Varchar}},
	}
}

func timedBatch(alloc memory.Allocator, rows []pair, ops []stream.Op) stream.Batch {
	b := array.NewRecordBuilder(alloc, timedSchema().Arrow())
	defer b.Release()
	for _, r := range rows {
		b.Field(0).(*array.Int64Builder).Append(r.k)
		b.Field(1).(*array.Int64Builder).Append(r.v)
		if r.v == 0 {
			b.Field(2).AppendNull() // never expires
		} else {
			b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(r.v) * 1e6)
		}
		b.Field(3).(*array.StringBuilder).Append(time.Duration(r.k).String())
	}
	return stream.Batch{RecordBatch: b.NewRecordBatch(), Ops: ops}
}

// modelStep is a step as the model keeps it.
type modelStep struct {
	rows  []pair
	ops   []stream.Op
	w     stream.Time
	clock stream.Time
	after model // the content behind it
}

// model is the content in its order, with the bound behind which rows expired.
type model struct {
	rows  []pair
	below int64 // seconds
}

func (m model) clone() model { m.rows = slices.Clone(m.rows); return m }

// apply is the naive form of View.Step: an update takes the place of the row that
// left last with its key, and of equal rows the last one leaves.
func (m *model) apply(rt *rapid.T, s *modelStep, keyed bool, retention int64) {
	const gone = -1
	list := slices.Clone(m.rows)
	shown := slices.Repeat([]bool{true}, len(list))
	same := func(a, b pair) bool { return a.k == b.k && (keyed || a.v == b.v) }
	var left []int // positions in list that were left, newest last
	for i, r := range s.rows {
		if s.ops != nil && s.ops[i] == stream.Delete {
			at := gone
			for j := range list {
				if shown[j] && same(list[j], r) {
					at = j
				}
			}
			if at == gone {
				if r.v == 0 || r.v >= m.below {
					rt.Fatalf("the model does not hold %v", r)
				}
				continue
			}
			shown[at] = false
			left = append(left, at)
			continue
		}
		at := gone
		for j := len(left) - 1; j >= 0; j-- {
			if same(list[left[j]], r) {
				at = left[j]
				left = slices.Delete(left, j, j+1)
				break
			}
		}
		if at == gone {
			list, shown = append(list, r), append(shown, true)
			continue
		}
		list[at], shown[at] = r, true
	}
	if retention > 0 && s.w != stream.MinTime && s.w != stream.MaxTime {
		m.below = max(m.below, int64(s.w)/1e6-retention)
	}
	m.rows = nil
	for i, r := range list {
		if shown[i] && (r.v == 0 || r.v >= m.below) {
			m.rows = append(m.rows, r)
		}
	}
}

// durableTest is a view on a store, its model, and everything that was done to it.
type durableTest struct {
	t         *rapid.T
	alloc     *memory.CheckedAllocator
	store     *state.Memory
	cfg       Config
	keyed     bool
	retention int64
	view      *View
	log       []modelStep // of all steps; commit i+1
	held      map[string]stream.Commit
	feeds     []*guest
}

// guest is somebody who follows the view, and its table.
type guest struct {
	feed  *Feed
	rows  table
	below int64 // rows that old are not in its table; it holds what expired later
	at    stream.Commit
}

// TestDurable does random things to a view on a store: steps, flushes that
// succeed, fail, or succeed in part, restarts, readers who come, follow, leave and
// come back, holds. The content is the model's, in its order, at all times, and
// the table of each reader is what the log says.
func TestDurable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		d := &durableTest{t: rt, alloc: alloc, store: state.NewMemory(), held: map[string]stream.Commit{}}
		d.keyed = rapid.Bool().Draw(rt, "keyed")
		d.cfg = Config{
			ID: 7, Schema: timedSchema(), Store: d.store, Alloc: alloc,
			PageRows:   rapid.SampledFrom([]int{1, 3, 8, 64}).Draw(rt, "page rows"),
			PageBytes:  rapid.SampledFrom([]int64{40, 300, 1 << 20}).Draw(rt, "page bytes"),
			LogBytes:   rapid.SampledFrom([]int64{1, 500, 2000, 1 << 20}).Draw(rt, "log bytes"),
			LogTime:    rapid.SampledFrom([]time.Duration{5 * time.Second, time.Hour}).Draw(rt, "log time"),
			SpillBytes: rapid.SampledFrom([]int64{1, 1000, 1 << 20}).Draw(rt, "spill"),
			Cache:      NewCache(rapid.SampledFrom([]int64{1, 1000, 1 << 20}).Draw(rt, "cache")),
		}
		if d.keyed {
			d.cfg.Key = []int{0}
		}
		if rapid.Bool().Draw(rt, "retention") {
			d.retention = rapid.Int64Range(1, 6).Draw(rt, "seconds")
			d.cfg.Retention = time.Duration(d.retention) * time.Second
			d.cfg.TimeColumn = 2
		}
		d.open()
		rt.Repeat(map[string]func(*rapid.T){
			"step":   func(rt *rapid.T) { d.t = rt; d.doStep() },
			"step2":  func(rt *rapid.T) { d.t = rt; d.doStep() },
			"flush":  func(rt *rapid.T) { d.t = rt; d.flush() },
			"crash":  func(rt *rapid.T) { d.t = rt; d.reopen() },
			"follow": func(rt *rapid.T) { d.t = rt; d.follow() },
			"read":   func(rt *rapid.T) { d.t = rt; d.read() },
			"return": func(rt *rapid.T) { d.t = rt; d.comeBack() },
			"hold":   func(rt *rapid.T) { d.t = rt; d.hold() },
			"":       func(rt *rapid.T) { d.t = rt; d.check() },
		})
		d.t = rt
		d.read()
		d.closeFeeds()
		d.drop()
		if n := d.cfg.Cache.Used(); n != 0 {
			rt.Fatalf("the cache holds %d bytes of a view that was dropped", n)
		}
		if n := alloc.CurrentAlloc(); n != 0 {
			rt.Fatalf("%d bytes were not released", n)
		}
	})
}

func (d *durableTest) open() {
	v, err := Open(d.cfg)
	if err != nil {
		d.t.Fatal(err)
	}
	d.view = v
}

// now is the model at the view's commit.
func (d *durableTest) now() model {
	if at := d.view.State().Commit; at > 0 {
		return d.log[at-1].after
	}
	return model{below: -1 << 40}
}

// doStep runs the next step: again, where the view was set back by a crash.
func (d *durableTest) doStep() {
	at := int(d.view.State().Commit)
	if at == len(d.log) {
		now := d.now()
		s := modelStep{w: stream.MinTime, clock: stream.Time(at) * 1e6}
		s.rows, s.ops = d.drawRows(now)
		if at > 0 {
			s.w = d.log[at-1].w
		}
		if rapid.Bool().Draw(d.t, "time moves") {
			s.w = max(s.w, 0) + stream.Time(rapid.Int64Range(0, 3).Draw(d.t, "by"))*1e6
		}
		m := now.clone()
		m.apply(d.t, &s, d.keyed, d.retention)
		s.after = m
		d.log = append(d.log, s)
	}
	s := d.log[at]
	b := timedBatch(d.alloc, s.rows, s.ops)
	defer b.Release()
	batches := []stream.Batch{b}
	if n := len(s.rows); n > 2 { // how a step is cut into batches is of no matter
		c := rapid.IntRange(1, n-1).Draw(d.t, "cut")
		one, two := stream.Batch{RecordBatch: b.NewSlice(0, int64(c))}, stream.Batch{RecordBatch: b.NewSlice(int64(c), int64(n))}
		defer one.Release()
		defer two.Release()
		if s.ops != nil {
			one.Ops, two.Ops = s.ops[:c], s.ops[c:]
		}
		batches = []stream.Batch{one, two}
	}
	cut := stream.Cut{Step: stream.Step(at + 1), Clock: s.clock, W: s.w}
	for range 2 { // the second time changes nothing
		if err := d.view.Step(context.Background(), cut, stream.Commit(at+1), batches); err != nil {
			d.t.Fatal(err)
		}
	}
}

// drawRows makes changes that the model allows, and some of rows that expired.
func (d *durableTest) drawRows(now model) (rows []pair, ops []stream.Op) {
	rows, ops = drawChange(d.t, table(now.rows), d.keyed)
	high := int64(0)
	if d.retention > 0 {
		high = max(now.below, 0) + d.retention
	}
	if high > 0 && ops == nil && !d.keyed { // new rows are of now, more or less
		for i := range rows {
			rows[i].v += max(0, high-2)
		}
	}
	if now.below > 1 && rapid.Bool().Draw(d.t, "too late") {
		if ops == nil {
			ops = slices.Repeat([]stream.Op{stream.Insert}, len(rows))
		}
		rows, ops = append(rows, pair{1000, now.below - 1}), append(ops, stream.Delete)
	}
	return rows, ops
}

// flush writes what happened; the store may fail.
func (d *durableTest) flush() {
	var b state.Batch
	done, err := d.view.Flush(&b)
	if err != nil {
		d.t.Fatal(err)
	}
	commit := d.view.State().Commit
	if rapid.Bool().Draw(d.t, "step while it is written") {
		d.doStep()
	}
	switch rapid.SampledFrom([]string{"ok", "ok", "fails", "fails in part"}).Draw(d.t, "store") {
	case "fails in part":
		some := state.Batch{Pages: b.Pages[:len(b.Pages)/2]}
		if err := d.store.Write(context.Background(), &some); err != nil {
			d.t.Fatal(err)
		}
		fallthrough
	case "fails":
		done(errors.New("no space left"))
		return
	}
	if err := d.store.Write(context.Background(), &b); err != nil {
		d.t.Fatal(err)
	}
	done(nil)
	if got := d.view.ResultsTo(); got != commit {
		d.t.Fatalf("durable up to %d, want %d", got, commit)
	}
}

func (d *durableTest) closeFeeds() {
	for _, r := range d.feeds {
		if r.feed != nil {
			if err := r.feed.Close(); err != nil {
				d.t.Fatal(err)
			}
			r.feed = nil
		}
	}
}

// reopen loses what was not flushed. Readers keep their tables.
func (d *durableTest) reopen() {
	d.read()
	want := d.view.ResultsTo()
	d.closeFeeds()
	d.view.Close()
	d.open()
	if got := d.view.State().Commit; got != want {
		d.t.Fatalf("opened at commit %d, was durable up to %d", got, want)
	}
	for name := range d.held {
		if c := d.view.Hold(name).Commit(); c <= d.held[name] {
			d.held[name] = c
		} else {
			d.t.Fatalf("hold %s came back at %d, it was at %d", name, c, d.held[name])
		}
	}
}

func (d *durableTest) follow() {
	if len(d.feeds) > 6 {
		return
	}
	f, err := d.view.Feed([]int{0, 1}, true, d.alloc)
	if err != nil {
		d.t.Fatal(err)
	}
	r := &guest{feed: f, below: d.now().below, at: d.view.State().Commit}
	d.feeds = append(d.feeds, r)
}

// read lets every reader read to the end, or be told that it is too slow.
func (d *durableTest) read() {
	for _, r := range d.feeds {
		if r.feed == nil {
			continue
		}
		err := d.drain(r)
		if errors.Is(err, ErrSlowReader) {
			_ = r.feed.Close()
			r.feed = nil
			continue
		}
		if !errors.Is(err, context.Canceled) {
			d.t.Fatal(err)
		}
		r.at = d.view.State().Commit
		if diff := cmp.Diff(d.expected(r).sorted(), r.rows.sorted(), cmp.AllowUnexported(pair{}), cmpopts.EquateEmpty()); diff != "" {
			d.t.Fatalf("a reader's table at %d (-log +reader):\n%s", r.at, diff)
		}
	}
}

func (d *durableTest) drain(r *guest) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		data, err := r.feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, b := range data.Rows {
			for i, p := range pairsOf(b.RecordBatch) {
				if b.Ops == nil || b.Ops[i] == stream.Insert {
					r.rows = append(r.rows, p)
				} else if at := slices.Index(r.rows, p); at >= 0 {
					r.rows = slices.Delete(r.rows, at, at+1)
				} // else it expired before the reader came
			}
		}
		if data.Commit < r.at {
			d.t.Fatalf("a reader at %d gets commit %d", r.at, data.Commit)
		}
		r.at = data.Commit
		data.Release()
	}
}

// expected is the table that follows from the log alone: every change, without
// rows that were too old when the reader came, and nothing expires.
func (d *durableTest) expected(r *guest) table {
	var out table
	for _, s := range d.log[:r.at] {
		for i, p := range s.rows {
			if p.v != 0 && p.v < r.below {
				continue
			}
			if s.ops == nil || s.ops[i] == stream.Insert {
				out = append(out, p)
			} else if at := slices.Index(out, p); at >= 0 {
				out = slices.Delete(out, at, at+1)
			}
		}
	}
	return out
}

// comeBack lets readers whose feed is gone go on behind their commit.
func (d *durableTest) comeBack() {
	for i := len(d.feeds) - 1; i >= 0; i-- {
		r := d.feeds[i]
		if r.feed != nil || r.at > d.view.State().Commit || r.below > 0 {
			continue
		}
		f, err := d.view.FeedAfter(r.at, []int{0, 1}, d.alloc)
		if errors.Is(err, ErrForgotten) {
			for name, c := range d.held {
				if c <= r.at {
					d.t.Fatalf("the changes behind %d are forgotten, but %s holds those behind %d: %v", r.at, name, c, err)
				}
			}
			d.feeds = slices.Delete(d.feeds, i, i+1)
			continue
		}
		if err != nil {
			d.t.Fatal(err)
		}
		r.feed = f
	}
}

// hold takes, moves or releases a hold.
func (d *durableTest) hold() {
	name := rapid.SampledFrom([]string{"pg", "file"}).Draw(d.t, "sink")
	h := d.view.Hold(name)
	if rapid.IntRange(0, 3).Draw(d.t, "release") == 0 {
		h.Release()
		delete(d.held, name)
		return
	}
	h.Advance(h.Commit() + 1)
	if err := h.Err(); err != nil {
		d.t.Fatal(err)
	}
	d.held[name] = h.Commit()
}

// check compares content and counts with the model.
func (d *durableTest) check() {
	f, err := d.view.Feed([]int{0, 1}, false, d.alloc)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	var got []pair
	for {
		data, err := f.Next(context.Background())
		if err != nil {
			break
		}
		for _, b := range data.Rows {
			got = append(got, pairsOf(b.RecordBatch)...)
		}
		data.Release()
	}
	want := d.now().rows
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(pair{}), cmpopts.EquateEmpty()); diff != "" {
		d.t.Fatalf("content at commit %d (-model +view):\n%s", d.view.State().Commit, diff)
	}
	if st := d.view.State(); st.Rows != len(want) {
		d.t.Fatalf("the view counts %d rows, has %d", st.Rows, len(want))
	}
}

// drop deletes the view, one way or the other, and looks that nothing is left.
func (d *durableTest) drop() {
	d.view.Close()
	if rapid.Bool().Draw(d.t, "discard") {
		if err := Discard(context.Background(), d.store, d.cfg.ID); err != nil {
			d.t.Fatal(err)
		}
	} else {
		var b state.Batch
		d.view.Drop(&b)
		if err := d.store.Write(context.Background(), &b); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := d.store.Scan(nil, func(k, _ []byte) error {
		return errors.New("key " + string(k) + " is left")
	}); err != nil {
		d.t.Fatal(err)
	}
}
