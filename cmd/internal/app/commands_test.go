package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestCommandsAreDocumented holds docs/commands.md and the commands together, both
// ways: a section for each command, a line for each flag.
func TestCommandsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "commands.md"))
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]map[string]bool{} // by section, the lines about flags
	section := ""
	for line := range strings.Lines(string(page)) {
		if title, ok := strings.CutPrefix(line, "## weir "); ok {
			section = strings.TrimSpace(title)
			written[section] = map[string]bool{}
		} else if strings.HasPrefix(line, "| `-") && section != "" {
			written[section][strings.TrimSpace(line)] = true
		}
	}
	for _, c := range rootCommand(Streams{}).Commands() {
		lines, ok := written[c.Name()]
		if !ok {
			t.Errorf("docs/commands.md has no section \"## weir %s\"", c.Name())
			continue
		}
		delete(written, c.Name())
		for _, want := range flagLines(c) {
			if !lines[want] {
				t.Errorf("docs/commands.md, weir %s: no line\n%s", c.Name(), want)
			}
			delete(lines, want)
		}
		for line := range lines {
			t.Errorf("docs/commands.md, weir %s: a line for nothing\n%s", c.Name(), line)
		}
	}
	delete(written, "completion") // cobra's own, made when a command runs
	for name := range written {
		t.Errorf("docs/commands.md has a section for %s, which is no command", name)
	}
}

// flagLines are the lines about a command's flags.
func flagLines(c *cobra.Command) []string {
	var out []string
	see := func(f *pflag.Flag) {
		what, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if what != "" {
			name += " " + what
		}
		value := f.DefValue
		if value == "[]" || value == "false" {
			value = ""
		} else if value != "" {
			value = "`" + value + "`"
		}
		out = append(out, "| `"+name+"` | "+value+" | "+usage+" |")
	}
	c.PersistentFlags().VisitAll(see) // of commands below it, too
	c.LocalNonPersistentFlags().VisitAll(see)
	return out
}
