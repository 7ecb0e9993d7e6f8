package sql

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"weir/sql/diag"
)

// Bombs fail clearly, and long before anybody notices.
func TestBombs(t *testing.T) {
	many := func(s string, n int) string { return strings.Repeat(s, n) }
	for _, c := range []struct {
		name, text, number string
	}{
		{"parentheses", "SELECT " + many("(", 5000) + "1" + many(")", 5000), "100"},
		{"open parentheses", "SELECT " + many("(", 15000), "100"},
		{"calls", "SELECT " + many("ABS(", 5000) + "1" + many(")", 5000), "100"},
		{"cases", "SELECT " + many("CASE WHEN ", 5000), "100"},
		{"nots", "SELECT " + many("NOT ", 10000) + "1", "100"},
		{"minuses", "SELECT " + many("- ", 15000) + "1", "100"},
		{"joins", "SELECT 1 FROM t" + many(" JOIN t", 5000), "32"},
		{"list", "SELECT a IN (1" + many(",1", 15000) + ")", "20000"},
		{"digits", "SELECT " + many("9", 100), "65"},
		{"many digits", "SELECT " + many("9", 60000), "65"},
		{"fraction", "SELECT 0." + many("9", 80), "65"},
		{"bytes", "SELECT '" + many("x", 70000) + "'", "65536"},
		{"comment", "SELECT 1 /*" + many("x", 70000) + "*/ , 2", "65536"},
		{"tokens", "SELECT 1" + many("+1", 20000), "20000"},
		{"text", many("SELECT 1;", 200000), "1048576"},
		{"statements", many("SELECT 1;", 1001), "1000"},
		{"sub-selects", many("SELECT (", 5000), "100"},
		{"casts", "SELECT " + many("CAST(", 5000), "100"},
		{"tildes", "SELECT " + many("~", 15000) + "1", "100"},
		{"digits of a million", "SELECT " + many("9", 1_000_000), "65"},
		{"suffix casts", "SELECT a" + many("::INT", 15000), "20000"},
		{"names of many parts", "SELECT a" + many(".b", 15000), "20000"},
		{"columns", "SELECT a" + many(",a", 15000), "20000"},
		{"unions", "SELECT 1" + many(" UNION SELECT 1", 3000), "64"},
		{"filters", "SELECT " + many("COUNT(*) FILTER (WHERE ", 1500) + "1" + many(")", 1500), "100"},
		{"orders", "SELECT " + many("ARRAY_AGG(a ORDER BY ", 2000) + "1" + many(")", 2000), "100"},
		{"intervals", "SELECT " + many("INTERVAL (", 3000) + "1" + many(") DAY", 3000), "100"},
		{"queries of WITH", "WITH a0 AS (SELECT 1)" + manyCTEs(2000) + " SELECT 1", "64"},
		{"derived tables", "SELECT 1 FROM " + many("(SELECT 1 FROM ", 3000) + "t" + many(") x", 3000), "100"},
		{"windows in windows", "SELECT 1 FROM " + many("TUMBLE((SELECT 1 FROM ", 1000) + "t" + many("), 5s)", 1000), "100"},
		{"grouping sets", "SELECT 1 FROM t GROUP BY GROUPING SETS (a" + many(",a", 5000) + ")", "64"},
		{"a cube", "SELECT 1 FROM t GROUP BY CUBE (a" + many(",a", 60) + ")", "64"},
		{"cubes in sets", "SELECT 1 FROM t GROUP BY GROUPING SETS (" + many("CUBE(a,b,c,d,e,f),", 500) + "a)", "64"},
		{"a rollup", "SELECT 1 FROM t GROUP BY a" + many(",a", 5000) + " WITH ROLLUP", "64"},
		{"rows", "INSERT INTO t VALUES (1)" + many(",(1)", 4000), "1000"},
		{"a duration", "SELECT 1 FROM t EMIT EVERY " + many("9", 60) + "s", "long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Time of the processor, of some runs the least: others use the machine, too.
			const most = 100 * time.Millisecond
			var err error
			took := time.Hour
			for range 5 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := computed(t)
				_, err = Parse(c.text)
				runtime.ReadMemStats(&after)
				if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
					t.Errorf("allocated %d MB", n>>20)
				}
				if took = min(took, computed(t)-start); took <= most {
					break
				}
			}
			var e *diag.Error
			if !errors.As(err, &e) || e.Code != diag.TooLarge && e.Code != diag.BadLiteral {
				t.Fatalf("want TooLarge, got %v", err)
			}
			if !strings.Contains(e.Message, c.number) {
				t.Errorf("%q does not name the limit %s", e.Message, c.number)
			}
			checkError(t, c.text, e)
			if out := diag.Render(e, c.text); len(out) > 2000 {
				t.Errorf("the rendered error has %d bytes", len(out))
			}
			if took > most {
				t.Errorf("took %v", took)
			}
		})
	}
}

func manyCTEs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",a%d AS (SELECT 1)", i+1)
	}
	return b.String()
}

