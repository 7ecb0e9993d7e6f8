package decode

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"weir/sql/types"
)

// testColumns has a column of every type, two names that differ in case only,
// and names that need folding.
var testColumns = []Column{
	{"a", types.BigintType}, {"b", types.DoubleType}, {"c", types.VarcharType}, {"d", types.VarcharOf(3)},
	{"e", types.BooleanType}, {"f", types.DatetimeType(3)}, {"g", types.DateType}, {"h", types.DecimalType(10, 2)},
	{"i", types.DecimalType(38, 0)}, {"Ää", types.BigintType}, {"key", types.VarcharType}, {"KEY", types.VarcharType},
	{"j", types.IntType(8, false)}, {"l", types.IntType(32, true)}, {"m", types.UbigintType}, {"n", types.FloatType},
	{"o", types.TimeType(3)}, {"p", types.VarbinaryOf(4)},
}

func testConfigs() []Config {
	return []Config{
		{Want: All(len(testColumns)), TimeUnit: time.Millisecond},
		{Want: []int{2, 0}, CheckAll: true, TimeUnit: time.Nanosecond},
		{Want: []int{5, 1}, TimeUnit: time.Second, MaxRow: 100},
		{TimeUnit: time.Microsecond},
	}
}

// checkAllWays decodes the rows in every framing and configuration.
func checkAllWays(t testing.TB, data []byte) {
	t.Helper()
	for _, cfg := range testConfigs() {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		cfg.Columns, cfg.Spans, cfg.Alloc = testColumns, true, alloc
		d, err := NewJSON(cfg)
		if err != nil {
			t.Fatal(err)
		}
		// Twice, for the second call knows the shapes and sizes of the first.
		for range 2 {
			res, err := d.Lines(data)
			if err != nil {
				t.Fatal(err)
			}
			checkRows(t, cfg, data, splitLines(data), res)
			res.Batch.Release()
		}
		var values, array [][]byte
		for _, row := range splitLines(data) {
			if _, code, _ := modelLine(cfg, row); code == BadJSON || code == BadUTF8 || code == RowTooLarge {
				continue
			}
			values = append(values, row)
			if row[0] == '{' {
				array = append(array, row)
			}
		}
		joined := append(bytes.Join(array, []byte("\n \t")), '\n')
		res, err := d.Values(joined)
		if err != nil {
			t.Fatal(err)
		}
		checkRows(t, cfg, joined, array, res)
		res.Batch.Release()

		joined = append(append([]byte(" [ "), bytes.Join(values, []byte(",\n"))...), " ] \n"...)
		if res, err = d.Array(joined); err != nil {
			t.Fatal(err)
		}
		checkRows(t, cfg, joined, values, res)
		res.Batch.Release()
		alloc.AssertSize(t.(memory.TestingT), 0)
	}
}

