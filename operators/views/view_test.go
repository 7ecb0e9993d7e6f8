package views

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/sql/types"
)

// pair is a row of the test's view: a key and a value.
type pair struct{ k, v int64 }

func pairSchema() stream.Schema {
	return stream.Schema{{Name: "k", Type: types.BigintType}, {Name: "v", Type: types.BigintType}}
}

func pairBatch(alloc memory.Allocator, rows []pair, ops []stream.Op) stream.Batch {
	b := array.NewRecordBuilder(alloc, pairSchema().Arrow())
	defer b.Release()
	for _, r := range rows {
		b.Field(0).(*array.Int64Builder).Append(r.k)
		b.Field(1).(*array.Int64Builder).Append(r.v)
	}
	return stream.Batch{RecordBatch: b.NewRecordBatch(), Ops: ops}
}

func pairsOf(rec arrow.RecordBatch) []pair {
	out := make([]pair, rec.NumRows())
	for i := range out {
		out[i] = pair{rec.Column(0).(*array.Int64).Value(i), rec.Column(1).(*array.Int64).Value(i)}
	}
	return out
}

// table is the naive model of a bag of rows.
type table []pair

func (t *table) apply(rows []pair, ops []stream.Op) error {
	for i, r := range rows {
		if ops == nil || ops[i] == stream.Insert {
			*t = append(*t, r)
			continue
		}
		at := slices.Index(*t, r)
		if at < 0 {
			return fmt.Errorf("row %v leaves, but is not there", r)
		}
		*t = slices.Delete(*t, at, at+1)
	}
	return nil
}

func (t table) sorted() []pair {
	out := slices.Clone(t)
	slices.SortFunc(out, func(a, b pair) int {
		if a.k != b.k {
			return int(a.k - b.k)
		}
		return int(a.v - b.v)
	})
	return out
}

// TestViewAndFeeds applies random changes to a view and to a naive table. At
// every step the view's content, and each feed's content plus its changes, must
// be the table.
func TestViewAndFeeds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer alloc.AssertSize(t, 0)
		keyed := rapid.Bool().Draw(rt, "keyed")
		var key []int
		if keyed {
			key = []int{0}
		}
		v := open(t, Config{Schema: pairSchema(), Key: key, Alloc: alloc})
		defer v.Close()
		var want table
		type follower struct {
			feed *Feed
			at   stream.Commit
			got  table
		}
		var followers []*follower
		for step := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "follow") {
				f, err := v.Feed([]int{0, 1}, true, alloc)
				if err != nil {
					rt.Fatal(err)
				}
				defer f.Close()
				followers = append(followers, &follower{feed: f})
			}
			if rapid.Bool().Draw(rt, "leave") {
				followers = append(followers, &follower{at: v.State().Commit, got: slices.Clone(want)})
			}
			rows, ops := drawChange(rt, want, keyed)
			b := pairBatch(alloc, rows, ops)
			err := v.Step(context.Background(), stream.Cut{Step: stream.Step(step + 1)}, stream.Commit(step+1), []stream.Batch{b})
			b.Release()
			if err != nil {
				rt.Fatal(err)
			}
			if err := want.apply(rows, ops); err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(want.sorted(), contentOf(rt, v, alloc).sorted(), cmp.AllowUnexported(pair{}), cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("step %d: view (-model +view):\n%s", step, diff)
			}
		}
		for i, f := range followers {
			if f.feed == nil { // one who comes back
				var err error
				if f.feed, err = v.FeedAfter(f.at, []int{0, 1}, alloc); err != nil {
					rt.Fatal(err)
				}
				defer f.feed.Close()
			}
			drainFeed(rt, f.feed, &f.got)
			if diff := cmp.Diff(want.sorted(), f.got.sorted(), cmp.AllowUnexported(pair{}), cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("follower %d (-view +feed):\n%s", i, diff)
			}
		}
	})
}

// drawChange makes a change that the table allows: with keys, an old row leaves
// before a new one of its key enters.
func drawChange(rt *rapid.T, now table, keyed bool) (rows []pair, ops []stream.Op) {
	left := slices.Clone(now)
	for range rapid.IntRange(0, 8).Draw(rt, "rows") {
		if len(left) > 0 && rapid.IntRange(0, 3).Draw(rt, "leaves") == 0 {
			i := rapid.IntRange(0, len(left)-1).Draw(rt, "which")
			rows, ops = append(rows, left[i]), append(ops, stream.Delete)
			left = slices.Delete(left, i, i+1)
			continue
		}
		r := pair{rapid.Int64Range(0, 9).Draw(rt, "k"), rapid.Int64Range(0, 3).Draw(rt, "v")}
		if old := slices.IndexFunc(left, func(p pair) bool { return p.k == r.k }); keyed && old >= 0 {
			rows, ops = append(rows, left[old]), append(ops, stream.Delete)
			left = slices.Delete(left, old, old+1)
		}
		rows, ops = append(rows, r), append(ops, stream.Insert)
		left = append(left, r)
	}
	if !slices.Contains(ops, stream.Delete) {
		ops = nil
	}
	return rows, ops
}

