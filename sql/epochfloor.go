package sql

import (
	"strings"

	"weir/sql/ast"
)

// Kinesis Data Analytics has no function for windows of ten seconds. Its documentation
// rounds the interval since 1970 down to a multiple of them,
//
//	FLOOR((ts - TIMESTAMP '1970-01-01 00:00:00') SECOND / 10 TO SECOND)
//
// which is the window that STEP(ts BY INTERVAL '10' SECOND) is.

const epochFloorHint = "write STEP(ts BY INTERVAL '10' SECOND): the window of 10 seconds that the row is in"

// atEpochFloor tells whether FLOOR of an interval with its unit begins at the next token.
func (pp *prepass) atEpochFloor() bool {
	if !pp.peek().is("FLOOR") || !pp.at(pp.pos+1).is("(") || !pp.at(pp.pos+2).is("(") {
		return false
	}
	end := pp.closeOf(pp.pos + 2)
	if end < 0 {
		return false
	}
	u, ok := findUnit(pp.at(end + 1).word)
	return ok && u.months == 0
}

// epochFloor reads it.
func (pp *prepass) epochFloor() (ast.Expr, error) {
	first, open := pp.pos, pp.pos+2
	end := pp.closeOf(open)
	minus, unit := end-3, pp.at(end+1)
	if minus <= open+1 || !pp.at(minus).is("-") || !pp.at(minus+1).is("TIMESTAMP") || !pp.isEpoch(pp.at(minus+2)) {
		return nil, unsupported(pp.at(open).span().Join(unit.span()), epochFloorHint, "an interval that is not counted from TIMESTAMP '1970-01-01 00:00:00' is not supported here")
	}
	pp.pos = open + 1
	if err := pp.timeIsNoLiteral("FLOOR"); err != nil {
		return nil, err
	}
	w := &ast.Window{Kind: ast.Tumble}
	var err error
	if w.Time, err = pp.inner(minus); err != nil {
		return nil, err
	}
	pp.pos = end + 2
	at, count, n := pp.pos-1, unit, "1"
	if pp.accept("/") {
		if at, count = pp.pos, pp.peek(); count.kind != tokNumber {
			return nil, pp.expected("a number").WithHint(epochFloorHint)
		}
		n = pp.raw(count)
		pp.pos++
	}
	if !pp.accept("TO") || !pp.peek().is(unit.word) {
		return nil, pp.expected("TO " + unit.word).WithHint(epochFloorHint)
	}
	pp.pos++
	u, _ := findUnit(unit.word)
	if w.Size, err = pp.makeInterval(at, count, false, n, u); err != nil {
		return nil, err
	}
	if err := pp.expect(")"); err != nil {
		return nil, err
	}
	w.Node = pp.parser.from(first)
	return &ast.WindowBound{Node: w.Node, Bound: "window_start", Of: w}, nil
}

// isEpoch tells whether a token is the text '1970-01-01 00:00:00'.
func (pp *prepass) isEpoch(t token) bool {
	text, ok := strings.CutPrefix(pp.raw(t), "'1970-01-01 00:00:00")
	return ok && strings.Trim(text, ".0") == "'"
}
