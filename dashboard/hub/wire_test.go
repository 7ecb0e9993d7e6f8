package hub

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/sql/types"
)

func TestColumns(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := stream.Schema{
		{Name: "big", Type: types.BigintType}, {Name: "d", Type: types.DoubleType},
		{Name: "dec", Type: types.DecimalType(10, 2)}, {Name: "s", Type: types.VarcharType},
		{Name: "b", Type: types.BooleanType}, {Name: "ts", Type: types.DatetimeType(6)}, {Name: "day", Type: types.DateType},
	}
	b := array.NewRecordBuilder(mem, schema.Arrow())
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues([]int64{1 << 53, 1<<53 + 1}, nil)
	b.Field(1).(*array.Float64Builder).AppendValues([]float64{0.1, math.Inf(1)}, nil)
	b.Field(2).(*array.Decimal128Builder).AppendValues([]decimal128.Num{decimal128.FromI64(1250), decimal128.FromI64(-5)}, nil)
	b.Field(3).(*array.StringBuilder).AppendValues([]string{"a\"\n", "é</script>"}, nil)
	b.Field(4).(*array.BooleanBuilder).AppendValues([]bool{true, false}, nil)
	b.Field(5).(*array.TimestampBuilder).AppendValues([]arrow.Timestamp{1_500_007, -1}, nil)
	b.Field(6).(*array.Date32Builder).AppendValues([]arrow.Date32{1, -1}, nil)
	for i := range schema {
		b.Field(i).AppendNull()
	}
	batch := stream.Batch{RecordBatch: b.NewRecordBatch()}
	defer batch.Release()
	rows := renderRows(schema, []stream.Batch{batch, batch})
	var lines []line
	for _, i := range []int{0, 4, 2} {
		lines = append(lines, line{rows[i].ref, 'i'})
	}
	got := "{" + string(appendColumns(nil, len(schema), lines)) + "}"
	want := `{"cols":[[9007199254740992,"9007199254740993",null],[0.1,null,null],["12.50","-0.05",null],` +
		`["a\"\n","é</script>",null],[true,false,null],[1500.007,-0.001,null],[86400000,-86400000,null]]}`
	if got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
	if !json.Valid([]byte(got)) {
		t.Error("no JSON")
	}
}

func TestWatermarks(t *testing.T) {
	for w, want := range map[stream.Time]string{
		stream.MinTime: "null", stream.MaxTime: "8640000000000000", 0: "0", 1_000_001: "1000.001", -2_500: "-2.500",
	} {
		if got := string(appendWatermark(nil, w)); got != want {
			t.Errorf("%d: %s, want %s", w, got, want)
		}
	}
	if got := string(appendMillis(nil, math.MinInt64)); got != "-9223372036854775.808" {
		t.Error(got)
	}
}

// TestMergedUpdates: a row that leaves as its successor enters is one row on the wire.
func TestMergedUpdates(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	rows := []row{{1000, "a", 1}, {1000, "a", 2}, {1000, "b", 1}, {2000, "b", 2}, {3000, "c", 9}, {4000, "d", 1}, {4000, "d", 1}}
	ops := []stream.Op{stream.Delete, stream.Insert, stream.Delete, stream.Insert, stream.Insert, stream.Delete, stream.Insert}
	b := batchOf(mem, rows, ops)
	defer b.Release()
	f := newFold(style{key: []int{0, 1}, cols: 3})
	f.add(renderRows(fakeSchema, []stream.Batch{b}))
	l := defaultLimits()
	fr := framer{ch: 7, cols: 3, limits: &l, count: new(counters)}
	got := ""
	for _, m := range append(fr.snap(nil, point{w: 3_000}), fr.delta(f.lines(), 0, point{"t", 3_000})...) {
		got += string(m.data) + "\n"
	}
	want := `{"t":"snap","ch":7,"n":0,"cols":[[],[],[]],"more":false,"wm":3}
{"t":"delta","ch":7,"n":4,"cols":[[1,1,2,3],["a","b","b","c"],[2,1,2,9]],"op":"udii","dropped":0,"tok":"t","wm":3}
`
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"t":"sub","id":"a","sql":"SELECT 1","start":"-15m"}`))
	f.Add([]byte(`{"t":"ping"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		req, err := parseRequest(data)
		if err == nil && req.T != "ping" && req.T != "hello" && (req.ID == "" || len(req.ID) > idBytesMax) {
			t.Errorf("took %+v", req)
		}
	})
}
