package views

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/sql/types"
)

func wideSchema() stream.Schema {
	return stream.Schema{
		{Name: "ts", Type: types.Type{Kind: types.Datetime, Precision: 6}},
		{Name: "item", Type: types.Type{Kind: types.Varchar}},
		{Name: "n", Type: types.BigintType},
		{Name: "price", Type: types.Type{Kind: types.Double}},
	}
}

// wideBatch makes rows whose item and n tell them apart.
func wideBatch(ids []int64, value int64, ops []stream.Op) stream.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, wideSchema().Arrow())
	defer b.Release()
	for i, id := range ids {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(id * 1000))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("item-%07d", id))
		b.Field(2).(*array.Int64Builder).Append(id)
		n := value
		if ops != nil && ops[i] == stream.Delete {
			n--
		}
		b.Field(3).(*array.Float64Builder).Append(float64(n) * 1.25)
	}
	return stream.Batch{RecordBatch: b.NewRecordBatch(), Ops: ops}
}

func rangeOf(from, n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(from + i)
	}
	return out
}

func heapMB() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

func stepOf(tb testing.TB, v *View, n int, batches ...stream.Batch) {
	tb.Helper()
	c := stream.Cut{Step: stream.Step(n), Clock: stream.Time(n * 10_000)}
	if err := v.Step(tb.Context(), c, stream.Commit(n), batches); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkInserts fills a bag, 1000 rows a step; MB is what 3 M rows take.
func BenchmarkInserts(b *testing.B) {
	const rows = 3_000_000
	for b.Loop() {
		before := heapMB()
		v := NewView(wideSchema(), nil)
		for i := 0; i < rows; i += 1000 {
			batch := wideBatch(rangeOf(i, 1000), 0, nil)
			stepOf(b, v, i/1000+1, batch)
			batch.Release()
		}
		b.ReportMetric(heapMB()-before, "MB")
		v.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

// keyedView returns a view of n keys.
func keyedView(b *testing.B, v *View, n int) {
	for i := 0; i < n; i += 1000 {
		batch := wideBatch(rangeOf(i, 1000), 0, nil)
		stepOf(b, v, i/1000+1, batch)
		batch.Release()
	}
}

// updates makes n updates of random keys, old rows before new ones.
func updates(keys, n int, value int64) stream.Batch {
	ids, ops := make([]int64, 0, 2*n), make([]stream.Op, 0, 2*n)
	for range n {
		id := rand.Int64N(int64(keys))
		ids, ops = append(ids, id, id), append(ops, stream.Delete, stream.Insert)
	}
	return wideBatch(ids, value, ops)
}

// BenchmarkUpdates replaces rows of a view with 1 M keys, 1000 a step.
func BenchmarkUpdates(b *testing.B) {
	const n = 1_000_000
	before := heapMB()
	v := NewView(wideSchema(), []int{1})
	defer v.Close()
	keyedView(b, v, n)
	batches := make([]stream.Batch, 100)
	for i := range batches {
		batches[i] = updates(n, 1000, int64(i+1))
		defer batches[i].Release()
	}
	step := n/1000 + 1
	stepOf(b, v, step, batches[0])
	for b.Loop() {
		step++
		stepOf(b, v, step, batches[step%100])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/update")
	b.ReportMetric(heapMB()-before, "MB")
}

// BenchmarkSnapshot reads the content of a view with 1 M keys, as it was filled
// and after a million updates.
func BenchmarkSnapshot(b *testing.B) {
	const n = 1_000_000
	for _, updated := range []bool{false, true} {
		b.Run(fmt.Sprintf("updated=%v", updated), func(b *testing.B) {
			v := NewView(wideSchema(), []int{1})
			defer v.Close()
			keyedView(b, v, n)
			if updated {
				for i := range 1000 {
					batch := updates(n, 1000, int64(i+1))
					stepOf(b, v, n/1000+1+i, batch)
					batch.Release()
				}
			}
			for b.Loop() {
				f, err := v.Feed([]int{0, 1, 2, 3}, true, memory.DefaultAllocator)
				if err != nil {
					b.Fatal(err)
				}
				data, err := f.Next(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				data.Release()
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
