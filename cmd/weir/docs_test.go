//go:build unix

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// block is a fenced block of a document.
type block struct {
	language, text string
	line           int
}

// blocks returns the fenced blocks of a document of the repository.
func blocks(t *testing.T, name string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	open := false
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case !strings.HasPrefix(line, "```"):
			if open {
				out[len(out)-1].text += line + "\n"
			}
		case open:
			open = false
		default:
			open = true
			out = append(out, block{language: strings.TrimPrefix(line, "```"), line: i + 2})
		}
	}
	if open {
		t.Fatalf("the last block of %s is open", name)
	}
	return out
}

// TestDocs runs the blocks of every page in order, in one directory and against
// one server a page, as somebody would who reads it for the first time:
//
//   - sh: line by line; what stands as a comment behind a command is its output,
//     where … stands for anything within a line, and alone for any lines
//   - json: what the sh block before it printed
//   - sql: on the server, a query over a stream as EXPLAIN, for it would not end
//   - text: not run
//
// A line with `weir serve` starts the page's server anew, with those flags. The
// blocks that name InfluxDB's or PostgreSQL's address wait for such a server.
func TestDocs(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "gzip", "openssl", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, the documents are not tried: %v", err)
		}
	}
	names := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/howto/*.md", "docs/explanation/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			rel, err := filepath.Rel(filepath.Join("..", ".."), name)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(rel))
		}
	}
	for _, name := range names {
		if all := blocks(t, name); slices.ContainsFunc(all, func(b block) bool { return b.language != "text" }) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				runPage(t, name, all)
			})
		}
	}
}

// TestLinks follows the links of the pages within the repository.
func TestLinks(t *testing.T) {
	root := filepath.Join("..", "..")
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	pages := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		pages++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			to, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			target := path
			if to != "" {
				target = filepath.Join(filepath.Dir(path), to)
			}
			page, err := os.ReadFile(target)
			if info, serr := os.Stat(target); serr != nil || err != nil && !info.IsDir() {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			} else if fragment != "" && !anchors(string(page))[fragment] {
				t.Errorf("%s links to %s, which has no such heading", path, m[1])
			}
		}
		return nil
	})
	if err != nil || pages < 10 {
		t.Fatalf("%d pages: %v", pages, err)
	}
}

// anchors returns what the headings of a page are called in links.
func anchors(page string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(page) {
		if title := strings.TrimLeft(line, "#"); title != line {
			title = regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			out[strings.ReplaceAll(title, " ", "-")] = true
		}
	}
	return out
}

// TestCodesAreDocumented looks for every code of an error in the reference.
func TestCodesAreDocumented(t *testing.T) {
	root := filepath.Join("..", "..")
	pages := ""
	for _, name := range []string{"http.md", "sql.md"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		pages += string(text)
	}
	code := regexp.MustCompile(`(?:Code:? *(?:= )?|^\t[A-Z]\w+ += )"(E[0-9]{4}|[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)*)"`)
	found := map[string]bool{}
	for _, dir := range []string{"sql/diag", "ingest/decode", "ingest/httpapi", "dashboard/api", "dashboard/hub"} {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if m := code.FindStringSubmatch(line); m != nil && !strings.HasSuffix(name, "_test.go") {
					found[m[1]] = true
				}
			}
		}
	}
	const least = 50 // that the pattern finds them
	if len(found) < least {
		t.Errorf("only %d codes: %v", len(found), found)
	}
	for c := range found {
		if !strings.Contains(pages, "`"+c+"`") {
			t.Errorf("neither docs/sql.md nor docs/http.md has the code %s", c)
		}
	}
}

// TestMetricsOfPages: what the pages say of metrics is in docs/metrics.md.
func TestMetricsOfPages(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	reference, err := os.ReadFile(filepath.Join(docs, "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, page := range []string{"operations.md", "howto/prometheus.md", "howto/late-rows.md"} {
		text, err := os.ReadFile(filepath.Join(docs, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`weir_[a-z_]+`).FindAllString(string(text), -1) {
			names++
			if !regexp.MustCompile("\\| `" + name + "[`{]").Match(reference) {
				t.Errorf("docs/%s names %s, which docs/metrics.md does not know", page, name)
			}
		}
	}
	if names == 0 {
		t.Error("no page names a metric")
	}
}

// TestLike: … stands for anything in a line, and alone for any lines.
func TestLike(t *testing.T) {
	for _, c := range []struct {
		want, got string
		fits      bool
	}{
		{"a … c", "a b c", true}, {"a … c", "a b\nc", false}, {"a\n…\nc", "a\nb\nb\nc", true},
		{"a.c", "abc", false}, {"a", "ab", false}, {"", "", true},
	} {
		if like(c.want).MatchString(c.got) != c.fits {
			t.Errorf("like(%q) and %q", c.want, c.got)
		}
	}
}

// elsewhere are commands that other tests run.
var elsewhere = regexp.MustCompile(`^(go run ./cmd/weir demo|weir demo|go build )`)

// serves is a command that starts the server.
var serves = regexp.MustCompile(`(^|[ ;(])(\./)?weir serve\b`)

// looks is a command that only looks, and so may look again until it sees what
// it should: who reads is slower than who runs tests.
var looks = regexp.MustCompile(`^(\./)?(ls|cat|psql|curl -s -G|weir sql (--\w+ \S+ )*-e "(SELECT|SHOW)|curl -s \S+/v1/sql (-H '[^']+' )?-d "(SELECT|SHOW))`)

// shell runs the commands of a block and returns what the last one printed.
func (p *page) shell(t *testing.T, at, text string) string {
	t.Helper()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	printed := ""
	for i := 0; i < len(lines); {
		command := ""
		for complete := false; i < len(lines) && !complete; i++ {
			command += lines[i] + "\n"
			complete = isCommand(command)
		}
		want, compare := "", false
		for ; i < len(lines) && (strings.HasPrefix(lines[i], "# ") || lines[i] == "#"); i++ {
			want, compare = want+strings.TrimPrefix(strings.TrimPrefix(lines[i], "#"), " ")+"\n", true
		}
		switch {
		case elsewhere.MatchString(command) || strings.TrimSpace(command) == "":
		case serves.MatchString(command):
			p.serve(t, at, command)
		case strings.HasPrefix(command, "export "):
			p.exports += command
		default:
			printed = p.command(t, at, command, want, compare)
		}
	}
	return printed
}

// command runs one command, and compares what it prints if there is what to
// compare it with.
func (p *page) command(t *testing.T, at, command, want string, compare bool) string {
	t.Helper()
	pattern := like(withoutCommit(want))
	while := 1500 * time.Millisecond // for what never ends; longer, where it was not enough
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		out, all, err := p.bash(command, while)
		while *= 2
		if !compare {
			if err != nil || out != all && !strings.Contains(command, "weir put") {
				t.Errorf("%s: %s\n%v %s", at, command, err, all)
			}
			return out
		}
		fits := pattern.MatchString(withoutCommit(out)) || pattern.MatchString(withoutCommit(all))
		if fits && (err == nil || strings.Contains(want, "rror")) {
			return out
		}
		if !looks.MatchString(command) && !endless(command) || time.Now().After(end) {
			t.Errorf("%s: %s\nprints\n%s\nand not\n%s\n%v", at, command, all, want, err)
			return out
		}
	}
}

// like returns a pattern for a text with …
func like(text string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`^`)
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteString(`\n`)
		}
		if line == "…" {
			b.WriteString(`(?s:.*?)`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", `.*?`))
	}
	b.WriteString(`$`)
	return regexp.MustCompile(b.String())
}

// isCommand tells whether text is a whole command: no quote is open, no
// here-document waits for its end.
func isCommand(text string) bool {
	out, err := exec.Command("bash", "-n", "-c", text).CombinedOutput()
	return err == nil && len(out) == 0
}

// withoutCommit takes out the numbers that depend on the clock, and blanks
// around the text.
func withoutCommit(s string) string {
	return strings.TrimSpace(regexp.MustCompile(`"commit":\d+`).ReplaceAllString(s, `"commit":0`))
}

func sameJSON(t *testing.T, at, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(withoutCommit(got)), &g); err != nil {
		t.Errorf("%s: printed is no JSON: %v\n%s", at, err, got)
	}
	if err := json.Unmarshal([]byte(withoutCommit(want)), &w); err != nil {
		t.Errorf("%s: is no JSON: %v", at, err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("%s: printed is\n%s\nand not\n%s", at, got, want)
	}
}

// statements runs SQL, one statement after the other.
func statements(t *testing.T, at, address, text string) {
	t.Helper()
	for _, s := range regexp.MustCompile(`;[^\n]*\n`).Split(text, -1) {
		if strings.TrimSpace(s) == "" {
			continue
		}
		if strings.Contains(s, "EMIT ") && strings.HasPrefix(strings.TrimSpace(s), "SELECT") {
			s = "EXPLAIN " + s
		}
		res, err := http.Post("http://"+address+"/v1/sql", "text/plain", strings.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s\n%s %s %v", at, s, res.Status, body, err)
		}
	}
}
