package sql

import (
	"strings"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"weir/sql/ast"
	"weir/sql/diag"
)

// expr converts an expression and goes over its lexemes.
func (w *walker) expr(n tidb.ExprNode) ast.Expr {
	if w.err != nil {
		return nil
	}
	first := w.i
	switch n := n.(type) {
	case *tidb.BinaryOperationExpr:
		return w.binary(n)
	case *tidb.UnaryOperationExpr:
		return w.unary(n)
	case *tidb.BetweenExpr:
		e := &ast.Between{X: w.expr(n.Expr), Not: w.not(n.Not)}
		w.need("BETWEEN")
		e.Lo = w.expr(n.Left)
		w.need("AND")
		e.Hi = w.expr(n.Right)
		e.Node = w.node(first)
		return e
	case *tidb.PatternInExpr:
		return w.in(n)
	case *tidb.PatternLikeOrIlikeExpr:
		return w.like(n)
	case *tidb.PatternRegexpExpr:
		return w.regexp(n)
	case *tidb.IsNullExpr:
		e := &ast.Is{X: w.expr(n.Expr), What: "null", Not: w.is(n.Not)}
		if !w.take("UNKNOWN") {
			w.need("NULL")
		}
		e.Node = w.node(first)
		return e
	case *tidb.IsTruthExpr:
		e := &ast.Is{X: w.expr(n.Expr), What: "false", Not: w.is(n.Not)}
		if n.True != 0 {
			e.What = "true"
		}
		w.need(strings.ToUpper(e.What))
		e.Node = w.node(first)
		return e
	}
	return w.suffix(first, w.primary(n))
}

// suffix wraps a primary expression in what stands behind it and the parser did
// not see: casts, paths, and the clauses of a call.
func (w *walker) suffix(first int, x ast.Expr) ast.Expr {
	for w.err == nil {
		l := w.cur()
		switch l.role {
		case castSuffix:
			w.i++
			x = &ast.Cast{Node: w.node(first), X: x, Type: l.typ}
		case arrowSuffix:
			w.i++
			x = w.arrow(w.node(first), l, x)
		case timeZone:
			w.i++
			if l.expr != nil {
				utc := &ast.Literal{Node: ast.Node{At: l.span()}, Kind: ast.StringLiteral, Text: "UTC", Quote: '\''}
				x = &ast.Call{Node: w.node(first), Name: nameAt(l.span(), "CONVERT_TZ"), Args: []ast.Expr{x, utc, l.expr}}
			}
		case clauseBehind:
			w.i++
			x = w.behindCall(w.node(first), l, x)
		default:
			return x
		}
	}
	return x
}

// primary converts what no operator can split.
func (w *walker) primary(n tidb.ExprNode) ast.Expr {
	first := w.i
	switch n := n.(type) {
	case *tidb.ParenthesesExpr:
		w.need("(")
		e := &ast.Paren{X: w.expr(n.Expr)}
		w.need(")")
		e.Node = w.node(first)
		return e
	case *tidb.ColumnNameExpr:
		return w.column()
	case tidb.ValueExpr, *tidb.PositionExpr:
		return w.literal()
	case *tidb.CaseExpr:
		return w.caseExpr(n)
	case *tidb.FuncCallExpr:
		return w.call(n)
	case *tidb.AggregateFuncExpr:
		return w.aggregate(n)
	case *tidb.RowExpr:
		w.fail(unsupported(w.cur().span(), "compare the values one by one, joined by AND", "lists of values as a value are not supported"))
		return nil
	}
	w.refuseHere()
	return nil
}

// not goes over NOT where the tree has one.
func (w *walker) not(not bool) bool {
	if not {
		w.need("NOT")
	}
	return not
}

// is goes over IS [NOT].
func (w *walker) is(not bool) bool {
	w.need("IS")
	return w.not(not)
}

