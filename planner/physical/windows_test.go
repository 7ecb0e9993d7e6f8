package physical_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// TestEncodesWindows: every family survives the encoding, and one that nobody can
// run is refused where it is read.
func TestEncodesWindows(t *testing.T) {
	day := 24 * time.Hour
	at := types.DatetimeType(6)
	scan := &physical.Scan{Relation: "s", Columns: []int{0}, Fields: stream.Schema{{Name: "ts", Type: at}}, Hidden: []physical.Hidden{physical.HiddenW}}
	plan := func(spec windows.Spec) *physical.Plan {
		agg := physical.WindowAgg{Window: spec}
		partial := &physical.WindowPartial{In: scan, TimeCol: 0, WCol: 1, WindowAgg: agg}
		return &physical.Plan{Version: physical.Version, Root: &physical.WindowFinal{In: &physical.Exchange{In: partial}, WindowAgg: agg}, TimeColumn: 0, EventTime: 0}
	}
	rows := &physical.Plan{Version: physical.Version, TimeColumn: -1, EventTime: -1, Root: &physical.WindowRows{
		In: scan, Window: windows.Spec{Kind: windows.Hop, Size: time.Hour, Slide: time.Minute}, Time: &physical.Column{T: at, Name: "ts"},
	}}
	time0 := &physical.Column{T: at, Name: "ts"}
	lost := func(root physical.Node) *physical.Plan {
		return &physical.Plan{Version: physical.Version, TimeColumn: -1, EventTime: -1, Root: root}
	}
	isNull := &physical.Call{Fn: "is_null", Args: []physical.Expr{time0}, T: types.BooleanType}
	agg := physical.WindowAgg{
		Window: windows.Spec{Kind: windows.Tumble, Size: time.Hour, Slide: time.Hour},
		Aggs:   []physical.Agg{{Fn: physical.AggCountStar, Out: types.BigintType}}, AggNames: []string{"n"},
	}
	fill := func(mode physical.FillMode, values ...physical.Expr) *physical.Plan {
		partial := &physical.WindowPartial{In: scan, TimeCol: 0, WCol: 1, WindowAgg: agg}
		final := &physical.WindowFinal{In: &physical.Exchange{In: partial}, WindowAgg: agg}
		return &physical.Plan{Version: physical.Version, TimeColumn: 0, EventTime: 0, Root: &physical.Fill{In: final, Window: agg.Window, Mode: mode, Values: values}}
	}
	sessionRows := func(spec windows.Spec) *physical.Plan {
		p := plan(spec)
		final := p.Root.(*physical.WindowFinal)
		final.Aggs = []physical.Agg{{Fn: physical.AggRows, Args: []int{0, 0}, In: []types.Type{at, at}, Out: types.VarbinaryType, Order: []bool{false}}}
		final.AggNames = []string{"rows"}
		final.In.(*physical.Exchange).In.(*physical.WindowPartial).WindowAgg = final.WindowAgg
		return p
	}
	for _, p := range []*physical.Plan{
		lost(&physical.Late{
			In: scan, Window: windows.Spec{Kind: windows.Session, Gap: time.Minute}, Lateness: time.Second, Time: time0,
			W: &physical.Column{Index: 1, T: at, Name: "$w"},
		}),
		lost(&physical.Late{
			In: scan, Window: windows.Spec{Kind: windows.Tumble, Size: time.Minute, Slide: time.Minute}, Time: &physical.Column{Index: 3, T: types.DatetimeType(3), Name: "window_end"},
			W: &physical.Column{Index: 1, T: at, Name: "$w"},
			Shown: &physical.Shown{
				Window: windows.Spec{Kind: windows.Cumulate, Size: time.Hour, Slide: time.Minute}, Time: time0, Where: []physical.Expr{isNull, isNull},
			},
		}),
		lost(&physical.Failed{
			In: scan, Event: time0, Arrival: time0, Tolerance: time.Minute,
			Steps: []physical.FailedStep{{Filters: true, Exprs: []physical.Expr{isNull}}, {Exprs: []physical.Expr{isNull, time0}}},
		}),
		lost(&physical.Failed{In: scan}),
		lost(&physical.Failed{
			In:  &physical.Scan{Relation: "s", Hidden: []physical.Hidden{physical.HiddenSub, physical.HiddenWhy}},
			Why: &physical.Column{Index: 1, T: types.VarcharType, Name: "$why"},
		}),
		plan(windows.Spec{Kind: windows.Count, Rows: 100, Every: 20}),
		plan(windows.Spec{Kind: windows.Session, Gap: time.Minute, Size: time.Hour}),
		sessionRows(windows.Spec{Kind: windows.Session, Gap: time.Minute}),
		fill(physical.FillNull), fill(physical.FillPrev), fill(physical.FillLinear),
		fill(physical.FillValue, &physical.Literal{T: types.BigintType, Value: int64(0)}),
		plan(windows.Spec{Kind: windows.Cumulate, Size: day, Slide: time.Hour, Offset: -time.Hour}),
		plan(windows.Spec{Kind: windows.Tumble, Size: 7 * day, Slide: 7 * day, Offset: 4 * day, Zone: "Europe/Berlin"}),
		plan(windows.Spec{Kind: windows.Hop, SizeMonths: 12, SlideMonths: 1, OffsetMonths: 3, Offset: day}),
		plan(windows.Spec{Kind: windows.Session, Gap: time.Minute}),
		rows,
	} {
		text, err := physical.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := physical.Decode(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
	}
	for _, p := range []*physical.Plan{
		fill(physical.FillValue), fill(physical.FillPrev, &physical.Literal{T: types.BigintType, Value: int64(0)}),
		fill(physical.FillValue, &physical.Literal{T: types.VarcharType, Value: "x"}),
		sessionRows(windows.Spec{Kind: windows.Tumble, Size: day, Slide: day}),
	} {
		text, err := physical.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := physical.Decode(text); err == nil {
			t.Errorf("this can be read:\n%s", physical.Print(p))
		}
	}
	for _, spec := range []windows.Spec{
		{Kind: windows.Session},
		{Kind: windows.Count, Rows: 3, Every: 4},
		{Kind: windows.Count, Rows: 3},
		{Kind: windows.Cumulate, Size: 10 * time.Second, Slide: 3 * time.Second},
		{Kind: windows.Tumble, Size: day, Slide: day, Zone: "Europe/Atlantis"},
	} {
		text, err := physical.Encode(plan(spec))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := physical.Decode(text); err == nil {
			t.Errorf("%+v can be read", spec)
		}
	}
}
