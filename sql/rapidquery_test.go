package sql

import "pgregory.net/rapid"

// relation is what stands behind FROM, and what may stand behind it.
func (g *gen) relation() string {
	alias := g.pick("", "t", "AS t")
	if g.queries >= 3 {
		return g.join(g.pick("t", "'f.jsonl'", "stdin", "`my t`"), alias)
	}
	switch rapid.IntRange(0, 9).Draw(g.T, "relation") {
	case 0:
		return g.join("("+g.query(false)+")", alias)
	case 1:
		return g.join(g.windowTable(), alias)
	case 2:
		return g.join("t", alias, g.pick("WINDOW TUMBLING (SIZE 1 HOUR)", "window hopping (size 30 seconds, advance by 10 seconds)", "WINDOW SESSION (60 SECONDS)"))
	}
	return g.join(g.pick("t", "'f.jsonl'", "stdin", "`my t`"), alias)
}

// windowTable is a window function in FROM.
func (g *gen) windowTable() string {
	source := g.pick("t", "TABLE t", "TABLE `my t`", "TABLE(t)", "'f.jsonl'")
	if g.pick("", "query") == "query" {
		source = "(" + g.query(false) + ")"
	}
	time := g.pick("", "ts,", "DESCRIPTOR(ts),")
	offset := g.pick("", ", INTERVAL 1 SECOND", ", 'Europe/Berlin'", ", INTERVAL '1' SECOND, 'Asia/Tokyo'")
	call := g.pick(
		g.join("TUMBLE(", source, ",", time, g.length(), offset, ")"),
		g.join("hop (", source, ",", time, g.length(), ",", "INTERVAL '1 day'", offset, ")"),
		g.join("CUMULATE(", source, ",", time, "5s, 1h", offset, ")"),
		g.join("SESSION(", source, g.pick("", "PARTITION BY a", "PARTITION BY a, `b`", "PARTITION BY (a, b)"), ",", "DESCRIPTOR(ts), INTERVAL 5 MINUTE)"),
		g.join("HOP(DATA =>", source, ", SIZE =>", "INTERVAL 5 SECOND", ", TIMECOL => DESCRIPTOR(ts), SLIDE =>", "INTERVAL 10 SECOND", ")"))
	if g.pick("", "TABLE") == "" {
		return call
	}
	return "TABLE(" + call + ")"
}

// groupItem is an entry of GROUP BY.
func (g *gen) groupItem() string {
	return g.pick(g.expr(),
		g.join("TUMBLE(", g.pick("ts,", ""), g.length(), g.pick("", ", 'Europe/Berlin'"), ")"),
		g.join("HOP(ts,", g.length(), ",", g.length(), ")"),
		g.join("SESSION(ts, INTERVAL 1 MINUTE", g.maybe(", INTERVAL 1 HOUR"), ")"),
		g.join("STAGGER(ts, ", g.length(), ")"), "COUNT_WINDOW(5, 1)", "countwindow( 7 )",
		"TUMBLINGWINDOW(ss, 10)", "HoppingWindow(second, 10, 5)", "SESSIONWINDOW(mi, 2, 1)",
		"FLOOR(ts TO MINUTE)", "STEP(ts BY INTERVAL '30' SECOND)",
		g.join(g.pick("ROLLUP", "CUBE"), "(", g.expr(), ", (a, b) )"),
		g.join("GROUPING SETS", "( (", g.expr(), ", a), (), b, rollup(a, b))"))
}

func (g *gen) groupBy() string {
	if g.pick("", "GROUP BY") == "" {
		return ""
	}
	if g.pick("", "", "ROLLUP") != "" {
		return g.join("GROUP BY", g.column(), ",", g.column(), "WITH ROLLUP")
	}
	return g.join("GROUP", "BY", g.expr(), ",", g.groupItem(), g.maybe("FILL(prev)"))
}

func (g *gen) emit() string {
	return g.join(g.pick("", "EMIT ON WINDOW CLOSE", "EMIT FINAL", "EMIT CHANGES", "EMIT ON UPDATE", "EMIT EVERY 5 SECOND", "EMIT PERIODIC 5s",
		"EMIT STREAM AFTER WATERMARK", "emit after watermark with delay 2s"), g.maybe("ALLOWED LATENESS "+g.interval2()))
}

// query is a SELECT, or several with WITH and UNION around them. Those inside of
// another one have neither EMIT nor options.
func (g *gen) query(outer bool) string {
	if g.queries++; g.queries > 4 {
		g.queries--
		return "SELECT 1"
	}
	defer func() { g.queries-- }()
	tail := ""
	if outer {
		tail = g.join(g.emit(), g.maybe("WITH (start = 'earliest', x.y = -1)"))
	}
	order := g.join(g.maybe("ORDER BY "+g.expr()+g.pick("", " DESC", " asc")), g.pick("", "LIMIT 5", "LIMIT 5 OFFSET 7", "LIMIT 7, 5"))
	switch rapid.IntRange(0, 5).Draw(g.T, "query") {
	case 0:
		return g.join("WITH", "x", g.maybe("(a, b)"), "AS", "("+g.query(false)+"),", "`y` AS ("+g.query(false)+")", g.core(), order, tail)
	case 1:
		return g.join(g.core(), "UNION", g.pick("", "ALL", "DISTINCT"), g.core(), order, tail)
	case 2:
		return g.join("("+g.query(false)+")", "UNION", g.maybe("ALL"), "("+g.query(false)+")", order, tail)
	}
	return g.join(g.core(), order, tail)
}

// core is a SELECT without what may stand behind a UNION.
func (g *gen) core() string {
	return g.join("SELECT", g.maybe("DISTINCT"), g.pick("*", "t.*", g.expr(), "window_start()", "TUMBLE_START(ts, INTERVAL 1 DAY)", "WINDOWEND"), ",", g.expr(),
		"FROM", g.relation(), g.maybe("WHERE "+g.expr()), g.groupBy(), g.maybe("HAVING "+g.expr()))
}

// insert is an INSERT, also of a pump.
func (g *gen) insert() string {
	return g.pick(
		g.join("INSERT INTO", "s", g.maybe("(a, `b`)"), g.query(true)),
		g.join("INSERT", "INTO s VALUES (", g.expr(), ", 'x')", g.pick("", ", (1, NULL)")),
		g.join("CREATE", g.maybe("OR REPLACE"), "PUMP p AS INSERT INTO s", g.query(true)),
		"SUBSCRIBE TO v WITH (SNAPSHOT) AS OF '1-2'", "SUBSCRIBE ("+g.query(true)+") WITH (PROGRESS, SNAPSHOT = FALSE)", "ALTER STREAM s END", "ALTER STREAM s SET (retention = '48h', idle_timeout = 5)", "EXPLAIN WATERMARK FOR QUERY q",
		"EXPLAIN ANALYZE "+g.query(true))
}
