package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "weir"

// pkg is what the go command knows of a package.
type pkg struct {
	ImportPath   string
	Dir          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// own tells whether the package is weir's.
func (p pkg) own() bool { return under(p.ImportPath, module) }

// path is the package's place in the repository.
func (p pkg) path() string { return relative(p.ImportPath) }

func relative(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

// root returns the repository's root.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("the repository's root is not where this test expects it: %v", err)
	}
	return dir
}

// load lists the packages of weir and all that they depend on.
func load(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-deps",
		"-json=ImportPath,Dir,Imports,TestImports,XTestImports,Deps", "./...")
	cmd.Dir = root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) == 0 {
		t.Fatal("go list named no package")
	}
	return pkgs
}

// edges lists the imports that packages of weir write down.
func edges(pkgs []pkg) []edge {
	var all []edge
	for _, p := range pkgs {
		if !p.own() {
			continue
		}
		add := func(imports []string, test bool) {
			for _, to := range imports {
				own := under(to, module)
				if own {
					to = relative(to)
				}
				all = append(all, edge{from: p.path(), to: to, own: own, test: test})
			}
		}
		add(p.Imports, false)
		add(p.TestImports, true)
		add(p.XTestImports, true)
	}
	return all
}

func TestImports(t *testing.T) {
	all := edges(load(t))
	if len(all) < 10 {
		t.Fatalf("only %d imports found: the test looks at the wrong place", len(all))
	}
	for _, v := range check(all) {
		t.Error(v)
	}
}

// TestBinary looks at what the linker sees, since a library may be drawn in by
// another one.
func TestBinary(t *testing.T) {
	for _, p := range load(t) {
		if p.ImportPath != module+"/cmd/weir" {
			continue
		}
		for _, v := range drawnIn(p.Deps) {
			t.Error(v)
		}
	}
}

// drawnIn returns a sentence for each dependency that the binary must not have.
func drawnIn(deps []string) []string {
	var found []string
	for _, d := range deps {
		for _, a := range absent {
			if under(d, a) {
				found = append(found, "the binary holds "+d+": 'go mod why "+d+"' says through whom")
			}
		}
	}
	return found
}
