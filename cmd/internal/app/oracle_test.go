package app

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var oracleSeeds = flag.Uint64("oracle", 150, "random queries that TestQueryAgainstModel runs")

// event is a row of the model; nil is NULL.
type event struct {
	K  *string  `json:"k"`
	N  *int64   `json:"n"`
	X  *float64 `json:"x"` // a multiple of 0.25, so that sums are exact in any order
	TS *int64   `json:"ts"`
}

// question is a random query that the model can answer as well. Times are in ms.
type question struct {
	size, slide, offset int64
	delay, lateness     int64 // delay < 0: no watermark
	where               int   // in predicates
	aggs                []int // in aggregates
	keyed, many         bool  // GROUP BY k; HAVING COUNT(*) > 1
	shape               int   // of the file, in shapes
}

// shapes are ways in which a file can hold the events: as columns, or inside of
// JSON, from where generated columns take them. The answers are the same.
var shapes = []struct {
	columns string
	line    func(event) any
}{
	{"k VARCHAR, n BIGINT, x DOUBLE, ts DATETIME(3)", func(e event) any { return e }},
	{"d JSON, e BIGINT, k VARCHAR AS (d->>'$.in[1].k'), n BIGINT AS (CAST(JSON_VALUE(d, '$.in[last].n') AS BIGINT)), " +
		"x DOUBLE AS (CAST(d->>'$.\"the x\"' AS DOUBLE)), ts DATETIME(3) AS (FROM_UNIXTIME(e / 1000))", func(e event) any {
		in, d := map[string]any{"n": e.N, "\\k\"": "not it"}, map[string]any{"k": 7, "the": "{\"k\":1}"}
		if e.K != nil { // ->> of a null is text
			in["k"] = e.K
		}
		if e.X != nil {
			d["the x"] = e.X
		}
		d["in"] = []any{map[string]any{"k": "nor this"}, in}
		return map[string]any{"d": d, "e": e.TS}
	}},
	{"m BIGINT, k VARCHAR, n BIGINT AS (m - 5), half DOUBLE, ts_text VARCHAR, x DOUBLE AS (half * 2), " +
		"ts DATETIME(3) AS (STR_TO_DATE(ts_text, '%Y-%m-%d %H:%i:%s.%f'))", func(e event) any {
		out := map[string]any{"k": e.K, "m": nil}
		if e.N != nil {
			out["m"] = *e.N + 5
		}
		if e.X != nil {
			out["half"] = *e.X / 2
		}
		if e.TS != nil {
			out["ts_text"] = stamp(*e.TS)
		}
		return out
	}},
}

// near is a percentile of the model, which weir's may miss by 1 %.
type near float64

// percentile is the value at rank floor(q * (n - 1)).
func percentile(q float64) func([]event) any {
	return func(rows []event) any {
		var xs []float64
		for _, e := range rows {
			if e.X != nil {
				xs = append(xs, *e.X)
			}
		}
		if len(xs) == 0 {
			return nil
		}
		slices.Sort(xs)
		return near(xs[int(q*float64(len(xs)-1))])
	}
}

var predicates = []struct {
	sql  string
	keep func(event) bool
}{
	{"", func(event) bool { return true }},
	{"WHERE n > 0", func(e event) bool { return e.N != nil && *e.N > 0 }},
	{"WHERE NOT (k = 'a')", func(e event) bool { return e.K != nil && *e.K != "a" }},
	{"WHERE n IS NULL OR x BETWEEN 0 AND 5", func(e event) bool { return e.N == nil || e.X != nil && *e.X >= 0 && *e.X <= 5 }},
	{"WHERE CASE WHEN k LIKE '%b%' THEN n % 2 = 0 ELSE x IS NOT NULL END", func(e event) bool {
		if e.K != nil && strings.Contains(*e.K, "b") {
			return e.N != nil && *e.N%2 == 0
		}
		return e.X != nil
	}},
}

