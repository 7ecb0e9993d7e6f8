package expr

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// concatWS joins what is not NULL with the first argument between.
func concatWS(dst []byte, a []*vec, i int) ([]byte, answer) {
	by, some := a[0].text(i), false
	for _, v := range a[1:] {
		if v.isNull(i) {
			continue
		}
		if some {
			dst = append(dst, by...)
		}
		dst, some = append(dst, v.text(i)...), true
	}
	return dst, value
}

// trimRow takes a text off the ends as often as it stands there.
func trimRow(front, back bool) textRow {
	return func(dst []byte, a []*vec, i int) ([]byte, answer) {
		s, off := a[0].text(i), a[1].text(i)
		for front && len(off) > 0 && bytes.HasPrefix(s, off) {
			s = s[len(off):]
		}
		for back && len(off) > 0 && bytes.HasSuffix(s, off) {
			s = s[:len(s)-len(off)]
		}
		return append(dst, s...), value
	}
}

// padRow makes a text so many characters long, by cutting it or by filling it in
// front or behind; there is nothing to fill it with: NULL.
func padRow(front bool) textRow {
	return func(dst []byte, a []*vec, i int) ([]byte, answer) {
		s, n, by := a[0].text(i), a[1].int(i), a[2].text(i)
		if n < 0 {
			return dst, nothing
		}
		have := int64(utf8.RuneCount(s))
		switch {
		case n <= have:
			return append(dst, s[:prefix(s, n)]...), value
		case len(by) == 0:
			return dst, nothing
		case n > textBytesMax:
			return dst, failed
		}
		if !front {
			dst = append(dst, s...)
		}
		chars := int64(utf8.RuneCount(by))
		for missing := n - have; missing > 0; missing -= chars {
			dst = append(dst, by[:prefix(by, missing)]...)
		}
		if front {
			dst = append(dst, s...)
		}
		return dst, value
	}
}

func repeatRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	s, n := a[0].text(i), a[1].int(i)
	if len(s) == 0 || n <= 0 {
		return dst, value
	}
	if n > int64(textBytesMax/len(s)) {
		return dst, failed
	}
	for range n {
		dst = append(dst, s...)
	}
	return dst, value
}

func reverseRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	for s := a[0].text(i); len(s) > 0; {
		_, size := utf8.DecodeLastRune(s)
		dst = append(dst, s[len(s)-size:]...)
		s = s[:len(s)-size]
	}
	return dst, value
}

// insertRow puts a text in the place of some characters of another; a position
// outside of that changes nothing.
func insertRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	s, pos, n, with := a[0].text(i), a[1].int(i), a[2].int(i), a[3].text(i)
	if pos < 1 || pos > int64(utf8.RuneCount(s)) {
		return append(dst, s...), value
	}
	from := prefix(s, pos-1)
	to := len(s)
	if n >= 0 {
		to = from + prefix(s[from:], n)
	}
	dst = append(append(dst, s[:from]...), with...)
	return append(dst, s[to:]...), value
}

// initcapRow writes the first letter of each word large and the others small.
func initcapRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	inside := false
	for s := a[0].text(i); len(s) > 0; {
		r, size := utf8.DecodeRune(s)
		switch word := unicode.IsLetter(r) || unicode.IsDigit(r); {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, s[0])
			inside = false
		case inside:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
			inside = word
		default:
			dst = utf8.AppendRune(dst, unicode.ToUpper(r))
			inside = word
		}
		s = s[size:]
	}
	return dst, value
}

// translateRow replaces each character that is in the second argument by the one
// at its place in the third, or drops it where that is shorter.
func translateRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	from, to := a[1].text(i), a[2].text(i)
	for s := a[0].text(i); len(s) > 0; {
		_, size := utf8.DecodeRune(s)
		at := bytes.Index(from, s[:size])
		if at < 0 {
			dst = append(dst, s[:size]...)
		} else {
			place := prefix(to, int64(utf8.RuneCount(from[:at])))
			_, width := utf8.DecodeRune(to[place:])
			dst = append(dst, to[place:place+width]...)
		}
		s = s[size:]
	}
	return dst, value
}

