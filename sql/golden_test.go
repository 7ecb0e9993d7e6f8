package sql

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/sql/ast"
	"weir/sql/diag"
)

var update = flag.Bool("update", false, "write the golden files again")

// goldenCase is one block of a text file: comments, the input, a line of four
// dashes, and what is expected, up to an empty line.
type goldenCase struct {
	line             int
	comment, in, out string
}

func readGolden(t testing.TB, name string) []goldenCase {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	lines := strings.Split(string(raw), "\n")
	for i := 0; i < len(lines); {
		c := goldenCase{line: i + 1}
		for i < len(lines) && (lines[i] == "" || strings.HasPrefix(lines[i], "# ")) {
			if lines[i] != "" {
				c.comment += lines[i] + "\n"
			} else if c.comment != "" {
				c.comment += "\n"
			}
			i++
		}
		if i >= len(lines) {
			break
		}
		c.line = i + 1
		var in, out []string
		for ; i < len(lines) && lines[i] != "----"; i++ {
			in = append(in, lines[i])
		}
		for i++; i < len(lines) && lines[i] != ""; i++ {
			out = append(out, lines[i])
		}
		c.in, c.out = strings.Join(in, "\n"), strings.Join(out, "\n")
		cases = append(cases, c)
	}
	return cases
}

// runGolden checks every block of a file against f, or writes the file again.
func runGolden(t *testing.T, name string, f func(t *testing.T, in string) string) {
	var b strings.Builder
	for _, c := range readGolden(t, name) {
		t.Run(fmt.Sprintf("line%d", c.line), func(t *testing.T) {
			got := strings.TrimRight(f(t, c.in), "\n")
			if *update {
				fmt.Fprintf(&b, "%s%s\n----\n%s\n\n", c.comment, c.in, got)
				return
			}
			if got != c.out {
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

func runGoldens(t *testing.T, names []string, f func(t *testing.T, in string) string) {
	for _, name := range names {
		runGolden(t, name, f)
	}
}

func printAll(stmts []ast.Statement) string {
	var out []string
	for _, s := range stmts {
		out = append(out, Print(s))
	}
	return strings.Join(out, "\n")
}

func TestGoodStatements(t *testing.T) {
	runGoldens(t, []string{"good.txt", "goodquery.txt"}, func(t *testing.T, in string) string {
		stmts, err := Parse(in)
		if err != nil {
			t.Errorf("refused:\n%s", diag.Render(diag.From(err), in))
			return "ERROR"
		}
		checkSpans(t, in, stmts)
		return printAll(stmts)
	})
}

func TestBadStatements(t *testing.T) {
	runGoldens(t, []string{"bad.txt", "badquery.txt"}, func(t *testing.T, in string) string {
		stmts, err := Parse(in)
		if err == nil {
			t.Errorf("accepted: %s\n%s", in, printAll(stmts))
			return "ACCEPTED"
		}
		e := diag.From(err)
		if e.Code == diag.Internal {
			t.Errorf("%s: %v", in, e)
		}
		if e.Span.IsZero() {
			t.Errorf("%s: no span: %v", in, e)
		}
		checkError(t, in, e)
		return diag.Render(e, in)
	})
}

func TestSpans(t *testing.T) {
	runGolden(t, "spans.txt", func(t *testing.T, in string) string {
		stmts, err := Parse(in)
		if err != nil {
			t.Errorf("refused:\n%s", diag.Render(diag.From(err), in))
			return "ERROR"
		}
		var b strings.Builder
		for _, s := range stmts {
			dump(&b, in, s, "")
		}
		return b.String()
	})
}

func TestExplainRewrite(t *testing.T) {
	runGolden(t, "rewrite.txt", func(t *testing.T, in string) string {
		s, err := ParseOne(in)
		if err != nil {
			t.Errorf("refused:\n%s", diag.Render(diag.From(err), in))
			return "ERROR"
		}
		var b strings.Builder
		for _, r := range s.(*ast.Explain).Rewrites {
			if in[r.At.Start:r.At.End] != r.From {
				t.Errorf("From is not what stands at its place: %q", r.From)
			}
			fmt.Fprintf(&b, "%q -> %q (%s)\n", r.From, r.To, r.Why)
		}
		return b.String()
	})
}

// The corpus is stable: what is printed parses, and prints the same.
func TestPrintIsStable(t *testing.T) {
	for _, c := range append(readGolden(t, "good.txt"), readGolden(t, "goodquery.txt")...) {
		stmts, err := Parse(c.in)
		if err != nil {
			continue // reported by TestGoodStatements
		}
		checkStable(t, stmts)
	}
}

func checkStable(t testing.TB, stmts []ast.Statement) {
	t.Helper()
	for _, s := range stmts {
		once := Print(s)
		again, err := ParseOne(once)
		if err != nil {
			if diag.From(err).Code == diag.TooLarge {
				continue // spelled out, it can pass a limit
			}
			t.Fatalf("printed text is refused:\n%s", diag.Render(diag.From(err), once))
		}
		if twice := Print(again); twice != once {
			t.Fatalf("not stable:\n%s\n%s", once, twice)
		}
		if d := difference(s, again); d != "" {
			t.Fatalf("%s\nis another statement: %s", once, d)
		}
	}
}

func checkError(t testing.TB, text string, e *diag.Error) {
	t.Helper()
	if e.Span.Start < 0 || e.Span.End < e.Span.Start || e.Span.End > len(text) {
		t.Fatalf("span %v outside of the text of %d bytes: %v", e.Span, len(text), e)
	}
}
