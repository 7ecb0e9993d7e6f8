package sql

import (
	"sort"

	tidb "github.com/pingcap/tidb/pkg/parser"
)

// reservedWords are the words that MySQL's grammar does not take for a name
// unless they are quoted, in upper case and sorted.
var reservedWords = func() []string {
	var words []string
	for _, k := range tidb.Keywords {
		if k.Reserved {
			words = append(words, k.Word)
		}
	}
	words = append(words, "DEC", "SCHEMA", "SCHEMAS") // other spellings of DECIMAL, DATABASE and DATABASES
	sort.Strings(words)
	return words
}()

// isReserved tells whether a word, in upper case, needs quotes to be a name.
func isReserved(word string) bool {
	i := sort.SearchStrings(reservedWords, word)
	return i < len(reservedWords) && reservedWords[i] == word
}

// quotedWhenPrinted are words that are names almost everywhere, but that some
// clause of the streaming dialect would take for its own.
func quotedWhenPrinted(word string) bool {
	switch word {
	case "STREAM", "STDIN", "EMIT", "ALLOWED", "LATENESS", "FINAL", "CHANGES", "QUALIFY",
		"OFFSET", "SAMPLE", "WATERMARK", "INTERVAL", "ASOF", "SEMI", "ANTI", "LATEST",
		"ANY", "GLOBAL", "POSITIONAL", "PASTE", "FILTER", "OVER", "WITHIN", "WINDOW", "WINDOWED",
		"END", "ESCAPE", "UNKNOWN", "ROLLUP", "ONLY", "WINDOWSTART", "WINDOWEND", "SIMILAR",
		"SQL_BUFFER_RESULT", "SQL_CACHE", "SQL_NO_CACHE":
		return true
	}
	return false
}

// clauseWords are the keywords that people mistype in a query.
var clauseWords = []string{
	"SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "DISTINCT",
	"BETWEEN", "LIKE", "INTERVAL", "EMIT", "CASE", "WHEN", "THEN", "ELSE", "END", "AND", "DESC", "NULL", "WINDOW", "WITH",
}

// calledOnly tells whether a reserved word begins an expression as a function does,
// with a parenthesis behind it: without one it was meant for a name.
func calledOnly(word string) bool {
	switch word {
	case "CHAR", "CONVERT", "CUME_DIST", "DATABASE", "DEFAULT", "DENSE_RANK", "FIRST_VALUE", "IF", "INSERT", "LAG", "LAST_VALUE",
		"LEAD", "LEFT", "MATCH", "NTH_VALUE", "NTILE", "PERCENT_RANK", "RANK", "REPEAT", "REPLACE", "RIGHT", "ROW", "ROW_NUMBER",
		"SCHEMA", "VALUES", "DELAYED", "HIGH_PRIORITY", "LOW_PRIORITY":
		return true
	}
	return false
}

// structural tells whether a reserved word is one that people do not mean as a name
// where the parser stumbles over it.
func structural(word string) bool {
	switch word {
	case "SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "BY", "AS", "AND", "OR", "NOT",
		"IN", "IS", "NULL", "LIKE", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "DISTINCT", "WITH",
		"ON", "XOR", "DIV", "MOD", "ASC", "DESC", "TRUE", "FALSE", "INTO", "SET", "UNION", "USING", "OFFSET", "ESCAPE":
		return true
	}
	return false
}
