package decode

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner follows the syntax of JSON. Its functions take a position in data and
// return the one behind what they read, or -1 where data is not JSON. What can
// be followed but is not accepted is noted in the flags.
type scanner struct {
	badUTF8 bool
	tooDeep bool
	stack   []uint64 // of open brackets, a bit each: 1 is an object
}

func skipSpace(data []byte, i int) int {
	for i < len(data) {
		switch data[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainEnd returns the first position from i on of a quote, a backslash, a
// control character or a byte that is not ASCII, or len(data).
func plainEnd(data []byte, i int) int {
	for i+8 <= len(data) {
		x := binary.LittleEndian.Uint64(data[i:])
		quote := x ^ ones*'"'
		slash := x ^ ones*'\\'
		// The lowest high bit that is set is exact in each of the terms.
		hit := ((quote-ones)&^quote | (slash-ones)&^slash | (x - ones*0x20) | x) & highs
		if hit != 0 {
			return i + trailingByte(hit)
		}
		i += 8
	}
	for i < len(data) {
		if c := data[i]; c == '"' || c == '\\' || c < 0x20 || c >= utf8.RuneSelf {
			break
		}
		i++
	}
	return i
}

// text reads a string from behind its opening quote. It returns the position
// of the closing quote.
func (s *scanner) text(data []byte, i int) (end int, escaped bool) {
	start, wide := i, false
	for {
		i = plainEnd(data, i)
		if i == len(data) {
			return -1, false
		}
		switch c := data[i]; {
		case c == '"':
			if wide && !utf8.Valid(data[start:i]) {
				s.badUTF8 = true
			}
			return i, escaped
		case c >= utf8.RuneSelf:
			wide = true
			for i < len(data) && data[i] >= utf8.RuneSelf {
				i++
			}
		case c == '\\':
			escaped = true
			if i = escapeEnd(data, i); i < 0 {
				return -1, false
			}
		default:
			return -1, false
		}
	}
}

// escapeEnd returns the position behind the escape at i.
func escapeEnd(data []byte, i int) int {
	if i+1 >= len(data) {
		return -1
	}
	switch data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 <= len(data) && hex4(data[i+2:]) >= 0 {
			return i + 6
		}
	}
	return -1
}

// hex4 returns the number of the four hexadecimal digits in front, or -1.
func hex4(s []byte) rune {
	var r rune
	for _, c := range s[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends the text that a scanned string stands for.
func unescape(dst, s []byte) []byte {
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
			r := hex4(s[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+6 <= len(s) && s[i] == '\\' && s[i+1] == 'u' {
					low = hex4(s[i+2:])
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

// number reads a number.
func (s *scanner) number(data []byte, i int) int {
	if i < len(data) && data[i] == '-' {
		i++
	}
	start := i
	if i = skipDigits(data, i); i == start || (data[start] == '0' && i > start+1) {
		return -1
	}
	if i < len(data) && data[i] == '.' {
		i++
		if start, i = i, skipDigits(data, i); i == start {
			return -1
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		if start, i = i, skipDigits(data, i); i == start {
			return -1
		}
	}
	return i
}

func skipDigits(data []byte, i int) int {
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	return i
}

// value reads a value that stands depth levels deep.
func (s *scanner) value(data []byte, i, depth int) (v value, next int) {
	if i >= len(data) {
		return v, -1
	}
	v.start = i
	switch c := data[i]; c {
	case '"':
		v.kind, v.start = stringValue, i+1
		v.end, v.escaped = s.text(data, i+1)
		if v.end < 0 {
			return v, -1
		}
		return v, v.end + 1
	case '{', '[':
		v.kind = nestedValue
		next = s.nested(data, i, depth)
	case 't':
		v.kind, next = trueValue, word(data, i, "true")
	case 'f':
		v.kind, next = falseValue, word(data, i, "false")
	case 'n':
		v.kind, next = nullValue, word(data, i, "null")
	default:
		v.kind, next = numberValue, s.number(data, i)
	}
	v.end = next
	return v, next
}

func word(data []byte, i int, w string) int {
	if len(data)-i < len(w) || string(data[i:i+len(w)]) != w {
		return -1
	}
	return i + len(w)
}

// nested reads an object or an array that stands below depth others. It does
// not recurse, so that no input can exhaust the stack.
func (s *scanner) nested(data []byte, i, depth int) int {
	open := 0 // brackets, of which the stack knows the kinds
	for {
		// A value begins at i.
		if i >= len(data) {
			return -1
		}
		switch c := data[i]; c {
		case '{', '[':
			s.push(open, c == '{')
			open++
			s.tooDeep = s.tooDeep || depth+open > MaxDepth
			i = skipSpace(data, i+1)
			if i < len(data) && data[i] == c+2 { // the closing one
				break
			}
			if c == '{' {
				i = s.key(data, i)
			}
			if i < 0 {
				return -1
			}
			continue
		default:
			_, next := s.value(data, i, depth)
			if next < 0 {
				return -1
			}
			i = skipSpace(data, next)
		}
		// A value has ended, or an empty container is about to.
		for {
			if i >= len(data) {
				return -1
			}
			object := s.stack[(open-1)>>6]>>((open-1)&63)&1 == 1
			if c := data[i]; c == ',' {
				i = skipSpace(data, i+1)
				if object {
					i = s.key(data, i)
				}
				if i < 0 {
					return -1
				}
				break
			} else if (object && c != '}') || (!object && c != ']') {
				return -1
			}
			if open--; open == 0 {
				return i + 1
			}
			i = skipSpace(data, i+1)
		}
	}
}

func (s *scanner) push(n int, object bool) {
	if n>>6 == len(s.stack) {
		s.stack = append(s.stack, 0)
	}
	s.stack[n>>6] &^= 1 << (n & 63)
	if object {
		s.stack[n>>6] |= 1 << (n & 63)
	}
}

// key reads a key and its colon, up to the value.
func (s *scanner) key(data []byte, i int) int {
	if i >= len(data) || data[i] != '"' {
		return -1
	}
	end, _ := s.text(data, i+1)
	if end < 0 {
		return -1
	}
	i = skipSpace(data, end+1)
	if i >= len(data) || data[i] != ':' {
		return -1
	}
	return skipSpace(data, i+1)
}
