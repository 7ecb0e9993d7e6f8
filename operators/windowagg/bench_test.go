package windowagg

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// benchBatches makes batches of (ts, w, key, v): per second of event time a
// number of rows, in order.
func benchBatches(rows, perSecond int, key types.Type, groups int) []stream.Batch {
	schema := stream.Schema{
		{Name: "ts", Type: types.DatetimeType(6)}, {Name: "w", Type: types.DatetimeType(6)},
		{Name: "k", Type: key}, {Name: "v", Type: types.BigintType},
	}
	r := rand.New(rand.NewPCG(1, 2))
	var out []stream.Batch
	for lo := 0; lo < rows; lo += batchRowsMax {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
		for i := lo; i < min(rows, lo+batchRowsMax); i++ {
			ts := arrow.Timestamp(int64(i) * 1e6 / int64(perSecond))
			b.Field(0).(*array.TimestampBuilder).Append(ts)
			b.Field(1).(*array.TimestampBuilder).Append(ts - 5e6)
			switch kb := b.Field(2).(type) {
			case *array.Int64Builder:
				kb.Append(r.Int64N(int64(groups)) * 7919)
			case *array.StringBuilder:
				kb.Append(fmt.Sprintf("item-%05d", r.IntN(groups)))
			}
			b.Field(3).(*array.Int64Builder).Append(r.Int64N(1000))
		}
		out = append(out, stream.Batch{RecordBatch: b.NewRecordBatch()})
		b.Release()
	}
	return out
}

// benchAgg is COUNT(*), and SUM(v) or MAX(v).
func benchAgg(spec windows.Spec, key types.Type, fn physical.AggFn) physical.WindowAgg {
	out := types.DecimalType(38, 0)
	if fn == physical.AggMax {
		out = types.BigintType
	}
	return physical.WindowAgg{
		Window: spec, Keys: []int{2}, KeyNames: []string{"k"}, KeyTypes: []types.Type{key},
		Aggs: []physical.Agg{
			{Fn: physical.AggCountStar, Out: types.BigintType},
			{Fn: fn, Args: []int{3}, In: []types.Type{types.BigintType}, Out: out},
		},
		AggNames: []string{"n", "s"},
	}
}

func openBench(b *testing.B, op operators.Operator, err error) operators.Operator {
	if err == nil {
		err = op.Open(context.Background(), &operators.Runtime{Alloc: memory.DefaultAllocator, Ledger: new(stream.Ledger)})
	}
	if err != nil {
		b.Fatal(err)
	}
	return op
}

// BenchmarkPartial is the cost of a row in a lane, COUNT(*) and SUM per key.
func BenchmarkPartial(b *testing.B) {
	minute := windows.Spec{Kind: windows.Tumble, Size: time.Minute, Slide: time.Minute}
	for _, c := range []struct {
		name   string
		key    types.Type
		groups int
	}{
		{"bigint/1k", types.BigintType, 1000},
		{"bigint/100k", types.BigintType, 100_000},
		{"varchar/300", types.VarcharType, 300},
	} {
		b.Run(c.name, func(b *testing.B) {
			const rows = 256 * batchRowsMax
			batches := benchBatches(rows, 100_000, c.key, c.groups)
			op, err := NewPartial(&physical.WindowPartial{TimeCol: 0, WCol: 1, WindowAgg: benchAgg(minute, c.key, physical.AggSum)})
			p := openBench(b, op, err)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if err := p.ProcessBatch(context.Background(), 0, batches[i%len(batches)], nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchRowsMax, "ns/row")
		})
	}
}

// drop is a collector that counts rows.
type drop struct{ rows int64 }

func (d *drop) Emit(_ context.Context, b stream.Batch) error {
	d.rows += b.NumRows()
	b.Release()
	return nil
}

