package views

import (
	"errors"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/operators/stream"
)

// sealedBody makes a body of some rows, each a step.
func sealedBody(alloc memory.Allocator, rows []pair, ops []stream.Op) *body {
	batch := timedBatch(alloc, rows, ops)
	b := &body{parts: []part{{rec: batch.RecordBatch}}, ops: ops}
	for i := range rows {
		b.marks = append(b.marks, mark{
			step: stream.Step(i + 1), commit: stream.Commit(2*i + 1), clock: stream.MinTime, w: stream.MaxTime,
			end: i + 1, more: i+1 == len(rows),
		})
	}
	b.bytes = sizerOf(timedSchema(), batch.RecordBatch).bytes(0, len(rows))
	return b
}

// TestBodyRoundTrip encodes and decodes pages.
func TestBodyRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer alloc.AssertSize(t, 0)
		rows, ops := drawChange(rt, nil, false)
		if len(rows) == 0 {
			return
		}
		want := sealedBody(alloc, rows, ops)
		defer want.release()
		got, err := decodeBody(alloc, encodeBody(want, timedSchema()), timedSchema(), timedSchema().Arrow())
		if err != nil {
			rt.Fatal(err)
		}
		defer got.release()
		if diff := cmp.Diff(want.marks, got.marks, cmp.AllowUnexported(mark{})); diff != "" {
			rt.Errorf("marks:\n%s", diff)
		}
		if !slices.Equal(want.ops, got.ops) || want.bytes != got.bytes {
			rt.Errorf("ops %v, want %v; %d bytes, want %d", got.ops, want.ops, got.bytes, want.bytes)
		}
		for c := range timedSchema() {
			w, g := want.parts[0].rec.Column(c), got.parts[0].rec.Column(c)
			for i := range w.Len() {
				if w.ValueStr(i) != g.ValueStr(i) {
					rt.Errorf("column %d, row %d: %s, want %s", c, i, g.ValueStr(i), w.ValueStr(i))
				}
			}
		}
	})
}

// FuzzDecode reads damaged pages, headers and orders of rows: an error, or
// something that can be read to its end.
func FuzzDecode(f *testing.F) {
	b := sealedBody(memory.DefaultAllocator, []pair{{1, 2}, {3, 0}, {5, 6}}, []stream.Op{stream.Insert, stream.Delete, stream.Insert})
	f.Add(encodeBody(b, timedSchema()))
	p := &page{id: 1, rows: 3, bytes: 70, firstSeq: 1, lastSeq: 3, live: []uint64{5}, liveN: 2}
	f.Add(p.header())
	f.Add(encodeSlots([]uint64{4, 9, 2}))
	schema := timedSchema().Arrow()
	f.Fuzz(func(t *testing.T, src []byte) {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer alloc.AssertSize(t, 0)
		if b, err := decodeBody(alloc, src, timedSchema(), schema); err == nil {
			rec := b.parts[0].rec
			for _, c := range rec.Columns() {
				for i := range c.Len() {
					_ = c.ValueStr(i)
				}
			}
			from := 0
			for _, m := range b.marks {
				if m.end <= from || int64(m.end) > rec.NumRows() {
					t.Fatalf("a step of rows %d to %d of %d", from, m.end, rec.NumRows())
				}
				from = m.end
			}
			b.release()
		} else if !errors.Is(err, errCorrupt) {
			t.Fatal(err)
		}
		if p, _, err := readHeader(1, src); err == nil {
			shown := 0
			eachBit(p.live, func(i int) {
				if i >= p.rows {
					t.Fatalf("row %d of %d is shown", i, p.rows)
				}
				shown++
			})
			if shown != p.liveN {
				t.Fatalf("%d rows are shown, it says %d", shown, p.liveN)
			}
		}
		if slots, err := decodeSlots(src, 3); err == nil && len(slots) != 3 {
			t.Fatalf("%d slots", len(slots))
		}
	})
}
