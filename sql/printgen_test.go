package sql

import (
	"slices"

	"pgregory.net/rapid"

	"weir/sql/ast"
	"weir/sql/types"
)

// treeGen makes trees of statements, all that the parser can make and nothing else.
type treeGen struct {
	*rapid.T
	depth int
	words []string
}

func (g *treeGen) n(max int) int { return rapid.IntRange(0, max).Draw(g.T, "n") }

func (g *treeGen) yes() bool { return g.n(1) == 1 }

// rarely is for what makes trees grow.
func (g *treeGen) rarely() bool { return g.n(5) == 0 }

func oneOf[T any](g *treeGen, options ...T) T { return options[g.n(len(options)-1)] }

// text is what a string or a quoted name can hold.
func (g *treeGen) text() string {
	if g.yes() {
		return oneOf(g, "x", "DAY", "EPOCH", "$.a", "a b", "'", "''", `\`, `\'`, `"`, "`", "``", "%", "_", `\%`, `\\_`, "\n", "\r\t\b\x1a", "--", "/*", "#", ";", "é", "日本", "🎉", " ", "1", "-1", "stdin", "BOTH", "", "1 DAY", "?", "N'x'")
	}
	return rapid.StringOfN(rapid.RuneFrom([]rune("ab'\"`\\%_ -\n$;*/#0é日")), 0, 6, -1).Draw(g.T, "text")
}

func (g *treeGen) name() ast.Name {
	switch g.n(3) {
	case 0:
		return ast.Name{Text: oneOf(g, g.words...)}
	case 1:
		if s := g.text(); s != "" {
			return ast.Name{Text: s}
		}
	}
	return ast.Name{Text: oneOf(g, "a", "b", "ts", "t", "Zoë", "x1", "_", "$a", "1a", "window_start", "windowend")}
}

func (g *treeGen) maybeName() *ast.Name {
	if g.yes() {
		return nil
	}
	n := g.name()
	return &n
}

func many[T any](g *treeGen, least, most int, f func() T) []T {
	var list []T
	for range least + g.n(most-least) {
		list = append(list, f())
	}
	return list
}

// The levels of operators, the loosest first. An operand of a looser one stands in
// parentheses.
const (
	levelOr = iota
	levelXor
	levelAnd
	levelNot
	levelIs
	levelCompare
	levelPredicate
	levelBits
	levelBitAnd
	levelShift
	levelAdd
	levelMul
	levelPower
	levelSimple
)

var levelOps = [...][]string{
	levelOr: {"or"}, levelXor: {"xor"}, levelAnd: {"and"}, levelCompare: {"=", "<>", "<", "<=", ">", ">=", "<=>"},
	levelBits: {"|"}, levelBitAnd: {"&"}, levelShift: {"<<", ">>"}, levelAdd: {"+", "-"}, levelMul: {"*", "/", "div", "%"}, levelPower: {"^"},
}

// expr makes an expression of any form.
func (g *treeGen) expr() ast.Expr { return g.at(levelOr) }

// at makes an expression that binds at least as tightly as a level.
func (g *treeGen) at(level int) ast.Expr {
	if g.depth > 5 {
		return g.leaf()
	}
	g.depth++
	defer func() { g.depth-- }()
	if g.n(2) == 0 {
		return g.leaf()
	}
	own := oneOf(g, levelOr, levelXor, levelAnd, levelNot, levelIs, levelCompare, levelPredicate, levelBits, levelBitAnd, levelShift, levelAdd, levelMul, levelPower, levelSimple, levelSimple, levelSimple, levelSimple, levelSimple, levelSimple)
	e := g.operator(own)
	if own < level {
		return &ast.Paren{X: e}
	}
	return e
}

func (g *treeGen) operator(level int) ast.Expr {
	switch level {
	case levelNot:
		return &ast.Unary{Op: "not", X: g.at(levelNot)}
	case levelIs:
		return &ast.Is{X: g.at(levelCompare), Not: g.yes(), What: oneOf(g, "true", "false")}
	case levelCompare:
		if g.yes() {
			return &ast.Is{X: g.at(levelCompare), Not: g.yes(), What: "null"}
		}
	case levelPredicate:
		return g.predicate()
	case levelSimple:
		return g.simple()
	}
	return &ast.Binary{Op: oneOf(g, levelOps[level]...), L: g.at(level), R: g.at(level + 1)}
}

func (g *treeGen) predicate() ast.Expr {
	x, not := g.at(levelBits), g.yes()
	switch g.n(2) {
	case 0:
		return &ast.Between{X: x, Not: not, Lo: g.at(levelBits), Hi: g.at(levelPredicate)}
	case 1:
		return &ast.In{X: x, Not: not, List: many(g, 1, 3, g.expr)}
	}
	return &ast.Like{X: x, Not: not, Pattern: g.at(levelSimple), Escape: oneOf[byte](g, 0, 0, '|', '\\', '\'', 'a', '%')}
}

func (g *treeGen) simple() ast.Expr {
	switch g.n(9) {
	case 0:
		return &ast.Unary{Op: oneOf(g, "-", "+", "~"), X: g.at(levelSimple)}
	case 1, 2:
		return &ast.Paren{X: g.expr()}
	case 3:
		e := &ast.Case{Whens: many(g, 1, 2, func() ast.When { return ast.When{Cond: g.expr(), Then: g.expr()} })}
		if g.yes() {
			e.Operand = g.expr()
		}
		if g.yes() {
			e.Else = g.expr()
		}
		return e
	case 4:
		return &ast.Cast{X: g.expr(), Type: g.typ(), Try: g.yes()}
	case 5:
		return g.interval()
	}
	return g.call()
}

func (g *treeGen) leaf() ast.Expr {
	switch g.n(6) {
	case 0:
		return &ast.Literal{Kind: ast.StringLiteral, Text: g.text()}
	case 1:
		n := oneOf(g, "0", "1", "007", "1.5", ".5", "1.", "1e3", "1E-5", "18446744073709551616")
		return &ast.Literal{Kind: numberKind(n), Text: n}
	case 2:
		return &ast.Literal{Kind: ast.BytesLiteral, Text: oneOf(g, "", "4D", "00FF")}
	case 3:
		return oneOf(g, &ast.Literal{Text: "NULL"}, &ast.Literal{Kind: ast.BoolLiteral, Text: "TRUE"}, &ast.Literal{Kind: ast.BoolLiteral, Text: "FALSE"})
	}
	return &ast.Column{Table: g.maybeName(), Name: g.name()}
}

// interval is a constant, which the parser reads for us, or one over an expression.
func (g *treeGen) interval() *ast.Interval {
	if g.yes() {
		return &ast.Interval{Value: g.expr(), Unit: oneOf(g, unitNames()...)}
	}
	return g.length()
}

func (g *treeGen) length() *ast.Interval {
	number := oneOf(g, "0", "1", "2", "-3", "1.5", "0.000001", "90", "9223372036854775807", "-9223372036854775807")
	text := "'" + number + "' " + oneOf(g, unitNames()...)
	if g.rarely() {
		text = oneOf(g, "'1-2' YEAR TO MONTH", "-'1:30' MINUTE_SECOND", "'1 day 02:30:00'", "'-1 month 3 days'", "'1 month -3.000001 days'", "'P1Y2M3DT4H5M6.5S'", "'-1 2:3:4.5' DAY TO SECOND", "'1 us'")
	}
	s, err := ParseOne("SELECT INTERVAL " + text)
	if err != nil {
		return &ast.Interval{Text: "INTERVAL 5 SECOND", Micros: 5_000_000}
	}
	return s.(*ast.Select).Items[0].Expr.(*ast.Interval)
}

func (g *treeGen) positive() *ast.Interval {
	iv := g.length()
	for iv.Months < 0 || iv.Micros < 0 || iv.Months+iv.Micros == 0 {
		iv = &ast.Interval{Text: "INTERVAL 5 SECOND", Micros: 5_000_000}
	}
	return iv
}

func (g *treeGen) typ() types.Type {
	return oneOf(g, types.BigintType, types.UbigintType, types.IntType(8, true), types.IntType(24, false), types.DoubleType, types.FloatType, types.VarcharType, types.VarcharOf(3), types.VarbinaryType, types.VarbinaryOf(7),
		types.BooleanType, types.DateType, types.TimeType(0), types.TimeType(6), types.DatetimeType(3), types.DecimalType(38, 10), types.DecimalType(1, 0), types.JSONType)
}

func (g *treeGen) order() ast.Order { return ast.Order{Expr: g.expr(), Desc: g.yes()} }

// call is a function or an aggregate with any clauses.
func (g *treeGen) call() ast.Expr {
	switch g.n(12) {
	case 0:
		return g.behind(&ast.Call{Name: ast.Name{Text: "COUNT"}, Star: true})
	case 1:
		return g.behind(&ast.Call{Name: ast.Name{Text: oneOf(g, "TRIM", "LTRIM", "RTRIM")}, Args: []ast.Expr{g.expr(), g.expr()}})
	case 2:
		return &ast.Call{Name: ast.Name{Text: "EXTRACT"}, Args: []ast.Expr{&ast.Literal{Kind: ast.StringLiteral, Text: oneOf(g, "EPOCH", "DOW", "DAY_HOUR", "NANOSECOND", "x", "Epoch")}, g.expr()}}
	case 3:
		return &ast.Call{Name: ast.Name{Text: oneOf(g, "TIMESTAMPDIFF", "TIMESTAMPADD")}, Args: []ast.Expr{&ast.Literal{Kind: ast.StringLiteral, Text: g.unit()}, g.expr(), g.expr()}}
	case 4:
		return g.behind(&ast.Call{Name: ast.Name{Text: oneOf(g, "FLOOR", "CEIL", "CEILING")}, Args: []ast.Expr{g.expr(), &ast.Literal{Kind: ast.StringLiteral, Text: g.unit()}}})
	case 5:
		return &ast.WindowBound{Bound: oneOf(g, "window_start", "window_end", "window_time"), Of: g.window(oneOf(g, ast.Tumble, ast.Hop, ast.Session, ast.Cumulate, ast.Stagger))}
	case 6:
		return &ast.Call{Name: ast.Name{Text: oneOf(g, "NOW", "CURRENT_TIMESTAMP", "UTC_DATE", "RANK")}}
	}
	c := &ast.Call{Name: ast.Name{Text: oneOf(g, "SUM", "COUNT", "MIN", "GROUP_CONCAT", "ARRAY_AGG", "LAG", "F", "ZOë", "STREAM", "MY F", "$F", "IF", "LEFT", "REPLACE", "DATE_ADD", "CHAR", "JSON_VALUE", "CONCAT", "DATE_TRUNC", "FLOOR", "DESCRIPTOR")}}
	c.Args = many(g, 1, 3, g.expr)
	if l, ok := c.Args[0].(*ast.Literal); ok && l.Kind <= ast.BoolLiteral {
		c.Args[0] = &ast.Paren{X: l} // a word in the place of a unit of time
	}
	if slices.Contains([]string{"SUM", "COUNT", "MIN"}, c.Name.Text) {
		c.Args = c.Args[:1] // the parser behind counts them
	}
	if g.rarely() {
		c.Distinct = true
	}
	if g.rarely() {
		c.OrderBy = many(g, 1, 2, g.order)
	}
	if g.rarely() {
		c.Separator = &ast.Literal{Kind: ast.StringLiteral, Text: g.text()}
	}
	if g.rarely() {
		c.IgnoreNulls = true
	}
	return g.behind(c)
}

// behind adds what stands behind a call.
func (g *treeGen) behind(c *ast.Call) *ast.Call {
	if g.rarely() {
		c.Filter = g.expr()
	}
	if g.rarely() && c.OrderBy == nil && c.Name.Text != "GROUP_CONCAT" {
		c.OrderBy, c.WithinGroup = many(g, 1, 2, g.order), true
	}
	return c
}

func (g *treeGen) unit() string {
	return oneOf(g, "DAY", "SECOND", "QUARTER", "CENTURY", "EPOCH", "DOW", "DAY_HOUR", "x", "day")
}
