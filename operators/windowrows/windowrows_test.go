package windowrows

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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

// Emit marks the rows as what an aggregation makes of them, if they are to be judged.
func (c *collect) Emit(_ context.Context, b stream.Batch) error {
	b.Mark(0, int(b.NumRows()), stream.Used)
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
		if l.Filtered != left || l.Late+l.PartlyLate != 0 || !l.Closes() {
			t.Fatalf("seed %d: %+v with %d rows shown, %d not", seed, l, len(got), left)
		}
		_ = op.Close()
		alloc.AssertSize(t, 0)
	}
}

// verdicts is what a query says of the rows that it is shown, by their ids.
type verdicts struct {
	say func(id, start int64) stream.Verdict
}

func (v *verdicts) Emit(_ context.Context, b stream.Batch) error {
	defer b.Release()
	ids, starts := b.Column(0).(*array.Int64), b.Column(2).(*array.Timestamp)
	for i := range int(b.NumRows()) {
		b.Mark(i, i+1, v.say(ids.Value(i), int64(starts.Value(i))))
	}
	return nil
}

// oneShot returns an operator over windows of 30 µs that begin every microsecond, and
// n rows whose text is as long as given.
func oneShot(t *testing.T, n, text int) (operators.Operator, stream.Batch, *stream.Ledger, *memory.CheckedAllocator) {
	t.Helper()
	us := time.Microsecond
	schema := stream.Schema{{Name: "id", Type: types.BigintType}, {Name: "ts", Type: types.DatetimeType(6)}}
	if text > 0 {
		schema = append(schema, stream.Field{Name: "s", Type: types.VarcharType})
	}
	alloc, l := memory.NewCheckedAllocator(memory.NewGoAllocator()), &stream.Ledger{In: int64(n)}
	op, err := New(&physical.WindowRows{
		In: &physical.Scan{Fields: schema}, Window: windows.Spec{Kind: windows.Hop, Size: 30 * us, Slide: us},
		Time: &physical.Column{Index: 1, T: types.DatetimeType(6), Name: "ts"},
	})
	if err == nil {
		err = op.Open(t.Context(), &operators.Runtime{Alloc: alloc, Ledger: l})
	}
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(alloc, schema.Arrow())
	defer b.Release()
	for id := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(id))
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(id))
		if text > 0 {
			b.Field(2).(*array.StringBuilder).Append(strings.Repeat("x", text))
		}
	}
	return op, stream.Batch{RecordBatch: b.NewRecordBatch()}, l, alloc
}

// TestCountedOnce: a row counts once, by all that is shown of it.
func TestCountedOnce(t *testing.T) {
	op, b, l, alloc := oneShot(t, 500, 0)
	out := &verdicts{say: func(id, start int64) stream.Verdict {
		last := start == id // the window that ends last
		switch id % 5 {
		case 0: // late for some
			if last {
				return stream.Used
			}
			return stream.Late
		case 1:
			return stream.Late
		case 2: // filtered but for one that is late
			if last {
				return stream.Late
			}
		case 3: // filtered but for one
			if last {
				return stream.Used
			}
		}
		return 0
	}}
	if err := op.ProcessBatch(t.Context(), 0, b, out); err != nil {
		t.Fatal(err)
	}
	b.Release()
	if want := (stream.Ledger{In: 500, Used: 200, PartlyLate: 100, Late: 200, Filtered: 100}); *l != want {
		t.Errorf("%+v, want %+v", *l, want)
	}
	alloc.AssertSize(t, 0)
}

// TestLongRows: what is shown at once has a limit in bytes, also where one row passes
// it alone.
func TestLongRows(t *testing.T) {
	op, b, _, alloc := oneShot(t, 3, 5<<20)
	shown := int64(0)
	out := emitFunc(func(b stream.Batch) error {
		if shown += b.NumRows(); b.NumRows() > batchBytesMax/(5<<20) {
			t.Errorf("%d rows of 5 MiB at once", b.NumRows())
		}
		return nil
	})
	if err := op.ProcessBatch(t.Context(), 0, b, out); err != nil || shown != 90 {
		t.Errorf("%d rows were shown: %v", shown, err)
	}
	b.Release()
	alloc.AssertSize(t, 0)
}

type emitFunc func(stream.Batch) error

func (f emitFunc) Emit(_ context.Context, b stream.Batch) error {
	defer b.Release()
	return f(b)
}

// TestCancel: a batch that shows very many rows ends with its query.
func TestCancel(t *testing.T) {
	op, b, _, alloc := oneShot(t, 20_000, 0)
	ctx, cancel := context.WithCancel(t.Context())
	batches := 0
	err := op.ProcessBatch(ctx, 0, b, emitFunc(func(stream.Batch) error {
		if batches++; batches == 3 {
			cancel()
		}
		return nil
	}))
	if batches != 3 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end there were %d batches: %v", batches-3, err)
	}
	b.Release()
	alloc.AssertSize(t, 0)
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
