package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folders hold all Go code of the product.
var folders = []string{"cmd", "sql", "planner", "operators", "ingest", "windows", "dashboard"}

// modules are folders with a go.mod of their own.
var modules = []string{"bench", "tools"}

// busy are the packages that may start goroutines.
var busy = []string{
	"operators/engine", "operators/state/badger", "operators/sinks", "ingest", "dashboard/hub", "cmd",
}

// The most lines of a file. Tests hold tables and models, which read well in one piece.
const (
	linesMax     = 500
	testLinesMax = 800
)

// file is one Go file, named relative to the repository's root.
type file struct {
	name string
	text []byte
}

func (f file) dir() string { return filepath.ToSlash(filepath.Dir(f.name)) }

func (f file) test() bool { return strings.HasSuffix(f.name, "_test.go") }

// files reads every Go file of the repository outside the other modules.
func files(t *testing.T) []file {
	t.Helper()
	var all []file
	top := root(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			if slices.Contains(modules, name) || d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		all = append(all, file{name: name, text: text})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFiles(t *testing.T) {
	all := files(t)
	if len(all) < 10 {
		t.Fatalf("only %d Go files found: the test looks at the wrong place", len(all))
	}
	for _, f := range all {
		for _, v := range inspect(f) {
			t.Error(v)
		}
	}
	for _, v := range undocumented(all) {
		t.Error(v)
	}
}

// undocumented returns a sentence for each package without a doc.go.
func undocumented(all []file) []string {
	has := map[string]bool{}
	for _, f := range all {
		has[f.dir()] = has[f.dir()] || filepath.Base(f.name) == "doc.go"
	}
	var found []string
	for dir, ok := range has {
		// A main package says in main.go what it is.
		if !ok && dir != "cmd/weir" {
			found = append(found, dir+" has no doc.go: every package says what it is, its nouns, its invariants and what it must not know")
		}
	}
	slices.Sort(found)
	return found
}

// inspect returns a sentence for each rule that a file breaks by itself.
func inspect(f file) []string {
	var found []string
	say := func(format string, args ...any) {
		found = append(found, f.name+": "+fmt.Sprintf(format, args...))
	}
	if top, _, _ := strings.Cut(f.name, "/"); !slices.Contains(folders, top) {
		say("Go code stands in %s alone; everything else at the root is text", strings.Join(folders, ", "))
	}
	if base := strings.TrimSuffix(strings.TrimSuffix(f.name, ".go"), "_test"); strings.HasSuffix(base, "_windows") {
		say("Go builds a file named *_windows.go on Windows only")
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, f.name, f.text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		say("does not parse: %v", err)
		return found
	}
	if ast.IsGenerated(tree) {
		return found
	}
	most := linesMax
	if f.test() {
		most = testLinesMax
	}
	if n := bytes.Count(f.text, []byte("\n")); n > most {
		say("%d lines: a file has at most %d, about 300 is good", n, most)
	}
	if f.test() {
		return found
	}
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				say("line %d: no init functions: importing a package must do nothing", set.Position(d.Pos()).Line)
			}
		case *ast.GenDecl:
			for _, name := range mutable(d) {
				say("line %d: global variable %s can change: state belongs to a value that New returns", set.Position(name.Pos()).Line, name.Name)
			}
		}
	}
	if !slices.ContainsFunc(busy, func(dir string) bool { return under(f.dir(), dir) }) {
		ast.Inspect(tree, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				say("line %d: starts a goroutine; only %s may, each with an owner, a context and a bound", set.Position(g.Pos()).Line, strings.Join(busy, ", "))
			}
			return true
		})
	}
	return found
}

// mutable returns the package-level variables of a declaration that make sense
// only if something changes them: those without a value (embedded files apart),
// made with make or new, channels, locks, pools and atomics.
func mutable(d *ast.GenDecl) []*ast.Ident {
	if d.Tok != token.VAR {
		return nil
	}
	var found []*ast.Ident
	for _, s := range d.Specs {
		v := s.(*ast.ValueSpec)
		if embedded(d.Doc) || embedded(v.Doc) {
			continue
		}
		for i, name := range v.Names {
			var value ast.Expr
			if i < len(v.Values) {
				value = v.Values[i]
			}
			if name.Name == "_" {
				continue
			}
			if len(v.Values) == 0 || synchronises(v.Type) || changing(value) {
				found = append(found, name)
			}
		}
	}
	return found
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// changing tells whether a value is there to be changed.
func changing(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CallExpr:
		name, ok := e.Fun.(*ast.Ident)
		return ok && (name.Name == "make" || name.Name == "new")
	case *ast.UnaryExpr:
		return e.Op == token.AND && changing(e.X)
	case *ast.CompositeLit:
		return synchronises(e.Type)
	}
	return false
}

// synchronises tells whether a type is a channel or comes from sync.
func synchronises(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ChanType:
		return true
	case *ast.StarExpr:
		return synchronises(e.X)
	case *ast.IndexExpr:
		return synchronises(e.X)
	case *ast.SelectorExpr:
		from, ok := e.X.(*ast.Ident)
		return ok && (from.Name == "sync" || from.Name == "atomic")
	}
	return false
}
