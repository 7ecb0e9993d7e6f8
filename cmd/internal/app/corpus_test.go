package app

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/sql"
	"weir/sql/ast"
	"weir/sql/diag"
)

const (
	corpusFile    = "../../../sql/testdata/corpus.txt"
	corpusStreams = "testdata/corpus-streams.txt"
	corpusResults = "testdata/corpus-results.txt"
	corpusPage    = "../../../docs/from-other-engines.md"

	// How corpusResults tells that a statement does not run.
	overStream = "over a stream refused: "
	notHere    = "refused: "
)

// spelling is an entry of the corpus: what somebody types elsewhere, and what
// package sql reads it as, or why not.
type spelling struct{ peer, what, in, out string }

func (s spelling) refused() bool { return strings.HasPrefix(s.out, "refused at ") }

func readCorpus(t *testing.T) []spelling {
	t.Helper()
	raw, err := os.ReadFile(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	var all []spelling
	for _, block := range strings.Split(strings.TrimSpace(string(raw)), "\n\n") {
		name, rest, _ := strings.Cut(strings.TrimPrefix(block, "# "), "\n")
		in, out, ok := strings.Cut(rest, "\n----\n")
		peer, what, named := strings.Cut(name, ": ")
		if !ok || !named || !strings.HasPrefix(block, "# ") {
			t.Fatalf("%s: expected a line `# peer: what`, the statement, four dashes and what it is read as, found\n%s", corpusFile, block)
		}
		all = append(all, spelling{peer: peer, what: what, in: in, out: out})
	}
	return all
}

// corpusStream is a stream that statements of the corpus read, and its rows.
type corpusStream struct{ create, rows string }

// corpusPeer is where people come from: what they should know, and the streams
// that their statements read.
type corpusPeer struct {
	notes   []string
	streams []corpusStream
}

func readCorpusPeers(t *testing.T) map[string]*corpusPeer {
	t.Helper()
	raw, err := os.ReadFile(corpusStreams)
	if err != nil {
		t.Fatal(err)
	}
	peers := map[string]*corpusPeer{}
	var peer *corpusPeer
	for _, block := range strings.Split(strings.TrimSpace(string(raw)), "\n\n") {
		if heading, rest, ok := strings.Cut(block, "\n"); ok && strings.HasPrefix(heading, "# ") {
			peer, block = &corpusPeer{}, rest
			peers[heading[2:]] = peer
		}
		for strings.HasPrefix(block, "# ") {
			note, rest, _ := strings.Cut(block, "\n")
			peer.notes, block = append(peer.notes, note[2:]), rest
		}
		create, rows, _ := strings.Cut(block, "\n")
		peer.streams = append(peer.streams, corpusStream{create: create, rows: rows})
	}
	return peers
}

// because is an error as the page tells it: on one line, the hint behind it.
func because(err error) string {
	var d *diag.Error
	if !errors.As(err, &d) {
		return err.Error()
	}
	if d.Hint == "" {
		return d.Message
	}
	return d.Message + ". Instead: " + d.Hint
}

// overFiles runs a query over the rows of a peer's streams in files, as `weir
// query` does, and returns its rows.
func overFiles(t *testing.T, streams []corpusStream, query string) string {
	t.Helper()
	dir, text := t.TempDir(), ""
	for i, s := range streams {
		path := filepath.Join(dir, fmt.Sprintf("%d.jsonl", i))
		if err := os.WriteFile(path, []byte(s.rows+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("%s WITH (connector = 'file', path = '%s', format = 'json');\n", s.create, path)
	}
	out, errs, code := weir(t, "", "query", text+query)
	if code == 0 {
		return out
	}
	first, _, _ := strings.Cut(errs, "\n")
	return notHere + first + "\n"
}

// TestCorpusRuns runs each statement of the corpus that package sql accepts: a
// query over files for its rows, and planned over streams of a server; everything
// else on a server. What becomes of it is in corpus-results.txt, to be read.
func TestCorpusRuns(t *testing.T) {
	peers := readCorpusPeers(t)
	var b bytes.Buffer
	servers := map[string]*server{}
	ran := 0
	for _, c := range readCorpus(t) {
		if c.refused() {
			continue
		}
		ran++
		stmts, err := sql.Parse(c.in)
		if err != nil || len(stmts) != 1 {
			t.Fatalf("%s: %d statements: %v", c.in, len(stmts), err)
		}
		if servers[c.peer] == nil {
			s := serveHere(t, t.TempDir())
			for _, stream := range peers[c.peer].streams {
				s.must(t, stream.create)
			}
			servers[c.peer] = s
		}
		fmt.Fprintf(&b, "# %s: %s\n%s\n----\n", c.peer, c.what, c.in)
		s := servers[c.peer]
		if _, query := stmts[0].(*ast.Select); !query {
			b.WriteString(runDDL(t, s, stmts[0], c.in) + "\n")
			continue
		}
		if err := s.exec(t, "EXPLAIN "+c.in); err != nil {
			fmt.Fprintf(&b, "%s%s\n", overStream, because(err))
		}
		b.WriteString(overFiles(t, peers[c.peer].streams, c.in) + "\n")
	}
	if ran < 40 {
		t.Errorf("%d statements", ran)
	}
	if *update {
		if err := os.WriteFile(corpusResults, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(corpusResults)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-file +now)\n%s", corpusResults, diff)
	}
}

// runDDL runs a statement that is no query, and takes back what it made.
func runDDL(t *testing.T, s *server, stmt ast.Statement, text string) string {
	t.Helper()
	drop := ""
	switch stmt := stmt.(type) {
	case *ast.CreateStream:
		drop = stmt.Name.Text
		// A stream of the peer stands there for the queries.
		text = strings.Replace(text, " "+drop+" ", " "+drop+"_made ", 1)
		drop = "DROP STREAM " + drop + "_made"
	case *ast.CreateView:
		drop = "DROP VIEW " + stmt.Name.Text
	case *ast.Explain: // over a stream that has ended
		s.must(t, "CREATE STREAM ended (region VARCHAR, product VARCHAR, amount BIGINT); ALTER STREAM ended END")
		text, drop = strings.Replace(text, " sales ", " ended ", 1), "DROP STREAM ended"
	case *ast.Subscribe: // the view that its peer's page makes
		s.must(t, "CREATE MATERIALIZED VIEW totals AS SELECT item, SUM(price) AS total FROM bids GROUP BY item")
		drop = "DROP VIEW totals"
	}
	if err := s.exec(t, text); err != nil {
		return notHere + strings.ReplaceAll(because(err), "_made", "") + "\n"
	}
	if drop != "" {
		s.must(t, drop)
	}
	return "done\n"
}

// TestCorpusPage: the page says what the corpus says, and what came of it.
func TestCorpusPage(t *testing.T) {
	want := corpusMarkdown(t)
	if *update {
		if err := os.WriteFile(corpusPage, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(corpusPage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is stale: go test ./cmd/internal/app -run TestCorpus -update writes it", corpusPage)
	}
}

// corpusMarkdown is the page that is made of the corpus and its results.
func corpusMarkdown(t *testing.T) []byte {
	t.Helper()
	results, peers := corpusOutcomes(t), readCorpusPeers(t)
	var b bytes.Buffer
	b.WriteString("# Your query from another engine\n\n" +
		"What people type elsewhere, and how weir reads it; or why not, and what to write instead.\n" +
		"`EXPLAIN REWRITE` in front of a statement shows each change, [sql.md](sql.md) says what the clauses mean.\n" +
		"A test writes this page from `sql/testdata/corpus.txt`, and runs what is said to run.\n")
	peer := ""
	for _, c := range readCorpus(t) {
		if c.peer != peer {
			fmt.Fprintf(&b, "\n## %s\n", c.peer)
			peer = c.peer
			for i, note := range peers[peer].notes {
				if i == 0 {
					b.WriteString("\n")
				}
				fmt.Fprintf(&b, "- %s\n", note)
			}
		}
		fmt.Fprintf(&b, "\n**%s**\n\n```text\n%s\n```\n\n", strings.ToUpper(c.what[:1])+c.what[1:], c.in)
		outcome := results[c.in]
		switch reason, refused := strings.CutPrefix(c.out, "refused at "); {
		case refused:
			reason, hint, _ := strings.Cut(reason, "\n")
			fmt.Fprintf(&b, "is refused at %s\n", sentence(reason))
			if hint != "" {
				fmt.Fprintf(&b, "Instead: %s\n", sentence(hint))
			}
		case c.out == c.in:
			b.WriteString("is read as it stands.\n")
		default:
			fmt.Fprintf(&b, "is read as\n\n```text\n%s\n```\n", c.out)
		}
		if outcome != "" {
			fmt.Fprintf(&b, "\n%s\n", sentence(outcome))
		}
	}
	return b.Bytes()
}

// sentence ends a text as one.
func sentence(s string) string {
	if strings.HasSuffix(s, "…") || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// corpusOutcomes returns why statements that are read do not run.
func corpusOutcomes(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(corpusResults)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]string{}
	for _, block := range strings.Split(string(raw), "\n\n") {
		in, out, ok := strings.Cut(block, "\n----\n")
		if !ok {
			continue
		}
		_, in, _ = strings.Cut(in, "\n")
		first, rest, _ := strings.Cut(out, "\n")
		if why, refused := strings.CutPrefix(first, overStream); refused && !strings.HasPrefix(rest, notHere) {
			outcomes[in] = "It runs over files and materialized views; over a stream it is refused: " + why
		} else if refused {
			outcomes[in] = "It is refused: " + why
		} else if why, refused := strings.CutPrefix(first, notHere); refused {
			outcomes[in] = "It is refused: " + why
		}
	}
	return outcomes
}
