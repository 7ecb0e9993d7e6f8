package app

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tsv runs a query of which the last statement's rows are wanted, and returns them
// without the header, sorted.
func tsv(t *testing.T, text string) []string {
	t.Helper()
	out, errs, code := weir(t, "", "query", "--format", "tsv", text)
	if code != 0 {
		t.Fatalf("%s\n%s", text, errs)
	}
	rows := strings.Split(strings.TrimRight(out, "\n"), "\n")[1:]
	slices.Sort(rows)
	return rows
}

// golden reads the rows that another engine found.
func golden(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(shared(t, path))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	slices.Sort(rows)
	return rows
}

// sameRows compares values: a number by its size, for engines print it in their
// own ways, and a time without the zeros at its end.
func sameRows(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(want) == 0 || want[0] == "" {
		t.Fatalf("%s: nothing is expected", what)
	}
	if diff := cmp.Diff(values(want), values(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%.3000s", what, diff)
	}
}

func values(rows []string) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		cells := strings.Split(r, "\t")
		for j, c := range cells {
			if v, err := strconv.ParseFloat(c, 64); err == nil && !math.IsInf(v, 0) {
				cells[j] = strconv.FormatFloat(v, 'g', 12, 64)
			} else if len(c) > 19 && c[4] == '-' && c[10] == ' ' && c[19] == '.' {
				cells[j] = strings.TrimRight(strings.TrimRight(c, "0"), ".")
			}
		}
		out[i] = strings.Join(cells, "\t")
	}
	slices.Sort(out)
	return out
}

// TestNexmarkSmall types the queries as they stand in the folder.
func TestNexmarkSmall(t *testing.T) {
	const dir = "cases/nexmark-small"
	ddl := fmt.Sprintf(`CREATE STREAM bid (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR(32), url VARCHAR(255), date_time TIMESTAMP(3), extra TEXT)
		WITH (connector = 'file', path = '%s');`, shared(t, dir+"/bid.csv"))
	for _, q := range []string{"q0", "q1", "q2", "q14", "q17", "q22"} {
		text, err := os.ReadFile(shared(t, dir+"/"+q+".sql"))
		if err != nil {
			t.Fatal(err)
		}
		sameRows(t, q, tsv(t, ddl+string(text)), golden(t, dir+"/"+q+".expected.tsv"))
	}
}

// TestNexmark10k runs q0, q1, q2 and the aggregates inside q5 and q7, over the events
// in order and shuffled within groups of 100 under a watermark of 4 s.
func TestNexmark10k(t *testing.T) {
	const dir = "cases/nexmark-10k"
	path := shared(t, dir+"/events.jsonl")
	events, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimRight(events, "\n"), []byte("\n"))
	r := rand.New(rand.NewPCG(1, 2))
	for group := range slices.Chunk(lines, 100) {
		r.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
	}
	mixed := filepath.Join(t.TempDir(), "mixed.jsonl")
	if err := os.WriteFile(mixed, append(bytes.Join(lines, []byte("\n")), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, mixed} {
		ddl := fmt.Sprintf(`CREATE STREAM events (event_type BIGINT, auction BIGINT, bidder BIGINT, price BIGINT, dateTime DATETIME(3), extra VARCHAR,
				WATERMARK FOR dateTime AS dateTime - INTERVAL 4 SECOND) WITH (connector = 'file', path = '%s');
			CREATE VIEW bid AS SELECT auction, bidder, price, dateTime, extra FROM events WHERE event_type = 2;`, file)
		for q, text := range map[string]string{
			"q0": "select auction,bidder,price,dateTime,extra from bid",
			"q1": "select auction,bidder,0.908*price,dateTime,extra from bid",
			"q2": "select auction,price from bid where mod(auction,123)=0",
		} {
			sameRows(t, q, tsv(t, ddl+text), golden(t, dir+"/"+q+".expected.tsv"))
		}
		counts := "SELECT window_start, window_end, auction, COUNT(*) AS num FROM bid GROUP BY auction, HOP(dateTime, INTERVAL 2 SECOND, INTERVAL 10 SECOND)"
		most := map[string]string{}
		for _, row := range tsv(t, ddl+"SELECT window_start, window_end, MAX(num) AS maxn FROM ("+counts+") AS c GROUP BY window_start, window_end") {
			at := strings.LastIndexByte(row, '\t')
			most[row[:at]] = row[at+1:]
		}
		var hot []string // what the join of q5 keeps
		for _, row := range tsv(t, ddl+counts) {
			c := strings.Split(row, "\t")
			if most[c[0]+"\t"+c[1]] == c[3] {
				hot = append(hot, row)
			}
		}
		sameRows(t, "q5", hot, golden(t, dir+"/q5_with_window.expected.tsv"))

		// No golden has the inside of q7: SQL without windows says what it is.
		got := tsv(t, ddl+"SELECT MAX(price) AS maxprice, window_end FROM bid GROUP BY TUMBLE(dateTime, INTERVAL 10 SECOND)")
		want := tsv(t, ddl+"SELECT MAX(price), FROM_UNIXTIME((UNIX_TIMESTAMP(dateTime) DIV 10 + 1) * 10) FROM bid GROUP BY UNIX_TIMESTAMP(dateTime) DIV 10")
		sameRows(t, "q7", got, want)
	}
}
