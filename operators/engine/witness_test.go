package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// TestLateRows: the rows that a query says were late are those that a query
// which shows each row with its shard's watermark says are behind it, the newest
// of them, with filters and without, whatever the batches are.
func TestLateRows(t *testing.T) {
	for seed := range uint64(40) {
		filtered := seed%2 == 0
		most := []int{1, 7, 500}[seed%3]
		rows := func() *steps {
			rng := rand.New(rand.NewPCG(seed, 1))
			clock := int64(0)
			var seqs [2]stream.Seq
			return &steps{make: func(n int) *stream.StepData {
				if n == 30 {
					return nil
				}
				data := &stream.StepData{Clock: stream.MinTime}
				for shard := range stream.Shard(2) {
					var events []event
					for range rng.IntN(20) {
						clock += int64(rng.IntN(3))
						ev := event{clock - int64(rng.IntN(40)), int64(rng.IntN(6))}
						if rng.IntN(30) == 0 {
							ev.ts = none
						}
						events = append(events, ev)
					}
					for len(events) > 0 {
						k := min(most, len(events))
						b := eventBatch(memory.NewGoAllocator(), shard, events[:k]...)
						b.Commit, b.First = stream.Commit(n+1), seqs[shard]
						seqs[shard] += stream.Seq(k)
						data.Rows, events = append(data.Rows, b), events[k:]
					}
				}
				return data
			}}
		}
		keep := &physical.Call{Fn: ">", T: types.BooleanType, Args: []physical.Expr{
			&physical.Column{Index: 1, T: types.BigintType, Name: "v"}, &physical.Literal{T: types.BigintType, Value: int64(1)},
		}}
		var shown physical.Node = eventScan(5, physical.HiddenW, physical.HiddenShard, physical.HiddenSeq)
		plan := countPlan(5)
		if filtered {
			shown = &physical.Filter{In: shown, Pred: keep}
			partial := plan.Root.(*physical.WindowFinal).In.(*physical.Exchange).In.(*physical.WindowPartial)
			partial.In = &physical.Filter{In: partial.In, Pred: keep}
		}
		shards := []stream.Shard{0, 1}
		_, lines, err := runPlan(t, Config{Plan: planOf(shown, false), Source: rows(), Shards: shards})
		if err != nil {
			t.Fatal(err)
		}
		q, _, err := runPlan(t, Config{Plan: plan, Source: rows(), Shards: shards})
		if err != nil {
			t.Fatal(err)
		}
		spec := windows.Spec{Kind: windows.Tumble, Size: 10 * time.Second, Slide: 10 * time.Second}
		grid, err := spec.Grid()
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, line := range lines {
			var ts, v, w, shard, seq int64
			if _, err := fmt.Sscan(line, &ts, &v, &w, &shard, &seq); err != nil {
				continue // no watermark yet: nothing is late
			}
			if _, missed, ok := grid.Judge(second(ts), second(w), 0); !ok && missed {
				want = append(want, fmt.Sprintf("%d/%d: %d, watermark %d", shard, seq, ts, w))
			}
		}
		if l := q.Ledger(); l.Late != int64(len(want)) || !l.Closes() {
			t.Fatalf("seed %d: ledger %+v, %d late", seed, l, len(want))
		}
		var got []string
		for _, r := range q.LateRows() {
			got = append(got, fmt.Sprintf("%d/%d: %d, watermark %d", r.Shard, r.Seq, r.Event/1e6, r.W/1e6))
			if end := grid.Closed(r.Event); r.Behind != time.Duration(r.W-end)*time.Microsecond || r.Behind < 0 {
				t.Errorf("seed %d: %+v ends at %d", seed, r, end)
			}
		}
		if d := cmp.Diff(want[max(0, len(want)-LostRowsMax):], got); d != "" {
			t.Fatalf("seed %d, batches of %d, filtered %v: %s", seed, most, filtered, d)
		}
		if n := int64(len(q.ErrorRows())); n != min(q.Ledger().Errors, LostRowsMax) || n == 0 {
			t.Errorf("seed %d: %d rows without time, ledger %+v", seed, n, q.Ledger())
		}
	}
}

