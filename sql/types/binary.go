package types

import (
	"encoding/base64"
	"encoding/hex"
)

// AppendHex appends bytes as text shows them: 0x and two hexadecimal digits
// a byte, in capitals as MySQL's HEX.
func AppendHex(dst []byte, v string) []byte {
	const digits = "0123456789ABCDEF"
	dst = append(dst, '0', 'x')
	for i := range len(v) {
		dst = append(dst, digits[v[i]>>4], digits[v[i]&15])
	}
	return dst
}

// ParseHex appends the bytes that 0x… stands for, as AppendHex writes them; the
// digits may be small letters.
func ParseHex(dst, s []byte) (_ []byte, ok bool) {
	if len(s) < 2 || s[0] != '0' || s[1]|0x20 != 'x' {
		return dst, false
	}
	dst, err := hex.AppendDecode(dst, s[2:])
	return dst, err == nil
}

// AppendBase64 appends bytes as JSON carries them: RFC 4648, with padding.
func AppendBase64(dst []byte, v string) []byte {
	return base64.StdEncoding.AppendEncode(dst, []byte(v))
}

// ParseBase64 appends the bytes that s stands for. The padding must be there: text
// that is something else is then mostly refused.
func ParseBase64(dst, s []byte) (_ []byte, ok bool) {
	for _, c := range s {
		if c == '\n' || c == '\r' { // which the package would skip
			return dst, false
		}
	}
	dst, err := base64.StdEncoding.AppendDecode(dst, s)
	return dst, err == nil
}
