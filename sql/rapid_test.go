package sql

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weir/sql/diag"
)

// gen writes random statements of the dialect in random spellings.
type gen struct {
	*rapid.T
	depth   int
	queries int // inside of each other
}

func (g *gen) pick(options ...string) string { return rapid.SampledFrom(options).Draw(g.T, "pick") }

func (g *gen) maybe(s string) string { return g.pick("", s) }

// gap is what may stand between two words.
func (g *gen) gap() string {
	return g.pick(" ", " ", " ", "\n", "\t ", " /* é */ ", " -- x\n", " #\n")
}

func (g *gen) join(parts ...string) string {
	var b strings.Builder
	for i, p := range parts {
		if p == "" {
			continue
		}
		if i > 0 {
			b.WriteString(g.gap())
		}
		b.WriteString(p)
	}
	return b.String()
}

func (g *gen) column() string {
	return g.pick("a", "b", "ts", "t.a", "`key`", "t.order", "`a``b`", "Zoë", "stream", "emit", "count")
}

func (g *gen) interval() string {
	return g.join(g.pick("INTERVAL", "interval"), g.pick("5 SECOND", "a MINUTE", "(a + 1) HOURS", "t.a * 2 DAY", "-a SECOND", "'1 month 3 days'", "5 SECOND"))
}

// length is an interval that a window can be as long as.
func (g *gen) length() string {
	return g.join(g.pick("INTERVAL", "interval"), g.pick("5 SECOND", "'5' minutes", "'10 hours'", "1.5 DAY", "-2 month", "'1' YEAR",
		"'1-2' YEAR TO MONTH", "'1:30' minute_second", "'1 day 02:30:00'", "'P1DT2H'"))
}

func (g *gen) typ() string {
	return g.pick("BIGINT", "int", "VARCHAR", "varchar(3)", "STRING", "DOUBLE", "TIMESTAMP(3)", "DATETIME", "BOOLEAN", "DECIMAL(10,2)", "DATE", "TIME", "BINARY(3)", "CHAR")
}

