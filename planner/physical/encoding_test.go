package physical_test

import (
	"bytes"
	"errors"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

var update = flag.Bool("update", false, "write the golden files again")

func literal(t types.Type, v any) *physical.Literal { return &physical.Literal{T: t, Value: v} }

// everything is a plan with every node and every kind of literal.
func everything() *physical.Plan {
	scan := &physical.Scan{
		Kind: physical.SourceStream, Relation: "bids & <more>", Columns: []int{3, 0},
		Fields:      stream.Schema{{Name: "ts", Type: types.DatetimeType(3)}, {Name: "na\xffme", Type: types.VarcharOf(32)}},
		Hidden:      []physical.Hidden{physical.HiddenArrival, physical.HiddenShard, physical.HiddenSeq, physical.HiddenW},
		IdleTimeout: 30 * time.Second, IdleAdvance: time.Minute, FutureTolerance: -1,
	}
	ts := &physical.Column{Index: 0, T: types.DatetimeType(3), Name: "ts"}
	scan.EventTime = ts
	scan.Watermark = &physical.Call{Fn: "date_add", T: types.DatetimeType(6), Args: []physical.Expr{
		ts, literal(types.Type{Kind: types.Interval}, physical.Span{Months: -1, Micros: 5}),
	}}
	least := decimal128.FromI64(math.MinInt64).Mul(decimal128.FromI64(1 << 60))
	values := []physical.Expr{
		ts, &physical.Column{Index: 1, T: types.VarcharOf(32), Name: "na\xffme"},
		&physical.Column{Index: 5, T: types.DatetimeType(6), Name: "$w"},
		literal(types.NullType, nil), literal(types.DoubleType, nil),
		literal(types.BooleanType, true), literal(types.BooleanType, false),
		literal(types.BigintType, int64(math.MinInt64)), literal(types.BigintType, int64(0)),
		literal(types.UbigintType, uint64(math.MaxUint64)), literal(types.IntType(24, true), int64(7)), literal(types.TimeType(3), int64(-types.TimeMax)),
		literal(types.VarbinaryOf(4), "\x00\xff"), literal(types.FloatType, 0.5),
		literal(types.DateType, int64(-1)), literal(types.DatetimeType(6), int64(stream.MinTime)), literal(types.DatetimeType(6), int64(stream.MaxTime)),
		literal(types.DoubleType, math.Inf(1)), literal(types.DoubleType, math.Inf(-1)), literal(types.DoubleType, math.NaN()),
		literal(types.DoubleType, math.Copysign(0, -1)), literal(types.DoubleType, 5e-324), literal(types.DoubleType, 0.1),
		literal(types.DecimalType(38, 4), least), literal(types.DecimalType(5, 2), decimal128.Num{}),
		literal(types.VarcharType, ""), literal(types.VarcharType, "it's \x00 \xc3\x28 \U0001F30A"),
		literal(types.JSONType, `{"a":[1]}`),
	}
	names := make([]string, len(values))
	for i := range names {
		names[i] = strings.Repeat("x", i)
	}
	agg := physical.WindowAgg{
		Window:   windows.Spec{Kind: windows.Hop, Size: time.Hour, Slide: 7 * time.Microsecond, Offset: -time.Second},
		Lateness: time.Minute, Updates: true, Retracts: true, Keys: []int{1}, KeyNames: []string{"k"}, KeyTypes: []types.Type{types.VarcharOf(32)},
		Aggs: []physical.Agg{{Fn: physical.AggCountStar, Out: types.BigintType}, {Fn: physical.AggSum, Args: []int{7}, In: []types.Type{types.BigintType}, Out: types.DecimalType(38, 0)},
			{Fn: physical.AggPercentile, Args: []int{14}, In: []types.Type{types.DoubleType}, Out: types.DoubleType, Quantile: 0.99},
			{Fn: physical.AggSum, Args: []int{7, 7, 1}, In: []types.Type{types.BigintType, types.BigintType, types.BooleanType}, Out: types.DecimalType(38, 0), Distinct: true, Filtered: true, Order: []bool{true}, K: 3, Separator: ", \x00\xff"}},
		AggNames: []string{"n", "sum", "p99", "several"},
	}
	var n physical.Node = &physical.Filter{In: scan, Pred: &physical.Call{Fn: "not", Args: []physical.Expr{literal(types.BooleanType, false)}, T: types.BooleanType}}
	n = &physical.Project{In: n, Exprs: values, Names: names}
	n = &physical.Exchange{In: &physical.WindowPartial{In: n, TimeCol: 0, WCol: 2, WindowAgg: agg}}
	n = &physical.WindowFinal{In: n, WindowAgg: agg}
	n = &physical.Stamp{In: n, Hold: physical.HoldToEnd}
	n = &physical.Expand{In: n, Keys: []int{0, 2}, Sets: []uint64{1<<63 | 2, 0}}
	n = &physical.Union{Ins: []physical.Node{n}}
	n = &physical.Sort{In: n, Keys: []physical.SortKey{{Column: 2, Desc: true}, {Column: 0}}, Limit: -1, Offset: 3}
	n = &physical.Limit{In: n, Count: 10, Offset: 1}
	return &physical.Plan{Version: physical.Version, Root: n, Key: []int{0, 2}, Emit: physical.EmitUpdates, Every: 5 * time.Second, Bounded: true, TimeColumn: 0, EventTime: -1}
}

// TestEncodingStays holds the encoding to what was written before: what is on a
// disk must be read by later versions.
func TestEncodingStays(t *testing.T) {
	got, err := physical.Encode(everything())
	if err != nil {
		t.Fatal(err)
	}
	got = append(bytes.ReplaceAll(got, []byte(`{"op"`), []byte("\n"+`{"op"`)), '\n')
	const golden = "testdata/everything.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the encoding has changed; a change of what it means needs a new Version\n got %s\nwant %s", got, want)
	}
	p, err := physical.Decode(want)
	if err != nil {
		t.Fatal(err)
	}
	if physical.Print(p) != physical.Print(everything()) || physical.ID(p) != physical.ID(everything()) {
		t.Errorf("the plan that was stored is\n%s", physical.Print(p))
	}
}

