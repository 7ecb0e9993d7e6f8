package app

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// windowSource is a source of the shared cases.
type windowSource struct {
	Columns []string
	Rowtime string
	Delay   *int `json:"watermark_delay_s"`
	Rows    [][]any
}

// create writes the rows to a file and returns the statement that declares it.
func (s windowSource) create(t *testing.T, name string) string {
	t.Helper()
	var names []string
	for _, c := range s.Columns {
		names = append(names, strings.Trim(strings.Fields(c)[0], "`"))
	}
	var text []byte
	for _, row := range s.Rows {
		line := map[string]any{}
		for i, v := range row {
			line[names[i]] = v
		}
		b, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, b...), '\n')
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	watermark := ""
	if s.Delay != nil {
		watermark = fmt.Sprintf(", WATERMARK FOR %s AS %[1]s - INTERVAL %d SECOND", s.Rowtime, *s.Delay)
	}
	return fmt.Sprintf("CREATE STREAM %s (%s%s) WITH (connector = 'file', path = '%s', format = 'json'); ", name, strings.Join(s.Columns, ", "), watermark, path)
}

// plainValue is how the tests compare what two engines print.
func plainValue(s string) string {
	if s == "" || s == "null" {
		return "NULL"
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.Format(time.RFC3339Nano)
		}
	}
	if r, ok := new(big.Rat).SetString(s); ok {
		return r.RatString()
	}
	return s
}

// queryCSV runs a query and returns its rows as plain values, sorted.
func queryCSV(t *testing.T, sql string, columns []string) []string {
	t.Helper()
	out, errs, code := weir(t, "", "query", "--format", "csv", sql)
	if code != 0 {
		t.Fatalf("exit %d: %s\n%s", code, errs, sql)
	}
	table, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, cells := range table[1:] {
		var row []string
		for i, cell := range cells {
			if columns == nil || slices.ContainsFunc(columns, func(c string) bool { return strings.EqualFold(c, table[0][i]) }) {
				row = append(row, plainValue(cell))
			}
		}
		rows = append(rows, strings.Join(row, " "))
	}
	slices.Sort(rows)
	return rows
}

// TestFlinkWindows: Flink's own cases of windows over rows that come late, in
// Flink's spelling.
func TestFlinkWindows(t *testing.T) {
	var cases struct {
		Sources map[string]windowSource
		Cases   []struct {
			Name, Kind, Source string
			SQL                string `json:"flink_sql"`
			Expected           []string
		}
	}
	readCases(t, "cases/windows/flink.json", &cases)
	skipped := regexp.MustCompile(`, concat_distinct_agg\(.*?\) /\*.*?\*/`)
	rowtime := regexp.MustCompile(`\b(rowtime|row_time)\b`)
	ran := 0
	for _, c := range cases.Cases {
		if c.Source == "" || c.Kind == "reference_only" {
			continue
		}
		ran++
		t.Run(c.Name, func(t *testing.T) {
			source := cases.Sources[c.Source]
			sql := rowtime.ReplaceAllString(skipped.ReplaceAllString(c.SQL, ""), source.Rowtime)
			var want []string
			for _, line := range c.Expected {
				var row []string
				for _, cell := range strings.Split(line, ",") {
					row = append(row, plainValue(cell))
				}
				want = append(want, strings.Join(row, " "))
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, queryCSV(t, source.create(t, c.Source)+sql, nil)); diff != "" {
				t.Errorf("%s\n(-flink +weir)\n%s", sql, diff)
			}
		})
	}
	if ran < 11 {
		t.Errorf("%d cases", ran)
	}
}

// TestCalciteWindows: Calcite's cases of windows in FROM, in its spelling.
func TestCalciteWindows(t *testing.T) {
	var cases struct {
		Orders windowSource
		Cases  []struct {
			Name, SQL string
			Columns   []string
			Expected  [][]any
		}
	}
	readCases(t, "cases/windows/calcite.json", &cases)
	for _, c := range cases.Cases {
		t.Run(c.Name, func(t *testing.T) {
			var want []string
			for _, cells := range c.Expected {
				var row []string
				for _, cell := range cells {
					row = append(row, plainValue(fmt.Sprint(cell)))
				}
				want = append(want, strings.Join(row, " "))
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, queryCSV(t, cases.Orders.create(t, "ORDERS")+c.SQL, c.Columns)); diff != "" {
				t.Errorf("%s\n(-calcite +weir)\n%s", c.SQL, diff)
			}
		})
	}
}

func readCases(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(shared(t, path))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