var aggregates = []struct {
	sql string
	of  func([]event) any
}{
	{"COUNT(*)", func(rows []event) any { return float64(len(rows)) }},
	{"COUNT(n)", func(rows []event) any { return float64(len(ints(rows))) }},
	{"SUM(n)", func(rows []event) any {
		if len(ints(rows)) == 0 {
			return nil
		}
		return total(rows).String() // DECIMAL: text in JSON
	}},
	{"AVG(n)", func(rows []event) any {
		n := int64(len(ints(rows)))
		if n == 0 {
			return nil
		}
		mean, _ := new(big.Rat).SetFrac(total(rows), big.NewInt(n)).Float64()
		return mean
	}},
	{"SUM(x)", func(rows []event) any {
		return fold(rows, func(a, b float64) float64 { return a + b })
	}},
	{"MIN(x)", func(rows []event) any { return fold(rows, func(a, b float64) float64 { return min(a, b) }) }},
	{"MAX(x)", func(rows []event) any { return fold(rows, func(a, b float64) float64 { return max(a, b) }) }},
	{"APPROX_PERCENTILE(x, 0.5)", percentile(0.5)},
	{"APPROX_PERCENTILE(x, 0.95)", percentile(0.95)},
	{"APPROX_PERCENTILE(x, 1)", percentile(1)},
	{"COUNT(DISTINCT k)", func(rows []event) any { return float64(len(different(rows, keyOf))) }},
	{"COUNT(DISTINCT k, n)", func(rows []event) any {
		return float64(len(different(rows, func(e event) string {
			if e.K == nil || e.N == nil {
				return ""
			}
			return fmt.Sprint(keyOf(e), *e.N)
		})))
	}},
	{"SUM(DISTINCT n)", func(rows []event) any {
		if len(ints(rows)) == 0 {
			return nil
		}
		return total(different(rows, numberOf)).String()
	}},
	{"COUNT(*) FILTER (WHERE n > 0)", func(rows []event) any { return float64(len(positive(rows))) }},
	{"SUM(n) FILTER (WHERE n > 0)", func(rows []event) any {
		if len(positive(rows)) == 0 {
			return nil
		}
		return total(positive(rows)).String()
	}},
	{"COUNT_IF(n > 0)", func(rows []event) any { return float64(len(positive(rows))) }},
	{"BOOL_OR(n > 0)", func(rows []event) any {
		if len(ints(rows)) == 0 {
			return nil
		}
		return len(positive(rows)) > 0
	}},
	{"FIRST_VALUE(x)", func(rows []event) any { return xOf(byTime(rows)[0]) }},
	{"LAST_VALUE(x)", func(rows []event) any { return xOf(byTime(rows)[len(rows)-1]) }},
	{"LATEST_BY_OFFSET(k)", func(rows []event) (last any) {
		for _, e := range byTime(rows) {
			if e.K != nil {
				last = *e.K
			}
		}
		return last
	}},
	{"GROUP_CONCAT(k)", func(rows []event) any { return join(byTime(rows), ",") }},
	{"GROUP_CONCAT(DISTINCT k ORDER BY k DESC SEPARATOR '; ')", func(rows []event) any {
		rows = different(rows, keyOf)
		slices.SortFunc(rows, func(a, b event) int { return strings.Compare(*b.K, *a.K) })
		return join(rows, "; ")
	}},
	{"JSON_ARRAYAGG(x)", func(rows []event) any {
		var out []any
		for _, e := range byTime(rows) {
			out = append(out, xOf(e))
		}
		return out
	}},
	{"VAR_POP(n)", func(rows []event) any { return variance(ints(rows)) }},
}

func ints(rows []event) (out []int64) {
	for _, e := range rows {
		if e.N != nil {
			out = append(out, *e.N)
		}
	}
	return out
}

func total(rows []event) *big.Int {
	sum := new(big.Int)
	for _, n := range ints(rows) {
		sum.Add(sum, big.NewInt(n))
	}
	return sum
}

