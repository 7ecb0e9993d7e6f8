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
	for _, dir := range []string{".", "tools"} {
		for path := range direct(t, filepath.Join(root(t), dir)) {
			required[path] = true
			if !explained[path] {
				t.Errorf("%s/go.mod requires %s, and docs/dependencies.md does not say what for", dir, path)
			}
		}
	}
	for path := range explained {
		if !required[path] {
			t.Errorf("docs/dependencies.md explains %s, which no go.mod requires directly", path)
		}
	}
}

// direct returns the modules that dir/go.mod requires for itself.
func direct(t *testing.T, dir string) map[string]bool {
	t.Helper()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod edit in %s: %v", dir, err)
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