var seeds = []string{
	"{}\n{ }\n  \n\t{\"a\":1}\r\n\r\n{\"a\":2}",
	`{"a":66,"b":1.5,"c":"x","e":true}` + "\n" + `{"a":67,"b":2,"c":"yy","e":null}` + "\n" + `{"a":"68","b":"2.5e3","c":7,"e":"TRUE"}`,
	`{"a":12.0}` + "\n" + `{"a":1.2e1}` + "\n" + `{"a":100e-2}` + "\n" + `{"a":1.5}` + "\n" + `{"a":true}` + "\n" + `{"a":9223372036854775807}` + "\n" + `{"a":-9223372036854775808}` + "\n" + `{"a":9223372036854775808}` + "\n" + `{"a":1e400}` + "\n" + `{"a":0e999999999999}` + "\n" + `{"a":1e-999999999999999}` + "\n" + `{"a":-0}`,
	`{"b":-0.0}` + "\n" + `{"b":1e400}` + "\n" + `{"b":1e-400}` + "\n" + `{"b":0.1}` + "\n" + `{"b":123456789012345678901234567890.5}` + "\n" + `{"b":" 1"}` + "\n" + `{"b":".5"}` + "\n" + `{"b":"+5."}` + "\n" + `{"b":"0x10"}` + "\n" + `{"b":"1_0"}` + "\n" + `{"b":"inf"}` + "\n" + `{"b":"NaN"}`,
	`{"c":"\u00e4\ud83d\ude00\ud800\udc"}` + "\n" + `{"c":"\ud800\udc00\ud800x\ud800\ud800\udc00"}` + "\n" + `{"c":"\"\\\/\b\f\n\r\t"}` + "\n" + `{"c":{"x": [1, 2,{}]}}` + "\n" + `{"c":"ä"}` + "\n" + "{\"c\":\"\xff\"}" + "\n" + `{"d":"äöü"}` + "\n" + `{"d":"äöüx"}` + "\n" + `{"d":"\u00e4\u00f6\u00fc"}` + "\n" + `{"d":1234}`,
	`{"f":"2026-11-20 10:00:00.5"}` + "\n" + `{"f":1517363399650}` + "\n" + `{"f":1.0005}` + "\n" + `{"f":-0.0001}` + "\n" + `{"f":1e300}` + "\n" + `{"f":"1517363399650"}` + "\n" + `{"f":true}` + "\n" + `{"g":"2024-02-29"}` + "\n" + `{"g":"2023-02-29"}` + "\n" + `{"g":5}` + "\n" + `{"f":253402300800000}`,
	`{"h":1.005}` + "\n" + `{"h":-1.005}` + "\n" + `{"h":99999999.994}` + "\n" + `{"h":99999999.995}` + "\n" + `{"i":99999999999999999999999999999999999999}` + "\n" + `{"i":1e38}` + "\n" + `{"i":"0.5"}` + "\n" + `{"i":5e-1}` + "\n" + `{"i":-5e-2}`,
	`{"a":1,"a":"x"}` + "\n" + `{"a":"x","a":1}` + "\n" + `{"A":5,"a":6}` + "\n" + `{"a":5,"A":6}` + "\n" + `{"key":1,"KEY":2,"Key":3,"ÄÄ":7,"\u0061":9}`,
	`[1]` + "\n" + `5` + "\n" + `"x"` + "\n" + `null` + "\n" + `{"a":1` + "\n" + `{"a":1}}` + "\n" + `{"a":01}` + "\n" + `{"a":1,}` + "\n" + `{,}` + "\n" + `{"a" 1}` + "\n" + `{a:1}` + "\n" + `{"x":tru}` + "\n" + `{"x":"` + "\t" + `"}` + "\n" + `{"a":1} {"a":2}`,
	`{"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + "}\n" + `{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}\n" + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "\n" + `{"x":` + strings.Repeat(`{"y":[`, 40),
	`{"c":"` + strings.Repeat("x", 100) + `"}` + "\n" + `{"c":"` + strings.Repeat("y", 1000) + `"}`,
}

func TestSeeds(t *testing.T) {
	for i, s := range seeds {
		t.Run(fmt.Sprint(i), func(t *testing.T) { checkAllWays(t, []byte(s)) })
	}
	checkAllWays(t, []byte(strings.Join(seeds, "\n")))
}

