package planner_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/operators/stream"
	"weir/planner"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/catalog"
	"weir/sql/diag"
)

var update = flag.Bool("update", false, "write the golden files again")

// world is what the queries of the tests can name.
const world = `
CREATE STREAM bids (
  item VARCHAR(32), price DECIMAL(10,2), bidder BIGINT, ts DATETIME(3), seen DATETIME(3),
  WATERMARK FOR ts AS ts - INTERVAL 5 SECOND
) WITH (partition_key = 'item');
CREATE STREAM clicks (user VARCHAR, at DATETIME(3), n BIGINT, ok BOOLEAN, score DOUBLE) WITH (idle_timeout = '0');
CREATE STREAM beats (
  ms BIGINT, doc JSON, ts DATETIME(3) AS (FROM_UNIXTIME(ms / 1000)), day DATE AS (DATE(ts)), kind VARCHAR AS (doc->>'$.kind'), text VARCHAR,
  WATERMARK FOR ts AS ts - INTERVAL 5 SECOND
) WITH (partition_key = 'text');
CREATE VIEW kinds AS SELECT kind, ts FROM beats WHERE day > '2026-01-01';
CREATE STREAM firehose WITH (format = 'raw');
CREATE STREAM days (d DATE, n BIGINT, WATERMARK FOR d AS d);
CREATE STREAM flights (
  date DATETIME(3), delay BIGINT, origin VARCHAR(8), day DATE, raw VARCHAR, score DOUBLE,
  amount DECIMAL(12,2), ok BOOLEAN, epoch BIGINT, Twin BIGINT
) WITH (connector = 'file', path = 'flights.jsonl');
CREATE STREAM replay (ts DATETIME(3), n BIGINT, WATERMARK FOR ts AS ts) WITH (connector = 'file', path = 'replay.jsonl');
CREATE VIEW expensive AS SELECT * FROM bids WHERE price > 100;
CREATE VIEW renamed AS SELECT item AS thing, price * 2 AS twice, ts AS at FROM expensive WHERE bidder <> 7;
CREATE VIEW shifted AS SELECT item, ts + INTERVAL 1 HOUR AS later FROM bids;
CREATE VIEW noclock AS SELECT item, price FROM bids;
CREATE VIEW perminute AS SELECT window_start, item, SUM(price) AS total FROM bids GROUP BY item, TUMBLE(ts, INTERVAL 1 MINUTE);
CREATE VIEW loop1 AS SELECT * FROM loop2;
CREATE VIEW loop2 AS SELECT * FROM loop1;
CREATE VIEW broken AS SELECT nothing FROM bids;
CREATE MATERIALIZED VIEW moving AS SELECT window_start, window_time, item, SUM(price) AS total FROM bids GROUP BY item, TUMBLE(ts, INTERVAL 1 MINUTE) EMIT CHANGES;
CREATE MATERIALIZED VIEW totals AS SELECT window_start, window_end, item, SUM(price) AS total FROM bids GROUP BY item, TUMBLE(ts, INTERVAL 1 MINUTE);
`

// names resolves names in the world.
type names map[string]*planner.Relation

func (n names) Relation(t *ast.Table) (*planner.Relation, error) {
	name := t.Name.Text
	if r, ok := n[name]; ok {
		return r, nil
	}
	return nil, diag.New(diag.UnknownObject, t.Span(), "there is no `%s`", name)
}

// following resolves names for a query that goes on: a materialized view is what
// its query computes.
type following struct{ names }

func (f following) Relation(t *ast.Table) (*planner.Relation, error) {
	if r, ok := f.names["follow "+t.Name.Text]; ok {
		return r, nil
	}
	return f.names.Relation(t)
}

// newWorld plans the world's statements one after the other.
func newWorld(t testing.TB) planner.Config {
	t.Helper()
	cfg := planner.Config{Relations: names{}, Now: 1_000_000}
	stmts, err := sql.Parse(world)
	if err != nil {
		t.Fatalf("parse the world: %v", err)
	}
	for _, s := range stmts {
		switch s := s.(type) {
		case *ast.CreateStream:
			cfg.Relations.(names)[s.Name.Text] = relationOf(t, s)
		case *ast.CreateView:
			r := &planner.Relation{Name: s.Name.Text, Inline: s.Query}
			if s.Materialized {
				p, err := planner.PlanView(s.Query, cfg)
				if err != nil {
					t.Fatal(err)
				}
				cfg.Relations.(names)["follow "+s.Name.Text] = &planner.Relation{Name: s.Name.Text, Inline: s.Query, Materialized: true}
				r = &planner.Relation{Kind: physical.SourceView, Name: s.Name.Text, Columns: p.Root.Schema(), Key: p.Key, Bounded: true}
			}
			cfg.Relations.(names)[s.Name.Text] = r
		}
	}
	return cfg
}

