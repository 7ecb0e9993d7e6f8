package sql

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	tidb "github.com/pingcap/tidb/pkg/parser"

	"weir/sql/diag"
)

var everyWord = flag.Bool("words.all", false, "try every word in every place instead of for a time")

// wordsFor is how long words are tried, in an order of chance.
const wordsFor = 3 * time.Second

// nameTemplates are the places where a name can stand.
var nameTemplates = []string{
	// Items, and what follows them.
	"SELECT %s", "SELECT %s FROM t", "SELECT a, %s FROM t", "SELECT %s, a FROM t", "SELECT %s * 2 FROM t", "SELECT %s - 1, * FROM t",
	"SELECT t.%s FROM t", "SELECT %s.a FROM t", "SELECT %s.* FROM t", "SELECT %s.%s", "SELECT a AS %s FROM t", "SELECT a %s FROM t", "SELECT a AS %s, b", "SELECT 1 %s",
	"SELECT DISTINCT %s, b FROM t", "SELECT STREAM %s FROM t", "SELECT (%s)", "SELECT %s IN (1)", "SELECT %s NOT IN (1)", "SELECT f() %s", "SELECT (a) %s", "SELECT (a) AS %s",
	"SELECT COUNT(*) %s FROM t", "SELECT f(a) AS %s FROM t", "SELECT 'x' %s", "SELECT CASE WHEN a THEN b END %s", "SELECT a::INT %s", "SELECT a->'b' %s",
	// Relations.
	"SELECT * FROM %s", "SELECT * FROM %s AS a", "SELECT * FROM %s a", "SELECT * FROM a AS %s", "SELECT * FROM a %s", "SELECT * FROM %s AS %s", "SELECT * FROM %s WHERE a",
	"SELECT * FROM a %s WHERE b", "SELECT * FROM a %s GROUP BY b", "SELECT * FROM a AS %s EMIT CHANGES", "SELECT * FROM %s EMIT CHANGES", "SELECT * FROM %s WITH (a = 1)",
	"SELECT * FROM %s LIMIT 1", "SELECT * FROM %s ALLOWED LATENESS 5 SECOND", "SELECT * FROM (SELECT 1) %s", "SELECT * FROM (SELECT 1) AS %s WHERE a", "SELECT * FROM (SELECT * FROM %s)",
	"SELECT * FROM TABLE(TUMBLE(TABLE %s, DESCRIPTOR(%s), INTERVAL 1 DAY)) AS %s", "SELECT * FROM TABLE(SESSION(TABLE t PARTITION BY %s, %s, DESCRIPTOR(ts), INTERVAL 1 DAY))",
	"SELECT * FROM TUMBLE(%s, %s, INTERVAL 1 DAY) %s", "SELECT * FROM %s UNION SELECT * FROM %s", "SELECT %s UNION ALL SELECT %s ORDER BY %s",
	"WITH %s AS (SELECT 1) SELECT * FROM %s", "WITH x (%s) AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT %s) SELECT 1",
	// Clauses.
	"SELECT 1 FROM t WHERE %s", "SELECT 1 FROM t WHERE %s GROUP BY %s HAVING %s ORDER BY %s, %s DESC LIMIT 5", "SELECT 1 FROM t GROUP BY %s, b", "SELECT 1 FROM t GROUP BY a, %s EMIT CHANGES",
	"SELECT 1 FROM t HAVING %s EMIT FINAL", "SELECT 1 FROM t ORDER BY %s EMIT ON UPDATE", "SELECT 1 FROM t ORDER BY %s ASC", "SELECT 1 FROM t GROUP BY ROLLUP(%s, a)", "SELECT 1 FROM t GROUP BY GROUPING SETS ((%s), (), %s)",
	"SELECT 1 FROM t GROUP BY %s WITH ROLLUP", "SELECT 1 FROM t GROUP BY a, %s FILL(PREV)", "SELECT 1 FROM t GROUP BY TUMBLE(%s, INTERVAL 1 DAY)", "SELECT 1 FROM t GROUP BY HOP(%s, 1d, 2d, 'UTC')",
	"SELECT 1 FROM t GROUP BY FLOOR(%s TO DAY)", "SELECT 1 FROM t GROUP BY STEP(%s BY INTERVAL 1 DAY)", "SELECT TUMBLE_START(%s, INTERVAL 1 DAY) FROM t", "SELECT 1 FROM t WINDOWED BY STAGGER(PARTITION BY a, %s RANGE INTERVAL 1 DAY)",
	// Operators.
	"SELECT -%s", "SELECT - -%s", "SELECT +%s", "SELECT NOT %s", "SELECT ~%s", "SELECT !%s", "SELECT %s + %s", "SELECT a DIV %s", "SELECT %s MOD %s", "SELECT %s = %s", "SELECT %s AND %s", "SELECT %s XOR %s", "SELECT a AND NOT %s",
	"SELECT %s BETWEEN %s AND %s", "SELECT a NOT BETWEEN %s AND %s", "SELECT 1 IN (%s, %s)", "SELECT %s LIKE %s", "SELECT a LIKE %s ESCAPE '|'", "SELECT %s REGEXP %s", "SELECT %s IS NULL", "SELECT %s IS NOT TRUE",
	"SELECT %s IS DISTINCT FROM %s", "SELECT CASE %s WHEN %s THEN %s ELSE %s END", "SELECT CASE WHEN %s THEN %s END", "SELECT CAST(%s AS INT)", "SELECT %s::INT", "SELECT CONVERT(%s, CHAR)", "SELECT %s->'a'", "SELECT %s ->> 0",
	"SELECT %s AT TIME ZONE 'Asia/Tokyo'", "SELECT %s || 'x'", "SELECT %s ILIKE %s", "SELECT %s SOUNDS LIKE %s", "SELECT %s SIMILAR TO 'a%%'", "SELECT %s MEMBER OF(%s)",
	// Calls.
	"SELECT f(%s)", "SELECT f(%s, a)", "SELECT f(a, %s)", "SELECT f(a + %s)", "SELECT COUNT(%s)", "SELECT COUNT(DISTINCT %s)", "SELECT f(DISTINCT %s, %s)", "SELECT f(a ORDER BY %s)", "SELECT f(%s ORDER BY %s DESC, %s)", "SELECT f(%s ORDER BY %s SEPARATOR 'x')",
	"SELECT f(%s SEPARATOR 'x')", "SELECT f(%s IGNORE NULLS)", "SELECT f(%s) IGNORE NULLS", "SELECT f(a) FILTER (WHERE %s)", "SELECT f(a) WITHIN GROUP (ORDER BY %s)", "SELECT f(%s) WITHIN GROUP (ORDER BY %s DESC) FILTER (WHERE %s)",
	"SELECT EXTRACT(DAY FROM %s)", "SELECT EXTRACT(EPOCH FROM %s)", "SELECT TRIM(%s FROM %s)", "SELECT TRIM(LEADING %s FROM %s)", "SELECT TRIM(BOTH FROM %s)", "SELECT TRIM(%s)", "SELECT POSITION(%s IN %s)", "SELECT TIMESTAMPDIFF(DAY, %s, %s)",
	"SELECT TIMESTAMPADD(DAY, %s, %s)", "SELECT FLOOR(%s TO DAY)", "SELECT FLOOR(%s)", "SELECT CEIL(%s, %s)", "SELECT SUBSTRING(%s FROM %s FOR %s)", "SELECT CHAR(%s USING utf8mb4)", "SELECT DATE_TRUNC('day', %s)", "SELECT DATE_PART(t.%s, a)", "SELECT DATE_ADD(%s, INTERVAL %s DAY)",
	"SELECT JSON_VALUE(%s, '$.a' RETURNING INT)", "SELECT DATEADD(DAY, %s, %s)", "SELECT IF(%s, %s, %s)",
	"SELECT INTERVAL %s DAY", "SELECT INTERVAL (%s) DAY", "SELECT INTERVAL -%s DAY", "SELECT %s + INTERVAL 1 DAY", "SELECT INTERVAL %s + 1 DAY", "SELECT INTERVAL 1 + %s DAY", "SELECT INTERVAL t.%s DAY", "SELECT INTERVAL %s.%s DAY", "SELECT INTERVAL(%s, %s)", "SELECT INTERVAL f(%s) DAY",
	"SELECT INTERVAL CASE %s WHEN %s THEN %s END DAY",
	// Statements.
	"CREATE STREAM %s (a INT)", "CREATE STREAM %s", "CREATE STREAM IF NOT EXISTS %s", "CREATE STREAM s (%s INT)", "CREATE STREAM s (a INT, %s DATETIME(3), WATERMARK FOR %s AS %s - INTERVAL 5 SECOND)", "CREATE STREAM s (a INT AS (%s), b INT)",
	"CREATE STREAM s (%s INT AS (%s + 1))", "CREATE STREAM s WITH (%s = 1)", "CREATE STREAM s WITH (a.%s = 1, %s.%s = 'x')", "SELECT 1 FROM t WITH (%s = 1)",
	"CREATE VIEW %s AS SELECT 1", "CREATE MATERIALIZED VIEW IF NOT EXISTS %s AS SELECT 1", "CREATE SINK %s FROM %s", "CREATE SINK IF NOT EXISTS %s AS SELECT 1", "INSERT INTO %s SELECT 1", "INSERT INTO %s (%s) SELECT 1", "INSERT INTO s VALUES (%s, %s), (a, %s)",
	"INSERT INTO %s (a) VALUES (1)", "INSERT INTO %s (SELECT 1)", "CREATE PUMP %s AS INSERT INTO %s SELECT 1", "DROP STREAM %s", "DROP VIEW IF EXISTS %s", "DROP QUERY %s", "SHOW CREATE %s", "SHOW CREATE VIEW %s", "DESCRIBE %s", "ALTER STREAM %s END", "ALTER STREAM %s SET (%s = 1)", "EXPLAIN ANALYZE QUERY %s", "CREATE OR REPLACE PUMP %s AS INSERT INTO s SELECT 1", "SHOW CREATE PUMP %s", "SUBSCRIBE TO %s", "SUBSCRIBE %s WITH (SNAPSHOT)",
	"EXPLAIN WATERMARK FOR QUERY %s", "EXPLAIN WATERMARK FOR %s", "EXPLAIN DROP SINK %s",
}

