package planner_test

import (
	"fmt"
	"strings"
	"testing"

	"weir/operators/stream"
	"weir/planner"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// bombs are statements whose cost could grow faster than their length.
func bombs() map[string]string {
	return map[string]string{
		"terms":     "SELECT " + strings.Repeat("bidder + ", 7000) + "1 AS x FROM bids",
		"grouped":   "SELECT " + strings.Repeat("bidder + ", 3000) + "1 AS x, COUNT(*) FROM bids GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE), " + strings.Repeat("bidder + ", 3000) + "1",
		"behind":    "SELECT COUNT(*)" + strings.Repeat(" + 1", 12000) + " FROM bids GROUP BY TUMBLE(ts, INTERVAL 1 MINUTE)",
		"conjuncts": "SELECT item FROM bids WHERE bidder > 1" + strings.Repeat(" AND price > 1", 4000),
		"items":     "SELECT " + strings.Repeat("item, ", 4000) + "price FROM bids",
		"many":      "SELECT " + strings.Repeat("price, ", 9000) + "price FROM bids",
		"stars":     "SELECT " + strings.Repeat("*, ", 20000) + "price FROM bids",
		"sums":      "SELECT " + strings.Repeat("SUM(n), ", 4000) + "COUNT(*) FROM clicks GROUP BY TUMBLE(_arrival, INTERVAL 1 MINUTE)",
	}
}

func TestBombs(t *testing.T) {
	cfg := newWorld(t)
	for name, text := range bombs() {
		t.Run(name, func(t *testing.T) {
			stmt, err := sql.ParseOne(text)
			if err != nil {
				t.Skipf("the parser refuses it: %v", err)
			}
			p, err := planner.Plan(stmt.(*ast.Select), cfg)
			if err != nil {
				if code := diag.From(err).Code; code != diag.TooLarge && code != diag.GroupMisuse {
					t.Errorf("got %v", err)
				}
				return
			}
			checkPlan(t, p)
		})
	}
}

// TestDoublingViews checks that views over views that use a column twice do not
// make a plan of exponential size.
func TestDoublingViews(t *testing.T) {
	cfg := newWorld(t)
	from := "clicks"
	column := "n"
	for i := range 30 {
		name := fmt.Sprintf("double%d", i)
		q := parseQuery(t, "SELECT "+column+" + "+column+" AS x, at FROM "+from)
		cfg.Relations.(names)[name] = &planner.Relation{Name: name, Inline: q}
		from, column = name, "x"
	}
	p, err := planner.Plan(parseQuery(t, "SELECT x FROM "+from+" WHERE x > 1 AND x + x > 5"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkPlan(t, p)
	p, err = planner.Plan(parseQuery(t, "SELECT SUM(x) FROM "+from+" WHERE x > 1 GROUP BY TUMBLE(ROWTIME, INTERVAL 1 MINUTE)"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkPlan(t, p)
}

func TestTooManyViews(t *testing.T) {
	cfg := newWorld(t)
	from := "clicks"
	for i := range 40 {
		name := fmt.Sprintf("deep%d", i)
		cfg.Relations.(names)[name] = &planner.Relation{Name: name, Inline: parseQuery(t, "SELECT n FROM "+from)}
		from = name
	}
	_, err := planner.Plan(parseQuery(t, "SELECT n FROM "+from), cfg)
	if err == nil || diag.From(err).Code != diag.TooLarge {
		t.Errorf("40 views on each other give %v", err)
	}
}

func TestCheckStream(t *testing.T) {
	columns := stream.Schema{{Name: "ts", Type: types.DatetimeType(3)}, {Name: "n", Type: types.BigintType}}
	for _, c := range []struct {
		clause string
		code   diag.Code
		at     string
	}{
		{"ts - INTERVAL 5 SECOND", "", ""},
		{"LEAST(ts, NOW())", "", ""},
		{"n", diag.WrongType, "n"},
		{"tss - INTERVAL 5 SECOND", diag.UnknownColumn, "tss"},
		{"MAX(ts)", diag.GroupMisuse, "MAX(ts)"},
	} {
		text := "CREATE STREAM s (ts DATETIME(3), n BIGINT, WATERMARK FOR ts AS " + c.clause + ")"
		stmt, err := sql.ParseOne(text)
		if err != nil {
			t.Errorf("parse %s: %v", text, err)
			continue
		}
		err = planner.CheckStream("s", columns, nil, stmt.(*ast.CreateStream).Watermark)
		if err == nil {
			if c.code != "" {
				t.Errorf("%s is accepted", c.clause)
			}
			continue
		}
		if e := diag.From(err); e.Code != c.code || text[e.Span.Start:e.Span.End] != c.at {
			t.Errorf("%s gives %v at %q", c.clause, e, text[e.Span.Start:e.Span.End])
		}
	}
}

// FuzzPlan plans whatever parses: an error or a plan that keeps the contract,
// never a panic, and a span inside the text.
func FuzzPlan(f *testing.F) {
	for _, name := range []string{"plans.txt", "errors.txt", "types.txt"} {
		for _, c := range readGolden(f, name) {
			f.Add(c.in)
		}
	}
	cfg := newWorld(f)
	f.Fuzz(func(t *testing.T, text string) {
		stmt, err := sql.ParseOne(text)
		if err != nil {
			return
		}
		q, ok := stmt.(*ast.Select)
		if v, isView := stmt.(*ast.CreateView); isView {
			q, ok = v.Query, true
		}
		if !ok {
			return
		}
		p, err := planner.Plan(q, cfg)
		if err != nil {
			e := diag.From(err)
			if e.Code == diag.Internal || e.Span.Start < 0 || e.Span.End > len(text) || e.Span.Start > e.Span.End {
				t.Errorf("%q gives %v at %v", text, e, e.Span)
			}
			return
		}
		checkPlan(t, p)
	})
}