// BenchmarkHop is both halves over a minute of 20,000 rows/s in 10,000 groups;
// windows are as long as the overlap says, sliding by a second.
func BenchmarkHop(b *testing.B) {
	const rows, perSecond, groups = 60 * 20_000, 20_000, 10_000
	for _, fn := range []physical.AggFn{physical.AggSum, physical.AggMax} {
		for _, overlap := range []int{1, 6, 60, 600} {
			b.Run(fmt.Sprintf("%s/overlap=%d", fn, overlap), func(b *testing.B) {
				slide := time.Second
				if overlap == 600 {
					slide = 100 * time.Millisecond
				}
				spec := windows.Spec{Kind: windows.Hop, Size: time.Duration(overlap) * slide, Slide: slide}
				batches := benchBatches(rows, perSecond, types.BigintType, groups)
				wa := benchAgg(spec, types.BigintType, fn)
				var out drop
				b.ResetTimer()
				for range b.N {
					runBoth(b, batches, wa, &out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
				b.ReportMetric(float64(out.rows)/float64(b.N)/rows, "out/row")
			})
		}
	}
}

// runBoth runs both halves over the batches, with a cut behind each.
func runBoth(b *testing.B, batches []stream.Batch, wa physical.WindowAgg, out operators.Collector) {
	part := &physical.WindowPartial{TimeCol: 0, WCol: 1, WindowAgg: wa}
	op, err := NewPartial(part)
	p := openBench(b, op, err)
	op, err = NewFinal(&physical.WindowFinal{In: part, WindowAgg: wa})
	f := openBench(b, op, err)
	ctx := context.Background()
	for _, batch := range batches {
		if err := p.ProcessBatch(ctx, 0, batch, nil); err != nil {
			b.Fatal(err)
		}
		w := int64s(batch.Column(1))
		cut := stream.Cut{W: stream.Time(w[len(w)-1])}
		var states collect
		if _, err := p.ProcessCut(ctx, cut, &states); err != nil {
			b.Fatal(err)
		}
		for _, s := range states.batches {
			if err := f.ProcessBatch(ctx, 0, s, nil); err != nil {
				b.Fatal(err)
			}
			s.Release()
		}
		if _, err := f.ProcessCut(ctx, cut, out); err != nil {
			b.Fatal(err)
		}
	}
	_, _ = p.Close(), f.Close()
}

// disordered makes the event times of batches up to two seconds earlier at random.
func disordered(batches []stream.Batch) []stream.Batch {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]stream.Batch, len(batches))
	for i, batch := range batches {
		b := array.NewTimestampBuilder(memory.DefaultAllocator, batch.Column(0).DataType().(*arrow.TimestampType))
		for _, t := range int64s(batch.Column(0)) {
			b.Append(arrow.Timestamp(t - r.Int64N(2e6)))
		}
		cols := append([]arrow.Array{b.NewArray()}, batch.Columns()[1:]...)
		out[i] = stream.Batch{RecordBatch: array.NewRecordBatch(batch.Schema(), cols, batch.NumRows())}
	}
	return out
}

// BenchmarkSession is both halves over 20 s of 20,000 rows/s in 10,000 groups, a cut
// each 4,096 rows: sessions with rows in order and not, with a greatest length, and as
// they change; and windows side by side, to compare with.
func BenchmarkSession(b *testing.B) {
	const rows, perSecond, groups = 20 * 20_000, 20_000, 10_000
	inOrder := benchBatches(rows, perSecond, types.BigintType, groups)
	mixed := disordered(inOrder)
	session := windows.Spec{Kind: windows.Session, Gap: time.Second}
	limited := windows.Spec{Kind: windows.Session, Gap: time.Second, Size: 5 * time.Second}
	for _, c := range []struct {
		name    string
		spec    windows.Spec
		updates bool
	}{
		{"tumble", windows.Spec{Kind: windows.Tumble, Size: 2 * time.Second, Slide: 2 * time.Second}, false},
		{"tumble/changes", windows.Spec{Kind: windows.Tumble, Size: 2 * time.Second, Slide: 2 * time.Second}, true},
		{"session", session, false},
		{"session/changes", session, true},
		{"session-max", limited, false},
		{"session-max/changes", limited, true},
	} {
		for _, rowsOf := range []struct {
			name    string
			batches []stream.Batch
		}{{"in-order", inOrder}, {"disordered", mixed}} {
			b.Run(c.name+"/"+rowsOf.name, func(b *testing.B) {
				wa := benchAgg(c.spec, types.BigintType, physical.AggSum)
				wa.Updates = c.updates
				var out drop
				b.ReportAllocs()
				for b.Loop() {
					runBoth(b, rowsOf.batches, wa, &out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
				b.ReportMetric(float64(out.rows)/float64(b.N)/rows, "out/row")
			})
		}
	}
}