// callTemplates are what a call can look like.
var callTemplates = []string{
	"SELECT %s()", "SELECT %s", "SELECT %s(a)", "SELECT %s (a)", "SELECT %s(a, b)", "SELECT %s(a, b, c)", "SELECT %s(*)", "SELECT %s('x')", "SELECT %s('DAY', a)", "SELECT %s(a, 'DAY')", "SELECT %s('DAY', a, b)", "SELECT %s(a, 'EPOCH')",
	"SELECT %s('EPOCH', a)", "SELECT %s('EPOCH', a, b)", "SELECT %s(DAY, a)", "SELECT %s(`day`, a)", "SELECT %s(`x`, a, b)", "SELECT %s(DISTINCT `day`, a)", "SELECT %s(DAY, a, b)", "SELECT %s(DAY FROM a)", "SELECT %s(EPOCH FROM a)", "SELECT %s(a FROM b)", "SELECT %s(1 FROM b)", "SELECT %s('BOTH' FROM b)", "SELECT %s(LEADING a FROM b)",
	"SELECT %s(a TO DAY)", "SELECT %s(a TO CENTURY)", "SELECT %s(a IN b)", "SELECT %s(a AS INT)", "SELECT %s(a, INT)", "SELECT %s(a USING utf8mb4)", "SELECT %s(a FROM 1 FOR 2)", "SELECT %s(a, INTERVAL 1 DAY)", "SELECT %s(a, INTERVAL b DAY)",
	"SELECT %s(INTERVAL 1 DAY)", "SELECT %s(1, 2)", "SELECT %s(a BY INTERVAL 1 DAY)",
	"SELECT %s(DISTINCT a)", "SELECT %s(ALL a)", "SELECT %s(DISTINCT a, b)", "SELECT %s(DISTINCT 'EPOCH', b)", "SELECT %s(DISTINCT a, 'DAY')", "SELECT %s(DISTINCT a FROM b)", "SELECT %s(a ORDER BY b)", "SELECT %s(DISTINCT a ORDER BY b DESC, c SEPARATOR ';')",
	"SELECT %s(a, 'DAY' ORDER BY b)", "SELECT %s('EPOCH', a ORDER BY b)", "SELECT %s(a FROM b ORDER BY c)", "SELECT %s(TRAILING a FROM b ORDER BY c)", "SELECT %s(a SEPARATOR '')", "SELECT %s(a IGNORE NULLS)", "SELECT %s(a) IGNORE NULLS", "SELECT %s(a RESPECT NULLS)",
	"SELECT %s(a) FILTER (WHERE b)", "SELECT %s() FILTER (WHERE b)", "SELECT %s(*) FILTER (WHERE b ^ c = 1 && d)", "SELECT %s(DAY FROM a) FILTER (WHERE b)", "SELECT %s(a FROM b) FILTER (WHERE b)", "SELECT %s(a TO DAY) WITHIN GROUP (ORDER BY b)", "SELECT %s(a AS INT) FILTER (WHERE b)",
	"SELECT %s(a) WITHIN GROUP (ORDER BY b DESC)", "SELECT %s(a, ',') WITHIN GROUP (ORDER BY b) FILTER (WHERE c)", "SELECT %s() WITHIN GROUP (ORDER BY b)", "SELECT %s(a) FILTER (WHERE b) WITHIN GROUP (ORDER BY c)", "SELECT %s(a ORDER BY b) FILTER (WHERE c) IGNORE NULLS",
	"SELECT %s(a, '$.b' RETURNING INT)", "SELECT %s(a, '$.b' RETURNING INT NULL ON EMPTY)", "SELECT %s(a NULL ON ERROR)", "SELECT NOT %s(a)", "SELECT - %s(a)", "SELECT -%s(a, b)", "SELECT %s(%s(a))", "SELECT %s(a, %s(b))", "SELECT a %s b", "SELECT a %s (b)", "SELECT a %s (b, c)",
	"SELECT INTERVAL %s(a) DAY", "SELECT INTERVAL %s(a, b) + 1 DAY", "SELECT %s(a) DAY", "SELECT %s(a)->'b'", "SELECT %s(a)::INT", "SELECT %s(a) AT TIME ZONE 'Asia/Tokyo'", "SELECT %s(a) || 'x'", "SELECT %s('a') || %s('b')", "SELECT %s 'x'", "SELECT %s'x'", "SELECT %s 1",
	"SELECT %s(a) FROM t", "SELECT STREAM %s(a) FROM t", "SELECT 1 FROM t GROUP BY %s(a)", "SELECT 1 FROM t GROUP BY %s(a, 1d)", "SELECT 1 FROM t GROUP BY %s(a, 1d, 2d)", "SELECT 1 FROM t GROUP BY %s(a, b), %s(c)", "SELECT 1 FROM t GROUP BY %s(5)", "SELECT 1 FROM t GROUP BY %s(a) WITH ROLLUP",
	"SELECT 1 FROM t GROUP BY %s(ss, 10)", "SELECT %s(a, 1d) FROM t", "SELECT * FROM %s(t, a, 1d)", "SELECT * FROM TABLE(%s(TABLE t, DESCRIPTOR(a), 1d, 2d))", "SELECT 1 FROM t ORDER BY %s(a) DESC", "CREATE STREAM s (a INT AS (%s(b)))", "INSERT INTO s VALUES (%s(1))", "INSERT INTO s %s (1)",
}

