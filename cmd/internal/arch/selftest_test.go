package arch

import (
	"slices"
	"strings"
	"testing"
)

// TestRules gives each rule an edge that it must refuse and a near one that it
// must let pass.
func TestRules(t *testing.T) {
	const (
		own  = true
		lib  = false
		prod = false
		test = true
	)
	for _, c := range []struct {
		edge edge
		rule string // "" when the edge is fine
	}{
		{edge{"sql/types", "sql/diag", own, prod}, "leaves"},
		{edge{"sql/diag", "sql/types", own, prod}, ""},
		{edge{"operators/stream", "sql/types", own, prod}, ""},
		{edge{"operators/stream", "windows", own, prod}, "leaves"},
		{edge{"operators/stream", "operators", own, prod}, "leaves"},
		{edge{"windows", "operators/stream", own, prod}, ""},
		{edge{"windows", "planner/physical", own, prod}, "leaves"},
		{edge{"planner/physical", "sql/ast", own, prod}, ""},
		{edge{"planner/physical", "sql", own, prod}, "leaves"},
		{edge{"planner/physical", "planner", own, prod}, "leaves"},

		{edge{"sql", "sql/ast", own, prod}, ""},
		{edge{"sql", "planner", own, prod}, "sql"},
		{edge{"sql/catalog", "ingest", own, prod}, "sql"},
		{edge{"sql", "planner", own, test}, ""},

		{edge{"planner", "sql/catalog", own, prod}, ""},
		{edge{"planner", "operators/stream", own, prod}, ""},
		{edge{"planner/rules", "planner/logical", own, prod}, ""},
		{edge{"planner", "operators/expr", own, prod}, "planner"},
		{edge{"planner", "operators", own, prod}, "planner"},
		{edge{"planner/rules", "ingest", own, prod}, "planner"},
		{edge{"planner", "dashboard/api", own, prod}, "planner"},
		{edge{"planner", "operators/expr", own, test}, ""},

		{edge{"operators/filter", "operators/expr", own, prod}, ""},
		{edge{"operators/filter", "planner/physical", own, prod}, ""},
		{edge{"operators/filter", "planner/logical", own, prod}, "operators"},
		{edge{"operators/expr", "sql", own, prod}, "operators"},
		{edge{"operators/expr", "sql/types", own, prod}, ""},
		{edge{"operators/expr", "sql/ast", own, prod}, "operators and the tree"},
		{edge{"operators/engine", "ingest/scan", own, prod}, "operators"},
		{edge{"operators/sinks/file", "dashboard/hub", own, prod}, "operators"},

		{edge{"operators/filter", "operators/windowagg", own, prod}, "families"},
		{edge{"operators/sinks/influx", "operators/sinks", own, prod}, ""},
		{edge{"operators/expr", "operators/filter", own, prod}, ""},
		{edge{"operators/engine", "operators/filter", own, prod}, ""},
		{edge{"operators/filter", "operators", own, prod}, ""},

		{edge{"cmd/internal/app", "operators/engine", own, prod}, ""},
		{edge{"cmd/weir", "operators/engine", own, prod}, "engine"},
		{edge{"ingest/scan", "operators/engine", own, prod}, "engine"},
		{edge{"operators/filter", "operators/engine", own, prod}, "engine"},

		{edge{"ingest/httpapi", "ingest/wal", own, prod}, ""},
		{edge{"ingest/httpapi", "operators/stream", own, prod}, ""},
		{edge{"ingest/httpapi", "sql/types", own, prod}, ""},
		{edge{"ingest/file", "operators/expr", own, prod}, "ingest"},
		{edge{"ingest", "dashboard/hub", own, prod}, "ingest"},
		{edge{"dashboard/api", "dashboard/hub", own, prod}, ""},
		{edge{"dashboard/api", "sql/diag", own, prod}, ""},
		{edge{"dashboard/api", "ingest/httpapi", own, prod}, "dashboard"},
		{edge{"dashboard/hub", "operators/engine", own, prod}, "dashboard"},
		{edge{"dashboard/hub", "cmd/internal/app", own, prod}, "cmd"},
		{edge{"cmd/weir", "cmd/internal/app", own, prod}, ""},

		{edge{"windows", "os", lib, prod}, "windows"},
		{edge{"windows", "net/http", lib, prod}, "windows"},
		{edge{"windows", "math", lib, prod}, ""},

		{edge{"sql", "github.com/pingcap/tidb/pkg/parser", lib, prod}, ""},
		{edge{"sql/ast", "github.com/pingcap/tidb/pkg/parser", lib, prod}, "library github.com/pingcap/tidb"},
		{edge{"planner", "github.com/pingcap/tidb/pkg/parser", lib, test}, "library github.com/pingcap/tidb"},
		{edge{"ingest/wal", "github.com/dgraph-io/badger/v4", lib, prod}, "library github.com/dgraph-io/badger"},
		{edge{"operators/state/badger", "github.com/dgraph-io/badger/v4", lib, prod}, ""},
		{edge{"dashboard/api", "github.com/gorilla/websocket", lib, prod}, "library github.com/gorilla/websocket"},
		{edge{"dashboard/api", "github.com/gorilla/websocket", lib, test}, ""},
		{edge{"dashboard/hub", "github.com/gorilla/websocket", lib, prod}, ""},
		{edge{"operators/expr", "github.com/apache/arrow-go/v18/arrow/compute", lib, prod}, "library github.com/apache/arrow-go/v18/arrow/compute"},
		{edge{"operators/expr", "github.com/apache/arrow-go/v18/arrow/compute", lib, test}, ""},
		{edge{"ingest/file", "github.com/apache/arrow-go/v18/parquet/pqarrow", lib, prod}, "library github.com/apache/arrow-go/v18/parquet"},
		{edge{"cmd/internal/app", "github.com/chromedp/chromedp", lib, prod}, "library github.com/chromedp"},
		{edge{"dashboard/web", "github.com/evanw/esbuild/pkg/api", lib, test}, ""},
		{edge{"sql", "testing", lib, prod}, "library testing"},
		{edge{"sql", "testing/fstest", lib, test}, ""},
	} {
		broken := check([]edge{c.edge})
		if c.rule == "" {
			if len(broken) > 0 {
				t.Errorf("%v must be allowed: %s", c.edge, broken)
			}
			continue
		}
		named := slices.ContainsFunc(broken, func(v string) bool { return strings.HasSuffix(v, `(rule "`+c.rule+`")`) })
		if !named {
			t.Errorf("%v must break rule %q; it breaks %q", c.edge, c.rule, broken)
		}
	}
}

