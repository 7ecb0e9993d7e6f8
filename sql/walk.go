package sql

import (
	"strconv"
	"strings"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"weir/sql/ast"
	"weir/sql/diag"
)

// walker goes through the parser's tree and the lexemes side by side. The tree
// says how the expression groups, the lexemes say where everything stands and how
// it was spelled. A node or a lexeme that it does not know is refused, so nothing
// that the parser understood passes unseen.
//
// The first error sticks; after it, everything returns at once.
type walker struct {
	*parser
	frag  *fragment
	i     int // index of the next lexeme
	group int // index of the lexeme that starts the entry of GROUP BY at hand
	err   error
}

// lex returns lexeme i of the fragment, or the end.
func (w *walker) lex(i int) lexeme {
	if i >= 0 && i < len(w.frag.lexs) {
		return w.frag.lexs[i]
	}
	return lexeme{token: token{kind: tokEnd, start: w.frag.end, end: w.frag.end}}
}

func (w *walker) cur() lexeme { return w.lex(w.i) }

// node is the node from lexeme first to the one read last.
// After an error it may be nonsense, but nobody looks at it then.
func (w *walker) node(first int) ast.Node {
	return ast.Node{At: diag.Span{Start: w.lex(first).start, End: w.lex(w.i - 1).end}}
}

func (w *walker) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// refuseHere refuses the next lexeme, which the parser took and the walker does not know.
func (w *walker) refuseHere() {
	l := w.cur()
	if l.kind == tokEnd {
		w.fail(diag.New(diag.Unsupported, diag.Span{Start: w.frag.start, End: w.frag.end}, "this query is not supported"))
		return
	}
	w.fail(diag.New(diag.Unsupported, l.span(), "%s is not supported here", w.describe(l.token)))
}

// take goes over the next lexeme if it is that word or operator.
func (w *walker) take(word string) bool {
	if w.err == nil && w.cur().is(word) {
		w.i++
		return true
	}
	return false
}

// need goes over these words or operators, or refuses what stands there.
func (w *walker) need(words ...string) {
	for _, word := range words {
		if !w.take(word) {
			w.refuseHere()
			return
		}
	}
}

// query converts a SELECT that fills the fragment.
func (w *walker) query(s *tidb.SelectStmt) (*ast.Select, error) {
	q := &ast.Select{Node: ast.Node{At: diag.Span{Start: w.frag.start, End: w.frag.end}}}
	if s.Kind != tidb.SelectStmtKindSelect || s.With != nil {
		w.refuseHere()
	}
	w.need("SELECT")
	switch {
	case w.take("DISTINCT"):
		q.Distinct = true
	case s.Distinct:
		w.refuseHere()
	default:
		w.take("ALL")
	}
	w.items(q, s)
	if s.From != nil {
		q.From = w.from()
	}
	if s.Where != nil {
		w.need("WHERE")
		q.Where = w.expr(s.Where)
	}
	if s.GroupBy != nil {
		w.need("GROUP", "BY")
		w.list(len(s.GroupBy.Items), func(i int) { q.GroupBy = append(q.GroupBy, w.groupItem(s.GroupBy.Items[i].Expr)) })
	}
	if s.Having != nil {
		w.need("HAVING")
		q.Having = w.expr(s.Having.Expr)
	}
	q.Fill = w.frag.tail.fill
	w.coreEnd = max(w.lex(w.i-1).end, w.frag.unseen)
	w.tail(q, s)
	w.finishGroups(q)
	return q, w.err
}

// tail converts ORDER BY and what may stand behind it, up to the end of the fragment.
func (w *walker) tail(q *ast.Select, s *tidb.SelectStmt) {
	q.Emit, q.With = w.frag.tail.emit, w.frag.tail.with
	if s.OrderBy != nil {
		w.need("ORDER", "BY")
		w.list(len(s.OrderBy.Items), func(i int) { q.OrderBy = append(q.OrderBy, w.order(s.OrderBy.Items[i])) })
	}
	if s.Limit != nil {
		q.Limit = w.limit(s.Limit)
	}
	if w.err == nil && w.cur().kind != tokEnd {
		w.refuseHere()
	}
}

