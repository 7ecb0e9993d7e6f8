package planner

import "weir/sql/types"

// textFunctions registers the functions of text.
func textFunctions(m map[string]function) {
	s, n := types.Varchar, types.Bigint
	str := func(fn, usage, doc string, low, high int, params ...types.Kind) function {
		return function{fn: fn, usage: usage, doc: doc, min: low, max: high, params: params, result: types.VarcharType}
	}
	m["CONCAT"] = str("concat", "(a, …)", "The arguments one after the other; NULL if one is NULL.", 1, -1, s)
	m["UPPER"] = str("upper", "(s)", "Text in upper case.", 1, 1, s)
	m["LOWER"] = str("lower", "(s)", "Text in lower case.", 1, 1, s)
	m["SUBSTRING"] = str("substring", "(s, position[, length])", "A part of a text; positions count characters from 1, negative ones from the end.", 2, 3, s, n)
	m["TRIM"] = str("trim", "(s)", "Text without spaces at both ends.", 1, 1, s)
	m["REPLACE"] = str("replace", "(s, from, to)", "Text with each occurrence of a part replaced.", 3, 3, s)
	m["SUBSTRING_INDEX"] = str("substring_index", "(s, delimiter, n)", "What stands in front of the n-th delimiter; behind the n-th from the end if n is negative.", 3, 3, s, s, n)
	m["LEFT"] = str("left", "(s, n)", "The first n characters.", 2, 2, s, n)
	m["RIGHT"] = str("right", "(s, n)", "The last n characters.", 2, 2, s, n)
	count := func(fn, doc string) function {
		return function{fn: fn, usage: "(s)", doc: doc, min: 1, max: 1, params: []types.Kind{s}, result: types.BigintType}
	}
	m["LENGTH"] = count("length", "How many bytes a text has in UTF-8.")
	m["CHAR_LENGTH"] = count("char_length", "How many characters a text has.")
	alias(m, "UCASE", "UPPER")
	alias(m, "LCASE", "LOWER")
	alias(m, "OCTET_LENGTH", "LENGTH")
	alias(m, "CHARACTER_LENGTH", "CHAR_LENGTH")
	alias(m, "SUBSTR", "SUBSTRING")
	alias(m, "MID", "SUBSTRING")
}
