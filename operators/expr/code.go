package expr

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // MD5() is a function of SQL, nothing is secured by it
	"crypto/sha1" //nolint:gosec // and so is SHA1()
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"weir/sql/types"
)

// codeFunctions lists hashes, and what reads and writes bytes as text.
func codeFunctions() []function {
	s, n, b, raw := types.Varchar, types.Bigint, types.Boolean, types.Varbinary
	return []function{
		{"md5", 1, 1, strictly(s, plain(textRow(md5Row)), raw)}, {"sha1", 1, 1, strictly(s, plain(textRow(sha1Row)), raw)},
		{"sha2", 2, 2, strictly(s, plain(textRow(sha2Row)), raw, n)}, {"crc32", 1, 1, strictly(n, plain(intRow(crc32Row)), raw)},
		{"hex", 1, 1, strictly(s, plain(textRow(hexRow)), raw)}, {"unhex", 1, 1, strictly(raw, plain(textRow(unhexRow)), s)},
		{"to_base64", 1, 1, strictly(s, plain(textRow(toBase64)), raw)}, {"from_base64", 1, 1, strictly(raw, fromBase64, s)},
		{"char", 1, -1, loosely(s, 0, plain(textRow(charRow)), n)},
		{"inet_aton", 1, 1, strictly(n, plain(intRow(inetAton)), s)}, {"inet_ntoa", 1, 1, strictly(s, plain(textRow(inetNtoa)), n)},
		{"is_ipv4", 1, 1, loosely(b, 0, plain(boolRow(isIPv4)), s)}, {"is_ipv6", 1, 1, loosely(b, 0, plain(boolRow(isIPv6)), s)},
		{"is_uuid", 1, 1, strictly(b, plain(boolRow(isUUID)), s)},
	}
}

func md5Row(dst []byte, a []*vec, i int) ([]byte, answer) {
	sum := md5.Sum(a[0].text(i)) //nolint:gosec // see above
	return hex.AppendEncode(dst, sum[:]), value
}

func sha1Row(dst []byte, a []*vec, i int) ([]byte, answer) {
	sum := sha1.Sum(a[0].text(i)) //nolint:gosec // see above
	return hex.AppendEncode(dst, sum[:]), value
}

// sha2Row is the hash of that many bits, of 256 for 0; there are no others.
func sha2Row(dst []byte, a []*vec, i int) ([]byte, answer) {
	s := a[0].text(i)
	switch a[1].int(i) {
	case 224:
		sum := sha256.Sum224(s)
		return hex.AppendEncode(dst, sum[:]), value
	case 0, 256:
		sum := sha256.Sum256(s)
		return hex.AppendEncode(dst, sum[:]), value
	case 384:
		sum := sha512.Sum384(s)
		return hex.AppendEncode(dst, sum[:]), value
	case 512:
		sum := sha512.Sum512(s)
		return hex.AppendEncode(dst, sum[:]), value
	}
	return dst, nothing
}

func crc32Row(a []*vec, i int) (int64, answer) {
	return int64(crc32.ChecksumIEEE(a[0].text(i))), value
}

func hexRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	start := len(dst)
	dst = hex.AppendEncode(dst, a[0].text(i))
	for k, c := range dst[start:] {
		if c >= 'a' {
			dst[start+k] = c - 'a' + 'A'
		}
	}
	return dst, value
}

// unhexRow reads pairs of hexadecimal digits; in front of an odd number of them
// stands a 0. What is none gives NULL.
func unhexRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	s := a[0].text(i)
	high, half := byte(0), len(s)%2 == 1
	for _, c := range s {
		d := digitOf(c)
		if d > 15 {
			return dst, nothing
		}
		if half {
			dst = append(dst, high<<4|d)
		}
		high, half = d, !half
	}
	return dst, value
}

// toBase64 breaks lines after 76 characters, as MySQL does.
func toBase64(dst []byte, a []*vec, i int) ([]byte, answer) {
	const line = 76 / 4 * 3
	s := a[0].text(i)
	for len(s) > line {
		dst = append(base64.StdEncoding.AppendEncode(dst, s[:line]), '\n')
		s = s[line:]
	}
	return base64.StdEncoding.AppendEncode(dst, s), value
}