func (g *gen) expr() string {
	if g.depth++; g.depth > 5 {
		g.depth--
		return g.column()
	}
	defer func() { g.depth-- }()
	switch rapid.IntRange(0, 27).Draw(g.T, "expr") {
	case 0, 1, 2:
		return g.column()
	case 3:
		return g.pick("1", "0", "1.5", "1e3", "NULL", "TRUE", "false", "'x'", `'it''s \n'`, "'日本'", `"d"`, "X'4d'", "0x1F", "b'101'", "N'x'", "_utf8mb4'x'")
	case 4:
		return g.join(g.operand(), g.pick("+", "-", "*", "/", "%", "DIV", "mod"), g.operand())
	case 5:
		return g.join(g.operand(), g.pick("=", "<>", "!=", "<", "<=", ">", ">=", "<=>"), g.operand())
	case 6:
		return g.join(g.operand(), g.pick("AND", "or", "XOR", "&&"), g.operand())
	case 7:
		return g.join(g.pick("NOT", "-", "+", "!"), g.operand())
	case 8:
		return g.join("(", g.expr(), ")")
	case 9:
		return g.join(g.operand(), g.maybe("NOT"), "BETWEEN", g.operand(), "AND", g.operand())
	case 10:
		return g.join(g.operand(), g.maybe("NOT"), "IN (", g.expr(), ",", g.expr(), ")")
	case 11:
		return g.join(g.operand(), g.maybe("NOT"), "LIKE", g.pick("'x%'", "a", `'\%_'`), g.maybe("ESCAPE '|'"))
	case 12:
		return g.join(g.operand(), "IS", g.maybe("NOT"), g.pick("NULL", "TRUE", "FALSE", "UNKNOWN"))
	case 13:
		return g.join("CASE", g.maybe(g.operand()), "WHEN", g.expr(), "THEN", g.expr(), g.maybe("ELSE "+g.expr()), "END")
	case 14:
		return g.join("CAST", "(", g.expr(), "AS", g.typ(), ")")
	case 15:
		return g.operand() + g.maybe(" ") + "::" + g.typ()
	case 16:
		return g.join(g.operand(), g.pick("+", "-"), g.pick(g.interval(), g.length()))
	case 17:
		return g.join(g.pick("COUNT", "sum", "MIN", "AVG"), "(", g.expr(), ")")
	case 18:
		return g.join(g.pick("COALESCE", "CONCAT", "mod", "IF", "date_add"), "(", g.expr(), ",", g.pick(g.interval(), g.expr()), ")")
	}
	switch rapid.IntRange(0, 7).Draw(g.T, "dialects") {
	case 0:
		return g.aggregate()
	case 1:
		return g.join(g.pick("TRY_CAST", "cast"), "(", g.expr(), "as", g.typ(), ")")
	case 2:
		return g.join("CONVERT", "(", g.expr(), g.pick("USING utf8mb4", ", "+g.typ()), ")")
	case 3:
		return g.join(g.operand(), g.pick("->", "->>"), g.pick("'$.a'", "'key'", "0"))
	case 4:
		return g.join(g.operand(), g.pick("IS DISTINCT FROM", "IS NOT DISTINCT FROM", "REGEXP", "not rlike", "|", "&", "<<", ">>"), g.operand())
	case 5:
		return g.join(g.pick("TRIM(LEADING", "trim ( both", "TRIM( TRAILING"), g.maybe("'x'"), "FROM", g.expr(), ")")
	case 6:
		return g.join(g.pick("TIMESTAMPDIFF", "TIMESTAMPADD"), "(", g.pick("SECOND", "month", "SQL_TSI_DAY"), ",", g.expr(), ",", g.expr(), ")")
	}
	return g.pick("COUNT( * )", "POSITION('a' IN b)", "EXTRACT(epoch FROM ts)", "FLOOR(ts TO MINUTE)", "CHAR(65 USING utf8mb4)", "INTERVAL(a, 1, 2)", "TIME '10:00:00'",
		"DATETIME '2026-11-20 10:00:00'", "ts AT TIME ZONE 'UTC'", "ts AT TIME ZONE 'Europe/Berlin'", "(a ILIKE b)", "(a SOUNDS LIKE b)", "(a SIMILAR TO 'x%|[0-9]')", "(a NOT SIMILAR TO '_' ESCAPE '|')", "(a MEMBER OF (doc))", "TRY_CAST(a AS BIGINT)", "CEIL(ts TO CENTURY)", "~ a", "JSON_VALUE(a, '$.b' RETURNING double)", "EXTRACT(hour FROM ts)", "DATE '2026-11-20'", "TIMESTAMP'2026-11-20 00:00:00.5'", "SUBSTRING(a FROM 1 FOR 2)", "NOW()", "CURRENT_TIMESTAMP")
}

// aggregate is one with the clauses that stand in it and behind it.
func (g *gen) aggregate() string {
	name, second := g.pick("COUNT", "sum", "GROUP_CONCAT", "ARRAY_AGG", "FIRST_VALUE", "lag", "HISTOGRAM"), ""
	if name != "COUNT" && name != "sum" { // of one argument
		second = g.maybe(", " + g.expr())
	}
	head := g.join(name, "(")
	inside := g.join(g.maybe("DISTINCT"), g.expr(), second, g.maybe("ORDER BY "+g.expr()+g.pick("", " DESC", " asc nulls first")), g.pick("", "SEPARATOR '; '", "IGNORE NULLS", "RESPECT NULLS"))
	return g.join(head, inside, ")", g.pick("", "IGNORE NULLS"), g.maybe("FILTER (WHERE "+g.expr()+")"))
}

