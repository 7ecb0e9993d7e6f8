package sql

import (
	"fmt"
	"strings"

	"weir/sql/ast"
)

// expr prints an expression. Parentheses are nodes of their own, so none is added.
func (p *printer) expr(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Column:
		if e.Table != nil {
			p.put(quoteName(e.Table.Text), ".")
		}
		p.put(quoteName(e.Name.Text))
	case *ast.Literal:
		switch e.Kind {
		case ast.StringLiteral:
			p.put(quoteString(e.Text))
		case ast.BytesLiteral:
			p.put("X'", e.Text, "'")
		default:
			p.put(e.Text)
		}
	case *ast.Interval:
		p.interval(e)
	case *ast.Unary:
		p.unary(e)
	case *ast.Binary:
		p.expr(e.L)
		p.put(" ", strings.ToUpper(e.Op), " ")
		p.expr(e.R)
	case *ast.Between:
		p.expr(e.X)
		p.put(not(e.Not), " BETWEEN ")
		p.expr(e.Lo)
		p.put(" AND ")
		p.expr(e.Hi)
	case *ast.In:
		p.expr(e.X)
		p.put(not(e.Not), " IN (")
		p.list(len(e.List), ", ", func(i int) { p.expr(e.List[i]) })
		p.put(")")
	case *ast.Like:
		p.expr(e.X)
		p.put(not(e.Not), " LIKE ")
		p.expr(e.Pattern)
		if e.Escape != 0 {
			p.put(" ESCAPE ", quoteString(string([]byte{e.Escape})))
		}
	case *ast.Is:
		p.expr(e.X)
		p.put(" IS", not(e.Not), " ", strings.ToUpper(e.What))
	case *ast.Paren:
		p.put("(")
		p.expr(e.X)
		p.put(")")
	default:
		p.compound(e)
	}
}

// compound prints what is spelled with words around its parts.
func (p *printer) compound(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Case:
		p.put("CASE")
		p.clause(" ", e.Operand)
		for _, w := range e.Whens {
			p.put(" WHEN ")
			p.expr(w.Cond)
			p.put(" THEN ")
			p.expr(w.Then)
		}
		p.clause(" ELSE ", e.Else)
		p.put(" END")
	case *ast.Cast:
		if e.Try {
			p.put(p.function("TRY_CAST"), "(")
		} else {
			p.put("CAST(")
		}
		p.expr(e.X)
		p.put(" AS ", e.Type.String(), ")")
	case *ast.Window:
		p.window(e)
	case *ast.WindowBound:
		p.bound(e)
	case *ast.GroupingSets:
		p.groupingSets(e)
	case *ast.Call:
		p.call(e)
	default:
		p.put(fmt.Sprintf("<%T>", e))
	}
}

func (p *printer) unary(e *ast.Unary) {
	switch e.Op {
	case "not":
		p.put("NOT ")
	default:
		p.put(e.Op)
		if x, ok := e.X.(*ast.Unary); ok && x.Op != "not" {
			p.put(" ") // `--` would begin a comment
		}
	}
	p.expr(e.X)
}

func not(not bool) string {
	if not {
		return " NOT"
	}
	return ""
}

// QuoteName returns a name as SQL takes it: bare where that reads back, else in
// back-quotes.
func QuoteName(name string) string { return quoteName(name) }

// quoteName returns a name as it has to be written: bare where that reads back.
func quoteName(name string) string {
	word := upper(name)
	if isBareName(name) && !isReserved(word) && !quotedWhenPrinted(word) {
		return name
	}
	return quoted(name)
}

// quoted returns a name in back-quotes.
func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// isBareName tells whether a name is spelled like a word. Other letters than
// ASCII's would do, too, but quoted they are read alike everywhere.
func isBareName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isWordByte(c) || i == 0 && (isDigit(c) || c == '$') {
			return false
		}
	}
	return name != ""
}

// function returns the name of a function, which stands bare even where the same
// word is reserved: IF(…), LEFT(…). In back-quotes is what no word spells, and
// what behind SELECT would be the keyword.
func (p *printer) function(name string) string {
	if isWord(name) && name != "STREAM" && (!p.quoteCalls || !callable(name)) {
		return name
	}
	return quoted(name)
}

func tableName(name string, file bool) string {
	switch {
	case file && name == "stdin":
		return name
	case file:
		return quoteString(name)
	}
	return quoteName(name)
}

var stringEscapes = strings.NewReplacer(`\`, `\\`, "'", "''", "\n", `\n`, "\r", `\r`, "\t", `\t`, "\x00", `\0`, "\b", `\b`, "\x1a", `\Z`)

// quoteString returns a string literal.
func quoteString(s string) string { return "'" + stringEscapes.Replace(s) + "'" }

// optionName keeps `a.b` and plain names bare.
func optionName(name string) string {
	for _, part := range strings.Split(name, ".") {
		if !isBareName(part) || upper(part) == "CASE" { // which wants an END
			return quoteString(name)
		}
	}
	return name
}

// optionValue keeps numbers bare.
func optionValue(v string) string {
	digits := strings.TrimPrefix(v, "-")
	if digits != "" && len(digits) <= literalDigitsMax && strings.Trim(digits, "0123456789") == "" {
		return v
	}
	return quoteString(v)
}
