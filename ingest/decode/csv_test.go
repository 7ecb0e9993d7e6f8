package decode

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/sql/types"
)

var csvColumns = []Column{{"a", types.BigintType}, {"b", types.VarcharType}, {"c", types.DoubleType}, {"d", types.DatetimeType(3)}, {"e", types.BooleanType}, {"f", types.DateType}}

// decodeCSV returns the values of the good rows and the codes of the bad ones.
func decodeCSV(t testing.TB, cfg Config, comma byte, header []string, data []byte) (rows [][]string, bad []string) {
	t.Helper()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	cfg.Columns, cfg.Want, cfg.Alloc, cfg.Spans = csvColumns, All(len(csvColumns)), alloc, true
	d, err := NewCSV(cfg, comma, header)
	if err != nil {
		t.Fatal(err)
	}
	res, err := d.Records(data)
	if err != nil {
		t.Fatal(err)
	}
	for r := range int(res.Batch.NumRows()) {
		var row []string
		for _, c := range res.Batch.Columns() {
			row = append(row, cell(c, r))
		}
		rows = append(rows, row)
	}
	for _, e := range res.Errors {
		bad = append(bad, fmt.Sprintf("%d %s %s", e.Row, e.Code, e.Column))
	}
	if res.Total != len(rows)+res.ErrorCount || len(res.Spans) != len(rows) {
		t.Fatalf("%d rows in all, %d good, %d bad", res.Total, len(rows), res.ErrorCount)
	}
	res.Batch.Release()
	alloc.AssertSize(t.(memory.TestingT), 0)
	return rows, bad
}

func TestCSV(t *testing.T) {
	header := []string{"A", "b", "x", "c", "d"}
	for _, c := range []struct {
		in   string
		rows [][]string
		bad  []string
	}{
		{in: "1,x,,1.5,1970-01-01 00:00:01\n", rows: [][]string{{"1", `"x"`, "4609434218613702656", "1000000", "NULL", "NULL"}}},
		{in: "\n\r\n 7 ,\" \"\"q\"\"\n,\",,,1000\r\n", rows: [][]string{{"7", `" \"q\"\n,"`, "NULL", "1000000", "NULL", "NULL"}}},
		{in: ",\"\",,,\n,,,,", rows: [][]string{{"NULL", `""`, "NULL", "NULL", "NULL", "NULL"}, {"NULL", "NULL", "NULL", "NULL", "NULL", "NULL"}}},
		{in: "1,5\" pipe,,,\n2,y,,,\n", rows: [][]string{{"1", `"5\" pipe"`, "NULL", "NULL", "NULL", "NULL"}, {"2", `"y"`, "NULL", "NULL", "NULL", "NULL"}}},
		{in: "1,2\n1,2,3,4,5,6\nx,,,,\n,,,x,\n,,,,x\n,\xff,,,\n1,\"a\"b,,,\n\"1\",b,,\"\",\n3,,,,\n",
			rows: [][]string{{"3", "NULL", "NULL", "NULL", "NULL", "NULL"}},
			bad:  []string{"1 BAD_CSV ", "2 BAD_CSV ", "3 BAD_TYPE a", "4 BAD_TYPE c", "5 BAD_TIME d", "6 BAD_UTF8 ", "7 BAD_CSV ", "8 BAD_TYPE c"}},
		{in: "1,\"open,,,\n2,,,,\n", rows: [][]string{{"2", "NULL", "NULL", "NULL", "NULL", "NULL"}}, bad: []string{"1 ROW_TOO_LARGE "}},
		{in: strings.Repeat("x", 101) + "\n1,,,,\n", rows: [][]string{{"1", "NULL", "NULL", "NULL", "NULL", "NULL"}}, bad: []string{"1 ROW_TOO_LARGE "}},
	} {
		rows, bad := decodeCSV(t, Config{MaxRow: 100}, ',', header, []byte(c.in))
		if !reflect.DeepEqual(rows, c.rows) || !reflect.DeepEqual(bad, c.bad) {
			t.Errorf("%q:\n got %v %v\nwant %v %v", c.in, rows, bad, c.rows, c.bad)
		}
	}
	rows, bad := decodeCSV(t, Config{}, '\t', []string{"a", "b"}, []byte("\\N\t\\N\n5\t\"\\N\"\n"))
	if fmt.Sprint(rows, bad) != `[[NULL NULL NULL NULL NULL NULL] [5 "\\N" NULL NULL NULL NULL]] []` {
		t.Error(rows, bad)
	}
}

func TestCSVHeader(t *testing.T) {
	names, next, err := CSVHeader([]byte("\n\"a \"\"x\"\"\", b ,\"c\nd\"\r\n1,2,3\n"), ',', DefaultMaxRow)
	if err != nil || !reflect.DeepEqual(names, []string{`a "x"`, "b", "c\nd"}) || next != 22 {
		t.Errorf("%q %d %v", names, next, err)
	}
	for _, in := range []string{"", "\n", "\"a", "\"a\"b,c\n", "\xff\n"} {
		if names, _, err := CSVHeader([]byte(in), ',', 100); err == nil {
			t.Errorf("%q gives %q", in, names)
		}
	}
}