func fold(rows []event, f func(a, b float64) float64) any {
	var acc any
	for _, e := range rows {
		switch {
		case e.X == nil:
		case acc == nil:
			acc = *e.X
		default:
			acc = f(acc.(float64), *e.X)
		}
	}
	return acc
}

func some[T any](r *rand.Rand, v T) *T {
	if r.IntN(5) == 0 {
		return nil
	}
	return &v
}

func randomEvents(r *rand.Rand) []event {
	now := []int64{0, -20_000, -2208988800_000, 1_700_000_000_123}[r.IntN(4)]
	disorder := []int64{0, 3_000, 40_000}[r.IntN(3)]
	grain := []int64{1, 500}[r.IntN(2)] // 500: times fall on the ends of windows
	keys := []string{"", "a", "b", "ab", "A", "é\n\"", `\N`}
	out := make([]event, r.IntN(200))
	for i := range out {
		now += r.Int64N(1_000)
		at := (now - r.Int64N(disorder+1)) / grain * grain
		n := r.Int64N(100) - 50
		if r.IntN(10) == 0 {
			n = 1<<63 - 1 - r.Int64N(3)
		}
		out[i] = event{some(r, keys[r.IntN(len(keys))]), some(r, n), some(r, float64(r.IntN(80)-40)/4), &at}
		if r.IntN(50) == 0 {
			out[i].TS = nil
		}
	}
	return out
}

func randomQuestion(r *rand.Rand) question {
	q := question{size: 500 + 500*r.Int64N(40), delay: -1, where: r.IntN(len(predicates)), keyed: r.IntN(3) > 0, many: r.IntN(3) == 0}
	if q.slide = q.size; r.IntN(2) == 0 {
		q.slide = max(500*(1+r.Int64N(q.size/500)), q.size/20)
	}
	if r.IntN(3) == 0 {
		q.offset = r.Int64N(2*q.slide-1) - q.slide + 1
	}
	if r.IntN(4) > 0 {
		q.delay = []int64{0, 2_000, 20_000}[r.IntN(3)]
		q.lateness = []int64{0, 0, 1_500, 30_000}[r.IntN(4)]
	}
	q.shape = r.IntN(len(shapes))
	for range 1 + r.IntN(4) {
		q.aggs = append(q.aggs, r.IntN(len(aggregates)))
	}
	return q
}

func interval(ms int64) string { return fmt.Sprintf("INTERVAL %d MICROSECOND", ms*1000) }

// sql returns the statements that ask the question about a file.
func (q question) sql(path string) string {
	watermark, window, key, having, emit := "", "TUMBLE(ts, "+interval(q.size), "", "", ""
	if q.delay >= 0 {
		watermark = ", WATERMARK FOR ts AS ts - " + interval(q.delay)
	}
	if q.slide != q.size {
		window = "HOP(ts, " + interval(q.slide) + ", " + interval(q.size)
	}
	window += ", " + interval(q.offset) + ")"
	if q.keyed {
		key = ", k"
	}
	if q.many {
		having = " HAVING COUNT(*) > 1"
	}
	if q.lateness > 0 {
		emit = " EMIT ON WINDOW CLOSE ALLOWED LATENESS " + interval(q.lateness)
	}
	cols := ""
	for i, a := range q.aggs {
		cols += fmt.Sprintf(", %s AS a%d", aggregates[a].sql, i)
	}
	return fmt.Sprintf(`CREATE STREAM t (%s%s) WITH (connector = 'file', path = '%s', format = 'json');
		SELECT window_start, window_end%s%s FROM t %s GROUP BY %s%s%s%s`,
		shapes[q.shape].columns, watermark, path, key, cols, predicates[q.where].sql, window, key, having, emit)
}

