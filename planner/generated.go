package planner

import (
	"strings"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// generatedClause is what errors call the place of a generated column's expression.
const generatedClause = "a generated column"

// generate takes the generated columns out of the scan and gives the scope what
// they stand for. Naming one is naming its expression: what nobody names costs
// nothing, and filters on it reach the scan like any others.
//
// The expression sees stored columns and the generated ones to its left, as in
// MySQL, so there are no cycles. It sees nothing else: neither the hidden columns,
// which a file does not have, nor NOW().
func (b *binder) generate(s *scope, scan *logical.Scan) error {
	rel := s.rel
	scan.Columns, scan.Positions = nil, nil
	s.computed = make([]physical.Expr, len(rel.Columns))
	for i, f := range rel.Columns {
		if rel.Generated[i] != nil {
			continue
		}
		s.computed[i] = &physical.Column{Index: len(scan.Columns), T: f.Type, Name: f.Name}
		scan.Columns = append(scan.Columns, f)
		scan.Positions = append(scan.Positions, i)
	}
	size := 0
	for i, f := range rel.Columns {
		e := rel.Generated[i]
		if e == nil {
			continue
		}
		if err := noLater(rel, i, e); err != nil {
			return err
		}
		left := *s
		left.bare = true
		out, err := (&exprs{b: b, s: &left, clause: generatedClause}).bind(e)
		if err != nil {
			return err
		}
		if s.computed[i], err = asDeclared(out, f.Type, e); err != nil {
			return err
		}
		if size += nodes(s.computed[i]); size > generatedSizeMax {
			return diag.New(diag.TooLarge, e.Span(), "the generated columns of `%s` are too large, written out", rel.Name).
				WithHint("a column that names a generated column holds all of its expression")
		}
	}
	return nil
}

// generatedSizeMax bounds what the generated columns of a stream grow to: each
// may name the one before it twice.
const generatedSizeMax = 10_000

func nodes(e physical.Expr) int {
	n := 1
	if c, ok := e.(*physical.Call); ok {
		for _, a := range c.Args {
			n += nodes(a)
		}
	}
	return n
}

// noLater refuses an expression that names itself or a generated column to its right.
func noLater(rel *Relation, column int, e ast.Expr) (err error) {
	visit(e, func(e ast.Expr) {
		c, ok := e.(*ast.Column)
		if !ok || err != nil {
			return
		}
		for i := column; i < len(rel.Columns); i++ {
			if rel.Generated[i] == nil || !strings.EqualFold(rel.Columns[i].Name, c.Name.Text) {
				continue
			}
			if i == column {
				err = diag.New(diag.UnknownColumn, c.At, "the generated column `%s` cannot name itself", c.Name.Text)
				return
			}
			err = diag.New(diag.UnknownColumn, c.At, "the generated column `%s` stands further right", c.Name.Text).
				WithHint("a generated column can name those to its left: declare `%s` first", c.Name.Text)
			return
		}
	})
	return err
}

// asDeclared converts a generated column's value to the column's type.
func asDeclared(e physical.Expr, t types.Type, at ast.Expr) (physical.Expr, error) {
	if e.Type() == t {
		return e, nil
	}
	if e.Type().Kind == types.JSON {
		e = unquoted(e)
	}
	if err := castable(e.Type(), t, at.Span()); err != nil {
		return nil, err
	}
	if l, ok := e.(*physical.Literal); ok && l.Value == nil {
		return &physical.Literal{T: t}, nil
	}
	return &physical.Call{Fn: "cast", Args: []physical.Expr{e}, T: t}, nil
}
