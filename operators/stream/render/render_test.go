package render

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/sql/types"
)

func schema() stream.Schema {
	return stream.Schema{
		{Name: "i", Type: types.BigintType}, {Name: "x", Type: types.DoubleType}, {Name: "d", Type: types.DecimalType(38, 2)},
		{Name: "b", Type: types.BooleanType}, {Name: "s", Type: types.VarcharType}, {Name: "t", Type: types.DatetimeType(3)},
		{Name: "day", Type: types.DateType}, {Name: "n", Type: types.NullType},
	}
}

// batchOf makes one row per text; every third is all NULL.
func batchOf(alloc memory.Allocator, texts ...string) arrow.RecordBatch {
	b := array.NewRecordBuilder(alloc, schema().Arrow())
	defer b.Release()
	for i, s := range texts {
		if i%3 == 2 {
			for _, f := range b.Fields() {
				f.AppendNull()
			}
			continue
		}
		b.Field(0).(*array.Int64Builder).Append([]int64{42, -1 << 60}[i%2])
		b.Field(1).(*array.Float64Builder).Append([]float64{-0.5, math.Inf(1)}[i%2])
		b.Field(2).(*array.Decimal128Builder).Append(decimal128.FromI64(-105))
		b.Field(3).(*array.BooleanBuilder).Append(i%2 == 0)
		b.Field(4).(*array.StringBuilder).Append(s)
		b.Field(5).(*array.TimestampBuilder).Append(1795168800000000)
		b.Field(6).(*array.Date32Builder).Append(20777)
		b.Field(7).AppendNull()
	}
	return b.NewRecordBatch()
}

func render(t *testing.T, make func(io.Writer, stream.Schema) Writer, recs ...arrow.RecordBatch) string {
	t.Helper()
	var out strings.Builder
	w := make(&out, schema())
	for _, r := range recs {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func newCSV(w io.Writer, s stream.Schema) Writer   { return NewCSV(w, s, ',', "") }
func newTable(w io.Writer, s stream.Schema) Writer { return NewTable(w, s, TableOptions{}) }

func TestFormats(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	rec := batchOf(alloc, "plain", "a\t\"b\",\n\\", "")
	defer rec.Release()
	for _, c := range []struct {
		name string
		make func(io.Writer, stream.Schema) Writer
		want string
		none string
	}{
		{"ndjson", NewNDJSON, `{"i":42,"x":-0.5,"d":"-1.05","b":true,"s":"plain","t":"2026-11-20 10:00:00.000","day":"2026-11-20","n":null}
{"i":"-1152921504606846976","x":null,"d":"-1.05","b":false,"s":"a\t\"b\",\n\\","t":"2026-11-20 10:00:00.000","day":"2026-11-20","n":null}
{"i":null,"x":null,"d":null,"b":null,"s":null,"t":null,"day":null,"n":null}
`, ""},
		{"csv", newCSV, `i,x,d,b,s,t,day,n
42,-0.5,-1.05,true,plain,2026-11-20 10:00:00.000,2026-11-20,
-1152921504606846976,+Inf,-1.05,false,"a	""b"",
\",2026-11-20 10:00:00.000,2026-11-20,
,,,,,,,
`, "i,x,d,b,s,t,day,n\n"},
		{"tsv", NewTSV, "i\tx\td\tb\ts\tt\tday\tn\n" +
			"42\t-0.5\t-1.05\ttrue\tplain\t2026-11-20 10:00:00.000\t2026-11-20\t\\N\n" +
			"-1152921504606846976\t+Inf\t-1.05\tfalse\ta\\t\"b\",\\n\\\t2026-11-20 10:00:00.000\t2026-11-20\t\\N\n" +
			"\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n", "i\tx\td\tb\ts\tt\tday\tn\n"},
		{"table", newTable, `+----------------------+------+-------+-------+------------+-------------------------+------------+------+
| i                    | x    | d     | b     | s          | t                       | day        | n    |
+----------------------+------+-------+-------+------------+-------------------------+------------+------+
|                   42 | -0.5 | -1.05 | true  | plain      | 2026-11-20 10:00:00.000 | 2026-11-20 | NULL |
| -1152921504606846976 | +Inf | -1.05 | false | a\t"b",\n\ | 2026-11-20 10:00:00.000 | 2026-11-20 | NULL |
|                 NULL | NULL |  NULL | NULL  | NULL       | NULL                    | NULL       | NULL |
+----------------------+------+-------+-------+------------+-------------------------+------------+------+
`, `+---+---+---+---+---+---+-----+---+
| i | x | d | b | s | t | day | n |
+---+---+---+---+---+---+-----+---+
+---+---+---+---+---+---+-----+---+
`},
	} {
		if got := render(t, c.make, rec); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
		if got := render(t, c.make); got != c.none {
			t.Errorf("%s without rows: %q", c.name, got)
		}
	}
}

// TestRoundTrip reads random text back with the standard library's readers, and
// finds the same text however the rows are cut into batches.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		texts := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a,b", "\r\n", `"`, "\xff", "\u2028", "NULL", "\x00"})), 0, 7).Draw(rt, "texts")
		rec := batchOf(memory.DefaultAllocator, texts...)
		cut := int64(rapid.IntRange(0, len(texts)).Draw(rt, "cut"))
		a, b := rec.NewSlice(0, cut), rec.NewSlice(cut, rec.NumRows())
		for _, make := range []func(io.Writer, stream.Schema) Writer{NewNDJSON, newCSV, NewTSV, newTable} {
			if whole, parts := render(t, make, rec), render(t, make, a, b); whole != parts {
				rt.Fatalf("%q in two batches is %q", whole, parts)
			}
		}
		lines := strings.Split(strings.TrimSuffix(render(t, NewNDJSON, rec), "\n"), "\n")
		rows, err := csv.NewReader(strings.NewReader(render(t, newCSV, rec))).ReadAll()
		if err != nil || len(rows) != len(texts)+1 {
			rt.Fatalf("%d csv rows, %v", len(rows), err)
		}
		for i, s := range texts {
			var row map[string]any
			if err := json.Unmarshal([]byte(lines[i]), &row); err != nil {
				rt.Fatalf("%s: %v", lines[i], err)
			}
			if i%3 == 2 {
				if row["s"] != nil {
					rt.Fatalf("NULL is %v", row["s"])
				}
				continue
			}
			if want := strings.ToValidUTF8(s, "\uFFFD"); utf8.ValidString(s) && row["s"] != want {
				rt.Fatalf("json has %q, want %q", row["s"], want)
			}
			// encoding/csv turns \r\n inside quotes into \n.
			if want := strings.ReplaceAll(s, "\r\n", "\n"); rows[i+1][4] != want {
				rt.Fatalf("csv has %q, want %q", rows[i+1][4], want)
			}
		}
	})
}

