package decode

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared returns the path of a file of the shared data, or skips the test.
func shared(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("WEIR_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared data: %v", err)
	}
	return path
}

func columnsText(columns []Column) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", c.Name, c.Type)
	}
	return b.String()
}

func TestInferJSON(t *testing.T) {
	for _, c := range []struct{ in, columns, notes string }{
		{`{"a":1,"b":1.5,"c":"x","d":true,"e":null}`, "a BIGINT, b DOUBLE, c VARCHAR, d BOOLEAN, e VARCHAR", "column `e` is always NULL: taken for VARCHAR"},
		{`{"a":1}` + "\n" + `{"a":2.0,"b":"2026-01-01"}` + "\n\n" + `{"b":"2026-01-02","c":"2026-01-02T00:00:00Z"}`, "a DOUBLE, b DATE, c DATETIME(3)", ""},
		{`[{"a":1},{"a":"x"}, {"b":{"x":1}}, {"c":"5"}, {"c":"6"}`, "a VARCHAR, b JSON, c VARCHAR",
			"column `a` has values of several types: taken for VARCHAR; column `c` has numbers in quotes: taken for VARCHAR; declared as BIGINT or DOUBLE it reads them"},
		{`{"a":9223372036854775808}`, "a DOUBLE", "column `a` has integers beyond BIGINT: taken for DOUBLE, which rounds them"},
		{`{"a":"2026-01-01"}` + "\n" + `{"a":"2026-01-01 00:00:00"}`, "a VARCHAR", "column `a` has values of several types: taken for VARCHAR"},
		{"{\"a\":1}\n{broken\n5\n{\"a\":2}\n{\"a\":\"cut o", "a BIGINT", "2 of the first 4 rows could not be read"},
		{"{ \"\\u0061\" : 1 , \"a b`\" : null }", "a BIGINT, a b` VARCHAR", "column `a b``` is always NULL: taken for VARCHAR"},
		{`{}`, "", ""},
		{"{\n\"a\":1}", "", ""},
		{"[{\"a\":1},5,{\"a\":2}, x", "a BIGINT", "1 of the first 3 rows could not be read"},
	} {
		res, err := InferJSON([]byte(c.in))
		if c.columns == "" {
			if err == nil {
				t.Errorf("%q: %v", c.in, res)
			}
			continue
		}
		if got, notes := columnsText(res.Columns), strings.Join(res.Notes, "; "); err != nil || got != c.columns || notes != c.notes {
			t.Errorf("%q: %v\n got %s\n     %s\nwant %s\n     %s", c.in, err, got, notes, c.columns, c.notes)
		}
	}
}

func TestInferCSV(t *testing.T) {
	for _, c := range []struct{ in, columns string }{
		{"a,b,c,d,e,f,g,h\n1,1.5,x,TRUE,,007,2026-01-01,2026-01-01 00:00:00\n\n2,3,\"1\n2\",false,,1,2026-01-02,2026-01-01T00:00:00Z\n",
			"a BIGINT, b DOUBLE, c VARCHAR, d BOOLEAN, e VARCHAR, f VARCHAR, g DATE, h DATETIME(3)"},
		{"a,b\n1,2\n3,4\n5,x", "a BIGINT, b BIGINT"},
		{"a,b\n\"1\",0.5\n\"2\",-1e3\n", "a BIGINT, b DOUBLE"},
		{"a,b\n", "a VARCHAR, b VARCHAR"},
	} {
		res, err := InferCSV(CSVSample{Data: []byte(c.in), Comma: ','})
		if got := columnsText(res.Columns); err != nil || got != c.columns {
			t.Errorf("%q: %v\n got %s\nwant %s", c.in, err, got, c.columns)
		}
	}
}

func TestInferSharedData(t *testing.T) {
	for name, want := range map[string]string{
		"us_flights_20k.jsonl":        "date DATETIME(3), delay BIGINT, distance BIGINT, origin VARCHAR, destination VARCHAR",
		"usgs_earthquakes_1707.jsonl": "time_ms BIGINT, id VARCHAR, mag DOUBLE, mag_type VARCHAR, place VARCHAR, type VARCHAR, lon DOUBLE, lat DOUBLE, depth_km DOUBLE, felt BIGINT, net VARCHAR",
		"airports.csv":                "iata VARCHAR, name VARCHAR, city VARCHAR, state VARCHAR, country VARCHAR, latitude DOUBLE, longitude DOUBLE",
	} {
		data, err := os.ReadFile(shared(t, "data/"+name))
		if err != nil {
			t.Fatal(err)
		}
		var res Inferred
		if strings.HasSuffix(name, "csv") {
			res, err = InferCSV(CSVSample{Data: data, Comma: ',', Whole: true})
		} else {
			res, err = InferJSON(data)
		}
		if got := columnsText(res.Columns); err != nil || got != want {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, got, want)
		}
		// What was inferred must read the file.
		cfg := Config{Columns: res.Columns, Want: All(len(res.Columns)), CheckAll: true}
		var out Result
		if strings.HasSuffix(name, "csv") {
			_, next, _ := CSVHeader(data, ',', DefaultMaxRow)
			d, err := NewCSV(cfg, ',', nil)
			if err != nil {
				t.Fatal(err)
			}
			out, err = d.Records(data[next:])
			if err != nil {
				t.Fatal(err)
			}
		} else {
			d, err := NewJSON(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if out, err = d.Lines(data); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: %d rows, %d bad, notes %q", name, out.Total, out.ErrorCount, res.Notes)
		if out.ErrorCount > 0 {
			t.Errorf("%s: %v", name, out.Errors)
		}
		out.Batch.Release()
	}
}

func FuzzInfer(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte("a,b\n1,\"x\ny\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if res, err := InferJSON(data); err == nil && len(res.Columns) == 0 {
			t.Fatal("no columns and no error")
		}
		if res, err := InferCSV(CSVSample{Data: data, Comma: ','}); err == nil && len(res.Columns) == 0 {
			t.Fatal("no columns and no error")
		}
	})
}
