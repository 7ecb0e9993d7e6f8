package sql

import (
	"fmt"
	"strconv"
	"strings"

	tidb "github.com/pingcap/tidb/pkg/parser"
	tidbast "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	_ "github.com/pingcap/tidb/pkg/parser/test_driver" // gives the parser its literals

	"weir/sql/ast"
	"weir/sql/diag"
)

// newBehind makes the parser behind. It is not safe for concurrent use.
func newBehind() *tidb.Parser {
	return tidb.New()
}

// exprHead stands in front of a bare expression, which the parser reads as a query.
const exprHead = "SELECT "

// parseExpr reads an expression: the tokens from the next up to end.
func (p *parser) parseExpr(end int) (ast.Expr, error) {
	f, err := p.fragment(end, false)
	if err != nil {
		return nil, err
	}
	stmt, err := p.runParser(f, exprHead)
	if err != nil {
		return nil, err
	}
	w := &walker{parser: p, frag: f, group: -1}
	return w.bareExpr(stmt)
}

// runParser gives the rewritten fragment to the parser behind.
func (p *parser) runParser(f *fragment, head string) (stmt *tidbast.SelectStmt, err error) {
	whole := diag.Span{Start: f.start, End: f.end}
	defer func() {
		if r := recover(); r != nil {
			stmt, err = nil, diag.New(diag.Internal, whole, "the parser failed: %s", clip(fmt.Sprint(r)))
		}
	}()
	mode := mysql.ModeIgnoreSpace // COUNT (*)
	if p.dialect.quotes {
		mode |= mysql.ModeANSIQuotes
	}
	if p.dialect.pipes {
		mode |= mysql.ModePipesAsConcat
	}
	p.behind.SetSQLMode(mode)
	text := head + f.rewritten()
	stmts, _, err := p.behind.ParseSQL(text)
	if err != nil {
		at, ok := errorOffset(err.Error(), len(text))
		if !ok {
			return nil, diag.New(diag.Syntax, whole, "%s", plainMessage(err))
		}
		return nil, p.explainSyntax(f, f.start+max(at-len(head), 0))
	}
	if len(stmts) != 1 {
		return nil, diag.New(diag.Syntax, whole, "expected one query, found %d", len(stmts))
	}
	stmt, ok := stmts[0].(*tidbast.SelectStmt)
	if !ok {
		return nil, diag.New(diag.Unsupported, whole, "this form of query is not supported").WithHint("write SELECT … FROM …")
	}
	return stmt, nil
}

// errorOffset finds the byte that a message of the parser speaks of. Line and
// column point behind the offending token, but what follows `near` is the rest of
// the text from the token on, or its first 2,048 bytes and its length.
func errorOffset(message string, textLen int) (int, bool) {
	_, rest, ok := strings.Cut(message, ` near "`)
	if !ok || !strings.HasPrefix(message, "line ") {
		return 0, false
	}
	i := strings.LastIndexByte(rest, '"')
	if i < 0 {
		return 0, false
	}
	left := i
	if _, total, ok := strings.Cut(rest[i:], "(total length "); ok {
		digits, _, _ := strings.Cut(total, ")")
		if left, _ = strconv.Atoi(digits); left == 0 {
			return 0, false
		}
	}
	return textLen - left, left <= textLen
}

// plainMessage strips the parser's error of its number.
func plainMessage(err error) string {
	s := err.Error()
	if strings.HasPrefix(s, "[") {
		if _, rest, ok := strings.Cut(s, "]"); ok {
			s = rest
		}
	}
	return clip(s)
}
