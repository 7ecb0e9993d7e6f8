package sql

import (
	"math/big"
	"strings"
	"unicode/utf8"

	"weir/sql/diag"
)

// bytesNumber reads 0x4D and 0b01 where they stand at s.pos.
func (s *scanner) bytesNumber() (token, bool) {
	rest := s.text[s.pos:]
	digits := "0123456789abcdefABCDEF"
	switch {
	case strings.HasPrefix(rest, "0b"):
		digits = "01"
	case !strings.HasPrefix(rest, "0x"):
		return token{}, false
	}
	n := 2 + len(rest[2:]) - len(strings.TrimLeft(rest[2:], digits))
	if n == 2 {
		return token{}, false
	}
	if r, _ := utf8.DecodeRuneInString(rest[n:]); n < len(rest) && isWordRune(r) {
		return token{}, false
	}
	t := token{kind: tokBytes, start: s.pos, end: s.pos + n}
	s.pos = t.end
	return t, true
}

// bytesString reads X'4D' and B'01', of which word is the letter.
func (s *scanner) bytesString(word token) (token, error) {
	digits, what := "0123456789abcdefABCDEF", "an even number of hexadecimal digits"
	if word.is("B") {
		digits, what = "01", "the digits 0 and 1"
	}
	s.pos = word.end
	q, err := s.quoted('\'')
	if err != nil {
		return q, err
	}
	inside := s.text[q.start+1 : q.end-1]
	if strings.Trim(inside, digits) != "" || word.is("X") && len(inside)%2 != 0 {
		return q, diag.New(diag.BadLiteral, diag.Span{Start: word.start, End: q.end}, "`%s` is no literal of bytes", clip(s.text[word.start:q.end])).
			WithHint("%s'…' holds %s", word.word, what)
	}
	return token{kind: tokBytes, start: word.start, end: q.end}, nil
}

// bytesOf returns the bytes that a literal spells, as hexadecimal digits in upper case.
func bytesOf(text string, t token) string {
	raw := text[t.start:t.end]
	kind, digits := raw[0]|0x20, strings.Trim(raw[1:], "'")
	if kind == '0' {
		kind, digits = raw[1], raw[2:]
	}
	if kind == 'x' {
		if len(digits)%2 != 0 {
			digits = "0" + digits
		}
		return strings.ToUpper(digits)
	}
	n, ok := new(big.Int).SetString(digits, 2)
	if !ok {
		return "" // B''
	}
	size := (len(digits) + 7) / 8 * 2
	hex := strings.ToUpper(n.Text(16))
	return strings.Repeat("0", size-len(hex)) + hex
}
