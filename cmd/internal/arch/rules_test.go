package arch

import (
	"fmt"
	"slices"
	"strings"
)

// edge is one import: from a package of weir, named relative to the module, to
// a package of weir (relative too) or to any other (as it is imported).
type edge struct {
	from, to string
	own      bool // to is a package of weir
	test     bool // the import stands in a _test.go file
}

// rule forbids some edges.
type rule struct {
	name   string
	reason string
	broken func(edge) bool
}

// leaves may each import only those before it.
var leaves = []string{
	"sql/types", "sql/diag", "operators/stream", "windows", "sql/ast", "planner/physical",
}

// shared are the folders of operators that are no family: every operator may
// use them, they use no operator.
var shared = []string{"stream", "expr", "state", "checkpoint", "internal"}

// rules are what ARCHITECTURE.md says about imports. A test may import what it
// likes of weir, except that it must not reach through a library's owner.
func rules() []rule {
	all := []rule{
		{
			name:   "leaves",
			reason: "everything stands on the leaf packages, so a leaf imports only the leaves before it: " + strings.Join(leaves, ", "),
			broken: func(e edge) bool {
				from := slices.Index(leaves, e.from)
				return from >= 0 && e.own && !slices.Contains(leaves[:from], e.to)
			},
		},
		{
			name:   "sql",
			reason: "sql turns text into a tree; who plans, runs or serves the tree is above it",
			broken: func(e edge) bool {
				return under(e.from, "sql") && e.own && !under(e.to, "sql") && !slices.Contains(leaves, e.to)
			},
		},
		{
			name:   "planner",
			reason: "a plan is data: the planner must be able to plan what this process cannot run",
			broken: func(e edge) bool {
				return under(e.from, "planner") && e.own &&
					!under(e.to, "planner") && !under(e.to, "sql") && !slices.Contains(leaves, e.to)
			},
		},
		{
			name:   "operators",
			reason: "operators run physical plans; they must not know the text, how it was planned, where rows come from or who looks on",
			broken: func(e edge) bool {
				return under(e.from, "operators") && e.own &&
					!under(e.to, "operators") && !slices.Contains(leaves, e.to)
			},
		},
		{
			name:   "operators and the tree",
			reason: "operators see types and errors, never the syntax tree: a restart runs the stored plan and not the SQL",
			broken: func(e edge) bool { return under(e.from, "operators") && e.own && e.to == "sql/ast" },
		},
		{
			name:   "families",
			reason: "operator families meet through batches and cuts alone, so that each can be tested, replaced or moved by itself",
			broken: func(e edge) bool {
				from, to := family(e.from), family(e.to)
				return from != "" && from != "engine" && e.own && to != "" && from != to
			},
		},
		{
			name:   "engine",
			reason: "the engine is wired by cmd/internal/app alone; everybody else declares the small interface it needs",
			broken: func(e edge) bool {
				return e.own && under(e.to, "operators/engine") &&
					!under(e.from, "operators/engine") && !under(e.from, "cmd/internal/app")
			},
		},
		{
			name:   "ingest",
			reason: "ingestion hands batches over; of the rest it knows the language and the stream vocabulary, and declares interfaces for more",
			broken: func(e edge) bool {
				return under(e.from, "ingest") && e.own &&
					!under(e.to, "ingest") && !under(e.to, "sql") && !under(e.to, "operators/stream") && !slices.Contains(leaves, e.to)
			},
		},
		{
			name:   "dashboard",
			reason: "the dashboard shows results; of the rest it knows the language and the stream vocabulary, and declares interfaces for more",
			broken: func(e edge) bool {
				return under(e.from, "dashboard") && e.own &&
					!under(e.to, "dashboard") && !under(e.to, "sql") && !under(e.to, "operators/stream") && !slices.Contains(leaves, e.to)
			},
		},
		{
			name:   "windows",
			reason: "window arithmetic is pure: no I/O, no network, no goroutine helpers",
			broken: func(e edge) bool {
				return e.from == "windows" && (e.to == "os" || e.to == "io" || e.to == "net" || e.to == "sync" || e.to == "context" || strings.HasPrefix(e.to, "net/"))
			},
		},
		{
			name:   "cmd",
			reason: "cmd is the top: it imports, nobody imports it",
			broken: func(e edge) bool { return e.own && under(e.to, "cmd") && !under(e.from, "cmd") },
		},
	}
	for i := range all {
		product := all[i].broken
		all[i].broken = func(e edge) bool { return !e.test && product(e) }
	}
	return append(all, libraries()...)
}

