package types

import (
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// JSONDepthMax is how deep a JSON value may nest, as in MySQL.
const JSONDepthMax = 100

// BlankInJSON tells whether text, which is JSON, has blanks between its parts.
func BlankInJSON(text []byte) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case ' ', '\t', '\n', '\r':
			return true
		case '"':
			i = stringEnd(text, i+1)
		}
	}
	return false
}

// CompactJSON appends the JSON value that src is, without blanks between its
// parts. ok is false if src is no JSON (RFC 8259), no UTF-8, or nests deeper than
// JSONDepthMax; what was appended then means nothing. Members and numbers stay as
// they are written.
func CompactJSON(dst, src []byte) (_ []byte, ok bool) {
	var open [JSONDepthMax/64 + 1]uint64 // of open brackets, a bit each: 1 is an object
	depth := 0
	copied := 0 // of src
	blanks := func(i int) int {
		end := i
		for end < len(src) && isBlank(src[end]) {
			end++
		}
		if end > i {
			dst = append(dst, src[copied:i]...)
			copied = end
		}
		return end
	}
	key := func(i int) int {
		if i >= len(src) || src[i] != '"' {
			return -1
		}
		if i = checkedString(src, i); i < 0 {
			return -1
		}
		if i = blanks(i); i >= len(src) || src[i] != ':' {
			return -1
		}
		return blanks(i + 1)
	}
	i := blanks(0)
	for {
		if i < 0 || i >= len(src) {
			return dst, false
		}
		c := src[i]
		if c == '{' || c == '[' {
			if depth == JSONDepthMax {
				return dst, false
			}
			open[depth>>6] &^= 1 << (depth & 63)
			if c == '{' {
				open[depth>>6] |= 1 << (depth & 63)
			}
			depth++
			if i = blanks(i + 1); i < len(src) && src[i] == c+2 {
				depth--
				i = blanks(i + 1)
			} else {
				if c == '{' {
					i = key(i)
				}
				continue
			}
		} else if i = scalarEnd(src, i); i < 0 {
			return dst, false
		} else {
			i = blanks(i)
		}
		for depth > 0 && i < len(src) && src[i] != ',' {
			object := open[(depth-1)>>6]>>((depth-1)&63)&1 == 1
			if object && src[i] != '}' || !object && src[i] != ']' {
				return dst, false
			}
			depth--
			i = blanks(i + 1)
		}
		if depth == 0 {
			return append(dst, src[copied:i]...), i == len(src)
		}
		if i >= len(src) {
			return dst, false
		}
		object := open[(depth-1)>>6]>>((depth-1)&63)&1 == 1
		if i = blanks(i + 1); object {
			i = key(i)
		}
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// scalarEnd returns the position behind the scalar at i, -1 if there is none.
func scalarEnd(s []byte, i int) int {
	switch c := s[i]; {
	case c == '"':
		return checkedString(s, i)
	case c == '-' || c-'0' <= 9:
		return numberEnd(s, i)
	}
	for _, w := range [...]string{"true", "false", "null"} {
		if len(s)-i >= len(w) && string(s[i:i+len(w)]) == w {
			return i + len(w)
		}
	}
	return -1
}

func numberEnd(s []byte, i int) int {
	digits := func() bool {
		start := i
		for i < len(s) && s[i]-'0' <= 9 {
			i++
		}
		return i > start
	}
	if s[i] == '-' {
		i++
	}
	start := i
	if !digits() || s[start] == '0' && i > start+1 {
		return -1
	}
	if i < len(s) && s[i] == '.' {
		if i++; !digits() {
			return -1
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}

// checkedString returns the position behind the string that begins at i, -1 if it
// is no JSON or no UTF-8.
func checkedString(s []byte, i int) int {
	for i++; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			if i+1 >= len(s) {
				return -1
			}
			switch s[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if hex4(s, i+2) < 0 {
					return -1
				}
				i += 6
			default:
				return -1
			}
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && size == 1 {
				return -1
			}
			i += size
		}
	}
	return -1
}

// hex4 returns the number of the four hexadecimal digits at i, -1 if they are none.
func hex4(s []byte, i int) rune {
	if i+4 > len(s) {
		return -1
	}
	n, err := strconv.ParseUint(string(s[i:i+4]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// stringEnd returns the position of the quote that closes a string of valid JSON;
// i is behind the one that opens it.
func stringEnd(s []byte, i int) int {
	for i < len(s) && s[i] != '"' {
		if s[i] == '\\' {
			i++
		}
		i++
	}
	return i
}

// valueEnd returns the position behind the value of compact, valid JSON at i.
func valueEnd(s []byte, i int) int {
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '"':
			i = stringEnd(s, i+1)
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // behind a scalar
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return min(i, len(s))
}

// UnquoteJSON appends what JSON_UNQUOTE gives: the characters of a string, the
// text of every other value. v is compact, valid JSON.
func UnquoteJSON(dst, v []byte) []byte {
	if len(v) == 0 || v[0] != '"' {
		return append(dst, v...)
	}
	return appendUnescaped(dst, v[1:len(v)-1])
}

func appendUnescaped(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		c = s[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(s, i)
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+6 <= len(s) && s[i] == '\\' && s[i+1] == 'u' {
					low = hex4(s, i+2)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// JSONTypeOf returns what MySQL's JSON_TYPE calls a value. v is valid JSON
// without blanks in front. A number with a point or an exponent is a DOUBLE, as
// is one that no BIGINT holds, signed or not.
func JSONTypeOf(v []byte) string {
	switch v[0] {
	case '{':
		return "OBJECT"
	case '[':
		return "ARRAY"
	case '"':
		return "STRING"
	case 't', 'f':
		return "BOOLEAN"
	case 'n':
		return "NULL"
	}
	text := string(v)
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return "INTEGER"
	}
	if _, err := strconv.ParseUint(text, 10, 64); err == nil {
		return "UNSIGNED INTEGER"
	}
	return "DOUBLE"
}

// JSONLength returns how many members an object has, or elements an array; 1 for
// a scalar. v is compact, valid JSON. Members with one name are one.
func JSONLength(v []byte) int64 {
	if v[0] != '{' && v[0] != '[' {
		return 1
	}
	n := int64(0)
	var few [16][]byte // names so far; more go to a map
	var many map[string]struct{}
	for i := 1; i < len(v)-1; i++ {
		if v[0] == '[' {
			n++
			i = valueEnd(v, i)
			continue
		}
		end := stringEnd(v, i+1)
		name := v[i+1 : end]
		i = valueEnd(v, end+2) // behind the colon
		if escaped(name) {
			name = appendUnescaped(nil, name)
		}
		if many != nil {
			many[string(name)] = struct{}{}
			n = int64(len(many))
			continue
		}
		if slices.ContainsFunc(few[:n], func(s []byte) bool { return string(s) == string(name) }) {
			continue
		}
		if int(n) < len(few) {
			few[n] = name
			n++
			continue
		}
		many = map[string]struct{}{string(name): {}}
		for _, s := range few {
			many[string(s)] = struct{}{}
		}
		n = int64(len(many))
	}
	return n
}

func escaped(s []byte) bool {
	for _, c := range s {
		if c == '\\' {
			return true
		}
	}
	return false
}

// QuoteJSON appends s as a JSON string.
func QuoteJSON(dst []byte, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, size := utf8.DecodeRune(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		}
		i++
	}
	return append(dst, '"')
}

// jsonIndexMax is the largest index in a path.
const jsonIndexMax = math.MaxInt32