// fromBase64 makes the row that reads base64 with white space anywhere.
func fromBase64() interface{ kernel() kernel } {
	var packed []byte
	return textRow(func(dst []byte, a []*vec, i int) ([]byte, answer) {
		packed = packed[:0]
		for _, c := range a[0].text(i) {
			if !bytes.ContainsRune([]byte(" \t\r\n\v\f"), rune(c)) {
				packed = append(packed, c)
			}
		}
		dst, err := base64.StdEncoding.AppendDecode(dst, packed)
		if err != nil {
			return dst, nothing
		}
		return dst, value
	})
}

// charRow writes numbers as bytes, the high one first, and passes over NULL; what
// is no UTF-8 then has no value.
func charRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	start := len(dst)
	for _, v := range a {
		if v.isNull(i) {
			continue
		}
		n := uint32(v.int(i))
		for shift := 24; shift > 0; shift -= 8 {
			if n>>shift != 0 {
				dst = append(dst, byte(n>>shift))
			}
		}
		dst = append(dst, byte(n))
	}
	if !utf8.Valid(dst[start:]) {
		return dst, failed
	}
	return dst, value
}

// inetAton reads an IPv4 address; of a short one, as 127.1, the last number fills
// the rest.
func inetAton(a []*vec, i int) (int64, answer) {
	s := a[0].text(i)
	n, part, parts := int64(0), int64(0), 0
	for k, c := range s {
		switch {
		case '0' <= c && c <= '9':
			if part = part*10 + int64(c-'0'); part > 255 {
				return 0, nothing
			}
		case c == '.' && parts < 3 && k > 0 && k < len(s)-1:
			n, part = n<<8|part, 0
			parts++
		default:
			return 0, nothing
		}
	}
	if len(s) == 0 {
		return 0, nothing
	}
	if parts > 0 {
		n <<= 8 * (3 - parts)
	}
	return n<<8 | part, value
}

func inetNtoa(dst []byte, a []*vec, i int) ([]byte, answer) {
	n := a[0].int(i)
	if n < 0 || n > 1<<32-1 {
		return dst, nothing
	}
	for shift := 24; shift >= 0; shift -= 8 {
		dst = strconv.AppendInt(dst, n>>shift&255, 10)
		if shift > 0 {
			dst = append(dst, '.')
		}
	}
	return dst, value
}

// isIPv4 wants four numbers of at most three digits.
func isIPv4(a []*vec, i int) (bool, answer) {
	if a[0].isNull(i) {
		return false, value
	}
	s, parts := a[0].text(i), 0
	for {
		part, rest, more := bytes.Cut(s, []byte{'.'})
		n := 0
		for _, c := range part {
			if c < '0' || c > '9' {
				return false, value
			}
			n = min(n*10+int(c-'0'), 256)
		}
		if len(part) == 0 || len(part) > 3 || n > 255 {
			return false, value
		}
		parts++
		if !more {
			return parts == 4, value
		}
		s = rest
	}
}

func isIPv6(a []*vec, i int) (bool, answer) {
	const longest = 45
	if a[0].isNull(i) || len(a[0].text(i)) > longest {
		return false, value
	}
	ip, err := netip.ParseAddr(string(a[0].text(i)))
	return err == nil && ip.Is6() && ip.Zone() == "", value
}

// isUUID takes 32 hexadecimal digits, with dashes in their places or without any,
// the first form in braces, too.
func isUUID(a []*vec, i int) (bool, answer) {
	s := a[0].text(i)
	if len(s) == 38 && s[0] == '{' && s[37] == '}' {
		s = s[1:37]
	}
	if len(s) != 32 && len(s) != 36 {
		return false, value
	}
	for k, c := range s {
		dash := len(s) == 36 && (k == 8 || k == 13 || k == 18 || k == 23)
		if dash != (c == '-') || !dash && digitOf(c) > 15 {
			return false, value
		}
	}
	return true, value
}
