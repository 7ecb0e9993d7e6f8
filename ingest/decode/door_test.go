package decode

import (
	"fmt"
	"strings"
	"testing"

	"weir/sql/types"
)

// door is how a stream's producers are met: a generated column, JSON, an event time.
func door() Config {
	return Config{
		Columns: []Column{{"k", types.VarcharType}, {"doc", types.JSONType}, {"g", types.BigintType}, {"ts", types.DatetimeType(3)}, {"price", types.DoubleType}},
		Want:    []int{0, 3}, CheckAll: true, Spans: true, Unknown: true, Generated: []int{2}, Event: true, EventColumn: 3,
	}
}

// summary is what a result says, without the rows.
func summary(res Result) string {
	defer res.Batch.Release()
	var b strings.Builder
	fmt.Fprintf(&b, "%d good", res.Batch.NumRows())
	for _, e := range res.Errors {
		fmt.Fprintf(&b, "; %d %s %s", e.Row, e.Code, e.Column)
	}
	if len(res.Unknown) > 0 {
		fmt.Fprintf(&b, "; %v", res.Unknown)
	}
	return b.String()
}

const latest = 2_000_000_000_000_000 // in 2033

// TestDoor: what is judged at the door, row by row, and after rows of the same
// shape, which are read another way.
func TestDoor(t *testing.T) {
	for _, c := range []struct{ row, code string }{
		{`{"k":"a","ts":1700000000000}`, ""},
		{`{"k":"a","ts":null}`, "NULL_TS ts"},
		{`{"k":"a"}`, "NULL_TS ts"},
		{`{"k":"a","ts":2000000000000}`, ""},
		{`{"k":"a","ts":2000000000001}`, "FUTURE_TS ts"},
		{`{"k":"a","ts":"9999-01-01 00:00:00"}`, "FUTURE_TS ts"},
		{`{"ts":1,"g":null}`, ""},
		{`{"ts":1,"g":7}`, "GENERATED_COLUMN g"},
		{`{"ts":1,"G":"x"}`, "GENERATED_COLUMN g"},
		{`{"ts":1,"doc":{"a":[1, {"b":null}]}}`, ""},
		{`{"ts":1,"doc":"text"}`, ""},
		{`{"ts":1,"doc":{"a":}}`, "BAD_JSON "},
	} {
		for _, warm := range []int{0, 3} {
			d, err := NewJSON(door())
			if err != nil {
				t.Fatal(err)
			}
			d.SetLatest(latest)
			// The shape of the row, with values that fit.
			fits := strings.NewReplacer("null}", "1}", "2000000000001", "1", `"9999-01-01 00:00:00"`, `"2020-01-01 00:00:00"`, ":7", ":null", `"x"`, "null", `"a":}`, `"a":1}`)
			good := fits.Replace(c.row)
			if good == `{"k":"a"}` || strings.Contains(c.row, `"g":null`) {
				good = c.row
			}
			res, err := d.Lines([]byte(strings.Repeat(good+"\n", warm) + c.row))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if n := len(res.Errors); n > 0 {
				got = res.Errors[n-1].Code + " " + res.Errors[n-1].Column
			}
			if got != c.code {
				t.Errorf("%s behind %d: %q, want %q (%v)", c.row, warm, got, c.code, res.Errors)
			}
			res.Batch.Release()
		}
	}
	table := "k,ts,prise,g,doc\na,1,5,,{}\na,,5,,\na,\"9999-01-01\",5,,\na,1,5,7,\na,1,5,,nope\na,1,5,,\" [ 1 ] \"\n"
	names, next, err := CSVHeader([]byte(table), ',', 1000)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewCSV(door(), ',', names)
	if err != nil {
		t.Fatal(err)
	}
	d.SetLatest(latest)
	res, err := d.Records([]byte(table[next:]))
	if err != nil {
		t.Fatal(err)
	}
	want := "2 good; 2 NULL_TS ts; 3 BAD_TIME ts; 4 GENERATED_COLUMN g; 5 BAD_JSON doc; map[prise:2]"
	if got := summary(res); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestUnknownMembers counts by row, whatever way rows are read.
func TestUnknownMembers(t *testing.T) {
	d, err := NewJSON(door())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := range 1000 {
		switch i % 4 {
		case 0:
			b.WriteString(`{"k":"a","ts":1,"prise":12}` + "\n")
		case 1:
			b.WriteString(`{"k":"a","ts":1}` + "\n")
		case 2:
			b.WriteString(`{"ts":1,"pr\u0069se":1,"also":{"x":[]}}` + "\n")
		default:
			b.WriteString(`{"prise":1}` + "\n") // no row
		}
	}
	for range 2 {
		res, err := d.Lines([]byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		if res.ErrorCount != 250 || fmt.Sprint(res.Unknown) != "map[also:250 prise:500]" {
			t.Errorf("%d errors, %v", res.ErrorCount, res.Unknown)
		}
		res.Batch.Release()
	}
	b.Reset()
	for i := range 100 {
		fmt.Fprintf(&b, `{"ts":1,"x%d":1}`+"\n", i)
	}
	res, err := d.Lines([]byte(b.String()))
	if err != nil || len(res.Unknown) != UnknownMax || res.Batch.NumRows() != 100 {
		t.Errorf("%d names, %v", len(res.Unknown), err)
	}
	res.Batch.Release()
}

// TestJSONColumn keeps the text of values without blanks between their parts.
func TestJSONColumn(t *testing.T) {
	d, err := NewJSON(Config{Columns: []Column{{"doc", types.JSONType}}, Want: []int{0}})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{
		`{"a":1}`: `{"a":1}`, `{ "a" : [ 1 , 2 ] }`: `{"a":[1,2]}`, `"x \" y"`: `"x \" y"`, `12.50`: `12.50`, `true`: `true`, `[]`: `[]`,
		`"\u00e9"`: `"\u00e9"`, `null`: "(null)",
	}
	for in, want := range rows {
		for range 3 {
			res, err := d.Lines([]byte(`{"doc":` + in + `}`))
			if err != nil || res.ErrorCount > 0 {
				t.Fatal(err, res.Errors)
			}
			if got := res.Batch.Column(0).ValueStr(0); got != want {
				t.Errorf("%s is kept as %s", in, got)
			}
			res.Batch.Release()
		}
	}
}
