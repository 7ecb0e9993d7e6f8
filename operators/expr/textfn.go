package expr

import (
	"slices"

	"weir/sql/types"
)

// textFunctions lists the functions of text.
func textFunctions() []function {
	s, n, b := types.Varchar, types.Bigint, types.Boolean
	text := func(name string, low, high int, row textRow, kinds ...types.Kind) function {
		return function{name, low, high, strictly(s, plain(row), kinds...)}
	}
	count := func(name string, low, high int, row intRow, kinds ...types.Kind) function {
		return function{name, low, high, strictly(n, plain(row), kinds...)}
	}
	test := func(name string, low, high int, row boolRow, kinds ...types.Kind) function {
		return function{name, low, high, strictly(b, plain(row), kinds...)}
	}
	return slices.Concat([]function{
		{"concat", 1, -1, buildConcat}, {"upper", 1, 1, buildMapText}, {"lower", 1, 1, buildMapText},
		{"length", 1, 1, buildLength}, {"char_length", 1, 1, buildLength}, {"substring", 2, 3, buildSubstring},
		{"trim", 1, 1, buildMapText}, {"replace", 3, 3, buildReplace}, {"left", 2, 2, buildEnds}, {"right", 2, 2, buildEnds},
		{"substring_index", 3, 3, buildSubstringIndex},

		{"concat_ws", 2, -1, loosely(s, 1, plain(textRow(concatWS)), s)},
		text("trim_both", 2, 2, trimRow(true, true), s), text("trim_leading", 2, 2, trimRow(true, false), s), text("trim_trailing", 2, 2, trimRow(false, true), s),
		text("lpad", 3, 3, padRow(true), s, n, s), text("rpad", 3, 3, padRow(false), s, n, s),
		text("repeat", 2, 2, repeatRow, s, n), text("reverse", 1, 1, reverseRow, s), text("insert", 4, 4, insertRow, s, n, n, s),
		text("initcap", 1, 1, initcapRow, s), text("translate", 3, 3, translateRow, s), text("split_part", 3, 3, splitPart, s, s, n),
		{"quote", 1, 1, loosely(s, 0, plain(textRow(quoteRow)), s)}, text("soundex", 1, 1, soundexRow, s),
		{"make_set", 2, -1, loosely(s, 1, plain(textRow(makeSet)), n, s)},
		text("export_set", 5, 5, exportSet, n, s, s, s, n),
		{"elt", 2, -1, loosely(s, 1, plain(textRow(eltRow)), n, s)},
		text("format_bytes", 1, 1, formatBytes, types.Double),

		count("locate", 2, 3, locateRow, s, s, n), count("find_in_set", 2, 2, findInSet, s),
		count("strcmp", 2, 2, strcmpRow, s), count("ascii", 1, 1, asciiRow, s), count("ord", 1, 1, ordRow, s),
		test("starts_with", 2, 2, startsWith, s), test("ends_with", 2, 2, endsWith, s),
	}, codeFunctions(), regexpFunctions())
}
