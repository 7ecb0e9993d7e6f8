package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"weir/dashboard/api"
)

// TestEndpointsAreAll: the table of endpoints has every route that the source
// mounts, so that none comes in without having been tried by every way in. The
// websocket has a table of its own.
func TestEndpointsAreAll(t *testing.T) {
	routes := mounted(t)
	if len(routes) < 20 {
		t.Fatalf("only %d routes were found in the source", len(routes))
	}
	hit := map[string]bool{"/v1/ws": true}
	mux := http.NewServeMux()
	for pattern := range routes {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	for _, e := range endpoints {
		_, pattern := mux.Handler(httptest.NewRequest(e.method, e.path, nil))
		hit[pattern] = true
	}
	for pattern, at := range routes {
		if !hit[pattern] {
			t.Errorf("%s: no line of endpoints is about %s", at, pattern)
		}
	}
}

// mounted finds the patterns that the packages with handlers mount, and where.
func mounted(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	files := token.NewFileSet()
	for _, dir := range []string{".", "../../../dashboard", "../../../ingest"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "web" {
				return fs.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && mounts(call) {
					if pattern := patternOf(t, call.Args[0]); pattern != "" {
						out[pattern] = files.Position(call.Pos()).String()
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// mounts tells whether a call mounts a handler: a method of a mux, or the helper
// of the lists.
func mounts(call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return len(call.Args) == 2 && (f.Sel.Name == "Handle" || f.Sel.Name == "HandleFunc")
	case *ast.Ident:
		return len(call.Args) == 2 && f.Name == "get"
	}
	return false
}

// patternOf returns the pattern that an argument spells.
func patternOf(t *testing.T, arg ast.Expr) string {
	t.Helper()
	switch a := arg.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(a.Value); err == nil && strings.Contains(text, "/") {
			return text
		}
	case *ast.SelectorExpr:
		if a.Sel.Name == "LoginPath" {
			return api.LoginPath
		}
		t.Errorf("a route is mounted at %s, which this test does not know", a.Sel.Name)
	}
	return ""
}
