package api

import (
	"net/http/httptest"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/sql/types"
)

// TestArrowTypes: a reader is told of bytes and spans, and gets them, whatever
// they lie in here; slices keep their place.
func TestArrowTypes(t *testing.T) {
	schema := stream.Schema{
		{Name: "b", Type: types.VarbinaryType}, {Name: "t", Type: types.TimeType(3)}, {Name: "u", Type: types.UbigintType}, {Name: "i", Type: types.IntType(8, true)},
	}
	rb := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer rb.Release()
	for i, text := range []string{"cut off", "\xff\x00", "b"} {
		rb.Field(0).(*array.StringBuilder).Append(text)
		rb.Field(1).(*array.Int64Builder).Append(int64(-i))
		rb.Field(2).(*array.Uint64Builder).Append(1<<63 + uint64(i))
		rb.Field(3).(*array.Int64Builder).Append(int64(i))
	}
	whole := rb.NewRecordBatch()
	defer whole.Release()
	rec := whole.NewSlice(1, 3)
	defer rec.Release()

	w := httptest.NewRecorder()
	o := newOut(w)
	enc := newArrowEncoder(o, schema, false)
	if err := enc.rows(stream.Batch{RecordBatch: rec}); err != nil {
		t.Fatal(err)
	}
	if err := enc.end(nil); err != nil {
		t.Fatal(err)
	}
	if err := o.flush(); err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewReader(w.Body)
	if err != nil || !r.Next() {
		t.Fatal(err, r.Err())
	}
	got := r.RecordBatch()
	if v := got.Column(0).(*array.Binary).Value(0); string(v) != "\xff\x00" {
		t.Errorf("bytes %q", v)
	}
	if v := got.Column(1).(*array.Duration).Value(1); v != -2 || !arrow.TypeEqual(got.Column(1).DataType(), arrow.FixedWidthTypes.Duration_us) {
		t.Errorf("a TIME of %v %s", v, got.Column(1).DataType())
	}
	if v := got.Column(2).(*array.Uint64).Value(1); v != 1<<63+2 {
		t.Errorf("unsigned %d", v)
	}
	if v := got.Column(3).(*array.Int64).Value(0); v != 1 {
		t.Errorf("integer %d", v)
	}
}
