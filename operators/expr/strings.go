package expr

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// textKernel makes a kernel of a function that appends the text of one row,
// which is not NULL.
func textKernel(row func(dst []byte, a []*vec, i int) []byte) kernel {
	return func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			if !o.isNull(i) {
				o.data = row(o.data, a, i)
			}
			if o.endText(f, i); o.err != nil {
				return
			}
		}
	}
}

func buildConcat(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Varchar || !takes(call, types.Varchar) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, textKernel(func(dst []byte, a []*vec, i int) []byte {
		for _, v := range a {
			dst = append(dst, v.text(i)...)
		}
		return dst
	}))
}

// buildMapText makes upper, lower and trim, which takes off spaces at both ends.
func buildMapText(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Varchar || !takes(call, types.Varchar) {
		return nil, misuse(call)
	}
	var row func(dst, s []byte) []byte
	switch call.Fn {
	case "upper":
		row = func(dst, s []byte) []byte { return appendCase(dst, s, 'a', 'z', unicode.ToUpper) }
	case "lower":
		row = func(dst, s []byte) []byte { return appendCase(dst, s, 'A', 'Z', unicode.ToLower) }
	default:
		row = func(dst, s []byte) []byte { return append(dst, bytes.Trim(s, " ")...) }
	}
	return newStrict(call, ledger, textKernel(func(dst []byte, a []*vec, i int) []byte {
		return row(dst, a[0].text(i))
	}))
}

// appendCase maps each character by itself, so the length in characters stays.
// The ASCII letters from first to last are mapped without a table.
func appendCase(dst, s []byte, first, last byte, mapRune func(rune) rune) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if first <= c && c <= last {
				c ^= 'a' ^ 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, c)
		} else {
			dst = utf8.AppendRune(dst, mapRune(r))
		}
		i += size
	}
	return dst
}

// buildLength makes length, in bytes, and char_length, in characters.
func buildLength(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Bigint || !takes(call, types.Varbinary) {
		return nil, misuse(call)
	}
	runes := call.Fn == "char_length"
	return newStrict(call, ledger, func(f *frame, o *out, a []*vec) {
		for i := range f.n {
			switch {
			case o.isNull(i):
			case runes:
				o.ints[i] = int64(utf8.RuneCount(a[0].text(i)))
			default:
				o.ints[i] = int64(len(a[0].text(i)))
			}
		}
	})
}

// buildSubstring makes substring(text, position[, length]): the position counts
// characters from 1, or from the end if it is negative; 0 gives nothing.
func buildSubstring(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Varchar || !takes(call, types.Varchar, types.Bigint, types.Bigint) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, textKernel(func(dst []byte, a []*vec, i int) []byte {
		s := a[0].text(i)
		pos := a[1].ints[a[1].at(i)]
		switch {
		case pos == 0:
			return dst
		case pos > 0:
			s = s[prefix(s, pos-1):]
		default:
			chars := int64(utf8.RuneCount(s))
			if pos < -chars {
				return dst
			}
			s = s[prefix(s, chars+pos):]
		}
		if len(a) == 3 {
			s = s[:prefix(s, a[2].ints[a[2].at(i)])]
		}
		return append(dst, s...)
	}))
}

// prefix returns how many bytes the first n characters of s have; all of s if
// there are fewer, 0 if n is not positive.
func prefix(s []byte, n int64) int {
	if n >= int64(len(s)) {
		return len(s)
	}
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRune(s[at:])
		at += size
	}
	return at
}

// buildEnds makes left and right: that many characters of an end.
func buildEnds(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Varchar || !takes(call, types.Varchar, types.Bigint) {
		return nil, misuse(call)
	}
	right := call.Fn == "right"
	return newStrict(call, ledger, textKernel(func(dst []byte, a []*vec, i int) []byte {
		s, n := a[0].text(i), a[1].ints[a[1].at(i)]
		if !right {
			return append(dst, s[:prefix(s, n)]...)
		}
		if n <= 0 {
			return dst
		}
		return append(dst, s[prefix(s, int64(utf8.RuneCount(s))-n):]...)
	}))
}

// buildReplace makes replace(text, from, to), where an empty from changes nothing.
func buildReplace(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Varchar || !takes(call, types.Varchar) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, textKernel(func(dst []byte, a []*vec, i int) []byte {
		s, from, to := a[0].text(i), a[1].text(i), a[2].text(i)
		start := len(dst)
		for len(from) > 0 && len(dst)-start <= textBytesMax { // a longer value is given up anyway
			at := bytes.Index(s, from)
			if at < 0 {
				break
			}
			dst = append(append(dst, s[:at]...), to...)
			s = s[at+len(from):]
		}
		return append(dst, s...)
	}))
}

// buildSubstringIndex makes substring_index(text, delimiter, n): what stands in
// front of the n-th delimiter, or behind the n-th from the end if n is negative;
// the whole text if it has fewer, nothing for an empty delimiter or n = 0.
func buildSubstringIndex(call *physical.Call, ledger *stream.Ledger) (node, error) {
	if call.T.Kind != types.Varchar || !takes(call, types.Varchar, types.Varchar, types.Bigint) {
		return nil, misuse(call)
	}
	return newStrict(call, ledger, textKernel(func(dst []byte, a []*vec, i int) []byte {
		s, by, n := a[0].text(i), a[1].text(i), a[2].ints[a[2].at(i)]
		if len(by) == 0 || n == 0 {
			return dst
		}
		lo, hi := 0, len(s) // n > 0: s[:lo] is read; n < 0: s[hi:] is
		for ; n > 0; n-- {
			at := bytes.Index(s[lo:], by)
			if at < 0 {
				return append(dst, s...)
			}
			if n == 1 {
				return append(dst, s[:lo+at]...)
			}
			lo += at + len(by)
		}
		for ; n < 0; n++ {
			at := bytes.LastIndex(s[:hi], by)
			if at < 0 {
				return append(dst, s...)
			}
			if n == -1 {
				return append(dst, s[at+len(by):]...)
			}
			hi = at
		}
		return dst
	}))
}
