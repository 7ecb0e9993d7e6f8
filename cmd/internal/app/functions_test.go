package app

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"weir/operators/expr"
	"weir/planner"
	"weir/planner/physical"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

var update = flag.Bool("update", false, "write the golden files again")

// TestFunctionValues computes the calls of testdata/functions*.txt. What MySQL's
// manual and MariaDB say there was compared when they were written; lines under
// "differs" are meant to.
func TestFunctionValues(t *testing.T) {
	for _, path := range []string{"testdata/functions.txt", "testdata/functions_time.txt", "testdata/functions_json.txt"} {
		functionValues(t, path)
	}
}

func functionValues(t *testing.T, path string) {
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	calls := 0
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		call, _, isCall := strings.Cut(line, " => ")
		if !isCall || strings.HasPrefix(line, "#") {
			b.WriteString(line + "\n")
			continue
		}
		calls++
		got := call + " => " + valueOf(call)
		if got != line && !*update {
			t.Errorf("%s\nis now %s", line, got)
		}
		b.WriteString(got + "\n")
	}
	if calls < 300 {
		t.Errorf("%s has %d calls", path, calls)
	}
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// valueOf returns the value of an expression as text: "!" if there is none and
// that was counted.
func valueOf(text string) string {
	fail := func(err error) string {
		if e := diag.From(err); e.Code != diag.Internal {
			return fmt.Sprintf("error %s: %s", e.Code, e.Message)
		}
		return "broken: " + err.Error()
	}
	s, err := sql.ParseOne("SELECT " + text)
	if err != nil {
		return fail(err)
	}
	p, err := planner.Plan(s.(*ast.Select), planner.Config{Fold: expr.Fold})
	if err != nil {
		return fail(err)
	}
	n := p.Root
	for ; n != nil; n = n.Input() {
		if project, ok := n.(*physical.Project); ok {
			e, err := expr.Fold(project.Exprs[0])
			if err != nil {
				return fail(err)
			}
			return literalText(e)
		}
	}
	return "no expression"
}

func literalText(e physical.Expr) string {
	l, ok := e.(*physical.Literal)
	if !ok {
		return "!"
	}
	switch v := l.Value.(type) {
	case nil:
		return "NULL"
	case string:
		return strconv.Quote(v)
	case float64:
		return string(types.AppendDouble(nil, v))
	case decimal128.Num:
		return string(types.AppendDecimal(nil, v, l.T.Scale))
	case int64:
		switch l.T.Kind {
		case types.Datetime:
			return string(types.AppendDatetime(nil, v, l.T.Precision))
		case types.Date:
			return string(types.AppendDate(nil, int32(v)))
		}
	}
	return fmt.Sprint(l.Value)
}
