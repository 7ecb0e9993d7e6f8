package sql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/sql/ast"
)

// Print returns the canonical spelling of a statement, on one line and without a
// semicolon. Parse reads it back, and prints it the same.
func Print(s ast.Statement) string {
	var p printer
	p.statement(s)
	if !caretIsRefused(p.b.String()) {
		return p.b.String()
	}
	q := printer{quoteCalls: true}
	q.statement(s)
	return q.b.String()
}

// caretIsRefused tells whether a printed text holds `^` beside FILTER or its kin, which
// stood in a statement that something said to be MySQL's: REGEXP, or &&, neither of
// which is printed so.
func caretIsRefused(text string) bool {
	if !strings.Contains(text, "^") {
		return false
	}
	toks, err := scan(text)
	return err == nil && dialectOf(toks).caret != "" && slices.ContainsFunc(toks, func(t token) bool { return t.is("^") })
}

// PrintExpr returns the canonical spelling of an expression.
func PrintExpr(e ast.Expr) string {
	var p printer
	p.expr(e)
	return p.b.String()
}

type printer struct {
	b strings.Builder
	// quoteCalls puts the names of functions in back-quotes, in which only MySQL has names.
	quoteCalls bool
}

func (p *printer) put(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

func (p *printer) statement(s ast.Statement) {
	switch s := s.(type) {
	case *ast.Select:
		p.query(s)
	case *ast.CreateStream:
		p.createStream(s)
	case *ast.CreateView:
		p.createView(s)
	case *ast.CreateSink:
		p.createSink(s)
	case *ast.Drop:
		p.put("DROP ", string(s.Kind))
		p.when(s.IfExists, " IF EXISTS")
		p.put(" ", quoteName(s.Name.Text))
	case *ast.Show:
		p.put("SHOW ", plural(s.Kind))
		if s.Like != nil {
			p.put(" LIKE ", quoteString(*s.Like))
		}
	case *ast.Kill:
		p.put("KILL ", strconv.Itoa(int(s.ID)))
	case *ast.ShowCreate:
		p.put("SHOW CREATE ", tableName(s.Name.Text, s.File))
	case *ast.Describe:
		p.put("DESCRIBE ", tableName(s.Name.Text, s.File))
	case *ast.Explain:
		p.put("EXPLAIN ")
		p.when(s.Mode == ast.ExplainRewrite, "REWRITE ")
		p.when(s.Mode == ast.ExplainAnalyze, "ANALYZE ")
		switch {
		case s.Query != nil && s.Mode == ast.ExplainAnalyze:
			p.put("QUERY ", quoteName(s.Query.Text))
		case s.Query != nil:
			p.put("WATERMARK FOR QUERY ", quoteName(s.Query.Text))
		default:
			p.statement(s.Statement)
		}
	case *ast.Insert:
		p.insert(s)
	case *ast.AlterStream:
		p.put("ALTER STREAM ", quoteName(s.Name.Text))
		p.when(s.End, " END")
		p.optionsBehind(" SET (", s.Set)
	case *ast.Subscribe:
		p.subscribe(s)
	default:
		p.put(fmt.Sprintf("<%T>", s))
	}
}

func (p *printer) when(cond bool, text string) {
	if cond {
		p.put(text)
	}
}

func plural(k ast.ObjectKind) string {
	switch k {
	case ast.QueryObject:
		return "QUERIES"
	case ast.ProcessList:
		return string(k)
	}
	return string(k) + "S"
}

// list prints n things with a separator in between.
func (p *printer) list(n int, separator string, f func(i int)) {
	for i := range n {
		if i > 0 {
			p.put(separator)
		}
		f(i)
	}
}

func (p *printer) createStream(s *ast.CreateStream) {
	p.put("CREATE ")
	p.when(s.OrReplace, "OR REPLACE ")
	p.put("STREAM ")
	p.when(s.IfNotExists, "IF NOT EXISTS ")
	p.put(quoteName(s.Name.Text))
	if len(s.Columns) > 0 || s.Watermark != nil {
		p.put(" (")
		p.list(len(s.Columns), ", ", func(i int) {
			p.put(quoteName(s.Columns[i].Name.Text), " ", s.Columns[i].Type.String())
			if e := s.Columns[i].Generated; e != nil {
				p.put(" AS (")
				p.expr(e)
				p.put(")")
			}
		})
		if w := s.Watermark; w != nil {
			p.when(len(s.Columns) > 0, ", ")
			p.put("WATERMARK FOR ", quoteName(w.Column.Text), " AS ")
			p.expr(w.Expr)
		}
		p.put(")")
	}
	p.options(s.With)
}

func (p *printer) createView(v *ast.CreateView) {
	p.put("CREATE ")
	p.when(v.OrReplace, "OR REPLACE ")
	p.when(v.Materialized, "MATERIALIZED ")
	p.put("VIEW ")
	p.when(v.IfNotExists, "IF NOT EXISTS ")
	p.put(quoteName(v.Name.Text))
	p.options(v.With)
	p.put(" AS ")
	p.query(v.Query)
}

func (p *printer) createSink(s *ast.CreateSink) {
	p.put("CREATE SINK ")
	p.when(s.IfNotExists, "IF NOT EXISTS ")
	p.put(quoteName(s.Name.Text))
	if s.From != nil {
		p.put(" FROM ", quoteName(s.From.Text))
		p.options(s.With)
		return
	}
	p.options(s.With)
	p.put(" AS ")
	p.query(s.Query)
}

func (p *printer) options(opts []ast.Option) { p.optionsBehind(" WITH (", opts) }

func (p *printer) optionsBehind(head string, opts []ast.Option) {
	if len(opts) == 0 {
		return
	}
	p.put(head)
	p.list(len(opts), ", ", func(i int) {
		p.put(optionName(opts[i].Name.Text), " = ", optionValue(opts[i].Value.Text))
	})
	p.put(")")
}

func (p *printer) clause(head string, e ast.Expr) {
	if e != nil {
		p.put(head)
		p.expr(e)
	}
}

func (p *printer) item(it ast.Item) {
	switch {
	case it.Star && it.Table != nil:
		p.put(quoteName(it.Table.Text), ".*")
	case it.Star:
		p.put("*")
	default:
		p.expr(it.Expr)
		if it.Alias != nil {
			p.put(" AS ", quoteName(it.Alias.Text))
		}
	}
}
