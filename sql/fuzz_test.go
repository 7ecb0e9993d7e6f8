package sql

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	tidb "github.com/pingcap/tidb/pkg/parser"
	tidbast "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/test_driver"

	"weir/sql/ast"
	"weir/sql/diag"
)

func addCorpus(f *testing.F) {
	for _, name := range []string{"good.txt", "bad.txt", "goodquery.txt", "badquery.txt", "spans.txt", "rewrite.txt"} {
		for _, c := range readGolden(f, name) {
			f.Add(c.in)
		}
	}
}

// FuzzParse: whatever comes in, the answer is a tree whose spans lie inside the
// text and which prints stably, or a *diag.Error that points inside the text.
func FuzzParse(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8<<10 {
			t.Skip()
		}
		stmts, err := Parse(text)
		if err != nil {
			var e *diag.Error
			if !errors.As(err, &e) {
				t.Fatalf("not a diag.Error: %v", err)
			}
			if e.Code == diag.Internal {
				t.Fatalf("internal error: %v", e)
			}
			checkError(t, text, e)
			for _, line := range strings.Split(diag.Render(e, text), "\n") {
				if strings.ContainsRune(line, '\x1b') {
					t.Fatalf("control characters in %q", line)
				}
			}
			return
		}
		checkSpans(t, text, stmts)
		checkStable(t, stmts)
		checkRewrites(t, text, stmts)
	})
}

// checkRewrites parses each statement again behind EXPLAIN REWRITE, and checks that
// every rewriting is as long as what it replaces.
func checkRewrites(t testing.TB, text string, stmts []ast.Statement) {
	t.Helper()
	for _, s := range stmts {
		if _, ok := s.(*ast.Explain); ok {
			continue
		}
		again := "EXPLAIN REWRITE " + text[s.Span().Start:s.Span().End]
		e, err := ParseOne(again)
		if err != nil {
			if diag.From(err).Code == diag.TooLarge {
				continue
			}
			t.Fatalf("refused:\n%s", diag.Render(diag.From(err), again))
		}
		for _, r := range e.(*ast.Explain).Rewrites {
			if len(r.From) != len(r.To) || again[r.At.Start:r.At.End] != r.From {
				t.Fatalf("%q -> %q at %v in %s", r.From, r.To, r.At, again)
			}
		}
	}
}

// FuzzTokens: tokens lie one behind the other, what is between them are spaces and
// comments, and strings and names mean what the parser behind reads in them.
func FuzzTokens(f *testing.F) {
	addCorpus(f)
	f.Add(`'\é' "\"" 'a''b' '\%' '日\本'`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4<<10 {
			t.Skip()
		}
		toks, err := scan(text)
		if err != nil {
			checkError(t, text, diag.From(err))
			return
		}
		end := 0
		for i, tok := range toks {
			if tok.start < end || tok.end <= tok.start || tok.end > len(text) {
				t.Fatalf("token %d at %d..%d behind %d", i, tok.start, tok.end, end)
			}
			checkGap(t, text[end:tok.start])
			checkLiteral(t, text, tok)
			end = tok.end
		}
		checkGap(t, text[end:])
	})
}

func checkGap(t *testing.T, gap string) {
	if toks, err := scan(gap); err != nil || len(toks) > 0 {
		t.Fatalf("between two tokens: %q (%v)", gap, err)
	}
}

// checkLiteral compares our reading of a string or quoted name with TiDB's.
func checkLiteral(t *testing.T, text string, tok token) {
	if tok.kind != tokString && tok.kind != tokQuoted {
		return
	}
	raw := text[tok.start:tok.end]
	stmts, _, err := tidb.New().ParseSQL("SELECT " + raw)
	if err != nil || len(stmts) != 1 {
		t.Fatalf("the parser refuses %q: %v", raw, err)
	}
	field := stmts[0].(*tidbast.SelectStmt).Fields.Fields[0]
	switch x := field.Expr.(type) {
	case *test_driver.ValueExpr:
		if got, want := stringOf(text, tok), x.GetString(); got != want {
			t.Fatalf("%q is %q, the parser reads %q", raw, got, want)
		}
	case *tidbast.ColumnNameExpr:
		if got, want := nameOf(text, tok), x.Name.Name.O; got != want {
			t.Fatalf("%q is %q, the parser reads %q", raw, got, want)
		}
	default:
		t.Fatalf("%q is read as a %T", raw, x)
	}
}

