package sql

import (
	"weir/sql/diag"
)

// The limits on a statement. The parser behind recurses, and is super-linear in
// some constructs, so each is checked on tokens before it sees anything.
const (
	// textBytesMax is the size of a text of several statements.
	textBytesMax = 1 << 20
	// statementsMax is the number of statements of such a text.
	statementsMax = 1_000
	// statementBytesMax is the size of one statement, from its first token to its last.
	statementBytesMax = 64 << 10
	// statementTokensMax is the number of tokens of one statement. It bounds lists,
	// too: an IN list has at most 10,000 entries.
	statementTokensMax = 20_000
	// nestingMax counts open parentheses and CASEs, and prefix operators in a row.
	nestingMax = 100
	// joinsMax is the number of JOINs of a statement.
	joinsMax = 32
	// unionsMax is the number of UNIONs of a statement.
	unionsMax = 64
	// ctesMax is the number of queries in the WITHs of a statement.
	ctesMax = 64
	// literalDigitsMax is the number of digits of a numeric literal, as in MySQL.
	literalDigitsMax = 65
)

func tooLarge(span diag.Span, format string, args ...any) *diag.Error {
	return diag.New(diag.TooLarge, span, format, args...)
}

// checkLimits holds the tokens of one statement to the limits, and checks that
// its parentheses match.
func checkLimits(toks []token) error {
	if n := len(toks); n > statementTokensMax {
		return tooLarge(toks[0].span(), "the statement has more than %d tokens", statementTokensMax)
	}
	first, last := toks[0], toks[len(toks)-1]
	if size := last.end - first.start; size > statementBytesMax {
		return tooLarge(first.span(), "the statement has %d bytes, the limit is %d", size, statementBytesMax)
	}
	c := limitCheck{}
	for i, t := range toks {
		if err := c.token(toks, i, t); err != nil {
			return err
		}
	}
	if n := len(c.open); n > 0 {
		o := c.open[n-1]
		if o.isCase {
			return diag.New(diag.Syntax, o.at.span(), "this CASE has no END").WithHint("close it with END")
		}
		return diag.New(diag.Syntax, o.at.span(), "this parenthesis is never closed").WithHint("add the missing `)`")
	}
	return nil
}

// bracket is an open parenthesis or CASE.
type bracket struct {
	at     token
	isCase bool
}

type limitCheck struct {
	open   []bracket
	joins  int
	prefix int
}

func (c *limitCheck) token(toks []token, i int, t token) error {
	if isPrefix(toks, i) {
		if c.prefix++; c.prefix > nestingMax {
			return tooLarge(t.span(), "more than %d operators in a row", nestingMax)
		}
	} else {
		c.prefix = 0
	}
	switch {
	case t.is("("):
		return c.push(bracket{at: t})
	case t.is("CASE") && !afterDot(toks, i):
		return c.push(bracket{at: t, isCase: true})
	case t.is(")"):
		return c.close(t)
	case t.is("END") && !afterDot(toks, i):
		if n := len(c.open); n > 0 && c.open[n-1].isCase {
			c.open = c.open[:n-1]
		}
	case t.is("JOIN") || t.is("STRAIGHT_JOIN"):
		if c.joins++; c.joins > joinsMax {
			return tooLarge(t.span(), "the statement has more than %d joins", joinsMax)
		}
	}
	return nil
}

// isPrefix tells whether token i can be an operator in front of an operand.
// A chain of them is what nests without a parenthesis.
func isPrefix(toks []token, i int) bool {
	t := toks[i]
	return t.is("NOT") || t.is("-") || t.is("+") || t.is("!") || t.is("~") || t.is("BINARY")
}

func (c *limitCheck) push(b bracket) error {
	c.open = append(c.open, b)
	if len(c.open) > nestingMax {
		return tooLarge(b.at.span(), "the statement nests deeper than %d levels", nestingMax)
	}
	return nil
}

func (c *limitCheck) close(t token) error {
	n := len(c.open)
	if n == 0 {
		return diag.New(diag.Syntax, t.span(), "this parenthesis closes nothing").WithHint("remove it, or add the missing `(`")
	}
	if o := c.open[n-1]; o.isCase {
		return diag.New(diag.Syntax, o.at.span(), "this CASE has no END").WithHint("close it with END in front of the `)`")
	}
	c.open = c.open[:n-1]
	return nil
}

func afterDot(toks []token, i int) bool { return i > 0 && toks[i-1].is(".") }