// binaryOps are the operators by their spellings, the canonical one first.
var binaryOps = map[opcode.Op][]string{
	opcode.Plus: {"+"}, opcode.Minus: {"-"}, opcode.Mul: {"*"}, opcode.Div: {"/"},
	opcode.IntDiv: {"div", "DIV"}, opcode.Mod: {"%", "MOD"},
	opcode.EQ: {"="}, opcode.NE: {"<>", "!="}, opcode.LT: {"<"}, opcode.LE: {"<="}, opcode.GT: {">"}, opcode.GE: {">="},
	opcode.NullEQ: {"<=>"},
	opcode.And:    {"&"}, opcode.Or: {"|"}, opcode.Xor: {"^"}, opcode.LeftShift: {"<<"}, opcode.RightShift: {">>"},
	opcode.LogicAnd: {"and", "AND", "&&"}, opcode.LogicOr: {"or", "OR"}, opcode.LogicXor: {"xor", "XOR"},
}

// arithmeticOps are the operators that dialects place above or below `||`.
var arithmeticOps = map[opcode.Op]bool{
	opcode.Plus: true, opcode.Minus: true, opcode.Mul: true, opcode.Div: true, opcode.IntDiv: true, opcode.Mod: true,
	opcode.And: true, opcode.Or: true, opcode.Xor: true, opcode.LeftShift: true, opcode.RightShift: true,
}

func (w *walker) binary(n *tidb.BinaryOperationExpr) ast.Expr {
	first := w.i
	e := &ast.Binary{L: w.expr(n.L)}
	negated := w.cur().role == notSame
	spellings := binaryOps[n.Op]
	found := false
	for _, s := range spellings {
		if found = w.take(s); found {
			e.Op = spellings[0]
			break
		}
	}
	if !found {
		w.refuseHere()
		return nil
	}
	e.R = w.expr(n.R)
	e.Node = w.node(first)
	if arithmeticOps[n.Op] && (w.joins(n.L) || w.joins(n.R)) {
		w.mixedPipes(e.At)
	}
	if negated {
		return negation(e.Node, e)
	}
	return e
}

// negation is NOT x in parentheses, as what an operator that binds more tightly
// than NOT stands for.
func negation(at ast.Node, x ast.Expr) ast.Expr {
	return &ast.Paren{Node: at, X: &ast.Unary{Node: at, Op: "not", X: x}}
}

func (w *walker) unary(n *tidb.UnaryOperationExpr) ast.Expr {
	first := w.i
	e := &ast.Unary{}
	switch n.Op {
	case opcode.Minus:
		e.Op = "-"
		w.need("-")
	case opcode.Plus:
		e.Op = "+"
		w.need("+")
	case opcode.BitNeg:
		e.Op = "~"
		w.need("~")
	case opcode.Not:
		e.Op = "not"
		w.need("NOT")
	case opcode.Not2:
		e.Op = "not"
		w.need("!")
	default:
		w.refuseHere()
	}
	e.X = w.expr(n.V)
	e.Node = w.node(first)
	if n.Op != opcode.Not && w.joins(n.V) {
		w.mixedPipes(e.At)
	}
	if n.Op == opcode.Not2 { // binds more tightly than NOT
		return &ast.Paren{Node: e.Node, X: e}
	}
	return e
}

func (w *walker) in(n *tidb.PatternInExpr) ast.Expr {
	first := w.i
	e := &ast.In{X: w.expr(n.Expr), Not: w.not(n.Not)}
	w.need("IN")
	if n.Sel != nil {
		w.refuseHere()
		return nil
	}
	w.need("(")
	w.list(len(n.List), func(i int) { e.List = append(e.List, w.expr(n.List[i])) })
	w.need(")")
	e.Node = w.node(first)
	return e
}

func (w *walker) like(n *tidb.PatternLikeOrIlikeExpr) ast.Expr {
	first := w.i
	e := &ast.Like{X: w.expr(n.Expr), Not: w.not(n.Not)}
	op := w.cur()
	w.need("LIKE")
	e.Pattern = w.expr(n.Pattern)
	if w.err != nil {
		return nil
	}
	if op.role == soundsLike {
		return w.sounds(first, op, e, n.EscapeExplicit)
	}
	if n.EscapeExplicit {
		w.need("ESCAPE")
		l := w.cur()
		if l.kind != tokString || n.Escape == 0 || n.Escape >= 0x80 {
			w.fail(diag.New(diag.BadLiteral, l.span(), "ESCAPE takes one ASCII character"))
			return nil
		}
		w.i++
		e.Escape = n.Escape
	}
	e.Node = w.node(first)
	if op.role == similarTo {
		return w.similar(e)
	}
	if op.role == ignoreCase {
		if 'A' <= e.Escape && e.Escape <= 'Z' || 'a' <= e.Escape && e.Escape <= 'z' {
			w.fail(unsupported(e.At, "escape with a sign: ILIKE '100|%' ESCAPE '|'", "ILIKE with a letter for ESCAPE is not supported"))
		}
		lower := func(x ast.Expr) ast.Expr {
			return &ast.Call{Node: e.Node, Name: nameAt(x.Span(), "LOWER"), Args: []ast.Expr{x}}
		}
		e.X, e.Pattern = lower(e.X), lower(e.Pattern)
	}
	return e
}