// TestCSVEqualsPackageCSV compares with encoding/csv on what its writer makes.
func TestCSVEqualsPackageCSV(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		columns := rapid.IntRange(1, 5).Draw(r, "columns")
		comma := rapid.SampledFrom([]rune{',', '\t', ';'}).Draw(r, "comma")
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma, w.UseCRLF = comma, rapid.Bool().Draw(r, "crlf")
		cfg := Config{Want: All(columns)}
		for i := range columns {
			cfg.Columns = append(cfg.Columns, Column{fmt.Sprint(i), types.VarcharType})
		}
		for range rapid.IntRange(0, 20).Draw(r, "rows") {
			row := rapid.SliceOfN(rapid.StringMatching(`[a-zä,;" \n\t]{0,8}`), columns, columns).Draw(r, "row")
			if err := w.Write(row); err != nil {
				r.Fatal(err)
			}
		}
		w.Flush()
		data := b.Bytes()
		ref := csv.NewReader(bytes.NewReader(data))
		ref.Comma = comma
		want, err := ref.ReadAll()
		if err != nil {
			r.Fatal(err)
		}
		d, err := NewCSV(cfg, byte(comma), nil)
		if err != nil {
			r.Fatal(err)
		}
		res, err := d.Records(data)
		if err != nil || res.ErrorCount > 0 || res.Total != len(want) {
			r.Fatalf("%q: %d rows, want %d, %v %v", data, res.Total, len(want), res.Errors, err)
		}
		for i, row := range want {
			for c, text := range row {
				// encoding/csv makes one character of a line break inside a field.
				got := strings.ReplaceAll(cell(res.Batch.Column(c), i), `\r\n`, `\n`)
				if got != fmt.Sprintf("%q", text) && (got != "NULL" || text != "") {
					r.Fatalf("%q row %d: %s, want %q", data, i, got, text)
				}
			}
		}
		res.Batch.Release()
	})
}

// FuzzCSV checks that what a record gives does not depend on those around it.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("1,x\n\"2\",\"y\"\"\n\"\r\n3"), uint8(9))
	f.Add([]byte("\"a\nb\n1,\"x"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, maxRow uint8) {
		cfg := Config{MaxRow: int(maxRow) + 1}
		rows, bad := decodeCSV(t, cfg, ',', []string{"a", "b"}, data)
		var each [][]string
		seen := len(rows) + len(bad)
		for i := 0; i < len(data); {
			end, next, _ := Record(data, i, ',', cfg.MaxRow)
			if next <= i || end > next || end < i {
				t.Fatalf("record at %d ends at %d, next at %d", i, end, next)
			}
			alone, wrong := decodeCSV(t, cfg, ',', []string{"a", "b"}, data[i:next])
			if len(alone)+len(wrong) > 1 && len(wrong) == 0 {
				t.Fatalf("record %q gives %v", data[i:next], alone)
			}
			each = append(each, alone...)
			i = next
		}
		if seen < 100 && !reflect.DeepEqual(rows, each) {
			t.Fatalf("together %v, alone %v", rows, each)
		}
	})
}

func BenchmarkDecodeCSV(b *testing.B) {
	lines := bids(16_000, false)
	d, err := NewJSON(Config{Columns: bidColumns, Want: All(7)})
	if err != nil {
		b.Fatal(err)
	}
	res, err := d.Lines(lines)
	if err != nil {
		b.Fatal(err)
	}
	var data bytes.Buffer
	for r := range int(res.Batch.NumRows()) {
		for i, c := range res.Batch.Columns() {
			if i > 0 {
				data.WriteByte(',')
			}
			data.WriteString(c.ValueStr(r))
		}
		data.WriteByte('\n')
	}
	res.Batch.Release()
	csv, err := NewCSV(Config{Columns: bidColumns, Want: All(7)}, ',', nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(data.Len()))
	b.ReportAllocs()
	for b.Loop() {
		res, err := csv.Records(data.Bytes())
		if err != nil {
			b.Fatal(err)
		}
		res.Batch.Release()
	}
}

// TestCSVNumbersEqualModel holds both ways of reading a number to the model.
func TestCSVNumbersEqualModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringMatching(`[-+]?[0-9]{0,20}(\.[0-9]{0,6})?(e-?[0-9]{1,2})?x?`).Draw(r, "text")
		if text == "" {
			return
		}
		for column, c := range []Column{csvColumns[0], csvColumns[2]} {
			want, code := "", BadType
			if modelNumber(text) {
				want, code = modelNumeric(c.Type, text)
			}
			for _, field := range []string{text, `"` + text + `"`} {
				rows, bad := decodeCSV(failer{t, r}, Config{}, ',', []string{c.Name}, []byte(field))
				if code != "" && fmt.Sprint(bad) != fmt.Sprintf("[1 %s %s]", code, c.Name) ||
					code == "" && (len(rows) != 1 || rows[0][2*column] != want) {
					r.Fatalf("%s: %v %v, want %s %s", field, rows, bad, want, code)
				}
			}
		}
	})
}
