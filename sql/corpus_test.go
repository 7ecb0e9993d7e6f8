package sql

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/sql/diag"
)

// corpusFile has one example per spelling and peer. cmd/internal/app runs them, and
// makes docs/from-other-engines.md of it.
const corpusFile = "corpus.txt"

// readsAs is what becomes of a statement: its canonical spelling, or why not.
func readsAs(text string) string {
	stmts, err := Parse(text)
	if err != nil {
		e := diag.From(err)
		out := fmt.Sprintf("refused at `%s`: %s", text[e.Span.Start:e.Span.End], e.Message)
		if e.Hint != "" {
			out += "\n" + e.Hint
		}
		return out
	}
	return printAll(stmts)
}

// One example per spelling and peer, and what becomes of it.
func TestCorpus(t *testing.T) {
	runGolden(t, corpusFile, func(t *testing.T, in string) string {
		stmts, err := Parse(in)
		if err == nil {
			checkSpans(t, in, stmts)
			checkStable(t, stmts)
			checkRewrites(t, in, stmts)
		} else if diag.From(err).Code == diag.Internal {
			t.Errorf("%s: %v", in, err)
		}
		return readsAs(in)
	})
}

// shared returns the directory of cases, or skips the test.
func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("WEIR_SHARED")
	if dir == "" {
		dir = "../../shared"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the cases are not here (%s): set WEIR_SHARED", dir)
	}
	return dir
}

// caseQueries returns the queries of the cases, by name.
func caseQueries(t *testing.T) map[string]string {
	dir := shared(t)
	queries := map[string]string{}
	for _, file := range []string{"flink", "calcite"} {
		raw, err := os.ReadFile(filepath.Join(dir, "cases", "windows", file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Cases []map[string]any `json:"cases"`
		}
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		for i, c := range doc.Cases {
			for _, field := range []string{"flink_sql", "calcite_sql", "sql"} {
				if q, ok := c[field].(string); ok {
					queries[fmt.Sprintf("%s %d %v", file, i, c["name"])] = q
					break
				}
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "cases", "nexmark-small", "q*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		queries["nexmark "+filepath.Base(file)] = string(raw)
	}
	return queries
}

// Every query of the cases is read, or refused by the name of what weir does not
// have: a join, or a window of OVER.
func TestCaseQueries(t *testing.T) {
	queries := caseQueries(t)
	if len(queries) != 38 {
		t.Errorf("%d queries, want 38", len(queries))
	}
	for name, q := range queries {
		stmts, err := Parse(q)
		if err == nil {
			checkSpans(t, q, stmts)
			checkStable(t, stmts)
			if strings.Contains(q, " JOIN ") {
				t.Errorf("%s: a join was read as something else: %s", name, printAll(stmts))
			}
			continue
		}
		e := diag.From(err)
		join := strings.Contains(strings.ToLower(e.Message), "join") && (strings.Contains(q, "JOIN") || strings.Contains(q, ", "))
		over := strings.Contains(e.Message, "OVER") && strings.Contains(q, "OVER")
		if e.Code != diag.Unsupported || !join && !over {
			t.Errorf("%s:\n%s", name, diag.Render(e, q))
		}
	}
}