// checkTexts parses what each expression covers on its own: it must print the same
// as the node.
func checkTexts(t testing.TB, text string, stmts []ast.Statement) {
	t.Helper()
	for _, s := range stmts {
		toks, err := scan(text[s.Span().Start:s.Span().End])
		if err != nil {
			t.Fatal(err)
		}
		same := func([]token) dialect { return dialectOf(toks) }
		visit(reflect.ValueOf(s), diag.Span{}, 0, func(v reflect.Value, at, _ diag.Span, _ int) {
			e, ok := v.Addr().Interface().(ast.Expr)
			if _, isStatement := e.(*ast.Select); !ok || isStatement || !isExpr(e) || wordLiteral(text, e) {
				return
			}
			if namedOtherwise(e, text[at.Start:at.End]) {
				return
			}
			alone := "SELECT " + text[at.Start:at.End]
			qs, err := parseIn(alone, same)
			if err != nil {
				t.Fatalf("%T covers no expression:\n%s", e, diag.Render(diag.From(err), alone))
			}
			if q := qs[0]; !sameText(alone, q, PrintExpr(e)) {
				t.Fatalf("%T covers %q, which is %s, but the node is %s", e, text[at.Start:at.End], PrintExpr(q.(*ast.Select).Items[0].Expr), PrintExpr(e))
			}
		})
	}
}

// sameText tells whether one of the nodes that cover the whole of `SELECT expr`
// prints like this. Of x NOT REGEXP y there are three: the call, its negation and
// the parentheses around it.
func sameText(alone string, q ast.Statement, want string) bool {
	found := false
	visit(reflect.ValueOf(q), diag.Span{}, 0, func(v reflect.Value, at, _ diag.Span, _ int) {
		e, ok := v.Addr().Interface().(ast.Expr)
		if ok && isExpr(e) && at.Start == len("SELECT ") && at.End == len(alone) && PrintExpr(e) == want {
			found = true
		}
	})
	return found
}

// wordLiteral tells whether a string stands for a word, as the unit in
// EXTRACT(HOUR FROM ts), for a key behind an arrow, or for the pattern of SIMILAR TO.
func wordLiteral(text string, e ast.Expr) bool {
	l, ok := e.(*ast.Literal)
	if !ok || l.Kind != ast.StringLiteral {
		return false
	}
	return isWordByte(text[l.At.Start]) || strings.HasPrefix(l.Text, "$") || strings.HasPrefix(l.Text, "(?s)^(?:")
}

// namedOtherwise tells whether a node stands for words that are no expression: the
// 1 HOUR of ksqlDB's SIZE 1 HOUR, the MINUTE of FLOOR(ts TO MINUTE) that became a
// window, Feldera's LATENESS, and ksqlDB's WINDOWSTART, which is window_start.
func namedOtherwise(e ast.Expr, text string) bool {
	if strings.Contains(PrintExpr(e), "TUMBLE_START(") && !strings.Contains(strings.ToUpper(text), "TUMBLE_START") {
		return true // around a FLOOR(ts TO MINUTE) that is the start of the window
	}
	switch e := e.(type) {
	case *ast.Interval:
		return !strings.HasPrefix(strings.ToUpper(text), "INTERVAL")
	case *ast.Binary:
		return strings.Contains(strings.ToUpper(text), "LATENESS")
	case *ast.Column:
		return strings.HasPrefix(e.Name.Text, "window_") && !strings.Contains(text, "_")
	}
	return false
}

func isExpr(s ast.Statement) bool {
	switch s.(type) {
	case *ast.Column, *ast.Literal, *ast.Interval, *ast.Unary, *ast.Binary, *ast.Between, *ast.In, *ast.Like, *ast.Is, *ast.Case, *ast.Cast, *ast.Call, *ast.Paren:
		return true
	}
	return false
}

func TestRewritesKeepTheLength(t *testing.T) {
	for _, c := range append(readGolden(t, "good.txt"), readGolden(t, "goodquery.txt")...) {
		stmts, err := Parse(c.in)
		if err != nil {
			continue // reported by TestGoodStatements
		}
		checkRewrites(t, c.in, stmts)
		checkTexts(t, c.in, stmts)
	}
}

// FuzzInterval: an interval is refused, or it prints as something that is read as the
// same length.
func FuzzInterval(f *testing.F) {
	for _, s := range []string{"5 SECOND", "'1-2' YEAR TO MONTH", "'1:30' MINUTE_SECOND", "'1 day 02:30:00'", "'P1DT2H'", "'-1 month 3 days'", "a + 1 DAY", "- '1.5' HOUR", "(1) DAY", "'1 2:3:4.5' DAY TO SECOND(3)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<10 {
			t.Skip()
		}
		s, err := ParseOne("SELECT INTERVAL " + text)
		if err != nil {
			if diag.From(err).Code == diag.Internal {
				t.Fatal(err)
			}
			return
		}
		checkStable(t, []ast.Statement{s})
		iv, ok := s.(*ast.Select).Items[0].Expr.(*ast.Interval)
		if !ok || iv.Value != nil {
			return
		}
		again, err := ParseOne("SELECT " + iv.Text)
		if err != nil {
			t.Fatalf("%s: %v", iv.Text, err)
		}
		if b := again.(*ast.Select).Items[0].Expr.(*ast.Interval); b.Months != iv.Months || b.Micros != iv.Micros {
			t.Fatalf("%s is %d months and %d µs, %s is %d and %d", text, iv.Months, iv.Micros, iv.Text, b.Months, b.Micros)
		}
	})
}
