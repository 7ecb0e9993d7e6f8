package windowrows

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

type collect struct{ batches []stream.Batch }

func (c *collect) Emit(_ context.Context, b stream.Batch) error {
	c.batches = append(c.batches, b)
	return nil
}

// rowsOf are the windows over t by trying every start, in order of their ends.
func rowsOf(s windows.Spec, t int64) (out []string) {
	size, slide := s.Size.Microseconds(), s.Slide.Microseconds()
	for start := t - size + 1; start <= t; start++ {
		base := start - s.Offset.Microseconds()
		switch {
		case s.Kind == windows.Cumulate && base%size == 0:
			for end := start + slide; end <= start+size; end += slide {
				if end > t {
					out = append(out, fmt.Sprintf("[%d,%d)", start, end))
				}
			}
		case s.Kind != windows.Cumulate && base%slide == 0:
			out = append(out, fmt.Sprintf("[%d,%d)", start, start+size))
		}
	}
	return out
}

// TestRows: each row is shown once for each of its windows, in order, and counted.
func TestRows(t *testing.T) {
	us := time.Microsecond
	specs := []windows.Spec{
		{Kind: windows.Tumble, Size: 5 * us, Slide: 5 * us},
		{Kind: windows.Tumble, Size: 7 * us, Slide: 7 * us, Offset: -3 * us},
		{Kind: windows.Hop, Size: 10 * us, Slide: 4 * us, Offset: 1 * us},
		{Kind: windows.Hop, Size: 30 * us, Slide: 1 * us},
		{Kind: windows.Hop, Size: 3 * us, Slide: 10 * us}, // with gaps between them
		{Kind: windows.Cumulate, Size: 12 * us, Slide: 4 * us, Offset: 5 * us},
	}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		spec := specs[seed%uint64(len(specs))]
		schema := stream.Schema{{Name: "id", Type: types.BigintType}, {Name: "ts", Type: types.DatetimeType(6)}}
		at := &physical.Column{Index: 1, T: types.DatetimeType(6), Name: "ts"}
		n := &physical.WindowRows{In: &physical.Scan{Fields: schema}, Window: spec, Time: at}
		alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
		op, err := New(n)
		var l stream.Ledger
		if err == nil {
			err = op.Open(t.Context(), &operators.Runtime{Alloc: alloc, Ledger: &l})
		}
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		id, left := int64(0), int64(0)
		for range 5 {
			b := array.NewRecordBuilder(alloc, schema.Arrow())
			for range r.IntN(700) {
				id++
				b.Field(0).(*array.Int64Builder).Append(id)
				if r.IntN(10) == 0 {
					b.Field(1).AppendNull()
					left++
					continue
				}
				ts := r.Int64N(200) - 100
				b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(ts))
				in := rowsOf(spec, ts)
				if len(in) == 0 {
					left++
				}
				for _, w := range in {
					want = append(want, fmt.Sprint(id, " ", w))
				}
			}
			rec := b.NewRecordBatch()
			b.Release()
			l.In += rec.NumRows() // as who reads them does
			var out collect
			if err := op.ProcessBatch(t.Context(), 0, stream.Batch{RecordBatch: rec}, &out); err != nil {
				t.Fatal(err)
			}
			rec.Release()
			for _, b := range out.batches {
				if b.NumRows() > batchRowsMax {
					t.Fatalf("a batch of %d rows", b.NumRows())
				}
				starts, ends, last := b.Column(2).(*array.Timestamp), b.Column(3).(*array.Timestamp), b.Column(4).(*array.Timestamp)
				for i := range int(b.NumRows()) {
					got = append(got, fmt.Sprintf("%d [%d,%d)", b.Column(0).(*array.Int64).Value(i), starts.Value(i), ends.Value(i)))
					if last.Value(i) != ends.Value(i)-1000 {
						t.Fatalf("window_time %d of a window to %d", last.Value(i), ends.Value(i))
					}
				}
				b.Release()
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d, %s:\n%q\nwant\n%q", seed, physical.FormatWindow(spec), got, want)
		}
		l.Used += int64(len(got)) // as the lane counts what leaves it
		if l.Filtered != left || !l.Closes() {
			t.Fatalf("seed %d: %+v with %d rows shown, %d not", seed, l, len(got), left)
		}
		_ = op.Close()
		alloc.AssertSize(t, 0)
	}
}

// TestNoRowsOfSessions: which session a row is in is not known when it comes.
func TestNoRowsOfSessions(t *testing.T) {
	at := &physical.Column{T: types.DatetimeType(6), Name: "ts"}
	for _, s := range []windows.Spec{{}, {Kind: windows.Session, Gap: time.Second}, {Kind: windows.Count, Rows: 2, Every: 2}} {
		if _, err := New(&physical.WindowRows{In: &physical.Scan{}, Window: s, Time: at}); err == nil {
			t.Errorf("%s was taken", physical.FormatWindow(s))
		}
	}
}
