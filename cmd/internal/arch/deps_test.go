package arch

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDependenciesAreExplained holds docs/dependencies.md to go.mod: each direct
// requirement has its line there, and no line outlives its requirement.
func TestDependenciesAreExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]bool{}
	for line := range bytes.Lines(text) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(string(line), "| "), " |")
		if host, _, ok := strings.Cut(cell, "/"); ok && strings.Contains(host, ".") && !strings.Contains(cell, " ") {
			explained[cell] = true
		}
	}
	required := map[string]bool{}
	for _, pattern := range []string{"go.mod", "bench/go.mod", "tools/go.mod", "tools/*/go.mod"} {
		mods, err := filepath.Glob(filepath.Join(root(t), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, mod := range mods {
			for path := range direct(t, mod) {
				required[path] = true
				if !explained[path] {
					t.Errorf("%s requires %s, and docs/dependencies.md does not say what for", mod, path)
				}
			}
		}
	}
	for path := range explained {
		if !required[path] {
			t.Errorf("docs/dependencies.md explains %s, which no go.mod requires directly", path)
		}
	}
}

// direct returns the modules that a go.mod requires for its own packages.
func direct(t *testing.T, file string) map[string]bool {
	t.Helper()
	out, err := exec.Command("go", "mod", "edit", "-json", file).Output()
	if err != nil {
		t.Fatalf("go mod edit of %s: %v", file, err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Tool []struct{ Path string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, r := range mod.Require {
		// A tool's module is written as indirect: nothing imports it.
		tool := false
		for _, u := range mod.Tool {
			tool = tool || under(u.Path, r.Path)
		}
		if !r.Indirect || tool {
			found[r.Path] = true
		}
	}
	return found
}
