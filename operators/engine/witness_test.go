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
	want := []LostRow{
		{Kind: LostNull, Commit: 59, Shard: 1, Seq: 72, Arrival: at, Event: stream.MinTime, W: stream.MinTime},
		{Kind: LostNull, Commit: 59, Shard: 3, Seq: 591, Arrival: at, Event: stream.MinTime, W: stream.MinTime},
		{Kind: LostFuture, Commit: 59, Shard: 3, Seq: 592, Arrival: at, Event: second(162), W: stream.MinTime},
	}
	if d := cmp.Diff(want, got[len(got)-3:]); d != "" {
		t.Error(d)
	}
}