// What is just inside of the limits parses, or is refused, quickly and without a panic.
func TestJustInsideTheLimits(t *testing.T) {
	many := func(s string, n int) string { return strings.Repeat(s, n) }
	for name, text := range map[string]string{
		"parentheses": "SELECT " + many("(", 100) + "1" + many(")", 100),
		"cases":       "SELECT " + many("CASE WHEN 1 THEN ", 100) + "1" + many(" END", 100),
		"nots":        "SELECT " + many("NOT ", 100) + "1",
		"sum":         "SELECT 1" + many("+1", 9900),
		"ors":         "SELECT a FROM t WHERE a = 1" + many(" OR a=1", 4900),
		"columns":     "SELECT a" + many(",a", 9900),
		"list":        "SELECT a IN (1" + many(",1", 9900) + ")",
		"digits":      "SELECT " + many("9", 65),
		"string":      "SELECT '" + many("x", 65000) + "'",
		"casts":       "SELECT " + many("CAST(", 100) + "1" + many(" AS BIGINT)", 100),
		"suffixes":    "SELECT a" + many("::BIGINT", 4000),
		"intervals":   "SELECT ts" + many("-INTERVAL 1 DAY", 3900),
		"statements":  many("SELECT 1;", 1000),
		"comments":    "SELECT 1" + many("/**/", 10000),
		"name":        "SELECT " + many("x", 65000),
		"filters":     "SELECT " + many("COUNT(*) FILTER (WHERE a),", 1600) + "1",
		"lengths":     "SELECT ts" + many("-INTERVAL a DAY", 3900),
		"nested":      "SELECT " + many("SUM(DISTINCT ", 90) + "1" + many(")", 90),
		"arrows":      "SELECT a" + many("->'$.b'", 8000),
		"unions":      "SELECT 1" + many(" UNION ALL SELECT 1", 64),
		"CTEs":        "WITH a0 AS (SELECT 1)" + manyCTEs(63) + " SELECT 1",
		"derived":     "SELECT 1 FROM " + many("(SELECT 1 FROM ", 100) + "t" + many(") x", 100),
		"windows":     "SELECT 1 FROM t GROUP BY a" + many(",TUMBLE(a,5s)", 1500),
		"sets":        "SELECT 1 FROM t GROUP BY a" + many(",CUBE(a,b,c,d)", 100),
		"floors":      "SELECT " + many("FLOOR(", 99) + "1" + many(" TO DAY)", 99),
		"fractions":   "SELECT " + many("INTERVAL a + (", 49) + "1" + many(") DAY", 49),
		"trims":       "SELECT " + many("TRIM(a FROM ", 99) + "b" + many(")", 99),
		"quoted":      "SELECT " + many("`f`(a ORDER BY ", 99) + "b ^ c" + many(")", 99),
		"rows":        "INSERT INTO t VALUES (1)" + many(",(1)", 999),
	} {
		t.Run(name, func(t *testing.T) {
			start := computed(t)
			stmts, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if took := computed(t) - start; took > 3*time.Second {
				t.Errorf("took %v", took)
			}
			if len(text) < 50000 {
				checkStable(t, stmts)
			}
		})
	}
	// 32 joins are inside the limit, and refused by name.
	_, err := Parse("SELECT 1 FROM t" + many(" JOIN t", 32))
	if e := diag.From(err); e.Code != diag.Unsupported {
		t.Errorf("joins: %v", err)
	}
}

// The place of a syntax error is found from what the parser says is left of the
// text, of which it shows 2,048 bytes.
func TestErrorFarFromTheEnd(t *testing.T) {
	for _, n := range []int{0, 100, 2020, 2030, 2040, 2050, 5000, 30000} {
		text := "SELECT a FROM t WHERE b b " + strings.Repeat("x\"' ", n/4)
		text = strings.ReplaceAll(text, "\"'", "_")
		_, err := Parse(text)
		e := diag.From(err)
		if got := fmt.Sprint(e.Span); got != "{24 25}" {
			t.Errorf("%d bytes behind it: %v at %s", n, e, got)
		}
	}
}

func TestParseOne(t *testing.T) {
	if _, err := ParseOne(" SELECT 1 ; "); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", " -- nothing\n", ";"} {
		if _, err := ParseOne(text); diag.From(err).Code != diag.Syntax {
			t.Errorf("%q: %v", text, err)
		}
	}
	_, err := ParseOne("SELECT 1; SELECT 2")
	if e := diag.From(err); e.Span != (diag.Span{Start: 10, End: 18}) {
		t.Errorf("two statements: %v at %v", err, e.Span)
	}
}

func TestOddBytes(t *testing.T) {
	for text, want := range map[string]diag.Span{
		"SELECT \xff":    {Start: 7, End: 8},
		"SELECT 'a\x00'": {Start: 9, End: 10},
	} {
		_, err := Parse(text)
		if e := diag.From(err); e.Code != diag.Syntax || e.Span != want {
			t.Errorf("%q: %v at %v", text, e, e.Span)
		}
	}
	if _, err := Parse("\ufeffSELECT 1"); err != nil {
		t.Errorf("a byte order mark: %v", err)
	}
}

func BenchmarkParse(b *testing.B) {
	const text = "SELECT window_start, item, SUM(price) AS total FROM bids WHERE price > 10 GROUP BY item, TUMBLE(ts, INTERVAL 1 MINUTE) EMIT ON WINDOW CLOSE"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseOne(text); err != nil {
			b.Fatal(err)
		}
	}
}
