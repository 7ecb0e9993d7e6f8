package planner

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weir/operators/stream"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/rules"
	"weir/sql"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
	"weir/windows"
)

// value is a cell of the slow model: every type as an integer, or NULL.
type value struct {
	v    int64
	null bool
}

type row []value

func boolean(b bool) value {
	if b {
		return value{v: 1}
	}
	return value{}
}

// evaluate computes an expression of the few functions that the generator uses.
func evaluate(e physical.Expr, r row) value {
	switch e := e.(type) {
	case *physical.Column:
		return r[e.Index]
	case *physical.Literal:
		switch v := e.Value.(type) {
		case int64:
			return value{v: v}
		case bool:
			return boolean(v)
		}
		return value{null: true}
	case *physical.Call:
		args := make([]value, len(e.Args))
		for i, a := range e.Args {
			args[i] = evaluate(a, r)
		}
		return apply(e.Fn, args)
	}
	panic(fmt.Sprintf("no model for %T", e))
}

func apply(fn string, args []value) value {
	a := args[0]
	switch fn {
	case "is_null":
		return boolean(a.null)
	case "not":
		return value{v: 1 - a.v, null: a.null}
	}
	b := args[1]
	switch fn {
	case "and":
		if !a.null && a.v == 0 || !b.null && b.v == 0 {
			return boolean(false)
		}
		return value{v: 1, null: a.null || b.null}
	case "or":
		if !a.null && a.v == 1 || !b.null && b.v == 1 {
			return boolean(true)
		}
		return value{null: a.null || b.null}
	}
	if a.null || b.null {
		return value{null: true}
	}
	switch fn {
	case "+":
		return value{v: a.v + b.v}
	case "-":
		return value{v: a.v - b.v}
	case "*":
		return value{v: a.v * b.v}
	case "=":
		return boolean(a.v == b.v)
	case "<":
		return boolean(a.v < b.v)
	case ">=":
		return boolean(a.v >= b.v)
	}
	panic("no model for " + fn)
}

// interpret runs a logical tree over the rows of its relation, slowly.
func interpret(n logical.Node, data []row) []row {
	var in []row
	if n.Input() != nil {
		in = interpret(n.Input(), data)
	}
	var out []row
	switch n := n.(type) {
	case *logical.Scan:
		for _, r := range data {
			var picked row
			for i := range n.Columns {
				picked = append(picked, r[n.Position(i)])
			}
			for range n.Hidden {
				picked = append(picked, value{null: true})
			}
			if n.EventTime == nil || !evaluate(n.EventTime, picked).null {
				out = append(out, picked)
			}
		}
	case *logical.Filter:
		for _, r := range in {
			if p := evaluate(n.Pred, r); !p.null && p.v == 1 {
				out = append(out, r)
			}
		}
	case *logical.Project:
		for _, r := range in {
			out = append(out, mapRow(n.Exprs, r))
		}
	case *logical.Aggregate:
		out = aggregateRows(n, in)
	case *logical.Sort:
		out = append(out, in...)
		sort.SliceStable(out, func(i, j int) bool { return lessRow(n.Keys, out[i], out[j]) })
		out = cut(out, n.Limit, n.Offset)
	case *logical.Limit:
		out = cut(in, n.Count, n.Offset)
	}
	return out
}

func mapRow(exprs []physical.Expr, r row) row {
	out := make(row, len(exprs))
	for i, e := range exprs {
		out[i] = evaluate(e, r)
	}
	return out
}

func lessRow(keys []physical.SortKey, a, b row) bool {
	for _, k := range keys {
		x, y := a[k.Column], b[k.Column]
		if k.Desc {
			x, y = y, x
		}
		switch {
		case x.null != y.null:
			return x.null
		case !x.null && x.v != y.v:
			return x.v < y.v
		}
	}
	return false
}

func cut(rows []row, limit, offset int64) []row {
	rows = rows[min(offset, int64(len(rows))):]
	if limit >= 0 {
		rows = rows[:min(limit, int64(len(rows)))]
	}
	return rows
}