// splitPart is the n-th of the parts between delimiters, from the end if n is
// negative, and empty where there are not so many.
func splitPart(dst []byte, a []*vec, i int) ([]byte, answer) {
	s, by, n := a[0].text(i), a[1].text(i), a[2].int(i)
	if n == 0 {
		return dst, failed
	}
	if len(by) == 0 {
		if n == 1 || n == -1 {
			dst = append(dst, s...)
		}
		return dst, value
	}
	if n < 0 {
		n += int64(bytes.Count(s, by)) + 2
	}
	for ; n > 1; n-- {
		at := bytes.Index(s, by)
		if at < 0 {
			return dst, value
		}
		s = s[at+len(by):]
	}
	if n < 1 {
		return dst, value
	}
	part, _, _ := bytes.Cut(s, by)
	return append(dst, part...), value
}

// quoteRow writes a text as a literal of SQL, and NULL as the word.
func quoteRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	if a[0].isNull(i) {
		return append(dst, "NULL"...), value
	}
	dst = append(dst, '\'')
	for _, c := range a[0].text(i) {
		switch c {
		case '\'', '\\':
			dst = append(dst, '\\', c)
		case 0:
			dst = append(dst, '\\', '0')
		case 26:
			dst = append(dst, '\\', 'Z')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '\''), value
}

// soundexRow is MySQL's Soundex: vowels go first and doubles then, and the code
// is as long as the text wants, at least four characters.
func soundexRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	start, last := len(dst), byte(0)
	for s := a[0].text(i); len(s) > 0; {
		r, size := utf8.DecodeRune(s)
		s = s[size:]
		switch code := soundexOf(r); {
		case code == 0:
		case len(dst) == start:
			if 'a' <= r && r <= 'z' {
				r -= 'a' - 'A'
			}
			dst, last = utf8.AppendRune(dst, r), code
		case code != '0' && code != last:
			dst, last = append(dst, code), code
		}
	}
	if len(dst) == start {
		return dst, value
	}
	for n := utf8.RuneCount(dst[start:]); n < 4; n++ {
		dst = append(dst, '0')
	}
	return dst, value
}

// soundexOf is the code of a letter, 0 for what is none.
func soundexOf(r rune) byte {
	if 'a' <= r && r <= 'z' {
		r -= 'a' - 'A'
	}
	switch {
	case 'A' <= r && r <= 'Z':
		return "01230120022455012623010202"[r-'A']
	case r >= 0xC0:
		return '0'
	}
	return 0
}

// makeSet joins the texts whose bits are set in the first argument.
func makeSet(dst []byte, a []*vec, i int) ([]byte, answer) {
	some := false
	for k, v := range a[1:] {
		if k > 63 || a[0].int(i)>>k&1 == 0 || v.isNull(i) {
			continue
		}
		if some {
			dst = append(dst, ',')
		}
		dst, some = append(dst, v.text(i)...), true
	}
	return dst, value
}

// exportSet writes one text for each of the first bits of a number that is set
// and another one for each that is not.
func exportSet(dst []byte, a []*vec, i int) ([]byte, answer) {
	bits, on, off, by, n := a[0].int(i), a[1].text(i), a[2].text(i), a[3].text(i), a[4].int(i)
	if n < 0 || n > 64 {
		n = 64
	}
	for k := range n {
		if k > 0 {
			dst = append(dst, by...)
		}
		if bits>>k&1 != 0 {
			dst = append(dst, on...)
		} else {
			dst = append(dst, off...)
		}
	}
	return dst, value
}

// eltRow is the n-th of the texts behind n.
func eltRow(dst []byte, a []*vec, i int) ([]byte, answer) {
	n := a[0].int(i)
	if n < 1 || n >= int64(len(a)) || a[n].isNull(i) {
		return dst, nothing
	}
	return append(dst, a[n].text(i)...), value
}
