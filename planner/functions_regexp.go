package planner

import (
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// regexpFunctions registers the functions of regular expressions.
func regexpFunctions(m map[string]function) {
	s, n := types.Varchar, types.Bigint
	one, exact := bigint(1), text("c")
	m["REGEXP_LIKE"] = function{
		fn: "regexp_like", usage: "(s, pattern[, type])", doc: "Whether a pattern is found in a text; s REGEXP pattern is the same.",
		min: 2, max: 3, params: []types.Kind{s}, result: types.BooleanType, rest: []physical.Expr{exact}, bind: pattern(2),
	}
	m["REGEXP_SUBSTR"] = function{
		fn: "regexp_substr", usage: "(s, pattern[, position[, n[, type]]])", doc: "What the pattern finds, the n-th time from a position on; NULL if nothing.",
		min: 2, max: 5, params: []types.Kind{s, s, n, n, s}, result: types.VarcharType, rest: []physical.Expr{one, one, exact}, bind: pattern(4),
	}
	m["REGEXP_INSTR"] = function{
		fn: "regexp_instr", usage: "(s, pattern[, position[, n[, end[, type]]]])", doc: "Where that is, in characters from 1, or with end = 1 where what follows it is; 0 if it is not there.",
		min: 2, max: 6, params: []types.Kind{s, s, n, n, n, s}, result: types.BigintType, rest: []physical.Expr{one, one, bigint(0), exact}, bind: pattern(5),
	}
	m["REGEXP_REPLACE"] = function{
		fn: "regexp_replace", usage: "(s, pattern, new[, position[, n[, type]]])", doc: "The text with what the pattern finds replaced: each time, or the n-th only. $1 in the new text is what the first group found.",
		min: 3, max: 6, params: []types.Kind{s, s, s, n, n, s}, result: types.VarcharType, rest: []physical.Expr{one, bigint(0), exact}, bind: pattern(5),
	}
}

// pattern binds a function of regular expressions whose match type is that
// argument. A pattern that is a constant is looked at here.
func pattern(typeAt int) func(*exprs, *ast.Call, function, []operand) (physical.Expr, error) {
	return func(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
		flags, at := "c", args[1].at
		if len(args) > typeAt {
			var ok bool
			if flags, ok = constantText(args[typeAt].e); !ok {
				return nil, diag.New(diag.WrongArguments, args[typeAt].at, "the match type must be written out").
					WithHint("for example 'i', which does not tell small letters from large ones")
			}
			if _, err := types.Regexp("", flags); err != nil {
				return nil, diag.New(diag.BadLiteral, args[typeAt].at, "%s", err)
			}
		}
		if p, ok := constantText(args[1].e); ok {
			if _, err := types.Regexp(p, flags); err != nil {
				return nil, diag.New(diag.BadLiteral, at, "the pattern is no regular expression: %s", err).
					WithHint("patterns are those of RE2, which has no look-around and no back-references; a backslash is written twice in a text")
			}
		}
		return f.apply(c.Name.Text, args)
	}
}
