package decode

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weir/sql/types"
)

func recordsConfig(alloc memory.Allocator) Config {
	return Config{
		Columns: []Column{{"a", types.BigintType}, {"b", types.VarcharType}, {"c", types.DoubleType}},
		Want:    []int{1, 0}, CheckAll: true, MaxRow: 200, Alloc: alloc,
	}
}

// pieces are what records are made of: rows, parts of rows and what is none.
func pieces() []string {
	return []string{
		`{"a":1,"b":"x"}`, `{"a":2,"b":"y"}`, `{"a":3,"c":1.5}`, `{"b":"long","a":4,"z":{"a":7}}`, `{"a":"no"}`, `{"a":1`, `{"c":"no","a":1}`,
		"\n", " ", "[", "]", ",", `{}`, `7`, `"{"`, "\xff", `{"b":"` + strings.Repeat("l", 200) + `"}`, "1,x,2\r\n", "2,y,\n", "no,z,1", `"1"`, `,"`,
	}
}

// Each record has the rows that it has alone, whatever stands in those around it, and
// a record that is broken takes nothing with it.
func TestRecordsAreAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data, spans, of := drawRecords(t)
		csv := rapid.Bool().Draw(t, "csv")
		decoder := func(alloc memory.Allocator) func(data []byte, spans []Span, of []int32) (Result, error) {
			if csv {
				d, err := NewCSV(recordsConfig(alloc), ',', nil)
				if err != nil {
					t.Fatal(err)
				}
				return d.Rows
			}
			d, err := NewJSON(recordsConfig(alloc))
			if err != nil {
				t.Fatal(err)
			}
			return d.Records
		}
		var want []string
		bad, total, sub := 0, 0, int32(0)
		for k, s := range spans {
			record := int32(k)
			if of != nil {
				record = of[k]
			}
			if k == 0 || of == nil || of[k-1] != record {
				sub = 0
			}
			res, err := decoder(nil)(data[s.Start:s.End], []Span{{0, s.End - s.Start}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			checkAlone(t, csv, data[s.Start:s.End], res)
			for i, r := range rowTexts(res) {
				at := i
				if res.Rows != nil {
					at = res.Rows[i]
				}
				want = append(want, fmt.Sprint(record, sub+int32(at), r))
			}
			bad, total, sub = bad+res.ErrorCount, total+res.Total, sub+int32(res.Total)
		}
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		all := decoder(alloc)
		for range 2 { // the second time it knows what rows look like
			res, err := all(data, spans, of)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, r := range rowTexts(res) {
				p := Place{Record: int32(i)}
				if res.Places != nil {
					p = res.Places[i]
				}
				got = append(got, fmt.Sprint(p.Record, p.Sub, r))
			}
			if d := cmp.Diff(want, got); d != "" || res.ErrorCount != bad || res.Total != total || res.Broken {
				t.Fatalf("%q: %d bad of %d, want %d of %d: %s", data, res.ErrorCount, res.Total, bad, total, d)
			}
			res.Batch.Release()
		}
		checkKept(t, csv, data, spans, of, bad, total)
		alloc.AssertSize(t, 0)
	})
}

// checkKept: with KeepBad there is a row of NULLs for each bad one, at its place.
func checkKept(t *rapid.T, csv bool, data []byte, spans []Span, of []int32, bad, total int) {
	cfg := recordsConfig(nil)
	cfg.KeepBad = true
	var res Result
	var err error
	if csv {
		d, _ := NewCSV(cfg, ',', nil)
		res, err = d.Rows(data, spans, of)
	} else {
		d, _ := NewJSON(cfg)
		res, err = d.Records(data, spans, of)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Kept) != bad || res.ErrorCount != 0 || res.Total != total || int(res.Batch.NumRows()) != total {
		t.Fatalf("%q: %d kept and %d bad of %d in %d rows, want %d of %d", data, len(res.Kept), res.ErrorCount, res.Total, res.Batch.NumRows(), bad, total)
	}
	for _, k := range res.Kept {
		if !res.Batch.Column(0).IsNull(k.Row) || !res.Batch.Column(1).IsNull(k.Row) || k.Code == "" {
			t.Fatalf("%q: row %d is kept for %q and has values", data, k.Row, k.Code)
		}
	}
	before, sub := int32(-1), int32(0)
	for _, p := range res.Places {
		if p.Record != before {
			before, sub = p.Record, 0
		}
		if p.Sub != sub {
			t.Fatalf("%q: %+v where row %d of the record is next", data, p, sub)
		}
		sub++
	}
}

