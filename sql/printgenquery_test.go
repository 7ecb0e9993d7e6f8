package sql

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weir/sql/ast"
	"weir/sql/diag"
)

// window is one as it stands in GROUP BY.
func (g *treeGen) window(kind ast.WindowKind) *ast.Window {
	w := &ast.Window{Kind: kind}
	if kind == ast.CountWindow {
		w.Rows = int64(1 + g.n(5))
		w.Every = int64(1 + g.n(5))
		return w
	}
	if g.yes() {
		w.Time = g.expr()
	}
	switch kind {
	case ast.Session:
		w.Gap = g.length()
		if g.yes() {
			w.Size = g.length()
		}
		return w
	case ast.Hop, ast.Cumulate:
		w.Slide = g.length()
	}
	w.Size = g.length()
	if kind == ast.Stagger {
		return w
	}
	if g.yes() {
		w.Offset = g.length()
	}
	if g.rarely() {
		if z := g.text(); z != "" && !isDigit(z[0]) && z[0] != '-' {
			w.Zone = &ast.Literal{Kind: ast.StringLiteral, Text: z}
		}
	}
	return w
}

// table is a relation. alias tells whether it can have another name.
func (g *treeGen) table(alias bool) *ast.Table {
	t := &ast.Table{}
	switch g.n(5) {
	case 0:
		if t.Name.Text = g.text(); t.Name.Text == "" || t.Name.Text == "stdin" {
			t.Name.Text = "f"
		}
		t.File = true
	case 1:
		t.File, t.Name.Text = true, "stdin"
	case 2:
		if g.depth < 4 {
			t.Query = g.query(false)
			break
		}
		fallthrough
	default:
		t.Name = g.name()
	}
	if alias {
		if g.rarely() {
			t.Window = g.window(oneOf(g, ast.Tumble, ast.Hop, ast.Session, ast.Cumulate))
			t.Window.Partition = many(g, 0, 2, g.expr)
		}
		t.Alias = g.maybeName()
	}
	return t
}

func (g *treeGen) item() ast.Item {
	if g.n(8) == 0 {
		return ast.Item{Star: true, Table: g.maybeName()}
	}
	return ast.Item{Expr: g.expr(), Alias: g.maybeName()}
}

// query makes a query; an outer one can have EMIT and options.
func (g *treeGen) query(outer bool) *ast.Select {
	g.depth += 2
	defer func() { g.depth -= 2 }()
	q := g.core()
	if g.depth < 5 && g.rarely() {
		q = &ast.Select{Set: &ast.SetOp{All: g.yes(), L: g.term(), R: g.term()}}
	}
	if g.depth < 5 && g.rarely() {
		for i, c := range many(g, 1, 2, func() ast.CTE { return ast.CTE{Name: g.name(), Query: g.query(false)} }) {
			if c.Columns = many(g, 0, 2, g.name); i == 0 || c.Name.Text != q.CTEs[0].Name.Text {
				q.CTEs = append(q.CTEs, c)
			}
		}
	}
	g.tail(q)
	if outer {
		g.emit(q)
		q.With = g.options()
	}
	return q
}

// term is a query beside UNION.
func (g *treeGen) term() *ast.Select {
	if g.rarely() {
		return g.query(false)
	}
	return g.core()
}

func (g *treeGen) tail(q *ast.Select) {
	if g.rarely() {
		q.OrderBy = many(g, 1, 2, g.order)
	}
	if g.rarely() {
		q.Limit = &ast.Limit{Count: int64(g.n(5)), Offset: int64(g.n(1))}
	}
}

func (g *treeGen) emit(q *ast.Select) {
	if g.yes() {
		return
	}
	q.Emit = &ast.Emit{Mode: oneOf(g, ast.EmitDefault, ast.EmitOnWindowClose, ast.EmitChanges, ast.EmitOnUpdate, ast.EmitEvery)}
	switch q.Emit.Mode {
	case ast.EmitEvery:
		q.Emit.Every = g.positive()
	case ast.EmitOnWindowClose:
		if g.yes() {
			q.Emit.Delay = g.positive()
		}
	case ast.EmitDefault:
		q.Emit.Lateness = g.positive()
	}
	if g.rarely() {
		q.Emit.Lateness = g.positive()
	}
}

// core is a SELECT without what orders its rows.
func (g *treeGen) core() *ast.Select {
	q := &ast.Select{Distinct: g.rarely(), Items: many(g, 1, 3, g.item)}
	if g.n(3) > 0 {
		q.From = g.table(true)
	}
	if g.rarely() {
		q.Where = g.expr()
	}
	if g.yes() {
		g.groups(q)
	}
	if q.From != nil && g.rarely() { // the grammar of the parser behind
		q.Having = g.expr()
	}
	if q.From != nil && g.rarely() {
		q.Fill = &ast.Fill{Mode: oneOf(g, ast.FillNull, ast.FillPrev, ast.FillLinear)}
		if g.yes() {
			q.Fill = &ast.Fill{Mode: ast.FillValue, Value: oneOf[ast.Expr](g, &ast.Literal{Kind: ast.IntLiteral, Text: "0"}, &ast.Literal{Kind: ast.StringLiteral, Text: g.text()}, &ast.Unary{Op: "-", X: &ast.Literal{Kind: ast.DecimalLiteral, Text: "1.5"}},
				&ast.Literal{Kind: ast.BoolLiteral, Text: "TRUE"})}
		}
	}
	return q
}

