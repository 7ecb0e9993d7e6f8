package planner_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/planner"
	"weir/sql/ast"
	"weir/sql/diag"
)

// TestReference holds the tables of docs/functions.md to the registry. With
// -update it writes them: nobody edits what stands between the marks.
func TestReference(t *testing.T) {
	path := filepath.Join("..", "docs", "functions.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(page)
	for _, g := range planner.Reference() {
		mark := "<!-- table: " + g.Name + " -->\n"
		before, rest, ok := strings.Cut(want, mark)
		_, after, closed := strings.Cut(rest, "<!-- end of table -->\n")
		if !ok || !closed {
			t.Fatalf("docs/functions.md has no place for the table %q: write\n%s<!-- end of table -->", g.Name, mark)
		}
		want = before + mark + table(t, g) + "<!-- end of table -->\n" + after
	}
	if n := strings.Count(want, "<!-- table: "); n != len(planner.Reference()) {
		t.Errorf("docs/functions.md has %d tables, the registry has %d groups", n, len(planner.Reference()))
	}
	if want == string(page) {
		return
	}
	if !*update {
		t.Error("docs/functions.md is not what the registry says: run go test ./planner -run TestReference -update")
		return
	}
	if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEditorList holds the words that the page's editor completes to the
// registry. With -update it writes them; make web builds the page again.
func TestEditorList(t *testing.T) {
	path := filepath.Join("..", "dashboard", "web", "src", "sql.ts")
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "export const functions: readonly string[] = `\n"
	before, rest, ok := strings.Cut(string(source), mark)
	_, after, closed := strings.Cut(rest, "`")
	if !ok || !closed {
		t.Fatal("the list of functions is not where this test looks for it")
	}
	var names []string
	for _, g := range planner.Reference() {
		for _, f := range g.Functions {
			names = append(names, strings.ToLower(f.Name))
		}
	}
	slices.Sort(names)
	want := before + mark + wrap(slices.Compact(names), 118) + "`" + after
	if want == string(source) {
		return
	}
	if !*update {
		t.Error("dashboard/web/src/sql.ts has not the registry's functions: run go test ./planner -run TestEditorList -update, then make web")
		return
	}
	if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wrap writes words in lines of that width.
func wrap(words []string, width int) string {
	var b strings.Builder
	line := " "
	for _, w := range words {
		if len(line)+1+len(w) > width {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + w
	}
	return b.String() + line + "\n"
}

// TestMySQLFunctions: each function of MySQL 8 is one of ours, syntax, or refused
// by its own name, and none is two of these.
func TestMySQLFunctions(t *testing.T) {
	ours := map[string]bool{"CAST": true, "CONVERT": true} // these are syntax
	for _, g := range planner.Reference() {
		for _, f := range g.Functions {
			ours[f.Name] = true
		}
	}
	refused := planner.Refused()
	for name := range refused {
		if ours[name] {
			t.Errorf("%s is both there and refused: take its name out of planner/refused.go", name)
			delete(refused, name)
		}
	}
	page, err := os.ReadFile(filepath.Join("testdata", "mysql.txt"))
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Split(strings.TrimSpace(string(page)), "\n")[1:]
	if len(names) < 430 {
		t.Errorf("testdata/mysql.txt has %d names", len(names))
	}
	cfg := newWorld(t)
	for _, name := range names {
		hint, no := refused[name]
		if !no && !ours[name] {
			t.Errorf("%s is neither there nor refused", name)
		}
		if !no {
			continue
		}
		c := &ast.Call{Name: ast.Name{Text: name}}
		_, err := planner.Plan(&ast.Select{Items: []ast.Item{{Expr: c}}}, cfg)
		if err == nil {
			t.Errorf("%s is planned", name)
			continue
		}
		if e := diag.From(err); e.Code != diag.UnknownFunction || !strings.Contains(e.Message, "`"+strings.ToLower(name)+"`") || hint != "" && e.Hint != hint {
			t.Errorf("%s is refused with %v", name, err)
		}
	}
}

// table writes the functions of a group as Markdown.
func table(t *testing.T, g planner.Group) string {
	var b strings.Builder
	b.WriteString("\n| | |\n|---|---|\n")
	for _, f := range g.Functions {
		if f.Doc == "" || !strings.HasPrefix(f.Usage, f.Name) || !strings.HasSuffix(f.Doc, ".") || strings.ContainsAny(f.Doc+f.Usage, "|\n") {
			t.Errorf("%s cannot stand in a table: %+v", f.Name, f)
		}
		b.WriteString("| `" + f.Usage + "` | " + f.Doc + " |\n")
	}
	b.WriteString("\n")
	return b.String()
}
