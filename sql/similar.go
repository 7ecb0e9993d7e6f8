package sql

import (
	"regexp"
	"strings"

	"weir/sql/ast"
	"weir/sql/diag"
)

// similar converts x [NOT] SIMILAR TO 'pattern' to REGEXP_LIKE(x, 'expression').
func (w *walker) similar(e *ast.Like) ast.Expr {
	l, ok := e.Pattern.(*ast.Literal)
	if !ok || l.Kind != ast.StringLiteral {
		w.fail(unsupported(e.Pattern.Span(), "write the pattern out, or use REGEXP_LIKE(x, pattern)", "SIMILAR TO takes a pattern that is written out"))
		return nil
	}
	escape := e.Escape
	if escape == 0 {
		escape = '\\'
	}
	pattern, fault := similarRegexp(l.Text, escape)
	if fault != "" {
		w.fail(diag.New(diag.BadLiteral, l.Span(), "%s", fault).
			WithHint("%% stands for any text, _ for one character, and | * + ? { } ( ) [ ] mean what they do in a regular expression"))
		return nil
	}
	c := &ast.Call{Node: e.Node, Name: nameAt(e.At, "REGEXP_LIKE"), Args: []ast.Expr{e.X, &ast.Literal{Node: l.Node, Kind: l.Kind, Text: pattern, Quote: l.Quote}}}
	if e.Not {
		return negation(e.Node, c)
	}
	return c
}

// similarRegexp returns the regular expression of RE2 that says what a pattern of SIMILAR
// TO does (ISO/IEC 9075-2, <similar predicate>): it has to fit the whole text; % and _ are
// as in LIKE; | * + ? {m,n} ( ) and [ ] are as in regular expressions, and no other sign
// means anything. fault says what is wrong with the pattern.
func similarRegexp(pattern string, escape byte) (expression, fault string) {
	var b strings.Builder
	b.WriteString("(?s)^(?:")
	group := -1                         // where the last ( stands
	for i := 0; i < len(pattern); i++ { // by bytes: what is not ASCII means itself
		switch c := pattern[i]; {
		case c == escape:
			if i++; i == len(pattern) {
				return "", "the pattern ends with its escape character"
			}
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '[':
			n := similarClass(&b, pattern[i:], escape)
			if n == 0 {
				return "", "the pattern has a [ without its ], or with nothing in it"
			}
			i += n - 1
		case c == '%':
			b.WriteString(".*")
		case c == '_':
			b.WriteByte('.')
		case c == '?' && i > 0 && group == i-1: // to RE2 this would begin a flag
			return "", "the pattern has a ? with nothing before it"
		case strings.IndexByte("|*+?{}()", c) >= 0:
			if c == '(' {
				group = i
			}
			b.WriteByte(c)
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	b.WriteString(")$")
	return b.String(), ""
}

// similarClass writes the class of characters with which a text begins, and returns its
// length, 0 if it is none.
func similarClass(b *strings.Builder, text string, escape byte) int {
	i, from := 1, b.Len()+1
	b.WriteByte('[')
	if strings.HasPrefix(text[i:], "^") {
		b.WriteByte('^')
		i, from = i+1, from+1
	}
	for ; i < len(text); i++ {
		c := text[i]
		switch end := strings.Index(text[i:], ":]"); {
		case c == escape && i+1 < len(text):
			if i++; strings.IndexByte(`\[]^-`, text[i]) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(text[i])
		case c == ']':
			if b.Len() == from {
				return 0
			}
			b.WriteByte(c)
			return i + 1
		case strings.HasPrefix(text[i:], "[:") && end > 0: // [:alpha:]
			b.WriteString(text[i : i+end+2])
			i += end + 1
		case c == '[' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return 0
}