// genValue draws the JSON text of a value, mostly one that some column takes.
func genValue(t *rapid.T) string {
	switch rapid.IntRange(0, 13).Draw(t, "kind") {
	case 0, 1:
		return fmt.Sprint(rapid.Int64().Draw(t, "int"))
	case 2:
		return fmt.Sprint(rapid.Float64().Draw(t, "float"))
	case 3:
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?`).Draw(t, "number")
	case 4:
		return `"` + rapid.StringMatching(`[-+]?[0-9]{0,3}\.?[0-9]{0,3}(e-?[0-9])?`).Draw(t, "numeric text") + `"`
	case 5, 6:
		return `"` + rapid.StringMatching(`[a-zA-Z ,:{}]{0,20}`).Draw(t, "plain") + `"`
	case 7:
		return `"` + rapid.StringMatching(`([a-zäß漢😀]|\\[nt"\\/]|\\u00[0-9a-fA-F]{2}|\\ud[89ab]00|\\ud[c-f]00){0,12}`).Draw(t, "text") + `"`
	case 8:
		return `"` + rapid.StringMatching(`20[0-9]{2}-[01][0-9]-[0-3][0-9]([ T][012][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,8})?(Z|[-+]0[0-9]:00)?)?`).Draw(t, "time") + `"`
	case 9:
		return fmt.Sprint(rapid.Int64Range(-1e14, 1e14).Draw(t, "epoch"))
	case 10:
		return rapid.SampledFrom([]string{"true", "false", `"true"`, `"FALSE"`}).Draw(t, "bool")
	case 11:
		return rapid.SampledFrom([]string{`{"x":[1,{"y":null}]}`, "[]", "{}", "[ 1 ,\t2 ]"}).Draw(t, "nested")
	case 12:
		return rapid.SampledFrom([]string{"tru", "01", "1.", "\"\xff\"", "\"\xc3\"", `"\x"`, "", "-", "[", "nul"}).Draw(t, "broken")
	}
	return "null"
}

// genValueFor draws the JSON text of a value that the key's column mostly takes,
// so that rows are good often enough to be guessed, or one that is nearly right.
func genValueFor(t *rapid.T, key string) string {
	nearly := rapid.IntRange(0, 9).Draw(t, "nearly") == 0
	switch key {
	case "a", "A", "Ää", "äÄ":
		if nearly {
			return rapid.SampledFrom([]string{"01", "-", "1.", "1e", "1.0", "--1", "-01", "9223372036854775808", "1234567890123456789", "00", "1a", `"5"`}).Draw(t, "int")
		}
		return fmt.Sprint(rapid.Int64().Draw(t, "int"))
	case "b", `\u0062`:
		if nearly {
			return rapid.SampledFrom([]string{"01.5", "-", "1.", ".5", "1.5e", "-00.5", "0.1.2", "-.5", "9007199254740993", "0.30000000000000004", "1.5e3", "-0.0", `"1.5"`}).Draw(t, "float")
		}
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?`).Draw(t, "float")
	case "f":
		if nearly {
			return rapid.SampledFrom([]string{"0123", "253402300799999", "253402300800000", "-62167219200000", "-62167219200001", "1.5", `"2026-02-30 00:00:00"`, `"2026-01-01 00:00:00`}).Draw(t, "time")
		}
		return fmt.Sprint(rapid.Int64Range(-62167219200000, 253402300799999).Draw(t, "time"))
	case "j", "l", "m":
		if nearly {
			return rapid.SampledFrom([]string{"-1", "-129", "-128", "127", "128", "255", "4294967295", "4294967296", "1e19", "18446744073709551615",
				"18446744073709551616", "-0.0", "0.5", `"12"`, `"-"`, "9223372036854775808", "-0"}).Draw(t, "integer")
		}
		return fmt.Sprint(rapid.IntRange(0, 140).Draw(t, "integer"))
	case "n":
		if nearly {
			return rapid.SampledFrom([]string{"1e39", "3.4028235e38", "3.4028236e38", "-1e-60", "16777217", `"0.1"`, "-0"}).Draw(t, "real")
		}
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,9})?`).Draw(t, "real")
	case "o":
		return `"` + rapid.StringMatching(`[-+]?[0-9]{1,4}:[0-6][0-9](:[0-6][0-9](\.[0-9]{0,8})?)?|838:59:59\.[01]`).Draw(t, "clock") + `"`
	case "p":
		if nearly {
			return rapid.SampledFrom([]string{`"\/w=="`, `"AA\n=="`, `"AAAAAAAA"`, `"AAAA\n"`, "12", `"_-8="`, `"A"`}).Draw(t, "bytes")
		}
		return `"` + rapid.StringMatching(`[A-Za-z0-9+/]{0,6}={0,2}`).Draw(t, "bytes") + `"`
	case "e", "g", "h", "i":
		return genValue(t)
	}
	if nearly {
		return rapid.SampledFrom([]string{`"a\nb"`, "\"a\tb\"", "\"ab\x80cdefghij\"", `"ä`, `"\ud800"`, "null", "7", `"abc"d`, `"漢字"`}).Draw(t, "text")
	}
	return `"` + rapid.StringMatching(`[ -!#-Z]{0,30}`).Draw(t, "text") + `"`
}