func TestID(t *testing.T) {
	p := everything()
	id := physical.ID(p)
	if len(id) != 16 || id != physical.ID(everything()) {
		t.Errorf("ids %s and %s of the same plan", id, physical.ID(everything()))
	}
	p.Key = nil
	bag := physical.ID(p)
	p.Key = []int{}
	if one := physical.ID(p); one == bag || one == id || bag == id {
		t.Errorf("three plans have the ids %s, %s, %s", id, bag, one)
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole, err := physical.Encode(everything())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, by, why string }{
		{`"version":1`, `"version":2`, "another version: 2"},
		{`{"version":1`, `{"version":2,"future":[]`, "another version: 2"},
		{`"emit":`, `"future":1,"emit":`, `unknown field "future"`},
		{`"relation":`, `"future":1,"relation":`, `unknown field "future"`},
		{`"op":"exchange"`, `"op":"join"`, "node 4 (join): unknown node"},
		{`"op":"exchange"`, `"op":"scan"`, "what is scanned is missing"},
		{`"op":"exchange"`, `"op":"exchange","limit":3`, "a field of another node"},
		{`"emit":"updates"`, `"emit":"loudly"`, `unknown word "loudly"`},
		{`"kind":"hop"`, `"kind":"carousel"`, `unknown word "carousel"`},
		{`"fn":"sum"`, `"fn":"median"`, `unknown aggregate "median"`},
		{`"hidden":["arrival"`, `"hidden":["moon"`, `unknown word "moon"`},
		{`"index":5`, `"index":6`, "column 6 of 6"},
		{`"time_column":0`, `"time_column":9`, "time column 9 of 9"},
		{`"key":[0,2]`, `"key":[0,9]`, "column 9 of 9"},
		{`"bool":true`, `"int":1`, "a literal of type BOOLEAN cannot be int64"},
		{`"float":"NaN"`, `"float":"not"`, "invalid syntax"},
		{`"key_names":["k"]`, `"key_names":[]`, "lack names or types"},
		{`"slide_ns":7000`, `"slide_ns":0`, "a window of"},
		{`{"literal":{"type":{"kind":"null"}}}`, `{}`, "a term is a column, a literal or a call"},
		{`{"literal":{"type":{"kind":"null"}}}`, ``, "an expression of 0 terms"},
		{`"args":2`, `"args":3`, "and 2 values stand before it"},
		{`{"call":{"fn":"not","args":1,`, `{"literal":{"type":{"kind":"null"}}},{"call":{"fn":"not","args":1,`, "leaves 2 values"},
		{`"args":2`, `"args":1`, "has 1 arguments"},
	} {
		if !bytes.Contains(whole, []byte(c.old)) {
			t.Errorf("the encoding has no %s", c.old)
			continue
		}
		_, err := physical.Decode(bytes.Replace(whole, []byte(c.old), []byte(c.by), 1))
		if err == nil || !strings.Contains(err.Error(), c.why) || strings.Contains(c.why, "version") != errors.Is(err, physical.ErrVersion) {
			t.Errorf("%s gives %v, want %s", c.by, err, c.why)
		}
	}
	for _, text := range []string{"", "{}", "null", `{"version":1,"nodes":[],"emit":"rows","time_column":-1}`, string(whole) + "{}", string(whole[:len(whole)-1])} {
		if p, err := physical.Decode([]byte(text)); err == nil {
			t.Errorf("%.40q is read as %v", text, p)
		}
	}
}

// FuzzDecode checks that what Decode accepts can be printed, has a schema, and is
// the same when it is written and read again.
func FuzzDecode(f *testing.F) {
	whole, err := physical.Encode(everything())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"version":1,"nodes":[{"op":"scan","scan":{"kind":"one"}},{"op":"project","exprs":[[{"literal":{"type":{"kind":"decimal","precision":38,"scale":38},"decimal":"-7"}}]],"names":["a"]}],"emit":"rows","time_column":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := physical.Decode(b)
		if err != nil {
			return
		}
		text := physical.Print(p)
		first, err := physical.Encode(p)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		again, err := physical.Decode(first)
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		second, err := physical.Encode(again)
		if err != nil || !bytes.Equal(first, second) || physical.Print(again) != text {
			t.Fatalf("error %v; the plan changes from\n%s\nto\n%s", err, first, second)
		}
	})
}