func relationOf(t testing.TB, def *ast.CreateStream) *planner.Relation {
	t.Helper()
	s, err := catalog.NewStream(def)
	if err != nil {
		t.Fatal(err)
	}
	if err := planner.CheckStream(s.Name, s.Columns, s.Generated, s.Watermark); err != nil {
		t.Fatal(err)
	}
	r := &planner.Relation{
		Name: s.Name, Columns: s.Columns, Generated: s.Generated, Watermark: s.Watermark, PartitionKey: s.PartitionKey,
		IdleTimeout: s.IdleTimeout, IdleAdvance: s.IdleAdvance, FutureTolerance: s.FutureTolerance,
	}
	if s.Connector == "file" {
		r.Kind, r.Bounded = physical.SourceFile, true
	}
	return r
}

func parseQuery(t testing.TB, text string) *ast.Select {
	t.Helper()
	s, err := sql.ParseOne(text)
	if err != nil {
		t.Fatalf("parse %s: %s", text, diag.Render(diag.From(err), text))
	}
	switch s := s.(type) {
	case *ast.Select:
		return s
	case *ast.CreateView:
		return s.Query
	}
	t.Fatalf("%s is no query", text)
	return nil
}

// plan returns the plan or the error of a statement, as text.
func plan(t testing.TB, cfg planner.Config, text string) string {
	t.Helper()
	stmt, err := sql.ParseOne(text)
	if err != nil {
		return "the parser refuses it: " + string(diag.From(err).Code)
	}
	var p *physical.Plan
	switch s := stmt.(type) {
	case *ast.Select:
		p, err = planner.Plan(s, cfg)
	case *ast.CreateView:
		if s.Materialized {
			cfg.Relations = following{cfg.Relations.(names)}
		}
		p, err = planner.PlanView(s.Query, cfg)
	default:
		t.Fatalf("%T cannot be planned", stmt)
	}
	if err != nil {
		return diag.Render(diag.From(err), text)
	}
	checkPlan(t, p)
	return physical.Print(p) + "-- " + describe(p.Root.Schema())
}

func describe(s stream.Schema) string {
	parts := make([]string, len(s))
	for i, f := range s {
		parts[i] = physical.FormatName(f.Name) + " " + f.Type.String()
	}
	return strings.Join(parts, ", ")
}

type goldenCase struct {
	line             int
	comment, in, out string
}

// readGolden reads blocks: lines with #, the statement, four dashes, what is
// expected up to an empty line that comes before the next block.
func readGolden(t testing.TB, name string) []goldenCase {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	line := 1
	for _, block := range strings.Split(strings.TrimRight(string(raw), "\n"), "\n\n") {
		c := goldenCase{line: line}
		line += strings.Count(block, "\n") + 2
		block = strings.TrimLeft(block, "\n")
		for strings.HasPrefix(block, "#") {
			comment, rest, _ := strings.Cut(block, "\n")
			c.comment, block = c.comment+comment+"\n", rest
		}
		c.in, c.out, _ = strings.Cut(block, "\n----")
		c.out = strings.TrimPrefix(c.out, "\n")
		cases = append(cases, c)
	}
	return cases
}

func runGolden(t *testing.T, name string, f func(testing.TB, planner.Config, string) string) {
	cfg := newWorld(t)
	var b strings.Builder
	for _, c := range readGolden(t, name) {
		if c.in == "" {
			fmt.Fprintf(&b, "%s\n", c.comment)
			continue
		}
		t.Run(fmt.Sprintf("line%d", c.line), func(t *testing.T) {
			got := strings.TrimRight(f(t, cfg, c.in), "\n")
			fmt.Fprintf(&b, "%s%s\n----\n%s\n\n", c.comment, c.in, got)
			if got != c.out && !*update {
				t.Errorf("%s:%d\n%s\ngot:\n%s\nwant:\n%s", name, c.line, c.in, got, c.out)
			}
		})
	}
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPlans(t *testing.T)  { runGolden(t, "plans.txt", plan) }
func TestErrors(t *testing.T) { runGolden(t, "errors.txt", plan) }
func TestTypes(t *testing.T)  { runGolden(t, "types.txt", plan) }

// TestRules shows what the rules make of a bound tree.
func TestRules(t *testing.T) {
	runGolden(t, "rules.txt", func(t testing.TB, cfg planner.Config, text string) string {
		bound, better, err := planner.Logical(parseQuery(t, text), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return bound + "=>\n" + better
	})
}