// genLines draws rows that mostly follow one order of keys and one spacing.
func genLines(t *rapid.T) []byte {
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "Ää", "äÄ", "key", "KEY", "kEy", "A", "x", `\u0062`, "j", "l", "m", "n", "o", "p"}
	shapes := rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom(keys), 0, 6), 1, 3).Draw(t, "shapes")
	spaces := rapid.SampledFrom([]string{"", " "}).Draw(t, "space")
	var b bytes.Buffer
	for n := rapid.IntRange(1, 25).Draw(t, "rows"); n > 0; n-- {
		b.WriteString("{")
		for i, key := range rapid.SampledFrom(shapes).Draw(t, "shape") {
			if i > 0 {
				b.WriteString("," + spaces)
			}
			value := genValueFor(t, key)
			if rapid.IntRange(0, 19).Draw(t, "any") == 0 {
				value = genValue(t)
			}
			b.WriteString(`"` + key + `":` + spaces + value)
		}
		b.WriteString(rapid.SampledFrom([]string{"}\n", "}\n", "}\n", "}\n", "}\n", "}\n", "} \n", "}\r\n", "\n", "},\n"}).Draw(t, "end"))
	}
	return b.Bytes()
}

func TestRowsEqualModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		data := genLines(r)
		t.Helper()
		checkAllWays(failer{t, r}, data)
	})
}

// failer is a testing.TB whose failures shrink.
type failer struct {
	testing.TB
	r *rapid.T
}

func (f failer) Helper()                   {}
func (f failer) Fatal(a ...any)            { f.r.Fatal(a...) }
func (f failer) Fatalf(s string, a ...any) { f.r.Fatalf(s, a...) }
func (f failer) Errorf(s string, a ...any) { f.r.Errorf(s, a...) }

func FuzzJSON(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if modelDepth(data) < 9000 { // encoding/json gives up at 10,000
			checkAllWays(t, data)
		}
	})
}

func TestShapesDoNotLeakAcrossLines(t *testing.T) {
	d, err := NewJSON(Config{Columns: testColumns, Want: All(3)})
	if err != nil {
		t.Fatal(err)
	}
	pretty := "{\n \"a\": 1,\n \"c\": [\n]}"
	res, err := d.Values([]byte(pretty))
	if err != nil || res.Total != 1 || res.ErrorCount != 0 {
		t.Fatal(err, res)
	}
	res.Batch.Release()
	if res, err = d.Lines([]byte(pretty)); err != nil || res.Total != 4 || res.ErrorCount != 4 {
		t.Fatal(err, res)
	}
	res.Batch.Release()
	if res, err = d.Lines([]byte("{\"c\":[]}\n{\"c\":[\n]}")); err != nil || res.Total != 3 || res.ErrorCount != 2 {
		t.Fatal(err, res)
	}
	res.Batch.Release()
}