func aggregateRows(a *logical.Aggregate, in []row) []row {
	var order []string
	groups := map[string][]row{}
	heads := map[string]row{}
	for _, r := range in {
		var head row
		if a.Window.Kind != windows.None {
			at := evaluate(a.Time, r)
			if at.null {
				continue
			}
			size := a.Window.Size.Microseconds()
			start := at.v - ((at.v%size)+size)%size
			head = row{{v: start}, {v: start + size}}
		}
		head = append(head, mapRow(a.Keys, r)...)
		id := fmt.Sprint(head)
		if _, ok := groups[id]; !ok {
			order, heads[id] = append(order, id), head
		}
		groups[id] = append(groups[id], r)
	}
	if len(a.Keys) == 0 && a.Window.Kind == windows.None && len(order) == 0 {
		order = append(order, "")
	}
	var out []row
	for _, id := range order {
		r := append(row(nil), heads[id]...)
		for _, g := range a.Aggs {
			r = append(r, fold(g, groups[id]))
		}
		out = append(out, r)
	}
	return out
}

func fold(g logical.Agg, rows []row) value {
	n, sum, best := int64(0), int64(0), value{null: true}
	for _, r := range rows {
		if len(g.Args) == 0 {
			n++
			continue
		}
		v := evaluate(g.Args[0], r)
		if v.null {
			continue
		}
		n, sum = n+1, sum+v.v
		if best.null || v.v > best.v {
			best = v
		}
	}
	switch g.Fn {
	case physical.AggCount, physical.AggCountStar:
		return value{v: n}
	case physical.AggSum:
		return value{v: sum, null: n == 0}
	}
	return best
}

// foldModel folds constants with the model.
func foldModel(e physical.Expr) (physical.Expr, error) {
	constant := true
	physical.Columns(e, func(*physical.Column) { constant = false })
	if _, ok := e.(*physical.Call); !ok || !constant {
		return e, nil
	}
	v := evaluate(e, nil)
	l := &physical.Literal{T: e.Type(), Value: v.v}
	if e.Type().Kind == types.Boolean {
		l.Value = v.v == 1
	}
	if v.null {
		l.Value = nil
	}
	return l, nil
}

// relationsOf resolves names in a map.
type relationsOf map[string]*Relation

func (m relationsOf) Relation(t *ast.Table) (*Relation, error) {
	if r, ok := m[t.Name.Text]; ok {
		return r, nil
	}
	return nil, diag.New(diag.UnknownObject, t.Span(), "there is no `%s`", t.Name.Text)
}

// generator writes random queries.
type generator struct{ t *rapid.T }

func (g generator) pick(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(g.t, label)
}

// number writes an expression over columns.
func (g generator) number(columns []string, depth int) string {
	if depth == 0 || rapid.Bool().Draw(g.t, "leaf") {
		if rapid.IntRange(0, 3).Draw(g.t, "constant") == 0 {
			return g.pick("literal", "0", "1", "2", "3", "NULL + 1")
		}
		return rapid.SampledFrom(columns).Draw(g.t, "column")
	}
	return "(" + g.number(columns, depth-1) + g.pick("op", " + ", " - ", " * ") + g.number(columns, depth-1) + ")"
}

func (g generator) condition(columns []string, depth int) string {
	switch k := rapid.IntRange(0, 6).Draw(g.t, "condition"); {
	case depth > 0 && k < 2:
		return "(" + g.condition(columns, depth-1) + " AND " + g.condition(columns, depth-1) + ")"
	case depth > 0 && k == 2:
		return "(" + g.condition(columns, depth-1) + " OR " + g.condition(columns, depth-1) + ")"
	case depth > 0 && k == 3:
		return "NOT (" + g.condition(columns, depth-1) + ")"
	case k == 4:
		return g.number(columns, 1) + " IS NULL"
	}
	return g.number(columns, 1) + g.pick("compare", " = ", " < ", " >= ") + g.number(columns, 1)
}

// list writes a select list of numbers and returns the names of its columns.
func (g generator) list(columns []string) (text string, names []string) {
	var parts []string
	for i := range rapid.IntRange(1, 3).Draw(g.t, "items") {
		name := fmt.Sprintf("%c%d", "xyz"[i], len(columns))
		parts = append(parts, g.number(columns, 2)+" AS "+name)
		names = append(names, name)
	}
	return strings.Join(parts, ", "), names
}

func (g generator) where(columns []string) string {
	if rapid.Bool().Draw(g.t, "where") {
		return " WHERE " + g.condition(columns, 2)
	}
	return ""
}