// bareExpr converts the expression of `SELECT expr`.
func (w *walker) bareExpr(s *tidb.SelectStmt) (ast.Expr, error) {
	if s.Fields == nil || len(s.Fields.Fields) != 1 || s.Fields.Fields[0].Expr == nil {
		w.i = 0
		w.refuseHere()
		return nil, w.err
	}
	e := w.expr(s.Fields.Fields[0].Expr)
	if l := w.cur(); w.err == nil && l.kind != tokEnd {
		w.fail(diag.New(diag.Syntax, l.span(), "syntax error at %s", w.describe(l.token)).WithHint("the expression ends in front of it"))
	}
	return e, w.err
}

// list calls f n times, with a comma in between.
func (w *walker) list(n int, f func(i int)) {
	for i := 0; i < n && w.err == nil; i++ {
		if i > 0 {
			w.need(",")
		}
		f(i)
	}
}

func (w *walker) items(q *ast.Select, s *tidb.SelectStmt) {
	if s.Fields == nil {
		w.refuseHere()
		return
	}
	w.list(len(s.Fields.Fields), func(i int) { q.Items = append(q.Items, w.item(s.Fields.Fields[i])) })
}

func (w *walker) item(f *tidb.SelectField) ast.Item {
	first := w.i
	var it ast.Item
	if f.WildCard != nil {
		it.Star = true
		if f.WildCard.Schema.O != "" {
			w.fail(unsupported(w.cur().span().Join(w.lex(w.i+4).span()), "write table.*", "names of three parts are not supported"))
			return it
		}
		if f.WildCard.Table.O != "" {
			n := w.name()
			it.Table = &n
			w.need(".")
		}
		w.need("*")
		it.Node = w.node(first)
		return it
	}
	it.Expr = w.expr(f.Expr)
	if w.err != nil {
		return it
	}
	it.Text = w.textOf(w.node(first))
	if f.AsName.O != "" {
		w.take("AS")
		n := w.alias()
		it.Alias = &n
	}
	it.Node = w.node(first)
	return it
}

// name takes an identifier.
func (w *walker) name() ast.Name {
	l := w.cur()
	if w.err != nil || !l.isName() || l.role != plain {
		w.refuseHere()
		return ast.Name{}
	}
	w.i++
	return ast.Name{Node: ast.Node{At: l.span()}, Text: nameOf(w.text, l.token)}
}

// alias takes an identifier or, as MySQL does, a string.
func (w *walker) alias() ast.Name {
	if l := w.cur(); l.kind == tokString && l.role == plain {
		if strings.ContainsRune(stringOf(w.text, l.token), 0) {
			w.fail(diag.New(diag.Syntax, l.span(), "a name cannot hold a NUL byte"))
		}
		w.i++
		return ast.Name{Node: ast.Node{At: l.span()}, Text: stringOf(w.text, l.token)}
	}
	return w.name()
}

// from takes the relation that the pre-pass has read.
func (w *walker) from() *ast.Table {
	w.need("FROM")
	t := w.cur().rel
	if w.err != nil || t == nil {
		w.refuseHere()
		return nil
	}
	for w.cur().role == relation {
		w.i++
	}
	return t
}

// filePath is the name of a file. A file that is called stdin gets a path, because
// the bare word means the standard input.
func filePath(at diag.Span, path string) ast.Name {
	if path == "stdin" {
		path = "./stdin"
	}
	return ast.Name{Node: ast.Node{At: at}, Text: path}
}

func (w *walker) order(b *tidb.ByItem) ast.Order {
	first := w.i
	o := ast.Order{Expr: w.expr(b.Expr), Desc: b.Desc}
	if b.Desc {
		w.need("DESC")
	} else {
		w.take("ASC")
	}
	o.Node = w.node(first)
	return o
}

func (w *walker) limit(l *tidb.Limit) *ast.Limit {
	first := w.i
	w.need("LIMIT")
	out := &ast.Limit{Count: w.wholeNumber()}
	switch {
	case l.Offset == nil:
	case w.take(","):
		out.Offset, out.Count = out.Count, w.wholeNumber()
	default:
		w.need("OFFSET")
		out.Offset = w.wholeNumber()
	}
	out.Node = w.node(first)
	return out
}

func (w *walker) wholeNumber() int64 {
	l := w.cur()
	if w.err != nil || l.kind != tokNumber {
		w.refuseHere()
		return 0
	}
	w.i++
	n, err := strconv.ParseInt(w.raw(l.token), 10, 64)
	if err != nil {
		w.fail(diag.New(diag.BadLiteral, l.span(), "LIMIT and OFFSET take whole numbers below 2^63"))
	}
	return n
}