// answer is the slow way: every row is put into every window that it is not late for.
func (q question) answer(rows []event) (out [][]any, late, untimed int) {
	type group struct {
		start int64
		key   string // "" is NULL, else a mark and the text: in that order they leave
	}
	groups := map[group][]event{}
	w := int64(-1 << 62)
	for _, e := range rows {
		if e.TS == nil {
			untimed++
			continue
		}
		missed, counted := false, false
		rest := ((*e.TS-q.offset)%q.slide + q.slide) % q.slide
		for start := *e.TS - rest; start > *e.TS-q.size && predicates[q.where].keep(e); start -= q.slide {
			if start+q.size+q.lateness <= w {
				missed = true
				continue
			}
			g := group{start: start}
			if q.keyed && e.K != nil {
				g.key = "+" + *e.K
			}
			groups[g], counted = append(groups[g], e), true
		}
		if missed && !counted {
			late++
		}
		if q.delay >= 0 {
			w = max(w, *e.TS-q.delay)
		}
	}
	order := make([]group, 0, len(groups))
	for g := range groups {
		order = append(order, g)
	}
	slices.SortFunc(order, func(a, b group) int {
		if a.start != b.start {
			return int(max(-1, min(1, a.start-b.start)))
		}
		return strings.Compare(a.key, b.key)
	})
	for _, g := range order {
		if q.many && len(groups[g]) < 2 {
			continue
		}
		row := []any{stamp(g.start), stamp(g.start + q.size)}
		if q.keyed {
			row = append(row, any(nil))
			if g.key != "" {
				row[2] = g.key[1:]
			}
		}
		for _, a := range q.aggs {
			row = append(row, aggregates[a].of(groups[g]))
		}
		out = append(out, row)
	}
	return out, late, untimed
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000") }

// TestQueryAgainstModel runs random queries over random rows and compares rows,
// their order and what stderr says about the rest with the model above.
func TestQueryAgainstModel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	for seed := range *oracleSeeds {
		r := rand.New(rand.NewPCG(seed, 0))
		rows, q := randomEvents(r), randomQuestion(r)
		var text []byte
		for _, e := range rows {
			if q.shape == 2 && e.N != nil && *e.N > 1<<63-6 {
				*e.N = 1 << 40 // the file holds it plus 5
			}
			line, err := json.Marshal(shapes[q.shape].line(e))
			if err != nil {
				t.Fatal(err)
			}
			text = append(append(text, line...), '\n')
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, code := weir(t, "", "query", q.sql(path))
		if code != 0 {
			t.Fatalf("seed %d: exit %d: %s\n%s", seed, code, errs, q.sql(path))
		}
		want, late, untimed := q.answer(rows)
		got := cellsOf(t, q, out)
		settle(want, got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: %s\nrows differ (-model +weir):\n%s", seed, q.sql(path), diff)
		}
		for what, n := range map[string]int{"too late for all their windows": late, "no event time": untimed} {
			if strings.Contains(errs, what) != (n > 0) || n > 0 && !strings.Contains(errs, "note: "+strconv.Itoa(n)+" ") {
				t.Fatalf("seed %d: %s\n%d rows have or come %s; stderr: %s", seed, q.sql(path), n, what, errs)
			}
		}
	}
}

// settle puts weir's percentiles, which are near enough, in place of the model's.
func settle(want, got [][]any) {
	for i, row := range want[:min(len(want), len(got))] {
		for j, cell := range row {
			if n, ok := cell.(near); ok {
				row[j] = float64(n)
				if f, ok := got[i][j].(float64); ok && math.Abs(f-float64(n)) <= 0.01*math.Abs(float64(n))+1e-12 {
					row[j] = f
				}
			}
		}
	}
}

// cellsOf reads the rows of a question's answer; numbers become float64.
func cellsOf(t *testing.T, q question, ndjson string) (out [][]any) {
	names := []string{"window_start", "window_end"}
	if q.keyed {
		names = append(names, "k")
	}
	for i := range q.aggs {
		names = append(names, "a"+strconv.Itoa(i))
	}
	for _, r := range rowsOf(t, ndjson) {
		row := make([]any, len(names))
		for i, name := range names {
			row[i] = double(t, r[name])
			if list, ok := row[i].([]any); ok {
				for j := range list {
					list[j] = double(t, list[j])
				}
			}
		}
		out = append(out, row)
	}
	return out
}