// allWords are the keywords of the parser behind and the words that our own sources speak of.
func allWords(t *testing.T) []string {
	t.Helper()
	var words []string
	for _, k := range tidb.Keywords {
		words = append(words, k.Word)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile(`"([A-Z][A-Z_0-9]*)"`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			words = append(words, m[1])
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// Whatever a thing is called: in back-quotes its name is taken, and printed so that it is read again.
// Bare, a word is refused, or means what the printed text means.
func TestEveryWordAsAName(t *testing.T) {
	tryTemplates(t, nameTemplates, allWords(t), true)
}

// A function that is called like any word, in each of the ways in which some function is called.
func TestEveryWordAsACall(t *testing.T) {
	words := allWords(t)
	text, err := os.ReadFile("../docs/functions.md")
	if err != nil {
		t.Fatal(err)
	}
	words = append(words, regexp.MustCompile(`\b[A-Z][A-Z_0-9]+\b`).FindAllString(string(text), -1)...)
	slices.Sort(words)
	tryTemplates(t, callTemplates, slices.Compact(words), false)
}

func tryTemplates(t *testing.T, templates, words []string, quotedIsFine bool) {
	t.Helper()
	if len(words) < 700 {
		t.Fatalf("only %d words", len(words))
	}
	type pair struct{ template, spelled string }
	var pairs []pair
	for _, template := range templates {
		for _, word := range words {
			word = strings.ToLower(word)
			pairs = append(pairs, pair{template, word}, pair{template, "`" + word + "`"})
		}
	}
	seed := uint64(time.Now().UnixNano())
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	start, n, bad := time.Now(), 0, map[string]int{}
	for _, p := range pairs {
		if n++; !*everyWord && n%100 == 0 && time.Since(start) > wordsFor {
			break
		}
		err := stable(strings.ReplaceAll(p.template, "%s", p.spelled))
		if err == nil || refused(err) && (!quotedIsFine || p.spelled[0] != '`') {
			continue
		}
		if bad[p.template]++; bad[p.template] <= 3 {
			t.Errorf("%s with %s: %v", p.template, p.spelled, err)
		}
	}
	t.Logf("%d of %d", n, len(pairs))
}

type refusedError struct{ error }

func refused(err error) bool { return errors.As(err, new(refusedError)) }

// stable tells what is wrong with what is printed for a text.
func stable(text string) error {
	s, err := ParseOne(text)
	if err != nil {
		return refusedError{fmt.Errorf("refused: %s", diag.Render(diag.From(err), text))}
	}
	once := Print(s)
	again, err := ParseOne(once)
	if err != nil {
		return fmt.Errorf("printed text is refused: %s", diag.Render(diag.From(err), once))
	}
	if twice := Print(again); twice != once {
		return fmt.Errorf("not stable:\n%s\n%s", once, twice)
	}
	if d := difference(s, again); d != "" {
		return fmt.Errorf("%s\nis another statement: %s", once, d)
	}
	return nil
}