// operand is an expression that groups wherever it stands.
func (g *gen) operand() string {
	if g.pick("", "()") == "()" {
		return "(" + g.expr() + ")"
	}
	return g.column()
}

func (g *gen) selectStatement() string {
	items := []string{"*", "t.*", g.expr(), g.join(g.expr(), "AS", "x"), g.join(g.expr(), "AS 'y z'")}
	first, stream := g.pick(items...), ""
	if first[0] != '-' && first[0] != '+' && !strings.HasPrefix(first, "mod") { // STREAM -x is a difference
		stream = g.maybe("STREAM")
	}
	return g.join("SELECT", stream, g.join(first, ",", g.expr()),
		"FROM", g.pick("t", "'f.jsonl'", "stdin", "`my t`"), g.pick("", "t", "AS t"),
		g.maybe("WHERE "+g.expr()),
		g.maybe(g.join("GROUP", "BY", g.expr(), ",", "TUMBLE(ts,", g.length(), ")")),
		g.maybe("HAVING "+g.expr()),
		g.maybe("ORDER BY "+g.expr()+g.pick("", " DESC", " asc")),
		g.pick("", "LIMIT 5", "LIMIT 5 OFFSET 7", "LIMIT 7, 5"),
		g.pick("", "EMIT ON WINDOW CLOSE", "EMIT FINAL", "EMIT CHANGES", "EMIT ON UPDATE"), g.maybe("ALLOWED LATENESS "+g.interval2()),
		g.maybe("WITH (start = 'earliest', x.y = -1)"))
}

func (g *gen) interval2() string { return g.pick("INTERVAL 1 MINUTE", "INTERVAL '10 seconds'") }

func (g *gen) statement() string {
	switch g.pick("select", "select", "query", "query", "insert", "view", "stream", "explain", "sink") {
	case "query":
		return g.query(true)
	case "insert":
		return g.insert()
	case "sink":
		head := g.join("CREATE", "SINK", g.maybe("IF NOT EXISTS"), "s")
		if g.pick("", "AS") == "" {
			return g.join(head, "FROM", "v", g.maybe("WITH (connector = 'file', x = 1)"))
		}
		return g.join(head, "AS", g.selectStatement())
	case "view":
		return g.join("CREATE", g.maybe("OR REPLACE"), g.maybe("MATERIALIZED"), "VIEW", g.maybe("IF NOT EXISTS"), "v", g.maybe("WITH (retention = '30d')"), "AS", g.pick(g.selectStatement(), g.query(true)))
	case "stream":
		return g.join("CREATE", "STREAM", "s", "(", "a", g.typ(), ",", "WATERMARK", "FOR", "ts", "AS", g.expr(), ",", "ts DATETIME(3)", ")", g.maybe("WITH (shards = 4)"))
	case "explain":
		return g.join("EXPLAIN", g.maybe("REWRITE"), g.selectStatement())
	}
	return g.selectStatement()
}

// Whatever the spelling: the statement is accepted, its spans cover what they say,
// the rewritings keep the length, and the print is stable.
func TestRandomStatements(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := &gen{T: rt}
		text := fmt.Sprintf("%s%s;%s%s", g.maybe("-- é\n"), g.statement(), g.gap(), g.statement())
		stmts, err := Parse(text)
		if err != nil {
			rt.Fatalf("refused:\n%s\n%s", text, diag.Render(diag.From(err), text))
		}
		tb := &failer{TB: t, rt: rt, text: text}
		checkSpans(tb, text, stmts)
		checkTexts(tb, text, stmts)
		checkStable(tb, stmts)
		checkRewrites(tb, text, stmts)
	})
}

// failer reports to rapid, which then makes the example small.
type failer struct {
	testing.TB
	rt   *rapid.T
	text string
}

func (f *failer) Helper() {}

func (f *failer) Fatalf(format string, args ...any) {
	f.rt.Fatalf("%s\n%s", f.text, fmt.Sprintf(format, args...))
}