// sounds converts x SOUNDS LIKE y to SOUNDEX(x) = SOUNDEX(y), in parentheses
// because LIKE stands on another level than = does.
func (w *walker) sounds(first int, op lexeme, e *ast.Like, escape bool) ast.Expr {
	if e.Not || escape {
		w.fail(unsupported(op.span(), "write NOT (x SOUNDS LIKE y)", "SOUNDS LIKE takes no NOT and no ESCAPE"))
		return nil
	}
	at := w.node(first)
	soundex := func(x ast.Expr) ast.Expr {
		return &ast.Call{Node: at, Name: nameAt(x.Span(), "SOUNDEX"), Args: []ast.Expr{x}}
	}
	return &ast.Paren{Node: at, X: &ast.Binary{Node: at, Op: "=", L: soundex(e.X), R: soundex(e.Pattern)}}
}

func nameAt(at diag.Span, text string) ast.Name {
	return ast.Name{Node: ast.Node{At: at}, Text: text}
}

// column converts a column, or the marker that stands for what the pre-pass has read.
func (w *walker) column() ast.Expr {
	first := w.i
	if l := w.cur(); l.role == ready {
		if _, ok := l.expr.(*ast.GroupingSets); ok && w.i != w.group {
			w.fail(setsElsewhere(l.span()))
			return nil
		}
		w.i++
		return l.expr
	}
	c := &ast.Column{Name: w.name()}
	if w.take(".") {
		t := c.Name
		c.Table, c.Name = &t, w.name()
	}
	if w.err == nil && w.cur().is(".") {
		w.fail(unsupported(w.lex(first).span().Join(w.lex(w.i+1).span()), "write table.column", "names of three parts are not supported"))
	}
	c.Node = w.node(first)
	return c
}

func (w *walker) literal() ast.Expr {
	l := w.cur()
	e := &ast.Literal{Node: ast.Node{At: l.span()}, Text: w.raw(l.token)}
	switch {
	case l.role != plain:
		w.refuseHere()
		return nil
	case l.is("TRUE") || l.is("FALSE"):
		e.Kind, e.Text = ast.BoolLiteral, l.word
	case l.is("NULL"):
		e.Kind, e.Text = ast.NullLiteral, l.word
	case l.kind == tokString:
		e.Kind, e.Text, e.Quote = ast.StringLiteral, stringOf(w.text, l.token), l.quote
	case l.kind == tokBytes:
		e.Kind, e.Text = ast.BytesLiteral, bytesOf(w.text, l.token)
	case l.kind == tokNumber:
		e.Kind = numberKind(e.Text)
	default:
		w.refuseHere()
		return nil
	}
	w.i++
	return e
}

func numberKind(text string) ast.LiteralKind {
	switch {
	case strings.ContainsAny(text, "eE"):
		return ast.FloatLiteral
	case strings.Contains(text, "."):
		return ast.DecimalLiteral
	}
	return ast.IntLiteral
}

func (w *walker) caseExpr(n *tidb.CaseExpr) ast.Expr {
	first := w.i
	e := &ast.Case{}
	w.need("CASE")
	if n.Value != nil {
		e.Operand = w.expr(n.Value)
	}
	for _, c := range n.WhenClauses {
		w.need("WHEN")
		cond := w.expr(c.Expr)
		w.need("THEN")
		e.Whens = append(e.Whens, ast.When{Cond: cond, Then: w.expr(c.Result)})
	}
	if n.ElseClause != nil {
		w.need("ELSE")
		e.Else = w.expr(n.ElseClause)
	}
	w.need("END")
	e.Node = w.node(first)
	return e
}