// drawRecords puts records one behind the other, with something between them.
func drawRecords(t *rapid.T) (data []byte, spans []Span, of []int32) {
	usual := rapid.Bool().Draw(t, "usual")
	for k := range rapid.IntRange(0, 12).Draw(t, "records") {
		data = append(data, strings.Repeat("{", k%3)...)
		s := Span{Start: len(data)}
		if usual {
			data = append(data, rapid.SampledFrom(pieces()[:4]).Draw(t, "row")...)
		} else {
			data = append(data, strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces()), 0, 5).Draw(t, "pieces"), "")...)
		}
		s.End = len(data)
		spans = append(spans, s)
	}
	if rapid.Bool().Draw(t, "inner") {
		of = make([]int32, len(spans))
		for k := 1; k < len(of); k++ {
			of[k] = of[k-1] + int32(rapid.IntRange(0, 2).Draw(t, "step"))
		}
	}
	return append(data, '}'), spans, of
}

// checkAlone holds a record to what the decoder's other doors make of its bytes.
func checkAlone(t *rapid.T, csv bool, data []byte, got Result) {
	var res Result
	var err error
	if csv {
		d, _ := NewCSV(recordsConfig(nil), ',', nil)
		res, err = d.Records(data)
	} else {
		d, _ := NewJSON(recordsConfig(nil))
		read := d.Values
		if trimmed := bytes.TrimLeft(data, " \n\r\t"); len(trimmed) > 0 && trimmed[0] == '[' {
			read = d.Array
		}
		res, err = read(data)
	}
	if err != nil {
		t.Fatal(err)
	}
	if res.Total == 0 { // which must not be silent
		res.Total, res.ErrorCount = 1, 1
	}
	if d := cmp.Diff(rowTexts(res), rowTexts(got)); d != "" || got.Total != res.Total || got.ErrorCount != res.ErrorCount {
		t.Fatalf("%q: %d bad of %d, want %d of %d: %s", data, got.ErrorCount, got.Total, res.ErrorCount, res.Total, d)
	}
}

func rowTexts(res Result) []string {
	var out []string
	for i := range int(res.Batch.NumRows()) {
		var cells []string
		for _, c := range res.Batch.Columns() {
			cells = append(cells, c.ValueStr(i))
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return slices.Clone(out)
}

// Records of JSON are read as fast as lines.
func BenchmarkKeyedRecords(b *testing.B) {
	row := []byte(`{"ts":"2026-11-20 10:00:00.000","user":"u123456","page":"/item/12345","price":12.34,"v":17,"country":"DE"}` + "\n")
	data := bytes.Repeat(row, 5000)
	var spans []Span
	for at := 0; at < len(data); at += len(row) {
		spans = append(spans, Span{at, at + len(row) - 1})
	}
	cfg := Config{Want: []int{0, 1, 3}, Columns: []Column{
		{"ts", types.DatetimeType(3)}, {"user", types.VarcharType}, {"page", types.VarcharType}, {"price", types.DoubleType}, {"v", types.BigintType},
	}}
	for name, read := range map[string]func(d *JSON) (Result, error){
		"lines":   func(d *JSON) (Result, error) { return d.Lines(data) },
		"values":  func(d *JSON) (Result, error) { return d.Values(data) },
		"records": func(d *JSON) (Result, error) { return d.Records(data, spans, nil) },
	} {
		b.Run(name, func(b *testing.B) {
			d, err := NewJSON(cfg)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				res, err := read(d)
				if err != nil || res.Batch.NumRows() != 5000 {
					b.Fatal(err)
				}
				res.Batch.Release()
			}
		})
	}
}