// query writes the outermost SELECT.
func (g generator) query(from string, columns []string) string {
	if rapid.Bool().Draw(g.t, "plain") {
		list, names := g.list(columns)
		return "SELECT " + list + " FROM " + from + g.where(columns) + g.order(append(names, columns...))
	}
	key := g.number(columns, 1)
	items := []string{"SUM(" + g.number(columns, 1) + ") AS s", "COUNT(*) AS n", "MAX(" + g.number(columns, 1) + ")"}
	group := ""
	names := []string{"s", "n"}
	if rapid.Bool().Draw(g.t, "keyed") {
		items, group, names = append(items, key+" AS k"), " GROUP BY k", append(names, "k")
		if rapid.Bool().Draw(g.t, "windowed") {
			items, group, names = append(items, "window_start"), group+", TUMBLE(t, INTERVAL 10 MICROSECOND)", append(names, "window_start")
		}
	}
	text := "SELECT " + strings.Join(items, ", ") + " FROM " + from + g.where(columns) + group
	if rapid.Bool().Draw(g.t, "having") {
		text += " HAVING " + g.condition(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "s" || n == "window_start" }), 2)
	}
	return text + g.order(names)
}

func (g generator) order(names []string) string {
	text := ""
	if rapid.Bool().Draw(g.t, "order") {
		text = " ORDER BY " + rapid.SampledFrom(names).Draw(g.t, "by") + g.pick("direction", "", " DESC")
	}
	if rapid.Bool().Draw(g.t, "limit") {
		text += " LIMIT 3" + g.pick("offset", "", " OFFSET 1")
	}
	return text
}

// TestRulesKeepTheAnswer runs random queries over views over views with the
// model, before and after the rules: the same schema, the same rows.
func TestRulesKeepTheAnswer(t *testing.T) {
	columns := stream.Schema{
		{Name: "a", Type: types.BigintType}, {Name: "b", Type: types.BigintType},
		{Name: "c", Type: types.BigintType}, {Name: "t", Type: types.DatetimeType(6)},
	}
	rapid.Check(t, func(rt *rapid.T) {
		g := generator{rt}
		rels := relationsOf{"base": {Kind: physical.SourceFile, Name: "base", Columns: columns, Bounded: true}}
		from, names := "base", []string{"a", "b", "c"}
		for depth := range rapid.IntRange(0, 3).Draw(rt, "views") {
			list, below := g.list(names)
			text := "SELECT " + list + ", t FROM " + from + g.where(names)
			from, names = fmt.Sprintf("v%d", depth), below
			rels[from] = &Relation{Name: from, Inline: parseSelect(rt, text)}
		}
		text := g.query(from, names)
		q := parseSelect(rt, text)
		bound, err := newBinder(Config{Relations: rels}).query(q)
		if err != nil {
			rt.Fatalf("%s\n%v", text, err)
		}
		before := logical.Print(bound)
		var withFold rules.Fold
		if rapid.Bool().Draw(rt, "fold") {
			withFold = foldModel
		}
		better, err := rules.Apply(bound, withFold)
		if err != nil {
			rt.Fatal(err)
		}
		if after := logical.Print(bound); after != before {
			rt.Fatalf("the rules changed their input from\n%sto\n%s", before, after)
		}
		if got, want := fmt.Sprint(better.Schema()), fmt.Sprint(bound.Schema()); got != want {
			rt.Fatalf("%s\nschema %s became %s", text, want, got)
		}
		if _, err := lower(better); err != nil {
			rt.Fatal(err)
		}
		data := rapid.SliceOfN(drawRow(), 0, 12).Draw(rt, "rows")
		got, want := fmt.Sprint(interpret(better, data)), fmt.Sprint(interpret(bound, data))
		if got != want {
			rt.Fatalf("%s\nbefore:\n%s%s\nafter:\n%s%s", text, before, want, logical.Print(better), got)
		}
	})
}

func drawRow() *rapid.Generator[row] {
	return rapid.Custom(func(t *rapid.T) row {
		r := make(row, 4)
		for i := range r {
			if rapid.IntRange(0, 5).Draw(t, "null") == 0 {
				r[i].null = true
			} else {
				r[i].v = rapid.Int64Range(-3, 25).Draw(t, "cell")
			}
		}
		return r
	})
}

func parseSelect(t interface{ Fatalf(string, ...any) }, text string) *ast.Select {
	s, err := sql.ParseOne(text)
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return s.(*ast.Select)
}