func TestArraySyntax(t *testing.T) {
	for _, c := range []struct {
		in        string
		good, bad int
		broken    bool
	}{
		{"", 0, 0, false}, {" \n", 0, 0, false}, {"[]", 0, 0, false}, {" [ ] ", 0, 0, false},
		{`[{"a":1}]`, 1, 0, false}, {`[{"a":1},{"a":2}]`, 2, 0, false}, {"[{\"a\":1}\n,\n{\"a\":\"x\"},{\"a\":3}]", 2, 1, false},
		{`[{"a":1},5,{"a":3}]`, 2, 1, false}, {`[{"a":1},{"a":tru},{"a":3}]`, 1, 1, true},
		{`[{"a":1},]`, 1, 1, true}, {`[,]`, 0, 1, true}, {`[{"a":1}`, 1, 1, true}, {`[`, 0, 1, true}, {`[{"a":1}] x`, 1, 1, true},
		{`[{"a":1}][{"a":2}]`, 1, 1, true}, {`{"a":1}`, 0, 1, true}, {`5`, 0, 1, true}, {`[{"a":1} {"a":2}]`, 1, 1, true},
	} {
		d, err := NewJSON(Config{Columns: testColumns, Want: All(3)})
		if err != nil {
			t.Fatal(err)
		}
		res, err := d.Array([]byte(c.in))
		if err != nil || int(res.Batch.NumRows()) != c.good || res.ErrorCount != c.bad || res.Broken != c.broken {
			t.Errorf("%q: %d good, %d bad, broken %v, %v", c.in, res.Batch.NumRows(), res.ErrorCount, res.Broken, res.Errors)
		}
		res.Batch.Release()
	}
}

func TestMessages(t *testing.T) {
	d, err := NewJSON(Config{Columns: testColumns, Want: All(len(testColumns))})
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		`{"a":"abc"}`:      `"abc" is not a BIGINT`,
		`{"a":true}`:       `true is not a BIGINT`,
		`{"a":1e30}`:       `1e30 is out of range for BIGINT`,
		`{"d":"abcd"}`:     `"abcd" is longer than VARCHAR(3) allows`,
		`{"g":"x"}`:        `"x" is not a DATE: expected YYYY-MM-DD`,
		`{"f":"x"}`:        `"x" is not a DATETIME(3): expected YYYY-MM-DD HH:MM:SS[.f][Z|±hh:mm] or a number of milliseconds since 1970`,
		`{"j":128}`:        `128 is out of range for TINYINT`,
		`{"o":"25"}`:       `"25" is not a TIME(3): expected [-]HH:MM:SS[.f] up to 838:59:59`,
		`{"p":"0x1"}`:      `"0x1" is not a VARBINARY(4): expected base64 in a string`,
		`{"p":"AAAAAAA="}`: `"AAAAAAA=" is out of range for VARBINARY(4)`,
		`[1]`:              `expected a JSON object, got [1]`,
		`{"a":1`:           `not valid JSON: {"a":1`,
		`{"a":"` + strings.Repeat("ä", 40) + `"}`: `"` + strings.Repeat("ä", 30) + `…" is not a BIGINT`,
	} {
		res, err := d.Lines([]byte(in))
		if err != nil || len(res.Errors) != 1 || res.Errors[0].Message != want {
			t.Errorf("%s: %v", in, res.Errors)
		}
		res.Batch.Release()
	}
}

func TestManyErrors(t *testing.T) {
	d, err := NewJSON(Config{Columns: testColumns, Want: []int{0}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := d.Lines([]byte(strings.Repeat("{\"a\":1}\n{\"a\":\"x\"}\n{\n", 2000)))
	if err != nil || len(res.Errors) != MaxErrors || res.ErrorCount != 4000 || res.Codes[BadType] != 2000 ||
		res.Codes[BadJSON] != 2000 || res.Batch.NumRows() != 2000 || res.Rows[1999] != 5997 {
		t.Fatal(err, res.ErrorCount, len(res.Errors), res.Codes)
	}
	res.Batch.Release()
}

func TestConfigErrors(t *testing.T) {
	for _, cfg := range []Config{
		{Columns: []Column{{"a", types.BigintType}, {"a", types.BigintType}}},
		{Columns: []Column{{"a", types.Type{}}}},
		{Columns: testColumns, Want: []int{0, 0}},
		{Columns: testColumns, Want: []int{99}},
		{TimeUnit: time.Hour},
		{MaxRow: -1},
	} {
		if _, err := NewJSON(cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
		}
	}
}