// TestErrorRows: rows are remembered with their place, whether their sequences
// have gaps or not, and why; the oldest make room.
func TestErrorRows(t *testing.T) {
	alloc := checked(t)
	scan := eventScan(2)
	scan.FutureTolerance = time.Minute
	at := second(100)
	src := &steps{make: func(n int) *stream.StepData {
		if n >= 60 {
			return nil
		}
		a := eventBatch(alloc, 3, event{50, 0}, event{none, 1}, event{162, 2}, event{40, 3})
		a.Arrival, a.First, a.Commit = at, stream.Seq(10*n), stream.Commit(n)
		b := eventBatch(alloc, 1, event{60, 5}, event{none, 6})
		b.Arrival, b.First, b.Seqs, b.Bad, b.Commit = at, 70, []stream.Seq{70, 72}, 1, stream.Commit(n)
		if n == 59 {
			b.Subs, b.Bad = []int32{0, 4}, 3
			b.BadRows = []stream.BadRow{{Seq: 71, Code: "A"}, {Seq: 72, Sub: 3, Code: "B"}, {Seq: 73, Code: "C"}}
		}
		return &stream.StepData{Clock: at, Rows: []stream.SourceBatch{b, a}}
	}}
	q, _, err := runPlan(t, Config{Plan: planOf(scan, false), Source: src, Shards: []stream.Shard{1, 3}, Alloc: alloc})
	if err != nil {
		t.Fatal(err)
	}
	got := q.ErrorRows()
	if len(got) != LostRowsMax {
		t.Fatalf("%d rows", len(got))
	}
	bad := func(r stream.BadRow) LostRow {
		return LostRow{Kind: LostBad, Commit: 59, Shard: 1, Seq: r.Seq, Sub: r.Sub, Arrival: at, Event: stream.MinTime, W: stream.MinTime, Bad: r}
	}
	want := []LostRow{
		bad(stream.BadRow{Seq: 71, Code: "A"}),
		bad(stream.BadRow{Seq: 72, Sub: 3, Code: "B"}),
		{Kind: LostNull, Commit: 59, Shard: 1, Seq: 72, Sub: 4, Arrival: at, Event: stream.MinTime, W: stream.MinTime},
		bad(stream.BadRow{Seq: 73, Code: "C"}),
		{Kind: LostNull, Commit: 59, Shard: 3, Seq: 591, Arrival: at, Event: stream.MinTime, W: stream.MinTime},
		{Kind: LostFuture, Commit: 59, Shard: 3, Seq: 592, Arrival: at, Event: second(162), W: stream.MinTime},
	}
	if d := cmp.Diff(want, got[len(got)-len(want):]); d != "" {
		t.Error(d)
	}
}

// TestBadRows: rows that did not decode are remembered by queries that need no event
// time, too, and where no row of their batch did.
func TestBadRows(t *testing.T) {
	alloc := checked(t)
	scan := &physical.Scan{Relation: "s", Columns: []int{0, 1}, Fields: eventScan(2).Fields}
	src := &steps{make: func(n int) *stream.StepData {
		if n >= 70 {
			return nil
		}
		some, none := eventBatch(alloc, 0, event{1, 1}), eventBatch(alloc, 0)
		some.Commit, some.First, some.Bad, some.BadRows = stream.Commit(n), stream.Seq(4*n), 1, []stream.BadRow{{Seq: stream.Seq(4*n + 1)}}
		none.Commit, none.First, none.Bad, none.BadRows = stream.Commit(n), stream.Seq(4*n+2), 2, []stream.BadRow{{Seq: stream.Seq(4*n + 2)}, {Seq: stream.Seq(4*n + 3)}}
		return &stream.StepData{Clock: stream.MinTime, Rows: []stream.SourceBatch{some, none}}
	}}
	q, _, err := runPlan(t, Config{Plan: planOf(scan, false), Source: src, Shards: []stream.Shard{0}, Alloc: alloc})
	if err != nil {
		t.Fatal(err)
	}
	got, at := q.ErrorRows(), stream.Seq(4*70)
	for i := range got {
		if at--; at%4 == 0 {
			at--
		}
		if r := got[len(got)-1-i]; r.Kind != LostBad || r.Seq != at || r.Bad.Seq != at {
			t.Fatalf("%d rows, and %+v where %d was expected", len(got), r, at)
		}
	}
	if l := q.Ledger(); len(got) != LostRowsMax || l.Errors != 3*70 || !l.Closes() {
		t.Errorf("%d rows, ledger %+v", len(got), l)
	}
}