func contentOf(rt *rapid.T, v *View, alloc memory.Allocator) (out table) {
	f, err := v.Feed([]int{0, 1}, false, alloc)
	if err != nil {
		rt.Fatal(err)
	}
	defer f.Close()
	drainFeed(rt, f, &out)
	return out
}

// drainFeed reads what a feed has queued.
func drainFeed(rt *rapid.T, f *Feed, into *table) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // Next returns what is there and does not wait
	for {
		data, err := f.Next(ctx)
		if err != nil {
			return
		}
		for _, b := range data.Rows {
			if err := into.apply(pairsOf(b.RecordBatch), b.Ops); err != nil {
				rt.Fatal(err)
			}
		}
		data.Release()
	}
}

func open(t testing.TB, cfg Config) *View {
	t.Helper()
	v, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSlowReader: nobody reads a feed, and the changes behind it are forgotten.
func TestSlowReader(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	v := open(t, Config{Schema: pairSchema(), Key: []int{0}, Alloc: alloc, PageRows: 4, LogBytes: 200})
	defer v.Close()
	f, err := v.Feed([]int{0, 1}, true, alloc)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const steps = 40
	for i := range steps {
		b := pairBatch(alloc, []pair{{int64(i), 1}}, nil)
		if err := v.Step(context.Background(), stream.Cut{Step: stream.Step(i)}, stream.Commit(i+1), []stream.Batch{b}); err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	data, err := f.Next(t.Context()) // the content is kept for it, the changes are not
	if err != nil {
		t.Fatal(err)
	}
	data.Release()
	if _, err := f.Next(t.Context()); !errors.Is(err, ErrSlowReader) {
		t.Fatalf("a reader that is %d steps behind gets %v", steps, err)
	}
	if st := v.State(); st.Rows != steps {
		t.Errorf("the view has %d rows", st.Rows)
	}
}

// TestFeedWatermark: a feed's watermark is that of the step that was read, not
// that of the view, which may be far ahead.
func TestFeedWatermark(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	v := open(t, Config{Schema: pairSchema(), Key: []int{0}, Alloc: alloc})
	defer v.Close()
	f, err := v.Feed([]int{1}, true, alloc)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := []stream.Time{stream.MinTime}
	for i := range int64(6) {
		var changes []stream.Batch
		if i != 2 { // step 2 folds into step 3, which has rows
			changes = append(changes, pairBatch(alloc, []pair{{i, i}}, nil))
		}
		w := stream.Time(10 * i)
		if err := v.Step(t.Context(), stream.Cut{Step: stream.Step(i), W: w}, stream.Commit(i+1), changes); err != nil {
			t.Fatal(err)
		}
		releaseAll(changes)
		if i != 2 {
			want = append(want, w)
		}
	}
	for i, w := range want {
		data, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		data.Release()
		if got := f.W(); got != w {
			t.Errorf("step %d: watermark %d, want %d", i, got, w)
		}
	}
}

// TestFeedEnds: whoever follows a view that fails or is closed is told, whether
// it came before or comes after; what a failed view shows can still be read.
func TestFeedEnds(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	broken := errors.New("a bug")
	v := open(t, Config{Schema: pairSchema(), Alloc: alloc})
	b := pairBatch(alloc, []pair{{1, 1}}, nil)
	defer b.Release()
	if err := v.Step(t.Context(), stream.Cut{Step: 1}, 1, []stream.Batch{b}); err != nil {
		t.Fatal(err)
	}
	next := func(f *Feed, err error) error {
		if err != nil {
			return err
		}
		data, err := f.Next(t.Context())
		if err == nil {
			data.Release()
		}
		return errors.Join(err, f.Close())
	}
	before, err := v.Feed([]int{0}, true, alloc)
	if err != nil {
		t.Fatal(err)
	}
	v.Fail(broken)
	if err := next(before, nil); !errors.Is(err, broken) {
		t.Errorf("a follower of a failed view gets %v", err)
	}
	if err := next(v.Feed([]int{0}, true, alloc)); !errors.Is(err, broken) {
		t.Errorf("a new follower of a failed view gets %v", err)
	}
	if err := next(v.Feed([]int{0}, false, alloc)); err != nil {
		t.Errorf("a reader of a failed view gets %v", err)
	}
	v.Close()
	for _, endless := range []bool{true, false} {
		if err := next(v.Feed([]int{0}, endless, alloc)); !errors.Is(err, ErrViewClosed) {
			t.Errorf("a reader of a closed view gets %v", err)
		}
	}
}