func TestEveryRuleHasAReason(t *testing.T) {
	for _, r := range rules() {
		if len(r.reason) < 10 {
			t.Errorf("rule %q gives no reason", r.name)
		}
	}
}

func TestDrawnIn(t *testing.T) {
	if got := drawnIn([]string{"fmt", "github.com/apache/arrow-go/v18/arrow"}); len(got) != 0 {
		t.Errorf("fine dependencies are refused: %s", got)
	}
	if got := drawnIn([]string{"github.com/evanw/esbuild/pkg/api", "testing"}); len(got) != 2 {
		t.Errorf("two dependencies must be refused, got %s", got)
	}
}

// TestInspect gives each rule about files one that breaks it and one that does not.
func TestInspect(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"sql/x.go", "package sql\n", ""},
		{"x.go", "package weir\n", "at the root"},
		{"internal/x/x.go", "package x\n", "at the root"},
		{"windows/hop_windows.go", "package windows\n", "on Windows only"},
		{"windows/hop_windows_test.go", "package windows\n", "on Windows only"},
		{"sql/x.go", "package sql\nfunc init() {}\n", "no init"},
		{"sql/x.go", "package sql\ntype T struct{}\nfunc (T) init() {}\n", ""},
		{"sql/x.go", "package sql\nvar n int\n", "can change"},
		{"sql/x.go", "package sql\nvar n = make(map[int]int)\n", "can change"},
		{"sql/x.go", "package sql\nvar mu = &sync.Mutex{}\n", "can change"},
		{"sql/x.go", "package sql\nvar p = sync.Pool{New: f}\n", "can change"},
		{"sql/x.go", "package sql\nvar n atomic.Pointer[int]\n", "can change"},
		{"sql/x.go", "package sql\nvar c chan int = nil\n", "can change"},
		{"sql/x.go", "package sql\nvar names = map[string]int{\"a\": 1}\n", ""},
		{"sql/x.go", "package sql\nvar ErrX = errors.New(\"x\")\n", ""},
		{"sql/x.go", "package sql\nvar _ I = T{}\nvar table = sync.OnceValue(build)\n", ""},
		{"sql/x.go", "package sql\n//go:embed a.txt\nvar text string\n", ""},
		{"sql/x.go", "package sql\nfunc f() { go f() }\n", "starts a goroutine"},
		{"sql/x_test.go", "package sql\nfunc f() { go f() }\nvar update bool\n", ""},
		{"ingest/wal/x.go", "package wal\nfunc f() { go f() }\n", ""},
		{"dashboard/api/x.go", "package api\nfunc f() { go f() }\n", "starts a goroutine"},
		{"sql/x.go", "package sql\n" + strings.Repeat("\n", linesMax), "lines"},
		{"sql/x.go", "// Code generated by x. DO NOT EDIT.\n\npackage sql\n" + strings.Repeat("\n", linesMax), ""},
		{"sql/x.go", "package sql\nfunc {", "does not parse"},
	} {
		got := inspect(file{name: c.name, text: []byte(c.text)})
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s %q must be allowed: %s", c.name, c.text, got)
		case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
			t.Errorf("%s %q must be refused with %q, got %q", c.name, c.text, c.want, got)
		}
	}
}

func TestUndocumented(t *testing.T) {
	got := undocumented([]file{{name: "sql/doc.go"}, {name: "sql/a.go"}, {name: "planner/a.go"}, {name: "cmd/weir/main.go"}})
	if len(got) != 1 || !strings.HasPrefix(got[0], "planner ") {
		t.Errorf("planner alone lacks a doc.go, got %q", got)
	}
}
