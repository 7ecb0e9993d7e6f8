package planner

import (
	"sort"

	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/types"
)

// Function is one function of the dialect, for help and completion.
type Function struct {
	Name  string // in upper case
	Usage string // how to call it
	Doc   string // what it returns, one sentence
}

// Group is the functions of one table of the reference, by name.
type Group struct {
	Name      string
	Functions []Function
}

// Reference returns everything that can be called, in the order of the reference.
func Reference() []Group {
	groups := []Group{{"Aggregates", Aggregates()}, {"Windows", WindowFunctions()}}
	for _, f := range families() {
		m := map[string]function{}
		f.register(m)
		groups = append(groups, Group{f.name, describe(m)})
	}
	return groups
}

// Functions returns every scalar function, by name.
func Functions() []Function { return describe(functions()) }

func describe(m map[string]function) []Function {
	out := make([]Function, 0, len(m))
	for name, f := range m {
		out = append(out, Function{Name: name, Usage: name + f.usage, Doc: f.doc})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Canonical returns the names by which plans call scalar functions. Operators
// such as "+" are not among them.
func Canonical() []string {
	seen := map[string]bool{}
	var out []string
	for _, f := range functions() {
		if f.fn != "" && !seen[f.fn] {
			seen[f.fn] = true
			out = append(out, f.fn)
		}
	}
	sort.Strings(out)
	return out
}

// function is an entry of the registry. Either params and result say what the
// function takes, or bind works it out from the arguments.
type function struct {
	fn       string       // canonical name for the evaluator
	usage    string       // the arguments as documented
	doc      string       // one line
	min, max int          // arguments; max < 0: any number
	params   []types.Kind // kind of each argument; the last one repeats
	result   types.Type
	rest     []physical.Expr // what the last arguments are where they are left out
	bind     func(x *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error)
	// raw binds a call whose arguments are no expressions alone: one is a unit.
	raw func(x *exprs, c *ast.Call, f function) (physical.Expr, error)
}

// family registers the functions of one table of the reference.
type family struct {
	name     string
	register func(m map[string]function)
}

func families() []family {
	return []family{
		{"Numbers", numericFunctions},
		{"Text", textFunctions},
		{"Choice and NULL", choiceFunctions},
		{"Time", timeFunctions},
		{"JSON", jsonFunctions},
	}
}

// functions returns the registry. It is made anew for each statement, so that
// nobody can change what another one sees.
func functions() map[string]function {
	m := map[string]function{}
	for _, f := range families() {
		f.register(m)
	}
	return m
}

// alias registers another name of a function.
func alias(m map[string]function, other, name string) {
	f := m[name]
	f.doc = "The same as " + name + "."
	m[other] = f
}