// libraries says who may import what of other people's code.
func libraries() []rule {
	var rules []rule
	for _, l := range []struct {
		path   string
		owners []string
		tests  bool // tests anywhere may import it
		reason string
	}{
		{"github.com/pingcap/tidb", []string{"sql"}, false, "the parser recurses and panics; package sql bounds it, nobody else may call it unbounded"},
		{"github.com/dgraph-io/badger", []string{"operators/state/badger"}, false, "Badger is behind one committer and our own checksums"},
		{"github.com/gorilla/websocket", []string{"dashboard/hub", "cmd/internal/shell"}, true, "one package owns the frames, their limits and the one writer of a connection"},
		{"github.com/jackc/pgx", []string{"operators/sinks/postgres"}, true, "one package speaks to PostgreSQL, and knows what may be part of a statement"},
		{"github.com/peterh/liner", []string{"cmd/internal/client"}, false, "a terminal has one owner, and only the shell is a person's"},
		{"github.com/apache/arrow-go/v18/arrow/compute", nil, true, "arrow/compute adds 27 MB to the binary: kernels are ours, compute is an oracle in tests"},
		{"github.com/apache/arrow-go/v18/parquet", nil, true, "arrow's Parquet adds 27 MB to the binary and panics on corrupt files"},
		{"github.com/prometheus/client_golang", []string{"cmd/internal/app"}, true, "components count for themselves; one exporter turns that into Prometheus metrics"},
		{"github.com/goccy/go-yaml", []string{"cmd/internal/app"}, true, "YAML is for the config file alone"},
		{"github.com/fxamacker/cbor", []string{"ingest/kinesis"}, true, "CBOR is a way to write requests of Kinesis, and nothing else"},
		{"github.com/aws", nil, true, "Amazon's clients are what we are tried with"},
		{"github.com/chromedp", nil, true, "a browser is driven by tests alone"},
		{"github.com/evanw/esbuild", nil, true, "the page is bundled when it is written, not when weir runs"},
		{"pgregory.net/rapid", []string{"operators/state/statetest"}, true, "a test library"},
		{"go.uber.org/goleak", nil, true, "a test library"},
		{"github.com/google/go-cmp", nil, true, "a test library"},
		{"testing", []string{"operators/stream/streamtest", "operators/state/statetest"}, true, "package testing in the product registers its flags there"},
	} {
		rules = append(rules, rule{
			name:   "library " + l.path,
			reason: l.reason,
			broken: func(e edge) bool {
				if e.own || !under(e.to, l.path) || l.tests && e.test {
					return false
				}
				return !slices.ContainsFunc(l.owners, func(o string) bool { return e.from == o })
			},
		})
	}
	return rules
}

// absent are packages that the binary must not hold, however it gets them.
var absent = []string{
	"github.com/apache/arrow-go/v18/arrow/compute",
	"github.com/apache/arrow-go/v18/parquet",
	"github.com/chromedp",
	"github.com/evanw/esbuild",
	"testing",
}

// check returns a sentence for each edge that breaks a rule.
func check(edges []edge) []string {
	var found []string
	all := rules()
	for _, e := range edges {
		for _, r := range all {
			if r.broken(e) {
				found = append(found, fmt.Sprintf("%s imports %s: %s (rule %q)", e.from, e.to, r.reason, r.name))
			}
		}
	}
	return found
}

// under tells whether path is dir or below it.
func under(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// family returns the operator family that a package belongs to, or "".
func family(path string) string {
	rest, ok := strings.CutPrefix(path, "operators/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	if slices.Contains(shared, name) {
		return ""
	}
	return name
}
