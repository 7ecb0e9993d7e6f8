package sql

import (
	"strings"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"weir/sql/ast"
	"weir/sql/diag"
)

// setsMax is the number of sets of one GROUPING SETS, CUBE or ROLLUP.
const setsMax = 64

// groupingSets reads ROLLUP(…), CUBE(…) or GROUPING SETS (…).
func (pp *prepass) groupingSets() (ast.Expr, error) {
	first := pp.pos
	sets, err := pp.sets()
	if err != nil {
		return nil, err
	}
	g := &ast.GroupingSets{Sets: sets}
	g.Node = pp.parser.from(first)
	if len(sets) > setsMax {
		return nil, tooManySets(g.At)
	}
	return g, nil
}

func tooManySets(at diag.Span) error {
	return tooLarge(at, "more than %d grouping sets", setsMax)
}

// sets reads one of the three, and returns the sets that it stands for.
func (p *parser) sets() ([][]ast.Expr, error) {
	first := p.peek()
	p.pos++
	if first.is("GROUPING") {
		p.pos++ // SETS
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var sets [][]ast.Expr
	for {
		more, err := p.setElement(first.is("GROUPING"))
		if err != nil {
			return nil, err
		}
		if sets = append(sets, more...); len(sets) > setsMax {
			return nil, tooManySets(first.span())
		}
		if p.accept(",") {
			continue
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		break
	}
	switch first.word {
	case "ROLLUP":
		return rollup(sets), nil
	case "CUBE":
		if len(sets) > 6 {
			return nil, tooManySets(first.span())
		}
		return cube(sets), nil
	}
	return sets, nil
}

// setElement reads a member: an expression, several in parentheses, or, inside of
// GROUPING SETS, another one of the three.
func (p *parser) setElement(nested bool) ([][]ast.Expr, error) {
	t, next := p.peek(), p.at(p.pos+1)
	if t.kind == tokWord && ((t.is("ROLLUP") || t.is("CUBE")) && next.is("(") || t.is("GROUPING") && next.is("SETS")) {
		if !nested {
			return nil, unsupported(t.span(), "write GROUPING SETS ((a, b), (a), ())", "%s inside of another one is not supported", t.word)
		}
		return p.sets()
	}
	if t.is("(") && p.endsMember(p.closing(p.pos)+1) {
		p.pos++
		var set []ast.Expr
		for !p.accept(")") {
			if len(set) > 0 {
				if err := p.expect(","); err != nil {
					return nil, err
				}
			}
			e, err := p.setMember()
			if err != nil {
				return nil, err
			}
			set = append(set, e)
		}
		return [][]ast.Expr{set}, nil
	}
	e, err := p.setMember()
	return [][]ast.Expr{{e}}, err
}

func (p *parser) endsMember(i int) bool { return p.at(i).is(",") || p.at(i).is(")") }

// setMember reads one expression.
func (p *parser) setMember() (ast.Expr, error) {
	end := p.behindExpr(true)
	if end == p.pos {
		return nil, p.expected("a column")
	}
	return p.parseExpr(end)
}

// rollup returns the sets of ROLLUP over groups of columns: all, and then one less
// from the right each time.
func rollup(groups [][]ast.Expr) [][]ast.Expr {
	sets := make([][]ast.Expr, 0, len(groups)+1)
	for n := len(groups); n >= 0; n-- {
		sets = append(sets, join(groups[:n]))
	}
	return sets
}

// cube returns every choice of the groups, the larger ones of the left first.
func cube(groups [][]ast.Expr) [][]ast.Expr {
	n := len(groups)
	sets := make([][]ast.Expr, 0, 1<<n)
	for mask := 1<<n - 1; mask >= 0; mask-- {
		var chosen [][]ast.Expr
		for i, g := range groups {
			if mask&(1<<(n-1-i)) != 0 {
				chosen = append(chosen, g)
			}
		}
		sets = append(sets, join(chosen))
	}
	return sets
}

func join(groups [][]ast.Expr) []ast.Expr {
	var all []ast.Expr
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// withRollup takes WITH ROLLUP behind GROUP BY out of the query.
func (pp *prepass) withRollup() error {
	first := pp.pos
	pp.pos += 2
	at := pp.spanFrom(first)
	pp.unseen, pp.frag.unseen = true, at.End
	pp.frag.with = &ast.GroupingSets{Node: ast.Node{At: at}}
	pp.note(at, strings.Repeat(" ", at.End-at.Start), "WITH ROLLUP: GROUPING SETS over the keys")
	return nil
}

// finishGroups puts into GROUP BY what stands elsewhere, and finds what is a
// window only there.
func (w *walker) finishGroups(q *ast.Select) {
	if w.err != nil {
		return
	}
	if r := w.frag.with; r != nil {
		w.rollup(q, r)
	}
	q.GroupBy = append(q.GroupBy, w.frag.groups...)
	w.windowsInGroups(q)
	if hasWindow(q) {
		w.boundsByName(q)
	}
}

// rollup turns the keys in front of WITH ROLLUP into grouping sets. A window stays
// as it is: a total over all windows would never be final.
func (w *walker) rollup(q *ast.Select, r *ast.GroupingSets) {
	var keys [][]ast.Expr
	var entries []ast.Expr
	for _, e := range q.GroupBy {
		switch e := e.(type) {
		case *ast.Window:
			entries = append(entries, e)
		case *ast.GroupingSets:
			w.fail(unsupported(r.At, "write GROUPING SETS ((a, b), (a), ())", "WITH ROLLUP behind grouping sets is not supported"))
			return
		default:
			keys = append(keys, []ast.Expr{e})
			r.At = r.At.Join(e.Span())
		}
	}
	if len(keys) == 0 {
		w.fail(diag.New(diag.Syntax, r.At, "WITH ROLLUP needs keys in GROUP BY"))
		return
	}
	if len(keys) >= setsMax {
		w.fail(tooManySets(r.At))
		return
	}
	r.Sets = rollup(keys)
	entries = append(entries, r)
	q.GroupBy = entries
}

// groupItem converts an entry of GROUP BY.
func (w *walker) groupItem(n tidb.ExprNode) ast.Expr {
	w.group = w.i
	first := w.cur()
	e := w.expr(n)
	_, whole := e.(*ast.GroupingSets)
	if _, sets := first.expr.(*ast.GroupingSets); sets && !whole {
		w.fail(setsElsewhere(first.span()))
	}
	return e
}

func setsElsewhere(at diag.Span) error {
	return diag.New(diag.Syntax, at, "grouping sets are an entry of GROUP BY and nothing else").
		WithHint("write GROUP BY GROUPING SETS ((a, b), (a), ())")
}
