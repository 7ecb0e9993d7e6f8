package sql

import (
	"strings"
	"unicode/utf8"
)

// nameOf returns the name that a word or a name in back-quotes or double quotes spells.
func nameOf(text string, t token) string {
	raw := text[t.start:t.end]
	if t.kind == tokQuoted && t.quote == '"' {
		return strings.ReplaceAll(raw[1:len(raw)-1], `""`, `"`)
	}
	if t.kind == tokQuoted {
		return strings.ReplaceAll(raw[1:len(raw)-1], "``", "`")
	}
	return raw
}

// stringOf returns the value of a string token, by MySQL's rules for escapes.
func stringOf(text string, t token) string {
	raw := text[t.start+1 : t.end-1]
	if strings.IndexByte(raw, '\\') < 0 && strings.IndexByte(raw, t.quote) < 0 {
		return raw
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == t.quote: // doubled
			i++
			b.WriteByte(c)
		case c == '\\' && i+1 < len(raw):
			i++
			b.WriteString(unescape(raw[i]))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape returns what a backslash and c stand for.
func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'r':
		return "\r"
	case '0':
		return "\x00"
	case 'b':
		return "\b"
	case 'Z':
		return "\x1a"
	case '%':
		return `\%`
	case '_':
		return `\_`
	}
	return string([]byte{c})
}

// clip shortens a piece of text for a message.
func clip(s string) string {
	const max = 40
	if utf8.RuneCountInString(s) <= max {
		return s
	}
	return string([]rune(s)[:max-1]) + "…"
}