// groups makes a GROUP BY. A FLOOR(x TO unit) in one without a window is a window.
func (g *treeGen) groups(q *ast.Select) {
	q.GroupBy = many(g, 1, 3, g.expr)
	if g.rarely() {
		q.GroupBy = append(q.GroupBy, &ast.GroupingSets{Sets: many(g, 1, 3, func() []ast.Expr { return many(g, 0, 2, g.expr) })})
	}
	windowed := q.From != nil && q.From.Window != nil
	if !windowed && g.yes() || !windowed && anyFloor(q.GroupBy) {
		q.GroupBy = append(q.GroupBy, g.window(ast.WindowKind(g.n(int(ast.CountWindow)))))
	}
}

func anyFloor(list []ast.Expr) bool {
	for _, e := range list {
		if _, ok := floorTo(e); ok {
			return true
		}
	}
	return false
}

func (g *treeGen) options() []ast.Option {
	if !g.rarely() {
		return nil
	}
	return many(g, 1, 3, func() ast.Option {
		o := ast.Option{Name: g.name(), Value: ast.Name{Text: g.text()}}
		if g.yes() {
			o.Name.Text += "." + g.name().Text
		}
		return o
	})
}

func (g *treeGen) statement() ast.Statement {
	switch g.n(14) {
	case 0:
		s := &ast.CreateStream{Name: g.name(), OrReplace: g.yes(), IfNotExists: g.yes(), With: g.options()}
		for i := range g.n(3) {
			c := ast.ColumnDef{Name: g.name(), Type: g.typ()}
			c.Name.Text += string(rune('0' + i)) // each once
			if g.yes() {
				c.Name.Text = oneOf(g, g.words...)
				if i > 0 {
					continue
				}
			}
			if g.yes() {
				c.Generated = g.expr()
			}
			s.Columns = append(s.Columns, c)
		}
		if g.yes() {
			s.Watermark = &ast.Watermark{Column: g.name(), Expr: g.expr()}
		}
		return s
	case 1:
		return &ast.CreateView{Materialized: g.yes(), OrReplace: g.yes(), IfNotExists: g.yes(), Name: g.name(), With: g.options(), Query: g.query(true)}
	case 2:
		s := &ast.CreateSink{IfNotExists: g.yes(), Name: g.name(), With: g.options(), From: g.maybeName()}
		if s.From == nil {
			s.Query = g.query(true)
			s.Query.With = nil
		}
		return s
	case 3:
		s := &ast.Insert{Into: g.name()}
		if g.yes() {
			s.Columns = []ast.Name{g.name()}
		}
		if g.yes() {
			s.Query, s.Called = g.query(true), g.maybeName()
			s.Replace = s.Called != nil && g.yes()
		} else {
			s.Rows = many(g, 1, 3, func() []ast.Expr { return many(g, 1, 1, g.expr) })
		}
		return s
	case 4:
		return &ast.Drop{Kind: oneOf(g, ast.StreamObject, ast.ViewObject, ast.MaterializedView, ast.QueryObject, ast.SinkObject), IfExists: g.yes(), Name: g.name()}
	case 5:
		if g.n(3) == 0 {
			return oneOf[ast.Statement](g, &ast.Show{Kind: ast.ProcessList}, &ast.Kill{ID: 17})
		}
		s := &ast.Show{Kind: oneOf(g, ast.StreamObject, ast.ViewObject, ast.MaterializedView, ast.QueryObject, ast.SinkObject, ast.PumpObject)}
		if g.yes() {
			like := g.text()
			s.Like = &like
		}
		return s
	case 6:
		t := g.table(false)
		if t.Query != nil {
			return &ast.ShowCreate{Name: g.name()}
		}
		if t.Name.Text != "stdin" && g.yes() {
			return &ast.ShowCreate{Name: t.Name, File: t.File}
		}
		return &ast.Describe{Name: t.Name, File: t.File}
	case 7:
		s := &ast.Subscribe{Progress: g.yes()}
		if on := g.yes(); g.yes() {
			s.Snapshot = &on
		}
		if s.Name = g.name(); g.yes() {
			s.Name, s.Query = ast.Name{}, g.query(true)
		}
		if s.AsOf = g.maybeName(); s.AsOf != nil && g.yes() {
			s.AsOf.Text = "17"
		}
		return s
	case 8:
		if s := g.query(true); !strings.HasPrefix(Print(s), "(") || g.yes() {
			return &ast.Explain{Mode: oneOf(g, ast.ExplainRewrite, ast.ExplainAnalyze), Statement: s}
		}
		n := g.name()
		return &ast.Explain{Mode: oneOf(g, ast.ExplainWatermark, ast.ExplainAnalyze), Query: &n}
	case 9:
		if s := (&ast.AlterStream{Name: g.name(), Set: g.options()}); len(s.Set) > 0 {
			return s
		}
		return &ast.AlterStream{Name: g.name(), End: true}
	}
	return g.query(true)
}

// treesFor is how long trees are made.
const treesFor = 3 * time.Second

// What is printed for a tree is read as that tree.
func TestTreesAreReadAsPrinted(t *testing.T) {
	words := allWords(t)
	property := func(rt *rapid.T) {
		g := &treeGen{T: rt, words: words}
		s := g.statement()
		once := Print(s)
		again, err := ParseOne(once)
		if err != nil {
			if diag.From(err).Code == diag.TooLarge {
				return
			}
			rt.Fatalf("refused:\n%s\n%s", once, diag.Render(diag.From(err), once))
		}
		if d := difference(s, again); d != "" {
			rt.Fatalf("%s\nis another statement: %s\n%s", once, d, Print(again))
		}
	}
	for start := time.Now(); !t.Failed() && time.Since(start) < treesFor; {
		rapid.Check(t, property)
	}
}