func TestCSVNull(t *testing.T) {
	rec := batchOf(memory.DefaultAllocator, "NULL", "", "")
	got := render(t, func(w io.Writer, s stream.Schema) Writer { return NewCSV(w, s, ';', "NULL") }, rec)
	want := "i;x;d;b;s;t;day;n\n42;-0.5;-1.05;true;\"NULL\";2026-11-20 10:00:00.000;2026-11-20;NULL\n" +
		"-1152921504606846976;+Inf;-1.05;false;;2026-11-20 10:00:00.000;2026-11-20;NULL\nNULL;NULL;NULL;NULL;NULL;NULL;NULL;NULL\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWidths(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "é": 1, "e\u0301": 1, "日本語": 6, "👍": 2, "👍🏽": 2, "👨‍👩‍👧": 2, "한글": 4, "ｆｕｌｌ": 8, "→": 1, "…": 1,
	} {
		if got := displayWidth(s); got != want {
			t.Errorf("%q has width %d, want %d", s, got, want)
		}
	}
}

// TestTableStreams: rows beyond those that size the columns are written at once.
func TestTableStreams(t *testing.T) {
	texts := make([]string, 800)
	for i := range texts {
		texts[i] = fmt.Sprint(i)
	}
	rec := batchOf(memory.DefaultAllocator, texts...)
	var out strings.Builder
	w := NewTable(&out, schema(), TableOptions{CellMax: 10, Null: "-"})
	if err := w.Write(rec); err != nil || out.Len() > 0 {
		t.Fatalf("%d bytes were written early, %v", out.Len(), err)
	}
	if err := w.Write(rec); err != nil || strings.Count(out.String(), "\n") != 1603 {
		t.Fatalf("%d lines, %v", strings.Count(out.String(), "\n"), err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "| 2026-11-2… |") || !strings.Contains(out.String(), "|          - |") {
		t.Errorf("cells are not cut:\n%.600s", out.String())
	}
	if strings.Contains(newCell("a\x1b[2J\u009b日本語"), "\x1b") || newCell("日本語日本語") != "日本語日…" {
		t.Errorf("cells %q, %q", newCell("a\x1b[2J"), newCell("日本語日本語"))
	}
}

// TestTableIsEager: the first batch is shown at once, with room for more.
func TestTableIsEager(t *testing.T) {
	var out strings.Builder
	w := NewTable(&out, schema(), TableOptions{CellMin: 30, Eager: true})
	for i := range 2 {
		if err := w.Write(batchOf(memory.DefaultAllocator, "a")); err != nil || strings.Count(out.String(), "\n") != 4+i {
			t.Fatalf("batch %d, %v:\n%s", i, err, out.String())
		}
	}
	if first, _, _ := strings.Cut(out.String(), "\n"); first != strings.Repeat("+"+strings.Repeat("-", 32), len(schema()))+"+" {
		t.Errorf("columns are not as wide as wanted: %s", first)
	}
}

func newCell(s string) string {
	return (&table{opt: TableOptions{CellMax: 10}}).cell(s).text
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestErrors(t *testing.T) {
	rec := batchOf(memory.DefaultAllocator, "a")
	for _, make := range []func(io.Writer, stream.Schema) Writer{NewNDJSON, newCSV, NewTSV, newTable} {
		w := make(full{}, schema())
		err := w.Write(rec)
		if err == nil {
			err = w.Close()
		}
		if err == nil {
			t.Error("a write that failed is not reported")
		}
		if err := make(io.Discard, schema()[:2]).Write(rec); err == nil {
			t.Error("a batch of another schema was written")
		}
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("a\"\\\x00\xff\u2028é")
	f.Fuzz(func(t *testing.T, s string) {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.Append(s)
		got := AppendJSON(nil, b.NewArray(), 0, types.VarcharType)
		var back string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		var want []rune
		for _, r := range s { // each broken byte is one U+FFFD
			want = append(want, r)
		}
		if back != string(want) {
			t.Fatalf("%q reads back as %q", s, back)
		}
	})
}
